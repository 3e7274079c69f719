//! Jobs and their tasks.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::SqlStore;
use super::composed::Composed;
use super::failure::{Doing, corrupt};
use super::feed::Entry;
use super::plans::StorePlan;
use super::writer::{Done, Write};
use super::{pushes, rows};
use crate::model::{
    BranchName, CommitSha, GoalSet, Job, JobId, JobTask, News, Plan, Push, Repository, TaskState, Timestamp,
};
use crate::ports::JobStore;
use crate::ports::store::{Cause, StoreError};

/// Tasks written by one statement (semantics 5.4).
const CHUNK: usize = 250;

/// What a task works on, as its row keeps it.
#[derive(Serialize, Deserialize)]
struct Target {
    repo: Repository,
    branch: Option<BranchName>,
    sha: Option<CommitSha>,
}

type TaskRow = (i64, String, Option<String>, Option<String>, String);

#[async_trait]
impl JobStore for SqlStore {
    async fn store_job(&self, job: &Job, tasks: &[JobTask]) -> Result<(), StoreError> {
        let row = |task: &JobTask| {
            let (repo, branch, sha) = (task.repo.clone(), task.branch.clone(), task.sha.clone());
            (task.number, rows::to_json(&Target { repo, branch, sha }))
        };
        let store = StoreJob {
            id: job.id,
            created_at: job.created_at,
            body: rows::to_json(job),
            replica: self.replica.clone(),
            tasks: tasks.iter().map(row).collect(),
        };
        self.writer.write(store).await
    }

    async fn job(&self, id: JobId) -> Result<Option<(Job, Vec<JobTask>)>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM jobs WHERE id = $1")
            .bind(id.0.to_string())
            .fetch_optional(&self.readers)
            .await
            .doing("read a job")?;
        let Some(body) = body else { return Ok(None) };
        let found: Vec<TaskRow> = sqlx::query_as(
            "SELECT number, state, goal_set, message, target FROM job_tasks WHERE job = $1 ORDER BY number",
        )
        .bind(id.0.to_string())
        .fetch_all(&self.readers)
        .await
        .doing("read the tasks of a job")?;
        let tasks = found.into_iter().map(task).collect::<Result<_, _>>()?;
        Ok(Some((rows::from_json("job", &body)?, tasks)))
    }

    async fn jobs(&self, limit: u32) -> Result<Vec<JobId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM jobs ORDER BY sequence DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .doing("read the jobs")?;
        ids.iter().map(|id| job_id(id)).collect()
    }

    async fn waiting_jobs(&self) -> Result<Vec<JobId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE id IN (SELECT job FROM job_tasks WHERE state = 'waiting') ORDER BY sequence",
        )
        .fetch_all(&self.readers)
        .await
        .doing("read jobs that wait")?;
        ids.iter().map(|id| job_id(id)).collect()
    }

    async fn active_tasks(&self, job: JobId) -> Result<u32, StoreError> {
        let active: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM job_tasks t JOIN goal_sets s ON s.id = t.goal_set WHERE t.job = $1 AND s.active = 1",
        )
        .bind(job.0.to_string())
        .fetch_one(&self.readers)
        .await
        .doing("count the active tasks of a job")?;
        rows::small("number of active tasks", active)
    }

    async fn begin_task(
        &self,
        job: &Job,
        number: u32,
        push: &Push,
        plan: &Plan,
        set: &GoalSet,
    ) -> Result<bool, StoreError> {
        let cause = Cause::of_job(job);
        let news = News::Command {
            job: job.id,
            command: job.command.name.clone(),
            by: job.by.clone(),
            push: push.id,
            repo: push.repo.slug.clone(),
            branch: push.branch.clone(),
            sha: push.after.clone(),
        };
        let begin = BeginTask {
            job: job.id,
            number,
            body: rows::to_json(push),
            push: push.clone(),
            goal_set: set.id.to_string(),
            entry: Entry::new(&news, push.at).of_push(push.id),
            plan: StorePlan::new(push, &cause, plan, Some(set), push.at)?,
        };
        let begun = self.writer.write(begin).await?;
        if begun {
            self.remembered.keep(set);
        }
        Ok(begun)
    }

    async fn settle_task(
        &self,
        job: JobId,
        number: u32,
        state: TaskState,
        message: &str,
    ) -> Result<bool, StoreError> {
        let settle = SettleTask {
            job,
            number,
            state,
            message: Some(message.to_owned()),
            goal_set: None,
        };
        self.writer.write(settle).await
    }
}

fn job_id(text: &str) -> Result<JobId, StoreError> {
    Uuid::parse_str(text)
        .map(JobId)
        .map_err(|error| corrupt("job", &error))
}

fn task((number, state, goal_set, message, target): TaskRow) -> Result<JobTask, StoreError> {
    let what = format!("task {number} of a job");
    let state = TaskState::parse(&state)
        .ok_or_else(|| corrupt(&what, &format!("`{state}` is not a state of a task")))?;
    let target: Target = rows::from_json(&what, &target)?;
    Ok(JobTask {
        number: rows::small(&what, number)?,
        repo: target.repo,
        branch: target.branch,
        sha: target.sha,
        state,
        goal_set: goal_set.map(|id| rows::goal_set_id(&what, &id)).transpose()?,
        message,
    })
}

/// A job with the rows of its tasks.
struct StoreJob {
    id: JobId,
    created_at: Timestamp,
    body: String,
    replica: String,
    tasks: Vec<(u32, String)>,
}

#[async_trait]
impl Write for StoreJob {
    type Answer = ();
    const DOING: &'static str = "store a job";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let job = self.id.0.to_string();
        sqlx::query("INSERT INTO jobs (id, created_at, body, replica) VALUES ($1, $2, $3, $4)")
            .bind(&job)
            .bind(self.created_at.as_micros())
            .bind(&self.body)
            .bind(&self.replica)
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        for chunk in self.tasks.chunks(CHUNK) {
            let mut query = Composed::new("INSERT INTO job_tasks (job, number, state, target) VALUES ");
            for (index, (number, target)) in chunk.iter().enumerate() {
                query.push(if index == 0 { "(" } else { ", (" });
                query.bind(job.as_str()).push(", ");
                query.bind(i64::from(*number)).push(", ");
                query.bind(TaskState::Waiting.as_str()).push(", ");
                query.bind(target.as_str()).push(")");
            }
            query
                .execute(&mut *connection)
                .await
                .doing("store the tasks of a job")?;
        }
        Ok(Done::News(()))
    }
}

/// A task that leaves its wait.
struct SettleTask {
    job: JobId,
    number: u32,
    state: TaskState,
    message: Option<String>,
    goal_set: Option<String>,
}

#[async_trait]
impl Write for SettleTask {
    type Answer = bool;
    const DOING: &'static str = "settle a task of a job";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let settled = sqlx::query(
            "UPDATE job_tasks SET state = $1, message = $2, goal_set = $3
             WHERE job = $4 AND number = $5 AND state = 'waiting'",
        )
        .bind(self.state.as_str())
        .bind(&self.message)
        .bind(&self.goal_set)
        .bind(self.job.0.to_string())
        .bind(i64::from(self.number))
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(match settled.rows_affected() {
            0 => Done::Quiet(false),
            _ => Done::News(true),
        })
    }
}

/// A task that gets its goal set.
struct BeginTask {
    job: JobId,
    number: u32,
    push: Push,
    body: String,
    goal_set: String,
    entry: Entry,
    plan: StorePlan,
}

impl BeginTask {
    fn settled(&self) -> SettleTask {
        SettleTask {
            job: self.job,
            number: self.number,
            state: TaskState::Begun,
            message: None,
            goal_set: Some(self.goal_set.clone()),
        }
    }

    async fn waits(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let found =
            sqlx::query("SELECT 1 FROM job_tasks WHERE job = $1 AND number = $2 AND state = 'waiting'")
                .bind(self.job.0.to_string())
                .bind(i64::from(self.number))
                .fetch_optional(connection)
                .await
                .doing("read a task of a job")?;
        Ok(found.is_some())
    }
}

#[async_trait]
impl Write for BeginTask {
    type Answer = bool;
    const DOING: &'static str = "begin a task of a job";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        if !self.waits(connection).await? {
            return Ok(Done::Quiet(false));
        }
        pushes::insert(connection, &self.push, &self.body, true).await?;
        self.entry.insert(connection).await?;
        self.plan.write(connection).await?;
        self.settled().write(connection).await?;
        Ok(Done::News(true))
    }
}

/// Removes jobs asked for before a moment, none of whose tasks waits or has a goal set that is still there.
pub(super) async fn forget(connection: &mut AnyConnection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM jobs WHERE created_at < $1 AND NOT EXISTS (
             SELECT 1 FROM job_tasks t WHERE t.job = jobs.id AND (t.state = 'waiting' OR t.goal_set IS NOT NULL))",
    )
    .bind(before.as_micros())
    .execute(connection)
    .await
    .doing("forget jobs")?;
    Ok(())
}
