//! The forms in which a secret may appear in output.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde_json::Value;

/// Fewest characters that are worth masking.
const SHORTEST: usize = 4;

/// Fewest characters for a text inside a JSON value: its shorter ones are names and flags.
const SHORTEST_INSIDE: usize = 8;

/// All forms of all values.
pub(super) fn of_all(values: &BTreeSet<String>) -> BTreeSet<Vec<u8>> {
    values.iter().flat_map(|value| of_one(value)).collect()
}

/// What is to be kept out because of these secrets.
pub(super) fn values_of(secrets: &[String]) -> BTreeSet<String> {
    secrets.iter().flat_map(|secret| values(secret)).collect()
}

/// The secret itself, its significant lines and the texts inside it when it is JSON.
fn values(secret: &str) -> BTreeSet<String> {
    let mut values: BTreeSet<String> = secret.lines().map(|line| line.trim().to_owned()).collect();
    values.insert(secret.to_owned());
    values.insert(secret.trim().to_owned());
    if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(secret) {
        collect_texts(&json, &mut values);
    }
    values.retain(|value| value.trim().chars().count() >= SHORTEST);
    values
}

fn collect_texts(json: &Value, texts: &mut BTreeSet<String>) {
    match json {
        Value::String(text) if text.chars().count() >= SHORTEST_INSIDE => {
            texts.extend(text.lines().map(|line| line.trim().to_owned()));
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Plain and encoded; those that come out too short are left to the matcher to refuse.
fn of_one(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_owned()];
    forms.push(value.chars().rev().collect());
    forms.push(hex::encode(value));
    forms.push(hex::encode_upper(value));
    forms.extend(url_escaped(value));
    forms.extend(json_escaped(value));
    forms.extend(python_escaped(value));
    forms.push(value.replace('\'', r"'\''"));
    forms.push(html_escaped(value));
    forms.extend(base64_of(value));
    forms.into_iter().map(String::into_bytes).collect()
}

/// The characters of base64 that depend on the value alone, wherever in a longer text it begins.
fn base64_of(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in [&BASE64_STANDARD, &BASE64_URL_SAFE] {
        for offset in 0..3_usize {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(value.as_bytes());
            let first = (offset * 8).div_ceil(6);
            let end = bytes.len() * 8 / 6;
            let code = engine.encode(&bytes);
            forms.push(code[first..end].to_owned());
        }
    }
    forms
}

/// As programs commonly escape for addresses: which characters they leave alone differs, and so does the case of digits.
fn url_escaped(value: &str) -> Vec<String> {
    let escape = |kept: &[u8], space: &str, upper: bool| {
        let one = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            b' ' => space.to_owned(),
            kept_byte if kept.contains(&kept_byte) => char::from(byte).to_string(),
            other if upper => format!("%{other:02X}"),
            other => format!("%{other:02x}"),
        };
        value.bytes().map(one).collect::<String>()
    };
    let mut forms = Vec::new();
    for upper in [true, false] {
        forms.push(escape(b"-_.~", "%20", upper));
        forms.push(escape(b"-_.~/", "%20", upper));
        forms.push(escape(b"-_.!~*'()", "%20", upper));
        forms.push(escape(b"-_.!~*'();/?:@&=+$,#", "%20", upper));
        forms.push(escape(b"-_.*", "+", upper));
        forms.push(escape(b"-_.~", "+", upper));
    }
    forms
}

/// As serde and most others do, as Go does for HTML, as Python does with ASCII only, and with escaped slashes.
fn json_escaped(value: &str) -> Vec<String> {
    let quoted = Value::from(value).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let go = plain
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let mut ascii = String::new();
    for character in plain.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            ascii.extend(units.into_iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    // A document inside a document is escaped twice.
    let twice = Value::from(plain.as_str()).to_string();
    let twice = twice[1..twice.len() - 1].to_owned();
    vec![plain.replace('/', "\\/"), go, ascii, twice, plain]
}

/// As Python shows texts and bytes in tracebacks: `'` is escaped only where the whole text has both kinds of quotes.
fn python_escaped(value: &str) -> Vec<String> {
    let code = |number: u32| format!("\\x{number:02x}");
    let escape = |character: char, escapes_quote: bool| match character {
        '\\' => Some(r"\\".to_owned()),
        '\n' => Some(r"\n".to_owned()),
        '\r' => Some(r"\r".to_owned()),
        '\t' => Some(r"\t".to_owned()),
        '\'' if escapes_quote => Some(r"\'".to_owned()),
        '\0'..='\x1f' | '\x7f' => Some(code(character.into())),
        _ => None,
    };
    let text = |escapes_quote: bool| -> String {
        let one = |character: char| match escape(character, escapes_quote) {
            Some(escaped) => escaped,
            None if ('\u{80}'..='\u{a0}').contains(&character) => code(character.into()),
            None => character.to_string(),
        };
        value.chars().map(one).collect()
    };
    let bytes = |escapes_quote: bool| -> String {
        let one = |byte: u8| match escape(char::from(byte), escapes_quote) {
            Some(escaped) => escaped,
            None if byte.is_ascii() => char::from(byte).to_string(),
            None => code(byte.into()),
        };
        value.bytes().map(one).collect()
    };
    vec![text(false), text(true), bytes(false), bytes(true)]
}

fn html_escaped(value: &str) -> String {
    let escaped = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    escaped.replace('"', "&quot;").replace('\'', "&#39;")
}
