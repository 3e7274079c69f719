//! Nodes that a unit of work has changed and not written yet: written together, in few statements of many rows.
//!
//! Statements come in a few sizes only, so that the database need not prepare a new one for every number of rows.

use std::collections::{BTreeMap, HashMap};

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::nodes::{INDEXED, indexed};
use super::statement::{composed, marks, rows, to_json};
use crate::ports::graph::Node;

/// Rows of one statement.
const SIZES: [usize; 5] = [128, 32, 8, 2, 1];

/// Nodes after which it is time to write.
pub(super) const MANY: usize = 1_000;

/// A node that is to be written.
#[derive(Debug)]
struct Waiting {
    node: Node,
    /// What is in the database of it, as far as that is known.
    known: Option<Node>,
    position: i64,
}

/// A row of texts, and at its end perhaps a number.
type Texts = Vec<String>;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    nodes: Vec<Waiting>,
    /// Where a node is in `nodes`, by type and id.
    places: HashMap<(String, String), usize>,
    /// Versions that are kept: rows with their position.
    versions: Vec<(Texts, i64)>,
}

impl Pending {
    /// How many nodes wait.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// One more; in place of itself, when it waits already.
    pub(super) fn add(
        &mut self,
        workspace: &str,
        node: &Node,
        known: Option<&Node>,
        keeps_history: bool,
        position: i64,
    ) {
        if keeps_history {
            self.versions.push((texts_of(workspace, node), position));
        }
        let place = (node.kind.clone(), node.id().to_owned());
        match self.places.get(&place) {
            Some(place) => {
                let waiting = &mut self.nodes[*place];
                waiting.node = node.clone();
                waiting.position = position;
            }
            None => {
                self.places.insert(place, self.nodes.len());
                self.nodes.push(Waiting {
                    node: node.clone(),
                    known: known.cloned(),
                    position,
                });
            }
        }
    }

    /// Writes everything.
    pub(super) async fn write(
        &mut self,
        connection: &mut AnyConnection,
        workspace: &str,
    ) -> Result<(), sqlx::Error> {
        let nodes = std::mem::take(&mut self.nodes);
        self.places.clear();
        write_nodes(connection, workspace, &nodes).await?;
        write_keys(connection, workspace, &nodes).await?;
        write_links(connection, workspace, &nodes).await?;
        write_values(connection, workspace, &nodes).await?;
        const VERSION: (&str, &str) = (
            "INSERT INTO hub_node_version (workspace, kind, id, keys, body, links, changed) VALUES ",
            "",
        );
        insert(
            connection,
            VERSION,
            7,
            std::mem::take(&mut self.versions),
            bind_version,
        )
        .await
    }
}

fn texts_of(workspace: &str, node: &Node) -> Texts {
    vec![
        workspace.to_owned(),
        node.kind.clone(),
        node.id().to_owned(),
        to_json(&node.keys),
        to_json(&node.body),
        to_json(&node.links),
    ]
}

type Statement = Query<'static, Any, AnyArguments>;

fn bind_texts(mut query: Statement, texts: Texts) -> Statement {
    for text in texts {
        query = query.bind(text);
    }
    query
}

fn bind_version(query: Statement, (texts, position): (Texts, i64)) -> Statement {
    bind_texts(query, texts).bind(position)
}

fn bind_node(query: Statement, (texts, position): (Texts, i64)) -> Statement {
    bind_texts(query, texts).bind(position).bind(position)
}

/// Inserts rows in as few statements as their sizes allow.
async fn insert<R>(
    connection: &mut AnyConnection,
    (start, end): (&str, &str),
    width: usize,
    waiting: Vec<R>,
    bind: fn(Statement, R) -> Statement,
) -> Result<(), sqlx::Error> {
    let mut waiting = waiting.into_iter();
    while waiting.len() > 0 {
        let size = SIZES.into_iter().find(|size| *size <= waiting.len()).unwrap_or(1);
        let statement = format!("{start}{} {end}", rows(1, size, width));
        let query = waiting
            .by_ref()
            .take(size)
            .fold(sqlx::query(composed(statement)), bind);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn write_nodes(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    const NODE: (&str, &str) = (
        "INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) VALUES ",
        "ON CONFLICT (workspace, kind, id) DO UPDATE SET keys = excluded.keys, body = excluded.body, \
         links = excluded.links, changed = excluded.changed",
    );
    let rows = nodes
        .iter()
        .map(|waiting| (texts_of(workspace, &waiting.node), waiting.position));
    insert(connection, NODE, 8, rows.collect(), bind_node).await
}

async fn write_keys(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    const KEY: (&str, &str) = (
        "INSERT INTO hub_node_key (workspace, kind, key, id) VALUES ",
        "ON CONFLICT (workspace, kind, key) DO UPDATE SET id = excluded.id",
    );
    // The last node that has a key is the one that it names.
    let mut keys: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for Waiting { node, known, .. } in nodes {
        // A key that it had before may be another's by now.
        let is_new = |key: &&String| known.as_ref().is_none_or(|known| !known.keys.contains(key));
        let new = node.keys.iter().filter(is_new);
        keys.extend(new.map(|key| ((node.kind.as_str(), key.as_str()), node.id())));
    }
    let row =
        |((kind, key), id): ((&str, &str), &str)| [workspace, kind, key, id].map(str::to_owned).to_vec();
    insert(
        connection,
        KEY,
        4,
        keys.into_iter().map(row).collect(),
        bind_texts,
    )
    .await
}

async fn write_links(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    const LINK: (&str, &str) = (
        "INSERT INTO hub_node_link (workspace, kind, field, target, id) VALUES ",
        "ON CONFLICT DO NOTHING",
    );
    let changed = |waiting: &&Waiting| {
        let known = waiting.known.as_ref();
        known.is_none_or(|known| known.links != waiting.node.links)
    };
    let changed: Vec<&Waiting> = nodes.iter().filter(changed).collect();
    forget(connection, "hub_node_link", workspace, &changed).await?;
    let rows = changed.iter().flat_map(|waiting| {
        let node = &waiting.node;
        let targets = node.links.iter().flat_map(|(field, targets)| {
            targets
                .iter()
                .map(move |target| (field.as_str(), target.as_str()))
        });
        targets.map(move |(field, target)| {
            [workspace, node.kind.as_str(), field, target, node.id()]
                .map(str::to_owned)
                .to_vec()
        })
    });
    insert(connection, LINK, 5, rows.collect(), bind_texts).await
}

async fn write_values(
    connection: &mut AnyConnection,
    workspace: &str,
    nodes: &[Waiting],
) -> Result<(), sqlx::Error> {
    const VALUE: (&str, &str) = (
        "INSERT INTO hub_node_value (workspace, kind, field, value, id) VALUES ",
        "ON CONFLICT DO NOTHING",
    );
    let changed = |waiting: &&Waiting| {
        let known = waiting.known.as_ref();
        known.is_none_or(|known| values_of(known) != values_of(&waiting.node))
    };
    let changed: Vec<&Waiting> = nodes.iter().filter(changed).collect();
    forget(connection, "hub_node_value", workspace, &changed).await?;
    let rows = changed.iter().flat_map(|waiting| {
        let node = &waiting.node;
        values_of(node).into_iter().map(move |(field, value)| {
            [workspace, node.kind.as_str(), field, value.as_str(), node.id()]
                .map(str::to_owned)
                .to_vec()
        })
    });
    insert(connection, VALUE, 5, rows.collect(), bind_texts).await
}

fn values_of(node: &Node) -> Vec<(&'static str, String)> {
    INDEXED
        .iter()
        .filter_map(|field| Some((*field, indexed(node.body.get(*field)?)?)))
        .collect()
}

/// Takes rows of these nodes out of a table, type by type.
async fn forget(
    connection: &mut AnyConnection,
    table: &str,
    workspace: &str,
    nodes: &[&Waiting],
) -> Result<(), sqlx::Error> {
    let mut of_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for waiting in nodes {
        let ids = of_kind.entry(waiting.node.kind.as_str()).or_default();
        ids.push(waiting.node.id());
    }
    for (kind, mut ids) in of_kind {
        while !ids.is_empty() {
            let size = SIZES.into_iter().find(|size| *size <= ids.len()).unwrap_or(1);
            let marks = marks(3, size);
            let statement =
                format!("DELETE FROM {table} WHERE workspace = $1 AND kind = $2 AND id IN ({marks})");
            let mut query = sqlx::query(composed(statement))
                .bind(workspace.to_owned())
                .bind(kind.to_owned());
            for id in ids.drain(..size) {
                query = query.bind(id.to_owned());
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}
