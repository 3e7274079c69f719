//! Hints between replicas: LISTEN and NOTIFY of Postgres. An SQLite file has one hub.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgListener;

use super::SqlHub;
use super::statement::Doing;
use crate::ports::hub::{Hearing, Hint, Hints, HubStoreError};

/// Where all hubs of a database listen.
const CHANNEL: &str = "sdm_hub";

#[async_trait]
impl Hints for SqlHub {
    async fn hint(&self, hint: &Hint) -> Result<(), HubStoreError> {
        if self.postgres.is_none() {
            return Ok(());
        }
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(hint.text())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("tell the other replicas")
    }

    async fn listen(&self) -> Result<Box<dyn Hearing>, HubStoreError> {
        const DOING: &str = "listen to the other replicas";
        let Some(url) = &self.postgres else {
            return Ok(Box::new(Alone));
        };
        let mut listener = PgListener::connect(url.expose_secret()).await.doing(DOING)?;
        listener.listen(CHANNEL).await.doing(DOING)?;
        Ok(Box::new(Listener(listener)))
    }
}

struct Listener(PgListener);

#[async_trait]
impl Hearing for Listener {
    async fn next(&mut self) -> Result<Option<Hint>, HubStoreError> {
        let told = self.0.recv().await.doing("hear the other replicas")?;
        Ok(Hint::read(told.payload()))
    }
}

/// Nobody is there who could tell anything.
struct Alone;

#[async_trait]
impl Hearing for Alone {
    async fn next(&mut self) -> Result<Option<Hint>, HubStoreError> {
        std::future::pending().await
    }
}
