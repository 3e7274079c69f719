//! Exports as they were written, and as somebody wishes they had been.

use std::time::Duration;

use proptest::prelude::*;

use super::{Broken, Chain, Details, Entry, Given, Hash, Summary, verify};
use crate::access::{
    AddonKey, Context, Credential, Identity, Limit, Means, Principal, Request, Resource, Snapshot, decide,
};
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// Entries of a machine that asks for what it may not have.
fn entries(count: u64) -> Vec<Entry> {
    let mut chain = Chain::EMPTY;
    let resources = [
        Resource::repository("acme", "api"),
        Resource::Environment("production".to_owned()),
    ];
    let identity = Identity {
        principal: Principal::Addon(AddonKey::parse("build").unwrap()),
        means: Means::Key,
        limit: Limit::default(),
    };
    let entry = |number: u64| {
        let request = Request {
            credential: Credential::Good(identity.clone()),
            operation: "goal.update",
            resources: &resources,
            context: Context::Named("admin".to_owned()),
            forge: None,
            exists: true,
            is_too_often: false,
            now: NOW,
        };
        let decision = decide(&request, &Snapshot::empty(NOW));
        let details = Details {
            policy_version: number,
            ip: Some("192.0.2.7".parse().unwrap()),
            user_agent: Some("evil\n{\"id\":1}\u{202e}".to_owned()),
            ..Details::default()
        };
        chain.append(
            NOW.plus(Duration::from_secs(number)),
            &request,
            &decision,
            &details,
        )
    };
    (1..=count).map(entry).collect()
}

fn export<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> String {
    entries.into_iter().map(|entry| entry.to_line() + "\n").collect()
}

fn verified(text: &str) -> Result<Summary, Broken> {
    verify(text.as_bytes(), Given::default())
}

fn said(text: &str) -> String {
    verified(text).unwrap_err().to_string()
}

#[test]
fn an_entry_is_a_line_of_its_own_that_holds_what_was_decided() {
    let entry = &entries(1)[0];
    let expected = r#"{"id":1,"time":"2026-01-01T00:00:01.000000Z","principal":"addon:build","credential_id":null,"kind":"key","context_user":"admin","context_proof":"none","operation":"goal.update","resource":"repo:acme/api env:production","decision":"deny","reason":"principal_uninstalled","rule":"state of the principal","approved_scopes_version":null,"policy_version":1,"request_id":null,"ip":"192.0.2.7","user_agent":"evil\n{\"id\":1}"#;
    assert!(entry.to_line().starts_with(expected), "{}", entry.to_line());
    assert!(
        entry
            .to_line()
            .ends_with(&format!("\"prev_hash\":\"{}\"}}", "0".repeat(64)))
    );
    assert_eq!(entry.to_line().lines().count(), 1);
}

#[test]
fn a_whole_export_and_a_later_part_of_it_hold() {
    let all = entries(5);
    let summary = verified(&export(&all)).unwrap();
    assert_eq!((summary.entries, summary.first, summary.last), (5, 1, 5));
    assert_eq!((summary.after, summary.head), (Hash::NONE, all[4].hash()));
    let part = export(&all[2..]);
    let summary = verified(&part).unwrap();
    assert_eq!((summary.first, summary.after), (3, all[1].hash()));
    let given = Given {
        after: Some(all[1].hash()),
        head: Some(all[4].hash()),
    };
    assert!(verify(part.as_bytes(), given).is_ok());
}

#[test]
fn k3_an_edited_entry_is_named() {
    let mut all = entries(5);
    all[2].decision = "allow".to_owned();
    assert_eq!(
        said(&export(&all)),
        "entry 3, in line 3, was changed after it was written"
    );
    let mut all = entries(5);
    all[2].prev_hash = all[0].hash();
    assert_eq!(
        said(&export(&all)),
        "entry 3, in line 3, was changed after it was written"
    );
    let mut all = entries(5);
    all[3].reason = "allowed".to_owned();
    let text = said(&export(&all));
    assert_eq!(
        text,
        "entry 5, in line 5, was changed after it was written, or the one before it"
    );
}

#[test]
fn k3_missing_moved_and_repeated_entries_are_named() {
    let all = entries(6);
    let order = |indices: &[usize]| said(&export(indices.iter().map(|index| &all[*index])));
    assert_eq!(
        order(&[0, 1, 3]),
        "after entry 2 comes entry 4, in line 3: entry 3 is missing"
    );
    assert_eq!(
        order(&[0, 4]),
        "after entry 1 comes entry 5, in line 2: entries 2 to 4 are missing"
    );
    assert_eq!(
        order(&[0, 2, 1]),
        "after entry 1 comes entry 3, in line 2: entry 2 is missing"
    );
    assert_eq!(
        order(&[1, 0]),
        "after entry 2 comes entry 1, in line 2: they are not in their order"
    );
    assert_eq!(
        order(&[0, 1, 1]),
        "after entry 2 comes entry 2, in line 3: it stands there twice"
    );
}

#[test]
fn k3_a_cut_at_either_end_shows_against_what_is_known_from_elsewhere() {
    let all = entries(5);
    let (after, head) = (Some(all[0].hash()), Some(all[4].hash()));
    let cut = export(&all[..4]);
    let said = |given: Given, text: &str| verify(text.as_bytes(), given).unwrap_err().to_string();
    assert!(said(Given { head, after: None }, &cut).starts_with("it ends with entry 4"));
    assert!(said(Given { head: None, after }, &export(&all[2..])).starts_with("it begins with entry 3"));
    let mut forged = all[2].clone();
    forged.prev_hash = Hash::NONE;
    assert!(said(Given::default(), &export([&forged])).starts_with("it begins with entry 3"));
    let half = &cut[..cut.len() - 20];
    assert_eq!(
        said(Given::default(), half),
        "line 4 is not an entry as the hub writes them: its end is missing"
    );
}

#[test]
fn k3_a_clock_that_is_set_back_is_named() {
    let mut chain = Chain::EMPTY;
    let snapshot = Snapshot::empty(NOW);
    let resources = [Resource::Workspace];
    let request = Request {
        credential: Credential::Absent,
        operation: "goal.update",
        resources: &resources,
        context: Context::None,
        forge: None,
        exists: true,
        is_too_often: false,
        now: NOW,
    };
    let decision = decide(&request, &snapshot);
    let hour = Duration::from_secs(3600);
    let times = [NOW, NOW.minus(Duration::from_secs(9)), NOW.minus(hour)];
    let all = times.map(|time| chain.append(time, &request, &decision, &Details::default()));
    assert!(verified(&export(&all[..2])).is_ok(), "clocks are corrected");
    assert!(said(&export(&all)).starts_with("entry 3, in line 3, is earlier than the one before it"));
}

#[test]
fn what_is_no_entry_is_refused_within_limits() {
    let line = entries(1)[0].to_line();
    assert_eq!(said(""), "there is no entry in it");
    assert!(said("\n").starts_with("line 1 is not an entry"));
    assert!(said("{\"id\":1}\n").contains("missing field `time`"));
    assert!(said(&format!("{}\n", line.replacen('{', "{\"extra\":1,", 1))).contains("unknown field `extra`"));
    assert!(
        said(&format!(
            "{}\n",
            line.replacen("\"id\":1", "\"id\":1,\"id\":1", 1)
        ))
        .contains("duplicate field")
    );
    assert!(said(&format!(" {line}\n")).contains("could have been written otherwise"));
    assert!(said(&format!("{line}{}\n", " ".repeat(super::LONGEST_LINE))).contains("too long"));
    assert!(
        verify(&[0xff, b'\n'][..], Given::default())
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn k3_no_changed_byte_passes_between_known_ends(at in any::<prop::sample::Index>(), with in 1u8..=255) {
        let all = entries(4);
        let mut bytes = export(&all).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let given = Given { after: Some(Hash::NONE), head: Some(all[3].hash()) };
        prop_assert!(verify(bytes.as_slice(), given).is_err(), "byte {at}");
    }
}
