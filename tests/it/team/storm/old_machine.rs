//! A machine that speaks as the original does: no acknowledgement, no resumption, an answer when it is done, and a new registration
//! whenever the websocket is gone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sdm::runtime::tasks::Tasks;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::hub::Talk;
use crate::hub::machine::{Machine, registration};

/// It; gone with it is its conversation.
pub struct OldMachine {
    heard: Arc<Mutex<BTreeSet<String>>>,
    _tasks: Tasks,
}

impl OldMachine {
    /// Registers for pushes with a key of its own, and comes back for ever.
    pub fn start(talk: &Talk, key: &str) -> Self {
        let (heard, tasks) = (Arc::<Mutex<BTreeSet<String>>>::default(), Tasks::new());
        let talk = talk.as_machine(key);
        let kept = Arc::clone(&heard);
        tasks.spawn("old machine", async move {
            let mut replica = 0;
            loop {
                if let Some(machine) = come(&talk, replica).await {
                    listen(machine, &kept).await;
                }
                replica = (replica + 1) % talk.addresses.len();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { heard, _tasks: tasks }
    }

    /// Commits that it has heard of.
    pub fn heard(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn come(talk: &Talk, replica: usize) -> Option<Machine> {
    let mut wanted = registration("old", "1.0.0", "durable");
    wanted["team_ids"] = serde_json::json!(["A1"]);
    wanted["events"] = serde_json::json!([{"subscription": "subscription OnPush { Push { after @required { sha } } }", "secrets": []}]);
    let url = talk.register(replica, &wanted).await?;
    let opened = tokio_tungstenite::connect_async(&url).await.ok()?;
    Some(Machine::over(opened.0))
}

/// Hears and answers until the websocket is gone.
async fn listen(mut machine: Machine, heard: &Mutex<BTreeSet<String>>) {
    while let Some(frame) = machine.try_frame().await {
        let Message::Text(text) = frame else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        if let Some(ping) = message.get("ping") {
            machine
                .try_say(&serde_json::json!({ "pong": ping }).to_string())
                .await;
        }
        if let Some(sha) = message["data"]["Push"][0]["after"]["sha"].as_str() {
            heard.lock().unwrap().insert(sha.to_owned());
            machine.try_answer(&message).await;
        }
    }
}
