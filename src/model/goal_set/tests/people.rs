//! Approvals, denials and administrators.

use super::super::{Action, GoalSet, Refusal};
use super::fixture::{
    Acts, approval, at, confirm, deny, goal, key, person, pre_approval, refusal, retry, retry_of, set, set_to,
};
use crate::model::StateName::{
    Canceled, Failure, Planned, PreApproved, Requested, Skipped, Success, WaitingForApproval,
    WaitingForPreApproval,
};
use crate::model::{ApprovalPolicy, Authors, GoalChange, GoalState};

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
        Refusal::AlreadyConfirmed {
            login: "ada".to_owned(),
            missing: 1
        }
    );
    let both = one.doing(&confirm("a", "bob"));
    assert_eq!(
        (both.state_of("a"), both.text_of("a")),
        (Success, "Complete: a · approved by @ada, @bob")
    );
}

#[test]
fn st_13_who_confirms_and_why_is_said() {
    let because = |action: Action| match action {
        Action::Confirm {
            goal,
            person,
            authors,
            version,
            subject,
            ..
        } => Action::Confirm {
            goal,
            person,
            authors,
            reason: Some("it is quiet".to_owned()),
            version,
            subject,
        },
        other => other,
    };
    let waiting = set(vec![pre_approval(approval(goal("a", &[]), 1), 1)]);
    let (started, events) = waiting.act(&because(confirm("a", "ada")), at(20)).unwrap();
    assert_eq!(
        events[0].description.as_deref(),
        Some("Start confirmed: a · by @ada: it is quiet")
    );
    let done = started.succeed("a");
    let (_, events) = done.act(&because(confirm("a", "bob")), at(30)).unwrap();
    let texts: Vec<Option<&str>> = events.iter().map(|event| event.description.as_deref()).collect();
    assert_eq!(
        texts,
        [
            Some("Approved: a · by @bob: it is quiet"),
            Some("Complete: a · approved by @bob: it is quiet")
        ]
    );
}

#[test]
fn row_28_who_set_a_state_and_why_is_known_until_the_goal_begins_again() {
    let running = set(vec![retry(goal("a", &[]), 0)])
        .start("a")
        .doing(&Action::Progress {
            goal: key("a"),
            epoch: 1,
            phase: "linking".to_owned(),
        });
    let ended = running.doing(&set_to("a", Failure));
    assert_eq!(
        (running.goals()[0].phase.as_deref(), &ended.goals()[0].phase),
        (Some("linking"), &None)
    );
    let by_hand = |set: &GoalSet| set.goals()[0].by_hand.as_ref().map(ToString::to_string);
    assert_eq!(by_hand(&ended).as_deref(), Some("set by @root: by hand"));
    assert_eq!(by_hand(&ended.doing(&retry_of("a"))), None);
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
        authors: Authors::default(),
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
            authors: authors.iter().copied().collect(),
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
        authors: Authors::default(),
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
