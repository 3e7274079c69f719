//! Approvals, denials and administrators.

use super::super::{Action, Refusal};
use super::fixture::{
    Acts, approval, at, confirm, deny, goal, key, person, pre_approval, refusal, retry, retry_of, set, set_to,
};
use crate::model::StateName::{
    Canceled, Failure, Planned, PreApproved, Requested, Skipped, Success, WaitingForApproval,
    WaitingForPreApproval,
};
use crate::model::{ApprovalPolicy, GoalChange, GoalState};

#[test]
fn st_13_dependents_wait_for_the_approval() {
    let planned = set(vec![approval(goal("a", &[]), 1), goal("b", &["a"])]);
    let waiting = planned.succeed("a");
    assert_eq!(
        (waiting.state_of("a"), waiting.state_of("b")),
        (WaitingForApproval, Planned)
    );
    assert!(waiting.is_active());
    let (approved, events) = waiting.act(&confirm("a", "ada"), at(20)).unwrap();
    assert!(matches!(
        events.iter().map(|event| &event.change).collect::<Vec<_>>()[..],
        [
            GoalChange::Approved { .. },
            GoalChange::Ended { state: Success },
            GoalChange::Requested
        ]
    ));
    assert_eq!(
        (approved.state_of("a"), approved.state_of("b")),
        (Success, Requested)
    );
}

#[test]
fn st_13_a_start_waits_for_its_confirmation() {
    let waiting = set(vec![pre_approval(goal("a", &[]), 1)]);
    assert_eq!(waiting.doing(&confirm("a", "ada")).state_of("a"), Requested);
    let refused = refusal(&waiting.doing(&confirm("a", "ada")), &confirm("a", "bob"));
    assert!(
        matches!(refused, Refusal::NotWaiting { state: Requested, .. }),
        "{refused}"
    );
}

/// Without voters in the machine the people are the votes: all needed must confirm, anyone may deny.
#[test]
fn st_14_as_many_different_people_as_asked_for() {
    let waiting = set(vec![approval(goal("a", &[]), 2)]).succeed("a");
    let one = waiting.doing(&confirm("a", "ada"));
    assert_eq!(
        (one.state_of("a"), one.text_of("a")),
        (WaitingForApproval, "Approval required: a · 1 more")
    );
    assert_eq!(
        refusal(&one, &confirm("a", "ada")),
        Refusal::AlreadyConfirmed("ada".to_owned())
    );
    assert_eq!(one.doing(&confirm("a", "bob")).state_of("a"), Success);
}

#[test]
fn st_15_a_denial_voids_confirmations_and_names_who_denied() {
    let one = set(vec![approval(goal("a", &[]), 2)])
        .succeed("a")
        .doing(&confirm("a", "ada"));
    let denied = one.doing(&deny("a", "bob"));
    assert_eq!(
        denied.text_of("a"),
        "Approval required: a · approval by @bob denied"
    );
    let GoalState::WaitingForApproval { approvals } = &denied.goals()[0].state else {
        panic!("{denied:?}")
    };
    assert!(approvals.is_empty());
    assert_eq!(
        denied.doing(&confirm("a", "ada")).state_of("a"),
        WaitingForApproval,
        "ada must do so again"
    );
    let start = set(vec![pre_approval(goal("a", &[]), 1)]).doing(&deny("a", "bob"));
    assert_eq!(start.text_of("a"), "Start required: a · start by @bob denied");
    let refused = refusal(&set(vec![goal("a", &[])]), &deny("a", "bob"));
    assert!(matches!(refused, Refusal::NotWaiting { .. }), "{refused}");
}

#[test]
fn st_16_an_approval_is_for_what_was_looked_at() {
    let waiting = set(vec![retry(approval(goal("a", &[]), 2), 0)]).succeed("a");
    let seen = waiting.goals()[0].version;
    let looked_at = |version| Action::Confirm {
        goal: key("a"),
        person: person("ada"),
        authors: Vec::new(),
        reason: None,
        version: Some(version),
        subject: None,
    };
    let one = waiting.doing(&looked_at(seen));
    let failed = one.doing(&set_to("a", Failure));
    let again = failed.doing(&retry_of("a")).succeed("a");
    let GoalState::WaitingForApproval { approvals } = &again.goals()[0].state else {
        panic!("{again:?}")
    };
    assert!(approvals.is_empty(), "it was carried out again");
    let refused = refusal(&again, &looked_at(seen));
    assert!(
        matches!(refused, Refusal::Stale { seen: old, .. } if old == seen),
        "{refused}"
    );
}

#[test]
fn st_14_the_policy_says_who_counts() {
    let mut planned = goal("a", &[]);
    planned.definition.pre_approval = Some(ApprovalPolicy {
        by: vec!["team:release".to_owned(), "root".to_owned()],
        count: 1,
        not_author: true,
    });
    let waiting = set(vec![planned]);
    let by = |login: &str, teams: &[&str], authors: &[&str]| {
        let mut person = person(login);
        person.teams = teams.iter().map(|team| (*team).to_owned()).collect();
        person.emails = vec![format!("{login}@Example.org")];
        Action::Confirm {
            goal: key("a"),
            person,
            authors: authors.iter().map(|author| (*author).to_owned()).collect(),
            reason: None,
            version: None,
            subject: None,
        }
    };
    for refused in [
        by("ada", &[], &[]),
        by("root", &[], &["root@example.org"]),
        by("bob", &["release"], &["bob"]),
    ] {
        assert!(
            matches!(refusal(&waiting, &refused), Refusal::NotAdmitted(_)),
            "{refused:?}"
        );
    }
    for admitted in [by("root", &[], &["ada"]), by("bob", &["release"], &[])] {
        assert_eq!(waiting.doing(&admitted).state_of("a"), Requested);
    }
}

#[test]
fn st_23_an_administrator_gets_the_list_of_legal_states_and_gives_a_reason() {
    let waiting = set(vec![pre_approval(goal("a", &[]), 1)]);
    for state in [PreApproved, Requested, Planned, Skipped, WaitingForPreApproval] {
        let refused = refusal(&waiting, &set_to("a", state)).to_string();
        assert!(
            refused.ends_with("legal: success, failure, canceled"),
            "{refused}"
        );
    }
    let silent = Action::Override {
        goal: key("a"),
        state: Success,
        person: person("root"),
        authors: Vec::new(),
        reason: " ".to_owned(),
        subject: None,
    };
    assert_eq!(refusal(&waiting, &silent), Refusal::NoReason);
    let set = waiting.doing(&set_to("a", Canceled));
    assert_eq!(
        (set.state_of("a"), set.text_of("a")),
        (Canceled, "Canceled: a · set by @root: by hand")
    );
    let refused = refusal(&set, &set_to("a", Canceled)).to_string();
    assert!(refused.ends_with("legal: success, failure"), "{refused}");
    let plain = super::fixture::set(vec![goal("a", &[])]).doing(&set_to("a", Success));
    assert_eq!(plain.text_of("a"), "Complete: a · set by @root: by hand");
}
