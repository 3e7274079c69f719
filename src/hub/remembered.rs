//! The graph as changes see it: what this process last wrote or read is not asked for again.
//!
//! Nodes are true as long as nobody else writes to their workspace, which the number of its changes tells. So most of what
//! subscriptions ask of a change is answered without the database, and what is changed can be written together at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::ports::graph::{Find, GraphError, GraphReader, Node, Part};
use crate::ports::hub::{HubStoreError, HubWork};

/// Nodes that are remembered before what was not used since then is forgotten.
const REMEMBERED: usize = 3_000;

/// Answers of one type to what points somewhere that are remembered.
const MOST_LINKING: usize = 1_000;

/// What is remembered of all workspaces.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<String, Remembered>);

impl Memory {
    /// What is remembered of a workspace.
    pub(super) fn of(&mut self, workspace: &str) -> &mut Remembered {
        if self.0.values().map(|one| one.now.count).sum::<usize>() > REMEMBERED {
            self.0.values_mut().for_each(Remembered::grow_older);
            self.0.retain(|_, one| !one.is_empty());
        }
        self.0.entry(workspace.to_owned()).or_default()
    }

    /// What came of a workspace's changes is not sure.
    pub(super) fn forget(&mut self, workspace: &str) {
        self.0.remove(workspace);
    }
}

/// What is remembered of a key.
#[derive(Debug, Clone)]
enum Kept {
    /// The node whose id it is.
    Node(Arc<Node>),
    /// It is no node's id; whether it is another key of one is not known.
    NoId,
    /// It names no node.
    Nobody,
}

impl Kept {
    fn node(self) -> Option<Arc<Node>> {
        match self {
            Self::Node(node) => Some(node),
            Self::NoId | Self::Nobody => None,
        }
    }
}

/// What is remembered by type and key.
#[derive(Debug, Default)]
struct Generation {
    nodes: HashMap<String, HashMap<String, Kept>>,
    count: usize,
}

impl Generation {
    fn find(&self, kind: &str, key: &str) -> Option<&Kept> {
        self.nodes.get(kind)?.get(key)
    }

    fn keep(&mut self, kind: &str, key: &str, kept: Kept) {
        if !self.nodes.contains_key(kind) {
            self.nodes.insert(kind.to_owned(), HashMap::new());
        }
        let of_kind = self.nodes.get_mut(kind).expect("it was made a moment ago");
        if of_kind.insert(key.to_owned(), kept).is_none() {
            self.count += 1;
        }
    }

    fn drop(&mut self, kind: &str, id: &str) {
        let of_kind = self.nodes.get_mut(kind);
        if of_kind.is_some_and(|of_kind| of_kind.remove(id).is_some()) {
            self.count -= 1;
        }
    }
}

/// What is remembered of a workspace.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    change: i64,
    now: Generation,
    /// What was remembered before, and is forgotten unless somebody asks for it.
    before: Generation,
    /// What points somewhere, by type.
    linking: HashMap<String, HashMap<String, Vec<Arc<Node>>>>,
}

impl Remembered {
    /// Begins the unit of work of this number.
    fn begin(&mut self, change: i64) {
        if self.change + 1 != change {
            *self = Self::default();
        }
        self.change = change;
    }

    fn grow_older(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    fn is_empty(&self) -> bool {
        self.now.count == 0 && self.before.count == 0
    }

    /// What is remembered of a key.
    fn find(&mut self, kind: &str, key: &str) -> Option<Kept> {
        if let Some(found) = self.now.find(kind, key) {
            return Some(found.clone());
        }
        let found = self.before.find(kind, key)?.clone();
        self.now.keep(kind, key, found.clone());
        Some(found)
    }

    /// What a key names, if that is remembered; within, `None` if it names nothing.
    fn named(&mut self, kind: &str, key: &str) -> Option<Option<Arc<Node>>> {
        match self.find(kind, key)? {
            Kept::NoId => None,
            known => Some(known.node()),
        }
    }

    /// Remembers a node by its id. Its other keys only are no longer nobody's: they may be another's tomorrow.
    fn keep(&mut self, node: &Arc<Node>) {
        for key in node.keys.iter().skip(1) {
            for generation in [&mut self.now, &mut self.before] {
                if matches!(generation.find(&node.kind, key), Some(Kept::Nobody)) {
                    generation.drop(&node.kind, key);
                }
            }
        }
        self.now.keep(&node.kind, node.id(), Kept::Node(Arc::clone(node)));
    }

    /// There is no node of this key.
    fn miss(&mut self, kind: &str, key: &str) {
        self.now.keep(kind, key, Kept::Nobody);
    }

    /// These are the nodes that there are of these ids.
    fn keep_of_ids(&mut self, kind: &str, ids: &[String], told: &[Arc<Node>]) {
        for id in ids {
            self.now.keep(kind, id, Kept::NoId);
        }
        told.iter().for_each(|node| self.keep(node));
    }

    fn forget(&mut self, kind: &str, id: &str) {
        self.now.drop(kind, id);
        self.before.drop(kind, id);
    }
}

/// The graph of one unit of work.
pub(super) struct Seen<'a> {
    work: &'a dyn HubWork,
    remembered: Mutex<&'a mut Remembered>,
}

impl<'a> Seen<'a> {
    /// Begins a unit of work.
    pub(super) fn begin(work: &'a dyn HubWork, remembered: &'a mut Remembered) -> Self {
        remembered.begin(work.number());
        Self {
            work,
            remembered: Mutex::new(remembered),
        }
    }

    /// The unit of work.
    pub(super) fn work(&self) -> &dyn HubWork {
        self.work
    }

    fn remembered(&self) -> MutexGuard<'_, &'a mut Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up nodes by type and id at once, as far as they are not remembered.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn look_up(&self, wanted: &BTreeMap<&str, BTreeSet<&str>>) -> Result<(), HubStoreError> {
        for (kind, ids) in wanted {
            let unknown: Vec<String> = {
                let mut remembered = self.remembered();
                let unknown = ids.iter().filter(|id| remembered.find(kind, id).is_none());
                unknown.map(ToString::to_string).collect()
            };
            if !unknown.is_empty() {
                let told = self.work.of_ids(kind, &unknown).await?;
                self.remembered().keep_of_ids(kind, &unknown, &told);
            }
        }
        Ok(())
    }

    /// What is known of a node. Only its id tells: its other keys may have been another's, as the name of a repository that
    /// was made anew.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn known(&self, kind: &str, id: &str) -> Result<Option<Arc<Node>>, HubStoreError> {
        if let Some(found) = self.remembered().find(kind, id) {
            return Ok(found.node());
        }
        let ids = [id.to_owned()];
        let told = self.work.of_ids(kind, &ids).await?;
        self.remembered().keep_of_ids(kind, &ids, &told);
        Ok(told.into_iter().next())
    }

    /// Stores a node in place of what is known of it.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn put(
        &self,
        node: Node,
        known: Option<&Arc<Node>>,
        keeps_history: bool,
    ) -> Result<Arc<Node>, HubStoreError> {
        let node = Arc::new(node);
        self.work.put(&node, known, keeps_history).await?;
        let mut remembered = self.remembered();
        remembered.keep(&node);
        remembered.linking.remove(&node.kind);
        Ok(node)
    }

    /// Takes a node away.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn remove(&self, node: &Node) -> Result<(), HubStoreError> {
        self.work.remove(&node.kind, node.id()).await?;
        let mut remembered = self.remembered();
        remembered.forget(&node.kind, node.id());
        remembered.linking.remove(&node.kind);
        Ok(())
    }
}

#[async_trait]
impl GraphReader for Seen<'_> {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut found: Vec<Option<Option<Arc<Node>>>> = {
            let mut remembered = self.remembered();
            keys.iter().map(|key| remembered.named(kind, key)).collect()
        };
        let unknown = keys.iter().zip(&found).filter(|(_, found)| found.is_none());
        let unknown: Vec<String> = unknown.map(|(key, _)| key.clone()).collect();
        if !unknown.is_empty() {
            let told = self.work.graph().nodes(kind, &unknown).await?;
            let mut remembered = self.remembered();
            told.iter().for_each(|node| remembered.keep(node));
            for (key, found) in keys.iter().zip(&mut found) {
                if found.is_none() {
                    let node = named(&told, key);
                    if node.is_none() {
                        remembered.miss(kind, key);
                    }
                    *found = Some(node);
                }
            }
        }
        Ok(found.into_iter().flatten().flatten().collect())
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let place = format!("{field}\n{limit}\n{}", keys.join("\n"));
        let known = self
            .remembered()
            .linking
            .get(kind)
            .and_then(|of_kind| of_kind.get(&place).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.work.graph().linking(kind, field, keys, limit).await?;
        let mut remembered = self.remembered();
        let of_kind = remembered.linking.entry(kind.to_owned()).or_default();
        if of_kind.len() >= MOST_LINKING {
            of_kind.clear();
        }
        of_kind.insert(place, found.clone());
        Ok(found)
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        self.work.graph().find(find).await
    }

    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError> {
        self.work.graph().part(find, from).await
    }

    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError> {
        self.work.graph().weight(find, most).await
    }
}

/// The node that a key names: the one whose id it is before any other.
fn named(nodes: &[Arc<Node>], key: &str) -> Option<Arc<Node>> {
    let own = nodes.iter().find(|node| node.id() == key);
    let has = || nodes.iter().find(|node| node.keys.iter().any(|own| own == key));
    own.or_else(has).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, keys: &[&str]) -> Arc<Node> {
        let keys = std::iter::once(&id).chain(keys).map(ToString::to_string);
        Arc::new(Node {
            kind: "Repo".to_owned(),
            keys: keys.collect(),
            ..Node::default()
        })
    }

    #[test]
    fn what_is_remembered_is_forgotten_when_somebody_else_writes() {
        let mut remembered = Remembered::default();
        remembered.begin(1);
        remembered.miss("Repo", "1");
        remembered.keep(&node("1", &["by-name"]));
        remembered.miss("Repo", "2");
        remembered.begin(2);
        assert!(remembered.named("Repo", "1").unwrap().is_some());
        assert!(
            remembered.named("Repo", "by-name").is_none(),
            "only ids never move"
        );
        assert!(remembered.named("Repo", "2").unwrap().is_none());
        assert!(remembered.find("Repo", "3").is_none());
        remembered.begin(4);
        assert!(remembered.find("Repo", "1").is_none() && remembered.find("Repo", "2").is_none());
    }

    #[test]
    fn a_key_that_nobody_had_is_asked_for_again_when_somebody_has_it() {
        let mut remembered = Remembered::default();
        remembered.miss("Repo", "by-name");
        remembered.keep(&node("1", &["by-name"]));
        assert!(remembered.find("Repo", "by-name").is_none());
    }

    #[test]
    fn what_is_no_id_may_be_another_key() {
        let mut remembered = Remembered::default();
        let ids = ["1".to_owned(), "by-name".to_owned()];
        remembered.keep_of_ids("Repo", &ids, &[node("1", &["by-name"])]);
        assert!(remembered.named("Repo", "1").unwrap().is_some());
        assert!(
            remembered.find("Repo", "by-name").unwrap().node().is_none(),
            "as an id"
        );
        assert!(remembered.named("Repo", "by-name").is_none(), "it is asked for");
        remembered.miss("Repo", "by-name");
        assert!(remembered.named("Repo", "by-name").unwrap().is_none());
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_and_the_rest_stays() {
        let mut memory = Memory::default();
        for number in 0..3 * REMEMBERED {
            let remembered = memory.of("w");
            remembered.keep(&node(&number.to_string(), &[]));
            assert!(
                remembered.find("Repo", "0").is_some(),
                "it is asked for all the time"
            );
        }
        let remembered = memory.of("w");
        assert!(remembered.now.count + remembered.before.count <= 2 * REMEMBERED + 2);
        assert!(remembered.find("Repo", "1").is_none());
        assert!(
            remembered
                .find("Repo", &(3 * REMEMBERED - 1).to_string())
                .is_some()
        );
        memory.forget("w");
        assert!(memory.of("w").is_empty());
    }
}
