//! A real Postgres with databases to test against, each as a store left it that was opened once.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};

use crate::store::{Identity, Place, SqlStore};
use postgres::Postgres;

#[expect(dead_code, unreachable_pub, reason = "the integration tests use more of it")]
#[path = "../../../tests/it/support/postgres.rs"]
mod postgres;

/// What the server's file asks of its neighbour.
mod git_servers {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment what they may not skip"
    )]
    pub(super) fn skipped(name: &str, install: &str) {
        let required = std::env::var("SDM_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|required| required == name),
            "{name} is required and not there: install {install}"
        );
        println!("skipped: install {install}");
    }
}

/// A server; its databases end with it.
pub(crate) struct Server {
    postgres: Postgres,
    copies: AtomicU32,
}

/// A database of its own.
pub(crate) struct Copy {
    pub(crate) url: String,
}

impl Server {
    /// `None`, said aloud, when there is no Postgres here.
    pub(crate) async fn start() -> Option<Self> {
        let server = Self {
            postgres: Postgres::start()?,
            copies: AtomicU32::new(0),
        };
        let first = server.empty("template").await;
        let place = Place::Postgres(first.url.as_str().into());
        let store = SqlStore::open(&place, &Identity::default()).await.unwrap();
        store.close().await;
        Some(server)
    }

    /// A database that a store has made.
    pub(crate) async fn copy(&self) -> Copy {
        let name = format!("copy_{}", self.copies.fetch_add(1, Ordering::Relaxed));
        self.make(&format!("CREATE DATABASE {name} TEMPLATE template"))
            .await;
        self.named(&name)
    }

    /// A database with nothing in it.
    pub(crate) async fn empty(&self, name: &str) -> Copy {
        self.make(&format!("CREATE DATABASE {name}")).await;
        self.named(name)
    }

    fn named(&self, name: &str) -> Copy {
        let url = self.postgres.url().replace("/postgres?", &format!("/{name}?"));
        Copy { url }
    }

    async fn make(&self, statement: &str) {
        let mut connection = PgConnection::connect(&self.postgres.url()).await.unwrap();
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        connection.execute(sqlx::raw_sql(statement)).await.unwrap();
        connection.close().await.unwrap();
    }
}
