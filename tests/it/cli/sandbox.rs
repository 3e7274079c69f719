//! A home of its own for the program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory with a home, a runtime directory and a project, and nothing of the computer around it.
pub(super) struct Sandbox {
    directory: crate::support::remains::Remains,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        let sandbox = Self {
            directory: crate::support::remains::directory(),
        };
        for name in ["home", "run", "project"] {
            std::fs::create_dir(sandbox.path(name)).unwrap();
        }
        sandbox
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.path("run/sdm/sdm.sock")
    }

    /// A program in the project with nothing in its environment but what it needs.
    pub(super) fn command(&self, program: &str) -> Command {
        self.command_in(program, &self.path("project"))
    }

    pub(super) fn command_in(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(directory).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "Ada")
                .env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        }
        command
    }

    pub(super) fn sdm(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_sdm"));
        command.args(arguments);
        command
    }

    /// Runs sdm: exit code, standard output, standard error, with the sandbox's path as `~~`.
    pub(super) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.ended(self.sdm(arguments))
    }

    pub(super) fn ended(&self, mut command: Command) -> (i32, String, String) {
        let output = command.output().unwrap();
        let place = self
            .directory
            .path()
            .canonicalize()
            .unwrap()
            .display()
            .to_string();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&place, "~~");
        (
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    pub(super) fn git(&self, directory: &Path, arguments: &[&str]) -> Output {
        let output = self
            .command_in("git", directory)
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

/// Whether git is here; without it a test says so and ends, unless it is required.
pub(super) fn has_git() -> bool {
    if Command::new("git").arg("--version").output().is_ok() {
        return true;
    }
    let required = std::env::vars()
        .any(|(name, value)| name == "SDM_TEST_REQUIRE" && value.split(',').any(|name| name == "git"));
    assert!(!required, "git is required and not installed");
    println!("skipped: install git");
    false
}
