//! Holds what an attempt started to its limits (threat I1).
//!
//! What the kernel limits per process it limits: open files and the size of files. The rest is looked at again and again:
//! processes and threads, memory and disk belong to the whole family, and the kernel's own limits for them are per user
//! or per process. Who breaks one is killed whole, at once: a grace would be time to go on.
//!
//! Looks cost the family's size and are made the more seldom the more they cost. Between two of them memory can grow;
//! should the machine run out of it, the kernel takes from the goals first. Where no limit of memory is given, it is nine
//! tenths of what the machine has.

mod disk;

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::getpid;

use super::super::fence::{Fence, LOST};
use super::super::order::Order;
use super::super::process_table::{self, Process};
use super::system::System;
use crate::model::limits::GoalLimits;
use disk::Disk;

/// Before the first look: most goals have not done much by then.
const FIRST: Duration = Duration::from_millis(100);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A look may take one part in so many of the time.
const SHARE: u32 = 20;

/// A limit that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    /// Which one, as a phase.
    pub(super) phase: &'static str,
    /// What happened, for people.
    pub(super) message: String,
}

/// Looks at the family of an attempt.
pub(super) struct Looking {
    limits: GoalLimits,
    disk: Disk,
    fence: Option<Fence>,
    next: Option<Instant>,
}

impl Looking {
    /// Nothing has run yet.
    pub(super) fn new(order: &Order, now: Instant, system: System) -> Self {
        let limits = order.limits;
        let is_limited = limits
            .processes
            .or(limits.memory)
            .or(limits.disk)
            .or(limits.free_disk)
            .is_some();
        let looks = (is_limited && system.sees_family()) || order.fence.is_some();
        Self {
            limits,
            disk: Disk::new(&order.watched, limits.disk, limits.free_disk),
            fence: order.fence.clone(),
            next: looks.then(|| now + FIRST),
        }
    }

    /// When to look again.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        self.next
    }

    /// Looks when it is time.
    pub(super) fn look(&mut self, now: Instant) -> Option<Breach> {
        self.next.filter(|next| now >= *next)?;
        if self.limits.memory.is_none() {
            self.limits.memory = process_table::memory_of_machine().map(|memory| memory / 10 * 9);
        }
        let family = process_table::family(getpid().as_raw());
        let breach = self
            .without_leave()
            .or_else(|| self.too_many(&family))
            .or_else(|| self.too_large(&family))
            .or_else(|| self.disk.look(&family, now));
        let end = Instant::now();
        let pause = PAUSE.max(end.saturating_duration_since(now) * SHARE);
        self.next = breach.is_none().then_some(end + pause);
        breach
    }

    /// Nobody has said for a while that it may go on.
    fn without_leave(&self) -> Option<Breach> {
        let fence = self.fence.as_ref()?;
        fence.is_broken().then(|| Breach {
            phase: LOST,
            message: "its machine is not heard of any more, and another replica may run it again".to_owned(),
        })
    }

    fn too_many(&self, family: &[Process]) -> Option<Breach> {
        let limit = self.limits.processes?;
        let count: u64 = family.iter().map(|process| process.threads).sum();
        (count > limit).then(|| Breach {
            phase: "limit: processes",
            message: format!("it had {count} processes and threads at once, and may have {limit}"),
        })
    }

    /// What processes share counts for each of them at first; only when that is too much, it is looked at closely.
    fn too_large(&self, family: &[Process]) -> Option<Breach> {
        let limit = self.limits.memory?;
        let at_most: u64 = family.iter().map(|process| process.memory).sum();
        if at_most <= limit {
            return None;
        }
        let memory =
            |process: &Process| process_table::proportional_memory(process.pid).unwrap_or(process.memory);
        let used: u64 = family.iter().map(memory).sum();
        (used > limit).then(|| Breach {
            phase: "limit: memory",
            message: format!(
                "it used {} of memory, and may use {}",
                humane(used),
                humane(limit)
            ),
        })
    }
}

/// Sets what the kernel limits for each process. To be called between fork and exec: system calls and nothing else.
pub(super) fn hold_this_process(limits: &GoalLimits) {
    for (resource, limit) in [
        (Resource::RLIMIT_NOFILE, limits.open_files),
        (Resource::RLIMIT_FSIZE, limits.file_size),
    ] {
        // What cannot be set stays as it was, which is lower.
        if let (Some(limit), Ok((soft, hard))) = (limit, getrlimit(resource)) {
            let _ = setrlimit(resource, soft.min(limit), hard.min(limit));
        }
    }
}

/// A number of bytes for people.
fn humane(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut amount, mut unit) = (bytes as f64, "B");
    for larger in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{amount:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_for_people() {
        assert_eq!(humane(1023), "1023 B");
        assert_eq!(humane(1536), "1.5 KiB");
        assert_eq!(humane(5 << 40), "5.0 TiB");
    }

    #[test]
    fn i1_a_family_is_judged_by_its_threads_and_its_memory() {
        let limits = GoalLimits {
            processes: Some(5),
            memory: Some(1 << 20),
            ..GoalLimits::default()
        };
        let looking = Looking {
            limits,
            disk: Disk::new(&[], None, None),
            fence: None,
            next: None,
        };
        // Nobody has this number, so what is shared cannot be told apart.
        let process = |threads, memory| Process {
            pid: i32::MAX,
            parent: 1,
            group: 1,
            session: 1,
            started: 1,
            is_zombie: false,
            is_stopped: false,
            threads,
            memory,
        };
        assert_eq!(looking.too_many(&[process(3, 0), process(2, 0)]), None);
        let breach = looking.too_many(&[process(3, 0), process(3, 0)]).unwrap();
        assert_eq!(
            breach.message,
            "it had 6 processes and threads at once, and may have 5"
        );
        assert_eq!(looking.too_large(&[process(1, 1 << 20)]), None);
        let breach = looking
            .too_large(&[process(1, 1 << 20), process(1, 1 << 20)])
            .unwrap();
        assert_eq!(breach.message, "it used 2.0 MiB of memory, and may use 1.0 MiB");
    }
}
