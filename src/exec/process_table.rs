//! The system's table of processes, read from `/proc`; empty where there is none.

use std::collections::HashSet;
use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::news::CommandIdentity;

/// Bytes of a page as the table counts them; where pages are larger, more is used than is counted.
const PAGE: u64 = 4096;

/// One process as the table shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: i32,
    /// Its parent's number.
    pub(super) parent: i32,
    /// Its process group.
    pub(super) group: i32,
    /// Its session.
    pub(super) session: i32,
    /// Start in ticks since boot.
    pub(super) started: u64,
    /// Ended, but not yet waited for.
    pub(super) is_zombie: bool,
    /// Halted by a signal.
    pub(super) is_stopped: bool,
    /// Threads, the first one included.
    pub(super) threads: u64,
    /// Bytes of memory it has at the moment, those it shares included.
    pub(super) memory: u64,
}

/// Looks up one process; `None` when there is none of that number.
pub(super) fn look_up(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &stat)
}

/// The fields behind the name, which stands in brackets and may hold anything, brackets and spaces too.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Process {
        pid,
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        is_stopped: *fields.first()? == "T",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        memory: fields.get(21)?.parse::<u64>().ok()? * PAGE,
    })
}

/// All processes there are at the moment.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(look_up)
        .collect()
}

/// Everything that descends from a process, itself and those already ended not included.
pub(super) fn descendants(ancestor: i32) -> Vec<Process> {
    let table = all();
    let mut family = HashSet::from([ancestor]);
    // Parents need not stand before their children in the table: go over it until nobody is new.
    loop {
        let before = family.len();
        let born = table
            .iter()
            .filter(|process| family.contains(&process.parent))
            .map(|process| process.pid);
        family.extend(born.collect::<Vec<_>>());
        if family.len() == before {
            break;
        }
    }
    family.remove(&ancestor);
    table
        .into_iter()
        .filter(|process| !process.is_zombie && family.contains(&process.pid))
        .collect()
}

/// As [`descendants`], found from the ancestor down, which costs nothing for the processes of others. While they come and
/// go some may be missed.
pub(super) fn family(ancestor: i32) -> Vec<Process> {
    if fs::metadata(format!("/proc/{ancestor}/task/{ancestor}/children")).is_err() {
        return descendants(ancestor);
    }
    let (mut found, mut next) = (Vec::new(), children(ancestor));
    while let Some(pid) = next.pop() {
        next.extend(children(pid));
        found.extend(look_up(pid).filter(|process| !process.is_zombie));
    }
    found
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|list| {
            list.split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Bytes of memory of a process, of what is shared only its part, and what was swapped out; `None` when it is gone.
pub(super) fn proportional_memory(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| kilobytes(&rollup, name).unwrap_or_default();
    Some(field("Pss:") + field("SwapPss:"))
}

/// Bytes a process has written so far, its children that it has waited for included.
pub(super) fn written(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
    line.trim().parse().ok()
}

/// Bytes of memory the machine has.
pub(super) fn memory_of_machine() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// A line such as `MemTotal:  4 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// Which boot of the machine this is; start times are counted from it.
pub(super) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Lets a supervisor and its guard go on where somebody has halted them: nothing else watches the time of their attempt. The
/// guard leads the session that the supervisor is in, so a stranger that got the number later is left alone.
pub(super) fn wake_supervisor(supervisor: u32) {
    let Some(supervisor) = i32::try_from(supervisor).ok().and_then(look_up) else {
        return;
    };
    if supervisor.session != supervisor.parent {
        return;
    }
    for process in look_up(supervisor.parent).into_iter().chain([supervisor]) {
        if process.is_stopped {
            send(process.pid, Signal::SIGCONT);
        }
    }
}

/// Sends a signal to a process that may be gone already.
pub(super) fn send(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Kills what is left of the commands' sessions after all their supervisors have died. Returns whether anything was left.
///
/// Number, start time and boot are compared, so that a stranger that got the same number later is left alone. The
/// number of a session is not given away while one of its members lives, which makes members without their leader ours too.
pub(super) fn kill_sessions(commands: &[CommandIdentity]) -> bool {
    let boot = boot();
    // Where nobody can tell one boot from another, a number may be a stranger's.
    if boot.is_empty() {
        return false;
    }
    let sessions: Vec<(i32, u64)> = commands
        .iter()
        .filter(|command| command.boot == boot)
        .filter_map(|command| Some((i32::try_from(command.pid).ok()?, command.started)))
        .filter(|(leader, started)| {
            let is_reused = || look_up(*leader).is_some_and(|process| process.started != *started);
            *leader > 1 && !is_reused()
        })
        .collect();
    if sessions.is_empty() {
        return false;
    }
    let is_left = |process: &Process| {
        let is_of =
            |(leader, started): &(i32, u64)| process.session == *leader && process.started >= *started;
        !process.is_zombie && sessions.iter().any(is_of)
    };
    let left: Vec<Process> = all().into_iter().filter(is_left).collect();
    for process in &left {
        let _ = killpg(Pid::from_raw(process.session), Signal::SIGKILL);
        send(process.pid, Signal::SIGKILL);
    }
    !left.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse_the_fields() {
        let stat = "7 (a) R 9 (b) S 5 6 4 0 -1 1 2 3 4 5 6 7 8 9 10 11 12 0 4711 99 3";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.parent, process.session, process.started), (5, 4, 4711));
        assert!(!process.is_stopped && parse(7, &stat.replace(") S", ") T")).unwrap().is_stopped);
        assert_eq!((process.threads, process.memory), (12, 3 * 4096));
    }

    #[test]
    fn a_family_is_found_from_above_as_from_below() {
        let own = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(family(own).iter().any(|process| process.pid == pid));
        assert!(descendants(own).iter().any(|process| process.pid == pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(all().iter().any(|process| process.pid == own));
        assert!(descendants(1).iter().any(|process| process.pid == own));
        assert!(proportional_memory(own).unwrap() > 100_000);
        assert!(memory_of_machine().unwrap() > proportional_memory(own).unwrap());
    }
}
