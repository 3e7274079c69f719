//! The pool: who has which workspace, and what becomes of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use git2::Repository;
use globset::GlobSet;
use nix::fcntl::{Flock, FlockArg};

use super::checkout::{Checkout, CheckoutLimits};
use super::cleaning::{clean, kept_directories};
use super::git_dir;
use super::record::Tracked;
use super::removal::Attic;
use super::slot::{SlotDirectory, SlotState};
use crate::git::objects::{commit, failed};
use crate::git::tree::Trees;
use crate::model::CommitSha;
use crate::ports::scm::{ScmError, Workspace};
use crate::runtime::clock::Ids;
use crate::runtime::directory::Directory;

/// How a pool behaves.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Workspaces of one mirror that wait for the next push. Beyond that and the next, the one that waited longest goes: what
    /// was returned last took longest, and its kept directories are worth the most.
    pub idle_per_mirror: usize,
    /// Workspaces of all mirrors that wait.
    pub idle_in_all: usize,
    /// Globs of untracked directories that survive cleaning, such as `target`; relative to the root of the tree. None by default,
    /// because what one goal leaves there reaches the next.
    pub keep: Vec<String>,
    /// Sizes of trees.
    pub checkout: CheckoutLimits,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            idle_per_mirror: 4,
            idle_in_all: 16,
            keep: Vec::new(),
            checkout: CheckoutLimits::default(),
        }
    }
}

/// Lends workspaces. One process has the pool's root for itself.
pub struct Pool {
    path: PathBuf,
    root: Directory,
    attic: Attic,
    retired: Directory,
    settings: PoolSettings,
    keep: GlobSet,
    ids: Arc<dyn Ids>,
    slots: Mutex<Slots>,
    _lock: Flock<File>,
}

#[derive(Default)]
struct Slots {
    by_name: BTreeMap<String, Standing>,
    /// Counts uses, so that the one that waited longest is known.
    uses: u64,
}

/// Where one workspace stands.
enum Standing {
    Lent {
        lending: String,
    },
    /// Somebody writes or cleans it.
    Busy,
    Idle {
        sha: CommitSha,
        used: u64,
    },
}

impl Standing {
    fn is_lent_as(&self, name: &str) -> bool {
        matches!(self, Self::Lent { lending } if lending == name)
    }
}

/// Begins the name of directories in which things are taken apart.
const ATTIC: &str = "attic-";
const RETIRED: &str = "retired";
/// Begins the name of workspaces that are lent once; those of mirrors begin with hexadecimal digits.
const ONCE: &str = "once";
const LOCK: &str = "lock";

impl Pool {
    /// Opens the pool in a directory, which is created with mode 0700 and belongs to this pool alone until it is dropped.
    ///
    /// # Errors
    /// The directory cannot be used, another process has it, or a glob of `keep` is none.
    pub fn open(path: &Path, settings: PoolSettings, ids: Arc<dyn Ids>) -> Result<Self, ScmError> {
        let doing = || format!("open the workspaces in {}", path.display());
        let keep = kept_directories(&settings.keep).map_err(|error| failed(doing())(error))?;
        let opened = || -> io::Result<_> {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            let path = std::fs::canonicalize(path)?;
            let root = Directory::open(&path)?;
            let lock = lock(&path)?;
            let attic = format!("{ATTIC}{}", ids.fresh().simple());
            let attic = Attic::in_directory(root.child_or_new(attic.as_bytes())?);
            let retired = root.child_or_new(RETIRED.as_bytes())?;
            Ok((path, root, lock, attic, retired))
        };
        let (path, root, lock, attic, retired) = opened().map_err(|error| failed(doing())(error))?;
        Ok(Self {
            path,
            root,
            attic,
            retired,
            settings,
            keep,
            ids,
            slots: Mutex::default(),
            _lock: lock,
        })
    }

    /// A clean tree of exactly this commit, with a `.git` of its own that `git` works in. `mirror_key` names the mirror: workspaces
    /// never pass from one to another.
    ///
    /// # Errors
    /// The commit is not in the mirror, its tree must not be written or is too large, or the disk refuses.
    pub fn lend(
        &self,
        mirror: &Repository,
        mirror_key: &str,
        sha: &CommitSha,
    ) -> Result<Workspace, ScmError> {
        commit(mirror, sha)?;
        self.check_root()?;
        let family = family_of(mirror_key);
        if let Some((name, from)) = self.take_idle(&family, sha) {
            match self.prepare(mirror, &name, Some(&from), sha) {
                Ok(workspace) => return Ok(workspace),
                Err(error) => {
                    tracing::warn!(
                        workspace = name,
                        error = &error as &dyn std::error::Error,
                        "a pooled workspace could not be moved"
                    );
                    self.discard(&name);
                }
            }
        }
        self.lend_fresh(mirror, &family, sha)
    }

    /// The same in a workspace that nothing was in before, and that is removed when it is released: for what is not trusted.
    ///
    /// # Errors
    /// As for [`Self::lend`].
    pub fn lend_once(&self, mirror: &Repository, sha: &CommitSha) -> Result<Workspace, ScmError> {
        commit(mirror, sha)?;
        self.check_root()?;
        self.lend_fresh(mirror, ONCE, sha)
    }

    fn lend_fresh(&self, mirror: &Repository, family: &str, sha: &CommitSha) -> Result<Workspace, ScmError> {
        let name = format!("{family}-{}", self.ids.fresh().simple());
        self.slots().by_name.insert(name.clone(), Standing::Busy);
        self.prepare(mirror, &name, None, sha)
            .inspect_err(|_| self.discard(&name))
    }

    /// Takes a workspace back, by the name it was lent under: cleans it for the next push, or removes it when it cannot be trusted or
    /// is not needed. Releasing twice is releasing once.
    pub fn release(&self, name: &str) {
        let Some((slot, lending)) = name.split_once('@') else {
            return;
        };
        match self.slots().by_name.get_mut(slot) {
            Some(standing) if standing.is_lent_as(lending) => *standing = Standing::Busy,
            Some(_) | None => return,
        }
        self.return_to_pool(slot);
    }

    /// A workspace that is lent, by the name it was lent under.
    pub fn lent(&self, name: &str) -> Option<Workspace> {
        let (slot, lending) = name.split_once('@')?;
        let slots = self.slots();
        let standing = slots.by_name.get(slot)?;
        standing
            .is_lent_as(lending)
            .then(|| self.workspace(slot, lending))
    }

    fn workspace(&self, slot: &str, lending: &str) -> Workspace {
        Workspace {
            path: self.path.join(slot).join("tree"),
            name: format!("{slot}@{lending}"),
        }
    }

    /// At start: every lent workspace on disk that is not in `in_use` is cleaned or removed, and so is everything a crash left.
    ///
    /// # Errors
    /// The pool's directory cannot be listed.
    pub fn reclaim(&self, in_use: &[String]) -> Result<(), ScmError> {
        let in_use: BTreeSet<&str> = in_use.iter().map(String::as_str).collect();
        let names = self.root.names().map_err(failed("list the workspaces"))?;
        for (name, _) in names {
            let name = String::from_utf8_lossy(&name).into_owned();
            let is_ours = name == RETIRED || name == LOCK || self.is_current_attic(&name);
            if !is_ours && !self.slots().by_name.contains_key(&name) {
                self.reclaim_slot(&name, &in_use);
            }
        }
        Ok(())
    }

    fn reclaim_slot(&self, name: &str, in_use: &BTreeSet<&str>) {
        let state = SlotDirectory::open(&self.root, name)
            .ok()
            .and_then(|slot| slot.state());
        let standing = match &state {
            Some(SlotState::Lent { lending, .. })
                if in_use.contains(format!("{name}@{lending}").as_str()) =>
            {
                Standing::Lent {
                    lending: lending.clone(),
                }
            }
            Some(_) | None => Standing::Busy,
        };
        let is_lent = matches!(standing, Standing::Lent { .. });
        self.slots().by_name.insert(name.to_owned(), standing);
        match state {
            Some(_) if is_lent => {}
            Some(_) => self.return_to_pool(name),
            None => self.discard(name),
        }
    }

    fn is_current_attic(&self, name: &str) -> bool {
        let same =
            |this: io::Result<nix::sys::stat::FileStat>| this.ok().map(|stat| (stat.st_dev, stat.st_ino));
        name.starts_with(ATTIC) && same(self.root.stat(name.as_bytes())) == same(self.attic.stat())
    }

    /// The idle workspace that is nearest: at this very commit, else the one used last.
    fn take_idle(&self, family: &str, wanted: &CommitSha) -> Option<(String, CommitSha)> {
        let mut slots = self.slots();
        let (name, from) = slots
            .idle_of(family)
            .max_by_key(|(_, sha, used)| (*sha == wanted, *used))
            .map(|(name, sha, _)| (name.to_owned(), sha.clone()))?;
        slots.by_name.insert(name.clone(), Standing::Busy);
        Some((name, from))
    }

    /// Brings a workspace to a commit and lends it.
    fn prepare(
        &self,
        mirror: &Repository,
        name: &str,
        from: Option<&CommitSha>,
        sha: &CommitSha,
    ) -> Result<Workspace, ScmError> {
        let doing = |error: io::Error| failed(format!("prepare the workspace {name}"))(error);
        let slot = match from {
            Some(_) => SlotDirectory::open(&self.root, name),
            None => SlotDirectory::create(&self.root, name),
        };
        let slot = slot.map_err(doing)?;
        slot.void_state().map_err(doing)?;
        let tree = slot.tree().map_err(doing)?;
        let record = self.write(mirror, &slot, &tree, from, sha)?;
        let index = slot.set_record(&record).map_err(doing)?;
        git_dir::create(&tree, mirror, sha, &index).map_err(doing)?;
        let lending = self.ids.fresh().simple().to_string();
        let state = SlotState::Lent {
            sha: sha.clone(),
            lending: lending.clone(),
        };
        slot.set_state(&state).map_err(doing)?;
        let workspace = self.workspace(name, &lending);
        self.slots()
            .by_name
            .insert(name.to_owned(), Standing::Lent { lending });
        Ok(workspace)
    }

    fn write(
        &self,
        mirror: &Repository,
        slot: &SlotDirectory,
        tree: &Directory,
        from: Option<&CommitSha>,
        sha: &CommitSha,
    ) -> Result<Vec<Tracked>, ScmError> {
        let trees = Trees::of(mirror)?;
        let to = commit(mirror, sha)?.tree_id();
        let mut checkout = Checkout::new(mirror, tree, &self.attic, self.settings.checkout)?;
        match from {
            None => checkout.write_all(&trees, to),
            Some(from) => {
                let record = slot.record().map_err(failed("read what the workspace holds"))?;
                checkout.move_to(&trees, record, commit(mirror, from)?.tree_id(), to)
            }
        }
    }

    /// Cleans a busy workspace, or removes it.
    fn return_to_pool(&self, name: &str) {
        if family_in(name) == ONCE {
            return self.discard(name);
        }
        match self.clean_slot(name) {
            Ok(sha) => self.set_idle(name, sha),
            Err(error) => {
                tracing::warn!(
                    workspace = name,
                    error = &error as &dyn std::error::Error,
                    "a workspace could not be cleaned"
                );
                self.discard(name);
            }
        }
    }

    fn clean_slot(&self, name: &str) -> io::Result<CommitSha> {
        let slot = SlotDirectory::open(&self.root, name)?;
        let Some(SlotState::Lent { sha, .. } | SlotState::Clean { sha }) = slot.state() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the workspace has no state",
            ));
        };
        let mut record = slot.record()?;
        clean(&slot.tree()?, &mut record, &self.keep, &self.attic)?;
        slot.set_record(&record)?;
        slot.set_state(&SlotState::Clean { sha: sha.clone() })?;
        Ok(sha)
    }

    fn set_idle(&self, name: &str, sha: CommitSha) {
        let surplus = {
            let mut slots = self.slots();
            slots.uses += 1;
            let used = slots.uses;
            slots
                .by_name
                .insert(name.to_owned(), Standing::Idle { sha, used });
            let mut surplus = slots.surplus(Some(family_in(name)), self.settings.idle_per_mirror);
            surplus.extend(slots.surplus(None, self.settings.idle_in_all));
            surplus
        };
        surplus.iter().for_each(|name| self.discard(name));
    }

    /// Removes a workspace. What cannot be removed is put aside, so that nobody meets it again.
    fn discard(&self, name: &str) {
        match self.attic.remove_as(&self.root, name.as_bytes(), &self.retired) {
            Ok(()) => {}
            Err(error) => tracing::warn!(
                workspace = name,
                error = &error as &dyn std::error::Error,
                "a workspace could not be removed whole; the rest is in `{RETIRED}`"
            ),
        }
        self.slots().by_name.remove(name);
    }

    /// Goals are given a path, so the path must still lead to the directory we hold (threat I6).
    fn check_root(&self) -> Result<(), ScmError> {
        let there = Directory::open(&self.path).and_then(|directory| directory.stat_self());
        let here = self.root.stat_self();
        let same = matches!((&there, &here), (Ok(there), Ok(here)) if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino));
        if same {
            return Ok(());
        }
        Err(failed(format!("find the workspaces in {}", self.path.display()))(
            "the directory has been replaced",
        ))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // The map is changed by single insertions and removals: a panic elsewhere leaves it whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn idle_of<'s>(&'s self, family: &'s str) -> impl Iterator<Item = (&'s str, &'s CommitSha, u64)> {
        self.by_name
            .iter()
            .filter_map(move |(name, standing)| match standing {
                Standing::Idle { sha, used } if family_in(name) == family => {
                    Some((name.as_str(), sha, *used))
                }
                Standing::Idle { .. } | Standing::Lent { .. } | Standing::Busy => None,
            })
    }

    /// Takes idle workspaces beyond the limit out, of one family or of all, those that waited longest first.
    fn surplus(&mut self, family: Option<&str>, limit: usize) -> Vec<String> {
        let mut idle: Vec<(u64, String)> = Vec::new();
        for (name, standing) in &self.by_name {
            let counts = family.is_none_or(|family| family_in(name) == family);
            if let Standing::Idle { used, .. } = standing
                && counts
            {
                idle.push((*used, name.clone()));
            }
        }
        idle.sort_unstable();
        let surplus: Vec<String> = idle.into_iter().rev().skip(limit).map(|(_, name)| name).collect();
        for name in &surplus {
            self.by_name.insert(name.clone(), Standing::Busy);
        }
        surplus
    }
}

fn lock(root: &Path) -> io::Result<Flock<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root.join(LOCK))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Workspaces of one mirror begin with this.
fn family_of(mirror_key: &str) -> String {
    hex::encode(&digest(&SHA256, mirror_key.as_bytes()).as_ref()[..8])
}

fn family_in(name: &str) -> &str {
    name.split_once('-').map_or(name, |(family, _)| family)
}
