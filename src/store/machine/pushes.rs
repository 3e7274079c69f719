//! Pushes and the heads of branches.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::feed::Entry;
use super::rows;
use super::writer::{Done, Write};
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, News, Push, PushId, RepoSlug};
use crate::ports::store::StoreError;

pub(super) async fn branch_heads(
    readers: &AnyPool,
    repo_key: &str,
) -> Result<BTreeMap<BranchName, CommitSha>, StoreError> {
    let heads: Vec<(String, String)> =
        sqlx::query_as("SELECT branch, sha FROM branch_heads WHERE repo_key = $1")
            .bind(repo_key)
            .fetch_all(readers)
            .await
            .doing("read the heads of branches")?;
    let parsed = |(branch, sha): (String, String)| {
        Ok((
            rows::branch("branch head", &branch)?,
            rows::sha("branch head", &sha)?,
        ))
    };
    heads.into_iter().map(parsed).collect()
}

pub(super) async fn push(readers: &AnyPool, id: PushId) -> Result<Option<Push>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM pushes WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(readers)
        .await
        .doing("read a push")?;
    body.map(|body| rows::from_json(&format!("push {id}"), &body))
        .transpose()
}

pub(super) async fn trust_in(
    readers: &AnyPool,
    repo_key: &str,
    sha: &CommitSha,
) -> Result<Option<Trust>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM pushes WHERE repo_key = $1 AND sha = $2 AND of_command = 0")
            .bind(repo_key)
            .bind(sha.as_str())
            .fetch_all(readers)
            .await
            .doing("read the pushes of a commit")?;
    let trust = |body: &String| rows::from_json::<Push>("push", body).map(|push| push.trust);
    let all: Vec<Trust> = bodies.iter().map(trust).collect::<Result<_, _>>()?;
    Ok(all.into_iter().max())
}

pub(super) async fn pushes(
    readers: &AnyPool,
    repo: Option<&RepoSlug>,
    limit: u32,
) -> Result<Vec<Push>, StoreError> {
    let query = match repo {
        None => {
            sqlx::query_scalar("SELECT body FROM pushes WHERE of_command = 0 ORDER BY sequence DESC LIMIT $1")
        }
        Some(repo) => sqlx::query_scalar(
            "SELECT body FROM pushes WHERE repo_owner = $1 AND repo_name = $2 AND of_command = 0
             ORDER BY sequence DESC LIMIT $3",
        )
        .bind(&repo.owner)
        .bind(&repo.name),
    };
    let bodies: Vec<String> = query
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await
        .doing("read pushes")?;
    bodies.iter().map(|body| rows::from_json("push", body)).collect()
}

pub(super) async fn unplanned_pushes(readers: &AnyPool) -> Result<Vec<(Push, u32)>, StoreError> {
    let found: Vec<(String, i64)> = sqlx::query_as(
        "SELECT body, (SELECT count(*) FROM planning_attempts WHERE push_id = pushes.id AND cause IS NULL)
         FROM pushes WHERE planned = 0 ORDER BY sequence",
    )
    .fetch_all(readers)
    .await
    .doing("read pushes that are not planned")?;
    let parsed = |(body, failures): (String, i64)| {
        let failures = rows::small("number of failed plans", failures)?;
        Ok((rows::from_json("push", &body)?, failures))
    };
    found.into_iter().map(parsed).collect()
}

/// A push with the head its sender saw.
pub(super) struct RecordPush {
    push: Push,
    body: String,
    expected: Option<CommitSha>,
    /// Whether the branch moves; a replay leaves it where it is.
    moves: bool,
    entry: Entry,
}

impl RecordPush {
    pub(super) fn new(push: &Push, expected: Option<&CommitSha>) -> Self {
        let news = News::Push {
            push: push.id,
            repo: push.repo.slug.clone(),
            branch: push.branch.clone(),
            before: push.before.clone(),
            after: push.after.clone(),
            title: push.title().to_owned(),
        };
        Self {
            body: rows::to_json(push),
            expected: expected.cloned(),
            moves: true,
            entry: Entry::new(&news, push.at).of_push(push.id),
            push: push.clone(),
        }
    }

    /// A push of commits that were processed before.
    pub(super) fn again(push: &Push) -> Self {
        Self {
            moves: false,
            ..Self::new(push, None)
        }
    }

    /// Moves the head from what was seen to the new commit; `false` when it was another.
    async fn move_head(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let query = match &self.expected {
            None => sqlx::query(
                "INSERT INTO branch_heads (sha, repo_key, branch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            ),
            Some(_) => sqlx::query(
                "UPDATE branch_heads SET sha = $1 WHERE repo_key = $2 AND branch = $3 AND sha = $4",
            ),
        };
        let mut query = query
            .bind(self.push.after.as_str())
            .bind(&self.push.repo.key)
            .bind(self.push.branch.as_str());
        if let Some(expected) = &self.expected {
            query = query.bind(expected.as_str());
        }
        let moved = query
            .execute(connection)
            .await
            .doing("move the head of a branch")?;
        Ok(moved.rows_affected() == 1)
    }

    async fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        insert(connection, &self.push, &self.body, false).await
    }
}

/// Writes the row of a push, or of the commit a command works on.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    push: &Push,
    body: &str,
    of_command: bool,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pushes (id, repo_key, repo_owner, repo_name, branch, sha, at, of_command, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(push.id.to_string())
    .bind(&push.repo.key)
    .bind(&push.repo.slug.owner)
    .bind(&push.repo.slug.name)
    .bind(push.branch.as_str())
    .bind(push.after.as_str())
    .bind(push.at.as_micros())
    .bind(i64::from(of_command))
    .bind(body)
    .execute(connection)
    .await
    .doing("record a push")?;
    Ok(())
}

#[async_trait]
impl Write for RecordPush {
    type Answer = bool;
    const DOING: &'static str = "record a push";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        if self.moves && !self.move_head(connection).await? {
            return Ok(Done::Quiet(false));
        }
        self.insert(connection).await?;
        self.entry.insert(connection).await?;
        Ok(Done::News(true))
    }
}

/// A head without a push.
pub(super) struct SetBranchHead {
    pub(super) repo_key: String,
    pub(super) branch: BranchName,
    pub(super) head: Option<CommitSha>,
}

#[async_trait]
impl Write for SetBranchHead {
    type Answer = ();
    const DOING: &'static str = "set the head of a branch";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let query = match &self.head {
            None => sqlx::query("DELETE FROM branch_heads WHERE repo_key = $1 AND branch = $2"),
            Some(_) => sqlx::query(
                "INSERT INTO branch_heads (repo_key, branch, sha) VALUES ($1, $2, $3)
                 ON CONFLICT (repo_key, branch) DO UPDATE SET sha = excluded.sha",
            ),
        };
        let mut query = query.bind(&self.repo_key).bind(self.branch.as_str());
        if let Some(head) = &self.head {
            query = query.bind(head.as_str());
        }
        query.execute(connection).await.doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
