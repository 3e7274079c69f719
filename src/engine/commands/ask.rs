//! Somebody asks for a command: where it is to run, and what is stored so that it does.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value, json};
use thiserror::Error;
use uuid::Uuid;

use super::bind::{Bound, Given, ParameterProblem, Surroundings, bind, values_of_repository};
use super::unmatched::pattern_needed;
use crate::engine::Engine;
use crate::engine::words::chain;
use crate::kinds;
use crate::model::address::without_login;
use crate::model::event::DEEPEST;
use crate::model::{
    BranchName, CommandDefinition, CommandWork, CommitSha, Errand, ErrandCause, ErrandId, Job, JobId,
    JobLabel, JobTask, RepoSlug, Repository, RunDefinition, StateName, Targets, TaskState,
};
use crate::ports::store::StoreError;

/// Most repositories of one job.
const MOST_TASKS: usize = 10_000;

/// Scope of the preferences that commands, listeners and rules see.
pub const MACHINE_SCOPE: &str = "machine";

/// Scope of those that all machines of a workspace share; a copy of what the hub has, where there is one. They are seen as
/// `preferences.workspace.…`.
pub const WORKSPACE_SCOPE: &str = "workspace";

/// What somebody asks for.
#[derive(Debug, Default)]
pub struct Ask {
    /// Name of the command.
    pub command: String,
    /// Its parameters.
    pub given: Given,
    /// Groups of the pattern that was said.
    pub matches: Vec<String>,
    /// On which repositories.
    pub targets: AskedTargets,
    /// What the job is called.
    pub label: JobLabel,
    /// The repository in which they stand.
    pub here: Option<RepoSlug>,
    /// Whether nothing is to be changed; what the command says when absent.
    pub dry_run: Option<bool>,
    /// Who.
    pub by: String,
    /// How many listeners and commands led to it.
    pub depth: u32,
    /// The errand or job that it becomes, however often it is asked for; a new one when absent.
    pub runs_as: Option<Uuid>,
    /// What the surroundings say beyond what the machine knows, by the names of `MAPPED`.
    pub mapped: BTreeMap<String, String>,
    /// Whether forges are asked in the name of whoever asks, by the hub.
    pub as_person: bool,
}

/// Repositories as they are asked for (semantics 5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedTargets {
    /// All of this owner, or with `repo` one.
    pub owner: Option<String>,
    /// A name, or `owner/name`.
    pub repo: Option<String>,
    /// A pattern on the name or `owner/name`.
    pub repos: Option<String>,
    /// The branch; the default branch of each when absent.
    pub branch: Option<String>,
    /// The commit; the head of the branch when absent.
    pub sha: Option<String>,
}

impl AskedTargets {
    fn names_none(&self) -> bool {
        self.owner.is_none() && self.repo.is_none() && self.repos.is_none()
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It runs without a repository.
    Errand(Box<Errand>),
    /// It runs on repositories.
    Job(JobId),
}

/// Why it does not run.
#[derive(Debug, Error)]
pub enum AskError {
    /// No such command.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// Parameters that are missing or wrong.
    #[error("{}", listed(.0))]
    Parameters(Vec<ParameterProblem>),
    /// Repositories that cannot be meant.
    #[error("{0}")]
    Targets(String),
    /// Nothing was said that its pattern could have matched, and it uses that.
    #[error(
        "`{command}` is said by a pattern and uses what that matches: say something that matches `{pattern}`"
    )]
    Unmatched {
        /// It.
        command: String,
        /// What must be said.
        pattern: String,
    },
    /// What is asked for cannot be tried.
    #[error("`{0}` runs a program, which may change what it likes: there is no dry run of it")]
    NoDryRun(String),
    /// Commands and listeners that cause each other (threat D10).
    #[error("{DEEPEST} commands and listeners led to each other; this one is not run")]
    TooDeep,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(problems: &[ParameterProblem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl Engine {
    /// Checks everything and stores what is to be done; nothing has started when this returns.
    ///
    /// # Errors
    /// Anything that is wrong with what is asked for.
    pub async fn ask(&self, ask: Ask) -> Result<Asked, AskError> {
        if ask.depth > DEEPEST {
            return Err(AskError::TooDeep);
        }
        let machine = self.machine();
        let command = machine
            .commands
            .iter()
            .find(|command| command.name == ask.command);
        let command = command
            .ok_or_else(|| AskError::Unknown(ask.command.clone()))?
            .clone();
        if ask.dry_run == Some(true) && !has_dry_run(&command) {
            return Err(AskError::NoDryRun(command.name));
        }
        if let Some(pattern) = pattern_needed(&command).filter(|_| ask.matches.is_empty()) {
            let pattern = pattern.to_owned();
            let command = command.name;
            return Err(AskError::Unmatched { command, pattern });
        }
        ask.label.check().map_err(AskError::Targets)?;
        let repositories = self.parts.store.repositories().await?;
        let bound = self.bind(&command, &ask, &repositories).await?;
        match (&command.work, &command.targets) {
            (CommandWork::Run(run), None) => {
                let run = run.clone();
                self.ask_errand(&command, run, &ask, bound, &repositories).await
            }
            (_, targets) => {
                let any = Targets {
                    repos: None,
                    test: crate::model::TestExpression::AnyPush,
                    concurrent: 1,
                };
                let targets = targets.clone().unwrap_or(any);
                let seed = self.seed(&command, &ask, &repositories).await?;
                let tasks = tasks(&targets, seed.as_ref(), &ask, &repositories)?;
                self.ask_job(command, &targets, ask, bound, &tasks).await
            }
        }
    }

    async fn bind(
        &self,
        command: &CommandDefinition,
        ask: &Ask,
        repositories: &[Repository],
    ) -> Result<Bound, AskError> {
        let now = self.parts.clock.now();
        let mut preferences = self.parts.store.preferences(MACHINE_SCOPE, now).await?;
        for (key, value) in self.parts.store.preferences(WORKSPACE_SCOPE, now).await? {
            preferences
                .entry(format!("{WORKSPACE_SCOPE}.{key}"))
                .or_insert(value);
        }
        let slugs = || {
            repositories
                .iter()
                .map(|repo| repo.slug.to_string())
                .collect::<Vec<_>>()
        };
        let mapped = |name: &str| match (name, ask.mapped.get(name)) {
            ("user_login", _) => Some(json!(ask.by)),
            ("repos", _) => Some(json!(slugs().join(","))),
            (_, told) => told.map(|told| json!(told)),
        };
        let surroundings = Surroundings {
            mapped: &mapped,
            configured: &self.settings.values,
            preferences: &preferences,
        };
        bind(&command.parameters, &ask.given, &surroundings).map_err(AskError::Parameters)
    }

    /// The repository that a generator makes new ones of, unless another one is asked for.
    async fn seed(
        &self,
        command: &CommandDefinition,
        ask: &Ask,
        repositories: &[Repository],
    ) -> Result<Option<Repository>, AskError> {
        let Some(seed) = seed_of(command).filter(|_| ask.targets.names_none()) else {
            return Ok(None);
        };
        let known = repositories.iter().find(|repo| repo.slug.to_string() == seed);
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let located = self.parts.scm.located(seed).await;
        located.map(Some).map_err(|error| {
            let seed = without_login(seed);
            AskError::Targets(format!(
                "the seed `{seed}` is not a repository that is known here, and cannot be used as a directory or address: {}",
                chain(&error)
            ))
        })
    }

    async fn ask_errand(
        &self,
        command: &CommandDefinition,
        run: RunDefinition,
        ask: &Ask,
        bound: Bound,
        repositories: &[Repository],
    ) -> Result<Asked, AskError> {
        if !ask.targets.names_none() || ask.targets.branch.is_some() || ask.targets.sha.is_some() {
            let message = format!(
                "`{}` has nothing to do with repositories, so there is none to choose",
                command.name
            );
            return Err(AskError::Targets(message));
        }
        if !ask.label.is_empty() {
            let message = format!(
                "`{}` has nothing to do with repositories, so it is no job, and `job.…` says nothing of it",
                command.name
            );
            return Err(AskError::Targets(message));
        }
        let mut values = bound.values;
        if !bound.of_repository.is_empty() {
            let here = repositories
                .iter()
                .find(|repo| Some(&repo.slug) == ask.here.as_ref());
            let Some(here) = here else {
                let message = format!(
                    "`{}` asks which repository it is about; stand in one",
                    command.name
                );
                return Err(AskError::Targets(message));
            };
            values.extend(values_of_repository(&command.parameters, here));
        }
        let id = ErrandId(ask.runs_as.unwrap_or_else(|| self.parts.ids.fresh()));
        let errand = Errand {
            id,
            key: format!("command:{}", id.0),
            name: command.name.clone(),
            cause: ErrandCause::Command { by: ask.by.clone() },
            run,
            facts: json!({"parameters": values, "matches": numbered(&ask.matches)}),
            secrets: bound.secrets.keys().cloned().collect(),
            depth: ask.depth,
            after: None,
            created_at: self.parts.clock.now(),
            state: StateName::Requested,
            attempt: 0,
            version: 1,
            phase: None,
            message: None,
            started_at: None,
            ended_at: None,
        };
        self.vault.keep(id.0, bound.secrets);
        if let Err(error) = self.parts.store.store_errand(&errand).await {
            self.vault.drop(id.0);
            return Err(error.into());
        }
        Ok(Asked::Errand(Box::new(errand)))
    }

    async fn ask_job(
        &self,
        command: CommandDefinition,
        targets: &Targets,
        ask: Ask,
        bound: Bound,
        tasks: &[JobTask],
    ) -> Result<Asked, AskError> {
        let id = JobId(ask.runs_as.unwrap_or_else(|| self.parts.ids.fresh()));
        if ask.runs_as.is_some() && self.parts.store.job(id).await?.is_some() {
            return Ok(Asked::Job(id));
        }
        let job = Job {
            id,
            parameters: bound.values,
            secrets: bound.secrets.keys().cloned().collect(),
            matches: ask.matches,
            by: ask.by,
            dry_run: ask.dry_run.unwrap_or(command.dry_run),
            depth: ask.depth,
            as_person: ask.as_person,
            label: ask.label,
            concurrent: targets.concurrent,
            created_at: self.parts.clock.now(),
            command,
        };
        self.vault.keep(id.0, bound.secrets);
        if let Err(error) = self.parts.store.store_job(&job, tasks).await {
            self.vault.drop(id.0);
            return Err(error.into());
        }
        Ok(Asked::Job(id))
    }
}

/// Whether the command can show what it would change, and change nothing.
pub fn has_dry_run(command: &CommandDefinition) -> bool {
    match &command.work {
        CommandWork::Goal(work) => kinds::has_dry_run(&work.kind),
        CommandWork::Run(_) => false,
    }
}

/// Groups of a pattern by their number, as placeholders ask for them.
pub(super) fn numbered(matches: &[String]) -> Map<String, Value> {
    let entry = |(number, text): (usize, &String)| (number.to_string(), json!(text));
    matches.iter().enumerate().map(entry).collect()
}

/// The repository that a generator makes new ones of, where its author says it.
pub(super) fn seed_of(command: &CommandDefinition) -> Option<&str> {
    match &command.work {
        CommandWork::Goal(work) if work.kind == "generate" => work.arguments.get("seed")?.as_str(),
        CommandWork::Goal(_) | CommandWork::Run(_) => None,
    }
}

/// One task for each repository that is asked for and that the command is for.
fn tasks(
    targets: &Targets,
    seed: Option<&Repository>,
    ask: &Ask,
    repositories: &[Repository],
) -> Result<Vec<JobTask>, AskError> {
    let asked = &ask.targets;
    let wrong = |error: &dyn std::fmt::Display| AskError::Targets(error.to_string());
    let branch = asked
        .branch
        .as_deref()
        .map(BranchName::parse)
        .transpose()
        .map_err(|error| wrong(&error))?;
    let sha = asked
        .sha
        .as_deref()
        .map(CommitSha::parse)
        .transpose()
        .map_err(|error| wrong(&error))?;
    let chosen = match seed {
        Some(seed) => vec![seed],
        None => chosen(asked, ask.here.as_ref(), repositories)?,
    };
    let own = targets.repos.as_deref().map(pattern).transpose()?;
    let fits = |repo: &&Repository| own.as_ref().is_none_or(|own| fits(own, &repo.slug));
    let chosen: Vec<&Repository> = chosen.into_iter().filter(fits).collect();
    match chosen.len() {
        0 => {
            return Err(AskError::Targets(format!(
                "`{}` is not for such repositories",
                ask.command
            )));
        }
        1 => {}
        _ if sha.is_some() => {
            return Err(AskError::Targets(
                "a commit is in one repository, and several are asked for".to_owned(),
            ));
        }
        many if many > MOST_TASKS => {
            return Err(AskError::Targets(format!(
                "{many} repositories are more than the {MOST_TASKS} of one job"
            )));
        }
        _ => {}
    }
    let task = |(number, repo): (u32, &Repository)| JobTask {
        number,
        repo: repo.clone(),
        branch: branch.clone(),
        sha: sha.clone(),
        state: TaskState::Waiting,
        goal_set: None,
        message: None,
    };
    Ok((0..).zip(chosen).map(task).collect())
}

fn chosen<'a>(
    asked: &AskedTargets,
    here: Option<&RepoSlug>,
    repositories: &'a [Repository],
) -> Result<Vec<&'a Repository>, AskError> {
    if asked.names_none() {
        let Some(here) = here else {
            let message = "on which repository? Stand in one, or say --targets.repo OWNER/NAME, --targets.owner OWNER \
                           or --targets.repos PATTERN";
            return Err(AskError::Targets(message.to_owned()));
        };
        return named(
            repositories,
            |slug| slug == here,
            &format!("`{here}` is known here"),
        );
    }
    if let (Some(_), Some(_)) = (&asked.repo, &asked.repos) {
        let message = "--targets.repo names one repository and --targets.repos several; say one of them";
        return Err(AskError::Targets(message.to_owned()));
    }
    let of_owner = |slug: &RepoSlug| asked.owner.as_ref().is_none_or(|owner| slug.owner == *owner);
    if let Some(repos) = &asked.repos {
        let wanted = pattern(repos)?;
        let which = format!("that is known here matches `{repos}`");
        return named(repositories, |slug| of_owner(slug) && fits(&wanted, slug), &which);
    }
    let Some(repo) = &asked.repo else {
        let owner = asked.owner.clone().unwrap_or_default();
        return named(repositories, of_owner, &format!("of `{owner}` is known here"));
    };
    let found = named(
        repositories,
        |slug| of_owner(slug) && (slug.name == *repo || slug.to_string() == *repo),
        &format!("`{repo}` is known here"),
    )?;
    match found.as_slice() {
        [_] => Ok(found),
        several => {
            let slugs: Vec<String> = several.iter().map(|repo| repo.slug.to_string()).collect();
            Err(AskError::Targets(format!(
                "`{repo}` may be {}; say which",
                slugs.join(" or ")
            )))
        }
    }
}

fn named<'a>(
    repositories: &'a [Repository],
    is_meant: impl Fn(&RepoSlug) -> bool,
    which: &str,
) -> Result<Vec<&'a Repository>, AskError> {
    let found: Vec<_> = repositories.iter().filter(|repo| is_meant(&repo.slug)).collect();
    match found.is_empty() {
        true => Err(AskError::Targets(format!("no repository {which}"))),
        false => Ok(found),
    }
}

fn pattern(text: &str) -> Result<Regex, AskError> {
    if text.len() > 4096 {
        return Err(AskError::Targets(
            "the pattern on repositories is too long".to_owned(),
        ));
    }
    let built = regex::RegexBuilder::new(text).size_limit(256 << 10).build();
    built.map_err(|_| AskError::Targets(format!("`{text}` is not a regular expression")))
}

/// On the name alone or with its owner, whichever the author had in mind.
fn fits(pattern: &Regex, slug: &RepoSlug) -> bool {
    pattern.is_match(&slug.name) || pattern.is_match(&slug.to_string())
}
