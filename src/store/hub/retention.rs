//! What is forgotten because it is old, or too much.

use async_trait::async_trait;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::statement::Doing;
use crate::model::Timestamp;
use crate::ports::hub::{Bounds, HubStoreError, Retention};

/// Something of which so many are kept for each of those that have it.
struct Counted {
    /// Whose: those who have more than `$1`.
    full: &'static str,
    /// Takes the oldest of `$1` away, so that `$2` stay.
    cut: &'static str,
}

/// Invocations that have ended, by workspace.
const INVOCATIONS: Counted = Counted {
    full: "SELECT workspace FROM hub_invocation WHERE ended > 0 GROUP BY workspace HAVING COUNT(*) > $1",
    cut: "DELETE FROM hub_invocation WHERE id IN (SELECT id FROM hub_invocation WHERE workspace = $1 AND ended > 0 \
        ORDER BY created DESC, id LIMIT 1000000000 OFFSET $2)",
};

/// Messages, by workspace.
const MESSAGES: Counted = Counted {
    full: "SELECT workspace FROM hub_message GROUP BY workspace HAVING COUNT(*) > $1",
    cut: "DELETE FROM hub_message WHERE workspace = $1 AND (place, id) IN (SELECT place, id FROM hub_message \
        WHERE workspace = $1 ORDER BY posted DESC, place, id LIMIT 1000000000 OFFSET $2)",
};

/// Deliveries that were given up, by registration.
const DEAD: Counted = Counted {
    full: "SELECT registration FROM hub_delivery WHERE state = 'dead' GROUP BY registration HAVING COUNT(*) > $1",
    cut: "DELETE FROM hub_delivery WHERE id IN (SELECT id FROM hub_delivery WHERE state = 'dead' AND registration = $1 \
        ORDER BY position DESC, id LIMIT 1000000000 OFFSET $2)",
};

impl Counted {
    async fn forget(&self, connection: &mut AnyConnection, most: u32) -> Result<(), sqlx::Error> {
        let most = i64::from(most);
        let full = sqlx::query(self.full)
            .bind(most)
            .fetch_all(&mut *connection)
            .await?;
        for row in full {
            sqlx::query(self.cut)
                .bind(row.try_get::<String, _>(0)?)
                .bind(most)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

async fn forget_old(connection: &mut AnyConnection, since: Timestamp) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM hub_invocation WHERE ended > 0 AND ended < $1",
        "DELETE FROM hub_message WHERE posted < $1",
    ] {
        sqlx::query(statement)
            .bind(since.as_micros())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl Retention for SqlHub {
    async fn forget(&self, bounds: Bounds) -> Result<(), HubStoreError> {
        const DOING: &str = "forget what is old";
        let mut transaction = self.transaction().await?;
        forget_old(&mut transaction, bounds.since).await.doing(DOING)?;
        for (counted, most) in [
            (INVOCATIONS, bounds.said),
            (MESSAGES, bounds.said),
            (DEAD, bounds.dead),
        ] {
            counted.forget(&mut transaction, most).await.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)
    }
}
