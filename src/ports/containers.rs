//! What a goal in containers asks of whoever drives a container engine (semantics 4.5): one JSON document, private to
//! the attempt, because it may carry secrets. Fields are only ever added, each with a default.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::container_options::ContainerOptions;
use super::executor::{AttemptRef, SecretText};
use crate::model::FixedImage;
use crate::model::files::SecretUse;

/// Where the working copy is inside a container.
pub const PROJECT: &str = "/atm/home";
/// Where `goal.json` is inside a container.
pub const INPUT: &str = "/atm/input";
/// Where a container may leave `result.json`.
pub const OUTPUT: &str = "/atm/output";

/// Where the list of changed files is inside a container that reacts to them.
pub const CHANGED_FILES: &str = "/atm/changed-files";

/// A variable of the step that names, separated by commas, others that its containers get as well.
pub const PASSED_ON: &str = "SDM_PASSED_ON";

/// How variables of the step begin that carry a secret of one container.
pub const OWN_SECRET: &str = "OF_ONE_CONTAINER_";

/// A variable of the step that names, separated by `:`, the objects that the working copy's repository borrows.
pub const BORROWED_OBJECTS: &str = "SDM_BORROWED_OBJECTS";

/// A variable of the step that names where the logins for its images can be read, once: a list of [`RegistryLogin`].
pub const LOGINS: &str = "SDM_REGISTRY_LOGINS";

/// The phase in which everything that was made is removed.
pub const SHUTTING_DOWN: &str = "shutting down";

/// What the driver leaves for the machine, beside the directories it exchanges with the goal and out of the goal's reach.
pub const REPORT: &str = "containers.json";

/// What an inspection in containers reports is kept in this file, beside [`REPORT`].
pub const KEPT_REPORT: &str = "inspected";

/// The containers of one attempt.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerOrder {
    /// Sockets of container engines; the first that is there is used.
    pub engines: Vec<PathBuf>,
    /// Whose containers these are.
    pub belonging: Belonging,
    /// Run one after the other to their end before anything else starts.
    pub init_containers: Vec<ContainerSpec>,
    /// The first decides; the others are its services.
    pub containers: Vec<ContainerSpec>,
    /// Made for this attempt and removed with it.
    pub volumes: Vec<VolumeSpec>,
    /// What they reach.
    pub network: NetworkAccess,
    /// Between the request to end and the kill.
    pub grace: Duration,
    /// How long the engine may take to answer, and how long it may be gone without the goal being lost.
    pub patience: Duration,
    /// What people should know first, a line each.
    pub notes: Vec<String>,
    /// What of it is kept as [`KEPT_REPORT`] for a later step to read.
    #[serde(default)]
    pub report: Option<WantedReport>,
    /// What images of these names were when the goal set first used them; they are used again, wherever a name leads now.
    #[serde(default)]
    pub fixed: Vec<FixedImage>,
}

/// It may carry secrets, so it says whose it is and no more.
impl std::fmt::Debug for ContainerOrder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ContainerOrder({})", self.belonging.name)
    }
}

/// What an inspection in containers reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedReport {
    /// Where it leaves that.
    pub from: ReportFrom,
    /// One byte more than it may have: so much is kept at most.
    pub limit: u64,
}

/// Where an inspection leaves what it reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFrom {
    /// The standard output of the container that decides; it is not shown then.
    Output,
    /// A file below the root of the working copy.
    File(String),
    /// Files there that a glob means. What matches before the containers begin is kept as [`KEPT_REPORT`], so that the step that
    /// reads them knows which ones were written since.
    Files(String),
}

/// Images as an engine has them.
#[async_trait]
pub trait Images: Send + Sync {
    /// What the first engine that is there has by this name, fetched where that is wanted or needed.
    ///
    /// # Errors
    /// Why it is not to be had, as a sentence.
    async fn settle(
        &self,
        engines: &[PathBuf],
        name: &str,
        pull: Pull,
        login: Option<&Login>,
    ) -> Result<FixedImage, String>;
}

/// With what an image of a goal is fetched. It travels to the driver through a pipe and is never on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryLogin {
    /// The image, as the container names it.
    pub image: String,
    /// How its registry is told who asks.
    pub login: Login,
}

/// How a registry is told who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// With the value of a secret.
    As {
        /// The name of the secret.
        secret: String,
        /// Who logs in.
        user: String,
        /// With what.
        password: SecretText,
    },
    /// There is one, which cannot be had for this reason.
    NotHad(String),
}

/// By what containers, networks and volumes are found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    /// The machine's state, told apart from every other one that uses the same engine.
    pub owner: String,
    /// A file that is touched before anything is made: its owner looks for remains once it is newer than the last look.
    pub mark: PathBuf,
    /// The attempt.
    pub attempt: AttemptRef,
    /// Begins the names of everything; unique to the attempt.
    pub name: String,
    /// For people: `owner/repo`, the goal's name.
    pub shown: Vec<(String, String)>,
}

/// What the containers of a goal reach beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAccess {
    /// Each other and whatever the engine lets through.
    Open,
    /// Each other only.
    Closed,
    /// The network of the computer itself.
    Host,
}

/// When an image is fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// When the engine does not have it.
    #[default]
    Missing,
    /// Each time.
    Always,
    /// Never: without it the goal fails.
    Never,
}

/// One container.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its name on the network of the goal.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Entry point and its first arguments; the image's own when empty.
    pub command: Vec<String>,
    /// Further arguments.
    pub args: Vec<String>,
    /// The arguments as they are written, where no command says how they are read: only the image knows whether what others say
    /// would become a program there. Empty where a command does.
    #[serde(default)]
    pub written_args: Vec<String>,
    /// Variables beside those of the contract; these win.
    pub environment: Vec<(String, String)>,
    /// Ports it offers on the loopback of the computer, by a number the engine chooses.
    pub ports: Vec<u16>,
    /// Volumes it uses.
    pub mounts: Vec<MountSpec>,
    /// Files with secrets, readable inside only.
    pub files: Vec<FileSpec>,
    /// Secrets that it is given and no other container.
    #[serde(default, skip_serializing_if = "OwnSecrets::is_empty")]
    pub secrets: OwnSecrets,
    /// Where it runs; empty for the image's own, none for the working copy (the first one and those before it).
    pub working_directory: Option<String>,
    /// Who it runs as; the image's own when none.
    pub user: Option<String>,
    /// When its image is fetched.
    pub pull: Pull,
    /// What it may use.
    pub limits: ContainerLimits,
    /// All rights over the computer; only where the operator allows it.
    pub privileged: bool,
    /// Further capabilities; only where the operator allows them.
    pub capabilities: Vec<String>,
    /// What else the engine is told of it.
    #[serde(default, skip_serializing_if = "ContainerOptions::is_empty")]
    pub options: ContainerOptions,
}

/// Secrets of one container (semantics 3.20): as they are asked for, and then how they come. Never a value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnSecrets {
    /// What is asked for.
    pub asked: Vec<SecretUse>,
    /// Variables inside, and those of the step that they come from, which begin with [`OWN_SECRET`].
    pub variables: Vec<(String, String)>,
    /// Files that it finds in their own places.
    pub files: Vec<String>,
}

impl OwnSecrets {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a container may use at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerLimits {
    /// Memory in bytes, swap included.
    pub memory: Option<u64>,
    /// Processor time in thousandths of a core.
    pub millicpus: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Open files of each process.
    #[serde(default)]
    pub open_files: Option<u64>,
    /// Bytes of each file that is written.
    #[serde(default)]
    pub file_size: Option<u64>,
    /// Shared memory in bytes; the engine's own when none.
    #[serde(default)]
    pub shm: Option<u64>,
    /// Bytes of memory that each process may keep from being written out.
    #[serde(default)]
    pub locked_memory: Option<u64>,
    /// Bytes of the stack of each process.
    #[serde(default)]
    pub stack: Option<u64>,
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Name of the volume.
    pub volume: String,
    /// Where it appears.
    pub path: String,
    /// Whether it can only be read there.
    pub read_only: bool,
}

/// A volume of the goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Name.
    pub name: String,
    /// A directory of the computer in its place; only where the operator allows it.
    pub host_path: Option<PathBuf>,
}

/// A file that is put into a container.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Where it appears.
    pub path: String,
    /// What it says.
    pub content: String,
}

/// What became of the containers of an attempt, beside their exit code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerReport {
    /// Each container's image as it was used: `name@sha256:…`, or the id of an image that no registry knows.
    pub images: Vec<(String, String)>,
    /// Why the goal failed, for people.
    pub failure: Option<String>,
    /// The exit code of the container that decided; none when none came to its end by itself.
    #[serde(default)]
    pub code: Option<i32>,
    /// What each image was by its name.
    #[serde(default)]
    pub fixed: Vec<FixedImage>,
    /// Whether no container is to blame for the failure: the engine, an image or what the containers need is.
    #[serde(default)]
    pub is_hindered: bool,
}

impl ContainerReport {
    /// Why the containers could not be carried out, when none of them is to blame.
    pub fn hindered(&self) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.is_hindered)
    }
}
