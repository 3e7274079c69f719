//! The real program in local mode on a real repository, in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::remains::{self, Remains};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A repository, goal files and perhaps a running daemon.
pub struct LocalMachine {
    directory: Remains,
    daemon: Option<Child>,
    settings: Vec<(String, String)>,
}

impl LocalMachine {
    /// A repository with one commit and these goal files; no daemon yet.
    pub fn new(goals: &str) -> Self {
        let directory = remains::directory();
        let machine = Self {
            directory,
            daemon: None,
            settings: Vec::new(),
        };
        for name in ["home", "state", "acme/app", "goals", "run"] {
            std::fs::create_dir_all(machine.path(name)).unwrap();
        }
        machine.write_goals(goals);
        machine.git(&["init", "--quiet", "--initial-branch=main", "."]);
        machine.commit("first", &[("README.md", "hello")]);
        machine
    }

    /// Sets a variable of the environment for every further start of the program.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// A path in the test's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The repository.
    pub fn repo(&self) -> PathBuf {
        self.path("acme/app")
    }

    pub fn write_goals(&self, goals: &str) {
        std::fs::write(self.path("goals/goals.yaml"), goals).unwrap();
    }

    fn clean(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8");
        command
            .env("SDM_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("SDM_TEST_CANARY", "must not reach a goal");
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.com")] {
            command
                .env(format!("GIT_AUTHOR_{name}"), value)
                .env(format!("GIT_COMMITTER_{name}"), value);
        }
    }

    /// Runs git in the repository; its standard output, trimmed.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.repo(), arguments)
    }

    /// Runs git in a directory.
    pub fn git_in(&self, directory: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        self.clean(&mut command);
        let output = command.current_dir(directory).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits these files; the commit's id.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.repo().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits these files; their goal set, once it has ended.
    pub fn carried_out(&self, message: &str, files: &[(&str, &str)]) -> Value {
        let sha = self.commit(message, files);
        self.ended_set_of(&sha)
    }

    /// The program with these words, in the repository.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sdm"));
        self.clean(&mut command);
        command
            .current_dir(self.repo())
            .env("SDM_GOALS", self.path("goals"))
            .envs(self.settings.iter().cloned())
            .args(arguments);
        command
    }

    /// Runs the program to its end.
    pub fn sdm(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs the program, which must succeed; its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.sdm(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "sdm {arguments:?} ended with {}: {error}",
            output.status
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs the program with `--json`; what it printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// Starts the daemon on the repository and waits until it answers.
    pub fn start(&mut self) {
        let repo = self.repo();
        self.start_on(&[repo.to_str().unwrap()]);
    }

    /// Starts the daemon on these paths and waits until it answers.
    pub fn start_on(&mut self, paths: &[&str]) {
        self.start_as(&[&["start", "--local"], paths].concat());
    }

    /// Starts the daemon in team mode and waits until it answers.
    pub fn start_with_hub(&mut self) {
        self.start_as(&["start"]);
    }

    fn start_as(&mut self, arguments: &[&str]) {
        assert!(self.daemon.is_none(), "one daemon at a time");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("daemon.log"))
            .unwrap();
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.daemon = Some(command.spawn().unwrap());
        self.wait_until("the daemon answers", |machine| {
            machine.status().is_some().then_some(())
        });
    }

    /// What the daemon says of itself; none while no daemon answers.
    pub fn status(&self) -> Option<Value> {
        let output = self.sdm(&["show", "machines", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
        shown["machines"].get(0).cloned()
    }

    /// Ends the daemon as the kernel would: at once, wherever it is.
    pub fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// Ends the daemon as an operator would.
    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        let pid = nix::unistd::Pid::from_raw(daemon.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(daemon.wait().unwrap().success(), "{}", self.daemon_log());
    }

    /// Asks the daemon to read its files again, as an operator would.
    pub fn hang_up(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    /// Waits until the daemon has ended by itself; whether it said that all was well.
    pub fn ends_by_itself(&mut self) -> bool {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = daemon.try_wait().unwrap() {
                return status.success();
            }
            if begun.elapsed() > PATIENCE {
                daemon.kill().unwrap();
                daemon.wait().unwrap();
                panic!("the daemon goes on\n{}", self.daemon_log());
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon runs").id()
    }

    /// What the daemon printed.
    pub fn daemon_log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// Goal sets, newest first; empty while no daemon answers.
    pub fn goal_sets(&self) -> Vec<Value> {
        let output = self.sdm(&["goals", "--all", "--limit", "1000", "--json"]);
        let parsed: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        parsed
            .and_then(|value| value["goal_sets"].as_array().cloned())
            .unwrap_or_default()
    }

    /// The goal set of a commit, once it is there.
    pub fn set_of(&self, sha: &str) -> Value {
        self.wait_until(&format!("there is a goal set for {sha}"), |machine| {
            machine.goal_sets().into_iter().find(|set| set["sha"] == sha)
        })
    }

    /// The goal set of a commit, once it has ended.
    pub fn ended_set_of(&self, sha: &str) -> Value {
        self.wait_until(&format!("the goal set for {sha} has ended"), |machine| {
            machine
                .goal_sets()
                .into_iter()
                .find(|set| set["sha"] == sha && set["active"] == false)
        })
    }

    /// Waits until a look gives a value.
    pub fn wait_until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(value) = look(self) {
                return value;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain until {what}\n{}",
                self.daemon_log()
            );
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

/// State of a goal by name in a set as `sdm goals --json` prints it.
pub fn state_of<'a>(set: &'a Value, goal: &str) -> &'a str {
    let goals = set["goals"].as_array().unwrap();
    let found = goals
        .iter()
        .find(|candidate| candidate["name"] == goal)
        .unwrap_or_else(|| panic!("{goal} in {set}"));
    found["state"].as_str().unwrap()
}

impl Drop for LocalMachine {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
        }
    }
}
