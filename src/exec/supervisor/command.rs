//! Starts the command of an attempt.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, getpid, getppid, setsid};

use super::limits;
use super::secrets::{GivenSecrets, let_through};
use super::system::System;
use crate::model::ExecutionResult;
use crate::model::limits::GoalLimits;
use crate::ports::executor::Step;

/// Code of a command that is not there, as shells have it.
const NOT_FOUND: i32 = 127;

/// Code of a command that is there and cannot be run.
const NOT_RUNNABLE: i32 = 126;

/// A command that runs.
pub(super) struct Started {
    /// Its process, group and session.
    pub(super) pid: Pid,
    /// Its standard output; reading does not block.
    pub(super) out: File,
    /// Its standard error; reading does not block.
    pub(super) err: File,
    /// What it is given in secret; to be dropped when it has ended.
    pub(super) secrets: GivenSecrets,
}

/// Starts the command of a step with exactly the environment given, common and its own and `more`, in a session of its
/// own, with empty input.
///
/// # Errors
/// The result of an attempt whose command could not be started.
pub(super) fn start(
    step: &Step,
    common: &[(String, String)],
    more: Option<(&str, &str)>,
    limits: GoalLimits,
    system: System,
) -> Result<Started, Box<ExecutionResult>> {
    let Some((program, arguments)) = step.argv.split_first() else {
        return Err(refused(NOT_FOUND, "no command is given".to_owned()));
    };
    let directory = directory_of(step).map_err(|message| refused(NOT_RUNNABLE, message))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&directory)
        .env_clear()
        .envs(common.iter().map(|(name, value)| (name, value)))
        .envs(step.environment.iter().map(|(name, value)| (name, value)))
        .envs(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let secrets = GivenSecrets::give(&step.secrets, &mut command)
        .map_err(|error| refused(NOT_RUNNABLE, format!("failed to give a secret: {error}")))?;
    separate(&mut command, secrets.inherited(), limits, system);
    spawn(command, secrets, system).map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound {
            NOT_FOUND
        } else {
            NOT_RUNNABLE
        };
        refused(code, format!("failed to start `{program}`: {error}"))
    })
}

/// Where a step runs. Links are followed only as far as they stay inside of what it belongs to (threat B5).
fn directory_of(step: &Step) -> Result<PathBuf, String> {
    let directory = step.directory.display();
    if !step.directory.is_dir() {
        return Err(format!(
            "failed to start in {directory}: there is no such directory"
        ));
    }
    let Some(within) = &step.within else {
        return Ok(step.directory.clone());
    };
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| format!("failed to start in {directory}: {error}"))
    };
    let (found, root) = (real(&step.directory)?, real(within)?);
    match found.strip_prefix(&root) {
        Ok(below) => Ok(within.join(below)),
        Err(_) => Err(format!(
            "failed to start in {directory}: it leads out of the working copy"
        )),
    }
}

fn spawn(mut command: Command, mut secrets: GivenSecrets, system: System) -> io::Result<Started> {
    let mut child = command.spawn()?;
    secrets.hand_over();
    let gone = || io::Error::other("the output of the command is not connected");
    let out = child.stdout.take().ok_or_else(gone)?;
    let err = child.stderr.take().ok_or_else(gone)?;
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    system.offer_to_the_kernel(pid);
    Ok(Started {
        pid,
        out: not_blocking(out.into())?,
        err: not_blocking(err.into())?,
        secrets,
    })
}

fn not_blocking(pipe: OwnedFd) -> io::Result<File> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(pipe.into())
}

/// Gives the command a session of its own, and lets it die with its supervisor.
#[expect(
    unsafe_code,
    reason = "what runs between fork and exec is ours to keep harmless"
)]
fn separate(command: &mut Command, inherited: Vec<RawFd>, limits: GoalLimits, system: System) {
    let supervisor = getpid();
    let prepare = move || {
        setsid()?;
        // What the supervisor reads as a descriptor must end the command as usual: a blocked mask is inherited.
        SigSet::empty().thread_set_mask()?;
        system.die_with_parent()?;
        let_through(&inherited)?;
        limits::hold_this_process(&limits);
        // The supervisor may have died before the kernel was told.
        if getppid() == supervisor {
            Ok(())
        } else {
            Err(Errno::ESRCH.into())
        }
    };
    // SAFETY: system calls only; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(prepare) };
}

fn refused(code: i32, message: String) -> Box<ExecutionResult> {
    Box::new(ExecutionResult {
        code,
        message: Some(message),
        ..ExecutionResult::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b5_a_directory_of_the_working_copy_leads_nowhere_else() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("copy");
        std::fs::create_dir_all(root.join("crates/a")).unwrap();
        std::fs::create_dir(outer.path().join("copy-of-others")).unwrap();
        for (link, to) in [
            ("docs", "/"),
            ("up", ".."),
            ("beside", "../copy-of-others"),
            ("inside", "crates"),
        ] {
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        let step = |directory: &str, within| Step {
            directory: root.join(directory),
            within,
            ..Step::default()
        };
        for (directory, leads) in [("", "."), ("crates/a", "crates/a"), ("inside/a", "crates/a")] {
            let found = directory_of(&step(directory, Some(root.clone()))).unwrap();
            assert_eq!(
                found.canonicalize().unwrap(),
                root.join(leads).canonicalize().unwrap()
            );
            assert!(found.starts_with(&root), "{directory}");
        }
        for directory in ["docs", "up", "beside", "docs/tmp", "nowhere"] {
            let refused = directory_of(&step(directory, Some(root.clone())));
            assert!(refused.is_err(), "{directory}: {refused:?}");
        }
        assert!(directory_of(&step("docs", None)).is_ok());
    }
}
