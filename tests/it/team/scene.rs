//! A machine, its hub, and what the machine is told about it.

use serde_json::{Value, json};

use crate::support::fake_hub::{FakeHub, KEY};
use crate::support::git_servers::{Authority, HttpServer};
use crate::support::local::LocalMachine;

pub const ONE_GOAL: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
"#;

pub struct Scene {
    pub machine: LocalMachine,
    pub hub: FakeHub,
}

impl Scene {
    pub async fn new(goals: &str) -> Self {
        let scene = Self {
            machine: LocalMachine::new(goals),
            hub: FakeHub::start().await,
        };
        scene.configure("");
        scene
    }

    pub async fn with_tls(goals: &str, authority: &Authority) -> Self {
        Self {
            machine: LocalMachine::new(goals),
            hub: FakeHub::start_tls(authority).await,
        }
    }

    /// Writes key and configuration, with `more` at its end.
    pub fn configure(&self, more: &str) {
        self.write_key(KEY);
        let directory = self.machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        let (url, key) = (self.hub.url(), self.machine.path("hub.key"));
        let text = format!(
            "hub: {{address: '{url}', key: {{file: '{}'}}, workspaces: [A1], drain: 3s}}\n{more}",
            key.display()
        );
        std::fs::write(directory.join("config.yaml"), text).unwrap();
    }

    pub fn write_key(&self, key: &str) {
        std::fs::write(self.machine.path("hub.key"), format!("{key}\n")).unwrap();
    }

    /// What the machine says of its hub, once it says this.
    pub fn stands(&self, standing: &str) -> Value {
        self.machine
            .wait_until(&format!("the hub is {standing}"), |machine| {
                let hub = machine.status()?["hub"].clone();
                (hub["standing"] == standing).then_some(hub)
            })
    }

    pub fn log_says(&self, words: &str) {
        self.machine.wait_until(words, |machine| {
            machine.daemon_log().contains(words).then_some(())
        });
    }

    pub fn times_in_log(&self, words: &str) -> usize {
        self.machine.daemon_log().matches(words).count()
    }
}

/// A push of the test repository as the hub tells of it.
pub fn push_event(
    server: &HttpServer,
    delivery: &str,
    push: &str,
    before: Option<&str>,
    after: &str,
) -> Value {
    let forge = server.url("").trim_end_matches('/').to_owned();
    let before = before.map(|sha| json!({ "sha": sha }));
    json!({
        "data": {"Push": [{
            "id": push, "branch": "main", "before": before, "after": {"sha": after},
            "repo": {"id": "4711", "owner": "acme", "name": "app", "url": null, "defaultBranch": "main", "org": {"provider": {
                "providerId": "ghe_1", "providerType": "ghe", "apiUrl": format!("{forge}/api/v3"), "gitUrl": null, "url": forge
            }}}
        }]},
        "extensions": {"team_id": "A1", "operationName": "OnPush", "correlation_id": format!("c-{delivery}"), "delivery_id": delivery},
        "secrets": []
    })
}
