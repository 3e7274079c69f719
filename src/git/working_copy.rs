//! A working copy from the side of the goal that was lent it: what it has changed becomes commits, and they become a pack for
//! the machine to take in (semantics 4.1).
//!
//! This runs in the goal's own process with the goal's own rights. Nothing here is to be believed by the machine:
//! [`super::push`] looks at everything again.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{DiffOptions, Index, ObjectType, Oid, Repository};

use super::objects::{exceeds, failed, sha_of, signature};
use super::snapshot::{SnapshotLimits, entry, on_disk, read};
use crate::model::push::Signature;
use crate::model::{CommitSha, Timestamp};
use crate::ports::scm::ScmError;
use crate::runtime::entry_name::refusal as name_refusal;

/// A working copy with the commits made in it so far.
pub struct WorkingCopy {
    repo: Repository,
    root: PathBuf,
    base: Oid,
    head: Oid,
    limits: SnapshotLimits,
    /// Paths that are none of the goal's changes.
    left_out: Vec<Vec<u8>>,
}

impl WorkingCopy {
    /// The working copy at a path, at the commit it was lent at.
    ///
    /// # Errors
    /// It is none, or its git directory leads elsewhere.
    pub fn open(root: &Path) -> Result<Self, ScmError> {
        let doing = || format!("open the working copy {}", root.display());
        let root = root.canonicalize().map_err(failed(doing()))?;
        let repo = Repository::open(&root).map_err(failed(doing()))?;
        let leads_here = repo.workdir().and_then(|path| path.canonicalize().ok());
        if leads_here.as_deref() != Some(&root) {
            return Err(ScmError::RepositoryGone(root.display().to_string()));
        }
        let head = repo
            .head()
            .and_then(|head| head.peel_to_commit())
            .map_err(failed(doing()))?
            .id();
        Ok(Self {
            repo,
            root,
            base: head,
            head,
            limits: SnapshotLimits {
                files: 100_000,
                bytes: 256 << 20,
            },
            left_out: Vec::new(),
        })
    }

    /// Without these files, whatever becomes of them: no commit changes them, and they are never put back.
    pub fn leaving_out(self, paths: &[String]) -> Self {
        let left_out = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        Self { left_out, ..self }
    }

    /// The commit it was lent at.
    pub fn base(&self) -> CommitSha {
        sha_of(self.base)
    }

    /// The last commit made, or the base.
    pub fn head(&self) -> CommitSha {
        sha_of(self.head)
    }

    /// Whether files differ from the last commit. What the repository ignores does not count.
    ///
    /// # Errors
    /// They cannot be read, or are more than a goal may change.
    pub fn is_changed(&self) -> Result<bool, ScmError> {
        let tree = self.tree_on_disk()?;
        let head = self
            .repo
            .find_commit(self.head)
            .map_err(failed("read the last commit"))?;
        Ok(tree != head.tree_id())
    }

    /// Commits what differs from the last commit; `None` when nothing does.
    ///
    /// # Errors
    /// As [`Self::is_changed`].
    pub fn commit(
        &mut self,
        message: &str,
        author: &Signature,
        committer: &Signature,
        at: Timestamp,
    ) -> Result<Option<CommitSha>, ScmError> {
        let tree = self.tree_on_disk()?;
        let make = || {
            let parent = self.repo.find_commit(self.head)?;
            if parent.tree_id() == tree {
                return Ok(None);
            }
            let (author, committer) = (signature(author, at)?, signature(committer, at)?);
            let tree = self.repo.find_tree(tree)?;
            self.repo
                .commit(None, &author, &committer, message, &tree, &[&parent])
                .map(Some)
        };
        let made = make().map_err(|error: git2::Error| failed("store a commit")(error))?;
        self.head = made.unwrap_or(self.head);
        Ok(made.map(sha_of))
    }

    /// Puts the files back as the last commit has them; new files go, ignored ones stay.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn restore(&self) -> Result<(), ScmError> {
        let mut checkout = CheckoutBuilder::new();
        checkout.force().remove_untracked(true).disable_filters(true);
        if !self.left_out.is_empty() {
            let head = self.repo.find_commit(self.head).and_then(|commit| commit.tree());
            let head = head.map_err(failed("read the last commit"))?;
            let paths = self.differing_paths(&head)?;
            if paths.is_empty() {
                return Ok(());
            }
            checkout.disable_pathspec_match(true);
            for path in &paths {
                checkout.path(Path::new(std::ffi::OsStr::from_bytes(path)));
            }
        }
        let mut restore = || {
            let head = self.repo.find_object(self.head, None)?;
            self.repo.checkout_tree(&head, Some(&mut checkout))
        };
        restore().map_err(|error: git2::Error| failed("put the files back")(error))
    }

    /// A repository inside this one that is not in its last commit: no commit can hold its files.
    ///
    /// # Errors
    /// The files cannot be compared.
    pub fn nested_repository(&self) -> Result<Option<String>, ScmError> {
        let doing = "compare the files with the last commit";
        let head = self.repo.find_commit(self.head).and_then(|commit| commit.tree());
        let head = head.map_err(failed(doing))?;
        let difference = self.difference(&head)?;
        let nested = difference.deltas().find_map(|delta| {
            let path = delta.new_file().path_bytes()?;
            path.strip_suffix(b"/")
                .map(|path| path.escape_ascii().to_string())
        });
        Ok(nested)
    }

    /// Writes the commits made, with what is new in them, as a pack.
    ///
    /// # Errors
    /// They cannot be read or the file not be written.
    pub fn write_pack(&self, path: &Path) -> Result<(), ScmError> {
        let doing = "write the commits of the goal";
        let mut file = std::fs::File::create(path).map_err(failed(doing))?;
        let mut error = None;
        let mut pack = || {
            let mut walk = self.repo.revwalk()?;
            walk.push(self.head)?;
            walk.hide(self.base)?;
            let mut builder = self.repo.packbuilder()?;
            builder.insert_walk(&mut walk)?;
            builder.foreach(|piece| {
                error = file.write_all(piece).err();
                error.is_none()
            })
        };
        let packed: Result<(), git2::Error> = pack();
        match error {
            Some(error) => Err(failed(doing)(error)),
            None => packed.map_err(failed(doing)),
        }
    }

    /// The files on disk as a tree: the last commit's, with every path that may differ read again.
    fn tree_on_disk(&self) -> Result<Oid, ScmError> {
        let doing = "compare the files with the last commit";
        let head = self
            .repo
            .find_commit(self.head)
            .and_then(|commit| commit.tree())
            .map_err(failed(doing))?;
        let mut index = Index::new().map_err(failed(doing))?;
        index.read_tree(&head).map_err(failed(doing))?;
        let paths = self.differing_paths(&head)?;
        let is_there = |path: &&Vec<u8>| std::fs::symlink_metadata(on_disk(&self.root, path)).is_ok();
        let (there, gone): (Vec<_>, Vec<_>) = paths.iter().partition(is_there);
        for path in gone.iter().chain(&there) {
            // Also what will be added again: a directory may stand where a file was.
            let name = Path::new(std::ffi::OsStr::from_bytes(path));
            match index.remove(name, 0) {
                Err(error) if error.code() != git2::ErrorCode::NotFound => return Err(failed(doing)(error)),
                Ok(()) | Err(_) => {}
            }
        }
        let mut budget = self.limits.bytes;
        for path in there {
            self.add(&mut index, path, &mut budget)?;
        }
        index.write_tree_to(&self.repo).map_err(failed("store the tree"))
    }

    fn difference<'a>(&'a self, head: &git2::Tree<'_>) -> Result<git2::Diff<'a>, ScmError> {
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_typechange(true)
            .ignore_submodules(true);
        self.repo
            .diff_tree_to_workdir_with_index(Some(head), Some(&mut options))
            .map_err(failed("compare the files with the last commit"))
    }

    fn differing_paths(&self, head: &git2::Tree<'_>) -> Result<Vec<Vec<u8>>, ScmError> {
        let difference = self.difference(head)?;
        let mut paths = Vec::new();
        for delta in difference.deltas() {
            let sides = [delta.old_file().path_bytes(), delta.new_file().path_bytes()];
            // A path that ends in a slash is another repository inside this one.
            paths.extend(
                sides
                    .into_iter()
                    .flatten()
                    .filter(|path| {
                        !path.ends_with(b"/") && !self.left_out.iter().any(|out| out.as_slice() == *path)
                    })
                    .map(<[u8]>::to_vec),
            );
        }
        paths.sort();
        paths.dedup();
        match paths.len() > self.limits.files {
            true => Err(exceeds(
                "the number of changed files",
                format!("{} files", self.limits.files),
            )),
            false => Ok(paths),
        }
    }

    fn add(&self, index: &mut Index, path: &[u8], budget: &mut u64) -> Result<(), ScmError> {
        let shown = || path.escape_ascii().to_string();
        if let Some(because) = path.split(|byte| *byte == b'/').find_map(name_refusal) {
            return Err(ScmError::RefusedContent {
                path: shown(),
                because: because.to_owned(),
            });
        }
        let read = read(&on_disk(&self.root, path), *budget);
        let Some((mode, content)) = read.map_err(failed(format!("read {}", shown())))? else {
            return Ok(());
        };
        *budget = budget.checked_sub(content.len() as u64).ok_or_else(|| {
            exceeds(
                "the size of the changed files",
                format!("{} bytes", self.limits.bytes),
            )
        })?;
        let odb = self.repo.odb().map_err(failed("open the object store"))?;
        let id = odb
            .write(ObjectType::Blob, &content)
            .map_err(failed("store a file"))?;
        index
            .add(&entry(path, mode, id))
            .map_err(failed(format!("add {}", shown())))
    }
}
