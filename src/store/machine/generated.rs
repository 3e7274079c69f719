//! Commits that goals pushed: recognised by what we remember of them, not by what they say (semantics 4.1 DECISION).

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{CommitSha, Timestamp};
use crate::ports::store::StoreError;

pub(super) async fn chain(
    readers: &AnyPool,
    repo_key: &str,
    sha: &CommitSha,
) -> Result<Option<u32>, StoreError> {
    let chain: Option<i64> =
        sqlx::query_scalar("SELECT chain FROM generated_commits WHERE repo_key = $1 AND sha = $2")
            .bind(repo_key)
            .bind(sha.as_str())
            .fetch_optional(readers)
            .await
            .doing("read whether a goal pushed a commit")?;
    chain.map(|chain| rows::small("pushed commit", chain)).transpose()
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

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO generated_commits (repo_key, sha, chain, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (repo_key, sha) DO UPDATE SET chain = excluded.chain, at = excluded.at",
        )
        .bind(&self.repo_key)
        .bind(self.sha.as_str())
        .bind(i64::from(self.chain))
        .bind(self.at.as_micros())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
