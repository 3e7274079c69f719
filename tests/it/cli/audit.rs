//! `sdm audit verify`: exports as a hub writes them, and as somebody changed them.

use std::time::Duration;

use sdm::access::audit::{Chain, Details, Entry};
use sdm::access::{Context, Credential, Request, Resource, Snapshot, decide};
use sdm::model::Timestamp;

use super::sandbox::Sandbox;

/// Entries of somebody who knocks at a closed door.
fn entries(count: u64) -> Vec<Entry> {
    let start = Timestamp::from_micros(1_767_225_600_000_000);
    let resources = [Resource::repository("acme", "api")];
    let mut chain = Chain::EMPTY;
    let entry = |number: u64| {
        let now = start.plus(Duration::from_secs(number));
        let request = Request {
            credential: Credential::Absent,
            operation: "goal.update",
            resources: &resources,
            context: Context::None,
            forge: None,
            exists: true,
            is_too_often: false,
            now,
        };
        let decision = decide(&request, &Snapshot::empty(now));
        chain.append(now, &request, &decision, &Details::default())
    };
    (1..=count).map(entry).collect()
}

fn write(sandbox: &Sandbox, entries: &[Entry]) -> String {
    let text: String = entries.iter().map(|entry| entry.to_line() + "\n").collect();
    std::fs::write(sandbox.path("project/audit.jsonl"), text).unwrap();
    entries
        .last()
        .map(|entry| entry.hash().to_string())
        .unwrap_or_default()
}

#[test]
fn k3_a_whole_export_holds_and_says_by_which_hash_its_end_is_known() {
    let sandbox = Sandbox::new();
    let head = write(&sandbox, &entries(3));
    let (code, out, err) = sandbox.run(&["audit", "verify", "audit.jsonl"]);
    let expected = format!(
        "3 entries hold: 1 to 3, from 2026-01-01T00:00:01.000000Z to 2026-01-01T00:00:03.000000Z\nhead   {head}\n"
    );
    assert_eq!((code, out), (0, expected));
    assert!(err.contains("compare the head with the hub's"), "{err}");
    let (code, _, err) = sandbox.run(&["audit", "verify", "audit.jsonl", "--head", &head]);
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, out, _) = sandbox.run(&["audit", "verify", "audit.jsonl", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &view["holds"], &view["entries"], &view["head"]),
        (0, &true.into(), &3.into(), &head.into())
    );
}

#[test]
fn k3_the_first_entry_that_is_not_as_it_was_written_is_named() {
    let sandbox = Sandbox::new();
    let mut changed = entries(5);
    changed[1].decision = "allow".to_owned();
    write(&sandbox, &changed);
    let (code, out, err) = sandbox.run(&["audit", "verify", "audit.jsonl"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.starts_with("error: entry 2, in line 2, was changed after it was written\nhint:"),
        "{err}"
    );
    let (code, out, _) = sandbox.run(&["audit", "verify", "audit.jsonl", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &view["holds"], &view["entry"]),
        (1, &false.into(), &2.into())
    );
    let head = entries(5)[4].hash().to_string();
    write(&sandbox, &entries(5)[..4]);
    let (code, _, err) = sandbox.run(&["audit", "verify", "audit.jsonl", "--head", &head]);
    assert!(code == 1 && err.contains("it ends with entry 4"), "{err}");
}

#[test]
fn what_cannot_be_checked_is_a_wrong_use() {
    let sandbox = Sandbox::new();
    let (code, _, err) = sandbox.run(&["audit", "verify", "nothing.jsonl"]);
    assert!(
        code == 2 && err.starts_with("error: failed to read nothing.jsonl"),
        "{err}"
    );
    let (code, _, err) = sandbox.run(&["audit", "verify", "-", "--head", "abc"]);
    assert!(
        code == 2 && err.contains("64 lower-case hexadecimal digits"),
        "{err}"
    );
}
