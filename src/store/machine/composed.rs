//! Statements that are put together at run time: our own words, and values that are always bound.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, FromRow};

/// A statement with its values.
pub(super) struct Composed {
    text: String,
    values: Vec<Value>,
}

/// What a placeholder stands for.
pub(super) enum Value {
    Text(String),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Composed {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            values: Vec::new(),
        }
    }

    /// Goes on with words of ours.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with a placeholder for a value.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Placeholders for a list of values.
    pub(super) fn list<'v>(&mut self, values: impl Iterator<Item = &'v str>) {
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
    }

    fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(self.text));
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        })
    }

    /// The rows it finds.
    pub(super) async fn rows<T>(self, readers: &AnyPool) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        let found = self.query().fetch_all(readers).await?;
        found.iter().map(T::from_row).collect()
    }

    /// The rows it finds, of one text each.
    pub(super) async fn texts(self, readers: &AnyPool) -> Result<Vec<String>, sqlx::Error> {
        let found: Vec<(String,)> = self.rows(readers).await?;
        Ok(found.into_iter().map(|(text,)| text).collect())
    }

    /// Does it.
    pub(super) async fn execute(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.query().execute(connection).await.map(|_| ())
    }
}
