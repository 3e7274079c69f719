//! Supervisors that use nothing but what every Unix has: less is found, and the rest is as everywhere.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use sdm::model::ExecutionResult;
use sdm::ports::Executor;
use sdm::ports::executor::{ExecutionNews, ProcessSpec, Step, When};

use super::support::*;

fn portable() -> House {
    let mut house = House::new();
    house.executor = executor_on(house.root.path()).portably();
    house
}

#[tokio::test]
async fn steps_run_and_what_stays_in_its_group_is_ended() {
    let house = portable();
    let mut spec = ProcessSpec {
        steps: vec![
            house.step(
                "one",
                &[
                    "sh",
                    "-c",
                    "(echo $PPID; exec sleep 1000) & echo $! > left; echo one",
                ],
            ),
            Step {
                when: When::Finally,
                ..house.step("two", &["sh", "-c", "echo two $SDM_OUTCOME"])
            },
        ],
        ..house.spec(&[])
    };
    spec.limits.open_files = Some(64);
    let (result, log) = house.run(spec).await;
    assert_eq!(result, ExecutionResult::success());
    let out = text_of(&log, "out");
    assert!(
        out.contains(&"one".to_owned()) && out.contains(&"two success".to_owned()),
        "{out:?}"
    );
    assert!(!lives(pid_in(&house.work().join("left"))));
    assert!(
        text_of(&log, "sdm")
            .iter()
            .any(|line| line.starts_with("left running")),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_stop_and_a_time_limit_end_the_group_within_the_grace() {
    let house = portable();
    let script = "sh -c 'trap \"\" TERM; echo $$ > stubborn; while :; do sleep 100; done' & \
        until test -s stubborn; do sleep 0.01; done; echo atm:phase=up; wait";
    let mut spec = house.shell(script);
    spec.grace = Duration::from_millis(200);
    let mut watch = house.executor.start(&attempt(1), spec).await.unwrap();
    until_phase(&mut watch, "up").await;
    let asked = Instant::now();
    house.executor.stop(&attempt(1), "canceled").await.unwrap();
    assert_eq!(ended(watch).await.phase.as_deref(), Some("stopped"));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(!lives(pid_in(&house.work().join("stubborn"))));
    let mut spec = house.shell("sleep 1000");
    spec.timeout = Duration::from_millis(100);
    let watch = house.executor.start(&attempt(2), spec).await.unwrap();
    let result = ended(watch).await;
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 15, Some("timeout"))
    );
}

#[tokio::test]
async fn a_supervisor_that_is_told_to_end_or_killed_takes_its_group_with_it() {
    let house = portable();
    let script = "echo $$ > pid; echo atm:phase=up; sleep 1000; echo never";
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell(script))
        .await
        .unwrap();
    until_phase(&mut watch, "up").await;
    kill(supervisor_of(&house.directory(1)), Signal::SIGTERM).unwrap();
    let result = ended(watch).await;
    assert_eq!(
        result.message.as_deref(),
        Some("stopped: the supervisor was told to end (SIGTERM)")
    );
    let mut watch = house
        .executor
        .start(&attempt(2), house.shell(script))
        .await
        .unwrap();
    until_phase(&mut watch, "up").await;
    let pid = pid_in(&house.work().join("pid"));
    kill(supervisor_of(&house.directory(2)), Signal::SIGKILL).unwrap();
    assert_eq!(next(&mut watch).await, Some(ExecutionNews::Lost));
    until("the group is killed", || !lives(pid)).await;
}
