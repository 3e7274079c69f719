//! Searches of the graph: what an index answers is looked up there, and the database filters, orders and pages all the rest, so that
//! an answer is right however many nodes there are ([`super::plan`]). [`weight`] tells beforehand how much work that is.

use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::fields::{Dialect, Marks};
use super::nodes::{failed, node};
use super::plan::{Page, Plan};
use super::rows::Cell;
use super::statement::composed;
use crate::ports::graph::{Find, GraphError, Node, Part};

/// Entries of an index that may be passed without counting first how many there are.
const FEW: u64 = 10_000;

/// The rows of a page of what a search finds, behind a mark if there is one.
async fn rows(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
    (page, mark): (Page, Option<i64>),
) -> Result<Vec<AnyRow>, GraphError> {
    let plan = Plan::of(find);
    let mut marks = plan.marks(workspace);
    let statement = plan.page(Dialect::of(connection), &mut marks, page, mark);
    fetched(connection, statement, marks).await
}

async fn fetched(
    connection: &mut AnyConnection,
    statement: String,
    marks: Marks,
) -> Result<Vec<AnyRow>, GraphError> {
    let mut query = sqlx::query(composed(statement));
    for cell in marks.0 {
        query = match cell {
            Cell::Text(text) => query.bind(text),
            Cell::Number(number) => query.bind(number),
        };
    }
    query.fetch_all(connection).await.map_err(failed)
}

fn nodes(rows: &[AnyRow], find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
    rows.iter().map(|row| node(row, &find.kind)).collect()
}

/// Nodes that a search finds.
pub(super) async fn search(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
) -> Result<Vec<Arc<Node>>, GraphError> {
    let page = Page {
        limit: i64::from(find.first),
        offset: i64::from(find.offset),
    };
    let rows = rows(connection, workspace, find, (page, None)).await?;
    nodes(&rows, find)
}

/// A part of what a search finds. Its mark is the last change before the next part, or where fields order, how many nodes are
/// before that.
pub(super) async fn part(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
    from: Option<i64>,
) -> Result<Part, GraphError> {
    let by_change = find.order_by.is_empty();
    let mark = from.filter(|_| by_change);
    let page = Page {
        limit: i64::from(find.first),
        offset: match (from, by_change) {
            (None, _) => i64::from(find.offset),
            (Some(_), true) => 0,
            (Some(from), false) => from,
        },
    };
    let rows = rows(connection, workspace, find, (page, mark)).await?;
    let last = rows.last().filter(|_| rows.len() == find.first as usize);
    let next = match (last, by_change) {
        (None, _) => None,
        (Some(last), true) => Some(last.try_get("mark").map_err(failed)?),
        (Some(_), false) => Some(page.offset.saturating_add(page.limit)),
    };
    let nodes = nodes(&rows, find)?;
    Ok(Part { nodes, next })
}

/// How much a search has to look at, as far as that is at most `most`.
pub(super) async fn weight(
    connection: &mut AnyConnection,
    workspace: &str,
    find: &Find,
    most: u64,
) -> Result<u64, GraphError> {
    let plan = Plan::of(find);
    if let Some(ids) = &plan.ids {
        return Ok(ids.len() as u64);
    }
    let reach = u64::from(find.first).saturating_add(u64::from(find.offset));
    if plan.is_straight() && reach <= FEW {
        return Ok(reach);
    }
    let mut marks = plan.marks(workspace);
    let statement = plan.counting(&mut marks, most);
    let rows = fetched(connection, statement, marks).await?;
    let count = rows.first().map(|row| row.try_get::<i64, _>("count"));
    let count = count.transpose().map_err(failed)?.unwrap_or(0);
    let candidates = u64::try_from(count).unwrap_or(0);
    Ok(match plan.is_straight() {
        true => candidates.min(reach),
        false => candidates,
    })
}
