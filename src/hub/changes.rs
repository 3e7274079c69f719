//! The only way into the graph: changes are merged with what is known, and what they cause waits in the same unit of work.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Hub;
use super::access::operations::Operation;
use super::access::sight::{Belongings, GrantedSight};
use super::machines::known::{Machine, Standing};
use super::metrics::Counters;
use super::remembered::{Remembered, Seen};
use super::{channels, goals, jobs};
use crate::graph::Schema;
use crate::graph::answer::{AnswerError, Answering, Everything, Sight};
use crate::model::Timestamp;
use crate::ports::graph::Node;
use crate::ports::hub::{DeliveryKind, HubStoreError, NewDelivery};
use crate::runtime::trace::TraceContext;
use crate::wire::hub::{EventDelivery, EventExtensions, SecretValue};

/// How long an event waits for its machine, or for the answer of one.
const LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Askers whose changes are made before the database begins to write them.
const AT_ONCE: usize = 32;

/// How a node changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// What is said replaces what was known of it; the rest stays.
    Merge,
    /// The same, unless what is known is of a later moment by its `timestamp`: it came late.
    Dated,
    /// It is whole as it is said, and its earlier versions can be asked for.
    Version,
    /// The same as the first, and nobody is told of it.
    Quiet,
    /// The same as the first, of something that has an end: where it is over, nothing changes.
    Unfinished,
    /// It is not there any more.
    Gone,
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
        Self {
            how: How::Dated,
            ..Self::merge(kind, keys, body)
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    /// They are in the graph; so many deliveries wait because of them.
    Deliveries(usize),
    /// They had come before.
    Before,
    /// Somebody has decided over what has changed meanwhile; nothing of that step has.
    Overtaken,
}

/// Where changes come from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin<'a> {
    /// Name of the source, and the id of what came, which is taken in once.
    pub id: Option<(&'a str, &'a str)>,
    /// The trace that what they cause belongs to.
    pub trace: Option<TraceContext>,
}

/// Changes that somebody wants.
pub(super) struct Wanted {
    /// Source and id of what they come from, which is taken in once.
    pub origin: Option<(String, String)>,
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
        wanted: Vec<Wanted>,
        remembered: &mut Remembered,
    ) -> Result<Vec<Applied>, HubStoreError> {
        let work = self.store().begin(workspace).await?;
        let seen = Seen::begin(&*work, remembered);
        seen.look_up(&about(&wanted)).await?;
        let is_new = work.take_in(&origins(&wanted), self.now()).await?;
        let (mut so_far, mut wanted) = (SoFar::of(is_new), wanted.into_iter());
        loop {
            let part: Vec<Wanted> = wanted.by_ref().take(AT_ONCE).collect();
            if part.is_empty() {
                break;
            }
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
        wanted: Vec<Wanted>,
        so_far: &mut SoFar,
    ) -> Result<(), HubStoreError> {
        for Wanted { origin, trace, steps } in wanted {
            if origin.is_some() && !so_far.is_new.next().unwrap_or(true) {
                so_far.applied.push(Applied::Before);
                continue;
            }
            let (mut caused, mut is_overtaken) = (0, false);
            let mut steps = VecDeque::from(steps);
            while let Some(changes) = steps.pop_front() {
                let decides = changes.iter().any(|change| change.how == How::Next);
                let changed = put_all(seen, changes).await?;
                is_overtaken |= decides && changed.is_empty();
                caused += self.cause(workspace, seen, (&changed, trace)).await?;
                caused += self.cause_for_extensions(workspace, seen, &changed).await?;
                so_far.nodes += changed.len();
                let follows = what_follows(seen, &changed, self.now()).await?;
                follows.into_iter().rev().for_each(|step| steps.push_front(step));
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
        let (mut count, belongings) = (0, Belongings::of(seen));
        for node in changed {
            let mut about = None;
            for (machine, number) in machines.listeners(&node.kind) {
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
        let sight: Box<dyn Sight + '_> = match bearer.reaches_everything(operation, now) {
            true => Box::new(Everything),
            false => Box::new(GrantedSight::of(bearer, operation, seen, now)),
        };
        let answering = Answering::new(schema, seen, &*sight);
        match answering.changed(&standing.root, node).await {
            Ok(said) => Ok(said),
            Err(AnswerError::Graph(error)) => Err(error.into()),
            Err(error @ (AnswerError::TooLarge(_) | AnswerError::Argument { .. })) => {
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
        }
    }
}

/// Ids of the nodes that all these changes are about, by type.
fn about(wanted: &[Wanted]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut of_kind: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for change in wanted.iter().flat_map(|wanted| wanted.steps.iter().flatten()) {
        let ids = of_kind.entry(change.node.kind.as_str()).or_default();
        ids.insert(change.node.id());
    }
    of_kind
}

/// Where these come from, as far as they come from somewhere.
fn origins(wanted: &[Wanted]) -> Vec<(&str, &str)> {
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
    Ok(steps)
}

/// Stores what changes make of their nodes; those that are not as they were, each once and in its last form.
async fn put_all(seen: &Seen<'_>, changes: Vec<Change>) -> Result<Vec<Arc<Node>>, HubStoreError> {
    let mut changed: Vec<Arc<Node>> = Vec::new();
    for change in changes {
        let is_quiet = change.how == How::Quiet;
        if let Some(node) = put(seen, change).await?.filter(|_| !is_quiet) {
            changed.retain(|earlier| earlier.kind != node.kind || earlier.id() != node.id());
            changed.push(node);
        }
    }
    Ok(changed)
}

/// Stores what a change makes of a node; `None` when it changes nothing.
async fn put(seen: &Seen<'_>, change: Change) -> Result<Option<Arc<Node>>, HubStoreError> {
    let Change { node, how } = change;
    let known = seen.known(&node.kind, node.id()).await?;
    if how == How::Gone {
        if let Some(known) = &known {
            seen.remove(known).await?;
        }
        return Ok(None);
    }
    let Some(mut node) = made_of(known.as_deref(), node, how) else {
        return Ok(None);
    };
    node.body.insert("id".to_owned(), Value::from(node.id()));
    if known.as_ref().is_some_and(|known| **known == node) {
        return Ok(None);
    }
    let keeps_history = match how {
        How::Merge | How::Dated | How::Quiet | How::Unfinished | How::Gone => false,
        How::Version | How::Newer | How::Next => true,
    };
    seen.put(node, known.as_ref(), keeps_history).await.map(Some)
}

/// What becomes of a node by what is said of it; `None` when it is as it was, or what is said came late.
fn made_of(known: Option<&Node>, new: Node, how: How) -> Option<Node> {
    let Some(known) = known else {
        return (how != How::Next).then_some(new);
    };
    if goals::known::is_anothers(known, &new) {
        return None;
    }
    match how {
        How::Merge | How::Quiet => brings_news(known, &new).then(|| merged(known, new)),
        How::Unfinished => (!jobs::is_over(known) && brings_news(known, &new)).then(|| merged(known, new)),
        How::Dated => (!is_earlier(&new, known) && brings_news(known, &new)).then(|| merged(known, new)),
        How::Next => follows(&new, known).then(|| with_keys_of(known, new)),
        How::Newer => (!is_older(&new, known)).then(|| with_keys_of(known, new)),
        How::Version | How::Gone => Some(with_keys_of(known, new)),
    }
}

/// Whether merging would change anything.
fn brings_news(known: &Node, new: &Node) -> bool {
    new.keys.iter().any(|key| !known.keys.contains(key))
        || new
            .body
            .iter()
            .any(|(field, value)| known.body.get(field) != Some(value))
        || new
            .links
            .iter()
            .any(|(field, targets)| known.links.get(field) != Some(targets))
}

/// What is known of a node, with what is new of it.
fn merged(known: &Node, new: Node) -> Node {
    let mut merged = known.clone();
    for key in new.keys {
        if !merged.keys.contains(&key) {
            merged.keys.push(key);
        }
    }
    merged.body.extend(new.body);
    merged.links.extend(new.links);
    merged
}

/// A node that is whole, under the id by which it is known.
fn with_keys_of(known: &Node, mut new: Node) -> Node {
    let mut keys = known.keys.clone();
    keys.extend(new.keys.into_iter().filter(|key| !known.keys.contains(key)));
    new.keys = keys;
    new
}

/// Whether something is told of an earlier moment than is known. Moments are of one forge and of one form.
fn is_earlier(new: &Node, known: &Node) -> bool {
    let moment = |node: &Node| {
        let text = node.body.get("timestamp").and_then(Value::as_str);
        text.and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok())
    };
    match (moment(new), moment(known)) {
        (Some(new), Some(known)) => new < known,
        (_, _) => false,
    }
}

/// Whether a goal is the version after what is known.
fn follows(new: &Node, known: &Node) -> bool {
    let version = |node: &Node| node.body.get("version").and_then(Value::as_i64).unwrap_or(0);
    version(known).checked_add(1) == Some(version(new))
}

/// Whether a goal is an earlier version of what is known (wire protocol 10.3).
fn is_older(new: &Node, known: &Node) -> bool {
    let number = |node: &Node, field: &str| node.body.get(field).and_then(Value::as_i64).unwrap_or(0);
    let rank = |node: &Node| (number(node, "version"), number(node, "ts"));
    rank(new) < rank(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(keys: &[&str], body: Value) -> Node {
        Change::merge("Repo", keys.iter().map(ToString::to_string).collect(), body).node
    }

    #[test]
    fn what_is_told_twice_or_in_parts_comes_together() {
        let known = node(
            &["7", "p/acme/app"],
            json!({"id": "7", "name": "app", "url": "u"}),
        );
        let new = node(
            &["p/acme/app", "p/acme/old"],
            json!({"name": "app2", "owner": "acme"}),
        );
        let whole = merged(&known, new);
        assert_eq!(whole.keys, ["7", "p/acme/app", "p/acme/old"]);
        assert_eq!(
            Value::Object(whole.body),
            json!({"id": "7", "name": "app2", "url": "u", "owner": "acme"})
        );
    }

    #[test]
    fn what_comes_late_is_told_by_its_moment() {
        let told = |moment: &str| node(&["1"], json!({ "timestamp": moment }));
        assert!(is_earlier(
            &told("2026-01-01T00:00:00Z"),
            &told("2026-01-01T01:00:01+01:00")
        ));
        assert!(!is_earlier(
            &told("2026-01-01T00:00:00Z"),
            &told("2026-01-01T00:00:00Z")
        ));
        assert!(!is_earlier(&told("soon"), &told("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn the_newest_version_of_a_goal_counts_and_then_its_time() {
        let goal = |version: i64, ts: i64| node(&["g"], json!({"version": version, "ts": ts}));
        assert!(is_older(&goal(1, 9), &goal(2, 1)));
        assert!(is_older(&goal(2, 1), &goal(2, 2)));
        assert!(!is_older(&goal(2, 2), &goal(2, 2)) && !is_older(&goal(3, 0), &goal(2, 2)));
    }

    #[test]
    fn d3_a_decision_counts_for_the_version_that_was_looked_at() {
        let goal = |version: i64, state: &str| node(&["g"], json!({"version": version, "state": state}));
        let decided = |known: Option<&Node>| made_of(known, goal(3, "approved"), How::Next).is_some();
        assert!(decided(Some(&goal(2, "waiting_for_approval"))));
        for known in [goal(3, "canceled"), goal(1, "planned"), goal(4, "failure")] {
            assert!(!decided(Some(&known)), "{known:?}");
        }
        assert!(!decided(None), "it is gone");
    }
}
