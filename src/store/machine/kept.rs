//! Files kept between goals, and successes that may be taken over (semantics 3.17).

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::Timestamp;
use crate::model::files::Scope;
use crate::model::push::Trust;
use crate::ports::kept::{Kept, KeptArchive, Sought, Success};
use crate::ports::store::StoreError;

const WHAT: &str = "files kept of a goal";

/// A word of one of our enums as its serialised form.
fn word(value: &impl serde::Serialize) -> String {
    rows::to_json(value).trim_matches('"').to_owned()
}

fn of_word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    rows::from_json(WHAT, &format!("\"{text}\""))
}

fn kept(row: &AnyRow) -> Result<Kept, StoreError> {
    let text = |column: &str| row.get::<String, _>(column);
    Ok(Kept {
        kept_as: of_word(&text("kept_as"))?,
        classifier: text("classifier"),
        scope: of_word(&text("scope"))?,
        trust: of_word(&text("trust"))?,
        repo_key: text("repo_key"),
        branch: rows::branch(WHAT, &text("branch"))?,
        goal_set: rows::goal_set_id(WHAT, &text("goal_set"))?,
        goal: rows::goal_key(WHAT, &text("unique_name"), &text("environment"))?,
        attempt: rows::small(WHAT, row.get("attempt"))?,
        digest: text("digest"),
        size: rows::count(WHAT, row.get("size"))?,
        at: Timestamp::from_micros(row.get("at")),
    })
}

/// The nearest and then newest files that somebody looks for. Both sides decide how far they go: what was kept for the set
/// alone is found by nobody else, and who looks only in the set finds nothing elsewhere.
pub(super) async fn find(readers: &AnyPool, sought: &Sought) -> Result<Option<Kept>, StoreError> {
    let default = sought
        .default_branch
        .as_ref()
        .map_or("", |branch| branch.as_str());
    let found = sqlx::query(
        "SELECT *,
                CASE WHEN goal_set = $1 THEN 0
                     WHEN repo_key = $2 AND branch = $3 THEN 1
                     WHEN repo_key = $2 AND branch = $4 THEN 2
                     WHEN repo_key = $2 THEN 3
                     ELSE 4 END AS distance
         FROM kept_files
         WHERE kept_as = $5 AND trust = $6
           AND CASE WHEN $7 = 1 THEN substr(classifier, 1, CAST($10 AS INTEGER)) = $8 ELSE classifier = $8 END
           AND (goal_set = $1
                OR ($9 >= 1 AND scope <> 'set' AND repo_key = $2 AND branch IN ($3, $4))
                OR ($9 >= 2 AND scope IN ('repo', 'machine') AND repo_key = $2)
                OR ($9 >= 3 AND scope = 'machine'))
         ORDER BY distance, sequence DESC
         LIMIT 1",
    )
    .bind(sought.goal_set.to_string())
    .bind(&sought.repo_key)
    .bind(sought.branch.as_str())
    .bind(default)
    .bind(word(&sought.kept_as))
    .bind(word(&sought.trust))
    .bind(i64::from(sought.beginning))
    .bind(&sought.classifier)
    .bind(reach(sought.scope))
    .bind(rows::stored(sought.classifier.chars().count() as u64))
    .fetch_optional(readers)
    .await
    .doing("look for kept files")?;
    found.as_ref().map(kept).transpose()
}

const fn reach(scope: Scope) -> i64 {
    match scope {
        Scope::Set => 0,
        Scope::Branch => 1,
        Scope::Repo => 2,
        Scope::Machine => 3,
    }
}

/// What an attempt kept.
pub(super) async fn of_attempt(readers: &AnyPool, success: &Success) -> Result<Vec<Kept>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM kept_files
         WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND attempt = $4 AND kept_as = 'output'
         ORDER BY sequence",
    )
    .bind(success.goal_set.to_string())
    .bind(success.goal.unique_name.as_str())
    .bind(&success.goal.environment)
    .bind(i64::from(success.attempt))
    .fetch_all(readers)
    .await
    .doing("read what an attempt kept")?;
    found.iter().map(kept).collect()
}

/// Every archive, those first that are the first to go: outputs that only goals of a set could find that has ended, then those
/// that were not used for the longest time.
pub(super) async fn archives(readers: &AnyPool) -> Result<Vec<KeptArchive>, StoreError> {
    let found = sqlx::query(
        "SELECT kept_files.trust, digest, max(size) AS size, max(used_at) AS used_at,
                max(CASE WHEN scope <> 'set' OR goal_sets.active = 1 THEN 1 ELSE 0 END) AS is_wanted
         FROM kept_files LEFT JOIN goal_sets ON goal_sets.id = kept_files.goal_set
         GROUP BY kept_files.trust, digest
         ORDER BY is_wanted, used_at",
    )
    .fetch_all(readers)
    .await
    .doing("list the archives")?;
    let archive = |row: &AnyRow| {
        Ok(KeptArchive {
            trust: of_word(&row.get::<String, _>("trust"))?,
            digest: row.get("digest"),
            size: rows::count(WHAT, row.get("size"))?,
            used_at: Timestamp::from_micros(row.get("used_at")),
        })
    };
    found.iter().map(archive).collect()
}

/// The newest success with these inputs; of another branch only when it is the default one or the scope is the repository.
pub(super) async fn success(
    readers: &AnyPool,
    inputs: &str,
    sought: &Sought,
) -> Result<Option<Success>, StoreError> {
    let default = sought
        .default_branch
        .as_ref()
        .map_or("", |branch| branch.as_str());
    let found = sqlx::query(
        "SELECT * FROM successes
         WHERE repo_key = $1 AND trust = $2 AND inputs = $3 AND (branch IN ($4, $5) OR $6 >= 2)
         ORDER BY at DESC LIMIT 1",
    )
    .bind(&sought.repo_key)
    .bind(word(&sought.trust))
    .bind(inputs)
    .bind(sought.branch.as_str())
    .bind(default)
    .bind(reach(sought.scope))
    .fetch_optional(readers)
    .await
    .doing("look for an earlier success")?;
    let success = |row: AnyRow| {
        let text = |column: &str| row.get::<String, _>(column);
        Ok(Success {
            inputs: text("inputs"),
            trust: of_word(&text("trust"))?,
            repo_key: text("repo_key"),
            branch: rows::branch(WHAT, &text("branch"))?,
            sha: rows::sha(WHAT, &text("sha"))?,
            goal_set: rows::goal_set_id(WHAT, &text("goal_set"))?,
            goal: rows::goal_key(WHAT, &text("unique_name"), &text("environment"))?,
            attempt: rows::small(WHAT, row.get("attempt"))?,
            data: row.get("data"),
            at: Timestamp::from_micros(row.get("at")),
        })
    };
    found.map(success).transpose()
}

/// Files that a goal left; again is once.
pub(super) struct KeepFiles(pub(super) Vec<Kept>);

#[async_trait]
impl Write for KeepFiles {
    type Answer = ();
    const DOING: &'static str = "record what a goal left";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        for kept in &self.0 {
            sqlx::query(
                "INSERT INTO kept_files (kept_as, classifier, scope, trust, repo_key, branch, goal_set,
                     unique_name, environment, attempt, digest, size, at, used_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
                 ON CONFLICT (goal_set, unique_name, environment, attempt, kept_as, classifier)
                 DO UPDATE SET digest = excluded.digest, size = excluded.size",
            )
            .bind(word(&kept.kept_as))
            .bind(&kept.classifier)
            .bind(word(&kept.scope))
            .bind(word(&kept.trust))
            .bind(&kept.repo_key)
            .bind(kept.branch.as_str())
            .bind(kept.goal_set.to_string())
            .bind(kept.goal.unique_name.as_str())
            .bind(&kept.goal.environment)
            .bind(i64::from(kept.attempt))
            .bind(&kept.digest)
            .bind(rows::stored(kept.size))
            .bind(kept.at.as_micros())
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        }
        Ok(Done::Quiet(()))
    }
}

/// An archive was used.
pub(super) struct UseArchive {
    pub(super) trust: Trust,
    pub(super) digest: String,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Write for UseArchive {
    type Answer = ();
    const DOING: &'static str = "record the use of an archive";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("UPDATE kept_files SET used_at = $1 WHERE trust = $2 AND digest = $3 AND used_at < $1")
            .bind(self.at.as_micros())
            .bind(word(&self.trust))
            .bind(&self.digest)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

/// An archive is not there any more, or is to go.
pub(super) struct ForgetArchive {
    pub(super) trust: Trust,
    pub(super) digest: String,
}

#[async_trait]
impl Write for ForgetArchive {
    type Answer = ();
    const DOING: &'static str = "forget an archive";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("DELETE FROM kept_files WHERE trust = $1 AND digest = $2")
            .bind(word(&self.trust))
            .bind(&self.digest)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

/// A success that may be taken over; a newer one replaces an older one of the same branch.
pub(super) struct RecordSuccess(pub(super) Success);

#[async_trait]
impl Write for RecordSuccess {
    type Answer = ();
    const DOING: &'static str = "record a success";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let success = &self.0;
        sqlx::query(
            "INSERT INTO successes (inputs, trust, repo_key, branch, sha, goal_set, unique_name,
                 environment, attempt, data, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (repo_key, trust, inputs, branch)
             DO UPDATE SET sha = excluded.sha, goal_set = excluded.goal_set, unique_name = excluded.unique_name,
                 environment = excluded.environment, attempt = excluded.attempt, data = excluded.data, at = excluded.at",
        )
        .bind(&success.inputs)
        .bind(word(&success.trust))
        .bind(&success.repo_key)
        .bind(success.branch.as_str())
        .bind(success.sha.as_str())
        .bind(success.goal_set.to_string())
        .bind(success.goal.unique_name.as_str())
        .bind(&success.goal.environment)
        .bind(i64::from(success.attempt))
        .bind(&success.data)
        .bind(success.at.as_micros())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
