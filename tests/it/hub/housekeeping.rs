//! What a hub does all the time goes on whatever else fails, and its health says what does (threat I8).

use std::time::{Duration, Instant};

use sdm::hub::Rhythm;
use sdm::hub::console::{ConsoleUser, at_console};
use sdm::model::Timestamp;
use sdm::ports::hub::{HubGraph as _, Registrations as _};
use serde_json::Value;

use super::events::push;
use super::machine::{PATIENCE, TestHub, quick, registration, wish};

/// Leases end soon.
fn short() -> Rhythm {
    Rhythm {
        linger: Duration::from_millis(600),
        lease: Duration::from_millis(600),
        ..quick()
    }
}

/// Until when the only machine is alive.
async fn alive_until(hub: &TestHub) -> Timestamp {
    hub.hub.memory().registrations().await.unwrap()[0].alive_until
}

/// What the hub answers there now.
async fn at(hub: &TestHub, path: &str) -> (u16, String) {
    let answer = hub.http.get(hub.url(path)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The text of the hub's health, once it is so.
async fn health(hub: &TestHub, is_so: impl Fn(u16, &str) -> bool) -> String {
    until(hub, "/health", is_so).await
}

/// The text of what it answers there, once it is so.
async fn until(hub: &TestHub, path: &str, is_so: impl Fn(u16, &str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let (status, text) = at(hub, path).await;
        if is_so(status, &text) {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{status} {text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn i8_what_machines_have_is_renewed_while_the_audit_log_cannot_be_written() {
    let directory = crate::support::remains::directory();
    let log = directory.path().join("audit.jsonl");
    // It takes every byte, and can never say that one is safe.
    std::os::unix::fs::symlink("/dev/null", &log).unwrap();
    let hub = TestHub::start_with(|options| {
        options.rhythm = short();
        options.audit = Some(log);
    })
    .await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    machine.settled().await;
    let olga = ConsoleUser {
        name: "olga".to_owned(),
        id: 1000,
    };
    let mut wished = wish(&[]);
    wished.name = "beside".to_owned();
    at_console(olga, hub.administration().new_key(&wished))
        .await
        .unwrap();
    let said = health(&hub, |_, text| text.contains("audit log")).await;
    assert_eq!(
        said,
        "UP, but not what was done at the console (failed to write the audit log)"
    );
    let (then, begun) = (alive_until(&hub).await, Instant::now());
    while alive_until(&hub).await < then.plus(short().linger * 2) {
        assert!(begun.elapsed() < PATIENCE, "nothing is renewed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    machine.settled().await;
}

#[tokio::test]
async fn i8_a_hub_that_can_only_read_its_memory_is_not_well_and_is_again_once_it_can_write() {
    let hub = TestHub::start(short()).await;
    health(&hub, |status, text| (status, text) == (200, "UP")).await;
    // The only writer is with somebody else.
    let writing = hub.hub.memory().begin("w").await.unwrap();
    let said = until(&hub, "/health/ready", |status, _| status == 503).await;
    assert_eq!(said, "NOT READY: the memory cannot be written");
    let said = health(&hub, |status, _| status == 503).await;
    assert!(
        said.starts_with("DOWN: what machines have was last renewed"),
        "{said}"
    );
    drop(writing);
    health(&hub, |status, text| (status, text) == (200, "UP")).await;
    until(&hub, "/health/ready", |status, text| {
        (status, text) == (200, "READY")
    })
    .await;
}

#[tokio::test]
async fn i8_a_hub_that_is_about_to_end_says_so_while_it_still_answers_and_is_well() {
    let hub = TestHub::start_with(|options| options.notice = Duration::from_secs(2)).await;
    let machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    assert_eq!(at(&hub, "/health/ready").await, (200, "READY".to_owned()));
    let TestHub {
        hub: running, http, ..
    } = hub;
    let url = format!("http://{}", running.address);
    let looking = async {
        let begun = Instant::now();
        loop {
            let answer = http.get(format!("{url}/health/ready")).send().await.unwrap();
            if answer.status().as_u16() == 503 {
                let said = answer.text().await.unwrap();
                assert_eq!(said, "NOT READY: the hub is about to end");
                break;
            }
            assert!(begun.elapsed() < PATIENCE);
        }
        let answer = http.get(format!("{url}/health")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "it lives");
        drop(machine);
    };
    let (has_ended_well, ()) = tokio::join!(running.stop(), looking);
    assert!(has_ended_well);
    assert!(http.get(format!("{url}/health/ready")).send().await.is_err());
}

/// A goal set of one goal for a commit, which has ended.
async fn has_ended(hub: &TestHub, set: &str, sha: &str) {
    let of = |kind: &str, more: &str| {
        format!(
            "ingestCustom{kind}(value: {{goalSetId: \"{set}\", sha: \"{}\", branch: \"main\", state: success, ts: 1, \
             repo: {{owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}, {more}}})",
            sha.repeat(40)
        )
    };
    let goal = of(
        "SdmGoal",
        "environment: \"0\", uniqueName: \"g\", name: \"g\", version: 1",
    );
    let again = of(
        "SdmGoal",
        "environment: \"0\", uniqueName: \"g\", name: \"g\", version: 2",
    );
    let set = of("SdmGoalSet", "goalSet: \"build\"");
    for mutation in [goal, again, set] {
        let answer = hub.ask(&format!("mutation {{ {mutation} }}"), Value::Null).await;
        assert!(answer["errors"].is_null(), "{answer}");
    }
}

/// The goal sets and pushes that are known, and how many versions of goals, once they are so.
async fn known(hub: &TestHub, sets: &[&str], pushes: &[&str], versions: usize) {
    const ASK: &str =
        "{ SdmGoalSet { goalSetId } Push { after { sha } } SdmGoal(_showHistory: true) { goalSetId } }";
    let begun = Instant::now();
    loop {
        let answer = hub.ask(ASK, Value::Null).await;
        let texts = |kind: &str, path: &str| {
            let all = answer["data"][kind].as_array().unwrap().iter();
            let mut texts: Vec<String> = all
                .map(|one| one.pointer(path).unwrap().as_str().unwrap().to_owned())
                .collect();
            texts.sort();
            texts
        };
        let shas: Vec<String> = pushes.iter().map(|sha| sha.repeat(40)).collect();
        if texts("SdmGoalSet", "/goalSetId") == sets
            && texts("Push", "/after/sha") == shas
            && texts("SdmGoal", "/goalSetId").len() == versions
        {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_over_for_long_is_forgotten_unless_something_that_counts_is_at_its_commit() {
    let hub = TestHub::start_with(|options| {
        options.rhythm = quick();
        options.history = Some(Duration::from_millis(800));
    })
    .await;
    hub.github("push", "d-1", &push("a", "b")).await;
    hub.github("push", "d-2", &push("b", "d")).await;
    // What stays is looked at before what goes.
    has_ended(&hub, "at-the-head", "d").await;
    has_ended(&hub, "before-it", "b").await;
    known(&hub, &["at-the-head"], &["d"], 2).await;
    hub.github("push", "d-3", &push("d", "e")).await;
    known(&hub, &[], &["e"], 0).await;
}
