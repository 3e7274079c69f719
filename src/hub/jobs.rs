//! Jobs: commands that one command spreads over many repositories, a few at a time (wire protocol 10.5).
//!
//! A machine of the original makes a job, puts tasks on it and lets it begin. A task is handed to its machine by the subscription to
//! tasks that are `created`, `maxRunningTasks` of them at a time; what becomes of one hands out the next. Tasks have numbers in their
//! ids, so that counting them on the job is enough. All of that [`follows`] from changes in the unit of work that makes them, so that
//! no task is handed out twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Hub;
use super::changes::{Change, How};
use super::goals::whose::{SAID_BY, Whose, said_by};
use super::questions::Asking;
use super::refusal::Refusal;
use super::remembered::Seen;
use crate::graph::question::Selection;
use crate::model::Timestamp;
use crate::ports::graph::{Filter, Find, Node};
use crate::ports::hub::HubStoreError;

/// Most tasks of one job.
const MOST_TASKS: u64 = 1_000;
/// Most tasks that run at a time.
const MOST_AT_ONCE: u64 = 100;
/// Silent tasks of a workspace that are looked at at once.
const AT_ONCE: u32 = 200;
/// Longest name.
const LONGEST_NAME: usize = 200;
/// Longest text for people in bytes.
const LONGEST_TEXT: usize = 4_000;
/// Longest data of a job or a task in bytes.
const LONGEST_DATA: usize = 64 * 1024;

/// A mutation of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobMutation {
    /// `createAtmJob(jobInput)`.
    Create,
    /// `addAtmJobTasks(jobId, jobTasks)`.
    Add,
    /// `resumeAtmJob(jobId)`.
    Resume,
    /// `setAtmJobTaskState(id, jobTaskState)`.
    SetTaskState,
}

impl JobMutation {
    /// The one of this name.
    pub(super) fn read(name: &str) -> Option<Self> {
        match name {
            "createAtmJob" => Some(Self::Create),
            "addAtmJobTasks" => Some(Self::Add),
            "resumeAtmJob" => Some(Self::Resume),
            "setAtmJobTaskState" => Some(Self::SetTaskState),
            _ => None,
        }
    }
}

/// A job as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobInput {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    initial_state: Option<InitialState>,
    #[serde(default)]
    max_running_tasks: Option<u64>,
    job_tasks: Vec<TaskInput>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InitialState {
    Preparing,
    Running,
}

#[derive(Debug, Deserialize)]
struct TaskInput {
    name: String,
    #[serde(default)]
    data: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StateInput {
    state: TaskState,
    #[serde(default)]
    message: Option<String>,
}

/// What a machine says that a task is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TaskState {
    Running,
    Success,
    Failed,
}

impl TaskState {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    fn is_final(self) -> bool {
        match self {
            Self::Running => false,
            Self::Success | Self::Failed => true,
        }
    }
}

fn wrong(because: impl Into<String>) -> Refusal {
    Refusal::bad("invalid_argument", because)
}

/// An argument that must be there.
pub(super) fn argument<T: serde::de::DeserializeOwned>(root: &Selection, name: &str) -> Result<T, Refusal> {
    let value = root.argument(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| wrong(format!("`{name}` cannot be read: {error}")))
}

fn within(what: &str, text: Option<&str>, longest: usize) -> Result<(), Refusal> {
    match text.is_none_or(|text| text.len() <= longest) {
        true => Ok(()),
        false => Err(wrong(format!("{what} has more than {longest} bytes"))),
    }
}

/// Data of a job is what the command was started with; what secrets it was given do not belong there.
fn without_secrets(data: Option<String>) -> Option<String> {
    let data = data?;
    match serde_json::from_str::<Value>(&data) {
        Ok(Value::Object(mut object)) if object.contains_key("secrets") => {
            object.insert("secrets".to_owned(), json!([]));
            Some(Value::Object(object).to_string())
        }
        Ok(_) | Err(_) => Some(data),
    }
}

/// Tasks as the job keeps them until they are made.
fn wanted(tasks: Vec<TaskInput>) -> Result<Vec<Value>, Refusal> {
    let wanted = tasks.into_iter().map(|task| {
        within("the name of a task", Some(&task.name), LONGEST_NAME)?;
        within("the data of a task", task.data.as_deref(), LONGEST_DATA)?;
        Ok(json!({"name": task.name, "data": task.data}))
    });
    wanted.collect()
}

impl Asking<'_> {
    /// The changes that a mutation of jobs is.
    ///
    /// # Errors
    /// What is wrong with it, or that the job is another's.
    pub(super) async fn of_job(&self, mutation: JobMutation, root: &Selection) -> Result<Change, Refusal> {
        match mutation {
            JobMutation::Create => self.created(argument(root, "jobInput")?),
            JobMutation::Add => self.added(root).await,
            JobMutation::Resume => {
                let job = self
                    .known_job("AtmJob", &argument::<String>(root, "jobId")?)
                    .await?;
                Ok(self.told_of("AtmJob", &job, json!({"state": "running"})))
            }
            JobMutation::SetTaskState => self.task_state(root).await,
        }
    }

    /// Commands are started on machines of whoever asks alone.
    fn is_own(&self, machine: &str) -> Result<(), Refusal> {
        match self.hub.whose_machine(self.caller, self.workspace, machine) {
            Whose::Own => Ok(()),
            Whose::Others | Whose::Nobodys => Err(Refusal::forbidden(
                "insufficient_permission",
                format!("no machine `{machine}` of yours is here, and jobs are for machines of one's own"),
            )),
        }
    }

    fn created(&self, job: JobInput) -> Result<Change, Refusal> {
        let owner = job
            .owner
            .ok_or_else(|| wrong("`owner` must be the name of a machine"))?;
        self.is_own(&owner)?;
        within("`name`", Some(&job.name), LONGEST_NAME)?;
        within("`description`", job.description.as_deref(), LONGEST_TEXT)?;
        within("`data`", job.data.as_deref(), LONGEST_DATA)?;
        let tasks = wanted(job.job_tasks)?;
        room_for(0, tasks.len())?;
        let state = match job.initial_state {
            Some(InitialState::Preparing) => "preparing",
            Some(InitialState::Running) | None => "running",
        };
        let now = self.hub.now().rfc3339();
        let body = json!({
            "name": job.name, "description": job.description, "owner": owner, "data": without_secrets(job.data),
            "state": state, "createdAt": now, "updatedAt": now, "completedAt": null, "isCompleted": false,
            "maxRunningTasks": job.max_running_tasks.unwrap_or(1).clamp(1, MOST_AT_ONCE),
            "taskCount": 0, "completedCount": 0, "handedCount": 0, "added": tasks, SAID_BY: self.caller.owner(),
        });
        Ok(Change::merge("AtmJob", vec![self.hub.fresh_id()], body))
    }

    async fn added(&self, root: &Selection) -> Result<Change, Refusal> {
        let job = self
            .known_job("AtmJob", &argument::<String>(root, "jobId")?)
            .await?;
        let tasks = wanted(argument(root, "jobTasks")?)?;
        room_for(count(&job, "taskCount"), tasks.len())?;
        Ok(self.told_of("AtmJob", &job, json!({ "added": tasks })))
    }

    async fn task_state(&self, root: &Selection) -> Result<Change, Refusal> {
        let told: StateInput = argument(root, "jobTaskState")?;
        within("`message`", told.message.as_deref(), LONGEST_TEXT)?;
        let task = self
            .known_job("AtmJobTask", &argument::<String>(root, "id")?)
            .await?;
        let now = told.state.is_final().then(|| self.hub.now().rfc3339());
        let body = json!({
            "state": told.state.word(), "message": told.message,
            "isCompleted": told.state.is_final(), "completedAt": now,
        });
        Ok(self.told_of("AtmJobTask", &task, body))
    }

    /// A job or a task of a machine of whoever asks.
    async fn known_job(&self, kind: &str, id: &str) -> Result<Arc<Node>, Refusal> {
        let graph = self.hub.store().reader(self.workspace);
        let found = graph.nodes(kind, &[id.to_owned()]).await?;
        let found = found.into_iter().next();
        let found = found.ok_or_else(|| Refusal::missing_thing("there is no such job or task"))?;
        // The name of its machine may be somebody else's by now.
        if said_by(&found).is_some_and(|owner| owner != self.caller.owner()) {
            return Err(Refusal::forbidden(
                "insufficient_permission",
                "the job is another's",
            ));
        }
        let machine = found.body.get("owner").and_then(Value::as_str);
        self.is_own(machine.unwrap_or_default())?;
        Ok(found)
    }

    /// What is told of a job or a task, which counts until it is over.
    fn told_of(&self, kind: &str, node: &Node, mut body: Value) -> Change {
        body["updatedAt"] = json!(self.hub.now().rfc3339());
        let change = Change::merge(kind, vec![node.id().to_owned()], body);
        Change {
            how: How::Unfinished,
            ..change
        }
    }
}

impl Hub {
    /// Tasks that were handed out long ago, and of which nobody has said anything since, have failed: the next ones go on.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn end_silent_tasks(&self) -> Result<(), HubStoreError> {
        let (now, running) = (self.now(), Value::from("running"));
        let find = Find {
            kind: "AtmJobTask".to_owned(),
            filters: vec![Filter {
                field: "state".to_owned(),
                any_of: vec![running],
            }],
            first: AT_ONCE,
            ..Find::default()
        };
        let before = now.minus(self.rhythm().task).as_micros();
        let is_silent = |task: &&Arc<Node>| {
            let started = task.body.get("startedAt").and_then(Value::as_i64);
            started.is_some_and(|started| started < before)
        };
        for workspace in self.workspaces_that_changed().await? {
            let running = self.store().reader(&workspace).find(&find).await?;
            let silent = running.iter().filter(is_silent);
            let ended: Vec<Change> = silent.map(|task| silenced(task, now)).collect();
            if !ended.is_empty() {
                self.apply(&workspace, ended).await?;
            }
        }
        Ok(())
    }
}

fn silenced(task: &Node, now: Timestamp) -> Change {
    let moment = now.rfc3339();
    let body = json!({
        "state": "failed", "message": "its machine has said nothing of it for too long", "isCompleted": true,
        "updatedAt": moment, "completedAt": moment,
    });
    let change = Change::merge("AtmJobTask", vec![task.id().to_owned()], body);
    Change {
        how: How::Unfinished,
        ..change
    }
}

fn room_for(there: u64, more: usize) -> Result<(), Refusal> {
    match there.saturating_add(more as u64) <= MOST_TASKS {
        true => Ok(()),
        false => Err(wrong(format!("a job has at most {MOST_TASKS} tasks"))),
    }
}

fn count(job: &Node, field: &str) -> u64 {
    job.body.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// What follows from changes of jobs and tasks, in steps: tasks are made and handed out, and a job ends with its last one.
///
/// # Errors
/// The memory.
pub(super) async fn follows(
    seen: &Seen<'_>,
    changed: &[Arc<Node>],
    now: Timestamp,
) -> Result<Vec<Vec<Change>>, HubStoreError> {
    let mut steps = Vec::new();
    for (id, ended) in concerned(changed) {
        if let Some(job) = seen.known("AtmJob", &id).await? {
            steps.extend(next_of(&job, ended, now));
        }
    }
    Ok(steps)
}

/// The jobs that these are about, each with how many of its tasks have ended by them.
fn concerned(changed: &[Arc<Node>]) -> BTreeMap<String, u64> {
    let mut jobs = BTreeMap::new();
    for node in changed {
        match node.kind.as_str() {
            "AtmJob" => drop(jobs.entry(node.id().to_owned()).or_insert(0)),
            "AtmJobTask" if is_over(node) => {
                let job = node.body.get("jobId").and_then(Value::as_str).unwrap_or_default();
                *jobs.entry(job.to_owned()).or_insert(0) += 1;
            }
            _ => {}
        }
    }
    jobs
}

/// Whether a job or a task is over.
pub(super) fn is_over(node: &Node) -> bool {
    node.body.get("isCompleted").and_then(Value::as_bool) == Some(true)
}

/// What is next with a job of which further tasks have ended; nothing when nothing is.
fn next_of(job: &Node, ended: u64, now: Timestamp) -> Vec<Vec<Change>> {
    let added = job.body.get("added").and_then(Value::as_array);
    let added = added.map_or(&[][..], Vec::as_slice);
    let (there, handed) = (count(job, "taskCount"), count(job, "handedCount"));
    let all = there + added.len() as u64;
    let completed = count(job, "completedCount") + ended;
    let is_running = job.body.get("state").and_then(Value::as_str) == Some("running");
    let at_once = count(job, "maxRunningTasks").max(1);
    let until = match is_running {
        true => all.min(completed.min(handed) + at_once).max(handed),
        false => handed,
    };
    let is_done = is_running && completed >= all;
    if added.is_empty() && ended == 0 && until == handed && !is_done {
        return Vec::new();
    }
    let moment = now.rfc3339();
    let mut body = json!({
        "taskCount": all, "completedCount": completed, "handedCount": until, "added": [], "updatedAt": moment,
    });
    if is_done {
        body["state"] = json!("completed");
        body["isCompleted"] = json!(true);
        body["completedAt"] = json!(moment);
    }
    let mut first = vec![Change::merge("AtmJob", vec![job.id().to_owned()], body)];
    let numbered = (there..).zip(added);
    first.extend(numbered.map(|(number, task)| made(job, number, task, &moment)));
    let told = |state: &str, field: &str| -> Vec<Change> {
        let body = || json!({"state": state, "updatedAt": moment, field: now.as_micros()});
        let tasks = (handed..until).map(|number| Change {
            how: How::Unfinished,
            ..Change::merge("AtmJobTask", vec![task_id(job, number)], body())
        });
        tasks.collect()
    };
    // Its machine is told of a task that is `created`; from then on it runs.
    let steps = vec![first, told("created", "handedAt"), told("running", "startedAt")];
    steps.into_iter().filter(|step| !step.is_empty()).collect()
}

fn task_id(job: &Node, number: u64) -> String {
    format!("{}/{number}", job.id())
}

/// A task, of which nobody is told before it is its turn.
fn made(job: &Node, number: u64, task: &Value, moment: &str) -> Change {
    let body = json!({
        "name": task["name"], "data": task["data"], "owner": job.body.get("owner"), "jobId": job.id(),
        "state": "created", "message": null, "createdAt": moment, "updatedAt": moment, "completedAt": null, "isCompleted": false,
        SAID_BY: said_by(job),
    });
    let change = Change::merge("AtmJobTask", vec![task_id(job, number)], body);
    Change {
        how: How::Quiet,
        ..change.link("job", [job.id().to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: &str, (there, handed, completed): (u64, u64, u64), added: usize) -> Node {
        let body = json!({
            "owner": "m", "state": state, "taskCount": there, "handedCount": handed, "completedCount": completed,
            "maxRunningTasks": 2, "added": vec![json!({"name": "c", "data": "{}"}); added],
        });
        Change::merge("AtmJob", vec!["j".to_owned()], body).node
    }

    /// What is next: of the job the counts and the state, ids of tasks made, ids of tasks handed out.
    fn next(job: &Node, ended: u64) -> Option<(Value, Vec<String>, Vec<String>)> {
        let steps = next_of(job, ended, Timestamp::from_micros(0));
        let ids = |changes: &[Change]| changes.iter().map(|change| change.node.id().to_owned()).collect();
        let (first, handed) = (steps.first()?, steps.get(1).map_or(&[][..], Vec::as_slice));
        let said = |field: &str| first[0].node.body.get(field).cloned().unwrap_or_default();
        let of_job = json!([
            said("taskCount"),
            said("handedCount"),
            said("completedCount"),
            said("state")
        ]);
        Some((of_job, ids(&first[1..]), ids(handed)))
    }

    #[test]
    fn tasks_are_made_at_once_and_handed_out_when_the_job_runs() {
        let (counts, made, handed) = next(&job("preparing", (1, 0, 0), 2), 0).unwrap();
        assert_eq!(counts, json!([3, 0, 0, null]));
        assert_eq!(made, ["j/1", "j/2"]);
        assert!(handed.is_empty());
        let (counts, made, handed) = next(&job("running", (3, 0, 0), 0), 0).unwrap();
        assert_eq!(counts, json!([3, 2, 0, null]));
        assert!(made.is_empty());
        assert_eq!(handed, ["j/0", "j/1"]);
    }

    #[test]
    fn the_end_of_a_task_hands_out_the_next_and_the_last_ends_the_job() {
        let (counts, _, handed) = next(&job("running", (3, 2, 0), 0), 1).unwrap();
        assert_eq!((counts, handed), (json!([3, 3, 1, null]), vec!["j/2".to_owned()]));
        let (counts, _, handed) = next(&job("running", (3, 3, 2), 0), 1).unwrap();
        assert_eq!((counts, handed.len()), (json!([3, 3, 3, "completed"]), 0));
        let (counts, _, _) = next(&job("running", (0, 0, 0), 0), 0).unwrap();
        assert_eq!(counts[3], "completed", "nothing was to be done");
    }

    #[test]
    fn nothing_follows_from_what_changes_nothing() {
        assert_eq!(next(&job("running", (3, 2, 0), 0), 0), None);
        assert_eq!(next(&job("preparing", (3, 0, 0), 0), 0), None);
        assert_eq!(next(&job("completed", (3, 3, 3), 0), 0), None);
    }

    #[test]
    fn what_a_command_was_given_in_secret_is_not_kept() {
        let kept = without_secrets(Some(r#"{"secrets":[{"uri":"u","value":"v"}],"a":1}"#.to_owned()));
        let kept: Value = serde_json::from_str(&kept.unwrap()).unwrap();
        assert_eq!(kept, json!({"a": 1, "secrets": []}));
        assert_eq!(
            without_secrets(Some("plain".to_owned())).as_deref(),
            Some("plain")
        );
    }
}
