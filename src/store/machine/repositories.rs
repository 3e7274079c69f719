//! Repositories that have been seen.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::feed::Entry;
use super::pushes::SetBranchHead;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{BranchName, CommitSha, Event, News, Repository, Timestamp};
use crate::ports::store::StoreError;

/// Whether the repository is remembered exactly as it is.
pub(super) async fn is_known_as(readers: &AnyPool, repo: &Repository) -> Result<bool, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM repositories WHERE repo_key = $1")
        .bind(&repo.key)
        .fetch_optional(readers)
        .await
        .doing("read a repository")?;
    Ok(body.is_some_and(|body| body == rows::to_json(repo)))
}

/// All of them, by name.
pub(super) async fn all(readers: &AnyPool) -> Result<Vec<Repository>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM repositories ORDER BY repo_owner, repo_name")
            .fetch_all(readers)
            .await
            .doing("read the repositories")?;
    bodies
        .iter()
        .map(|body| rows::from_json("repository", body))
        .collect()
}

/// A repository as it is now; the answer is whether it was not known.
pub(super) struct RememberRepository {
    pub(super) repo: Repository,
    pub(super) heads: BTreeMap<BranchName, CommitSha>,
    pub(super) at: Timestamp,
}

impl RememberRepository {
    /// Being seen for the first time is an event.
    fn onboarded(&self) -> Entry {
        let slug = &self.repo.slug;
        let event = Event {
            key: format!("RepoOnboarded:{}", self.repo.key),
            name: "RepoOnboarded".to_owned(),
            at: self.at,
            depth: 0,
            payload: json!({"repo": {
                "owner": slug.owner,
                "name": slug.name,
                "slug": slug.to_string(),
                "default_branch": self.repo.default_branch.as_ref().map(ToString::to_string),
                "address": self.repo.address,
            }}),
        };
        let event = Box::new(event);
        Entry::new(&News::Event { event }, self.at)
    }

    async fn write_heads(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        for (branch, head) in &self.heads {
            let (repo_key, branch, head) = (self.repo.key.clone(), branch.clone(), Some(head.clone()));
            SetBranchHead {
                repo_key,
                branch,
                head,
            }
            .write(connection)
            .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Write for RememberRepository {
    type Answer = bool;
    const DOING: &'static str = "remember a repository";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let (repo, body) = (&self.repo, rows::to_json(&self.repo));
        let inserted = sqlx::query(
            "INSERT INTO repositories (repo_key, repo_owner, repo_name, first_seen, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(&repo.key)
        .bind(&repo.slug.owner)
        .bind(&repo.slug.name)
        .bind(self.at.as_micros())
        .bind(&body)
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        if inserted.rows_affected() == 1 {
            self.write_heads(connection).await?;
            self.onboarded().insert(connection).await?;
            return Ok(Done::News(true));
        }
        sqlx::query("UPDATE repositories SET repo_owner = $1, repo_name = $2, body = $3 WHERE repo_key = $4")
            .bind(&repo.slug.owner)
            .bind(&repo.slug.name)
            .bind(&body)
            .bind(&repo.key)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(false))
    }
}
