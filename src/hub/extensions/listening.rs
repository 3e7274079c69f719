//! What extensions want to hear of (`modules.webhooks`). Whatever changes in the graph waits for them in the unit of work that changes
//! it, as it does for machines, and only what they may see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::access::sight::{GrantedSight, with_addresses_for};
use super::super::remembered::Seen;
use super::known::KnownDescriptor;
use super::{ExtensionError, Extensions};
use crate::access::AddonKey;
use crate::access::snapshot::AddonState;
use crate::graph::answer::Sight as _;
use crate::model::Timestamp;
use crate::ports::graph::Node;
use crate::ports::hub::{DeliveryKind, HubStoreError, NewDelivery};

/// How long an event waits for its extension.
const LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Most extensions that are posted to at once; the others have their turn when one of these has had its own.
const MOST_AT_ONCE: usize = 32;

/// What stands before the key of an extension where machines have the id of their registration.
const PREFIX: &str = "extension:";

/// Under which name deliveries for an extension wait.
pub(super) fn queue(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// The key of the extension for which deliveries of this name wait.
pub(super) fn key_of(queue: &str) -> Option<&str> {
    queue.strip_prefix(PREFIX)
}

/// An event and the address that it is posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// Name of a type of the graph, in whatever case.
    event: String,
    url: String,
}

/// An extension that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Listener {
    key: AddonKey,
    workspaces: Vec<String>,
    wanted: Vec<Wanted>,
}

/// All extensions that listen, as last read, and the bell that says that something waits.
#[derive(Debug, Default)]
pub(in super::super) struct Listening {
    all: RwLock<Arc<Vec<Listener>>>,
    /// Something waits for an extension.
    pub(super) bell: Notify,
    /// Those that are being posted to now.
    posting: Arc<Posting>,
}

#[derive(Debug, Default)]
struct Posting(Mutex<BTreeSet<String>>);

impl Posting {
    fn to(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An extension's turn to be posted to, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    key: String,
    posting: Arc<Posting>,
}

impl Turn {
    /// Whose turn it is.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.posting.to().remove(&self.key);
    }
}

impl Listening {
    fn all(&self) -> Arc<Vec<Listener>> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins an extension's turn; none while it has one, or too many have theirs.
    pub(super) fn begin(&self, key: &str) -> Option<Turn> {
        let mut posting = self.posting.to();
        let is_begun = posting.len() < MOST_AT_ONCE && posting.insert(key.to_owned());
        is_begun.then(|| Turn {
            key: key.to_owned(),
            posting: Arc::clone(&self.posting),
        })
    }

    /// Something waits for an extension.
    pub(in super::super) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) fn replace(&self, listeners: Vec<Listener>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(listeners);
    }
}

fn only<'n, V: Clone + 'n, T: FromIterator<(String, V)>>(
    all: impl IntoIterator<Item = (&'n String, &'n V)>,
    is_shown: impl Fn(&str) -> bool,
) -> T {
    let shown = all.into_iter().filter(|(name, _)| is_shown(name));
    shown.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Extensions {
    /// The extensions that listen now. Events for one that is switched off wait until it is on again, or too old.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(super) async fn listeners(&self) -> Result<Vec<Listener>, ExtensionError> {
        let extensions = self.store.extensions().await?;
        if extensions.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.held().await?;
        let mut listeners = Vec::new();
        for extension in extensions {
            let key = AddonKey::parse(&extension.key)?;
            let state = held.addons.get(&key).map(|addon| addon.registration.state);
            let listens = matches!(state, Some(AddonState::Active | AddonState::Disabled));
            if !listens || extension.descriptor.is_empty() {
                continue;
            }
            let known = KnownDescriptor::kept(
                &extension.descriptor,
                &extension.descriptor_url,
                self.is_development(),
            );
            let known = match known {
                Ok(known) => known,
                // The others go on listening.
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        key = key.as_str(),
                        "an extension hears of nothing, as its descriptor cannot be read"
                    );
                    continue;
                }
            };
            let webhooks = known.descriptor.webhooks.into_iter();
            let wanted = webhooks.map(|webhook| Wanted {
                event: webhook.event,
                url: webhook.url.into(),
            });
            listeners.push(Listener {
                key,
                workspaces: extension.workspaces,
                wanted: wanted.collect(),
            });
        }
        Ok(listeners)
    }
}

impl Hub {
    /// Lets wait for extensions what they want to hear of these nodes and may; how many.
    pub(in super::super) async fn cause_for_extensions(
        &self,
        workspace: &str,
        seen: &Seen<'_>,
        changed: &[Arc<Node>],
    ) -> Result<usize, HubStoreError> {
        let mut count = 0;
        let listeners = self.listening().all();
        let here = |listener: &&Listener| listener.workspaces.iter().any(|own| own == workspace);
        for listener in listeners.iter().filter(here) {
            for node in changed {
                count += self.cause_for(listener, workspace, seen, node).await?;
            }
        }
        Ok(count)
    }

    async fn cause_for(
        &self,
        listener: &Listener,
        workspace: &str,
        seen: &Seen<'_>,
        node: &Node,
    ) -> Result<usize, HubStoreError> {
        let of_kind = |wanted: &&Wanted| wanted.event.eq_ignore_ascii_case(&node.kind);
        let wanted: Vec<&Wanted> = listener.wanted.iter().filter(of_kind).collect();
        if wanted.is_empty() {
            return Ok(0);
        }
        let now = self.now();
        let bearer = self.rights().bearer_of_addon(&listener.key, now);
        let bearer = self.rights().for_whom_is_held(bearer, now);
        let operation = Operation::OpenSocket.row().name;
        let sight = GrantedSight::of(bearer.clone(), operation, seen, now);
        if !sight.sees(node).await? {
            return Ok(0);
        }
        let reaches = bearer.reaches_everything(operation, now);
        let Some(node) = with_addresses_for(node, reaches) else {
            return Ok(0);
        };
        let about = sight.about(&node).await?;
        for one in &wanted {
            let mut webhook = self.webhook(listener, workspace, one, &node);
            webhook.resource.clone_from(&about);
            seen.work().deliver(&webhook).await?;
        }
        Ok(wanted.len())
    }

    fn webhook(&self, listener: &Listener, workspace: &str, wanted: &Wanted, node: &Node) -> NewDelivery {
        let (id, now): (String, Timestamp) = (self.fresh_id(), self.now());
        let schema = self.known().schema(workspace);
        let kind = schema.root(&node.kind);
        // What the hub notes down for itself is in no type, and nobody is shown it.
        let is_shown = |field: &str| kind.is_some_and(|kind| kind.field(field).is_some());
        let data: Map<String, Value> = only(&node.body, is_shown);
        let links: BTreeMap<_, _> = only(&node.links, is_shown);
        let body: Value = json!({
            "event": node.kind, "workspace": workspace, "delivery_id": id, "at": now.rfc3339(),
            "data": data, "links": links,
        });
        NewDelivery {
            id: id.clone(),
            workspace: workspace.to_owned(),
            registration: queue(listener.key.as_str()),
            kind: DeliveryKind::Event,
            operation: wanted.event.clone(),
            correlation: id,
            payload: json!({"url": wanted.url, "body": body}).to_string(),
            resource: String::new(),
            created: now,
            expires: now.plus(LIFE),
            patience: LIFE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_has_one_turn_at_a_time_and_not_too_many_have_theirs() {
        let listening = Listening::default();
        let one = listening.begin("one").expect("nobody is posted to");
        assert_eq!(one.key(), "one");
        assert!(listening.begin("one").is_none(), "it is its turn already");
        let others: Vec<Turn> = (0..MOST_AT_ONCE)
            .filter_map(|number| listening.begin(&number.to_string()))
            .collect();
        assert_eq!(others.len(), MOST_AT_ONCE - 1);
        drop(one);
        assert!(listening.begin("one").is_some(), "it has had its turn");
    }
}
