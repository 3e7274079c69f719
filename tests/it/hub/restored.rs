//! What becomes of each table when the hub's memory is put back to an older point (threat K4). A new table fails here until
//! somebody has decided.

use std::path::Path;

use sdm::hub::restore::{note_restored, restore};
use sdm::store::hub::{Place, SqlHub};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use crate::support::postgres::Postgres;

/// What a table holds afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// What it held at the older point.
    Back,
    /// What it holds now: who people are and what they may do, what is in the safe, what is agreed with others.
    Now,
    /// Nothing.
    Empty,
}

use Fate::{Back, Empty, Now};

const FATES: &[(&str, Fate)] = &[
    ("hub_addon", Now),
    ("hub_addon_term", Now),
    ("hub_authorization", Now),
    ("hub_authorize_link", Empty),
    ("hub_chat_code", Empty),
    ("hub_consent", Now),
    ("hub_console_deed", Now),
    ("hub_counter", Back),
    ("hub_deed", Now),
    ("hub_delivery", Back),
    ("hub_extension", Now),
    ("hub_goal_log", Back),
    ("hub_goal_log_part", Back),
    ("hub_grant", Now),
    ("hub_handed_token", Empty),
    ("hub_handle", Now),
    ("hub_identity", Now),
    ("hub_install_key", Now),
    ("hub_instance", Back),
    ("hub_invocation", Back),
    ("hub_key", Back),
    ("hub_lasting", Now),
    ("hub_log", Back),
    ("hub_login", Empty),
    ("hub_lost_authorization", Now),
    ("hub_message", Back),
    ("hub_missed", Back),
    ("hub_node", Back),
    ("hub_node_key", Back),
    ("hub_node_link", Back),
    ("hub_node_value", Back),
    ("hub_node_version", Back),
    ("hub_pending_sign_in", Empty),
    ("hub_person", Now),
    ("hub_policy", Now),
    ("hub_progress", Back),
    ("hub_received", Back),
    ("hub_registration", Back),
    ("hub_resumption", Empty),
    ("hub_secret", Now),
    ("hub_sent_away", Now),
    ("hub_session", Empty),
    ("hub_sign_in_link", Empty),
    ("hub_ticket", Empty),
    ("hub_trust", Now),
    ("hub_type_owner", Back),
    ("hub_used", Now),
    ("hub_workspace", Back),
];

/// Values that are read on the way and must be what they are.
const READ: &[(&str, &str, &str)] = &[
    ("hub_key", "workspaces", "[]"),
    ("hub_node", "body", "{}"),
    ("hub_key", "scopes", "[]"),
    ("hub_key", "repositories", "[]"),
    ("hub_registration", "policy", "durable"),
];

/// A column: its name, and whether it holds texts.
type Column = (String, bool);

/// A database under a hub, seen from outside.
struct Tables {
    connection: AnyConnection,
    is_postgres: bool,
}

impl Tables {
    async fn of_file(file: &Path) -> Self {
        Self::open(&format!("sqlite://{}", file.display()), false).await
    }

    async fn open(url: &str, is_postgres: bool) -> Self {
        sqlx::any::install_default_drivers();
        Self {
            connection: AnyConnection::connect(url).await.unwrap(),
            is_postgres,
        }
    }

    async fn texts(&mut self, statement: String) -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(statement));
        let rows = query.fetch_all(&mut self.connection).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn execute(&mut self, statement: String) {
        let query = sqlx::query(AssertSqlSafe(statement.clone()));
        let done = query.execute(&mut self.connection).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The hub's tables but for the one that says which life it is.
    async fn names(&mut self) -> Vec<String> {
        let statement = match self.is_postgres {
            true => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' AND table_name LIKE 'hub_%' AND table_name <> 'hub_life' ORDER BY table_name COLLATE \"C\""
            }
            false => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'hub_%' AND name <> 'hub_life' ORDER BY name"
            }
        };
        self.texts(statement.to_owned()).await
    }

    async fn columns(&mut self, table: &str) -> Vec<Column> {
        let statement = match self.is_postgres {
            true => format!(
                "SELECT CAST(column_name || ' ' || data_type AS TEXT) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
            ),
            false => format!("SELECT name || ' ' || lower(type) FROM pragma_table_info('{table}')"),
        };
        let said = self.texts(statement).await;
        let column = |said: &String| {
            let (name, kind) = said.split_once(' ').unwrap();
            (name.to_owned(), kind == "text")
        };
        said.iter().map(column).collect()
    }

    /// One row in each table.
    async fn fill(&mut self) {
        for table in self.names().await {
            let columns = self.columns(&table).await;
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let values: Vec<String> = columns.iter().map(|column| value(&table, column)).collect();
            let (names, values) = (names.join(", "), values.join(", "));
            self.execute(format!("INSERT INTO {table} ({names}) VALUES ({values})"))
                .await;
        }
    }

    /// The column of a table that says when its row was written.
    async fn mark(&mut self, table: &str) -> String {
        let columns = self.columns(table).await;
        let is_free = |name: &str| READ.iter().all(|(of, read, _)| (*of, *read) != (table, name));
        let mut texts = columns
            .into_iter()
            .filter(|(name, is_text)| *is_text && is_free(name));
        texts.next_back().unwrap().0
    }

    /// What was written before is written later.
    async fn write_later(&mut self) {
        for table in self.names().await {
            let mark = self.mark(&table).await;
            self.execute(format!(
                "UPDATE {table} SET {mark} = 'later' WHERE {mark} = 'before'"
            ))
            .await;
        }
    }

    /// When what a table holds was written.
    async fn written(&mut self, table: &str) -> Vec<String> {
        let mark = self.mark(table).await;
        self.texts(format!(
            "SELECT {mark} FROM {table} WHERE {mark} IN ('before', 'later')"
        ))
        .await
    }

    /// Compares what there is with what is to be; `now` is when that was written that is of now.
    async fn check(&mut self, now: &str) {
        for (table, fate) in FATES {
            let expected = match fate {
                Back => vec!["before"],
                Now => vec![now],
                Empty => Vec::new(),
            };
            assert_eq!(self.written(table).await, expected, "{table}");
        }
    }
}

fn value(table: &str, (name, is_text): &Column) -> String {
    let read = READ
        .iter()
        .find(|(of, column, _)| (*of, *column) == (table, name.as_str()));
    match (read, is_text) {
        (Some((_, _, value)), _) => format!("'{value}'"),
        (None, true) => "'before'".to_owned(),
        (None, false) => "0".to_owned(),
    }
}

async fn make(place: &Place) {
    SqlHub::open(place).await.unwrap().close().await;
}

#[tokio::test]
async fn k4_each_table_of_a_file_is_put_back_or_stays_as_was_decided() {
    let directory = crate::support::remains::directory();
    let (file, copy) = (directory.path().join("hub.db"), directory.path().join("copy.db"));
    let place = Place::File(file.clone());
    make(&place).await;
    let mut tables = Tables::of_file(&file).await;
    let decided: Vec<&str> = FATES.iter().map(|(table, _)| *table).collect();
    assert_eq!(tables.names().await, decided, "decide what becomes of each table");
    tables.fill().await;
    let hub = SqlHub::open(&place).await.unwrap();
    hub.copy_to(&copy).await.unwrap();
    hub.close().await;
    tables.write_later().await;
    tables.connection.close().await.unwrap();
    let restored = restore(&copy, &file).await.unwrap();
    assert_eq!(restored.unread, None);
    Tables::of_file(&file).await.check("later").await;
}

/// Postgres is copied by its own programs; nothing is known of what was there.
#[tokio::test]
async fn k4_a_dump_of_postgres_holds_everything_and_signs_everybody_out() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    make(&Place::read(&postgres.url())).await;
    Tables::open(&postgres.url(), true).await.fill().await;
    let restored = postgres.copy_by_dump("restored");
    let life = note_restored(&Place::read(&restored)).await.unwrap();
    assert_eq!(life.unread, None);
    Tables::open(&restored, true).await.check("before").await;
}
