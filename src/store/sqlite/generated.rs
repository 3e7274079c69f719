//! Commits that goals pushed: recognised by what we remember of them, not by what they say (semantics 4.1 DECISION).

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::failure::Doing;
use super::writer::{Done, Write};
use crate::model::{CommitSha, Timestamp};
use crate::ports::store::StoreError;

pub(super) async fn chain(
    readers: &SqlitePool,
    repo_key: &str,
    sha: &CommitSha,
) -> Result<Option<u32>, StoreError> {
    sqlx::query_scalar("SELECT chain FROM generated_commits WHERE repo_key = ? AND sha = ?")
        .bind(repo_key)
        .bind(sha.as_str())
        .fetch_optional(readers)
        .await
        .doing("read whether a goal pushed a commit")
}

/// A commit that a goal is about to push.
pub(super) struct NoteGenerated {
    pub(super) repo_key: String,
    pub(super) sha: CommitSha,
    pub(super) chain: u32,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Write for NoteGenerated {
    type Answer = ();
    const DOING: &'static str = "note a commit that a goal pushes";

    async fn write(&self, connection: &mut SqliteConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT OR REPLACE INTO generated_commits (repo_key, sha, chain, at) VALUES (?, ?, ?, ?)",
        )
        .bind(&self.repo_key)
        .bind(self.sha.as_str())
        .bind(self.chain)
        .bind(self.at.as_micros())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
