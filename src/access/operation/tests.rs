//! What holds for every row of the table.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_operation_has_one_row() {
    let names: BTreeSet<&str> = OPERATIONS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), OPERATIONS.len());
    assert!(Operation::find("goal.update").is_some());
    assert!(Operation::find("Goal.Update").is_none() && Operation::find("").is_none());
}

#[test]
fn rows_make_sense() {
    for row in OPERATIONS {
        let closed_to_scopes = matches!(row.who, Who::Open | Who::Own | Who::Person | Who::FreshPerson);
        assert_eq!(
            row.scopes.is_empty(),
            closed_to_scopes,
            "{}: scopes are for add-ons",
            row.name
        );
        assert!(!row.kinds.is_empty(), "{}", row.name);
        assert!(
            !row.allows_page_tokens || row.who == Who::Own,
            "{}: pages are no API",
            row.name
        );
        assert!(!row.reads_secrets || row.is_recorded(), "{}", row.name);
        assert!(
            row.keys.is_empty() || (row.who == Who::Person && row.level < Level::Admin),
            "{}: keys make no rights",
            row.name
        );
    }
}

#[test]
fn what_makes_rights_is_for_people_and_recorded() {
    for name in [
        "addon.approve",
        "addon.grant",
        "policy.apply",
        "goal.approve",
        "key.create",
        "trust.change",
    ] {
        let row = Operation::find(name).unwrap();
        assert!(
            matches!(row.who, Who::Person | Who::FreshPerson) && row.is_recorded(),
            "{name}"
        );
    }
}
