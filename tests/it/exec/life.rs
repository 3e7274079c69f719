//! Beginning and end: at most once, restarts, stops, and nothing left running.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sdm::exec::ProcessExecutor;
use sdm::model::ExecutionResult;
use sdm::ports::Executor;
use sdm::ports::executor::{ExecutionError, ExecutionNews};

use super::support::*;

#[tokio::test]
async fn i1_what_hides_from_its_group_and_ignores_term_is_killed_within_the_grace() {
    let house = House::new();
    let script = "trap '' TERM; \
        setsid sh -c 'trap \"\" TERM; (setsid sh -c \"trap \\\"\\\" TERM; echo \\$\\$ > deep; while :; do sleep 100; done\" &); while :; do sleep 100; done' & \
        until test -s deep; do sleep 0.01; done; echo atm:phase=up; while :; do sleep 100; done";
    let mut spec = house.shell(script);
    spec.grace = Duration::from_millis(300);
    let mut watch = house.executor.start(&attempt(1), spec).await.unwrap();
    let pid = until_phase(&mut watch, "up").await;
    let deep = pid_in(&house.work().join("deep"));
    assert!(lives(pid) && lives(deep));
    let asked = Instant::now();
    house
        .executor
        .stop(&attempt(1), "not wanted any more")
        .await
        .unwrap();
    let result = ended(watch).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(!lives(pid) && !lives(deep));
    assert_eq!(result.code, 128 + 9);
    assert_eq!(result.message.as_deref(), Some("stopped: not wanted any more"));
}

#[tokio::test]
async fn a_stop_is_heard_at_once_and_never_a_success() {
    let house = House::new();
    let script = "trap 'exit 0' TERM; echo atm:phase=up; while :; do sleep 0.01; done";
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell(script))
        .await
        .unwrap();
    until_phase(&mut watch, "up").await;
    let asked = Instant::now();
    house.executor.stop(&attempt(1), "canceled").await.unwrap();
    let result = ended(watch).await;
    println!("from stop to end: {:?}", asked.elapsed());
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 15, Some("stopped"))
    );
    // Once more is nothing.
    house.executor.stop(&attempt(1), "again").await.unwrap();
}

#[tokio::test]
async fn i3_what_is_left_behind_is_ended_and_mentioned() {
    let house = House::new();
    let script = "(setsid sh -c 'echo $$ > left; exec sleep 1000' &) ; until test -s left; do sleep 0.01; done; echo done";
    let (result, log) = house.run(house.shell(script)).await;
    assert_eq!(result, ExecutionResult::success());
    assert!(!lives(pid_in(&house.work().join("left"))));
    assert!(
        text_of(&log, "sdm")
            .iter()
            .any(|line| line.starts_with("left running") && line.contains("sleep")),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_restarted_daemon_finds_the_attempt_and_no_line_is_lost() {
    let mut house = House::new();
    let script = "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; echo atm:phase=half; \
        until test -e go; do sleep 0.01; done; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done";
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell(script))
        .await
        .unwrap();
    let pid = until_phase(&mut watch, "half").await;
    let page = house.executor.read_log(&attempt(1), 0, 5_000).await.unwrap();
    assert!(!page.complete);
    drop(watch);
    house.restart();
    let mut watch = house.executor.watch(&attempt(1)).await.unwrap();
    let second = house.executor.watch(&attempt(1)).await.unwrap();
    assert_eq!(until_phase(&mut watch, "half").await, pid);
    fs::write(house.work().join("go"), "").unwrap();
    assert_eq!(ended(watch).await.code, 0);
    assert_eq!(story(second).await.len(), 3);
    let late = house.executor.watch(&attempt(1)).await.unwrap();
    assert_eq!(story(late).await.len(), 3);
    let mut lines = page.lines;
    let mut offset = page.next_offset;
    loop {
        let page = house.executor.read_log(&attempt(1), offset, 5_000).await.unwrap();
        offset = page.next_offset;
        lines.extend(page.lines);
        if page.complete {
            break;
        }
    }
    let wanted: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
    let seen: Vec<String> = text_of(&lines, "out")
        .into_iter()
        .filter(|line| line.starts_with("line"))
        .collect();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn a_killed_supervisor_is_lost_at_once_and_takes_everything_with_it() {
    let house = House::new();
    let script = "(setsid sh -c 'trap \"\" TERM; echo $$ > deep; while :; do sleep 1000; done' &); \
        until test -s deep; do sleep 0.01; done; echo atm:phase=up; sleep 1000";
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell(script))
        .await
        .unwrap();
    let pid = until_phase(&mut watch, "up").await;
    let deep = pid_in(&house.work().join("deep"));
    let killed = Instant::now();
    kill(supervisor_of(&house.directory(1)), Signal::SIGKILL).unwrap();
    assert_eq!(next(&mut watch).await, Some(ExecutionNews::Lost));
    println!("from kill to lost: {:?}", killed.elapsed());
    assert!(!lives(pid) && !lives(deep));
    assert_eq!(next(&mut watch).await, None);
    let late = house.executor.watch(&attempt(1)).await.unwrap();
    assert!(matches!(story(late).await.last(), Some(ExecutionNews::Lost)));
    house.executor.forget(&attempt(1)).await.unwrap();
    assert!(matches!(
        house.executor.watch(&attempt(1)).await,
        Err(ExecutionError::Unknown)
    ));
}

#[tokio::test]
async fn a_goal_that_halts_its_supervisor_still_has_its_time_limit() {
    let halting = [
        "kill -STOP $PPID; sleep 1000",
        // The guard too: then it is whoever watches that lets both go on.
        "kill -STOP $(cut -d ' ' -f 4 /proc/$PPID/stat); kill -STOP $PPID; sleep 1000",
    ];
    for (number, script) in (1..).zip(halting) {
        let house = House::new();
        let mut spec = house.shell(&format!("echo atm:phase=up; sleep 0.1; {script}"));
        spec.timeout = Duration::from_millis(500);
        spec.grace = Duration::from_millis(100);
        let watch = house.executor.start(&attempt(number), spec).await.unwrap();
        let result = ended(watch).await;
        assert_eq!(result.phase.as_deref(), Some("timeout"), "{script}: {result:?}");
    }
}

#[tokio::test]
async fn a_supervisor_killed_by_its_command_at_once_is_lost_and_not_unstarted() {
    let house = House::new();
    for number in 1..10 {
        let script = "echo bye > ran; kill -9 $PPID; sleep 1000";
        let watch = house
            .executor
            .start(&attempt(number), house.shell(script))
            .await
            .unwrap();
        assert_eq!(story(watch).await.last(), Some(&ExecutionNews::Lost));
        assert_eq!(fs::read_to_string(house.work().join("ran")).unwrap(), "bye\n");
    }
}

#[tokio::test]
async fn e8_whenever_the_supervisor_is_killed_the_lines_before_stay_readable() {
    let house = House::new();
    let script =
        "i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i+1)); done; echo atm:phase=over; sleep 1000";
    for (number, wait) in (1..).zip([0_u64, 3, 7, 12, 20, 31, 45, 60, 90, 140]) {
        let watch = house
            .executor
            .start(&attempt(number), house.shell(script))
            .await
            .unwrap();
        let log = house.directory(number).log();
        let enough = wait * 4_000;
        until("enough of the log", || {
            fs::metadata(&log).is_ok_and(|log| log.len() >= enough)
        })
        .await;
        let supervisor = supervisor_of(&house.directory(number));
        kill(supervisor, Signal::SIGKILL).unwrap();
        assert_eq!(story(watch).await.last(), Some(&ExecutionNews::Lost));
        let seen = text_of(&house.log(number).await, "out");
        let wanted: Vec<String> = (0..seen.len()).map(|n| format!("line {n}")).collect();
        assert_eq!(seen, wanted);
    }
}

#[tokio::test]
async fn an_attempt_is_started_once() {
    let house = Arc::new(House::new());
    let script = "echo ran >> runs; until test -e go; do sleep 0.01; done";
    let starts = (0..8).map(|_| {
        let house = Arc::clone(&house);
        async move { house.executor.start(&attempt(1), house.shell(script)).await }
    });
    let (begun, refused): (Vec<_>, Vec<_>) = futures_util::future::join_all(starts)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!((begun.len(), refused.len()), (1, 7));
    assert!(
        refused
            .iter()
            .all(|refusal| matches!(refusal, Err(ExecutionError::AlreadyStarted(1))))
    );
    assert!(matches!(
        house.executor.forget(&attempt(1)).await,
        Err(ExecutionError::Failed { .. })
    ));
    fs::write(house.work().join("go"), "").unwrap();
    assert_eq!(
        ended(house.executor.watch(&attempt(1)).await.unwrap()).await.code,
        0
    );
    assert_eq!(fs::read_to_string(house.work().join("runs")).unwrap(), "ran\n");
    let again = house.executor.start(&attempt(1), house.shell("true")).await;
    assert!(matches!(again, Err(ExecutionError::AlreadyStarted(1))));
    house.executor.forget(&attempt(1)).await.unwrap();
    assert!(!house.directory(1).path().exists());
}

#[tokio::test]
async fn h9_a_new_attempt_ends_the_one_before() {
    let house = House::new();
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell("echo atm:phase=up; sleep 1000"))
        .await
        .unwrap();
    let pid = until_phase(&mut watch, "up").await;
    let second = house
        .executor
        .start(&attempt(2), house.shell("true"))
        .await
        .unwrap();
    assert!(!lives(pid));
    assert!(ended(watch).await.message.unwrap().contains("another attempt"));
    assert_eq!(ended(second).await.code, 0);
}

#[tokio::test]
async fn h9_what_two_killed_guardians_left_is_killed_when_the_loss_is_noticed() {
    let house = House::new();
    let script = "trap '' TERM; sh -c 'echo $$ > deep; while :; do sleep 1000; done' & \
        until test -s deep; do sleep 0.01; done; echo atm:phase=up; sleep 1000";
    let mut watch = house
        .executor
        .start(&attempt(1), house.shell(script))
        .await
        .unwrap();
    let pid = until_phase(&mut watch, "up").await;
    let deep = pid_in(&house.work().join("deep"));
    let supervisor = supervisor_of(&house.directory(1));
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let guard: i32 = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kill(Pid::from_raw(guard), Signal::SIGKILL).unwrap();
    kill(supervisor, Signal::SIGKILL).unwrap();
    assert_eq!(story(watch).await.last(), Some(&ExecutionNews::Lost));
    until("the command's end", || !lives(pid)).await;
    let second = house
        .executor
        .start(&attempt(2), house.shell("true"))
        .await
        .unwrap();
    until("the end of what was left", || !lives(deep)).await;
    assert_eq!(ended(second).await.code, 0);
}

#[tokio::test]
async fn a_supervisor_that_cannot_be_started_is_an_error_of_start() {
    let house = House::new();
    let executor = ProcessExecutor::new(house.root.path().join("attempts"), "/no/such/binary".into());
    let refused = executor.start(&attempt(1), house.shell("true")).await;
    assert!(matches!(refused, Err(ExecutionError::Failed { .. })));
    assert!(matches!(
        house.executor.watch(&attempt(1)).await,
        Err(ExecutionError::Unknown)
    ));
    assert!(matches!(
        house.executor.stop(&attempt(1), "x").await,
        Err(ExecutionError::Unknown)
    ));
}

#[tokio::test]
async fn the_command_runs_soon_after_the_start() {
    let house = House::new();
    let mut times = Vec::new();
    for number in 1..=20 {
        let watch = house
            .executor
            .start(&attempt(number), house.shell("date +%s%N > ran"))
            .await;
        drop(watch.unwrap());
        let follow = house.executor.watch(&attempt(number)).await.unwrap();
        ended(follow).await;
        house.executor.forget(&attempt(number)).await.unwrap();
        let begun = Instant::now();
        let watch = house
            .executor
            .start(&attempt(number), house.spec(&["/bin/true"]))
            .await
            .unwrap();
        let returned = begun.elapsed();
        ended(watch).await;
        times.push((returned, begun.elapsed()));
    }
    times.sort();
    println!(
        "start returns / attempt ended, median: {:?}; worst: {:?}",
        times[10], times[19]
    );
    assert!(times[10].0 < Duration::from_secs(1));
}
