//! What the operator decides about the engine.

use std::path::PathBuf;
use std::time::Duration;

use crate::kinds::mock::MockRule;
use crate::kinds::{ContainerPolicy, HubPlace, Policy};
use crate::model::limits::GoalLimits;
use crate::ports::sandbox::SandboxMode;
use crate::rules::PlanningFacts;

/// Fixed while the engine lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Registration name of the machine.
    pub name: String,
    /// Which replica of the machine this is; empty when it is alone.
    pub replica: String,
    /// Goals with a process that run at once.
    pub parallel: usize,
    /// Whether this is local mode, as a fact for rules.
    pub local_mode: bool,
    /// Whether goals trigger rules that wait for them.
    pub heeds_goals: bool,
    /// Whether every repository is trusted without asking (threat J2).
    pub trust_all: bool,
    /// `owner/name` of repositories whose own hooks run around goals; globs.
    pub repository_hooks: Vec<String>,
    /// Variables every process gets beside the contract: `PATH`, `HOME`, `LANG` and such.
    pub base_environment: Vec<(String, String)>,
    /// Goals whose work is not done but mocked; the first rule that applies.
    pub mocks: Vec<MockRule>,
    /// What goals may use unless they say otherwise.
    pub limits: GoalLimits,
    /// This program, for steps that are its own.
    pub program: PathBuf,
    /// Where goals and machine exchange files; one directory per attempt.
    pub exchange: PathBuf,
    /// How long a lease lasts unless renewed; renewed at a third of it.
    pub lease: Duration,
    /// Longest pause between two looks at the store.
    pub tick: Duration,
    /// Largest log of an attempt in bytes.
    pub log_limit: u64,
    /// Most bytes of all archives of files between goals, and of the files in one of them.
    pub cache_limit: u64,
    /// The hub, on a machine that has one.
    pub hub: Option<HubPlace>,
    /// Where the daemon listens, for programs that errands run.
    pub socket: Option<PathBuf>,
    /// Preferences for rules.
    pub preferences: serde_json::Value,
    /// Values of the configuration: `${values.…}`, and what parameters of commands take by their path.
    pub values: serde_json::Value,
    /// What goals in containers may.
    pub containers: ContainerPolicy,
    /// When commands run in a sandbox.
    pub sandbox: SandboxPolicy,
}

/// When the commands of goals run in a sandbox, and what they see there (threats I2, I3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxPolicy {
    /// For pushes of people who may write to the repository.
    pub trusted: SandboxMode,
    /// For all others.
    pub untrusted: SandboxMode,
    /// Whether pushes that are not trusted reach other computers.
    pub untrusted_network: bool,
    /// What may be read beyond the system and its user's tools.
    pub readable: Vec<PathBuf>,
    /// The machine's own directories.
    pub hidden: Vec<PathBuf>,
}

impl Settings {
    /// What local mode uses unless configured otherwise.
    pub fn local(name: &str, exchange: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            replica: String::new(),
            parallel: std::thread::available_parallelism().map_or(2, usize::from),
            local_mode: true,
            heeds_goals: true,
            trust_all: false,
            repository_hooks: Vec::new(),
            base_environment: Vec::new(),
            mocks: Vec::new(),
            limits: GoalLimits::default(),
            program: PathBuf::from("sdm"),
            exchange,
            lease: Duration::from_secs(15),
            tick: Duration::from_secs(5),
            log_limit: 64 * 1024 * 1024,
            cache_limit: 10 << 30,
            hub: None,
            socket: None,
            preferences: serde_json::Value::Object(serde_json::Map::new()),
            values: serde_json::Value::Null,
            containers: ContainerPolicy::default(),
            sandbox: SandboxPolicy::default(),
        }
    }

    /// What rules are asked with beside the push.
    pub fn planning_facts(&self) -> PlanningFacts {
        PlanningFacts {
            local_mode: self.local_mode,
            preferences: self.preferences.clone(),
            trigger: None,
            forges: None,
        }
    }

    /// What goals depend on.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            planning: self.planning_facts(),
            containers: self.containers.clone(),
            home: self.home().map(str::to_owned),
            hub: self.hub.clone(),
            values: self.values.clone(),
        }
    }

    /// Where goals, commands and listeners have their home.
    pub(super) fn home(&self) -> Option<&str> {
        let mut environment = self.base_environment.iter();
        environment
            .find(|(name, _)| name == "HOME")
            .map(|(_, path)| path.as_str())
    }
}
