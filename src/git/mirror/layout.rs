//! A mirror on disk: its directory, its fixed configuration, its lock, what a killed fetch leaves behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Config, Repository, RepositoryOpenFlags};

use super::kept::KEPT;
use crate::config::private_directory;
use crate::git::transport::{Session, failed};
use crate::ports::scm::ScmError;

/// The configuration every mirror has. A goal that runs `git config` in a worktree writes into the same file: what is not
/// here and not of [`FREE_SECTIONS`] is taken out before the next fetch.
const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = false
\thooksPath = /dev/null
\tfsmonitor = false
\tautocrlf = false
\tprotectHFS = true
\tprotectNTFS = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
";

/// Settings that goals may leave in a mirror: they start nothing and lead nowhere.
const FREE_SECTIONS: [&str; 4] = ["user.", "author.", "committer.", "branch."];

/// Where the objects of a mirror go that was found damaged: the first time here, and beside it with a number from the second on.
const DAMAGED: &str = "objects.damaged";

/// How often a mirror may be found damaged while goals run before what the oldest borrow goes.
const MOST_DAMAGED: usize = 16;

/// How often a lock held by another process is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// The files of one mirror.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    path: PathBuf,
    key: String,
}

/// Held while a mirror changes; ends with its holder, whatever happens to it.
pub(super) struct Locked {
    _file: File,
}

impl Layout {
    /// The mirror of a repository's key.
    pub(super) fn new(root: &Path, key: &str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
        let name = hex::encode(&digest.as_ref()[..16]);
        Self {
            path: root.join(name),
            key: key.to_owned(),
        }
    }

    /// A mirror found on disk.
    pub(super) fn found(path: PathBuf) -> Self {
        Self {
            path,
            key: String::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pack_directory(&self) -> PathBuf {
        self.path.join("objects/pack")
    }

    /// Opens it as bare whatever its configuration says, and nothing above it.
    pub(super) fn open(&self) -> Result<Repository, git2::Error> {
        let flags =
            RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
        Repository::open_ext(&self.path, flags, std::iter::empty::<&Path>())
    }

    /// Takes the lock, waiting for other processes as long as the session allows.
    pub(super) fn lock(&self, session: &Session) -> Result<Locked, ScmError> {
        let doing = format!("lock the mirror {}", self.path.display());
        loop {
            match self.try_lock() {
                Ok(Some(locked)) => return Ok(locked),
                Ok(None) => {}
                Err(error) => return Err(failed(&doing, error)),
            }
            let pause = async {
                tokio::time::sleep(LOCK_INTERVAL).await;
                Ok(())
            };
            if let Err(error) = session.wait(Duration::from_secs(60), pause) {
                return Err(session.take_failure().unwrap_or_else(|| failed(&doing, error)));
            }
        }
    }

    /// Takes the lock if nobody has it. The file stays: removing it would let two holders in.
    pub(super) fn try_lock(&self) -> io::Result<Option<Locked>> {
        if let Some(root) = self.path.parent() {
            private_directory(root)?;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.path.with_extension("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Locked { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes or mends everything but the objects; under the lock.
    pub(super) fn prepare(&self, address: &str) -> io::Result<()> {
        let is_new = !self.path.join("HEAD").exists();
        if is_new {
            private_directory(&self.path)?;
            fs::create_dir_all(self.path.join("objects/info"))?;
            fs::create_dir_all(self.path.join("refs/heads"))?;
        }
        fs::create_dir_all(self.pack_directory())?;
        fs::create_dir_all(self.path.join(KEPT.trim_end_matches('/')))?;
        self.restore_configuration()?;
        let text = format!(
            "A mirror kept by sdm; it can be removed at any time.\naddress: {address}\nkey: {}\n",
            self.key
        );
        write_if_different(&self.path.join("address"), text.as_bytes())?;
        // Objects of another store must never become part of this one (threat I7).
        let alternates = self.path.join("objects/info/alternates");
        let damaged = self.damaged();
        let expected = alternates_to(&damaged);
        if damaged.is_empty() || fs::read(&alternates).is_ok_and(|found| found != expected.as_bytes()) {
            remove_if_there(&alternates)?;
        }
        // A goal that fetched with `--depth` would have cut the history of everybody.
        remove_if_there(&self.path.join("shallow"))?;
        if is_new {
            // Last: what has it is complete.
            write_if_different(&self.path.join("HEAD"), b"ref: refs/heads/sdm-none\n")?;
        }
        self.sweep()
    }

    /// Removes what a fetch left that was killed; under the lock nobody else writes these.
    fn sweep(&self) -> io::Result<()> {
        let leftovers = [
            (self.pack_directory(), "pack_git2_", ""),
            (self.path.join(KEPT.trim_end_matches('/')), "", ".lock"),
        ];
        for (directory, prefix, suffix) in leftovers {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with(prefix) && name.ends_with(suffix) {
                    remove_if_there(&entry.path())?;
                }
            }
        }
        remove_if_there(&self.path.join("packed-refs.lock"))
    }

    fn restore_configuration(&self) -> io::Result<()> {
        let path = self.path.join("config");
        match fs::read(&path) {
            Ok(found) if found == CONFIG.as_bytes() => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let kept = free_settings(&path).unwrap_or_default();
        let fresh = self.path.join("config.fresh");
        write_if_different(&fresh, CONFIG.as_bytes())?;
        if !kept.is_empty() {
            let mut config = Config::open(&fresh).map_err(io::Error::other)?;
            for (name, value) in kept {
                config.set_str(&name, &value).map_err(io::Error::other)?;
            }
        }
        fs::rename(&fresh, &path)
    }

    /// A mirror inside this one that does not exist yet, to be fetched into in its place.
    pub(super) fn beside(&self) -> io::Result<Self> {
        let path = self.path.join("rebuilt");
        remove_directory(&path)?;
        Ok(Self {
            path,
            key: self.key.clone(),
        })
    }

    /// Takes the objects of another one in the place of ours, and forgets the references that promise ours. What working copies
    /// borrow stays within their reach until [`Self::forget_damaged`]; worktrees of the mirror stay registered.
    pub(super) fn take_objects_of(&self, other: &Self) -> io::Result<()> {
        let objects = self.path.join("objects");
        let mut names = self.damaged();
        if names.len() >= MOST_DAMAGED {
            remove_directory(&self.path.join(names.remove(0)))?;
        }
        let fresh = Self::free_name(&names);
        let damaged = self.path.join(&fresh);
        names.push(fresh);
        remove_directory(&self.path.join(KEPT.trim_end_matches('/')))?;
        remove_if_there(&self.path.join("packed-refs"))?;
        fs::create_dir_all(self.path.join(KEPT.trim_end_matches('/')))?;
        write_if_different(
            &other.path.join("objects/info/alternates"),
            alternates_to(&names).as_bytes(),
        )?;
        fs::rename(&objects, &damaged)?;
        fs::rename(other.path.join("objects"), &objects)?;
        remove_directory(&other.path)
    }

    /// Throws away what was damaged, once no goal runs that may borrow it; says whether there was anything.
    pub(super) fn forget_damaged(&self) -> io::Result<bool> {
        let names = self.damaged();
        if names.is_empty() {
            return Ok(false);
        }
        remove_if_there(&self.path.join("objects/info/alternates"))?;
        for name in names {
            remove_directory(&self.path.join(name))?;
        }
        Ok(true)
    }

    /// The directories with damaged objects, oldest first.
    fn damaged(&self) -> Vec<String> {
        let number = |name: &String| match name.strip_prefix(DAMAGED)? {
            "" => Some(1),
            rest => rest.strip_prefix('.')?.parse::<u32>().ok(),
        };
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut numbered: Vec<(u32, String)> =
            names.filter_map(|name| Some((number(&name)?, name))).collect();
        numbered.sort();
        numbered.into_iter().map(|(_, name)| name).collect()
    }

    /// The name after the last one taken.
    fn free_name(taken: &[String]) -> String {
        let last = taken.last().map(|name| match name.strip_prefix(DAMAGED) {
            None | Some("") => 1,
            Some(rest) => rest.trim_start_matches('.').parse::<u32>().unwrap_or(1),
        });
        match last {
            None => DAMAGED.to_owned(),
            Some(last) => format!("{DAMAGED}.{}", last + 1),
        }
    }
}

/// What leads from fresh objects to damaged ones, the newest of them first.
fn alternates_to(damaged: &[String]) -> String {
    damaged.iter().rev().map(|name| format!("../{name}\n")).collect()
}

fn free_settings(path: &Path) -> Result<Vec<(String, String)>, git2::Error> {
    let config = Config::open(path)?;
    let mut entries = config.entries(None)?;
    let mut kept = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else {
            continue;
        };
        if FREE_SECTIONS.iter().any(|section| name.starts_with(section)) && kept.len() < 100 {
            kept.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(kept)
}

fn write_if_different(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    // A link put in its place is replaced, not followed.
    remove_if_there(path)?;
    File::options()
        .create_new(true)
        .write(true)
        .open(path)?
        .write_all(content)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
