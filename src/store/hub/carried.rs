//! What goes over from one version of a machine to another.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlHub;
use super::deliveries::{COLUMNS, in_order};
use super::statement::{Doing, composed, marks};
use crate::ports::hub::{CarriedOver, HubStoreError, NewDelivery};

/// Most ids of one statement.
const CHUNK: usize = 500;

/// What changes of those of these ids that wait for a registration, which comes first of what is bound.
async fn change(
    connection: &mut AnyConnection,
    (changes, ids): (&str, &[&str]),
    (from, value): (&str, &str),
) -> Result<u64, sqlx::Error> {
    let statement = format!(
        "{changes} registration = $1 AND state = 'waiting' AND id IN ({})",
        marks(3, ids.len())
    );
    let query = sqlx::query(composed(statement)).bind(from).bind(value);
    let query = ids.iter().fold(query, |query, id| query.bind(*id));
    Ok(query.execute(connection).await?.rows_affected())
}

#[async_trait]
impl CarriedOver for SqlHub {
    async fn what_waits_for(
        &self,
        registration: &str,
        limit: u32,
    ) -> Result<Vec<NewDelivery>, HubStoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM hub_delivery WHERE state = 'waiting' AND registration = $1 ORDER BY position LIMIT $2"
        );
        let rows = sqlx::query(composed(statement))
            .bind(registration)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await;
        let waiting = rows.and_then(in_order).doing("look what waits for a machine")?;
        Ok(waiting.into_iter().map(|delivery| delivery.what).collect())
    }

    async fn carry_over(&self, ids: &[&str], from: &str, to: &str) -> Result<u64, HubStoreError> {
        const DOING: &str = "let something wait for another version of its machine";
        const ASKED: &str = "UPDATE hub_invocation SET registration = $2 WHERE registration = $1 AND id IN \
            (SELECT correlation FROM hub_delivery WHERE what = 'command' AND";
        const WAITING: &str = "UPDATE hub_delivery SET registration = $2 WHERE";
        let (mut transaction, mut count) = (self.transaction().await?, 0);
        for chunk in ids.chunks(CHUNK) {
            let statement = format!(
                "{ASKED} registration = $1 AND state = 'waiting' AND id IN ({}))",
                marks(3, chunk.len())
            );
            let query = sqlx::query(composed(statement)).bind(from).bind(to);
            let query = chunk.iter().fold(query, |query, id| query.bind(*id));
            query.execute(&mut *transaction).await.doing(DOING)?;
            let waiting = change(&mut transaction, (WAITING, chunk), (from, to)).await;
            count += waiting.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(count)
    }

    async fn give_up_waiting(&self, ids: &[&str], from: &str, because: &str) -> Result<u64, HubStoreError> {
        const GIVE_UP: &str = "UPDATE hub_delivery SET state = 'dead', session = '', because = $2 WHERE";
        let mut count = 0;
        for chunk in ids.chunks(CHUNK) {
            let mut connection = self.writer().await?;
            let given_up = change(&mut connection, (GIVE_UP, chunk), (from, because)).await;
            count += given_up.doing("give up what waits for a machine")?;
        }
        Ok(count)
    }
}
