//! Settings that all machines of a workspace share, at their hub (semantics 6). A copy of them is the scope `workspace` of this
//! machine's preferences: what was known last counts while the hub is away.
//!
//! The hub says when they have changed (wire protocol 18). They are asked for then, when a conversation begins, and now and then in case
//! that word was lost; of a hub that does not say so, more often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::client::HubError;
use super::{Inner, Team};
use crate::engine::commands::ask::WORKSPACE_SCOPE;
use crate::ports::store::StoreError;
use crate::runtime::causes::chain;
use crate::wire::hub::extensions::SHARED_SETTINGS as NAMESPACE;

/// Between two looks while they talk, where the hub does not tell of changes.
const PAUSE: Duration = Duration::from_secs(30);

/// The same where it does: between eight minutes and twelve, so that not all machines ask at once.
const LONG_PAUSE: Duration = Duration::from_secs(8 * 60);
const LONGER_BY: Duration = Duration::from_secs(4 * 60);

/// Longest that a hub can ask machines to be spread over.
const LONGEST_SPREAD: Duration = Duration::from_secs(5 * 60);

/// After a look, before the next because of what the hub says, however often it does.
const REST: Duration = Duration::from_secs(1);

/// Most settings of a workspace that are copied, by their names.
const MOST: usize = 1_000;

/// Largest setting, in bytes.
const LARGEST: usize = 64 << 10;

const QUESTION: &str = "query TeamConfigurationByNamespace($namespace: String!) { TeamConfiguration(namespace: $namespace) { name value ttlSecs } }";

const SET: &str = "mutation SetTeamConfiguration($namespace: String!, $name: String!, $value: String!, $ttlSecs: Int) { \
                   setTeamConfiguration(namespace: $namespace, name: $name, value: $value, ttlSecs: $ttlSecs) { name } }";

const DELETE: &str = "mutation DeleteTeamConfiguration($namespace: String!, $name: String!) { \
                      deleteTeamConfiguration(namespace: $namespace, name: $name) { name } }";

/// What the hub tells of changes.
#[derive(Debug, Default)]
pub(super) struct Told {
    are_told: AtomicBool,
    /// Within which time to ask; a change is told by each value.
    changed: watch::Sender<Duration>,
}

impl Told {
    /// Whether the hub tells of changes.
    pub(super) fn are_told(&self, are_told: bool) {
        self.are_told.store(are_told, Ordering::Relaxed);
    }

    /// There was a change; to ask for it within this time.
    pub(super) fn changed(&self, spread: Duration) {
        self.changed.send_replace(spread.min(LONGEST_SPREAD));
    }

    /// How long the next look has time without a change.
    fn pause(&self, chance: u64) -> Duration {
        match self.are_told.load(Ordering::Relaxed) {
            true => LONG_PAUSE + part(LONGER_BY, chance),
            false => PAUSE,
        }
    }
}

/// Some part of a time.
fn part(of: Duration, chance: u64) -> Duration {
    of * u32::try_from(chance % 1_000).unwrap_or_default() / 1_000
}

/// A setting as the hub has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    name: String,
    value: Option<String>,
    ttl_secs: Option<u64>,
}

/// A setting as machines see it.
#[derive(Debug, PartialEq)]
struct Shared {
    value: Value,
    lives: Option<Duration>,
}

/// The settings in an answer of the graph; what is no setting, too large or too many is left out.
fn settings(answer: &Value) -> BTreeMap<String, Shared> {
    let listed = answer
        .pointer("/data/TeamConfiguration")
        .and_then(Value::as_array);
    let read = |setting: &Value| Setting::deserialize(setting).ok();
    let settings = listed.into_iter().flatten().filter_map(read);
    let mut all: BTreeMap<String, Shared> = settings.filter_map(shared).collect();
    while all.len() > MOST {
        all.pop_last();
    }
    all
}

fn shared(setting: Setting) -> Option<(String, Shared)> {
    let text = setting.value?;
    let is_name = !setting.name.is_empty() && !setting.name.chars().any(char::is_control);
    let fits = text.len() <= LARGEST && setting.name.len() <= LARGEST;
    let lives = setting.ttl_secs.filter(|seconds| *seconds > 0);
    (is_name && fits).then(|| {
        let shared = Shared {
            // Other programs keep texts there that are no JSON.
            value: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            lives: lives.map(Duration::from_secs),
        };
        (setting.name, shared)
    })
}

impl Team {
    /// Changes or removes a setting that all machines of the workspace share, and the copy of it here.
    ///
    /// # Errors
    /// The hub does not take it, as a sentence; nothing is changed then.
    pub(in crate::daemon) async fn share(
        &self,
        name: &str,
        value: Option<&Value>,
        lives: Option<Duration>,
    ) -> Result<(), String> {
        let inner = &self.0;
        inner
            .tell_setting(name, value, lives)
            .await
            .map_err(|error| format!("the hub does not take it: {}", chain(&error)))?;
        let kept = inner.keep_setting(name, value, lives).await;
        kept.map_err(|error| {
            format!(
                "the hub has it, and the copy here is not written: {}",
                chain(&error)
            )
        })
    }
}

impl Inner {
    /// Keeps the copy up to date while they talk, until told to stop.
    pub(super) async fn run_settings(&self) {
        let stop = self.tasks.stop_token();
        let (mut talks, mut changed) = (self.link.talks(), self.told_settings.changed.subscribe());
        while !stop.is_cancelled() {
            changed.mark_unchanged();
            if *talks.borrow_and_update() {
                self.copy_settings().await;
            }
            let chance = self.engine.fresh_id().as_u64_pair().0;
            tokio::select! {
                () = stop.cancelled() => return,
                is_over = talks.changed() => if is_over.is_err() { return },
                () = tokio::time::sleep(self.told_settings.pause(chance)) => {}
                Ok(()) = changed.changed() => {
                    let spread = part(*changed.borrow(), chance);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(REST.max(spread)) => {}
                    }
                }
            }
        }
    }

    async fn copy_settings(&self) {
        let question = json!({"query": QUESTION, "variables": {"namespace": NAMESPACE}});
        match self.ask_graph(&question).await {
            Ok(answer) => {
                if let Err(error) = self.keep_settings(&settings(&answer)).await {
                    tracing::warn!(error = %chain(&error), "the settings of the workspace are not kept");
                }
            }
            Err(error) => {
                tracing::debug!(error = %chain(&error), "the hub does not tell the settings of the workspace");
            }
        }
    }

    async fn keep_settings(&self, shared: &BTreeMap<String, Shared>) -> Result<(), StoreError> {
        let store = self.engine.store();
        let kept = store.preferences(WORKSPACE_SCOPE, self.engine.now()).await?;
        for name in kept.keys().filter(|name| !shared.contains_key(*name)) {
            store.delete_preference(WORKSPACE_SCOPE, name).await?;
        }
        for (name, setting) in shared {
            if kept.get(name) != Some(&setting.value) {
                self.keep_setting(name, Some(&setting.value), setting.lives)
                    .await?;
            }
        }
        Ok(())
    }

    async fn keep_setting(
        &self,
        name: &str,
        value: Option<&Value>,
        lives: Option<Duration>,
    ) -> Result<(), StoreError> {
        let store = self.engine.store();
        let Some(value) = value else {
            return store.delete_preference(WORKSPACE_SCOPE, name).await.map(|_| ());
        };
        let expires_at = lives.map(|lives| self.engine.now().plus(lives));
        store
            .put_preference(WORKSPACE_SCOPE, name, value, expires_at)
            .await
    }

    async fn tell_setting(
        &self,
        name: &str,
        value: Option<&Value>,
        lives: Option<Duration>,
    ) -> Result<(), HubError> {
        let mut variables = json!({"namespace": NAMESPACE, "name": name});
        let query = match value {
            Some(value) => {
                variables["value"] = json!(value.to_string());
                variables["ttlSecs"] = json!(lives.map(|lives| lives.as_millis().div_ceil(1_000)));
                SET
            }
            None => DELETE,
        };
        let question = json!({"query": query, "variables": variables});
        self.ask_graph(&question).await.map(|_| ())
    }

    /// Asks the graph of the first workspace.
    async fn ask_graph(&self, question: &Value) -> Result<Value, HubError> {
        let key = self.key().await?;
        let workspace = self.hub.workspaces.first().map_or("", String::as_str);
        self.client.ask(&key, workspace, question).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pf_01_a_hub_that_tells_of_changes_is_asked_seldom_and_not_by_all_at_once() {
        let told = Told::default();
        assert_eq!(told.pause(7), PAUSE);
        told.are_told(true);
        let pauses = [0, 500, 999].map(|chance| told.pause(chance));
        assert!(pauses.is_sorted() && pauses[0] == LONG_PAUSE && pauses[2] > pauses[0]);
        told.changed(Duration::MAX);
        assert_eq!(*told.changed.borrow(), LONGEST_SPREAD);
        assert_eq!(part(Duration::from_secs(10), 1_500), Duration::from_secs(5));
    }

    #[test]
    fn pf_01_settings_are_json_or_text_and_have_limits() {
        let setting =
            |name: &str, value: &str, ttl: Value| json!({"name": name, "value": value, "ttlSecs": ttl});
        let answer = |all: Vec<Value>| json!({"data": {"TeamConfiguration": all}});
        let read = settings(&answer(vec![
            setting("region", "\"eu\"", Value::Null),
            setting("limits", "{\"cpu\": 2}", json!(60)),
            setting("text", "not json", json!(0)),
            setting("", "1", Value::Null),
            setting("large", &"x".repeat(LARGEST + 1), Value::Null),
            json!({"name": "nothing", "value": null}),
            json!("no setting"),
        ]));
        let shown: Vec<(&str, &Value, Option<Duration>)> = read
            .iter()
            .map(|(name, shared)| (name.as_str(), &shared.value, shared.lives))
            .collect();
        assert_eq!(
            shown,
            [
                ("limits", &json!({"cpu": 2}), Some(Duration::from_secs(60))),
                ("region", &json!("eu"), None),
                ("text", &json!("not json"), None),
            ]
        );
        let many = (0..2 * MOST).map(|number| setting(&format!("{number:04}"), "1", Value::Null));
        assert_eq!(settings(&answer(many.collect())).len(), MOST);
        assert_eq!(settings(&json!({})), BTreeMap::new());
    }
}
