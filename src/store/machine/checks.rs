//! Checks that forges were asked to make for commits.

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::ports::checks::CheckRun;
use crate::ports::statuses::{KnownCheck, NotedCommit};
use crate::ports::store::StoreError;

const WHAT: &str = "check that a forge has";

/// Name, our id, number at the forge and what was told last.
type Row = (String, String, i64, Option<String>);

/// Those of a commit; what another forge has is none of them.
pub(super) async fn of(readers: &AnyPool, noted: &NotedCommit) -> Result<Vec<KnownCheck>, StoreError> {
    let found: Vec<Row> = sqlx::query_as(
        "SELECT context, id, run, told FROM commit_checks
         WHERE repo_key = $1 AND sha = $2 AND forge = $3 ORDER BY context",
    )
    .bind(&noted.repo_key)
    .bind(noted.sha.as_str())
    .bind(&noted.forge)
    .fetch_all(readers)
    .await
    .doing("read which checks a forge has")?;
    found.into_iter().map(known).collect()
}

fn known((context, id, run, told): Row) -> Result<KnownCheck, StoreError> {
    let run = Some(rows::count(WHAT, run)?).filter(|run| *run > 0).map(CheckRun);
    let told = told.map(|told| rows::from_json(WHAT, &told)).transpose()?;
    Ok(KnownCheck {
        context,
        id,
        run,
        told,
    })
}

/// What is known of one from now on.
pub(super) struct Known {
    pub(super) noted: NotedCommit,
    pub(super) check: KnownCheck,
}

#[async_trait]
impl Write for Known {
    type Answer = ();
    const DOING: &'static str = "note a check that a forge has";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let Self { noted, check } = self;
        // A commit that was forgotten meanwhile has none.
        sqlx::query(
            "INSERT INTO commit_checks (repo_key, sha, context, forge, id, run, told)
             SELECT repo_key, sha, $1, $2, $3, $4, $5 FROM commit_statuses WHERE repo_key = $6 AND sha = $7
             ON CONFLICT (repo_key, sha, context) DO UPDATE
             SET forge = excluded.forge, id = excluded.id, run = excluded.run, told = excluded.told",
        )
        .bind(&check.context)
        .bind(&noted.forge)
        .bind(&check.id)
        .bind(check.run.map_or(0, |run| rows::stored(run.0)))
        .bind(check.told.as_ref().map(rows::to_json))
        .bind(&noted.repo_key)
        .bind(noted.sha.as_str())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
