//! What an attempt writes to disk: how much of it stays in its directories, and how much room it leaves to others.
//!
//! Going through a large tree is dear, so it is done only when it can have become too much: the family's own count of
//! written bytes, or the room that has gone from the disk, says how much may have been added since the last time.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::statvfs::statvfs;

use super::super::super::process_table::{self, Process};
use super::{Breach, humane};
use crate::runtime::clock::{Clock, SystemClock};

/// The kernel's times of files may lie so far behind the clock.
const LAG_MICROS: i64 = 20_000;

/// Longest walk through the directories.
const LONGEST_WALK: Duration = Duration::from_secs(2);

/// Between two walks because of a disk that is nearly full.
const PAUSE: Duration = Duration::from_secs(1);

/// Who has written one part in so many of the room that must stay free is not innocent of its lack.
const SHARE_OF_GUILT: u64 = 4;

/// Bytes the kernel counts as one in the usage of children that have ended.
const USAGE_BLOCK: u64 = 512;

/// The disk as one attempt may use it.
pub(super) struct Disk {
    directories: Vec<PathBuf>,
    limit: Option<u64>,
    floor: Option<u64>,
    /// When the attempt began: what was not changed since is not its.
    began_micros: i64,
    /// Room there was.
    free: u64,
    /// It can have added too much once it may have written so much.
    suspicious_from: u64,
    /// No walk because of a nearly full disk before.
    patient_until: Option<Instant>,
}

/// What a walk found.
struct Found {
    /// Bytes on disk in files that were changed since the beginning.
    bytes: u64,
    /// Whether everything was seen.
    is_complete: bool,
}

impl Disk {
    pub(super) fn new(directories: &[PathBuf], limit: Option<u64>, floor: Option<u64>) -> Self {
        let mut disk = Self {
            directories: directories.to_vec(),
            limit,
            floor,
            began_micros: SystemClock.now().as_micros() - LAG_MICROS,
            free: 0,
            suspicious_from: limit.unwrap_or(u64::MAX),
            patient_until: None,
        };
        disk.free = disk.free_now().unwrap_or_default();
        disk
    }

    /// The room on the fullest of the disks.
    fn free_now(&self) -> Option<u64> {
        let free = |directory: &PathBuf| {
            let disk = statvfs(directory).ok()?;
            // Their types differ between systems.
            let bytes = disk.blocks_available() as u128 * disk.fragment_size() as u128;
            Some(u64::try_from(bytes).unwrap_or(u64::MAX))
        };
        self.directories.iter().filter_map(free).min()
    }

    pub(super) fn look(&mut self, family: &[Process], now: Instant) -> Option<Breach> {
        if self.limit.is_none() && self.floor.is_none() {
            return None;
        }
        let free = self.free_now()?;
        self.added_too_much(family, free)
            .or_else(|| self.left_too_little(family, free, now))
    }

    fn added_too_much(&mut self, family: &[Process], free: u64) -> Option<Breach> {
        let limit = self.limit?;
        let possible = written(family).max(self.free.saturating_sub(free));
        if possible < self.suspicious_from {
            return None;
        }
        let found = self.walk();
        // What was hidden from us counts as far as it was written.
        let added = match found.is_complete {
            true => found.bytes,
            false => found.bytes.max(possible / 2),
        };
        self.suspicious_from = possible.saturating_add(limit.saturating_sub(added));
        (added >= limit).then(|| Breach {
            phase: "limit: disk",
            message: format!("it wrote {}, and may write {}", humane(added), humane(limit)),
        })
    }

    fn left_too_little(&mut self, family: &[Process], free: u64, now: Instant) -> Option<Breach> {
        let floor = self.floor.filter(|floor| free < *floor)?;
        if self.patient_until.is_some_and(|until| now < until) {
            return None;
        }
        let guilty_from = floor / SHARE_OF_GUILT;
        let mut added = written(family);
        if added < guilty_from {
            added = self.walk().bytes;
        }
        self.patient_until = Some(now + PAUSE);
        (added >= guilty_from).then(|| Breach {
            phase: "limit: free disk",
            message: format!(
                "it wrote {} and left {} of the disk free, where {} must stay free",
                humane(added),
                humane(free),
                humane(floor)
            ),
        })
    }

    fn walk(&self) -> Found {
        let deadline = Instant::now() + LONGEST_WALK;
        let (mut bytes, mut is_complete) = (0, true);
        let (mut linked, mut next) = (HashSet::new(), self.directories.clone());
        while let Some(directory) = next.pop() {
            let Ok(entries) = fs::read_dir(&directory) else {
                is_complete = false;
                continue;
            };
            for entry in entries.flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    next.push(entry.path());
                } else if self.is_own(&metadata)
                    && (metadata.nlink() == 1 || linked.insert((metadata.dev(), metadata.ino())))
                {
                    bytes += metadata.blocks() * 512;
                }
            }
            if Instant::now() > deadline {
                is_complete = false;
                break;
            }
        }
        Found { bytes, is_complete }
    }

    fn is_own(&self, metadata: &fs::Metadata) -> bool {
        metadata.ctime() * 1_000_000 + metadata.ctime_nsec() / 1000 >= self.began_micros
    }
}

/// Bytes that the family has written, those of it that have ended included.
fn written(family: &[Process]) -> u64 {
    let living: u64 = family
        .iter()
        .filter_map(|process| process_table::written(process.pid))
        .sum();
    let ended = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.block_writes());
    living + u64::try_from(ended).unwrap_or_default() * USAGE_BLOCK
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    fn write(path: PathBuf, bytes: usize) {
        let mut file = File::create(path).unwrap();
        file.write_all(&vec![1; bytes]).unwrap();
        file.sync_all().unwrap();
    }

    #[test]
    fn i1_only_what_was_written_since_counts_and_links_count_once() {
        let root = tempfile::tempdir().unwrap();
        write(root.path().join("before"), 1 << 20);
        // The clock of files is coarse: what is written now must be later than what was written before.
        let mut disk = Disk::new(&[root.path().to_owned()], Some(1 << 20), None);
        let before = fs::metadata(root.path().join("before")).unwrap();
        disk.began_micros = before.ctime() * 1_000_000 + before.ctime_nsec() / 1000 + 1;
        assert_eq!(disk.walk().bytes, 0);
        fs::create_dir(root.path().join("deep")).unwrap();
        until_later(disk.began_micros);
        write(root.path().join("deep/after"), 1 << 20);
        fs::hard_link(root.path().join("deep/after"), root.path().join("again")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("root")).unwrap();
        let found = disk.walk();
        assert!(
            found.is_complete && found.bytes >= 1 << 20 && found.bytes < 2 << 20,
            "{}",
            found.bytes
        );
        disk.suspicious_from = 0;
        let breach = disk.look(&[], Instant::now()).unwrap();
        assert!(
            breach.message.ends_with("and may write 1.0 MiB"),
            "{}",
            breach.message
        );
    }

    fn until_later(micros: i64) {
        while SystemClock.now().as_micros() < micros + LAG_MICROS {
            std::thread::yield_now();
        }
    }

    #[test]
    fn i1_a_full_disk_is_nobodys_fault_who_has_not_written() {
        let root = tempfile::tempdir().unwrap();
        let mut disk = Disk::new(&[root.path().to_owned()], None, Some(u64::MAX));
        assert_eq!(disk.look(&[], Instant::now()), None);
        disk.floor = Some(disk.free_now().unwrap() + 1);
        assert_eq!(disk.look(&[], Instant::now()), None);
    }
}
