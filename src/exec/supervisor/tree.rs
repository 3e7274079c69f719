//! Everything that an attempt started, wherever it has gone as far as the system can find it: on Linux groups and sessions do
//! not hide it from a subreaper; elsewhere it is what has stayed in the groups of the commands.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::super::process_table::{self, Process};
use super::system::System;

/// Times the family is gone over to halt it before it is killed; one that forks faster is killed again and again.
const HALTING_ROUNDS: usize = 20;

/// How long killing is repeated before a process counts as one that cannot be killed (other user, dead disk).
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Between two rounds of killing.
pub(super) const PAUSE: Duration = Duration::from_millis(3);

/// How often a family is looked for whose ends nobody tells.
const SILENT_PAUSE: Duration = Duration::from_millis(20);

/// Most members that are named.
const MOST_NAMES: usize = 10;

/// The family of this process.
pub(super) struct Family {
    system: System,
    /// The groups of the commands, where they are all there is to find it by.
    groups: Vec<Pid>,
}

impl Family {
    /// A family of which these commands were the first.
    pub(super) fn new(system: System, groups: Vec<Pid>) -> Self {
        Self { system, groups }
    }

    /// A command joins it, which leads a group of its own.
    pub(super) fn add(&mut self, command: Pid) {
        if !self.system.sees_family() {
            self.groups.retain(|group| lives(*group));
            self.groups.push(command);
        }
    }

    /// All that live and can be seen.
    fn members(&self) -> Vec<Process> {
        match self.system.sees_family() {
            true => process_table::descendants(getpid().as_raw()),
            false => Vec::new(),
        }
    }

    /// When to look whether it has ended, where nobody tells.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        (!self.system.sees_family()).then_some(now + SILENT_PAUSE)
    }

    /// Asks all to end: the command's group at once, so that nobody is asked twice, and the others one by one.
    pub(super) fn terminate(&self, group: Option<Pid>) {
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            let groups = group
                .iter()
                .chain(self.groups.iter().filter(|other| group != Some(**other)));
            groups.for_each(|group| {
                let _ = killpg(*group, signal);
            });
            let is_other = |process: &Process| Some(process.group) != group.map(Pid::as_raw);
            for process in self.members().into_iter().filter(is_other) {
                process_table::send(process.pid, signal);
            }
        }
    }

    /// Kills all, after having halted them so that none forks away meanwhile.
    pub(super) fn kill_all(&self) {
        let mut halted = HashSet::new();
        for _ in 0..HALTING_ROUNDS {
            let fresh: Vec<i32> = self
                .members()
                .into_iter()
                .map(|process| process.pid)
                .filter(|pid| !halted.contains(pid))
                .collect();
            if fresh.is_empty() {
                break;
            }
            for pid in fresh {
                process_table::send(pid, Signal::SIGSTOP);
                halted.insert(pid);
            }
        }
        for process in self.members() {
            process_table::send(process.pid, Signal::SIGKILL);
        }
        for group in &self.groups {
            let _ = killpg(*group, Signal::SIGKILL);
        }
    }

    /// Takes note of all children that have ended.
    pub(super) fn reap(&self, looked_for: Option<Pid>) -> Reaped {
        let mut end = None;
        loop {
            let has_family = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..))) => {
                    end = end.or(Some(status).filter(|_| Some(pid) == looked_for));
                    continue;
                }
                Err(Errno::EINTR) => continue,
                Err(_) => self.groups.iter().any(|group| lives(*group)),
                Ok(_) => true,
            };
            return Reaped { end, has_family };
        }
    }

    /// Kills until nobody is left, or gives up on those that cannot be killed.
    pub(super) fn kill_until_empty(&self) {
        let give_up = Instant::now() + PATIENCE;
        while self.reap(None).has_family && Instant::now() < give_up {
            self.kill_all();
            thread::sleep(PAUSE);
        }
    }

    /// Names what lives, for the log.
    pub(super) fn names(&self) -> String {
        let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let members = self.members();
        let named = members
            .iter()
            .map(|process| format!("{} ({})", name(process.pid).trim(), process.pid));
        let groups = self.groups.iter().filter(|group| lives(**group));
        let all: Vec<String> = named
            .chain(groups.map(|group| format!("group {group}")))
            .collect();
        match all.len().checked_sub(MOST_NAMES) {
            None | Some(0) => all.join(", "),
            Some(more) => format!("{}, and {more} more", all[..MOST_NAMES].join(", ")),
        }
    }
}

/// Whether anybody is left in a group.
fn lives(group: Pid) -> bool {
    killpg(group, None) != Err(Errno::ESRCH)
}

/// What waiting for children found.
pub(super) struct Reaped {
    /// How the process looked for ended, if it did.
    pub(super) end: Option<WaitStatus>,
    /// Whether anything of the family still lives. A subreaper has a child as long as it has descendants.
    pub(super) has_family: bool,
}
