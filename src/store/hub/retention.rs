//! What is forgotten because it is old, or too much.

use async_trait::async_trait;
use sqlx::Row;

use super::SqlHub;
use super::statement::Doing;
use super::tidying::BATCH;
use crate::ports::hub::{Bounds, HubStoreError, Retention};

const DOING: &str = "forget what is old";

/// Something of which so many are kept for each workspace.
struct Counted {
    /// Workspaces that have more than `$1`.
    full: &'static str,
    /// Takes the oldest of `$1` away, so that `$2` stay; so many at a time.
    cut: &'static str,
}

/// Invocations that have ended.
const INVOCATIONS: Counted = Counted {
    full: "SELECT workspace FROM hub_invocation WHERE ended > 0 GROUP BY workspace HAVING COUNT(*) > $1",
    cut: "DELETE FROM hub_invocation WHERE id IN (SELECT id FROM hub_invocation WHERE workspace = $1 AND ended > 0 \
        ORDER BY created DESC, id LIMIT BATCH OFFSET $2)",
};

/// Messages.
const MESSAGES: Counted = Counted {
    full: "SELECT workspace FROM hub_message GROUP BY workspace HAVING COUNT(*) > $1",
    cut: "DELETE FROM hub_message WHERE workspace = $1 AND (place, id) IN (SELECT place, id FROM hub_message \
        WHERE workspace = $1 ORDER BY posted DESC, place, id LIMIT BATCH OFFSET $2)",
};

/// What is older than `$1`, so many at a time.
const OLD: [&str; 2] = [
    "DELETE FROM hub_invocation WHERE id IN (SELECT id FROM hub_invocation WHERE ended > 0 AND ended < $1 LIMIT BATCH)",
    "DELETE FROM hub_message WHERE (workspace, place, id) IN (SELECT workspace, place, id FROM hub_message WHERE posted < $1 LIMIT BATCH)",
];

/// A statement that takes so many rows at a time.
fn some(statement: &str) -> String {
    statement.replace("BATCH", &BATCH.to_string())
}

impl SqlHub {
    async fn cut_counted(&self, counted: &Counted, most: u32) -> Result<(), HubStoreError> {
        let most = i64::from(most);
        let full = sqlx::query(counted.full)
            .bind(most)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        for row in full {
            let workspace: String = row.try_get(0).doing(DOING)?;
            let values = [workspace.as_str().into(), most.into()];
            self.in_batches(&some(counted.cut), &values, DOING).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Retention for SqlHub {
    async fn forget(&self, bounds: Bounds) -> Result<(), HubStoreError> {
        for statement in OLD {
            let since = [bounds.since.as_micros().into()];
            self.in_batches(&some(statement), &since, DOING).await?;
        }
        for counted in [INVOCATIONS, MESSAGES] {
            self.cut_counted(&counted, bounds.said).await?;
        }
        Ok(())
    }
}
