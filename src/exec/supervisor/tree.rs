//! Everything that descends from this process, wherever it has gone: groups and sessions do not hide it from a subreaper.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::super::process_table::{self, Process};

/// Times the family is gone over to halt it before it is killed; one that forks faster is killed again and again.
const HALTING_ROUNDS: usize = 20;

/// How long killing is repeated before a process counts as one that cannot be killed (other user, dead disk).
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Between two rounds of killing.
pub(super) const PAUSE: Duration = Duration::from_millis(3);

/// All that live.
pub(super) fn members() -> Vec<Process> {
    process_table::descendants(getpid().as_raw())
}

/// Asks all to end: the command's group at once, so that nobody is asked twice, and the others one by one.
pub(super) fn terminate(group: Option<i32>) {
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        if let Some(group) = group {
            let _ = killpg(Pid::from_raw(group), signal);
        }
        let is_other = |process: &Process| Some(process.group) != group;
        for process in members().into_iter().filter(is_other) {
            process_table::send(process.pid, signal);
        }
    }
}

/// Kills all, after having halted them so that none forks away meanwhile.
pub(super) fn kill_all() {
    let mut halted = HashSet::new();
    for _ in 0..HALTING_ROUNDS {
        let fresh: Vec<i32> = members()
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
    for process in members() {
        process_table::send(process.pid, Signal::SIGKILL);
    }
}

/// What waiting for children found.
pub(super) struct Reaped {
    /// How the process looked for ended, if it did.
    pub(super) end: Option<WaitStatus>,
    /// Whether anything of the family still lives. A subreaper has a child as long as it has descendants.
    pub(super) has_family: bool,
}

/// Takes note of all children that have ended.
pub(super) fn reap(looked_for: Option<Pid>) -> Reaped {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..))) => {
                if Some(pid) == looked_for {
                    end = Some(status);
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => {
                return Reaped {
                    end,
                    has_family: false,
                };
            }
            Ok(_) => {
                return Reaped {
                    end,
                    has_family: true,
                };
            }
        }
    }
}

/// Kills until nobody is left, or gives up on those that cannot be killed.
pub(super) fn kill_until_empty() {
    let give_up = Instant::now() + PATIENCE;
    while reap(None).has_family && Instant::now() < give_up {
        kill_all();
        thread::sleep(PAUSE);
    }
}
