//! Threat B7: hostile files end quickly, with a place, and nothing of them is used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::Diagnostic;

use super::documents;

fn parse(bytes: &[u8]) -> (Vec<Value>, Vec<Diagnostic>) {
    let started = Instant::now();
    let (documents, problems) = documents(&Arc::from("a.yaml"), bytes);
    let took = started.elapsed();
    // The limit is for the program we ship; tests without optimisation, beside others, are given more.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
    assert!(took < limit, "it took {took:?}");
    (documents.iter().map(|node| node.to_json()).collect(), problems)
}

fn right(text: &str) -> Value {
    let (documents, problems) = parse(text.as_bytes());
    assert_eq!(problems, []);
    documents.into_iter().next().expect("a document")
}

/// The first problem as `line:column code`, after which nothing may be left of the file.
fn fatal(bytes: &[u8]) -> String {
    let (documents, problems) = parse(bytes);
    assert_eq!(documents, [] as [Value; 0]);
    one(&problems)
}

fn one(problems: &[Diagnostic]) -> String {
    let first = problems.first().expect("a problem");
    format!("{}:{} {}", first.place.line, first.place.column, first.code)
}

#[test]
fn ym_19_anchors_and_merge_keys() {
    let text = "
x: &x {a: 1, b: 1}
y: &y
  b: 2
  c: 2
own: {<<: *x, b: 0}
both: {<<: [*x, *y], d: *x}
'<<': quoted
";
    assert_eq!(
        right(text),
        json!({
            "x": {"a": 1, "b": 1}, "y": {"b": 2, "c": 2}, "own": {"b": 0, "a": 1},
            "both": {"d": {"a": 1, "b": 1}, "a": 1, "b": 1, "c": 2}, "<<": "quoted",
        })
    );
}

#[test]
fn ym_19_scalars_of_yaml_1_2() {
    assert_eq!(
        right("[yes, on, 'true', true, 0o10, \"5\", 5, 1.20, ~, .inf, !!str 7]"),
        json!(["yes", "on", "true", true, 8, "5", 5, 1.2, null, ".inf", "7"])
    );
    assert_eq!(right("- |\n  3\n- >-\n  a\n  b\n"), json!(["3\n", "a b"]));
}

#[test]
fn documents_of_one_file_have_anchors_of_their_own() {
    let (documents, problems) = parse(b"a: &a 1\n---\n# nothing\n---\nb: 2\n");
    assert_eq!(problems, []);
    assert_eq!(documents, [json!({"a": 1}), Value::Null, json!({"b": 2})]);
    assert_eq!(fatal(b"a: &a 1\n---\nb: *a\n"), "3:4 invalid_alias");
    assert_eq!(fatal(b"a: &a [*a]\n"), "1:8 invalid_alias");
    assert_eq!(fatal(b"a: *b\n"), "1:4 syntax");
}

#[test]
fn merge_keys_take_maps() {
    for text in ["<<: 1", "<<:", "<<: [1]", "a: {<<: [[]]}"] {
        let (_, problems) = parse(text.as_bytes());
        assert_eq!(problems[0].code, "invalid_merge", "{text}");
    }
    assert_eq!(one(&parse(b"<<: {a: 1}\n<<: {b: 1}\n").1), "2:1 duplicate_key");
}

#[test]
fn b7_duplicate_keys_name_both_places() {
    let (_, problems) = parse(b"a: 1\nb: 2\n\"a\": 3\n");
    assert_eq!(one(&problems), "3:1 duplicate_key");
    assert_eq!(
        problems[0].message,
        "the key `a` is written twice, here and at a.yaml:1:1"
    );
    let many = "a: 1\n".repeat(40_000);
    assert_eq!(one(&parse(many.as_bytes()).1), "2:1 duplicate_key");
}

#[test]
fn b7_keys_are_text() {
    assert_eq!(one(&parse(b"{[a]: 1}").1), "1:2 invalid_key");
    assert_eq!(one(&parse(b"~: 1").1), "1:1 invalid_key");
    assert_eq!(one(&parse(b"? {a: 1}\n: 2").1), "1:3 invalid_key");
    assert_eq!(right("1: a"), json!({"1": "a"}));
}

#[test]
fn b7_ten_thousand_fold_aliases() {
    let one_item = format!("a: &a [{}]\n", "x, ".repeat(100));
    let many = format!("{one_item}b: [{}]\n", "*a, ".repeat(10_000));
    assert!(fatal(many.as_bytes()).starts_with("2:"));

    let mut laughs = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..=20 {
        let below = format!("*l{}, ", level - 1).repeat(9);
        laughs.push_str(&format!("l{level}: &l{level} [{below}]\n"));
    }
    assert_eq!(fatal(laughs.as_bytes()), "6:10 too_many_values");

    let mut merges = "m0: &m0 {a: 1, b: 2}\n".to_owned();
    for level in 1..=60 {
        merges.push_str(&format!(
            "m{level}: &m{level} {{<<: [*m{0}, *m{0}], k{level}: *m{0}}}\n",
            level - 1
        ));
    }
    assert!(fatal(merges.as_bytes()).contains("too_many_values"));
}

#[test]
fn b7_a_hundred_levels() {
    assert_eq!(fatal("[".repeat(100).as_bytes()), "1:65 nested_too_deep");
    assert_eq!(fatal("{a: ".repeat(100).as_bytes()), "1:257 nested_too_deep");
    let block: String = (0..100)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect();
    assert!(fatal(block.as_bytes()).contains("nested_too_deep"));
    fatal("- ".repeat(500_000).as_bytes());
    fatal("[".repeat(1 << 20).as_bytes());
    fatal("{".repeat(1 << 20).as_bytes());
    fatal("? ".repeat(1 << 19).as_bytes());

    let mut aliases = "a0: &a0 [1]\n".to_owned();
    for level in 1..=70 {
        aliases.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(fatal(aliases.as_bytes()).contains("nested_too_deep"));
    let sixty_four = format!("{}{}", "[".repeat(64), "]".repeat(64));
    right(&sixty_four);
}

#[test]
fn b7_fifty_megabytes_are_refused_unread() {
    assert_eq!(fatal(&vec![b'a'; 50 << 20]), "1:1 file_too_large");
    assert_eq!(fatal(&vec![0xff; (1 << 20) + 1]), "1:1 file_too_large");
}

#[test]
fn b7_tags_of_other_languages() {
    for text in [
        "a: !!python/object:os.system {x: 1}",
        "a: !!python/object/apply:os.system ['id']",
        "a: !ruby/object:Gem x",
        "a: !!binary aGk=",
        "a: !<tag:example.com,2000:x> y",
        "a: !!map []",
        "a: ! x",
    ] {
        let (_, problems) = parse(text.as_bytes());
        assert_eq!(one(&problems), "1:4 tag_not_allowed", "{text}");
    }
    let (_, problems) = parse(b"a: !!python/object:os.system {x: 1}");
    assert_eq!(
        problems[0].message,
        "the tag `!!python/object:os.system` is not allowed"
    );
    assert_eq!(one(&parse(b"a: !!int five").1), "1:4 tag_mismatch");
    assert_eq!(
        right("{a: !!int '5', b: !!seq [], c: !!map {}, d: !!float 1}"),
        json!({"a": 5, "b": [], "c": {}, "d": 1.0})
    );
}

#[test]
fn b7_invalid_utf8_and_nul_have_a_place() {
    assert_eq!(fatal(b"a: 1\nb: \xff\n"), "2:4 invalid_utf8");
    assert_eq!(fatal("a: 1\r\nü: \0\n".as_bytes()), "2:4 nul_character");
    assert_eq!(fatal(b"\xfe\xff\0a"), "1:1 invalid_utf8");
    assert_eq!(one(&parse(br#"a: "x\0y""#).1), "1:4 nul_character");
}

#[test]
fn b7_syntax_errors_have_a_place_and_a_hint() {
    let (_, problems) = parse(b"rules:\n- name: a\n  goals: [b\n- name: c\n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].place.line >= 3, "{problems:?}");
    let (_, problems) = parse(b"a:\n\tb: 1\n");
    assert_eq!(problems[0].code, "syntax");
}

#[test]
fn b7_large_files_within_the_limit_are_quick() {
    let maps = "- {name: build, execute: {run: [make, all]}}\n".repeat(8_000);
    parse(maps.as_bytes());
    parse(format!("a: \"{}\"", "x\\n".repeat(340_000)).as_bytes());
    parse("#\n".repeat(500_000).as_bytes());
    parse(format!("a: |\n{}", " x\n".repeat(340_000)).as_bytes());
    parse("a\n".repeat(500_000).as_bytes());
    parse("&a ".repeat(340_000).as_bytes());
    parse("%a\n".repeat(340_000).as_bytes());
    parse("---\n".repeat(250_000).as_bytes());
    parse("!a!b ".repeat(200_000).as_bytes());
    parse(": ".repeat(500_000).as_bytes());
    parse("a, ".repeat(340_000).as_bytes());
    parse(format!("[{}", "a: ".repeat(340_000)).as_bytes());
    parse(format!("[{}", "\n".repeat(1_000_000)).as_bytes());
    parse(format!("[{}]", "x,".repeat(500_000)).as_bytes());
    parse(format!("'{}", "\n".repeat(1_000_000)).as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn b7_any_bytes_end_with_places_inside_the_file(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        inside(&bytes)?;
    }

    #[test]
    fn b7_any_yamlish_text_ends_with_places_inside_the_file(
        text in "([ \n\t]|[-:?,&*!|>%@#'\"{}\\[\\]]|a|b|<<|- |: |&a |\\*a |!!str |ü|\r\n|\\\\|---\n|\\.\\.\\.\n|\u{feff}){0,60}"
    ) {
        inside(text.as_bytes())?;
    }
}

fn inside(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (_, problems) = parse(bytes);
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let (line, column) = (problem.place.line as usize, problem.place.column as usize);
        prop_assert!((1..=lines.len()).contains(&line), "{problem:?}");
        prop_assert!(
            (1..=lines[line - 1].chars().count() + 1).contains(&column),
            "{problem:?}"
        );
        prop_assert!(problem.length >= 1);
    }
    Ok(())
}
