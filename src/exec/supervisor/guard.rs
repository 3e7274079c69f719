//! Detaches from the daemon, and outlives the supervisor to clean up after it.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{self, ForkResult, Pid};

use super::super::attempt::AttemptDirectory;
use super::super::news;
use super::run;
use super::system::System;
use super::tree::Family;
use crate::runtime::dumps;

/// Forks twice: returns at once in the process that was started, and at the end in the other two.
pub(super) fn detach(directory: &AttemptDirectory, system: System) -> io::Result<()> {
    if is_parent(fork()?).is_some() {
        return Ok(());
    }
    unistd::setsid()?;
    system.adopt_orphans()?;
    dumps::forbid()?;
    umask(Mode::from_bits_truncate(0o022));
    match is_parent(fork()?) {
        Some(supervisor) => guard(supervisor, directory, system),
        None => run::supervise(directory, system),
    }
}

/// Waits for the supervisor, deaf to everything but KILL and STOP, and then for the end of everything it left. A supervisor that
/// its command has halted goes on at once: it alone watches the time.
fn guard(supervisor: Pid, directory: &AttemptDirectory, system: System) -> io::Result<()> {
    SigSet::all().thread_block()?;
    let nowhere = File::options().read(true).write(true).open("/dev/null")?;
    unistd::dup2_stdin(&nowhere)?;
    unistd::dup2_stderr(&nowhere)?;
    loop {
        match waitpid(supervisor, Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD) => break,
            Ok(WaitStatus::Stopped(..)) => {
                let _ = kill(supervisor, Signal::SIGCONT);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Family::new(system, groups(directory, system)).kill_until_empty();
    Ok(())
}

/// The groups of commands that may have left something, where that is all there is to find it by. They were ours a moment
/// ago, so their numbers are not yet given to others.
fn groups(directory: &AttemptDirectory, system: System) -> Vec<Pid> {
    if system.sees_family() || directory.outcome().exists() {
        return Vec::new();
    }
    let commands = news::commands_of(&directory.news()).into_iter();
    commands
        .filter_map(|command| i32::try_from(command.pid).ok().map(Pid::from_raw))
        .collect()
}

fn is_parent(fork: ForkResult) -> Option<Pid> {
    match fork {
        ForkResult::Parent { child } => Some(child),
        ForkResult::Child => None,
    }
}

#[expect(
    unsafe_code,
    reason = "the process has one thread, so a fork copies no lock that somebody holds"
)]
fn fork() -> nix::Result<ForkResult> {
    // SAFETY: called only on the way from `main` to the supervisor, where no thread was ever started.
    unsafe { unistd::fork() }
}
