//! Where the two databases differ. Everything else is one set of statements for both.

use sqlx::{AnyConnection, AssertSqlSafe};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The database at the other end.
    pub(super) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "SQLite" => Self::Sqlite,
            _ => Self::Postgres,
        }
    }

    /// Asks for the last cursor that was given, also when its entry was pruned. A sequence of Postgres would tell of entries
    /// that are not committed yet.
    pub(super) const fn last_cursor(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
            Self::Postgres => {
                "SELECT greatest((SELECT max(cursor) FROM events), (SELECT cursor FROM log_end))"
            }
        }
    }

    /// Asks for the correlations of what a hub delivered to `$1` and has no answer of, oldest first.
    pub(super) const fn open_correlations(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT json_extract(body, '$.correlation') FROM deliveries
                 WHERE state < 2 AND replica = $1 ORDER BY sequence"
            }
            Self::Postgres => {
                "SELECT CAST(body AS json) ->> 'correlation' FROM deliveries
                 WHERE state < 2 AND replica = $1 ORDER BY sequence"
            }
        }
    }

    /// Asks whether a table of this name is there.
    pub(super) fn has_table(self, name: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(match self {
            Self::Sqlite => {
                format!("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '{name}'")
            }
            Self::Postgres => format!("SELECT count(*) FROM pg_class WHERE oid = to_regclass('{name}')"),
        })
    }
}
