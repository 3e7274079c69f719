//! Machines that somebody takes away (wire protocol 3.5): they stay away, until they are let in again.

use serde_json::json;

use super::machine::{TestHub, quick, registration, wish};
use sdm::hub::administration::KeyWish;

/// Takes away the registration of a version of machine `m`; its id.
async fn send_away(hub: &TestHub, version: &str) -> String {
    let registrations = hub.administration().registrations().await.unwrap();
    let one = registrations.iter().find(|one| one.version == version).unwrap();
    hub.administration().send_away(&one.id).await.unwrap();
    one.id.clone()
}

#[tokio::test]
async fn a_machine_that_is_taken_away_stays_away_until_it_is_let_in_again() {
    let hub = TestHub::start(quick()).await;
    let one = registration("m", "1.0.0", "durable");
    let mut machine = hub.machine(&one).await;
    machine.settled().await;
    let id = send_away(&hub, "1.0.0").await;
    assert_eq!(machine.closed().await, 4403);
    // As a machine of the original does at once; it ends with this answer.
    let (status, answer) = hub.post("/registration", &hub.key, &one).await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("sent_away")));
    let help = answer["error"]["who_can_fix"].as_str().unwrap();
    assert!(help.contains(&format!("--let-in {id}")), "{help}");
    // Nor after a restart, and with another announcement under the same version neither.
    let hub = hub.restart(quick()).await;
    let mut other = one.clone();
    other["events"] = json!([]);
    assert_eq!(hub.post("/registration", &hub.key, &other).await.0, 403);
    let away = hub.administration().sent_away().await.unwrap();
    assert_eq!((away.len(), away[0].name.as_str()), (1, "m"));
    hub.administration().let_in(&id).await.unwrap();
    hub.administration().let_in(&id).await.unwrap_err();
    let mut back = hub.machine(&one).await;
    back.settled().await;
}

#[tokio::test]
async fn other_versions_and_other_owners_are_others() {
    let hub = TestHub::start(quick()).await;
    let mut old = hub.machine(&registration("m", "1.0.0", "durable")).await;
    old.settled().await;
    let mut new = hub.machine(&registration("m", "2.0.0", "durable")).await;
    new.settled().await;
    // The old one is shadowed and still there; away, it does not come back and win.
    send_away(&hub, "1.0.0").await;
    assert_eq!(old.closed().await, 4403);
    let (status, _) = hub
        .post("/registration", &hub.key, &registration("m", "1.0.0", "durable"))
        .await;
    assert_eq!(status, 403);
    new.settled().await;
    let newer = hub.register(&registration("m", "3.0.0", "durable")).await;
    drop(newer);
    for version in ["2.0.0", "3.0.0"] {
        send_away(&hub, version).await;
    }
    // The name is free for somebody else then, whatever version they have.
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&stranger).await.unwrap();
    let (status, answer) = hub
        .post("/registration", &key, &registration("m", "1.0.0", "durable"))
        .await;
    assert_eq!(status, 200, "{answer}");
}
