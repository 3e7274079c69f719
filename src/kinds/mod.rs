//! What each goal kind does, one file each, against ports.
//!
//! A new kind is one file that implements [`Kind`] and one line in [`KINDS`]. Parsing, "did you mean", `sdm check` and
//! the reference follow from its descriptor.

mod ask_to_merge;
mod auto_merge;
pub mod autofix;
mod cancel;
pub mod containers;
mod delivery;
pub mod environment;
mod execute;
mod fingerprint;
mod generate;
mod immaterial;
mod increment_version;
pub mod inspect;
mod kept_out;
mod left;
pub(crate) mod listeners;
pub mod lookup;
mod message;
pub mod mock;
mod part_names;
mod part_tests;
mod pipeline;
pub mod process;
mod queue;
pub mod react;
mod release;
pub mod repository_goals;
pub(crate) mod resolve;
mod scripts;
pub mod side_effect;
mod support;
mod tag;
pub mod transform;
mod version;
pub mod wait;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

use crate::model::{
    Action, ArgumentProblems, Descriptor, ExecutionResult, FieldPath, Goal, GoalDefinition, GoalSet,
    GoalSetId, Refusal, Repository, Timestamp, ValueType, Work,
};
use crate::ports::containers::{Pull, REPORT};
use crate::ports::executor::REVIEW_FILE;
use crate::ports::forges::ForgeError;
use crate::ports::scm::ScmError;
use crate::ports::secrets::NotGiven;
use crate::ports::signing::Signing;
use crate::ports::store::{GoalSetRecord, StoreError};
use crate::ports::team::REPOSITORIES_AT_HUB;
use crate::ports::{Forges, Scm, Store};
use crate::rules::PlanningFacts;
use crate::runtime::clock::Ids;
use crate::spec::placeholder::PlaceholderError;
pub use containers::policy::ContainerPolicy;
pub use process::{Command, ProcessRequest, Step};
pub(crate) use support::machine;
use support::{globs, look_into, look_into_commit, read, refuse_untrusted, words};

/// Every kind there is.
pub static KINDS: &[&dyn Kind] = &[
    &execute::Execute,
    &containers::Containers,
    &cancel::Cancel,
    &queue::Queue,
    &immaterial::Immaterial,
    &repository_goals::RepositoryGoals,
    &autofix::Autofix,
    &inspect::Inspect,
    &react::React,
    &fingerprint::TakeFingerprints,
    &message::Message,
    &version::Version,
    &tag::Tag,
    &release::Release,
    &increment_version::IncrementVersion,
    &side_effect::SideEffect,
];

/// Kinds that only commands can be: what they do, somebody has to ask for.
pub static COMMAND_KINDS: &[&dyn Kind] = &[&transform::Transform, &generate::Generate];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    let mut all = KINDS.iter().chain(COMMAND_KINDS).copied();
    all.find(|kind| kind.descriptor().name == name)
}

/// What only its kind knows to be wrong with work, with the fields of the goal or command that it stands in.
pub fn check(work: &Work) -> ArgumentProblems {
    let Some(kind) = kind(&work.kind) else {
        let message = format!("nothing here can carry out `{}`", work.kind);
        return ArgumentProblems::one(&FieldPath::whole(), "not_available", message, "");
    };
    let found = kind.check(&work.arguments).err().unwrap_or_default();
    let descriptor = kind.descriptor();
    match descriptor.value {
        Some(ValueType::With { .. }) => found,
        Some(_) | None if descriptor.by_use => found,
        Some(_) | None => found.below(descriptor.name),
    }
}

/// What is wrong with what runs around the work of a goal.
pub fn check_listeners(goal: &GoalDefinition) -> ArgumentProblems {
    listeners::check(&goal.listeners)
}

/// Files beside `result.json` that the machine reads when a goal's process has ended.
pub fn read_beside(goal: &Goal) -> Vec<String> {
    let of_kinds = [
        REVIEW_FILE,
        autofix::order::OUTCOME_FILE,
        transform::order::OUTCOME_FILE,
        react::order::OUTCOME_FILE,
    ];
    let mut files: Vec<String> = Vec::from(of_kinds.map(str::to_owned));
    // The report of the driver lies where no container sees it.
    files.push(format!("../{REPORT}"));
    files.extend(listeners::files(goal));
    files
}

/// Whether this work runs a process in a working copy; work that nothing here can carry out might.
pub fn runs_process(work: &Work) -> bool {
    kind(&work.kind).is_none_or(|kind| kind.runs_process(&work.arguments))
}

/// Whether this work only decides what comes when.
pub fn only_schedules(work: &Work) -> bool {
    kind(&work.kind).is_some_and(Kind::only_schedules)
}

/// Whether a command of this kind can show what it would change, and change nothing. A program may change what it likes.
pub fn has_dry_run(kind: &str) -> bool {
    let mut kinds = COMMAND_KINDS.iter();
    kinds.any(|one| one.descriptor().name == kind) || kind == inspect::NAME
}

/// What the machine can do for goals of one kind.
#[async_trait]
pub trait Kind: Send + Sync {
    /// What it is called, takes and means.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it runs a process in a working copy, with these arguments. Beginning such a goal has no effect of its own, and
    /// after a restart it is found again by its supervisor. Any other is begun again, so beginning it twice must be harmless.
    fn runs_process(&self, _arguments: &serde_json::Value) -> bool {
        false
    }

    /// Whether it only decides what comes when. Such a goal waits for nothing else, and nothing is gained by mocking it.
    fn only_schedules(&self) -> bool {
        false
    }

    /// Whether what is written makes sense beyond its shape.
    ///
    /// # Errors
    /// All that is wrong, each with the field of the arguments that it is about.
    fn check(&self, _arguments: &serde_json::Value) -> Result<(), ArgumentProblems> {
        Ok(())
    }

    /// Images it runs, by name with placeholders, and when they are fetched: what they mean is settled when the goal is
    /// planned, as far as their names are known then.
    fn images(&self, _arguments: &serde_json::Value) -> Vec<(String, Pull)> {
        Vec::new()
    }

    /// Those of its images that are used for this push.
    ///
    /// # Errors
    /// That cannot be told.
    async fn images_for(&self, context: &GoalContext<'_>) -> Result<Vec<(String, Pull)>, KindError> {
        Ok(self.images(&context.goal.definition().work.arguments))
    }

    /// Whether a success with this result is over with what it left as files and data, so that a goal with the same inputs need
    /// not run (`skip_unchanged`); not where it changed something else.
    fn can_be_taken_over(&self, _result: &ExecutionResult) -> bool {
        true
    }

    /// Arguments that only say where its changes go. What changed nothing did not depend on them, so they are no input of a
    /// success that is taken over.
    fn where_changes_go(&self) -> &'static [&'static str] {
        &[]
    }

    /// How long after its start a goal may be carried on elsewhere, without a process of ours, until somebody completes it.
    fn patience(&self, _arguments: &serde_json::Value) -> Duration {
        Duration::from_secs(24 * 3600)
    }

    /// Begins the goal, or looks again at one that waits.
    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError>;

    /// What became of the goal, now that its process has ended: reads what it left, and does what needs the machine's own
    /// rights or memory. Not asked when somebody else has ended the goal. After a crash it is asked again, so doing it
    /// twice must be harmless. It is abandoned where it waits when the goal is canceled.
    ///
    /// # Errors
    /// What is [transient](KindError::is_transient) is tried again; anything else is the goal's failure.
    async fn conclude(
        &self,
        _context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        Ok(ended.result)
    }
}

/// What the operator has decided that goals depend on.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What tests are asked with.
    pub planning: PlanningFacts,
    /// What goals in containers may.
    pub containers: ContainerPolicy,
    /// Where goals have their home, which is `${home}`.
    pub home: Option<String>,
    /// The hub, on a machine that has one.
    pub hub: Option<HubPlace>,
    /// Values of the configuration, which are `${values.…}`; none of them is a secret.
    pub values: serde_json::Value,
}

/// Where the hub of a machine is, for whoever has something to say there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPlace {
    /// Its address.
    pub address: String,
    /// The workspace of repositories that the hub never spoke of.
    pub workspace: String,
}

impl HubPlace {
    /// The page of a goal set, which people of its workspace can open.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn page_of(
        &self,
        store: &dyn Store,
        repo: &Repository,
        goal_set: GoalSetId,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let workspace = self.workspace_of(store, repo, now).await?;
        let address = self.address.trim_end_matches('/');
        Ok(format!("{address}/workspaces/{workspace}/goals/{}", goal_set.0))
    }

    /// The workspace in which a repository is known at the hub.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn workspace_of(
        &self,
        store: &dyn Store,
        repo: &Repository,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let known = store.preference(REPOSITORIES_AT_HUB, &repo.key, now).await?;
        let workspace = known.as_ref().and_then(|known| known["workspace"].as_str());
        Ok(workspace.unwrap_or(&self.workspace).to_owned())
    }
}

/// What a kind may know and use.
pub struct GoalContext<'a> {
    /// The goal's set and push.
    pub record: &'a GoalSetRecord,
    /// The goal.
    pub goal: &'a Goal,
    /// The machine's memory.
    pub store: &'a dyn Store,
    /// The way to act on other goal sets.
    pub acts: &'a dyn Acts,
    /// Repositories.
    pub scm: &'a Arc<dyn Scm>,
    /// Forges, which branches ask to be merged.
    pub forges: &'a dyn Forges,
    /// Identity.
    pub ids: &'a dyn Ids,
    /// The machine's key, where it has one.
    pub signing: Option<&'a dyn Signing>,
    /// What the operator has decided.
    pub policy: &'a Policy,
    /// Values of the secret parameters of the command that the goal is, as far as they are remembered.
    pub secrets: Vec<SecretString>,
    /// Values of the secrets that this attempt was given, as far as they are remembered.
    pub given: Vec<SecretString>,
    /// Now.
    pub now: Timestamp,
}

/// What became of beginning a goal.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// Run this.
    Process(ProcessRequest),
    /// It is done.
    Ended(ExecutionResult),
    /// It waits for something else; ask again when anything changes.
    Waiting {
        /// What to show meanwhile.
        phase: String,
    },
}

/// A process of a goal that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What its supervisor reports.
    pub result: ExecutionResult,
    /// The working copy as the process left it: hostile, like everything a goal makes. `None` when it is gone.
    pub project: Option<&'a Path>,
    /// Where the process could leave files; hostile too.
    pub output: &'a Path,
}

/// Why a goal could not be begun or concluded.
#[derive(Debug, Error)]
pub enum KindError {
    /// Its definition cannot be carried out for this push.
    #[error("{0}")]
    Definition(String),
    /// Its arguments make no sense.
    #[error(transparent)]
    Arguments(#[from] ArgumentProblems),
    /// A placeholder of its definition has no value.
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),
    /// A secret it asks for is not given.
    #[error(transparent)]
    Secret(#[from] NotGiven),
    /// The store failed; may pass.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository could not be read or written.
    #[error(transparent)]
    Scm(#[from] ScmError),
    /// The forge did not do what it was asked.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// Another goal set could not be changed.
    #[error(transparent)]
    Act(#[from] ActError),
}

impl KindError {
    /// Whether the same may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Definition(_) | Self::Arguments(_) | Self::Placeholder(_) | Self::Secret(_) => false,
            Self::Store(_) => true,
            Self::Scm(error) => error.is_transient(),
            Self::Forge(error) => error.is_transient(),
            Self::Act(error) => matches!(error, ActError::Store(_)),
        }
    }

    /// Whether it is the store that failed.
    pub fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Act(ActError::Store(_)))
    }
}

/// Acting on goal sets: the engine's one writer, as kinds see it.
#[async_trait]
pub trait Acts: Send + Sync {
    /// Decides and stores an action; returns the set afterwards.
    async fn act(&self, set: GoalSetId, action: &Action) -> Result<GoalSet, ActError>;
}

/// Why an action was not done.
#[derive(Debug, Error)]
pub enum ActError {
    /// The set says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such set.
    #[error("there is no goal set {0}")]
    UnknownSet(GoalSetId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
