//! Semantics 3.5, row by row: every state with every change is either in this table or refused.

use super::fixture::{
    Acts, approval, at, confirm, goal, key, person, pre_approval, queue, set, set_to, start,
};
use crate::model::StateName::{
    self, Approved, Canceled, Failure, InProcess, Planned, PreApproved, Requested, Skipped, Stopped, Success,
    WaitingForApproval, WaitingForPreApproval,
};
use crate::model::{Actor, Approval, GoalChange, GoalEvent, GoalKey, GoalSet};

/// From, by which change, to; changes as they are written in the log.
const TABLE: &[(StateName, &str, StateName)] = &[
    (Planned, "requested", Requested),
    (Planned, "start_required", WaitingForPreApproval),
    (WaitingForPreApproval, "pre_approved", PreApproved),
    (WaitingForPreApproval, "confirmed", WaitingForPreApproval),
    (PreApproved, "requested", Requested),
    (PreApproved, "denied", WaitingForPreApproval),
    (WaitingForPreApproval, "denied", WaitingForPreApproval),
    (Requested, "started", InProcess),
    (Requested, "ended failure", Failure),
    (Requested, "ended canceled", Canceled),
    (InProcess, "progressed", InProcess),
    (InProcess, "ended success", Success),
    (InProcess, "ended waiting_for_approval", WaitingForApproval),
    (InProcess, "ended failure", Failure),
    (InProcess, "ended stopped", Stopped),
    (InProcess, "ended canceled", Canceled),
    (InProcess, "ended skipped", Skipped),
    (WaitingForApproval, "approved", Approved),
    (WaitingForApproval, "confirmed", WaitingForApproval),
    (Approved, "ended success", Success),
    (Approved, "denied", WaitingForApproval),
    (WaitingForApproval, "denied", WaitingForApproval),
    (Planned, "skipped", Skipped),
    (Planned, "canceled", Canceled),
    (WaitingForPreApproval, "canceled", Canceled),
    (PreApproved, "canceled", Canceled),
    (Requested, "canceled", Canceled),
    (InProcess, "canceled", Canceled),
    (WaitingForApproval, "canceled", Canceled),
    (Approved, "canceled", Canceled),
    (Failure, "retried", Requested),
    (Failure, "start_required", WaitingForPreApproval),
    (Skipped, "replanned", Planned),
    (Requested, "replanned", Planned),
];

/// What an administrator may do to any state.
const BY_ADMINISTRATOR: [(&str, StateName); 4] = [
    ("ended success", Success),
    ("ended waiting_for_approval", WaitingForApproval),
    ("ended failure", Failure),
    ("ended canceled", Canceled),
];

fn event(set: &GoalSet, goal: &GoalKey, actor: Actor, change: GoalChange) -> GoalEvent {
    GoalEvent {
        goal: goal.clone(),
        version: set.goal(goal).unwrap().version + 1,
        at: at(99),
        actor,
        change,
        description: None,
        phase: None,
        error: None,
        data: None,
        external_urls: None,
        images: crate::model::goal_event::UsedImages::new(),
        not_before: None,
        signature: None,
    }
}

fn agreed() -> Approval {
    Approval {
        by: person("ada"),
        at: at(50),
        version: 1,
        reason: None,
        subject: None,
    }
}

/// The set with its goal `x` in each state; `Skipped` is by another's failure.
fn in_state(state: StateName) -> GoalSet {
    let plain = || set(vec![goal("a", &[]), goal("x", &["a"])]);
    let requested = || plain().succeed("a");
    let waiting_to_start = || set(vec![pre_approval(goal("x", &[]), 1)]);
    let waiting = || set(vec![approval(goal("x", &[]), 1)]).succeed("x");
    let half = |set: GoalSet| {
        let (_, events) = set.act(&confirm("x", "ada"), at(20)).unwrap();
        let mut half = set;
        half.apply(&events[0]).unwrap();
        half
    };
    match state {
        Planned => plain(),
        WaitingForPreApproval => waiting_to_start(),
        PreApproved => half(waiting_to_start()),
        Requested => requested(),
        InProcess => requested().doing(&start("x", 1)),
        WaitingForApproval => waiting(),
        Approved => half(waiting()),
        Success => requested().succeed("x"),
        Failure => requested().fail("x"),
        Stopped => requested().end("x", Stopped),
        Canceled => plain().doing(&set_to("x", Canceled)),
        Skipped => plain().fail("a"),
    }
}

/// Every change with the word the table has for it.
fn changes(set: &GoalSet) -> Vec<(String, GoalChange)> {
    let attempt = set.goal(&key("x")).unwrap().attempt + 1;
    let because_of = key("a");
    let approval = agreed();
    let plain = [
        ("requested", GoalChange::Requested),
        ("start_required", GoalChange::StartRequired),
        (
            "confirmed",
            GoalChange::Confirmed {
                approval: approval.clone(),
            },
        ),
        (
            "pre_approved",
            GoalChange::PreApproved {
                approval: approval.clone(),
            },
        ),
        ("approved", GoalChange::Approved { approval }),
        ("denied", GoalChange::Denied),
        ("started", GoalChange::Started { attempt, epoch: 5 }),
        ("progressed", GoalChange::Progressed),
        ("skipped", GoalChange::Skipped { because_of }),
        ("canceled", GoalChange::Canceled),
        ("retried", GoalChange::Retried { automatic: true }),
        ("retried", GoalChange::Retried { automatic: false }),
        ("replanned", GoalChange::Replanned),
    ];
    let ends = StateName::ALL.map(|state| (format!("ended {state}"), GoalChange::Ended { state }));
    let births = StateName::ALL.map(|state| (format!("planned {state}"), GoalChange::Planned { state }));
    let plain = plain.into_iter().map(|(word, change)| (word.to_owned(), change));
    plain.chain(ends).chain(births).collect()
}

fn outcome(set: &GoalSet, actor: Actor, change: GoalChange) -> Option<StateName> {
    let mut after = set.clone();
    let applied = after.apply(&event(set, &key("x"), actor, change));
    if applied.is_err() {
        assert_eq!(after, *set, "a refused event changes nothing");
    }
    applied.ok().map(|()| after.state_of("x"))
}

#[test]
fn semantics_3_5_each_change_is_in_the_table_or_refused() {
    for from in StateName::ALL {
        let set = in_state(from);
        assert_eq!(set.state_of("x"), from);
        for (word, change) in changes(&set) {
            let row = TABLE.iter().find(|(state, by, _)| *state == from && *by == word);
            let expected = row.map(|(_, _, to)| *to);
            assert_eq!(
                outcome(&set, Actor::Executor, change),
                expected,
                "{from} by {word}"
            );
        }
    }
}

#[test]
fn row_28_an_administrator_may_end_any_state_and_nothing_else() {
    let administrator = || Actor::Administrator {
        person: person("root"),
        reason: "by hand".to_owned(),
    };
    for from in StateName::ALL {
        let set = in_state(from);
        for state in StateName::ALL {
            let word = format!("ended {state}");
            let expected = BY_ADMINISTRATOR
                .iter()
                .find(|(by, _)| *by == word)
                .map(|(_, to)| *to);
            let change = GoalChange::Ended { state };
            assert_eq!(
                outcome(&set, administrator(), change),
                expected,
                "{from} by {word}"
            );
        }
    }
}

#[test]
fn a_late_result_is_legal_everywhere_and_moves_nothing() {
    for from in StateName::ALL {
        let change = GoalChange::IgnoredResult {
            epoch: 1,
            state: Success,
        };
        assert_eq!(outcome(&in_state(from), Actor::Executor, change), Some(from));
    }
}

#[test]
fn a_skip_the_goal_chose_itself_is_not_planned_again() {
    let set = set(vec![goal("x", &[])]).end("x", Skipped);
    assert_eq!(outcome(&set, Actor::Coordinator, GoalChange::Replanned), None);
}

#[test]
fn hazard_7_of_what_succeeded_only_a_queue_is_planned_again() {
    let set = set(vec![queue(goal("x", &[]), "ended")]).succeed("x");
    let replanned = outcome(&set, Actor::Coordinator, GoalChange::Replanned);
    assert_eq!(replanned, Some(Planned));
    let other = in_state(Success);
    assert_eq!(outcome(&other, Actor::Coordinator, GoalChange::Replanned), None);
}

#[test]
fn an_attempt_follows_the_last() {
    let set = in_state(Requested);
    for attempt in [0, 2, u32::MAX] {
        assert_eq!(
            outcome(&set, Actor::Executor, GoalChange::Started { attempt, epoch: 1 }),
            None
        );
    }
}

#[test]
fn hazard_4_gaps_repetitions_and_strangers_do_not_fold() {
    let set = in_state(Requested);
    for version in [0, 1, 2, 4, u32::MAX] {
        let wrong = GoalEvent {
            version,
            ..event(&set, &key("x"), Actor::Executor, GoalChange::Canceled)
        };
        assert!(set.clone().apply(&wrong).is_err(), "version {version} after 2");
    }
    let stranger = GoalEvent {
        goal: key("nobody"),
        ..event(&set, &key("x"), Actor::Executor, GoalChange::Canceled)
    };
    assert!(set.clone().apply(&stranger).is_err());
    let planned: Vec<_> = set.goals().iter().map(|goal| goal.planned.clone()).collect();
    assert!(
        GoalSet::fold(set.id, "build", planned, &[]).is_err(),
        "goals without a first event"
    );
}
