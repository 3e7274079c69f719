//! The states of sets and the first states of goals.

use super::super::set_state;
use super::fixture::{Acts, at, finish, goal, pre_approval, set, start};
use crate::model::StateName::{
    self, Approved, Canceled, Failure, InProcess, Planned, PreApproved, Requested, Skipped, Stopped, Success,
    WaitingForApproval, WaitingForPreApproval,
};
use crate::model::goal_event::UsedImages;
use crate::model::{ExecutionResult, GoalEvent, GoalState};

#[test]
fn st_01_all_successes_are_a_success_and_any_work_is_in_process() {
    assert_eq!(set_state([Success, Success]), Success);
    assert_eq!(set_state([]), Success);
    for other in [Success, Planned, Requested, WaitingForApproval] {
        assert_eq!(set_state([other, InProcess]), InProcess);
    }
}

#[test]
fn st_02_a_failure_wins() {
    for other in [
        Canceled,
        Stopped,
        InProcess,
        WaitingForApproval,
        WaitingForPreApproval,
        Success,
    ] {
        assert_eq!(set_state([other, Failure]), Failure);
    }
}

#[test]
fn st_03_the_order_of_states_is_the_table() {
    assert_eq!(set_state([Planned, Success]), Planned);
    assert_eq!(set_state([Requested, WaitingForApproval]), WaitingForApproval);
    assert_eq!(
        set_state([WaitingForApproval, WaitingForPreApproval]),
        WaitingForPreApproval
    );
    let order = [
        Failure,
        Canceled,
        Stopped,
        InProcess,
        WaitingForPreApproval,
        WaitingForApproval,
        PreApproved,
        Approved,
        Requested,
        Planned,
        Skipped,
        Success,
    ];
    for (rank, state) in order.into_iter().enumerate() {
        for later in &order[rank..] {
            assert_eq!(set_state([*later, state]), state);
        }
    }
}

#[test]
fn st_04_an_unknown_state_is_no_state() {
    for text in ["", "done", "Success", "in-process", "success "] {
        assert_eq!(StateName::parse(text), None, "{text}");
    }
    for state in StateName::ALL {
        assert_eq!(StateName::parse(state.as_str()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn st_06_preconditions_and_pre_approval_decide_the_first_state() {
    let set = set(vec![
        goal("a", &[]),
        pre_approval(goal("b", &[]), 1),
        goal("c", &["a"]),
        pre_approval(goal("d", &["a"]), 1),
    ]);
    let states: Vec<_> = set.goals().iter().map(|goal| goal.state.name()).collect();
    assert_eq!(states, [Requested, WaitingForPreApproval, Planned, Planned]);
    assert!(set.goals().iter().all(|goal| goal.version == 1));
    assert_eq!(set.events, 4);
}

#[test]
fn st_25_what_counts_as_success() {
    for text in ["{}", r#"{"code":0}"#, r#"{"code":0,"state":null}"#] {
        let result: ExecutionResult = serde_json::from_str(text).unwrap();
        assert_eq!(result.outcome(false), Success, "{text}");
    }
    for code in [1, -1, 137, i32::MIN] {
        let result = ExecutionResult {
            code,
            ..ExecutionResult::default()
        };
        assert_eq!(result.outcome(false), Failure, "{code}");
    }
}

#[test]
fn st_26_a_code_wins_over_a_state_that_claims_success() {
    let outcome = |code, state| {
        let state = Some(state);
        ExecutionResult {
            code,
            state,
            ..ExecutionResult::default()
        }
        .outcome(true)
    };
    for state in [WaitingForApproval, Success, InProcess, Requested] {
        assert_eq!(outcome(1, state), Failure);
    }
    for state in [Canceled, Stopped, Skipped] {
        assert_eq!(outcome(1, state), state, "3.11: these are said on purpose");
    }
    assert_eq!(outcome(0, Failure), Failure);
    assert_eq!(outcome(0, Success), WaitingForApproval);
}

#[test]
fn i5_images_are_those_of_the_attempt_and_stand_in_its_event() {
    let images = || UsedImages::from([("main".to_owned(), "app@sha256:1".to_owned())]);
    let ran = ExecutionResult {
        images: images(),
        data: Some("plain".to_owned()),
        ..ExecutionResult::failure("no")
    };
    let started = set(vec![goal("a", &[])]).doing(&start("a", 1));
    let (ended, events) = started.act(&finish("a", 1, ran), at(1)).unwrap();
    assert_eq!(
        (&ended.goals()[0].images, &events[0].images),
        (&images(), &images())
    );
    let stored = serde_json::to_string(&events[0]).unwrap();
    let read: GoalEvent = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, events[0]);
    let before = stored.replace(r#","images":{"main":"app@sha256:1"}"#, "");
    let read: GoalEvent = serde_json::from_str(&before).unwrap();
    assert!(
        stored != before && read.images.is_empty(),
        "as it was stored before: {before}"
    );
}

#[test]
fn st_19_still_running_elsewhere_keeps_the_goal_in_process() {
    let running = set(vec![goal("a", &[])]).end("a", InProcess);
    assert_eq!(running.state_of("a"), InProcess);
    let again = running.doing(&finish("a", 1, ExecutionResult::success()));
    assert_eq!(again.state_of("a"), Success);
}

#[test]
fn st_29_time_moves_on_for_a_goal_also_when_the_clock_goes_back() {
    let planned = set(vec![goal("a", &[])]);
    let (started, first) = planned.act(&start("a", 1), at(-100)).unwrap();
    let (ended, second) = started
        .act(&finish("a", 1, ExecutionResult::success()), at(-200))
        .unwrap();
    assert!(at(0) < first[0].at && first[0].at < second[0].at);
    assert_eq!(ended.state(), Success);
    let GoalState::Success = ended.goals()[0].state else {
        panic!("{ended:?}")
    };
}
