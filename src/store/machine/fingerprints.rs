//! Fingerprints of commits (semantics 4.4).

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{CommitSha, Fingerprint, Timestamp, UniqueName};
use crate::ports::store::StoreError;

pub(super) async fn fingerprints(
    readers: &AnyPool,
    repo_key: &str,
    sha: &CommitSha,
    goal: &UniqueName,
) -> Result<Option<Vec<Fingerprint>>, StoreError> {
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM fingerprints WHERE repo_key = $1 AND sha = $2 AND goal = $3")
            .bind(repo_key)
            .bind(sha.as_str())
            .bind(goal.as_str())
            .fetch_optional(readers)
            .await
            .doing("read the fingerprints of a commit")?;
    body.map(|body| rows::from_json("fingerprints", &body))
        .transpose()
}

/// The fingerprints one goal took of a commit.
pub(super) struct SaveFingerprints {
    pub(super) repo_key: String,
    pub(super) sha: CommitSha,
    pub(super) goal: UniqueName,
    pub(super) at: Timestamp,
    pub(super) body: String,
}

#[async_trait]
impl Write for SaveFingerprints {
    type Answer = ();
    const DOING: &'static str = "keep the fingerprints of a commit";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO fingerprints (repo_key, sha, goal, at, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (repo_key, sha, goal) DO UPDATE SET at = excluded.at, body = excluded.body",
        )
        .bind(&self.repo_key)
        .bind(self.sha.as_str())
        .bind(self.goal.as_str())
        .bind(self.at.as_micros())
        .bind(&self.body)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

/// Forgets those of commits that are no head of a branch any more.
pub(super) async fn forget(connection: &mut AnyConnection, before: Timestamp) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM fingerprints WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM branch_heads h
         WHERE h.repo_key = fingerprints.repo_key AND h.sha = fingerprints.sha)",
        "DELETE FROM generated_commits WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM branch_heads h
         WHERE h.repo_key = generated_commits.repo_key AND h.sha = generated_commits.sha)",
    ] {
        sqlx::query(statement)
            .bind(before.as_micros())
            .execute(&mut *connection)
            .await
            .doing("forget what was noted of old commits")?;
    }
    Ok(())
}
