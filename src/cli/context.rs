//! What every command gets: how to speak, what is configured, where it stands.

use std::path::{Component, Path, PathBuf};

use super::client::{ClientError, ControlClient};
use super::doors::DoorError;
use super::error::{CommandError, ErrorKind};
use super::ui::Ui;
use crate::config::{Configuration, Flags, Sources, load};
use crate::git::{history, identity};
use crate::wire::control::{Reply, Request};
use crate::wire::views::{GoalSetView, StatusView};

/// How a command ended when nothing went wrong with the command itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The thing asked about is bad, and that has been said.
    Bad,
    /// No daemon answers, and that has been said.
    NotReachable,
}

/// What a command gives back.
pub type CommandResult = Result<Exit, CommandError>;

/// The surroundings of one command.
pub struct Context {
    /// How to speak.
    pub ui: Ui,
    /// Where values come from.
    pub sources: Sources,
    /// What the command line says.
    pub flags: Flags,
    /// `--config` was said behind `doctor`, with or without a file, or without a file: the configuration is printed then.
    pub prints_configuration: bool,
}

impl Context {
    /// The configuration; read when a command needs it, so that `help` works with a broken one.
    ///
    /// # Errors
    /// A layer that cannot be used.
    pub fn configuration(&self) -> Result<Configuration, CommandError> {
        Ok(load(&self.sources, &self.flags)?)
    }

    /// A client for the configured daemon.
    ///
    /// # Errors
    /// As [`Self::configuration`].
    pub fn client(&self) -> Result<ControlClient, CommandError> {
        Ok(ControlClient::new(self.configuration()?.socket))
    }

    /// The daemon, greeted: a client, and what it says of itself.
    ///
    /// # Errors
    /// It does not answer or is too different.
    pub fn daemon(&self) -> Result<(ControlClient, StatusView), CommandError> {
        let client = self.client()?;
        let status = self.ui.while_waiting("asking the daemon", || client.status())?;
        Ok((client, status))
    }

    /// One request and its whole answer.
    ///
    /// # Errors
    /// As the client's.
    pub fn ask(&self, client: &ControlClient, request: &Request) -> Result<Vec<Reply>, CommandError> {
        Ok(self
            .ui
            .while_waiting("waiting for the daemon", || client.answer(request))?)
    }

    /// The goal sets of an answer.
    ///
    /// # Errors
    /// As the client's.
    pub fn goal_sets(
        &self,
        client: &ControlClient,
        request: &Request,
    ) -> Result<Vec<GoalSetView>, CommandError> {
        let replies = self.ask(client, request)?;
        let sets = replies.into_iter().filter_map(|reply| match reply {
            Reply::GoalSets { goal_sets } => Some(goal_sets),
            _ => None,
        });
        Ok(sets.flatten().collect())
    }

    /// `owner/name` of the repository we stand in, as the daemon calls it; none outside of the repositories it watches.
    pub fn repository_here(&self, status: &StatusView) -> Option<String> {
        let here = real_path(&self.sources.directory);
        let common = crate::scm::local::discover::common_directory(&self.sources.directory);
        let contains = |path: &str| {
            let root = project_root(&real_path(Path::new(path)));
            is_inside(&here, &root) || common.as_ref().is_some_and(|common| project_root(common) == root)
        };
        let fitting = status
            .repositories
            .iter()
            .filter(|repository| contains(&repository.path));
        fitting
            .max_by_key(|repository| Path::new(&repository.path).components().count())
            .map(|repository| repository.repo.clone())
    }

    /// The branch that is checked out where we stand; none outside of a repository and where a commit is checked out instead.
    pub fn branch_here(&self) -> Option<String> {
        let found = identity::discover(&self.sources.directory).ok().flatten()?;
        history::checked_out_branch(&found).map(|branch| branch.to_string())
    }

    /// A path given on the command line, absolute.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        real_path(&self.sources.directory.join(path))
    }
}

fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The directory of a project given its git directory or a directory in it (LO-02).
pub fn project_root(path: &Path) -> PathBuf {
    let mut root = path.to_owned();
    for name in ["hooks", ".git"] {
        let inside_git = name == ".git" || root.parent().is_some_and(|parent| parent.ends_with(".git"));
        if inside_git && root.ends_with(name) {
            root.pop();
        }
    }
    root
}

/// Whether a path is a directory or below it, by components (LO-10).
pub fn is_inside(path: &Path, directory: &Path) -> bool {
    let normal = |path: &Path| {
        path.components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_owned())
            .collect::<Vec<_>>()
    };
    let (path, directory) = (normal(path), normal(directory));
    path.starts_with(&directory)
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        let kind = match &error {
            ClientError::NoDaemon { .. }
            | ClientError::Stale { .. }
            | ClientError::Connect { .. }
            | ClientError::Silent(_)
            | ClientError::WentAway => ErrorKind::NotReachable,
            ClientError::NotOurs { .. } | ClientError::Refused { .. } => ErrorKind::Refused,
            ClientError::NotASocket { .. } | ClientError::TooLong => ErrorKind::Usage,
            ClientError::NotUnderstood(_) | ClientError::Version { .. } => ErrorKind::NotReachable,
        };
        let hint = error.hint();
        Self::from_error(kind, error).maybe_hint(hint)
    }
}

impl From<DoorError> for CommandError {
    fn from(error: DoorError) -> Self {
        let (kind, hint) = match &error {
            DoorError::Refused { hint, .. } => (ErrorKind::Refused, hint.clone()),
            DoorError::Failed { .. } => (ErrorKind::Internal, None),
        };
        Self::from_error(kind, error).maybe_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_02_a_git_directory_stands_for_its_project() {
        for path in [
            "/p/o/r",
            "/p/o/r/",
            "/p/o/r/.git",
            "/p/o/r/.git/hooks",
            "/p/o/r/.git/",
        ] {
            assert_eq!(project_root(Path::new(path)), Path::new("/p/o/r"), "{path}");
        }
        assert_eq!(project_root(Path::new("/p/o/hooks")), Path::new("/p/o/hooks"));
    }

    #[test]
    fn lo_10_containment_is_by_components() {
        assert!(is_inside(Path::new("/p/own/repo"), Path::new("/p/own/")));
        assert!(is_inside(Path::new("/p/own"), Path::new("/p/own")));
        assert!(!is_inside(Path::new("/p/owner2"), Path::new("/p/own")));
    }
}
