//! The search for planted secrets over what a whole run has left (`tests/run` ends with it) finds them in every form.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const SECRET: &str = "canary-of-the-search-0123456789";

/// Whether the search finds something in a directory, and what it says.
fn search(directory: &Path) -> (bool, String) {
    search_for(directory, None)
}

/// The same, with a file of secrets that tests have learned.
fn search_for(directory: &Path, learned: Option<&Path>) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canaries");
    let output = Command::new(script)
        .arg(directory)
        .args(learned)
        .output()
        .unwrap();
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

#[test]
fn further_5_secrets_that_tests_have_learned_are_found_where_they_may_not_stand() {
    let (directory, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let learned = aside.path().join("learned");
    std::fs::write(&learned, "short\na-session-of-somebody\na-session-of-somebody\n").unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("output.txt", "a-session-of-somebody");
    write("hub.db", "in short: somebody");
    assert_eq!(
        search_for(directory.path(), Some(&learned)),
        (false, String::new())
    );
    write("hub.db", "\0a-session-of-somebody\0");
    let (found, said) = search_for(directory.path(), Some(&learned));
    assert!(
        found && said.contains("hub.db") && !said.contains("output.txt"),
        "{said}"
    );
}

/// Files with tests, all of them.
fn sources(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|ending| ending == "rs") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn further_5_every_planted_secret_has_a_mark_by_which_it_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let marks = std::fs::read_to_string(root.join("marks")).unwrap();
    let marks: Vec<&str> = marks.lines().filter(|mark| !mark.is_empty()).collect();
    assert!(marks.len() >= 5, "{marks:?}");
    let mut files = Vec::new();
    sources(&root.join("it"), &mut files);
    // A planted secret is a text with `canary` and something behind it; files and containers are called so too, but behind a slash.
    let planted = regex::Regex::new("\"([a-z]*[-_]?canary[-_][^\"{]*)").unwrap();
    let mut unmarked = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("canaries.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for found in planted.captures_iter(&text) {
            if !marks.iter().any(|mark| found[1].starts_with(mark)) {
                unmarked.push(format!("{}: {}", file.display(), &found[1]));
            }
        }
    }
    assert_eq!(unmarked, Vec::<String>::new());
}
