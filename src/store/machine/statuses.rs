//! What forges are told of commits: the mark of how far the log was read, and the commits that they have to hear of.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlStore;
use super::checks;
use super::failure::Doing;
use super::marks::Mark;
use super::rows;
use super::writer::{Done, Write};
use crate::model::Cursor;
use crate::ports::StatusStore;
use crate::ports::forges::Report;
use crate::ports::statuses::{DueCommit, KnownCheck, NotedCommit};
use crate::ports::store::StoreError;

/// Most commits of one answer.
const PAGE: u32 = 1_000;

const WHAT: &str = "commit that a forge is told of";

const MARK: Mark = Mark {
    name: "mark of what forges are told",
    select: "SELECT cursor FROM status_cursor",
    insert: "INSERT INTO status_cursor (\"only\", cursor) VALUES (1, $1) ON CONFLICT DO NOTHING",
    update: "UPDATE status_cursor SET cursor = $1 WHERE cursor = $2",
    reading: "read how far the log was read for forges",
    moving: "move the mark of what forges are told",
};

/// Commit, goal set, entry of the log and what was told last.
type Row = (String, String, String, i64, Option<String>);

#[async_trait]
impl StatusStore for SqlStore {
    async fn statuses_read(&self) -> Result<Option<Cursor>, StoreError> {
        MARK.read(&self.readers).await
    }

    async fn note_commits(
        &self,
        from: Option<Cursor>,
        to: Cursor,
        commits: &[NotedCommit],
    ) -> Result<(), StoreError> {
        let commits = commits.to_vec();
        self.writer.write(NoteCommits { from, to, commits }).await
    }

    async fn stop_statuses(&self) -> Result<(), StoreError> {
        self.writer.write(StopStatuses).await
    }

    async fn forges_behind(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT DISTINCT forge FROM commit_statuses WHERE due > told ORDER BY forge")
            .fetch_all(&self.readers)
            .await
            .doing("see which forges are to be told something")
    }

    async fn due_commits(&self, forge: &str, limit: u32) -> Result<Vec<DueCommit>, StoreError> {
        let found: Vec<Row> = sqlx::query_as(
            "SELECT repo_key, sha, goal_set, due, report FROM commit_statuses
             WHERE forge = $1 AND due > told ORDER BY due LIMIT $2",
        )
        .bind(forge)
        .bind(i64::from(limit.min(PAGE)))
        .fetch_all(&self.readers)
        .await
        .doing("read what a forge is to be told")?;
        found.into_iter().map(|row| due(forge, row)).collect()
    }

    async fn status_told(&self, noted: &NotedCommit, report: Option<&Report>) -> Result<(), StoreError> {
        let (noted, report) = (noted.clone(), report.map(rows::to_json));
        self.writer.write(StatusTold { noted, report }).await
    }

    async fn known_checks(&self, noted: &NotedCommit) -> Result<Vec<KnownCheck>, StoreError> {
        checks::of(&self.readers, noted).await
    }

    async fn check_known(&self, noted: &NotedCommit, check: &KnownCheck) -> Result<(), StoreError> {
        let (noted, check) = (noted.clone(), check.clone());
        self.writer.write(checks::Known { noted, check }).await
    }
}

fn due(forge: &str, (repo_key, sha, goal_set, due, report): Row) -> Result<DueCommit, StoreError> {
    let noted = NotedCommit {
        repo_key,
        sha: rows::sha(WHAT, &sha)?,
        forge: forge.to_owned(),
        goal_set: rows::goal_set_id(WHAT, &goal_set)?,
        due: Cursor(rows::count(WHAT, due)?),
    };
    let told = report.map(|report| rows::from_json(WHAT, &report)).transpose()?;
    Ok(DueCommit { noted, told })
}

/// Commits that forges have to hear of, and how far the log was read for them.
struct NoteCommits {
    from: Option<Cursor>,
    to: Cursor,
    commits: Vec<NotedCommit>,
}

#[async_trait]
impl Write for NoteCommits {
    type Answer = ();
    const DOING: &'static str = "note what forges are to be told";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        MARK.move_on(connection, self.from, self.to).await?;
        for commit in &self.commits {
            sqlx::query(
                "INSERT INTO commit_statuses (repo_key, sha, forge, goal_set, due)
                 SELECT $1, $2, $3, id, $4 FROM goal_sets WHERE id = $5
                 ON CONFLICT (repo_key, sha) DO UPDATE
                 SET forge = excluded.forge, goal_set = excluded.goal_set, due = excluded.due",
            )
            .bind(&commit.repo_key)
            .bind(commit.sha.as_str())
            .bind(&commit.forge)
            .bind(rows::stored(commit.due.0))
            .bind(commit.goal_set.to_string())
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        }
        Ok(Done::Quiet(()))
    }
}

struct StopStatuses;

#[async_trait]
impl Write for StopStatuses {
    type Answer = ();
    const DOING: &'static str = "forget what forges were to be told";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        for statement in ["DELETE FROM status_cursor", "DELETE FROM commit_statuses"] {
            sqlx::query(statement)
                .execute(&mut *connection)
                .await
                .doing(Self::DOING)?;
        }
        Ok(Done::Quiet(()))
    }
}

/// A forge has heard of a commit, or is not told of it.
struct StatusTold {
    noted: NotedCommit,
    report: Option<String>,
}

#[async_trait]
impl Write for StatusTold {
    type Answer = ();
    const DOING: &'static str = "note what a forge was told";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "UPDATE commit_statuses SET told = $1, report = coalesce($2, report)
             WHERE repo_key = $3 AND sha = $4 AND told < $1",
        )
        .bind(rows::stored(self.noted.due.0))
        .bind(self.report.as_deref())
        .bind(&self.noted.repo_key)
        .bind(self.noted.sha.as_str())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
