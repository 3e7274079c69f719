//! Fields of nodes in statements: how each database reads them out of the JSON text that nodes are kept as.
//!
//! A value is compared as the text that it has in JSON, which both databases give as it was written: numbers are not texts then,
//! and nothing is rounded.

use serde_json::{Number, Value};
use sqlx::AnyConnection;

use super::indexed::is_moment;
use super::rows::Cell;
use super::statement::to_json;
use crate::ports::graph::{Filter, Order};

/// Characters of a text that count when it puts nodes in order; an index takes no long ones.
const ORDERED_BY: usize = 200;

/// Most values that are looked for in the whole text of a node before its JSON is read.
const FEW: usize = 8;

/// The database that a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(super) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "SQLite" => Self::Sqlite,
            _ => Self::Postgres,
        }
    }
}

/// The values of a statement's placeholders, in their order.
#[derive(Debug, Default)]
pub(super) struct Marks(pub(super) Vec<Cell>);

impl Marks {
    /// The placeholder of one more value.
    pub(super) fn mark(&mut self, value: impl Into<Cell>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    /// The placeholders of these.
    pub(super) fn all<'v>(&mut self, values: impl IntoIterator<Item = &'v String>) -> String {
        let marks: Vec<String> = values
            .into_iter()
            .map(|value| self.mark(value.as_str()))
            .collect();
        marks.join(", ")
    }
}

/// A name that stands in a statement itself, so that an index of an expression is found by it.
fn is_name(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= 200 && name.bytes().all(is_of_name)
}

/// The way to a value: names up to the next list, and what comes within each of its elements.
struct Way<'p> {
    names: Vec<&'p str>,
    /// Behind a list; empty when its elements themselves are meant.
    within: Option<&'p str>,
}

impl<'p> Way<'p> {
    /// `None` where something is no name.
    fn read(path: &'p str) -> Option<Self> {
        let (own, within) = match path.split_once("[]") {
            Some((own, rest)) => (own, Some(rest.strip_prefix('.').unwrap_or(rest))),
            None => (path, None),
        };
        let names: Vec<&str> = own.split('.').collect();
        let can_be = names.iter().all(|name| is_name(name));
        can_be.then_some(Self { names, within })
    }
}

/// The texts that a value may have in JSON to be one of those of a filter, and whether it may be absent.
fn texts_of(filter: &Filter) -> (Vec<String>, bool) {
    let is_number = |text: &str| {
        text.parse::<Number>()
            .is_ok_and(|number| number.to_string() == text)
    };
    let mut texts = Vec::new();
    for value in &filter.any_of {
        match value {
            Value::Null => continue,
            Value::String(text) if is_number(text) => texts.push(text.clone()),
            Value::Number(number) => texts.push(to_json(&number.to_string())),
            Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {}
        }
        texts.push(to_json(value));
    }
    (texts, filter.any_of.contains(&Value::Null))
}

impl Dialect {
    /// What must hold of the node `n` for a filter to hold; nothing holds of a field that cannot be.
    pub(super) fn condition(self, filter: &Filter, marks: &mut Marks) -> String {
        const NEVER: &str = "1 = 0";
        let (texts, or_absent) = texts_of(filter);
        let texts: Vec<String> = texts.into_iter().map(|text| self.readable(&text)).collect();
        let is_telling = |text: &String| text.len() > 4 && text.starts_with('"') && !text.contains('\\');
        let is_seen_early = !or_absent && texts.len() <= FEW && texts.iter().all(is_telling);
        let marked: Vec<String> = texts.iter().map(|text| marks.mark(text.as_str())).collect();
        let list = marked.join(", ");
        let meets = |json: String| match (or_absent, texts.is_empty()) {
            (false, true) => NEVER.to_owned(),
            (false, false) => format!("{json} IN ({list})"),
            (true, true) => format!("COALESCE({json}, 'null') = 'null'"),
            (true, false) => format!("COALESCE({json}, 'null') IN ({list}, 'null')"),
        };
        let Some(exact) = self.within(&self.body(), &filter.field, 0, &meets) else {
            // Every placeholder that has a value stands in its statement.
            marks.0.truncate(marks.0.len() - marked.len());
            return NEVER.to_owned();
        };
        if !is_seen_early {
            return exact;
        }
        // A text that is nowhere in a node need not be looked for in its fields.
        let seen: Vec<String> = marked.iter().map(|mark| self.contains(mark)).collect();
        format!("({}) AND {exact}", seen.join(" OR "))
    }

    /// What puts the node `n` of a type in its place; `None` for a field that cannot be.
    pub(super) fn place(self, kind: &str, order: &Order) -> Option<String> {
        if is_moment(kind, order) {
            return Some(self.moment());
        }
        let (field, body) = (order.field.as_str(), self.body());
        is_name(field).then(|| match (self, order.is_number) {
            (Self::Sqlite, true) => format!(
                "CASE WHEN json_type({body}, '$.{field}') IN ('integer', 'real') THEN {body} ->> '$.{field}' END"
            ),
            (Self::Sqlite, false) => format!("substr({body} ->> '$.{field}', 1, {ORDERED_BY})"),
            (Self::Postgres, true) => format!(
                "CASE json_typeof({body} -> '{field}') WHEN 'number' THEN ({body} ->> '{field}')::numeric END"
            ),
            (Self::Postgres, false) => format!("left({body} ->> '{field}', {ORDERED_BY}) COLLATE \"C\""),
        })
    }

    /// The moment of the node `n`, in the words in which there is an index of it: a text, or milliseconds that are as long as each
    /// other.
    fn moment(self) -> String {
        let body = self.body();
        match self {
            Self::Sqlite => format!(
                "COALESCE(substr({body} ->> '$.timestamp', 1, {ORDERED_BY}), \
                 CASE json_type({body}, '$.ts') WHEN 'integer' THEN printf('%020d', {body} ->> '$.ts') END)"
            ),
            Self::Postgres => format!(
                "COALESCE(left({body} ->> 'timestamp', {ORDERED_BY}), \
                 CASE json_typeof({body} -> 'ts') WHEN 'number' THEN lpad({body} ->> 'ts', 20, '0') END) COLLATE \"C\""
            ),
        }
    }

    /// The direction of an order. What has no value comes first, and last where the largest does.
    pub(super) const fn direction(self, descending: bool) -> &'static str {
        match (self, descending) {
            (Self::Sqlite, false) => "ASC",
            (Self::Sqlite, true) => "DESC",
            (Self::Postgres, false) => "ASC NULLS FIRST",
            (Self::Postgres, true) => "DESC NULLS LAST",
        }
    }

    /// The JSON of the node `n`. Postgres reads none with the character that ends a text elsewhere.
    fn body(self) -> String {
        match self {
            Self::Sqlite => "n.body".to_owned(),
            Self::Postgres => r"replace(n.body, '\u0000', '\ufffd')::json".to_owned(),
        }
    }

    /// A text of JSON as it is found in [`Self::body`].
    fn readable(self, text: &str) -> String {
        match self {
            Self::Sqlite => text.to_owned(),
            Self::Postgres => text.replace("\\u0000", "\\ufffd"),
        }
    }

    fn contains(self, mark: &str) -> String {
        match self {
            Self::Sqlite => format!("instr(n.body, {mark}) > 0"),
            Self::Postgres => format!("position({mark} IN n.body) > 0"),
        }
    }

    /// What must hold of a value that a path leads to from some JSON, in any element of each list on the way.
    fn within(
        self,
        json: &str,
        path: &str,
        depth: usize,
        meets: &dyn Fn(String) -> String,
    ) -> Option<String> {
        let Way { names, within } = Way::read(path)?;
        let value = self.at(json, &names);
        let Some(rest) = within else {
            return Some(meets(value));
        };
        let element = format!("e{depth}");
        let inner = match rest.is_empty() {
            true => meets(self.element(&element)),
            false => self.within(&self.object(&element), rest, depth + 1, meets)?,
        };
        Some(match self {
            Self::Sqlite => {
                let way = names.join(".");
                format!(
                    "(json_type({json}, '$.{way}') = 'array' AND EXISTS \
                     (SELECT 1 FROM json_each({json}, '$.{way}') {element} WHERE {inner}))"
                )
            }
            Self::Postgres => format!(
                "EXISTS (SELECT 1 FROM json_array_elements(CASE WHEN json_typeof({list}) = 'array' THEN {list} END) \
                 AS {element}(value) WHERE {inner})",
                list = self.list(json, &names)
            ),
        })
    }

    /// The text that a value has in JSON.
    fn at(self, json: &str, names: &[&str]) -> String {
        match self {
            Self::Sqlite => format!("({json} -> '$.{}')", names.join(".")),
            Self::Postgres => format!("({})::text", self.list(json, names)),
        }
    }

    fn list(self, json: &str, names: &[&str]) -> String {
        format!("({json} #> '{{{}}}')", names.join(","))
    }

    /// The text that an element itself has in JSON.
    fn element(self, element: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CASE WHEN {element}.type IN ('true', 'false') THEN {element}.type ELSE json_quote({element}.value) END"
            ),
            Self::Postgres => format!("({element}.value)::text"),
        }
    }

    /// An element that is an object.
    fn object(self, element: &str) -> String {
        match self {
            Self::Sqlite => format!("CASE {element}.type WHEN 'object' THEN {element}.value END"),
            Self::Postgres => format!("{element}.value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(field: &str, any_of: &[Value]) -> (String, Vec<Cell>) {
        let filter = Filter {
            field: field.to_owned(),
            any_of: any_of.to_vec(),
        };
        let mut marks = Marks::default();
        let text = Dialect::Sqlite.condition(&filter, &mut marks);
        (text, marks.0)
    }

    #[test]
    fn g4_nothing_but_names_stands_in_a_statement() {
        for field in ["a'b", "a b", "", "[]", "a..b", "a\"", "a$.b", "a[0]", "é"] {
            let filter = Filter {
                field: field.to_owned(),
                any_of: vec![json!("x")],
            };
            let order = Order {
                field: field.to_owned(),
                ..Order::default()
            };
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let text = dialect.condition(&filter, &mut Marks::default());
                assert_eq!(text, "1 = 0", "{field}");
                assert_eq!(dialect.place("Push", &order), None, "{field}");
            }
        }
    }

    #[test]
    fn numbers_and_texts_that_read_alike_are_alike() {
        let (text, values) = condition("version", &[json!("3")]);
        assert_eq!(text, "(n.body -> '$.version') IN ($1, $2)");
        assert_eq!(values, [Cell::from("3"), Cell::from("\"3\"")]);
        assert_eq!(
            condition("version", &[json!(3)]).1,
            [Cell::from("\"3\""), Cell::from("3")]
        );
        assert_eq!(condition("version", &[json!("03")]).1, [Cell::from("\"03\"")]);
    }

    #[test]
    fn what_is_nowhere_in_a_node_is_not_looked_for_in_its_fields() {
        let (text, _) = condition("title", &[json!("title-3")]);
        assert_eq!(text, "(instr(n.body, $1) > 0) AND (n.body -> '$.title') IN ($1)");
        let (text, _) = condition("title", &[json!("title-3"), json!(null)]);
        assert_eq!(text, "COALESCE((n.body -> '$.title'), 'null') IN ($1, 'null')");
    }
}
