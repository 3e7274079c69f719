//! The only way into the graph: changes are merged with what is known, and what they cause waits in the same unit of work.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Hub;
use super::access::operations::Operation;
use super::access::sight::{Belongings, GrantedSight};
use super::becoming::rank::RANK;
use super::becoming::{is_only_later, is_same_to_see, made_of};
use super::ingest::naming::{Misnamed, Naming, judged};
use super::ingest::unheard;
use super::machines::known::Machine;
use super::machines::standing::Standing;
use super::metrics::Counters;
use super::remembered::{Remembered, Seen};
use super::{channels, jobs};
use crate::graph::Schema;
use crate::graph::answer::{AnswerError, Answering, Everything, Sight};
use crate::model::Timestamp;
use crate::ports::graph::Node;
use crate::ports::hub::{DeliveryKind, HubStoreError, NewDelivery};
use crate::runtime::trace::TraceContext;
use crate::wire::hub::{EventDelivery, EventExtensions, PolicyName, SecretValue};

/// How long an event waits for its machine, or for the answer of one.
const LIFE: Duration = Duration::from_secs(24 * 3_600);

/// The field that says of which moment something is.
pub(super) const MOMENT: &str = "timestamp";

/// Types of which some have ended for good.
const ENDING: [&str; 1] = ["GitHubAppInstallation"];

/// Type of what is remembered of those; it is in no schema.
const ENDED: &str = "Ended";

/// Askers whose changes are made before the database begins to write them.
const AT_ONCE: usize = 32;

/// How a node changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// What is said replaces what was known of it; the rest stays.
    Merge,
    /// The same, but for what is known of a later moment by its `timestamp`: what is said of that came late.
    Dated,
    /// The same, of something that is shown beside whatever happens: where nothing but the moment is new nobody is told.
    Beside,
    /// It never changes: what says more replaces what says less.
    Fact,
    /// It is whole as it is said, and its earlier versions can be asked for.
    Version,
    /// The same as the first, and nobody is told of it.
    Quiet,
    /// The same as the first, of something that has an end: where it is over, nothing changes.
    Unfinished,
    /// It is not there any more.
    Gone,
    /// The same, for good: whatever else is told of it came late.
    Ended,
    /// It is whole, and said by somebody who counts: an older version than the known one changes nothing.
    Newer,
    /// The same by somebody who looked at the version before it: where that is not the known one any more, nothing changes.
    Next,
}

/// A node as somebody tells of it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// It.
    pub node: Node,
    /// How it changes.
    pub how: How,
}

impl Change {
    /// Something that may be known in part.
    pub(super) fn merge(kind: &str, keys: Vec<String>, body: Value) -> Self {
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let node = Node {
            kind: kind.to_owned(),
            keys,
            body,
            ..Node::default()
        };
        Self {
            node,
            how: How::Merge,
        }
    }

    /// Something that may be known in part, as it was at its `timestamp`.
    pub(super) fn dated(kind: &str, keys: Vec<String>, body: Value) -> Self {
        let mut change = Self::merge(kind, keys, body);
        change.how = How::Dated;
        // A moment that nobody says does not take the place of one that somebody said.
        if change.node.body.get(MOMENT).is_some_and(Value::is_null) {
            change.node.body.shift_remove(MOMENT);
        }
        change
    }

    /// Something that never changes, and may be known in part.
    pub(super) fn fact(kind: &str, keys: Vec<String>, body: Value) -> Self {
        Self {
            how: How::Fact,
            ..Self::merge(kind, keys, body)
        }
    }

    /// The same as told of an attempt, and as further among what is told of one moment.
    pub(super) fn ranked(mut self, attempt: i64, further: i64) -> Self {
        if attempt != 0 || further != 0 {
            self.node.body.insert(RANK.to_owned(), json!([attempt, further]));
        }
        self
    }

    /// Something that is shown beside whatever happens, as it was at its `timestamp`.
    pub(super) fn beside(kind: &str, keys: Vec<String>, body: Value) -> Self {
        Self {
            how: How::Beside,
            ..Self::dated(kind, keys, body)
        }
    }

    /// Something that is not there any more, and of which there will never be another with its key.
    pub(super) fn ended(kind: &str, key: String) -> Self {
        Self {
            how: How::Ended,
            ..Self::gone(kind, key)
        }
    }

    /// Something that is not there any more.
    pub(super) fn gone(kind: &str, key: String) -> Self {
        Self {
            how: How::Gone,
            ..Self::merge(kind, vec![key], Value::Null)
        }
    }

    /// The same pointing at other nodes.
    pub(super) fn link(mut self, field: &str, targets: impl IntoIterator<Item = String>) -> Self {
        let targets = targets.into_iter().collect();
        self.node.links.insert(field.to_owned(), targets);
        self
    }
}

/// What became of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applied {
    /// They are in the graph; so many deliveries wait because of them.
    Deliveries(usize),
    /// They had come before.
    Before,
    /// Somebody has decided over what has changed meanwhile; nothing of that step has.
    Overtaken,
    /// They call a repository as it is not called, and nothing has changed; should they come again, they are judged again.
    Misnamed(Box<Misnamed>),
}

/// Where changes come from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin<'a> {
    /// Name of the source, and the id of what came, which is taken in once.
    pub id: Option<(&'a str, &'a str)>,
    /// Repositories as it calls them.
    pub names: &'a [Naming],
    /// The trace that what they cause belongs to.
    pub trace: Option<TraceContext>,
}

/// Changes that somebody wants.
pub(super) struct Wanted {
    /// Source and id of what they come from, which is taken in once.
    pub origin: Option<(String, String)>,
    /// Repositories as it calls them.
    pub names: Vec<Naming>,
    /// The trace that what they cause belongs to.
    pub trace: Option<TraceContext>,
    /// Steps, one after the other: what one causes is seen before the next.
    pub steps: Vec<Vec<Change>>,
}

/// What has become of a unit of work so far.
struct SoFar {
    /// For each origin, whether it comes for the first time.
    is_new: std::vec::IntoIter<bool>,
    applied: Vec<Applied>,
    nodes: usize,
    deliveries: usize,
}

impl SoFar {
    fn of(is_new: Vec<bool>) -> Self {
        Self {
            is_new: is_new.into_iter(),
            applied: Vec::new(),
            nodes: 0,
            deliveries: 0,
        }
    }
}

impl Hub {
    /// Takes changes of several origins in, all or none of them.
    pub(super) async fn apply_in_one(
        &self,
        workspace: &str,
        wanted: &[Arc<Wanted>],
        remembered: &mut Remembered,
    ) -> Result<Vec<Applied>, HubStoreError> {
        // Another replica may have told a machine that it is registered before these came.
        if self.may_have_replicas() {
            self.look_at_machines().await?;
        }
        let work = self.store().begin(workspace).await?;
        let seen = Seen::begin(&*work, remembered);
        seen.look_up(&about(wanted)).await?;
        let is_new = work.take_in(&origins(wanted), self.now()).await?;
        let mut so_far = SoFar::of(is_new);
        for part in wanted.chunks(AT_ONCE) {
            // The database writes what has been made, while more is made.
            let (written, made) = tokio::join!(work.write(), self.make(workspace, &seen, part, &mut so_far));
            written?;
            made?;
        }
        work.commit().await?;
        self.known_workspaces().changed(workspace);
        Counters::count(&self.counters().changes, so_far.nodes as u64);
        Counters::count(&self.counters().deliveries, so_far.deliveries as u64);
        if so_far.deliveries > 0 {
            self.ring();
        }
        Ok(so_far.applied)
    }

    /// Makes of the graph what these want.
    async fn make(
        &self,
        workspace: &str,
        seen: &Seen<'_>,
        wanted: &[Arc<Wanted>],
        so_far: &mut SoFar,
    ) -> Result<(), HubStoreError> {
        for wanted in wanted {
            let (origin, trace) = (&wanted.origin, wanted.trace);
            if origin.is_some() && !so_far.is_new.next().unwrap_or(true) {
                so_far.applied.push(Applied::Before);
                continue;
            }
            let mut steps = match judged(seen, &wanted.names, &wanted.steps).await? {
                Ok(steps) => steps,
                Err(misnamed) => {
                    seen.work().give_back(origin.as_ref()).await?;
                    so_far.applied.push(Applied::Misnamed(Box::new(misnamed)));
                    continue;
                }
            };
            let (mut caused, mut is_overtaken) = (0, false);
            while let Some(changes) = steps.pop_front() {
                let decides = changes.iter().any(|change| change.how == How::Next);
                let news = self.news_of_forges(workspace, seen, &changes).await?;
                let changed = put_all(seen, &changes).await?;
                if let Some(news) = news {
                    self.learn_of_forges(seen, news).await?;
                }
                is_overtaken |= decides && changed.is_empty();
                caused += self.cause(workspace, seen, (&changed, trace)).await?;
                caused += self.cause_for_extensions(workspace, seen, &changed).await?;
                so_far.nodes += changed.len();
                let follows = what_follows(seen, &changed, self.now()).await?;
                let follows = follows.into_iter().rev().map(Cow::Owned);
                follows.for_each(|step| steps.push_front(step));
            }
            so_far.deliveries += caused;
            so_far.applied.push(match is_overtaken {
                true => Applied::Overtaken,
                false => Applied::Deliveries(caused),
            });
            // Whoever writes meanwhile gets on.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Lets wait what subscriptions say of these nodes; how many.
    async fn cause(
        &self,
        workspace: &str,
        seen: &Seen<'_>,
        (changed, trace): (&[Arc<Node>], Option<TraceContext>),
    ) -> Result<usize, HubStoreError> {
        let machines = self.known().machines().workspace(workspace);
        let Some(schema) = machines.schema.as_deref() else {
            return Ok(0);
        };
        let (mut count, belongings) = (0, Belongings::of(seen, self.rights().has_several_forges()));
        for node in changed {
            let mut about = None;
            for (machine, number) in machines.listeners(node) {
                let standing = &machine.standing[*number];
                if !standing.may_match(node) {
                    continue;
                }
                if let Some(value) = self.said(schema, seen, (machine, standing), node).await? {
                    if about.is_none() {
                        about = Some(belongings.about(node).await?);
                    }
                    let mut delivery = self.event(machine, standing, (&node.kind, &value), trace);
                    delivery.resource = about.clone().unwrap_or_default();
                    seen.work().deliver(&delivery).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    async fn said(
        &self,
        schema: &Schema,
        seen: &Seen<'_>,
        (machine, standing): (&Machine, &Standing),
        node: &Arc<Node>,
    ) -> Result<Option<Value>, HubStoreError> {
        let (now, operation) = (self.now(), Operation::OpenSocket.row().name);
        let Some(bearer) = self.bearer_for(&machine.stored.principal, now).await? else {
            return Ok(None);
        };
        let bearer = match machine.stored.policy {
            PolicyName::Durable => self.rights().for_whom_is_held(bearer, now),
            PolicyName::Ephemeral => bearer,
        };
        let sight: Box<dyn Sight + '_> = match bearer.reaches_everything(operation, now) {
            true => Box::new(Everything),
            false => Box::new(GrantedSight::of(bearer, operation, seen, now)),
        };
        let answering = Answering::new(schema, seen, &*sight);
        match answering.changed(&standing.root, node).await {
            Ok(said) => Ok(said),
            Err(AnswerError::Graph(error)) => Err(error.into()),
            Err(
                error @ (AnswerError::TooLarge(_)
                | AnswerError::TooMuch { .. }
                | AnswerError::Argument { .. }),
            ) => {
                tracing::warn!(subscription = %standing.operation, "a subscription cannot be answered: {error}");
                Ok(None)
            }
        }
    }

    fn event(
        &self,
        machine: &Machine,
        standing: &Standing,
        (kind, value): (&str, &Value),
        trace: Option<TraceContext>,
    ) -> NewDelivery {
        let id = self.fresh_id();
        let mut data = Map::new();
        data.insert(kind.to_owned(), json!([value]));
        let event = EventDelivery {
            data,
            extensions: EventExtensions {
                team_id: machine.stored.workspace.clone(),
                team_name: Some(machine.stored.workspace.clone()),
                operation_name: standing.operation.clone(),
                correlation_id: id.clone(),
                delivery_id: None,
                attempt: None,
                traceparent: trace.map(|trace| trace.to_string()),
            },
            secrets: standing
                .secrets
                .iter()
                .map(|secret| SecretValue::none(&secret.uri))
                .collect(),
        };
        let now = self.now();
        NewDelivery {
            id: id.clone(),
            workspace: machine.stored.workspace.clone(),
            registration: machine.stored.id.clone(),
            kind: DeliveryKind::Event,
            operation: standing.operation.clone(),
            correlation: id,
            payload: serde_json::to_string(&event).expect("an event has text keys only"),
            resource: String::new(),
            created: now,
            expires: now.plus(LIFE),
            patience: match standing.is_of_work() {
                true => self.rhythm().work,
                false => self.rhythm().answer,
            },
        }
    }
}

/// Ids of the nodes that all these changes are about, by type.
fn about(wanted: &[Arc<Wanted>]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut of_kind: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for change in wanted.iter().flat_map(|wanted| wanted.steps.iter().flatten()) {
        let ids = of_kind.entry(change.node.kind.as_str()).or_default();
        ids.insert(change.node.id());
    }
    of_kind
}

/// Where these come from, as far as they come from somewhere.
fn origins(wanted: &[Arc<Wanted>]) -> Vec<(&str, &str)> {
    let origins = wanted.iter().filter_map(|wanted| wanted.origin.as_ref());
    origins
        .map(|(source, id)| (source.as_str(), id.as_str()))
        .collect()
}

/// What follows from changes in the same unit of work, in steps.
async fn what_follows(
    seen: &Seen<'_>,
    changed: &[Arc<Node>],
    now: Timestamp,
) -> Result<Vec<Vec<Change>>, HubStoreError> {
    let mut steps = jobs::follows(seen, changed, now).await?;
    steps.extend(channels::follows(changed));
    steps.extend(unheard::follows(seen, changed).await?);
    Ok(steps)
}

/// Stores what changes make of their nodes; those that are not as they were, each once and in its last form.
async fn put_all(seen: &Seen<'_>, changes: &[Change]) -> Result<Vec<Arc<Node>>, HubStoreError> {
    let mut changed: Vec<Arc<Node>> = Vec::new();
    for change in changes {
        if let Some(node) = put(seen, change).await? {
            changed.retain(|earlier| earlier.kind != node.kind || earlier.id() != node.id());
            changed.push(node);
        }
    }
    Ok(changed)
}

/// Stores what a change makes of a node; `None` when it changes nothing that anybody is told of.
async fn put(seen: &Seen<'_>, change: &Change) -> Result<Option<Arc<Node>>, HubStoreError> {
    let Change { node, how } = change;
    let how = *how;
    let known = seen.known(&node.kind, node.id()).await?;
    if how == How::Gone || how == How::Ended {
        if let Some(known) = &known {
            seen.remove(known).await?;
        }
        if how == How::Ended {
            remember_ended(seen, node).await?;
        }
        return Ok(None);
    }
    if ENDING.contains(&node.kind.as_str()) && seen.known(ENDED, &ended_key(node)).await?.is_some() {
        return Ok(None);
    }
    let Some(mut node) = made_of(known.as_deref(), node, how) else {
        return Ok(None);
    };
    node.body.insert("id".to_owned(), Value::from(node.id()));
    if known.as_ref().is_some_and(|known| **known == node) {
        return Ok(None);
    }
    let (keeps_history, is_told) = match how {
        How::Dated | How::Fact => (false, !is_same_to_see(known.as_deref(), &node)),
        How::Merge | How::Unfinished | How::Gone | How::Ended => (false, true),
        How::Quiet => (false, false),
        How::Beside => (false, !is_only_later(known.as_deref(), &node)),
        How::Version | How::Newer | How::Next => (true, true),
    };
    let stored = seen.put(node, known.as_ref(), keeps_history).await?;
    Ok(is_told.then_some(stored))
}

/// Key of what is remembered of something that has ended for good.
fn ended_key(node: &Node) -> String {
    format!("{}/{}", node.kind, node.id())
}

async fn remember_ended(seen: &Seen<'_>, node: &Node) -> Result<(), HubStoreError> {
    let key = ended_key(node);
    let known = seen.known(ENDED, &key).await?;
    let ended = Change::merge(ENDED, vec![key], json!({})).node;
    match known {
        Some(_) => Ok(()),
        None => seen.put(ended, None, false).await.map(|_| ()),
    }
}
