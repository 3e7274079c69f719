//! Statements of many rows, each in a few sizes only, so that the database prepares few and plans them once.
//!
//! Rows that a size has too many are NULL and left out by the statement itself.

use std::sync::{Arc, OnceLock};

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use super::statement::marks;

/// Rows of one statement.
const SIZES: [usize; 5] = [1, 4, 16, 64, 256];

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Text(String),
    Number(i64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// The values of a row, without its workspace.
pub(super) type Row = Vec<Cell>;

/// A statement around many rows of one workspace, which is `$1`, stands once, and before them; the rows are called `v`, their
/// columns `column1` and so on, and the first of those is never NULL.
pub(super) struct ManyRows {
    before: &'static str,
    after: &'static str,
    /// For SQLite: placeholders without a name, because it looks for each name among all the others.
    nameless: Texts,
    numbered: Texts,
}

/// One text for each size.
type Texts = [OnceLock<Arc<str>>; SIZES.len()];

/// The size for the next of so many rows: one that leaves at most half of itself empty.
fn next_size(left: usize) -> usize {
    let enough = SIZES.iter().position(|size| *size >= left);
    let enough = enough.unwrap_or(SIZES.len() - 1);
    match SIZES[enough] <= left * 2 {
        true => enough,
        false => enough.saturating_sub(1),
    }
}

/// Texts of a statement around lists of placeholders, one for each size.
pub(super) struct Lists {
    before: &'static str,
    between: &'static str,
    after: &'static str,
    from: usize,
    texts: Texts,
}

impl Lists {
    /// `before LIST after`, or `before LIST between LIST after` with the same list twice; the first of the list is `$from`.
    pub(super) const fn new(
        before: &'static str,
        between: &'static str,
        after: &'static str,
        from: usize,
    ) -> Self {
        Self {
            before,
            between,
            after,
            from,
            texts: [const { OnceLock::new() }; SIZES.len()],
        }
    }

    /// The statement for the next of so many values, and how many values it takes; what is too many is to be one of them
    /// again.
    pub(super) fn next(&self, left: usize) -> (AssertSqlSafe<Arc<str>>, usize) {
        let number = next_size(left);
        let text = self.texts[number].get_or_init(|| {
            let list = marks(self.from, SIZES[number]);
            let again = if self.between.is_empty() { "" } else { &list };
            format!("{}{list}{}{again}{}", self.before, self.between, self.after).into()
        });
        (AssertSqlSafe(Arc::clone(text)), SIZES[number])
    }
}

/// Values in lists of the sizes that statements have: the last of each list again where one is too long.
pub(super) fn lists<'v, T>(
    values: &'v [T],
    statement: &'static Lists,
) -> impl Iterator<Item = (AssertSqlSafe<Arc<str>>, Vec<&'v T>)> {
    let mut left = values;
    std::iter::from_fn(move || {
        let last = left.len().checked_sub(1)?;
        let (text, size) = statement.next(left.len());
        let list = (0..size).map(|at| &left[at.min(last)]).collect();
        left = &left[size.min(left.len())..];
        Some((text, list))
    })
}

/// How a database likes placeholders to be written.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// `?`, each the next value.
    Nameless,
    /// `$1` and so on.
    Numbered,
}

impl Manner {
    fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "SQLite" => Self::Nameless,
            _ => Self::Numbered,
        }
    }

    fn marks(self, from: usize, count: usize) -> String {
        match self {
            Self::Nameless => vec!["?"; count].join(", "),
            Self::Numbered => marks(from, count),
        }
    }
}

type Statement = Query<'static, Any, AnyArguments>;

impl ManyRows {
    /// `before (rows) AS v after`.
    pub(super) const fn new(before: &'static str, after: &'static str) -> Self {
        Self {
            before,
            after,
            nameless: [const { OnceLock::new() }; SIZES.len()],
            numbered: [const { OnceLock::new() }; SIZES.len()],
        }
    }

    fn text(&self, number: usize, width: usize, manner: Manner) -> AssertSqlSafe<Arc<str>> {
        let text = match manner {
            Manner::Nameless => &self.nameless[number],
            Manner::Numbered => &self.numbered[number],
        };
        let text = text.get_or_init(|| {
            let before = match manner {
                Manner::Nameless => self.before.replacen("$1", "?", 1),
                Manner::Numbered => self.before.to_owned(),
            };
            let rows: Vec<String> = (0..SIZES[number])
                .map(|row| format!("({})", manner.marks(2 + row * width, width)))
                .collect();
            format!("{before} (VALUES {}) AS v {}", rows.join(", "), self.after).into()
        });
        AssertSqlSafe(Arc::clone(text))
    }

    fn statements(
        &'static self,
        workspace: &str,
        rows: Vec<Row>,
        manner: Manner,
    ) -> impl Iterator<Item = Statement> {
        let workspace = workspace.to_owned();
        let mut rows = rows.into_iter();
        std::iter::from_fn(move || {
            let number = next_size(rows.len());
            let first = rows.next()?;
            let kinds = first.clone();
            let text = self.text(number, first.len(), manner);
            let mut query = bind(sqlx::query(text).bind(workspace.clone()), first);
            for _ in 1..SIZES[number] {
                query = match rows.next() {
                    Some(row) => bind(query, row),
                    None => bind_nothing(query, &kinds),
                };
            }
            Some(query)
        })
    }

    /// Does it for all of these rows.
    pub(super) async fn execute(
        &'static self,
        connection: &mut AnyConnection,
        workspace: &str,
        rows: Vec<Row>,
    ) -> Result<(), sqlx::Error> {
        let manner = Manner::of(connection);
        for statement in self.statements(workspace, rows, manner) {
            statement.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn bind(query: Statement, row: Row) -> Statement {
    row.into_iter().fold(query, |query, cell| match cell {
        Cell::Text(text) => query.bind(text),
        Cell::Number(number) => query.bind(number),
    })
}

fn bind_nothing(query: Statement, kinds: &[Cell]) -> Statement {
    kinds.iter().fold(query, |query, cell| match cell {
        Cell::Text(_) => query.bind(None::<String>),
        Cell::Number(_) => query.bind(None::<i64>),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_rows_takes_few_statements_that_are_mostly_full() {
        for rows in 1..2_000_usize {
            let (mut left, mut statements, mut room) = (rows, 0, 0);
            while left > 0 {
                let size = SIZES[next_size(left)];
                statements += 1;
                room += size;
                left = left.saturating_sub(size);
            }
            assert!(room < rows * 2 + 1, "{rows} rows take room for {room}");
            assert!(
                statements <= rows / 256 + 6,
                "{rows} rows take {statements} statements"
            );
        }
    }

    #[test]
    fn placeholders_are_written_as_each_database_likes_them() {
        static PUT: ManyRows = ManyRows::new("INSERT INTO t SELECT $1, v.* FROM", "WHERE TRUE");
        let text = |manner| PUT.text(1, 2, manner).0.to_string();
        assert_eq!(
            text(Manner::Numbered),
            "INSERT INTO t SELECT $1, v.* FROM (VALUES ($2, $3), ($4, $5), ($6, $7), ($8, $9)) AS v WHERE TRUE"
        );
        assert_eq!(
            text(Manner::Nameless),
            "INSERT INTO t SELECT ?, v.* FROM (VALUES (?, ?), (?, ?), (?, ?), (?, ?)) AS v WHERE TRUE"
        );
    }

    #[test]
    fn lists_have_the_sizes_of_statements_and_end_with_their_last_again() {
        static ASK: Lists = Lists::new("a IN (", ") OR b IN (", ")", 3);
        let (text, size) = ASK.next(3);
        assert_eq!(size, 4);
        assert_eq!(&*text.0, "a IN ($3, $4, $5, $6) OR b IN ($3, $4, $5, $6)");
        let values: Vec<u32> = (0..21).collect();
        let asked: Vec<Vec<&u32>> = lists(&values, &ASK).map(|(_, list)| list).collect();
        assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [16, 4, 1]);
        assert_eq!(asked[2], [&20]);
        let asked: Vec<Vec<&u32>> = lists(&values[..3], &ASK).map(|(_, list)| list).collect();
        assert_eq!(asked, [[&0, &1, &2, &2]]);
    }
}
