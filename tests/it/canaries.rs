//! The search for planted secrets over what a whole run has left (`tests/run` ends with it) finds them in every form.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const SECRET: &str = "canary-of-the-search-0123456789";

/// Whether the search finds something in a directory, and what it says.
fn search(directory: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canaries");
    let output = Command::new(script).arg(directory).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty(), "what it says is no output of tests");
    (!output.status.success(), said)
}

#[test]
fn further_5_the_search_finds_what_was_planted_in_every_form() {
    let escaped = "canary/Pa55+word&\"x";
    let forms = [
        format!("a log says {SECRET} here"),
        BASE64_STANDARD.encode(format!("{SECRET} and more")),
        BASE64_STANDARD.encode(format!("x:{SECRET} and more")),
        BASE64_STANDARD.encode(format!("xy:{SECRET} and more")),
        hex::encode(SECRET),
        hex::encode_upper(SECRET),
        SECRET.chars().rev().collect(),
        escaped.to_owned(),
        escaped.replace('/', "%2F").replace('+', "%2B"),
        escaped.replace('/', "\\/"),
    ];
    for form in forms {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let mut bytes = vec![0, 255, 1];
        bytes.extend_from_slice(form.as_bytes());
        bytes.push(0);
        std::fs::write(below.join("hub.db"), bytes).unwrap();
        let (found, said) = search(directory.path());
        assert!(found && said.contains("below/hub.db"), "{form}: {said}");
    }
}

#[test]
fn further_5_keys_are_found_where_none_may_stand_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let key = format!("hub_a_{}_{}", "a".repeat(12), "b".repeat(49));
    std::fs::write(directory.path().join("output"), &key).unwrap();
    std::fs::write(
        directory.path().join("audit.jsonl"),
        "{\"rule\":\"hub_a_aaaaaaaaaaaa\"}\n",
    )
    .unwrap();
    assert_eq!(search(directory.path()), (false, String::new()));
    std::fs::write(directory.path().join("processes"), &key).unwrap();
    assert!(search(directory.path()).0);
}
