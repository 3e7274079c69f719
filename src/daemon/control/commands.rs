//! Requests about commands, errands, jobs, events and preferences.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Refused;
use super::server::Answer;
use crate::daemon::local::LocalDaemon;
use crate::engine::commands::ask::{Ask, AskError, Asked, AskedTargets, MACHINE_SCOPE, WORKSPACE_SCOPE};
use crate::engine::commands::bind::Given;
use crate::kinds::Acts;
use crate::model::goal_set::CancelScope;
use crate::model::{
    Action, Actor, Errand, ErrandId, GoalSetId, Job, JobId, JobLabel, JobTask, Person, RepoSlug, TaskState,
};
use crate::ports::errands::ErrandFilter;
use crate::wire::commands::{CommandView, ErrandView, JobView, SecretText, TargetsAsked, TaskView};
use crate::wire::control::{Act, GoalChoice, PreferenceAct, Reply};

/// Jobs among which one is looked for by the beginning of its id.
const REACH: u32 = 1_000;
/// Longest key or scope of a preference, in bytes.
const LONGEST_KEY: usize = 200;
/// Longest time to live, ten years.
const LONGEST_TTL: u64 = 10 * 365 * 86_400_000;

/// A command as somebody asks for it.
pub(super) struct Wanted {
    pub(super) command: String,
    pub(super) parameters: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, SecretText>,
    pub(super) matches: Vec<String>,
    pub(super) targets: TargetsAsked,
    pub(super) job: JobLabel,
    pub(super) repo: Option<String>,
    pub(super) dry_run: Option<bool>,
    pub(super) within: Option<String>,
}

impl LocalDaemon {
    pub(super) async fn send_commands(&self, answer: &mut Answer) -> Result<(), Refused> {
        let machine = self.engine().machine();
        let commands = machine.commands.iter().map(CommandView::of).collect();
        Ok(answer.send(&Reply::Commands { commands }).await?)
    }

    pub(super) async fn do_command(
        &self,
        wanted: Wanted,
        person: &Person,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let ask = self.ask_of(wanted, person).await?;
        let said = self.said(&ask.command);
        match self
            .engine()
            .ask(ask)
            .await
            .map_err(|error| refused(error, &said))?
        {
            Asked::Errand(errand) => {
                let errand = Box::new(ErrandView::of(&errand));
                Ok(answer.send(&Reply::Errand { errand }).await?)
            }
            Asked::Job(id) => {
                let job = Box::new(self.job_view(id).await?);
                Ok(answer.send(&Reply::Job { job }).await?)
            }
        }
    }

    /// How people say a command: by its words, or by its name.
    fn said(&self, name: &str) -> String {
        let machine = self.engine().machine();
        let mut commands = machine.commands.iter();
        let words = commands
            .find(|command| command.name == name)
            .and_then(|command| command.words());
        words.unwrap_or(name).to_owned()
    }

    async fn ask_of(&self, wanted: Wanted, person: &Person) -> Result<Ask, Refused> {
        let secrets = wanted.secrets.into_iter();
        let secrets = secrets.map(|(name, text)| (name, SecretString::from(text.0)));
        let within = self.depth_within(wanted.within.as_deref()).await?;
        Ok(Ask {
            command: wanted.command,
            given: Given {
                values: wanted.parameters,
                secrets: secrets.collect(),
                // Whoever stands here is the operator, whose rights the machine has anyway.
                caller_token: None,
                org_token: None,
            },
            matches: wanted.matches,
            targets: asked(wanted.targets),
            label: wanted.job,
            here: wanted.repo.as_deref().map(RepoSlug::parse).transpose()?,
            dry_run: wanted.dry_run,
            by: person.login.clone(),
            depth: within.map_or(0, |depth| depth + 1),
            ..Ask::default()
        })
    }

    pub(super) async fn send_errands(
        &self,
        id: Option<String>,
        name: Option<String>,
        active: bool,
        limit: u32,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let filter = ErrandFilter {
            open: active,
            id_prefix: id,
            name,
            limit: if limit == 0 { 20 } else { limit.min(1_000) },
        };
        let errands = self.engine().store().errands(&filter).await?;
        let errands = errands.iter().map(ErrandView::of).collect();
        Ok(answer.send(&Reply::Errands { errands }).await?)
    }

    /// How deep the errand or goal set is whose process asks; `None` for people.
    pub(super) async fn depth_within(&self, within: Option<&str>) -> Result<Option<u32>, Refused> {
        let Some(id) = within else { return Ok(None) };
        let id = GoalSetId::parse(id)?;
        let store = self.engine().store();
        if let Some(errand) = store.errand(ErrandId(id.0)).await? {
            return Ok(Some(errand.depth));
        }
        let record = store.goal_set(id).await?;
        Ok(record.map(|record| record.cause.depth()))
    }

    pub(super) async fn preference(
        &self,
        scope: Option<String>,
        act: PreferenceAct,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let scope = scope.unwrap_or_else(|| MACHINE_SCOPE.to_owned());
        legal_key("scope", &scope)?;
        let (store, now) = (self.engine().store(), self.engine().now());
        let one = |key: &str, value: Option<Value>| {
            value.map(|value| (key.to_owned(), value)).into_iter().collect()
        };
        let team = self.team().filter(|_| scope == WORKSPACE_SCOPE);
        let shared = |because: String| {
            Refused::new(because).hint(
                "settings of `--scope workspace` are at the hub; `sdm doctor` tells how it stands with that",
            )
        };
        let preferences: BTreeMap<String, Value> = match act {
            PreferenceAct::List => store.preferences(&scope, now).await?,
            PreferenceAct::Get { key } => one(&key, store.preference(&scope, &key, now).await?),
            PreferenceAct::Put { key, value, ttl } => {
                legal_key("key", &key)?;
                if ttl.is_some_and(|ttl| ttl > LONGEST_TTL) {
                    return Err(Refused::new(
                        "a preference lives ten years at most, or for good without --ttl",
                    ));
                }
                let lives = ttl.map(Duration::from_millis);
                match team {
                    Some(team) => team.share(&key, Some(&value), lives).await.map_err(shared)?,
                    None => {
                        let expires_at = lives.map(|lives| now.plus(lives));
                        store.put_preference(&scope, &key, &value, expires_at).await?;
                    }
                }
                one(&key, Some(value))
            }
            PreferenceAct::Delete { key } => {
                if let Some(team) = team {
                    team.share(&key, None, None).await.map_err(shared)?;
                } else if !store.delete_preference(&scope, &key).await? {
                    return Err(Refused::new(format!("there is no preference `{key}`"))
                        .hint("look at `sdm preference list`"));
                }
                BTreeMap::new()
            }
        };
        Ok(answer.send(&Reply::Preferences { preferences }).await?)
    }

    pub(super) async fn send_job(&self, id: &str, follow: bool, answer: &mut Answer) -> Result<(), Refused> {
        let id = self.job_named(id).await?;
        let mut changes = self.engine().store().subscribe();
        let mut shown = None;
        loop {
            changes.mark_unchanged();
            let job = self.job_view(id).await?;
            let ended = job.ended;
            if shown.as_ref() != Some(&job) {
                let job = Box::new(job.clone());
                answer.send(&Reply::Job { job }).await?;
            }
            shown = Some(job);
            if ended || !follow || changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    pub(super) async fn send_jobs(&self, limit: u32, answer: &mut Answer) -> Result<(), Refused> {
        for id in self.engine().store().jobs(limit.min(REACH)).await? {
            let job = Box::new(self.job_view(id).await?);
            answer.send(&Reply::Job { job }).await?;
        }
        Ok(())
    }

    /// The job whose id begins like this.
    async fn job_named(&self, prefix: &str) -> Result<JobId, Refused> {
        let jobs = self.engine().store().jobs(REACH).await?;
        let found = jobs.into_iter().find(|id| id.0.to_string().starts_with(prefix));
        found.ok_or_else(|| Refused::new(format!("no job begins with `{prefix}`")))
    }

    async fn job_view(&self, id: JobId) -> Result<JobView, Refused> {
        let found = self.engine().store().job(id).await?;
        let (job, tasks) = found.ok_or_else(|| Refused::new("there is no such job"))?;
        let mut views = Vec::with_capacity(tasks.len());
        for task in &tasks {
            views.push(self.task_view(&job, task).await?);
        }
        Ok(JobView {
            id: id.0.to_string(),
            command: job.command.name.clone(),
            name: job.label.name.clone(),
            description: job.label.description.clone(),
            by: job.by.clone(),
            dry_run: job.dry_run,
            ended: views.iter().all(|task| task.ended),
            created_at: job.created_at.rfc3339(),
            tasks: views,
        })
    }

    async fn task_view(&self, job: &Job, task: &JobTask) -> Result<TaskView, Refused> {
        let record = match task.goal_set {
            Some(id) => self.engine().store().goal_set(id).await?,
            None => None,
        };
        let goal = record
            .as_ref()
            .and_then(|record| record.set.goal_named(&job.command.name));
        let told = goal.map(|goal| goal.error.clone().unwrap_or_else(|| goal.description.clone()));
        Ok(TaskView {
            repo: task.repo.slug.to_string(),
            branch: record.as_ref().map(|record| record.push.branch.to_string()),
            sha: record.as_ref().map(|record| record.push.after.to_string()),
            state: record
                .as_ref()
                .map_or(task.state.as_str(), |record| record.set.state().as_str())
                .to_owned(),
            ended: match &record {
                Some(record) => !record.set.is_active(),
                None => task.state != TaskState::Waiting,
            },
            goal_set: task.goal_set.map(|id| id.to_string()),
            message: told.or_else(|| task.message.clone()),
            data: goal.and_then(|goal| goal.data.clone()),
        })
    }

    /// The errand whose id begins like this; goal sets come first, and an errand is named by its id alone.
    pub(super) async fn errand_named(&self, choice: &GoalChoice) -> Result<Option<Errand>, Refused> {
        let (Some(prefix), None) = (&choice.id, &choice.name) else {
            return Ok(None);
        };
        let filter = ErrandFilter {
            id_prefix: Some(prefix.clone()),
            limit: 2,
            ..ErrandFilter::default()
        };
        let found = self.engine().store().errands(&filter).await?;
        match <[Errand; 1]>::try_from(found) {
            Ok([errand]) => Ok(Some(errand)),
            Err(none_or_several) if none_or_several.is_empty() => Ok(None),
            Err(_) => {
                Err(Refused::new(format!("several errands begin with `{prefix}`"))
                    .hint("write more of its id"))
            }
        }
    }

    /// Cancels or starts again what is an errand or a job; `false` when a goal is meant.
    pub(super) async fn act_on_errand(
        &self,
        person: &Person,
        choice: &GoalChoice,
        act: &Act,
        answer: &mut Answer,
    ) -> Result<bool, Refused> {
        let Some(errand) = self.errand_named(choice).await? else {
            return self.act_on_job(person, choice, act, answer).await;
        };
        let changed = match act {
            Act::Cancel => {
                let reason = format!("by @{}", person.login);
                self.engine().cancel_errand(errand.id, &reason).await?
            }
            Act::Retry => self.engine().retry_errand(errand.id).await?,
            Act::Approve { .. } | Act::Deny { .. } | Act::Set { .. } => {
                let message = format!(
                    "{} is an errand: it can be canceled and started again",
                    errand.name
                );
                return Err(Refused::new(message));
            }
        };
        let errand = Box::new(ErrandView::of(&changed));
        answer.send(&Reply::Errand { errand }).await?;
        Ok(true)
    }

    async fn act_on_job(
        &self,
        person: &Person,
        choice: &GoalChoice,
        act: &Act,
        answer: &mut Answer,
    ) -> Result<bool, Refused> {
        let (Some(prefix), None, Act::Cancel) = (&choice.id, &choice.name, act) else {
            return Ok(false);
        };
        let Ok(id) = self.job_named(prefix).await else {
            return Ok(false);
        };
        let reason = format!("by @{}", person.login);
        self.engine().cancel_job(id, &reason).await?;
        let tasks = self
            .engine()
            .store()
            .job(id)
            .await?
            .map(|(_, tasks)| tasks)
            .unwrap_or_default();
        for set in tasks.into_iter().filter_map(|task| task.goal_set) {
            let action = Action::Cancel {
                scope: CancelScope::All,
                actor: Actor::Person {
                    person: person.clone(),
                },
                reason: reason.clone(),
            };
            // A set that has ended refuses, and that is as good.
            self.engine().act(set, &action).await.ok();
        }
        let job = Box::new(self.job_view(id).await?);
        answer.send(&Reply::Job { job }).await?;
        Ok(true)
    }
}

fn asked(targets: TargetsAsked) -> AskedTargets {
    AskedTargets {
        owner: targets.owner,
        repo: targets.repo,
        repos: targets.repos,
        branch: targets.branch,
        sha: targets.sha,
    }
}

fn legal_key(what: &str, key: &str) -> Result<(), Refused> {
    let is_legal = !key.is_empty() && key.len() <= LONGEST_KEY && !key.chars().any(char::is_control);
    match is_legal {
        true => Ok(()),
        false => Err(Refused::new(format!(
            "the {what} of a preference has 1 to {LONGEST_KEY} bytes on one line"
        ))),
    }
}

fn refused(error: AskError, said: &str) -> Refused {
    let hint = match &error {
        AskError::Unknown(_) => Some("look at `sdm show commands`".to_owned()),
        AskError::Parameters(_) => Some(format!("`sdm do {said} --help` says what it takes")),
        AskError::Unmatched { .. } => Some("its name alone gives it nothing to work with".to_owned()),
        AskError::NoDryRun(_) => Some("`transform` and `generate` have one".to_owned()),
        AskError::Targets(_) => Some("repositories that are known are in `sdm show machines`".to_owned()),
        AskError::TooDeep => Some("a listener or command probably causes itself".to_owned()),
        AskError::Store(_) => None,
    };
    let refused = Refused::from(error);
    match hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}
