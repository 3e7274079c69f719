//! Whose state this is: where it lies, and which run of the machine it is (threat G6).
//!
//! A state directory that was copied looks as if the machine had moved. Until the hub says that nobody else is this machine,
//! nothing is started from it; what was copied may be running elsewhere. A hub that is away is waited for only so long.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::Inner;
use crate::model::Timestamp;
use crate::ports::store::StoreError;
use crate::wire::hub::Instance;

/// Where it is remembered.
const SCOPE: &str = "machine";
/// Replicas that share a database are machines of their own in this.
const SCOPE_OF_REPLICA: &str = "replica:";
const INSTANCE: &str = "instance";
const PLACE: &str = "place";

/// What the system calls itself.
const SYSTEM_ID: &str = "/etc/machine-id";

/// How long a state directory that may be a copy waits for the hub's word: the hub is never needed for work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a state directory is: the system, and the number of its database there. Moving it within a file system changes neither.
pub(super) fn here(state_directory: &Path) -> Value {
    let system = std::fs::read_to_string(SYSTEM_ID).unwrap_or_default();
    let number = |name: &str| std::fs::metadata(state_directory.join(name)).map(|file| file.ino());
    match number("replica") {
        Ok(replica) => json!({"system": system.trim(), "replica": replica}),
        Err(_) => json!({"system": system.trim(), "database": number("sdm.db").ok()}),
    }
}

impl Inner {
    /// Finds out who this machine is, and whether its state may be a copy.
    pub(super) async fn know_oneself(&self) -> Result<(), StoreError> {
        let (store, now) = (self.engine.store(), self.engine.now());
        let known = store.preference(&self.scope(), INSTANCE, now).await?;
        let known = known.as_ref().and_then(Value::as_str).map(str::to_owned);
        let id = match known {
            Some(id) => id,
            None => {
                let fresh = self.engine.fresh_id().to_string();
                store
                    .put_preference(&self.scope(), INSTANCE, &json!(fresh), None)
                    .await?;
                fresh
            }
        };
        let run = self.engine.fresh_id().to_string();
        self.instance.set(Instance { id, run }).ok();
        match store.preference(&self.scope(), PLACE, now).await? {
            None => self.settle_here().await,
            Some(place) if place == self.place => Ok(()),
            Some(_) => {
                tracing::warn!(
                    "the state directory was copied or moved here: nothing is started until the hub says that no other machine uses it"
                );
                self.engine.hold_work(true);
                Ok(())
            }
        }
    }

    /// The hub has taken us for the machine of this state.
    pub(super) async fn confirmed(&self) -> Result<(), StoreError> {
        self.settle_here().await?;
        self.is_fenced.store(false, Ordering::Relaxed);
        self.engine.hold_work(false);
        Ok(())
    }

    /// A hub that is away cannot say that nobody else is this machine; after a while work goes on all the same.
    pub(super) async fn wait_for_word(&self) {
        let stop = self.tasks.stop_token();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        if self.engine.holds_work() && !self.is_fenced.load(Ordering::Relaxed) {
            tracing::warn!(
                "the hub does not say whether another machine uses this state directory; work goes on"
            );
            self.engine.hold_work(false);
        }
    }

    fn scope(&self) -> String {
        match self.engine.replica() {
            "" => SCOPE.to_owned(),
            replica => format!("{SCOPE_OF_REPLICA}{replica}"),
        }
    }

    async fn settle_here(&self) -> Result<(), StoreError> {
        let (store, now) = (self.engine.store(), self.engine.now());
        if store.preference(&self.scope(), PLACE, now).await?.as_ref() == Some(&self.place) {
            return Ok(());
        }
        store
            .put_preference(&self.scope(), PLACE, &self.place, None)
            .await
    }

    /// The hub refuses us because another machine of the same state is there.
    pub(super) fn fenced_off(&self) {
        self.is_fenced.store(true, Ordering::Relaxed);
        self.engine.hold_work(true);
    }

    /// Somebody else has come to the hub with a copy of our state, and was refused.
    pub(super) fn met_twin(&self, now: Timestamp) {
        tracing::warn!(hub = %self.hub.address,
            "another machine with a copy of this state directory has tried to register; the hub has refused it");
        self.link.met_twin(now);
    }
}
