//! The files a goal and the machine exchange (semantics 3.19): `input/goal.json` and `output/`, fresh for each attempt.
//! Beside them lie the orders for steps that are our own program: nothing a goal or its containers are shown.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::kinds::environment::Exchange;
use crate::kinds::lookup;
use crate::model::Goal;
use crate::ports::executor::AttemptRef;
use crate::ports::store::GoalSetRecord;

/// The file that says so.
const MOCKED: &str = "mocked";

/// The directories of one attempt.
#[derive(Debug)]
pub(super) struct Exchanged {
    input: PathBuf,
    output: PathBuf,
}

impl Exchanged {
    /// Makes the directories empty and writes `goal.json`.
    pub(super) async fn prepare(
        root: &Path,
        attempt: &AttemptRef,
        record: &GoalSetRecord,
        goal: &Goal,
        version: Option<&str>,
    ) -> io::Result<Self> {
        let directory = directory(root, attempt);
        let facts = lookup::facts(record, goal, version);
        let made = tokio::task::spawn_blocking(move || make(&directory, "goal.json", &facts.to_string()));
        made.await.map_err(io::Error::other)?
    }

    /// The paths as the environment contract names them.
    pub(super) fn exchange<'a>(&'a self, project: &'a Path) -> Exchange<'a> {
        Exchange {
            project,
            input: &self.input,
            output: &self.output,
        }
    }

    /// Writes what one of our own steps is told, readable by nobody else.
    pub(super) fn write_order(&self, name: &str, order: &serde_json::Value) -> io::Result<PathBuf> {
        let orders = self.input.with_file_name("orders");
        match DirBuilder::new().mode(0o700).create(&orders) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let path = orders.join(format!("{name}.json"));
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&serde_json::to_vec(order)?)?;
        Ok(path)
    }

    /// Holds `goal.json`.
    pub(super) fn input(&self) -> &Path {
        &self.input
    }

    /// Remembers that the goal's work is not done in this attempt, so that nobody looks for what it left.
    pub(super) fn note_mock(&self) -> io::Result<()> {
        File::create_new(self.input.with_file_name(MOCKED)).map(|_| ())
    }

    /// Where the goal may leave files.
    pub(super) fn output(&self) -> &Path {
        &self.output
    }

    /// Where files with secrets are while a step runs that is given them.
    pub(super) fn secrets(&self) -> PathBuf {
        self.input.with_file_name("secrets")
    }

    /// A directory for temporary files of this attempt alone.
    pub(super) fn temporary(&self) -> io::Result<PathBuf> {
        let temporary = self.input.with_file_name("temporary");
        match DirBuilder::new().mode(0o700).create(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(temporary),
        }
    }

    /// Where the goal may leave its result.
    pub(super) fn result_file(&self) -> PathBuf {
        self.output.join("result.json")
    }
}

/// The directories of one attempt of an errand.
#[derive(Debug)]
pub(super) struct ErrandFiles {
    /// Holds `facts.json`.
    pub(super) input: PathBuf,
    /// Where it may leave `result.json` and files.
    pub(super) output: PathBuf,
    /// Where it runs: empty at first.
    pub(super) work: PathBuf,
}

/// Makes the directories of an errand's attempt empty and writes `facts.json`.
pub(super) async fn prepare_errand(
    root: &Path,
    attempt: &AttemptRef,
    facts: &serde_json::Value,
) -> io::Result<ErrandFiles> {
    let (directory, facts) = (directory(root, attempt), facts.to_string());
    let made = tokio::task::spawn_blocking(move || {
        let Exchanged { input, output } = make(&directory, "facts.json", &facts)?;
        let work = directory.join("work");
        std::fs::create_dir(&work)?;
        Ok(ErrandFiles { input, output, work })
    });
    made.await.map_err(io::Error::other)?
}

/// Whether the attempt of this directory was a mock.
pub(super) fn is_mocked(directory: &Path) -> bool {
    directory.join(MOCKED).exists()
}

/// The directory of an attempt; every part is made by us and cannot leave the root.
pub(super) fn directory(root: &Path, attempt: &AttemptRef) -> PathBuf {
    let environment: String = attempt
        .goal
        .environment
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let name = format!(
        "{}~{environment}~{}",
        attempt.goal.unique_name.as_str().replace('#', "_"),
        attempt.attempt
    );
    root.join(attempt.goal_set.to_string()).join(name)
}

/// Removes what was exchanged; what a goal made unremovable stays and is only mentioned.
pub(super) async fn clear(root: &Path, attempt: &AttemptRef) {
    let directory = directory(root, attempt);
    let removed = tokio::task::spawn_blocking(move || {
        std::fs::remove_dir_all(&directory)?;
        // The set's own directory goes with its last attempt; while others are there, it cannot.
        if let Some(set) = directory.parent() {
            std::fs::remove_dir(set).ok();
        }
        Ok::<(), io::Error>(())
    });
    match removed.await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(goal = %attempt.goal, error = %error, "files of an attempt were not removed");
        }
        Ok(_) | Err(_) => {}
    }
}

fn make(directory: &Path, name: &str, content: &str) -> io::Result<Exchanged> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let exchanged = Exchanged {
        input: directory.join("input"),
        output: directory.join("output"),
    };
    std::fs::create_dir_all(&exchanged.input)?;
    std::fs::create_dir_all(&exchanged.output)?;
    std::fs::write(exchanged.input.join(name), content)?;
    Ok(exchanged)
}
