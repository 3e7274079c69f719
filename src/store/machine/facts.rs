//! Small facts: versions of commits, trust in repositories.

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::writer::{Done, Write};
use crate::model::CommitSha;
use crate::ports::store::StoreError;

pub(super) async fn version(
    readers: &AnyPool,
    repo_key: &str,
    sha: &CommitSha,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT version FROM versions WHERE repo_key = $1 AND sha = $2")
        .bind(repo_key)
        .bind(sha.as_str())
        .fetch_optional(readers)
        .await
        .doing("read the version of a commit")
}

pub(super) async fn is_trusted(readers: &AnyPool, repo_key: &str) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT 1 FROM trusted_repositories WHERE repo_key = $1")
        .bind(repo_key)
        .fetch_optional(readers)
        .await
        .doing("read whether a repository is trusted")?;
    Ok(found.is_some())
}

/// The version of a commit.
pub(super) struct SetVersion {
    pub(super) repo_key: String,
    pub(super) sha: CommitSha,
    pub(super) version: String,
}

#[async_trait]
impl Write for SetVersion {
    type Answer = ();
    const DOING: &'static str = "record the version of a commit";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO versions (repo_key, sha, version) VALUES ($1, $2, $3)
             ON CONFLICT (repo_key, sha) DO UPDATE SET version = excluded.version",
        )
        .bind(&self.repo_key)
        .bind(self.sha.as_str())
        .bind(&self.version)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

/// Trust in a repository, given or taken back.
pub(super) struct SetTrusted {
    pub(super) repo_key: String,
    pub(super) trusted: bool,
}

#[async_trait]
impl Write for SetTrusted {
    type Answer = ();
    const DOING: &'static str = "record whether a repository is trusted";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let query = if self.trusted {
            sqlx::query("INSERT INTO trusted_repositories (repo_key) VALUES ($1) ON CONFLICT DO NOTHING")
        } else {
            sqlx::query("DELETE FROM trusted_repositories WHERE repo_key = $1")
        };
        query
            .bind(&self.repo_key)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::News(()))
    }
}
