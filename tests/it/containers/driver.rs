//! The driver by itself: the real program told to run containers on a project, as a goal's step is.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sdm::model::ids::UniqueName;
use sdm::model::{GoalKey, GoalSetId};
use sdm::ports::AttemptRef;
use sdm::ports::containers::{
    Belonging, ContainerLimits, ContainerOrder, ContainerReport, ContainerSpec, NetworkAccess, Pull,
};
use sdm::runtime::clock::{Ids, RandomIds};

use crate::support::podman::IMAGE;

/// A project and its exchanged directories.
pub(super) struct Place {
    directory: tempfile::TempDir,
    owner: String,
    set: GoalSetId,
}

/// What came of an order.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
    pub(super) report: ContainerReport,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("sdm-containers-")
            .tempdir()
            .unwrap();
        for name in ["project", "exchange/input", "exchange/output", "attempts"] {
            std::fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        std::fs::write(directory.path().join("exchange/input/goal.json"), "{}").unwrap();
        Self {
            directory,
            owner: RandomIds.fresh().simple().to_string(),
            set: GoalSetId(RandomIds.fresh()),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// By which label all that is made here is found.
    pub(super) fn label(&self) -> String {
        format!("sdm.owner={}", self.owner)
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn attempt(&self) -> AttemptRef {
        AttemptRef {
            goal_set: self.set,
            goal: GoalKey::new(UniqueName::parse("test").unwrap(), ""),
            attempt: 1,
            epoch: 1,
        }
    }

    pub(super) fn order(&self, engine: &Path, containers: Vec<ContainerSpec>) -> ContainerOrder {
        ContainerOrder {
            engines: vec![engine.to_owned()],
            belonging: Belonging {
                owner: self.owner.clone(),
                mark: self.path("attempts/containers-used"),
                attempt: self.attempt(),
                name: format!("sdm-{}-test-1", self.set),
                shown: vec![("goal".to_owned(), "test".to_owned())],
            },
            init_containers: Vec::new(),
            containers,
            volumes: Vec::new(),
            network: NetworkAccess::Open,
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(30),
            notes: Vec::new(),
            report: None,
            fixed: Vec::new(),
        }
    }

    /// The driver with an order, not yet started.
    pub(super) fn command(&self, order: &ContainerOrder) -> Command {
        let file = self.path("order.json");
        std::fs::write(&file, serde_json::to_vec(order).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sdm"));
        command
            .args(["own", "containers"])
            .arg(file)
            .current_dir(self.project())
            .env_clear()
            .env("ATOMIST_PROJECT_DIR", self.project())
            .env("ATOMIST_INPUT_DIR", self.path("exchange/input"))
            .env("ATOMIST_OUTPUT_DIR", self.path("exchange/output"))
            .env("ATOMIST_GOAL", self.path("exchange/input/goal.json"))
            .env("ATOMIST_RESULT", self.path("exchange/output/result.json"))
            .env("ATOMIST_BRANCH", "main")
            .env("PATH", "/computer")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the driver as somebody else, who is given the place.
    pub(super) fn run_as(&self, user: u32, order: &ContainerOrder) -> Ran {
        let command = self.command(order);
        for name in [
            "",
            "project",
            "exchange",
            "exchange/output",
            "exchange/input",
            "exchange/secrets",
            "attempts",
            "order.json",
        ] {
            if self.path(name).exists() {
                std::os::unix::fs::chown(self.path(name), Some(user), Some(user)).unwrap();
            }
        }
        // A copy that others may run: where this one was built may be closed to them.
        let program = self.path("sdm");
        std::fs::copy(env!("CARGO_BIN_EXE_sdm"), &program).unwrap();
        let mut own = Command::new(&program);
        own.args(command.get_args())
            .env_clear()
            .current_dir(self.project())
            .stdin(Stdio::null())
            .uid(user)
            .gid(user);
        for (name, value) in command.get_envs() {
            own.env(name, value.unwrap());
        }
        self.ended(&own.output().unwrap())
    }

    pub(super) fn start(&self, order: &ContainerOrder) -> Child {
        self.command(order).process_group(0).spawn().unwrap()
    }

    pub(super) fn ended(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let report = std::fs::read(self.path("exchange/containers.json")).unwrap_or_default();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
            report: serde_json::from_slice(&report).unwrap_or_default(),
        }
    }

    pub(super) fn run(&self, order: &ContainerOrder) -> Ran {
        self.ended(&self.command(order).output().unwrap())
    }
}

/// A container of the test image that runs this script.
pub(super) fn shell(name: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..plain(name)
    }
}

/// A container that does nothing but what its image says.
pub(super) fn plain(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: IMAGE.to_owned(),
        command: Vec::new(),
        args: Vec::new(),
        written_args: Vec::new(),
        environment: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        files: Vec::new(),
        secrets: Default::default(),
        working_directory: None,
        user: None,
        pull: Pull::Missing,
        limits: ContainerLimits::default(),
        privileged: false,
        capabilities: Vec::new(),
        options: Default::default(),
    }
}
