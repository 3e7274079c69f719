//! Several steps below one supervisor: order, conditions, waiting, what runs finally, one end for all.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use sdm::model::ExecutionResult;
use sdm::ports::Executor;
use sdm::ports::executor::{ExecutionNews, OnFailure, Poll, ProcessSpec, Step, When};

use super::support::*;

impl House {
    fn steps(&self, steps: Vec<Step>) -> ProcessSpec {
        ProcessSpec {
            steps,
            ..self.spec(&[])
        }
    }

    fn script(&self, name: &str, script: &str) -> Step {
        self.step(name, &["sh", "-c", script])
    }

    fn finally(&self, name: &str, script: &str) -> Step {
        Step {
            when: When::Finally,
            ..self.script(name, script)
        }
    }

    fn written(&self, name: &str) -> String {
        fs::read_to_string(self.work().join(name)).unwrap_or_default()
    }
}

fn phases(news: &[ExecutionNews]) -> Vec<&str> {
    let mut phases = Vec::new();
    for one in news {
        if let ExecutionNews::Phase(phase) = one {
            phases.push(phase.as_str());
        }
    }
    phases
}

#[tokio::test]
async fn ex_10_steps_run_in_order_in_one_log_and_are_the_phases() {
    let house = House::new();
    let mut two = house.script("two", "echo from two $WORD; cat shared");
    two.environment = vec![("WORD".to_owned(), "own".to_owned())];
    let steps = vec![
        house.script("one", "echo from one; echo context > shared"),
        two,
        house.finally("clean", "echo outcome $SDM_OUTCOME"),
    ];
    let mut spec = house.steps(steps);
    spec.environment.push(("WORD".to_owned(), "common".to_owned()));
    let watch = house.executor.start(&attempt(1), spec).await.unwrap();
    let news = story(watch).await;
    assert_eq!(phases(&news), ["one", "two", "clean"]);
    assert_eq!(
        news.last(),
        Some(&ExecutionNews::Ended(ExecutionResult::success()))
    );
    let log = house.log(1).await;
    assert_eq!(
        text_of(&log, "out"),
        ["from one", "from two own", "context", "outcome success"]
    );
    assert_eq!(
        text_of(&log, "sdm"),
        ["step 1: one", "step 2: two", "step 3: clean", "ended with code 0"]
    );
    let place = |text: &str| log.iter().position(|line| line.text == text).unwrap();
    assert!(place("from one") < place("step 2: two") && place("step 2: two") < place("from two own"));
}

#[tokio::test]
async fn ex_10_a_failing_step_is_named_and_only_what_runs_finally_follows() {
    let house = House::new();
    let steps = vec![
        house.script("build", "echo atm:phase=compiling; exit 3"),
        house.script("test", "touch ran"),
        house.finally("clean", "echo $SDM_OUTCOME > outcome; exit 1"),
        house.finally("report", "echo $SDM_OUTCOME >> outcome"),
    ];
    let (result, _) = house.run(house.steps(steps)).await;
    assert_eq!(
        (result.code, result.phase.as_deref(), result.message.as_deref()),
        (3, Some("build"), Some("build: the command ended with code 3"))
    );
    assert!(!house.work().join("ran").exists());
    assert_eq!(house.written("outcome"), "failure\nfailure\n");
}

#[tokio::test]
async fn a_step_that_cannot_be_started_fails_the_goal_and_lets_it_clean_up() {
    let house = House::new();
    let steps = vec![
        house.script("first", "true"),
        house.step("absent", &["no-such-program-here"]),
        house.finally("clean", "touch cleaned"),
    ];
    let (result, _) = house.run(house.steps(steps)).await;
    assert_eq!((result.code, result.phase.as_deref()), (127, Some("absent")));
    assert!(house.work().join("cleaned").exists());
}

#[tokio::test]
async fn ex_10_a_condition_skips_and_a_result_or_a_code_ends_it_on_purpose() {
    let house = House::new();
    let condition = Step {
        on_failure: OnFailure::SkipsNext,
        ..house.script("if there is nothing", "exit 1")
    };
    let result = house.root.path().join("out/result.json");
    let report = format!(
        "echo '{{\"state\": \"stopped\", \"phase\": \"enough\"}}' > {}",
        result.display()
    );
    let stop = Step {
        heeds_result: true,
        ..house.script("stop", &report)
    };
    let steps = vec![
        condition,
        house.script("skipped", "touch ran"),
        stop,
        house.script("never", "touch ran"),
    ];
    let (result, log) = house.run(house.steps(steps)).await;
    assert_eq!((result.code, result.phase.as_deref()), (0, Some("enough")));
    assert!(!house.work().join("ran").exists());
    let own = text_of(&log, "sdm");
    assert!(
        own.contains(&"skipped is skipped: its condition does not hold".to_owned()),
        "{own:?}"
    );
    assert!(
        own.iter()
            .any(|line| line.starts_with("stop ends the goal on purpose")),
        "{own:?}"
    );
}

#[tokio::test]
async fn ex_06_a_wait_looks_again_until_it_is_true() {
    let house = House::new();
    let wait = Step {
        poll: Some(Poll {
            retries: 10,
            pause: Duration::from_millis(1),
        }),
        ..house.script("wait", "echo look >> looks; test $(wc -l < looks) -ge 9")
    };
    let steps = vec![wait, house.script("work", "echo once >> ran")];
    let (result, log) = house.run(house.steps(steps)).await;
    assert_eq!(result, ExecutionResult::success());
    assert_eq!(
        (
            house.written("looks").lines().count(),
            house.written("ran").as_str()
        ),
        (9, "once\n")
    );
    assert!(text_of(&log, "sdm").contains(&"not yet: 8 of 10, again in 1ms".to_owned()));
}

#[tokio::test]
async fn ex_06_a_wait_that_is_never_true_fails_and_the_work_does_not_run() {
    let house = House::new();
    let wait = Step {
        poll: Some(Poll {
            retries: 3,
            pause: Duration::from_millis(1),
        }),
        ..house.script("wait", "echo look >> looks; exit 1")
    };
    let steps = vec![wait, house.script("work", "touch ran")];
    let (result, _) = house.run(house.steps(steps)).await;
    assert_eq!(
        (result.code, result.message.as_deref()),
        (1, Some("wait: timed out after max retries"))
    );
    assert_eq!(house.written("looks").lines().count(), 3);
    assert!(!house.work().join("ran").exists());
}

#[tokio::test]
async fn a_stop_in_a_pause_is_heard_at_once_and_lets_it_clean_up() {
    let house = House::new();
    let wait = Step {
        poll: Some(Poll {
            retries: 10,
            pause: Duration::from_secs(1000),
        }),
        ..house.script("wait", "echo atm:phase=looked; exit 1")
    };
    let steps = vec![wait, house.finally("clean", "echo $SDM_OUTCOME > outcome")];
    let mut watch = house
        .executor
        .start(&attempt(1), house.steps(steps))
        .await
        .unwrap();
    until_phase(&mut watch, "looked").await;
    let asked = Instant::now();
    house.executor.stop(&attempt(1), "canceled").await.unwrap();
    let result = ended(watch).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 15, Some("stopped"))
    );
    assert_eq!(house.written("outcome"), "failure\n");
}

#[tokio::test]
async fn one_time_limit_and_one_grace_hold_for_all_steps() {
    let house = House::new();
    let steps = vec![
        house.script("quick", "sleep 0.2"),
        house.script("slow", "sleep 1000"),
        house.finally(
            "clean",
            "trap '' TERM; echo $SDM_OUTCOME > outcome; while :; do sleep 1; done",
        ),
        house.finally("never", "touch ran"),
    ];
    let mut spec = house.steps(steps);
    (spec.timeout, spec.grace) = (Duration::from_millis(400), Duration::from_millis(300));
    let begun = Instant::now();
    let (result, _) = house.run(spec).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(result.phase.as_deref(), Some("timeout"));
    assert_eq!(house.written("outcome"), "failure\n");
    assert!(!house.work().join("ran").exists());
}

#[tokio::test]
async fn what_a_step_leaves_running_serves_the_next_and_ends_with_the_last() {
    let house = House::new();
    let serve = "(setsid sh -c 'echo $$ > server; echo serving; exec sleep 1000' &); until test -s server; do sleep 0.01; done";
    let steps = vec![
        house.script("serve", serve),
        house.script("use", "kill -0 $(cat server) && echo alive"),
    ];
    let (result, log) = house.run(house.steps(steps)).await;
    assert_eq!(result, ExecutionResult::success());
    assert!(text_of(&log, "out").contains(&"alive".to_owned()));
    assert!(!lives(pid_in(&house.work().join("server"))));
}

#[tokio::test]
async fn a_killed_supervisor_takes_every_step_with_it_and_a_restart_changes_nothing() {
    let mut house = House::new();
    let steps = vec![
        house.script(
            "one",
            "(setsid sh -c 'echo $$ > left; exec sleep 1000' &); until test -s left; do sleep 0.01; done",
        ),
        house.script("two", "until test -e go; do sleep 0.01; done; exec sleep 1000"),
    ];
    let mut watch = house
        .executor
        .start(&attempt(1), house.steps(steps))
        .await
        .unwrap();
    until_phase(&mut watch, "two").await;
    drop(watch);
    house.restart();
    let mut watch = house.executor.watch(&attempt(1)).await.unwrap();
    until_phase(&mut watch, "two").await;
    let left = pid_in(&house.work().join("left"));
    assert!(lives(left));
    kill(supervisor_of(&house.directory(1)), Signal::SIGKILL).unwrap();
    assert!(matches!(story(watch).await.last(), Some(ExecutionNews::Lost)));
    assert!(!lives(left));
}
