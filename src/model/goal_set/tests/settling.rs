//! What follows for dependents.

use super::super::{CancelScope, GoalSet, Refusal};
use super::fixture::{
    Acts, at, cancel, finish, goal, key, pre_approval, refusal, retry, retry_of, set, set_to, start,
};
use crate::model::StateName::{
    Canceled, Failure, InProcess, Planned, Requested, Skipped, Stopped, Success, WaitingForPreApproval,
};
use crate::model::{Action, ExecutionResult, GoalChange, GoalState};

#[test]
fn st_07_a_success_requests_what_waited_for_it() {
    let set = set(vec![
        goal("a", &[]),
        goal("b", &["a"]),
        pre_approval(goal("c", &["a"]), 1),
    ]);
    let (after, events) = set
        .start("a")
        .act(&finish("a", 1, ExecutionResult::success()), at(9))
        .unwrap();
    let requests = events.iter().filter(|event| event.goal == key("b"));
    assert_eq!(
        requests.map(|event| &event.change).collect::<Vec<_>>(),
        [&GoalChange::Requested]
    );
    assert_eq!(after.state_of("c"), WaitingForPreApproval);
}

#[test]
fn st_08_of_two_successes_the_second_requests_in_either_order() {
    let both = set(vec![goal("a", &[]), goal("b", &[]), goal("c", &["a", "b"])])
        .start("a")
        .start("b");
    for order in [["a", "b"], ["b", "a"]] {
        let mut set = both.clone();
        let mut requests = 0;
        for name in order {
            let (after, events) = set
                .act(&finish(name, 1, ExecutionResult::success()), at(9))
                .unwrap();
            requests += events
                .iter()
                .filter(|event| event.change == GoalChange::Requested)
                .count();
            set = after;
        }
        assert_eq!((requests, set.state_of("c")), (1, Requested));
    }
}

#[test]
fn st_09_a_failure_skips_all_that_depends_on_it_and_nothing_else() {
    let set = set(vec![
        goal("A", &[]),
        goal("B", &["A"]),
        goal("C", &["B"]),
        goal("D", &[]),
    ])
    .fail("A");
    assert_eq!(
        (set.state_of("B"), set.text_of("B")),
        (Skipped, "Skipped B because A failed")
    );
    assert_eq!(
        (set.state_of("C"), set.text_of("C")),
        (Skipped, "Skipped C because A failed")
    );
    assert_eq!(set.succeed("D").state_of("D"), Success);
}

#[test]
fn st_10_a_stop_skips_and_a_cancellation_cancels() {
    let planned = set(vec![goal("A", &[]), goal("B", &["A"]), goal("C", &["B"])]);
    let stopped = planned.end("A", Stopped);
    assert_eq!(
        (stopped.state_of("C"), stopped.text_of("C")),
        (Skipped, "Skipped C because A stopped goals")
    );
    let canceled = planned.end("A", Canceled);
    assert_eq!(
        (canceled.state_of("B"), canceled.text_of("B")),
        (Canceled, "Canceled B because A was canceled")
    );
    assert_eq!(canceled.state_of("C"), Canceled);
    let skipped = planned.end("A", Skipped);
    assert_eq!(
        (skipped.state_of("B"), skipped.text_of("B")),
        (Skipped, "Skipped B because A was skipped")
    );
    assert_eq!(skipped.state_of("C"), Skipped);
}

#[test]
fn st_11_a_failure_leaves_what_is_past_planned() {
    let set = set(vec![goal("a", &[]), goal("b", &["a"]), goal("c", &["b"])])
        .succeed("a")
        .start("b");
    let set = set.doing(&set_to("a", Failure));
    assert_eq!((set.state_of("b"), set.state_of("c")), (InProcess, Planned));
}

#[test]
fn st_12_a_restart_that_succeeds_brings_skipped_goals_back() {
    let failed = set(vec![
        retry(goal("a", &[]), 0),
        goal("b", &["a"]),
        goal("c", &["b"]),
    ])
    .fail("a");
    let again = failed.doing(&retry_of("a"));
    assert_eq!(
        (again.state_of("a"), again.state_of("b"), again.state_of("c")),
        (Requested, Planned, Planned)
    );
    let a = again.goal(&key("a")).unwrap();
    assert_eq!((&a.error, &a.phase, a.ended_at), (&None, &None, None));
    let done = again.start("a").succeed("a").succeed("b").succeed("c");
    assert_eq!(
        (done.state(), done.goal(&key("a")).unwrap().attempt),
        (Success, 2)
    );
}

#[test]
fn st_12_what_another_failure_skipped_stays_skipped() {
    let planned = set(vec![
        retry(goal("a", &[]), 0),
        goal("x", &[]),
        goal("b", &["a", "x"]),
        goal("c", &["x"]),
    ]);
    let again = planned.fail("a").fail("x").doing(&retry_of("a"));
    assert_eq!(
        (again.state_of("b"), again.text_of("b")),
        (Skipped, "Skipped b because x failed")
    );
    assert_eq!(again.state_of("c"), Skipped);
}

#[test]
fn row_28_a_goal_set_to_success_brings_its_dependents_back_however_far_the_cause() {
    let failed = set(vec![
        goal("a", &[]),
        goal("b", &["a"]),
        goal("c", &["b"]),
        goal("d", &["c"]),
    ])
    .fail("a");
    let set = failed.doing(&set_to("b", Success));
    assert_eq!(
        (set.state_of("a"), set.state_of("c"), set.state_of("d")),
        (Failure, Requested, Planned)
    );
    let set = failed.doing(&set_to("a", Success));
    assert_eq!(
        (set.state_of("b"), set.state_of("c"), set.state_of("d")),
        (Requested, Planned, Planned)
    );
}

#[test]
fn st_17_a_late_result_is_recorded_and_changes_nothing() {
    let running = set(vec![retry(goal("a", &[]), 0), goal("b", &["a"])]).start("a");
    let canceled = running.doing(&cancel(CancelScope::All));
    assert_late_is_ignored(&canceled);
    let lost = running.doing(&Action::Lose {
        goal: key("a"),
        epoch: 1,
    });
    assert_eq!(
        lost.state_of("a"),
        Requested,
        "its executor is lost and it may be tried again"
    );
    assert_late_is_ignored(&lost);
    assert_late_is_ignored(&lost.doing(&start("a", 2)));
}

fn assert_late_is_ignored(set: &GoalSet) {
    let late = finish("a", 1, ExecutionResult::failure("late"));
    let (after, events) = set.act(&late, at(500)).unwrap();
    assert!(
        matches!(events[..], [ref event] if matches!(event.change, GoalChange::IgnoredResult { epoch: 1, .. }))
    );
    for (now, then) in after.goals().iter().zip(set.goals()) {
        let recorded = crate::model::Goal {
            version: now.version,
            changed_at: now.changed_at,
            ..then.clone()
        };
        assert_eq!(*now, recorded);
    }
}

#[test]
fn st_18_the_second_to_start_is_refused() {
    let started = set(vec![goal("a", &[])]).start("a");
    let refused = refusal(&started, &start("a", 2));
    assert_eq!(refused.to_string(), "a is in_process and cannot be started");
    let GoalState::InProcess { epoch: 1, .. } = started.goals()[0].state else {
        panic!("{started:?}")
    };
}

#[test]
fn st_21_running_too_long_cancels_or_fails_with_the_phase() {
    let running = set(vec![goal("a", &[]), goal("b", &["a"])]).start("a");
    let phase = Some("20m timeout".to_owned());
    for (state, code) in [(Canceled, 0), (Failure, 1)] {
        let result = ExecutionResult {
            code,
            state: Some(state),
            phase: phase.clone(),
            ..ExecutionResult::default()
        };
        let ended = running.finish("a", result);
        assert_eq!((ended.state_of("a"), &ended.goals()[0].phase), (state, &phase));
        assert!(!ended.is_active());
    }
}

#[test]
fn st_22_giving_up_waiting_hits_only_what_waits_to_be_started() {
    let give_up = Action::GiveUp {
        goal: key("a"),
        phase: "1h timeout".to_owned(),
        error: "not started in time".to_owned(),
    };
    let waiting = set(vec![goal("a", &[]), goal("b", &["a"])]);
    let ended = waiting.doing(&give_up);
    assert_eq!((ended.state_of("a"), ended.state_of("b")), (Failure, Skipped));
    let refused = refusal(&waiting.start("a"), &give_up);
    assert!(matches!(refused, Refusal::NotRequested { .. }), "{refused}");
    let held = waiting.start("a");
    let (same, events) = held
        .act(
            &Action::Lose {
                goal: key("a"),
                epoch: 7,
            },
            at(9),
        )
        .unwrap();
    assert_eq!((same, events.len()), (held, 0), "the watchdog of another attempt");
}

#[test]
fn st_24_what_is_not_marked_for_it_is_not_started_again() {
    let failed = set(vec![goal("a", &[])]).fail("a");
    assert_eq!(
        refusal(&failed, &retry_of("a")),
        Refusal::NotRetryable("a".to_owned())
    );
    let running = set(vec![retry(goal("a", &[]), 0)]).start("a");
    let refused = refusal(&running, &retry_of("a"));
    assert!(
        matches!(refused, Refusal::NotFailed { state: InProcess, .. }),
        "{refused}"
    );
}

#[test]
fn semantics_3_13_automatic_retries_pause_longer_each_time_and_end() {
    let mut set = set(vec![retry(goal("a", &[]), 2), goal("b", &["a"])]);
    for pause in [10, 20] {
        set = set.fail("a");
        assert_eq!(
            set.state_of("b"),
            Planned,
            "nothing is skipped before the last try"
        );
        let GoalState::Requested {
            not_before: Some(moment),
            ..
        } = set.goals()[0].state
        else {
            panic!("{set:?}")
        };
        assert_eq!(moment, at(10 + pause));
    }
    set = set.fail("a");
    assert_eq!((set.state_of("a"), set.state_of("b")), (Failure, Skipped));
    set = set.doing(&retry_of("a"));
    assert_eq!(set.goals()[0].automatic_retries, 0, "a person's word begins anew");
    assert_eq!(set.fail("a").state_of("a"), Requested);
}

#[test]
fn semantics_3_13_only_what_may_pass_is_tried_again() {
    let mut flaky = retry(goal("a", &[]), 2);
    flaky.definition.retry.codes = vec![75];
    let failing = |set: &GoalSet, code: i32| {
        let result = ExecutionResult {
            code,
            ..ExecutionResult::failure("broken")
        };
        set.finish("a", result)
    };
    let once = failing(&set(vec![flaky.clone()]), 75);
    assert_eq!(once.state_of("a"), Requested);
    assert_eq!(
        failing(&once, 1).state_of("a"),
        Failure,
        "another code is the last"
    );
    flaky.definition.ignore_failure = true;
    let ignored = set(vec![flaky]);
    assert_eq!(
        failing(&ignored, 75).state_of("a"),
        Requested,
        "ignored only after all tries"
    );
    assert_eq!(failing(&ignored, 1).state_of("a"), Success);
}

#[test]
fn cancellation_of_older_sets_spares_what_must_not_be() {
    let mut deploy = goal("deploy", &[]);
    deploy.definition.uncancelable = true;
    let planned = set(vec![deploy, goal("test", &[]), goal("publish", &["test"])]).succeed("test");
    let superseded = |goals: &[&str], states: &[_]| {
        cancel(CancelScope::Superseded {
            goals: goals.iter().map(|name| (*name).to_owned()).collect(),
            states: states.to_vec(),
        })
    };
    let all = planned.doing(&superseded(&[], &[Requested, InProcess]));
    assert_eq!(
        (
            all.state_of("deploy"),
            all.state_of("test"),
            all.state_of("publish")
        ),
        (Requested, Success, Canceled)
    );
    assert_eq!(
        refusal(&planned, &superseded(&["test", "deploy"], &[Requested])),
        Refusal::NothingToCancel
    );
    assert_eq!(
        refusal(&planned, &superseded(&["publish"], &[InProcess])),
        Refusal::NothingToCancel
    );
    assert_eq!(
        planned
            .doing(&cancel(CancelScope::Goal(key("deploy"))))
            .state_of("deploy"),
        Canceled
    );
}

#[test]
fn a_failure_that_is_ignored_is_said_and_what_comes_after_goes_on() {
    let mut lint = retry(goal("lint", &[]), 1);
    lint.definition.ignore_failure = true;
    let failed = || ExecutionResult {
        message: Some("3 warnings\nin a.rs".to_owned()),
        ..ExecutionResult::failure("no")
    };
    let first = set(vec![lint, goal("ship", &["lint"])])
        .start("lint")
        .finish("lint", failed());
    assert_eq!(
        (first.state_of("lint"), first.state_of("ship")),
        (Requested, Planned),
        "it is tried again first"
    );
    let second = first.doing(&start("lint", 2)).doing(&finish("lint", 2, failed()));
    assert_eq!(
        (second.state_of("lint"), second.state_of("ship")),
        (Success, Requested)
    );
    let lint = second.goal(&key("lint")).unwrap();
    assert_eq!(
        (
            lint.description.as_str(),
            lint.phase.as_deref(),
            lint.error.as_deref()
        ),
        (
            "Failed: lint · ignored: 3 warnings",
            None,
            Some("3 warnings\nin a.rs")
        )
    );
    assert_eq!(second.start("ship").succeed("ship").state(), Success);
}

#[test]
fn an_ignored_failure_does_not_take_the_place_of_a_persons_word_or_of_other_ends() {
    let mut deploy = super::fixture::approval(goal("deploy", &[]), 1);
    deploy.definition.ignore_failure = true;
    let set = set(vec![deploy]);
    let failed = set
        .start("deploy")
        .finish("deploy", ExecutionResult::failure("no"));
    assert_eq!(
        failed.state_of("deploy"),
        crate::model::StateName::WaitingForApproval
    );
    let stopped = ExecutionResult {
        state: Some(Stopped),
        ..ExecutionResult::failure("no")
    };
    assert_eq!(
        set.start("deploy").finish("deploy", stopped).state_of("deploy"),
        Stopped
    );
}
