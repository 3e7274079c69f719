//! Sets that go on after they gave their slot of a queue back.

use super::super::{CancelScope, GoalSet};
use super::fixture::{Acts, cancel, confirm, goal, key, pre_approval, queue, retry, retry_of, set, set_to};
use crate::model::StateName::{
    Canceled, Failure, InProcess, Planned, Requested, Skipped, Success, WaitingForPreApproval,
};

/// A queue, then a build, a deployment that has failed, and what would have come after it.
fn failed(release_on: &str) -> GoalSet {
    let set = set(vec![
        queue(goal("queue", &[]), release_on),
        goal("build", &["queue"]),
        retry(goal("deploy", &["build"]), 0),
        goal("smoke", &["deploy"]),
    ]);
    set.succeed("queue").succeed("build").fail("deploy")
}

#[test]
fn hazard_7_d7_a_retry_of_a_set_that_has_ended_queues_again() {
    for release_on in ["ended", "waiting"] {
        let ended = failed(release_on);
        assert_eq!((ended.is_active(), ended.state_of("smoke")), (false, Skipped));
        let again = ended.doing(&retry_of("deploy"));
        assert_eq!(again.state_of("queue"), Requested);
        assert_eq!(again.state_of("build"), Success, "what is done stays done");
        assert_eq!(
            (again.state_of("deploy"), again.state_of("smoke")),
            (Planned, Planned)
        );
        let waiting = again.start("queue");
        assert_eq!(waiting.state_of("deploy"), Planned, "while it waits for a slot");
        let granted = waiting.succeed("queue");
        assert_eq!(
            (granted.state_of("deploy"), granted.state_of("smoke")),
            (Requested, Planned)
        );
        let done = granted.succeed("deploy").succeed("smoke");
        assert_eq!(done.state(), Success);
    }
}

#[test]
fn hazard_7_a_retry_while_the_set_goes_on_keeps_the_slot() {
    let set = set(vec![
        queue(goal("queue", &[]), "ended"),
        retry(goal("deploy", &["queue"]), 0),
        goal("slow", &["queue"]),
    ]);
    let going_on = set.succeed("queue").start("slow").fail("deploy");
    let again = going_on.doing(&retry_of("deploy"));
    assert_eq!(
        (again.state_of("queue"), again.state_of("deploy")),
        (Success, Requested)
    );
    assert_eq!(again.state_of("slow"), InProcess);
}

#[test]
fn hazard_7_whoever_brings_an_ended_set_back_queues_again() {
    let by_hand = failed("ended").doing(&set_to("deploy", Success));
    assert_eq!(
        (by_hand.state_of("queue"), by_hand.state_of("smoke")),
        (Requested, Planned)
    );
    assert_eq!(by_hand.succeed("queue").state_of("smoke"), Requested);
}

#[test]
fn hazard_7_a_queue_that_does_not_let_the_set_go_on_ends_what_comes_after_it() {
    let again = failed("ended").doing(&retry_of("deploy"));
    let canceled = again.doing(&cancel(CancelScope::Goal(key("queue"))));
    assert_eq!(
        (canceled.state_of("deploy"), canceled.is_active()),
        (Canceled, false)
    );
    let broken = again.fail("queue");
    assert_eq!(
        (broken.state_of("queue"), broken.state_of("deploy")),
        (Failure, Skipped)
    );
}

#[test]
fn d6_d7_a_start_that_was_confirmed_is_not_asked_for_again() {
    let set = set(vec![
        queue(goal("queue", &[]), "ended"),
        pre_approval(retry(goal("deploy", &["queue"]), 0), 1),
    ]);
    let failed = set
        .succeed("queue")
        .doing(&confirm("deploy", "ada"))
        .fail("deploy");
    let again = failed.doing(&retry_of("deploy"));
    assert_eq!(
        (again.state_of("queue"), again.state_of("deploy")),
        (Requested, Planned)
    );
    assert_eq!(again.succeed("queue").state_of("deploy"), Requested);
}

#[test]
fn qu_05_a_slot_given_back_while_people_are_waited_for_is_asked_for_again() {
    let waiting = |release_on| {
        let set = set(vec![
            queue(goal("queue", &[]), release_on),
            goal("build", &["queue"]),
            pre_approval(goal("deploy", &["build"]), 1),
            pre_approval(goal("announce", &["build"]), 1),
        ]);
        set.succeed("queue").succeed("build")
    };
    let kept = waiting("ended").doing(&confirm("deploy", "ada"));
    assert_eq!(
        (kept.state_of("queue"), kept.state_of("deploy")),
        (Success, Requested)
    );
    let asked = waiting("waiting").doing(&confirm("deploy", "ada"));
    assert_eq!(
        (asked.state_of("queue"), asked.state_of("deploy")),
        (Requested, Planned)
    );
    assert_eq!(asked.state_of("announce"), WaitingForPreApproval);
    let both = asked.start("queue").doing(&confirm("announce", "ada"));
    assert_eq!(
        both.state_of("announce"),
        Planned,
        "it waits for the slot as well"
    );
    let granted = both.succeed("queue");
    assert_eq!(
        (granted.state_of("deploy"), granted.state_of("announce")),
        (Requested, Requested)
    );
}
