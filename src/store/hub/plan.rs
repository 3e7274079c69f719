//! How a search is done: what an index answers, what is held against each node, and the statement that says so.

use std::fmt::Write as _;

use serde_json::Value;

use super::fields::{Dialect, Marks};
use super::indexed::{indexed, is_moment, is_shared, rank};
use crate::ports::graph::{Filter, Find, Order};

/// How a search is done.
pub(super) struct Plan<'f> {
    find: &'f Find,
    /// Ids, when they are asked for.
    pub(super) ids: Option<Vec<String>>,
    /// Filters that the index of values answers, the most telling first, with the values that each admits.
    indexed: Vec<(&'f str, Vec<String>)>,
    /// Filters that are held against each node.
    others: Vec<&'f Filter>,
}

/// A value as an id is.
fn as_id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn values(filter: &Filter, read: fn(&Value) -> Option<String>) -> Option<Vec<String>> {
    filter.any_of.iter().map(read).collect()
}

impl<'f> Plan<'f> {
    pub(super) fn of(find: &'f Find) -> Self {
        let (ids, rest): (Vec<&Filter>, Vec<&Filter>) = find
            .filters
            .iter()
            .partition(|filter| filter.field == "id" && values(filter, as_id).is_some());
        let mut plan = Self {
            find,
            ids: ids.first().and_then(|filter| values(filter, as_id)),
            indexed: Vec::new(),
            others: ids.into_iter().skip(1).chain(rest).collect(),
        };
        // These are few already.
        if plan.ids.is_none() && find.pointing.is_none() {
            plan.use_index();
        }
        plan
    }

    fn use_index(&mut self) {
        let kind = self.find.kind.as_str();
        let mut ranked = Vec::new();
        for filter in std::mem::take(&mut self.others) {
            match (rank(kind, &filter.field), values(filter, indexed)) {
                (Some(rank), Some(values)) if self.stays(&filter.field) => {
                    ranked.push((rank, filter.field.as_str(), values));
                    // An earlier version may have had another value.
                    if self.find.history {
                        self.others.push(filter);
                    }
                }
                _ => self.others.push(filter),
            }
        }
        ranked.sort_by_key(|(rank, _, _)| *rank);
        self.indexed = ranked
            .into_iter()
            .map(|(_, field, values)| (field, values))
            .collect();
    }

    /// Whether a node is found by a value of this field in all the versions that are asked for: what changes in the course of its
    /// life may have been another earlier.
    fn stays(&self, field: &str) -> bool {
        !self.find.history || !is_shared(&self.find.kind, field)
    }

    /// Whether the first filter finds nodes in the order in which they changed: they may be very many.
    fn is_in_order(&self) -> bool {
        let find = self.find;
        let is_one =
            |(field, values): &(&str, Vec<String>)| is_shared(&find.kind, field) && values.len() == 1;
        !find.history && find.order_by.is_empty() && self.indexed.first().is_some_and(is_one)
    }

    /// Whether the database comes to the end of the page without looking at anything that is not in it or before it.
    pub(super) fn is_straight(&self) -> bool {
        let find = self.find;
        if find.history || find.pointing.is_some() || self.ids.is_some() || !self.others.is_empty() {
            return false;
        }
        match (find.order_by.as_slice(), self.indexed.len()) {
            ([], 0) => true,
            ([], 1) => self.is_in_order(),
            ([only], 0) => is_moment(&find.kind, only),
            _ => false,
        }
    }

    fn source(&self) -> &'static str {
        match self.find.history {
            true => "hub_node_version",
            false => "hub_node",
        }
    }

    /// What is before the nodes in a statement: what leads to them.
    fn leading(&self, marks: &mut Marks) -> (String, String) {
        let (mut tables, mut conditions) = (String::new(), String::new());
        if let Some(pointing) = &self.find.pointing {
            let field = marks.mark(pointing.field.as_str());
            let keys = marks.all(&pointing.keys);
            let _ = write!(
                tables,
                "(SELECT DISTINCT id FROM hub_node_link WHERE workspace = $1 AND kind = $2 AND field = {field} \
                 AND target IN ({keys})) l CROSS JOIN "
            );
            conditions.push_str(" AND n.id = l.id");
        }
        for (number, (field, values)) in self.indexed.iter().enumerate() {
            let field = marks.mark(*field);
            let values = marks.all(values);
            // A cross join keeps the order in which SQLite looks: through the index to the nodes.
            let _ = write!(tables, "hub_node_value v{number} CROSS JOIN ");
            let _ = write!(
                conditions,
                " AND v{number}.workspace = $1 AND v{number}.kind = $2 AND v{number}.id = n.id \
                 AND v{number}.field = {field} AND v{number}.value IN ({values})"
            );
        }
        if let Some(ids) = &self.ids {
            let ids = marks.all(ids);
            let _ = write!(conditions, " AND n.id IN ({ids})");
        }
        (tables, conditions)
    }

    /// Everything between `FROM` and `ORDER BY`.
    fn among(&self, dialect: Dialect, marks: &mut Marks) -> String {
        let (tables, mut conditions) = self.leading(marks);
        for filter in &self.others {
            let condition = dialect.condition(filter, marks);
            let _ = write!(conditions, " AND {condition}");
        }
        if self.is_in_order() {
            conditions.push_str(" AND v0.changed > 0");
        }
        let source = self.source();
        format!("{tables}{source} n WHERE n.workspace = $1 AND n.kind = $2{conditions}")
    }

    /// A page in the order of changes, behind a mark if there is one.
    fn by_change(&self, dialect: Dialect, marks: &mut Marks, page: Page, mark: Option<i64>) -> String {
        let mut among = self.among(dialect, marks);
        let order = match (self.is_in_order(), &self.find.pointing) {
            (true, _) => "v0.changed",
            (false, Some(_)) if !self.find.history => "n.created",
            (false, _) => "n.changed",
        };
        let (direction, behind) = match self.find.descending {
            true => ("DESC", "<"),
            false => ("ASC", ">"),
        };
        if let Some(mark) = mark {
            let mark = marks.mark(mark);
            let _ = write!(among, " AND {order} {behind} {mark}");
        }
        let (limit, offset) = (marks.mark(page.limit), marks.mark(page.offset));
        format!(
            "SELECT n.keys, n.body, n.links, {order} AS mark FROM {among} \
             ORDER BY {order} {direction} LIMIT {limit} OFFSET {offset}"
        )
    }

    /// A page in the order that is asked for: which nodes are in it is found before they are read.
    fn by_fields(&self, dialect: Dialect, marks: &mut Marks, page: Page) -> String {
        let among = self.among(dialect, marks);
        let (limit, offset) = (marks.mark(page.limit), marks.mark(page.offset));
        let (mut places, mut inner, mut outer) = (String::new(), String::new(), String::new());
        let known = |order: &'f Order| {
            Some((
                dialect.place(&self.find.kind, order)?,
                dialect.direction(order.descending),
            ))
        };
        for (number, (place, direction)) in self.find.order_by.iter().filter_map(known).enumerate() {
            let _ = write!(places, ", {place} AS o{number}");
            let _ = write!(inner, "{place} {direction}, ");
            let _ = write!(outer, "p.o{number} {direction}, ");
        }
        let last = self.find.order_by.last().is_some_and(|order| order.descending);
        let last = if last { "DESC" } else { "ASC" };
        let version = if self.find.history {
            " AND n.changed = p.changed"
        } else {
            ""
        };
        let source = self.source();
        format!(
            "WITH p AS MATERIALIZED (SELECT n.id, n.changed{places} FROM {among} \
             ORDER BY {inner}n.changed {last} LIMIT {limit} OFFSET {offset}) \
             SELECT n.keys, n.body, n.links, n.changed AS mark FROM p CROSS JOIN {source} n \
             WHERE n.workspace = $1 AND n.kind = $2 AND n.id = p.id{version} ORDER BY {outer}p.changed {last}"
        )
    }

    /// The values that every statement begins with.
    pub(super) fn marks(&self, workspace: &str) -> Marks {
        let mut marks = Marks::default();
        marks.mark(workspace);
        marks.mark(self.find.kind.as_str());
        marks
    }

    /// A page, behind a mark if there is one.
    pub(super) fn page(&self, dialect: Dialect, marks: &mut Marks, page: Page, mark: Option<i64>) -> String {
        match self.find.order_by.is_empty() {
            true => self.by_change(dialect, marks, page, mark),
            false => self.by_fields(dialect, marks, page),
        }
    }

    /// Counts the nodes, or entries of an index, that lead to what is asked for, up to `most` and one more.
    pub(super) fn counting(&self, marks: &mut Marks, most: u64) -> String {
        let (table, condition) = match (&self.find.pointing, self.indexed.first()) {
            (Some(pointing), _) => {
                let (field, keys) = (marks.mark(pointing.field.as_str()), marks.all(&pointing.keys));
                (
                    "hub_node_link",
                    format!(" AND c.field = {field} AND c.target IN ({keys})"),
                )
            }
            (None, Some((field, values))) => {
                let (field, values) = (marks.mark(*field), marks.all(values));
                (
                    "hub_node_value",
                    format!(" AND c.field = {field} AND c.value IN ({values})"),
                )
            }
            (None, None) => (self.source(), String::new()),
        };
        let versions = match self.find.history && table != self.source() {
            true => {
                " JOIN hub_node_version n ON n.workspace = c.workspace AND n.kind = c.kind AND n.id = c.id"
            }
            false => "",
        };
        let most = marks.mark(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1));
        format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM {table} c{versions} \
             WHERE c.workspace = $1 AND c.kind = $2{condition} LIMIT {most}) counted"
        )
    }
}

/// Which rows of those that are found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) limit: i64,
    pub(super) offset: i64,
}
