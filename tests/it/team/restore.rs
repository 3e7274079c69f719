//! A hub that was put back to an older point, beside a machine that is ahead of it (threat K4).

use serde_json::json;

use super::real::{RealHub, connected, together, watch};
use super::scene::ONE_GOAL;

async fn until_hub_knows(hub: &RealHub, sha: &str) {
    let look = async || {
        let answer = hub.ask("{ SdmGoal(state: [success]) { sha } }").await?;
        let goals = answer["data"]["SdmGoal"].as_array()?;
        goals.iter().any(|goal| goal["sha"] == sha).then_some(())
    };
    hub.until("the hub knows of the success", look).await;
}

async fn memory(database: &str) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    sqlx::SqliteConnection::connect(&format!("sqlite://{database}"))
        .await
        .unwrap()
}

/// Something is decided about rights, after the backup.
async fn decide(database: &str) {
    let decision = "INSERT INTO hub_policy (name, value) VALUES ('late', '1')";
    let done = sqlx::query(decision).execute(&mut memory(database).await).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
}

async fn is_decided(database: &str) -> bool {
    let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM hub_policy WHERE name = 'late'");
    count.fetch_one(&mut memory(database).await).await.unwrap() == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_what_a_restored_hub_forgot_it_is_told_again_and_revoked_keys_stay_revoked() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let first = machine.commit("first", &[("README.md", "1")]);
    machine.ended_set_of(&first);
    until_hub_knows(&hub, &first).await;
    let stolen = RealHub::person(&machine, "stolen");
    let (database, copy) = (machine.path("hub/hub.db"), machine.path("copy.db"));
    let (database, copy) = (database.to_str().unwrap(), copy.to_str().unwrap());
    machine.ok(&["hub", "backup", copy, "--database", database]);
    // After the backup: a key is revoked, another is made, and a goal succeeds.
    let id = stolen.split('_').nth(2).unwrap();
    machine.ok(&["hub", "key", "revoke", id, "--database", database]);
    RealHub::person(&machine, "late");
    let second = machine.commit("second", &[("README.md", "2")]);
    machine.ended_set_of(&second);
    until_hub_knows(&hub, &second).await;
    let refused = machine.sdm(&["hub", "restore", copy, "--database", database]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("a hub runs on"),
        "{words}"
    );
    hub.kill();
    decide(database).await;
    let damaged = machine.path("damaged.db");
    std::fs::write(&damaged, "no database at all").unwrap();
    let refused = machine.sdm(&[
        "hub",
        "restore",
        damaged.to_str().unwrap(),
        "--database",
        database,
    ]);
    assert!(!refused.status.success());
    let report = machine.json(&["hub", "restore", copy, "--database", database]);
    assert_eq!(report["revoked_keys"], json!([id]), "{report}");
    assert_eq!(report["lost_keys"][0]["owner"], json!("person:late"), "{report}");
    assert!(std::path::Path::new(report["replaced"].as_str().unwrap()).exists());
    hub.run(&machine).await;
    until_hub_knows(&hub, &second).await;
    until_hub_knows(&hub, &first).await;
    let answered = hub
        .http
        .get(format!("{}/metrics", hub.url))
        .bearer_auth(&stolen)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answered.status(),
        401,
        "a key that was revoked does not come back with the memory"
    );
    assert!(
        is_decided(database).await,
        "what was decided about rights since stays decided"
    );
    // Nothing has run twice, and the machine goes on.
    let sets = machine.goal_sets();
    assert_eq!(sets.len(), 2);
    assert!(sets.iter().all(|set| set["goals"][0]["attempt"] == 1), "{sets:?}");
    let log = machine.daemon_log();
    assert!(log.contains("the hub has forgotten something"), "{log}");
    let third = machine.commit("third", &[("README.md", "3")]);
    machine.ended_set_of(&third);
    until_hub_knows(&hub, &third).await;
}
