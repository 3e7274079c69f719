//! The graph as it is read: by key, by what points somewhere, and by search, which is [`super::search`].

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::rows::{Lists, lists};
use super::search::{part, search, weight};
use super::statement::json;
use crate::ports::graph::{Find, GraphError, GraphReader, Node, Part};

/// Most keys that links may point at in one question.
const MOST_TARGETS: usize = 256;

/// The graph of a workspace outside of any unit of work.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) pool: AnyPool,
    pub(super) workspace: String,
}

#[async_trait]
impl GraphReader for Reader {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        by_keys(&mut connection, &self.workspace, kind, keys).await
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        linking(&mut connection, &self.workspace, (kind, field), keys, limit).await
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        search(&mut connection, &self.workspace, find).await
    }

    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        part(&mut connection, &self.workspace, find, from).await
    }

    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        weight(&mut connection, &self.workspace, find, most).await
    }
}

pub(super) fn failed(error: sqlx::Error) -> GraphError {
    GraphError {
        doing: "read the graph",
        source: Box::new(error),
    }
}

pub(super) fn node(row: &AnyRow, kind: &str) -> Result<Arc<Node>, GraphError> {
    let read = || {
        Ok(Node {
            kind: kind.to_owned(),
            keys: json(row, "keys")?,
            body: json(row, "body")?,
            links: json(row, "links")?,
        })
    };
    read().map(Arc::new).map_err(failed)
}

/// Nodes by their keys, in the order of the keys.
pub(super) async fn by_keys(
    connection: &mut AnyConnection,
    workspace: &str,
    kind: &str,
    keys: &[String],
) -> Result<Vec<Arc<Node>>, GraphError> {
    let found = named(connection, workspace, kind, keys).await?;
    Ok(in_order(keys, &found))
}

/// What these keys name, in their order.
pub(super) fn in_order(keys: &[String], found: &HashMap<String, Arc<Node>>) -> Vec<Arc<Node>> {
    keys.iter().filter_map(|key| found.get(key).cloned()).collect()
}

/// What each of these keys names. A key that is a node's id names that node, whoever else has it.
pub(super) async fn named(
    connection: &mut AnyConnection,
    workspace: &str,
    kind: &str,
    keys: &[String],
) -> Result<HashMap<String, Arc<Node>>, GraphError> {
    static ASK: Lists = Lists::new(
        "SELECT n.id AS asked, n.keys, n.body, n.links FROM hub_node n \
         WHERE n.workspace = $1 AND n.kind = $2 AND n.id IN (",
        ") UNION ALL SELECT k.key AS asked, n.keys, n.body, n.links FROM hub_node_key k JOIN hub_node n \
         ON n.workspace = k.workspace AND n.kind = k.kind AND n.id = k.id \
         WHERE k.workspace = $1 AND k.kind = $2 AND k.key IN (",
        ")",
        3,
    );
    let mut found: HashMap<String, Arc<Node>> = HashMap::new();
    for (statement, list) in lists(keys, &ASK) {
        let query = sqlx::query(statement).bind(workspace).bind(kind);
        let query = list
            .into_iter()
            .fold(query, |query, key| query.bind(key.as_str()));
        for row in query.fetch_all(&mut *connection).await.map_err(failed)? {
            let (asked, node) = (row.try_get("asked").map_err(failed)?, node(&row, kind)?);
            match node.id() == asked {
                true => drop(found.insert(asked, node)),
                false => drop(found.entry(asked).or_insert(node)),
            }
        }
    }
    Ok(found)
}

/// The nodes that have these ids.
pub(super) async fn of_ids(
    connection: &mut AnyConnection,
    workspace: &str,
    kind: &str,
    ids: &[String],
) -> Result<HashMap<String, Arc<Node>>, GraphError> {
    static ASK: Lists = Lists::new(
        "SELECT keys, body, links FROM hub_node WHERE workspace = $1 AND kind = $2 AND id IN (",
        "",
        ")",
        3,
    );
    let mut found = HashMap::new();
    for (statement, list) in lists(ids, &ASK) {
        let query = sqlx::query(statement).bind(workspace).bind(kind);
        let query = list.into_iter().fold(query, |query, id| query.bind(id.as_str()));
        for row in query.fetch_all(&mut *connection).await.map_err(failed)? {
            let node = node(&row, kind)?;
            found.insert(node.id().to_owned(), node);
        }
    }
    Ok(found)
}

/// Nodes whose link points at one of these keys, oldest first.
pub(super) async fn linking(
    connection: &mut AnyConnection,
    workspace: &str,
    (kind, field): (&str, &str),
    keys: &[String],
    limit: u32,
) -> Result<Vec<Arc<Node>>, GraphError> {
    static ASK: Lists = Lists::new(
        "WITH l AS MATERIALIZED (SELECT DISTINCT id FROM hub_node_link \
         WHERE workspace = $1 AND kind = $2 AND field = $3 AND target IN (",
        "",
        ")) SELECT n.keys, n.body, n.links, n.created FROM l CROSS JOIN hub_node n \
         WHERE n.workspace = $1 AND n.kind = $2 AND n.id = l.id ORDER BY n.created LIMIT $4",
        5,
    );
    let keys = &keys[..keys.len().min(MOST_TARGETS)];
    let mut nodes = Vec::new();
    for (statement, list) in lists(keys, &ASK) {
        let query = sqlx::query(statement)
            .bind(workspace)
            .bind(kind)
            .bind(field)
            .bind(i64::from(limit));
        let query = list
            .into_iter()
            .fold(query, |query, key| query.bind(key.as_str()));
        for row in query.fetch_all(&mut *connection).await.map_err(failed)? {
            let created: i64 = row.try_get("created").map_err(failed)?;
            nodes.push((created, node(&row, kind)?));
        }
    }
    nodes.sort_by_key(|(created, _)| *created);
    nodes.truncate(limit as usize);
    Ok(nodes.into_iter().map(|(_, node)| node).collect())
}
