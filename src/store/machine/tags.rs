//! Tags that were seen.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::feed::Entry;
use super::rows;
use super::writer::{Done, Write};
use crate::model::CommitSha;
use crate::ports::store::StoreError;

pub(super) async fn seen(
    readers: &AnyPool,
    repo_key: &str,
) -> Result<Option<BTreeMap<String, CommitSha>>, StoreError> {
    let tags: Option<String> = sqlx::query_scalar("SELECT tags FROM tags_seen WHERE repo_key = $1")
        .bind(repo_key)
        .fetch_optional(readers)
        .await
        .doing("read the tags of a repository")?;
    tags.map(|tags| rows::from_json("tags", &tags)).transpose()
}

/// Tags as they are now, and what that means.
pub(super) struct SetTags {
    pub(super) repo_key: String,
    pub(super) tags: String,
    pub(super) entries: Vec<Entry>,
}

#[async_trait]
impl Write for SetTags {
    type Answer = ();
    const DOING: &'static str = "remember the tags of a repository";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO tags_seen (repo_key, tags) VALUES ($1, $2)
             ON CONFLICT (repo_key) DO UPDATE SET tags = excluded.tags",
        )
        .bind(&self.repo_key)
        .bind(&self.tags)
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        for entry in &self.entries {
            entry.insert(connection).await?;
        }
        Ok(match self.entries.is_empty() {
            true => Done::Quiet(()),
            false => Done::News(()),
        })
    }
}
