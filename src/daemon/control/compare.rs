//! What other goal files would have planned for recorded pushes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::daemon::goal_files::GoalFiles;
use crate::daemon::local::LocalDaemon;
use crate::engine::Machine;
use crate::model::{Diagnostic, RepoSlug, Severity};
use crate::wire::control::Reply;

use super::Refused;
use super::server::Answer;

/// Pushes compared at most.
const MOST: u32 = 1_000;

/// Compares the last pushes, newest first; each answer is written as soon as it is known.
pub(super) async fn send(
    daemon: &LocalDaemon,
    path: &str,
    repo: Option<&str>,
    pushes: u32,
    answer: &mut Answer,
) -> Result<(), Refused> {
    let other = Arc::new(machine(path.into(), daemon.trusted_owners()).await?);
    let repo = repo.map(RepoSlug::parse).transpose()?;
    let engine = daemon.engine();
    let durations = Arc::new(engine.durations(repo.clone()).await?);
    for push in engine
        .store()
        .pushes(repo.as_ref(), pushes.clamp(1, MOST))
        .await?
    {
        let compared = Box::new(engine.compare(push, &other, &durations).await);
        answer.send(&Reply::Compared { compared }).await?;
    }
    Ok(())
}

/// The machine of goal files that this one does not use.
async fn machine(path: PathBuf, trusted_owners: Vec<String>) -> Result<Machine, Refused> {
    if !path.is_absolute() {
        return Err(Refused::new("the path of the goal files is not absolute"));
    }
    let task = tokio::task::spawn_blocking(move || read(&path, &trusted_owners));
    task.await
        .map_err(|_| Refused::new("reading the goal files broke off"))?
}

fn read(path: &Path, trusted_owners: &[String]) -> Result<Machine, Refused> {
    let files = GoalFiles::at(path, trusted_owners).read()?;
    Machine::load(&files).map_err(|problems| {
        let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
        let first = problems.iter().find(is_error);
        let first = first.map_or_else(String::new, |problem| {
            format!(": {}: {}", problem.place, problem.message)
        });
        Refused::new(format!("the goal files cannot be used{first}")).hint("see all of it with `sdm check`")
    })
}
