//! What is done at the hub's computer, beside the hub, in the audit log (security model 16): by whom, once, and whether or not a hub runs
//! meanwhile.

use std::sync::Arc;

use sdm::access::audit::{Given, verify};
use sdm::hub::administration::Administration;
use sdm::hub::console::{ConsoleUser, at_console};
use sdm::hub::restore::restore;
use sdm::hub::{HubOptions, start};
use sdm::model::Timestamp;
use sdm::ports::hub::StoredRegistration;
use sdm::ports::people::{People as _, PersonChange, PersonRole, PersonState};
use sdm::runtime::clock::{Clock as _, SystemClock};
use sdm::secrets::envelope::{MasterKey, MasterKeys};
use sdm::store::hub::Place;
use sdm::wire::hub::PolicyName;
use serde_json::{Value, json};

use super::arriving::registered;
use super::audit::{Audited, QUESTION};
use super::machine::{PATIENCE, quick, registration, wish};
use super::people::{has_come_in, signed_in};

/// Whoever is at the console.
fn olga() -> ConsoleUser {
    ConsoleUser {
        name: "olga".to_owned(),
        id: 1000,
    }
}

/// Another role.
fn to_be(role: PersonRole) -> PersonChange {
    PersonChange {
        role: Some(role),
        ..PersonChange::default()
    }
}

/// A machine whose key is not there any more.
fn machine() -> StoredRegistration {
    StoredRegistration {
        id: "r-1".to_owned(),
        workspace: "w".to_owned(),
        name: "m".to_owned(),
        version: "1.0.0".to_owned(),
        policy: PolicyName::Durable,
        body: registration("m", "1.0.0", "durable").to_string(),
        principal: "gone".to_owned(),
        position: 0,
        alive_until: Timestamp::from_micros(0),
    }
}

#[tokio::test]
async fn what_is_changed_beside_the_hub_is_the_doing_of_whoever_is_at_the_console() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    signed_in(hub, "ada", PersonRole::Member).await;
    let who = json!("console:olga (uid 1000)");
    // The hub has looked at what there was before.
    hub.post("/graphql/team/w", &hub.key, &json!({ "query": QUESTION }))
        .await;
    let mut wished = wish(&["graph:read"]);
    wished.name = "beside".to_owned();
    let administration = hub.administration();
    let (key, text) = at_console(olga(), administration.new_key(&wished)).await.unwrap();
    // Also when whoever was given it is faster than the hub looks.
    hub.post("/graphql/team/w", &text, &json!({ "query": QUESTION }))
        .await;
    let said = format!("{} of addon:beside", key.id);
    assert_eq!(audited.said("key.create", &said).await["principal"], who);
    let agreed = audited.said("addon.approve", "addon:beside active").await;
    assert_eq!(agreed["principal"], who, "{agreed}");
    at_console(olga(), administration.revoke_key(&key.id))
        .await
        .unwrap();
    assert_eq!(audited.said("key.revoke", &said).await["principal"], who);
    let change = PersonChange {
        state: Some(PersonState::Suspended),
        ..PersonChange::default()
    };
    at_console(olga(), administration.change_person("ada", &change))
        .await
        .unwrap();
    let suspended = audited.said("person.suspend", "person:ada is suspended").await;
    assert_eq!(suspended["principal"], who);
    // By nobody whom anything names, as before.
    let back = PersonChange {
        state: Some(PersonState::Active),
        ..PersonChange::default()
    };
    hub.hub.memory().change_person("ada", &back, &[]).await.unwrap();
    let back = audited.said("person.role", "person:ada is let in again").await;
    assert_eq!(back["principal"], json!("anonymous"));
    verify(audited.text().as_bytes(), Given::default()).unwrap();
}

/// Where a hub that is stopped keeps its memory and its log.
struct Stopped {
    directory: crate::support::remains::Remains,
}

impl Stopped {
    /// After a first life, in which ada came in.
    async fn new() -> Self {
        let stopped = Self {
            directory: crate::support::remains::directory(),
        };
        let hub = start(stopped.options()).await.unwrap();
        has_come_in(hub.memory(), "ada", PersonRole::Member).await;
        registered(hub.memory(), &machine(), "addon:m").await;
        assert!(hub.stop().await);
        stopped
    }

    fn place(&self) -> Place {
        Place::File(self.directory.path().join("hub.db"))
    }

    fn options(&self) -> HubOptions {
        let mut options = HubOptions::new(self.place(), "127.0.0.1:0".parse().unwrap());
        options.rhythm = quick();
        options.audit = Some(self.directory.path().join("audit.jsonl"));
        options
    }

    /// What somebody does at the console meanwhile, of every kind; what the log must say of it.
    async fn change(&self) -> Vec<(&'static str, String)> {
        let administration = Administration::open(&self.place(), false).await.unwrap();
        let changes = async {
            let (key, _) = administration.new_key(&wish(&["graph:read"])).await.unwrap();
            administration.revoke_key(&key.id).await.unwrap();
            let grants = administration.grants().await.unwrap();
            administration.take(&grants[0].id, false).await.unwrap();
            administration.let_exceed(true).await.unwrap();
            for role in [PersonRole::Admin, PersonRole::Owner, PersonRole::Member] {
                let changed = administration.change_person("ada", &to_be(role)).await;
                assert_eq!(changed.is_ok(), role != PersonRole::Member, "she is the last");
            }
            administration.link_for("ada", "http://hub").await.unwrap();
            administration.send_away("r-1").await.unwrap();
            administration.let_in("r-1").await.unwrap();
            let master = MasterKey::parse(&MasterKey::fresh_text().unwrap()).unwrap();
            let keys = Arc::new(MasterKeys::new(master, Vec::new()));
            administration.seal_all_again(keys).await.unwrap();
            key.id
        };
        let key = at_console(olga(), changes).await;
        administration.close().await;
        vec![
            ("addon.approve", "addon:test active: graph:read".to_owned()),
            ("addon.grant", "gave addon:test: admin on *".to_owned()),
            ("key.create", format!("{key} of addon:test")),
            ("key.revoke", format!("{key} of addon:test")),
            ("addon.grant", "took addon:test: admin on *".to_owned()),
            ("policy.apply", "setting administrators_may_exceed".to_owned()),
            ("person.role", "person:ada is admin now".to_owned()),
            ("person.role", "person:ada is owner now".to_owned()),
            ("credential.manage", "a link signs person:ada in".to_owned()),
            (
                "addon.register",
                "machine m@1.0.0 of nobody in w was taken away".to_owned(),
            ),
            (
                "addon.register",
                "machine m@1.0.0 of nobody in w may register again".to_owned(),
            ),
            (
                "credential.manage",
                "0 of 0 secrets are wrapped by master key ".to_owned(),
            ),
        ]
    }

    /// What the log says by the doing of whoever was at the console.
    fn said(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap();
        if !text.is_empty() {
            verify(text.as_bytes(), Given::default()).unwrap();
        }
        let entries = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_olga = entries.filter(|entry| entry["principal"] == json!("console:olga (uid 1000)"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        of_olga
            .map(|entry| (text(&entry["operation"]), text(&entry["rule"])))
            .collect()
    }

    /// What was done is in the log, once and in its order.
    fn holds(&self, expected: &[(&'static str, String)]) {
        let said = self.said();
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for ((operation, rule), (wanted, text)) in said.iter().zip(expected) {
            assert!(
                operation == wanted && rule.contains(text.as_str()),
                "{operation} {rule} instead of {wanted} {text}"
            );
        }
    }

    /// When it was done, by what the log says, and when it was written down.
    fn moments(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap();
        let entries = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_olga = entries.filter(|entry| entry["principal"] == json!("console:olga (uid 1000)"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        of_olga
            .map(|entry| (text(&entry["done"]), text(&entry["time"])))
            .collect()
    }

    async fn start(&self) {
        let hub = start(self.options()).await.unwrap();
        assert!(hub.stop().await);
    }
}

#[tokio::test]
async fn k3_what_is_changed_while_no_hub_runs_is_in_the_log_before_one_serves() {
    let stopped = Stopped::new().await;
    let expected = stopped.change().await;
    assert_eq!(stopped.said(), [], "nobody writes the log meanwhile");
    let begun = SystemClock.now().rfc3339();
    let hub = start(stopped.options()).await.unwrap();
    stopped.holds(&expected);
    let moments = stopped.moments();
    assert!(moments.is_sorted(), "{moments:?}");
    let is_later =
        |(done, written): &(String, String)| !done.is_empty() && *done <= begun && begun <= *written;
    assert!(moments.iter().all(is_later), "{moments:?} {begun}");
    assert!(hub.stop().await);
    stopped.start().await;
    stopped.holds(&expected);
}

#[tokio::test]
async fn k3_what_was_written_before_a_crash_is_not_written_again_and_the_rest_is() {
    let stopped = Stopped::new().await;
    let expected = stopped.change().await;
    let memory = stopped.directory.path().join("hub.db");
    let before = stopped.directory.path().join("before.db");
    let administration = Administration::open(&stopped.place(), false).await.unwrap();
    administration.back_up(&before).await.unwrap();
    administration.close().await;
    stopped.start().await;
    let log = stopped.directory.path().join("audit.jsonl");
    let whole = std::fs::read_to_string(&log).unwrap();
    let own = whole.find("console:olga").unwrap();
    let first = whole[..own].matches('\n').count();
    // The hub had written so many of them, and the beginning of the next, when it ended, and its memory knew nothing of it.
    for written in 0..=expected.len() {
        let lines = whole.split_inclusive('\n').take(first + written);
        let mut text: String = lines.collect();
        text.push_str("{\"id\":");
        std::fs::write(&log, text).unwrap();
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(memory.with_file_name(format!("hub.db{ending}")));
        }
        std::fs::copy(&before, &memory).unwrap();
        stopped.start().await;
        stopped.holds(&expected);
    }
}

#[tokio::test]
async fn what_is_undone_at_the_console_before_a_hub_looks_is_in_the_log_all_the_same() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    has_come_in(hub.hub.memory(), "ada", PersonRole::Member).await;
    audited
        .said("person.invite", "person:ada has come in as member")
        .await;
    let administration = hub.administration();
    let role = async |role: PersonRole| {
        administration.change_person("ada", &to_be(role)).await.unwrap();
    };
    has_come_in(hub.hub.memory(), "root", PersonRole::Admin).await;
    at_console(olga(), async {
        for _ in 0..3 {
            role(PersonRole::Admin).await;
            role(PersonRole::Member).await;
        }
    })
    .await;
    let begun = std::time::Instant::now();
    loop {
        let text = audited.text();
        let times = |said: &str| text.matches(said).count();
        if times("person:ada is admin now") == 3 && times("person:ada is member now") == 3 {
            assert_eq!(text.matches("console:olga").count(), 6, "{text}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn k4_that_the_memory_was_put_back_is_in_the_log_and_which_keys_that_ends() {
    let stopped = Stopped::new().await;
    let copy = stopped.directory.path().join("copy.db");
    let administration = Administration::open(&stopped.place(), false).await.unwrap();
    administration.back_up(&copy).await.unwrap();
    let (key, _) = administration.new_key(&wish(&["graph:read"])).await.unwrap();
    administration.close().await;
    let file = stopped.directory.path().join("hub.db");
    let restored = at_console(olga(), restore(&copy, &file)).await.unwrap();
    stopped.start().await;
    let back = format!(
        "the hub's memory was put back to {}",
        restored.known_until.rfc3339()
    );
    stopped.holds(&[
        ("settings.write", back),
        ("key.revoke", format!("{} of addon:test", key.id)),
    ]);
}
