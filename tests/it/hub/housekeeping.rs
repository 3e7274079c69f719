//! What a hub does all the time goes on whatever else fails, and its health says what does (threat I8).

use std::time::{Duration, Instant};

use sdm::hub::Rhythm;
use sdm::hub::console::{ConsoleUser, at_console};
use sdm::model::Timestamp;
use sdm::ports::hub::{HubGraph as _, Registrations as _};

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

/// Status and text of the hub's health, once it is so.
async fn health(hub: &TestHub, is_so: impl Fn(u16, &str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let answer = hub.http.get(hub.url("/health")).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
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
    let said = health(&hub, |status, _| status == 503).await;
    assert!(
        said.starts_with("DOWN: what machines have was last renewed"),
        "{said}"
    );
    drop(writing);
    health(&hub, |status, text| (status, text) == (200, "UP")).await;
}
