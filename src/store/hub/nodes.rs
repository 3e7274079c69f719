//! The graph as it is read: by key, by what points somewhere, and by search.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::indexed::{INDEXED, indexed, is_shared};
use super::rows::{Lists, lists};
use super::statement::{composed, json, marks};
use crate::ports::graph::{Filter, Find, GraphError, GraphReader, Node, Part};

/// Most keys that links may point at in one question.
const MOST_TARGETS: usize = 256;

/// Most nodes that one search looks at when its filters are not all indexed.
const MOST_LOOKED_AT: i64 = 20_000;

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

/// Filters that an index answers, the most telling first, with the values that each admits.
struct Plan<'f> {
    filters: Vec<(&'f str, Vec<String>)>,
    /// Whether the database gives exactly the page that is asked for.
    is_exact: bool,
}

/// Fields that change in the course of a node's life, so that an earlier version may have had another value.
const CHANGING: &[&str] = &["state", "status"];

fn plan(find: &Find) -> Plan<'_> {
    let rank = |field: &str| {
        let is_usable = !(find.history && CHANGING.contains(&field));
        INDEXED
            .iter()
            .position(|indexed| *indexed == field)
            .filter(|_| is_usable)
    };
    let values = |filter: &Filter| filter.any_of.iter().map(indexed).collect::<Option<Vec<_>>>();
    let mut ranked: Vec<_> = find
        .filters
        .iter()
        .filter_map(|filter| Some((rank(&filter.field)?, filter.field.as_str(), values(filter)?)))
        .collect();
    ranked.sort_by_key(|(rank, _, _)| *rank);
    Plan {
        is_exact: ranked.len() == find.filters.len() && find.order_by.is_none(),
        filters: ranked
            .into_iter()
            .map(|(_, field, values)| (field, values))
            .collect(),
    }
}

impl Plan<'_> {
    /// Whether the first filter finds nodes in the order in which they changed: they may be very many.
    fn is_in_order(&self, find: &Find) -> bool {
        let first = self.filters.first();
        !find.history && first.is_some_and(|(field, values)| is_shared(field) && values.len() == 1)
    }

    /// The statement; its first placeholders are workspace, kind, limit and offset, then each filter's field and values, and for
    /// a part of what is found the mark where it begins.
    fn statement(&self, find: &Find, is_part: bool) -> String {
        let (mut tables, mut conditions, mut next) = (String::new(), String::new(), 5);
        for (number, (_, values)) in self.filters.iter().enumerate() {
            // A cross join keeps the order in which SQLite looks: through the index to the nodes.
            let _ = write!(tables, "hub_node_value v{number} CROSS JOIN ");
            let _ = write!(
                conditions,
                " AND v{number}.workspace = $1 AND v{number}.kind = $2 AND v{number}.id = n.id \
                 AND v{number}.field = ${next} AND v{number}.value IN ({})",
                marks(next + 1, values.len())
            );
            next += 1 + values.len();
        }
        let source = if find.history {
            "hub_node_version"
        } else {
            "hub_node"
        };
        let is_descending = find.descending || find.order_by.is_some();
        let (direction, behind) = if is_descending {
            ("DESC", "<")
        } else {
            ("ASC", ">")
        };
        let order = if self.is_in_order(find) {
            conditions.push_str(" AND v0.changed > 0");
            "v0.changed"
        } else {
            "n.changed"
        };
        if is_part {
            let _ = write!(conditions, " AND {order} {behind} ${next}");
        }
        format!(
            "SELECT n.keys, n.body, n.links, n.changed FROM {tables}{source} n WHERE n.workspace = $1 AND n.kind = $2{conditions} \
             ORDER BY {order} {direction} LIMIT $3 OFFSET $4"
        )
    }

    /// The rows that it finds: at most `limit`, without `offset` of them, behind a mark if there is one.
    async fn rows(
        &self,
        connection: &mut AnyConnection,
        workspace: &str,
        find: &Find,
        (limit, offset): (i64, i64),
        mark: Option<i64>,
    ) -> Result<Vec<AnyRow>, GraphError> {
        let mut query = sqlx::query(composed(self.statement(find, mark.is_some())))
            .bind(workspace)
            .bind(find.kind.as_str())
            .bind(limit)
            .bind(offset);
        for (field, values) in &self.filters {
            query = query.bind(*field);
            for value in values {
                query = query.bind(value.as_str());
            }
        }
        if let Some(mark) = mark {
            query = query.bind(mark);
        }
        query.fetch_all(connection).await.map_err(failed)
    }
}

/// Nodes that a search finds.
pub(super) async fn search(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
) -> Result<Vec<Arc<Node>>, GraphError> {
    let plan = plan(find);
    let (limit, offset) = match plan.is_exact {
        true => (i64::from(find.first), i64::from(find.offset)),
        false => (MOST_LOOKED_AT, 0),
    };
    let rows = plan
        .rows(connection, workspace, find, (limit, offset), None)
        .await?;
    let nodes: Vec<_> = rows
        .iter()
        .map(|row| node(row, &find.kind))
        .collect::<Result<_, _>>()?;
    Ok(match plan.is_exact {
        true => nodes,
        false => chosen(nodes, find),
    })
}

/// A part of what a search finds. What has to be put in order here is found all at once.
pub(super) async fn part(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
    from: Option<i64>,
) -> Result<Part, GraphError> {
    let plan = plan(find);
    if !plan.is_exact {
        let all = Find {
            first: u32::MAX,
            ..find.clone()
        };
        let nodes = search(connection, workspace, &all).await?;
        return Ok(Part { nodes, next: None });
    }
    let (mark, offset) = match (from, find.descending) {
        (Some(mark), _) => (mark, 0),
        (None, true) => (i64::MAX, find.offset),
        (None, false) => (i64::MIN, find.offset),
    };
    let page = (i64::from(find.first), i64::from(offset));
    let rows = plan.rows(connection, workspace, find, page, Some(mark)).await?;
    let is_full = rows.len() == find.first as usize;
    let last = rows.last().filter(|_| is_full);
    let next = last
        .map(|row| row.try_get("changed").map_err(failed))
        .transpose()?;
    let nodes = rows
        .iter()
        .map(|row| node(row, &find.kind))
        .collect::<Result<_, _>>()?;
    Ok(Part { nodes, next })
}

/// What of these the search means, in its order, its page of them.
fn chosen(nodes: Vec<Arc<Node>>, find: &Find) -> Vec<Arc<Node>> {
    let admits = |node: &Arc<Node>| {
        find.filters
            .iter()
            .all(|filter| filter.admits(node.body.get(&filter.field)))
    };
    let mut nodes: Vec<_> = nodes.into_iter().filter(admits).collect();
    if let Some(by) = &find.order_by {
        nodes.sort_by(|one, other| {
            let ordering = compare(one.body.get(by), other.body.get(by));
            if find.descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
    }
    let page = nodes.into_iter().skip(find.offset as usize);
    page.take(find.first as usize).collect()
}

fn compare(one: Option<&Value>, other: Option<&Value>) -> std::cmp::Ordering {
    match (one.and_then(Value::as_f64), other.and_then(Value::as_f64)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (_, _) => one.and_then(Value::as_str).cmp(&other.and_then(Value::as_str)),
    }
}
