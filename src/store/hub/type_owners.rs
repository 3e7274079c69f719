//! Whose the custom types of a workspace are.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row as _;

use super::SqlHub;
use super::statement::Doing;
use crate::ports::hub::{HubStoreError, TypeOwners};

#[async_trait]
impl TypeOwners for SqlHub {
    async fn type_owners(&self, workspace: &str) -> Result<BTreeMap<String, String>, HubStoreError> {
        const DOING: &str = "read whose custom types are";
        let rows = sqlx::query("SELECT name, owner FROM hub_type_owner WHERE workspace = $1")
            .bind(workspace)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let owners = rows
            .iter()
            .map(|row| Ok((row.try_get("name")?, row.try_get("owner")?)));
        owners.collect::<Result<_, sqlx::Error>>().doing(DOING)
    }

    async fn own_type(
        &self,
        (workspace, name): (&str, &str),
        owner: &str,
        before: Option<&str>,
    ) -> Result<bool, HubStoreError> {
        const OWN: &str = "INSERT INTO hub_type_owner (workspace, name, owner) VALUES ($1, $2, $3) \
            ON CONFLICT (workspace, name) DO UPDATE SET owner = excluded.owner WHERE hub_type_owner.owner = $4";
        let done = sqlx::query(OWN)
            .bind(workspace)
            .bind(name)
            .bind(owner)
            .bind(before.unwrap_or_default())
            .execute(&mut *self.writer().await?)
            .await
            .doing("note whose a custom type is")?;
        Ok(done.rows_affected() > 0)
    }

    async fn disown_type(&self, (workspace, name): (&str, &str), owner: &str) -> Result<(), HubStoreError> {
        sqlx::query("DELETE FROM hub_type_owner WHERE workspace = $1 AND name = $2 AND owner = $3")
            .bind(workspace)
            .bind(name)
            .bind(owner)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("forget whose a custom type was")
    }
}
