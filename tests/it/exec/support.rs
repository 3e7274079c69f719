//! A house with an executor in it, and what its tests ask again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use sdm::exec::ProcessExecutor;
use sdm::exec::attempt::AttemptDirectory;
use sdm::model::ids::UniqueName;
use sdm::model::limits::GoalLimits;
use sdm::model::{ExecutionResult, GoalKey, GoalSetId};
use sdm::ports::executor::{ExecutionNews, ExecutionWatch, LogLine, ProcessSpec, Step};
use sdm::ports::{AttemptRef, Executor};

/// Longest that anything here may take; only reached by a failure.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct House {
    pub(super) root: tempfile::TempDir,
    pub(super) executor: ProcessExecutor,
}

impl House {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        let executor = executor_on(root.path());
        Self { root, executor }
    }

    /// As after a restart of the daemon.
    pub(super) fn restart(&mut self) {
        self.executor = executor_on(self.root.path());
    }

    pub(super) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(super) fn directory(&self, number: u32) -> AttemptDirectory {
        AttemptDirectory::of(&self.root.path().join("attempts"), &attempt(number))
    }

    pub(super) fn spec(&self, argv: &[&str]) -> ProcessSpec {
        ProcessSpec {
            steps: vec![self.step("", argv)],
            environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
            redact: Vec::new(),
            timeout: DEADLINE,
            grace: Duration::from_secs(20),
            limits: GoalLimits::default(),
            watched: vec![self.work()],
            progress: Vec::new(),
            result_file: self.root.path().join("out/result.json"),
            beside: Vec::new(),
            header: Vec::new(),
            log_limit: 64 * 1024 * 1024,
        }
    }

    pub(super) fn step(&self, name: &str, argv: &[&str]) -> Step {
        Step {
            name: name.to_owned(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            directory: self.work(),
            ..Step::default()
        }
    }

    pub(super) fn shell(&self, script: &str) -> ProcessSpec {
        self.spec(&["sh", "-c", script])
    }

    pub(super) async fn run(&self, spec: ProcessSpec) -> (ExecutionResult, Vec<LogLine>) {
        let watch = self.executor.start(&attempt(1), spec).await.unwrap();
        let result = ended(watch).await;
        (result, self.log(1).await)
    }

    pub(super) async fn log(&self, number: u32) -> Vec<LogLine> {
        let (mut offset, mut lines) = (0, Vec::new());
        loop {
            let page = self
                .executor
                .read_log(&attempt(number), offset, 100_000)
                .await
                .unwrap();
            assert!(page.lines.iter().all(|line| line.offset >= offset));
            offset = page.next_offset;
            lines.extend(page.lines);
            if page.complete {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn executor_on(root: &Path) -> ProcessExecutor {
    ProcessExecutor::new(root.join("attempts"), env!("CARGO_BIN_EXE_sdm").into())
}

pub(super) fn attempt(number: u32) -> AttemptRef {
    AttemptRef {
        goal_set: GoalSetId::parse("0b7f6c8e-3c8d-4f6e-9d55-000000000001").unwrap(),
        goal: GoalKey::new(UniqueName::parse("build").unwrap(), "0-code/"),
        attempt: number,
        epoch: 1,
    }
}

pub(super) async fn next(watch: &mut Box<dyn ExecutionWatch>) -> Option<ExecutionNews> {
    tokio::time::timeout(DEADLINE, watch.next())
        .await
        .expect("news within the deadline")
}

pub(super) async fn story(mut watch: Box<dyn ExecutionWatch>) -> Vec<ExecutionNews> {
    let mut news = Vec::new();
    while let Some(one) = next(&mut watch).await {
        news.push(one);
    }
    news
}

pub(super) async fn ended(watch: Box<dyn ExecutionWatch>) -> ExecutionResult {
    match story(watch).await.pop() {
        Some(ExecutionNews::Ended(result)) => result,
        other => panic!("ended with {other:?}"),
    }
}

pub(super) async fn until_phase(watch: &mut Box<dyn ExecutionWatch>, phase: &str) -> u32 {
    let mut running = 0;
    loop {
        match next(watch).await {
            Some(ExecutionNews::Running { pid, .. }) => running = pid,
            Some(ExecutionNews::Phase(text)) if text == phase => return running,
            Some(ExecutionNews::Phase(_)) => {}
            other => panic!("{other:?} before the phase {phase}"),
        }
    }
}

/// Waits for something that has no event, with a deadline.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what} within the deadline");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(super) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(super) fn text_of(lines: &[LogLine], stream: &str) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.stream == stream)
        .map(|line| line.text.clone())
        .collect()
}

pub(super) fn supervisor_of(directory: &AttemptDirectory) -> Pid {
    let news = fs::read_to_string(directory.news()).unwrap();
    let parsed = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
    let running = news
        .lines()
        .map(parsed)
        .find(|record| record["running"].is_object())
        .unwrap();
    Pid::from_raw(i32::try_from(running["running"]["supervisor"].as_i64().unwrap()).unwrap())
}

pub(super) fn pid_in(path: &Path) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}
