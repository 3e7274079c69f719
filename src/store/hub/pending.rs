//! What a unit of work has changed and not written yet: written together, in few statements of many rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::AnyConnection;

use super::deliveries::{WAIT, row_of};
use super::indexed::{indexed, indexed_fields, is_followed, is_shared};
use super::rows::{Cell, ManyRows, Row};
use super::statement::to_json;
use crate::ports::graph::Node;
use crate::ports::hub::NewDelivery;

/// Nodes or deliveries after which it is time to write.
pub(super) const MANY: usize = 2_000;

/// A node that is to be written.
#[derive(Debug)]
struct Waiting {
    node: Arc<Node>,
    /// What is in the database of it; none when it is not there.
    known: Option<Arc<Node>>,
    position: i64,
}

impl Waiting {
    fn had_key(&self, key: &String) -> bool {
        self.known.as_ref().is_some_and(|known| known.keys.contains(key))
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    nodes: Vec<Waiting>,
    /// Where a node is in `nodes`, by type and id.
    places: HashMap<(String, String), usize>,
    /// Types of the nodes that wait.
    kinds: HashSet<String>,
    /// Versions that are kept.
    versions: Vec<Row>,
    deliveries: Vec<Row>,
}

impl Pending {
    /// Whether it is time to write.
    pub(super) fn is_much(&self) -> bool {
        self.nodes.len() >= MANY || self.deliveries.len() >= MANY
    }

    /// Whether a node of this type waits.
    pub(super) fn has_kind(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Puts right what the database says that there is of these ids, by what waits.
    pub(super) fn of_ids(&self, kind: &str, ids: &[String], found: &mut HashMap<String, Arc<Node>>) {
        if !self.has_kind(kind) {
            return;
        }
        for id in ids {
            if let Some(place) = self.places.get(&(kind.to_owned(), id.clone())) {
                found.insert(id.clone(), Arc::clone(&self.nodes[*place].node));
            }
        }
    }

    /// Puts right what the database says that these keys name, by what waits.
    pub(super) fn name(&self, kind: &str, keys: &[String], found: &mut HashMap<String, Arc<Node>>) {
        if !self.has_kind(kind) {
            return;
        }
        for node in found.values_mut() {
            let place = (kind.to_owned(), node.id().to_owned());
            if let Some(place) = self.places.get(&place) {
                *node = Arc::clone(&self.nodes[*place].node);
            }
        }
        let asked: HashSet<&String> = keys.iter().collect();
        for waiting in self.nodes.iter().filter(|waiting| waiting.node.kind == kind) {
            let node = &waiting.node;
            for (number, key) in node
                .keys
                .iter()
                .enumerate()
                .filter(|(_, key)| asked.contains(key))
            {
                let is_id = number == 0;
                // Its other keys name it from now on, unless they are somebody's id.
                let is_news = !waiting.had_key(key) && found.get(key).is_none_or(|other| other.id() != key);
                if is_id || is_news {
                    found.insert(key.clone(), Arc::clone(node));
                }
            }
        }
    }

    /// One more node; in place of itself, when it waits already.
    pub(super) fn add(
        &mut self,
        node: &Arc<Node>,
        known: Option<&Arc<Node>>,
        keeps_history: bool,
        position: i64,
    ) {
        if keeps_history {
            let mut row = cells_of(node);
            row.push(position.into());
            self.versions.push(row);
        }
        let place = (node.kind.clone(), node.id().to_owned());
        match self.places.get(&place) {
            Some(place) => {
                let waiting = &mut self.nodes[*place];
                waiting.node = Arc::clone(node);
                waiting.position = position;
            }
            None => {
                self.kinds.insert(node.kind.clone());
                self.places.insert(place, self.nodes.len());
                self.nodes.push(Waiting {
                    node: Arc::clone(node),
                    known: known.cloned(),
                    position,
                });
            }
        }
    }

    /// One more delivery; `after` orders those of one moment.
    pub(super) fn deliver(&mut self, delivery: &NewDelivery, after: i64) {
        self.deliveries.push(row_of(delivery, after));
    }

    /// Writes everything.
    pub(super) async fn write(
        self,
        connection: &mut AnyConnection,
        workspace: &str,
    ) -> Result<(), sqlx::Error> {
        static NODE: ManyRows = ManyRows::new(
            "INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) \
             SELECT $1, v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, v.column6 FROM",
            "WHERE v.column1 IS NOT NULL ON CONFLICT (workspace, kind, id) DO UPDATE SET keys = excluded.keys, \
             body = excluded.body, links = excluded.links, changed = excluded.changed",
        );
        static VERSION: ManyRows = ManyRows::new(
            "INSERT INTO hub_node_version (workspace, kind, id, keys, body, links, changed) SELECT $1, v.* FROM",
            "WHERE v.column1 IS NOT NULL",
        );
        let nodes = &self.nodes;
        let whole = nodes.iter().map(|waiting| {
            let mut row = cells_of(&waiting.node);
            row.push(waiting.position.into());
            row
        });
        NODE.execute(connection, workspace, whole.collect()).await?;
        write_keys(connection, workspace, nodes).await?;
        write_links(connection, workspace, nodes).await?;
        write_values(connection, workspace, nodes).await?;
        VERSION.execute(connection, workspace, self.versions).await?;
        WAIT.execute(connection, workspace, self.deliveries).await
    }
}

/// Takes what can be found of a node out of the tables beside it.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    workspace: &str,
    node: &Node,
) -> Result<(), sqlx::Error> {
    let keys = node.keys.iter().skip(1);
    let keys = keys.map(|key| cells([&node.kind, key, node.id()])).collect();
    FORGET_KEY.execute(connection, workspace, keys).await?;
    let links = links_of(node).map(|link| link_row(node, link)).collect();
    FORGET_LINK.execute(connection, workspace, links).await?;
    let values = values_of(node).map(|(field, value)| cells([&node.kind, field, &value, node.id()]));
    FORGET_VALUE
        .execute(connection, workspace, values.collect())
        .await
}

static FORGET_KEY: ManyRows = ManyRows::new(
    "DELETE FROM hub_node_key WHERE workspace = $1 AND (kind, key, id) IN (SELECT v.* FROM",
    ")",
);
static FORGET_LINK: ManyRows = ManyRows::new(
    "DELETE FROM hub_node_link WHERE workspace = $1 AND (kind, field, target, id) IN (SELECT v.* FROM",
    ")",
);
static FORGET_VALUE: ManyRows = ManyRows::new(
    "DELETE FROM hub_node_value WHERE workspace = $1 AND (kind, field, value, id) IN (SELECT v.* FROM",
    ")",
);

fn cells<const N: usize>(texts: [&str; N]) -> Row {
    texts.map(Cell::from).to_vec()
}

fn cells_of(node: &Node) -> Row {
    vec![
        node.kind.as_str().into(),
        node.id().into(),
        to_json(&node.keys).into(),
        to_json(&node.body).into(),
        to_json(&node.links).into(),
    ]
}

async fn write_keys(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    static KEY: ManyRows = ManyRows::new(
        "INSERT INTO hub_node_key (workspace, kind, key, id) SELECT $1, v.* FROM",
        "WHERE v.column1 IS NOT NULL ON CONFLICT (workspace, kind, key) DO UPDATE SET id = excluded.id",
    );
    // The last node that has a key is the one that it names.
    let mut keys: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for waiting in nodes {
        let node = &waiting.node;
        // A key that it had before may be another's by now.
        let new = node.keys.iter().skip(1).filter(|key| !waiting.had_key(key));
        keys.extend(new.map(|key| ((node.kind.as_str(), key.as_str()), node.id())));
    }
    let row = |((kind, key), id): ((&str, &str), &str)| cells([kind, key, id]);
    KEY.execute(connection, workspace, keys.into_iter().map(row).collect())
        .await
}

/// A link field and one of its targets.
type Link<'n> = (&'n str, &'n str);

fn links_of(node: &Node) -> impl Iterator<Item = Link<'_>> {
    let followed = node
        .links
        .iter()
        .filter(|(field, _)| is_followed(&node.kind, field));
    followed.flat_map(|(field, targets)| {
        targets
            .iter()
            .map(move |target| (field.as_str(), target.as_str()))
    })
}

fn link_row(node: &Node, (field, target): Link<'_>) -> Row {
    cells([&node.kind, field, target, node.id()])
}

async fn write_links(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    static LINK: ManyRows = ManyRows::new(
        "INSERT INTO hub_node_link (workspace, kind, field, target, id) SELECT $1, v.* FROM",
        "WHERE v.column1 IS NOT NULL ON CONFLICT DO NOTHING",
    );
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for Waiting { node, known, .. } in nodes {
        if known.as_ref().is_some_and(|known| known.links == node.links) {
            continue;
        }
        let now: HashSet<Link<'_>> = links_of(node).collect();
        let before: HashSet<Link<'_>> = known.iter().flat_map(|known| links_of(known)).collect();
        gone.extend(before.difference(&now).map(|link| link_row(node, *link)));
        new.extend(now.difference(&before).map(|link| link_row(node, *link)));
    }
    FORGET_LINK.execute(connection, workspace, gone).await?;
    LINK.execute(connection, workspace, new).await
}

/// The indexed values of a node.
fn values_of(node: &Node) -> impl Iterator<Item = (&str, String)> {
    let of = |field| Some((field, indexed(node.body.get(field)?)?));
    indexed_fields(&node.kind, &node.body).filter_map(of)
}

/// The fields of which a node has indexed values, or had.
fn fields_of(waiting: &Waiting) -> BTreeSet<&str> {
    let nodes = waiting.known.iter().chain([&waiting.node]);
    nodes
        .flat_map(|node| indexed_fields(&node.kind, &node.body))
        .collect()
}

async fn write_values(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    static VALUE: ManyRows = ManyRows::new(
        "INSERT INTO hub_node_value (workspace, kind, field, value, id, changed) SELECT $1, v.* FROM",
        "WHERE v.column1 IS NOT NULL ON CONFLICT (workspace, kind, field, value, id) DO UPDATE SET changed = excluded.changed",
    );
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for waiting in nodes {
        let node = &waiting.node;
        for field in fields_of(waiting) {
            let value = |node: &Node| indexed(node.body.get(field)?);
            let (before, now) = (waiting.known.as_deref().and_then(value), value(node));
            let row = |value: String| cells([&node.kind, field, &value, node.id()]);
            let is_shared = is_shared(&node.kind, field);
            let is_other = before != now;
            // What many nodes share is kept in the order of changes, and so is new with each.
            if let Some(now) = now.filter(|_| is_other || is_shared) {
                let mut row = row(now);
                row.push(if is_shared { waiting.position } else { 0 }.into());
                new.push(row);
            }
            gone.extend(before.filter(|_| is_other).map(row));
        }
    }
    FORGET_VALUE.execute(connection, workspace, gone).await?;
    VALUE.execute(connection, workspace, new).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, others: &[&str]) -> Arc<Node> {
        let keys = std::iter::once(&id).chain(others).map(ToString::to_string);
        Arc::new(Node {
            kind: "Repo".to_owned(),
            keys: keys.collect(),
            ..Node::default()
        })
    }

    /// What keys name, where the database has this and these wait in place of what is known of them.
    fn named(
        has: &[(&str, &Arc<Node>)],
        waiting: &[(Arc<Node>, Option<&Arc<Node>>)],
    ) -> HashMap<String, Vec<String>> {
        let mut pending = Pending::default();
        for (node, known) in waiting {
            pending.add(node, *known, false, 1);
        }
        let has = has
            .iter()
            .map(|(key, node)| ((*key).to_owned(), Arc::clone(node)));
        let (mut found, keys) = (has.collect::<HashMap<_, _>>(), ["1", "2", "a/x", "a/y"]);
        pending.name("Repo", &keys.map(str::to_owned), &mut found);
        pending.name("Other", &keys.map(str::to_owned), &mut found);
        found
            .into_iter()
            .map(|(key, node)| (key, node.keys.clone()))
            .collect()
    }

    #[test]
    fn what_waits_is_found_by_its_id_alone() {
        let before = node("1", &["a/x"]);
        let mut pending = Pending::default();
        pending.add(&node("1", &["a/y"]), Some(&before), false, 1);
        pending.add(&node("2", &["a/x"]), None, false, 2);
        let mut found = HashMap::from([("1".to_owned(), before)]);
        pending.of_ids("Other", &["2".to_owned()], &mut found);
        pending.of_ids("Repo", &["1", "2", "a/y"].map(str::to_owned), &mut found);
        let mut keys: Vec<&[String]> = found.values().map(|node| node.keys.as_slice()).collect();
        keys.sort();
        assert_eq!(keys, [["1", "a/y"], ["2", "a/x"]]);
    }

    #[test]
    fn what_waits_is_found_by_its_keys_as_if_it_were_written() {
        let before = node("1", &["a/x"]);
        let other = node("2", &[]);
        // Its new form, found by its id and by the name that it had.
        let found = named(
            &[("1", &before), ("a/x", &before)],
            &[(node("1", &["a/y"]), Some(&before))],
        );
        assert_eq!(found["1"], ["1", "a/y"]);
        assert_eq!(found["a/x"], ["1", "a/y"], "as the database has it afterwards");
        assert_eq!(found["a/y"], ["1", "a/y"]);
        assert!(!found.contains_key("2"));
        // Another one that is called like it is found by the name.
        let found = named(
            &[("1", &before), ("a/x", &before)],
            &[(node("2", &["a/x"]), None)],
        );
        assert_eq!(
            (&found["1"], &found["a/x"]),
            (&before.keys, &vec!["2".to_owned(), "a/x".to_owned()])
        );
        // An id names its own node, whoever else has it for a key.
        let found = named(&[("2", &other)], &[(node("1", &["2"]), None)]);
        assert_eq!(found["2"], ["2"]);
        // A name that it had before may be another's by now.
        let found = named(
            &[("1", &before), ("a/x", &other)],
            &[(node("1", &["a/x"]), Some(&before))],
        );
        assert_eq!(found["a/x"], ["2"]);
    }
}
