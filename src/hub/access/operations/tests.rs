//! The table of the hub beside the one of rights.

use std::collections::BTreeSet;

use super::super::super::machines::kinds::Said;
use super::super::deciding::Deciding;
use super::*;
use crate::access;
use crate::access::operation::Who;

/// Names of the variants that stand alone in [`Operation::row`].
fn plain_variants() -> Vec<&'static str> {
    let source = include_str!("../operations.rs");
    let (_, rows) = source.split_once("pub const fn row(self)").unwrap();
    let (rows, _) = rows.split_once("\n    }\n").unwrap();
    let names = rows
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => &"));
    names.map(|(name, _)| name).collect()
}

#[test]
fn no_operation_is_left_out_of_all_of_them() {
    let variants = plain_variants();
    assert!(variants.len() > 30, "{variants:?}");
    let listed: Vec<String> = Operation::PLAIN.iter().map(|one| format!("{one:?}")).collect();
    for variant in variants {
        assert!(
            listed.iter().any(|one| one == variant),
            "{variant} is not in PLAIN"
        );
    }
}

#[test]
fn every_operation_is_in_the_one_table_with_the_same_scopes_and_level() {
    // Of `Ask` each field has a row of its own.
    for operation in Operation::every().filter(|operation| *operation != Operation::Ask) {
        let row = operation.row();
        let decided = access::Operation::find(row.name).expect(row.name);
        assert!(!decided.is_not_yet, "{} is there", row.name);
        // What is open, and what add-ons do about themselves, asks for no right.
        let level = match decided.who {
            Who::Open | Who::Own => "none",
            Who::Anybody | Who::Addon | Who::Person | Who::FreshPerson => decided.level.word(),
        };
        let is_same = decided.required().names() == row.scopes && level == row.level;
        assert!(
            row.open || is_same,
            "{}: {} {:?}",
            row.name,
            row.level,
            row.scopes
        );
    }
}

/// Names of everything that is asked for somewhere: by routes, by fields and messages, and by what is decided about goals.
fn asked_for() -> BTreeSet<&'static str> {
    let messages = Said::ALL.map(|said| said.operation().row().name);
    let decisions = Deciding::ALL.map(Deciding::name);
    let all = Operation::every().map(|operation| operation.row().name);
    all.chain(messages).chain(decisions).collect()
}

#[test]
fn what_is_said_to_be_available_is_asked_for_somewhere() {
    let asked = asked_for();
    for row in access::OPERATIONS {
        assert_eq!(
            asked.contains(row.name),
            !row.is_not_yet,
            "{}: nothing asks for it, or it is said to come later and is there",
            row.name
        );
    }
    let not_yet = access::ScopeSet::all().not_yet().to_string();
    assert_eq!(not_yet, "repo:status repo:write deployments:write");
}

#[test]
fn scopes_of_keys_are_the_scopes_there_are() {
    let all: Vec<&str> = access::scope::SCOPES.iter().map(|row| row.name).collect();
    assert_eq!(SCOPES, all);
}
