//! Texts that a parser takes, changed as somebody would who looks for a way through it.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is put into texts: the ends of things, and what numbers, texts and nestings have at their limits.
const PIECES: &[&str] = &[
    "",
    "\0",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    ";",
    "&",
    "=",
    "%",
    "%00",
    "%zz",
    "+",
    "\r\n",
    "\n",
    "\n\n",
    "\t",
    " ",
    "...",
    "..",
    "../",
    "/",
    "//",
    "#",
    "@",
    "$",
    "!",
    "*",
    "&a",
    "*a",
    "<<",
    "---",
    "- ",
    "? ",
    "|",
    "null",
    "true",
    "-0",
    "1e999",
    "99999999999999999999",
    "-1",
    "0.1",
    "\u{202e}",
    "\u{feff}",
    "\u{1f600}",
    "é",
    "__proto__",
    "constructor",
    "jwt",
    "a.b.c",
    "..",
    "Bearer ",
    "JWT ",
    "github://",
    "urn:atlassian:connect:useraccountid:",
    "2026-13-45T99:99:99Z",
];

/// A change of a text.
#[derive(Debug, Clone)]
enum Change {
    /// A byte becomes another one.
    Byte(usize, u8),
    /// A part goes.
    Cut(usize, usize),
    /// A part comes again, so often.
    Repeat(usize, usize, usize),
    /// A piece comes in.
    Insert(usize, &'static str),
    /// The same piece comes in many times.
    Deep(usize, &'static str, usize),
    /// Everything behind goes.
    End(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..1_usize << 16;
    let piece = proptest::sample::select(PIECES);
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (at.clone(), piece.clone()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        2 => (at.clone(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        2 => (at.clone(), 1..40_usize, 1..30_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        1 => (at.clone(), piece, 100..3_000_usize).prop_map(|(at, piece, times)| Change::Deep(at, piece, times)),
        1 => at.prop_map(Change::End),
    ]
}

fn changed(mut text: Vec<u8>, change: &Change) -> Vec<u8> {
    let length = text.len();
    let place = |at: usize| at % (length + 1);
    let part = |at: usize, many: usize| place(at)..(place(at) + many).min(length);
    match change {
        Change::Byte(at, byte) if length > 0 => text[at % length] = *byte,
        Change::Byte(..) => {}
        Change::Cut(at, many) => {
            text.drain(part(*at, *many));
        }
        Change::Repeat(at, many, times) => {
            let piece = text[part(*at, *many)].repeat(*times);
            text.splice(place(*at)..place(*at), piece);
        }
        Change::Insert(at, piece) => {
            text.splice(place(*at)..place(*at), piece.bytes());
        }
        Change::Deep(at, piece, times) => {
            text.splice(place(*at)..place(*at), piece.repeat(*times).into_bytes());
        }
        Change::End(at) => text.truncate(place(*at)),
    }
    text
}

/// One of these texts, changed a few times.
pub fn mangled(samples: &[&str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let samples: Vec<Vec<u8>> = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    let sample = proptest::sample::select(samples);
    (sample, vec(change(), 0..6)).prop_map(|(text, changes)| changes.iter().fold(text, changed))
}

/// The same as a text: what is no UTF-8 is replaced, as it is wherever a text is asked for.
pub fn mangled_text(samples: &[&str]) -> impl Strategy<Value = String> + use<> {
    mangled(samples).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A value of JSON that nobody expects somewhere.
pub fn strange() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        proptest::sample::select(PIECES).prop_map(Value::from),
        Just(json!("x".repeat(70_000))),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_]{1,6}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A value of JSON with strange ones in some of its places.
pub fn with_strange(sample: Value) -> impl Strategy<Value = Value> {
    let places = places(&sample);
    vec((proptest::sample::select(places), strange()), 1..4).prop_map(move |changes| {
        let mut value = sample.clone();
        for (place, strange) in changes {
            // A change before may have taken the place away.
            if let Some(found) = value.pointer_mut(&place) {
                *found = strange;
            }
        }
        value
    })
}

/// Every place in a value.
fn places(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut below = |name: String, inner: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        found.extend(places(inner).into_iter().map(|place| format!("/{name}{place}")));
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| below(name.clone(), inner)),
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(number, inner)| below(number.to_string(), inner));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

#[test]
fn texts_are_changed_and_values_too() {
    let count = std::cell::Cell::new((0, 0));
    super::each(1, &mangled_text(&["{\"a\": [1, 2]}"]), |text| {
        let (all, changed) = count.get();
        count.set((all + 1, changed + usize::from(text != "{\"a\": [1, 2]}")));
    });
    let (all, changed) = count.get();
    assert!(changed > all / 2, "{changed} of {all}");
    assert_eq!(places(&json!({"a/b": [1]})), ["", "/a~1b", "/a~1b/0"]);
}
