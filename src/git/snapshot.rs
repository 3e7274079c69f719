//! The developer's uncommitted tree as a commit: taken without touching anything of theirs (threat J5).
//!
//! The index is read and not refreshed, files are only read, and every object is written to another store. The content is what
//! is on disk, whatever part of it is staged. Files the repository ignores stay out.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{
    Index, IndexEntry, IndexTime, ObjectType, Oid, Repository, Signature, Status, StatusOptions, StatusShow,
    Time,
};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::heads::open;
use super::objects::{commit_if_here, exceeds, failed, sha_of};
use crate::model::{CommitSha, Timestamp};
use crate::ports::scm::ScmError;

/// How much uncommitted work is taken.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotLimits {
    /// Files that differ from the commit.
    pub files: usize,
    /// Their bytes together.
    pub bytes: u64,
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self {
            files: 100_000,
            bytes: 1 << 30,
        }
    }
}

/// The message of the commit.
pub const MESSAGE: &str = "uncommitted changes";

/// Writes the work tree at `work_tree` as a commit on top of its `HEAD` into `store`, which must have `HEAD` already, and returns the
/// commit; `HEAD` itself when nothing differs. The same work at the same time `at` is the same commit.
///
/// # Errors
/// The repository is gone or bare, `store` lacks `HEAD`, a limit is exceeded, or files cannot be read.
pub fn uncommitted(
    work_tree: &Path,
    store: &Repository,
    at: Timestamp,
    limits: SnapshotLimits,
) -> Result<CommitSha, ScmError> {
    let user = open(work_tree)?;
    let root = user
        .workdir()
        .ok_or_else(|| ScmError::RepositoryGone(format!("{} (it has no work tree)", work_tree.display())))?;
    let parent = head_of(&user)?;
    let paths = differing_paths(&user, limits)?;
    let mut index = base_index(store, parent.as_ref())?;
    let mut budget = limits.bytes;
    // What is gone goes first, so that a directory may stand where a file was.
    let present = |path: &&Vec<u8>| std::fs::symlink_metadata(on_disk(root, path)).is_ok();
    let (changed, gone): (Vec<&Vec<u8>>, Vec<&Vec<u8>>) = paths.iter().partition(present);
    for path in gone.iter().chain(&changed) {
        forget(&mut index, path)?;
    }
    for path in changed {
        let taken = take(&mut index, store, root, path, &mut budget)?;
        taken.ok_or_else(|| too_much(path, limits.bytes))?;
    }
    write_commit(&mut index, &user, store, parent, at)
}

fn head_of(user: &Repository) -> Result<Option<CommitSha>, ScmError> {
    match user.head() {
        Ok(head) => Ok(head.target().map(sha_of)),
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(failed("read HEAD")(error)),
    }
}

/// Every path whose content on disk may differ from `HEAD`.
fn differing_paths(user: &Repository, limits: SnapshotLimits) -> Result<Vec<Vec<u8>>, ScmError> {
    let mut options = StatusOptions::new();
    options
        .show(StatusShow::IndexAndWorkdir)
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(false)
        .exclude_submodules(true)
        .update_index(false);
    let statuses = user
        .statuses(Some(&mut options))
        .map_err(failed("compare the work tree with HEAD"))?;
    if statuses.len() > limits.files {
        return Err(exceeds(
            "the number of uncommitted files",
            format!("{} files", limits.files),
        ));
    }
    let differing = statuses.iter().filter(|entry| entry.status() != Status::CURRENT);
    // A path that ends in a slash is another repository inside this one.
    let paths = differing
        .map(|entry| entry.path_bytes().to_vec())
        .filter(|path| !path.ends_with(b"/"));
    Ok(paths.collect())
}

fn base_index(store: &Repository, parent: Option<&CommitSha>) -> Result<Index, ScmError> {
    let mut index = Index::new().map_err(failed("prepare a tree"))?;
    if let Some(parent) = parent {
        let commit = commit_if_here(store, parent)?.ok_or_else(|| ScmError::CommitGone(parent.clone()))?;
        let tree = commit.tree().map_err(failed("read the tree of HEAD"))?;
        index.read_tree(&tree).map_err(failed("read the tree of HEAD"))?;
    }
    Ok(index)
}

pub(super) fn on_disk(root: &Path, path: &[u8]) -> std::path::PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path))
}

fn forget(index: &mut Index, path: &[u8]) -> Result<(), ScmError> {
    match index.remove(Path::new(std::ffi::OsStr::from_bytes(path)), 0) {
        Err(error) if error.code() != git2::ErrorCode::NotFound => {
            Err(failed(format!("leave {} out", path.escape_ascii()))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn too_much(path: &[u8], limit: u64) -> ScmError {
    let what = format!("the size of the uncommitted files up to {}", path.escape_ascii());
    let limit = match limit >> 20 {
        0 => format!("{limit} bytes"),
        mebibytes => format!("{mebibytes} MiB for one snapshot"),
    };
    exceeds(what, limit)
}

/// Stores one file or link as it is on disk; `None` when there is more than the budget. What is neither, or vanishes meanwhile,
/// is left out.
fn take(
    index: &mut Index,
    store: &Repository,
    root: &Path,
    path: &[u8],
    budget: &mut u64,
) -> Result<Option<()>, ScmError> {
    let doing = |error: std::io::Error| failed(format!("read {}", path.escape_ascii()))(error);
    let Some((mode, content)) = read(&on_disk(root, path), *budget).map_err(doing)? else {
        return Ok(Some(()));
    };
    let Some(left) = budget.checked_sub(content.len() as u64) else {
        return Ok(None);
    };
    *budget = left;
    let odb = store.odb().map_err(failed("open the object store"))?;
    let id = odb
        .write(ObjectType::Blob, &content)
        .map_err(failed("store a file"))?;
    index
        .add(&entry(path, mode, id))
        .map_err(failed(format!("add {}", path.escape_ascii())))?;
    Ok(Some(()))
}

/// Mode and content of a file or link; `None` for anything else. One byte more than `limit` is read at most.
pub(super) fn read(path: &Path, limit: u64) -> std::io::Result<Option<(u32, Vec<u8>)>> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if metadata.is_symlink() {
        return Ok(Some((
            0o120_000,
            std::fs::read_link(path)?.as_os_str().as_bytes().to_vec(),
        )));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = std::fs::File::from(nix::fcntl::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    let executable = metadata.permissions().mode() & 0o100 != 0;
    Ok(Some((if executable { 0o100_755 } else { 0o100_644 }, content)))
}

pub(super) fn entry(path: &[u8], mode: u32, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    }
}

fn write_commit(
    index: &mut Index,
    user: &Repository,
    store: &Repository,
    parent: Option<CommitSha>,
    at: Timestamp,
) -> Result<CommitSha, ScmError> {
    let tree = index.write_tree_to(store).map_err(failed("store the tree"))?;
    let parent_commit = match &parent {
        Some(sha) => commit_if_here(store, sha)?,
        None => None,
    };
    if let (Some(sha), Some(commit)) = (parent, &parent_commit)
        && commit.tree_id() == tree
    {
        return Ok(sha);
    }
    let tree = store.find_tree(tree).map_err(failed("store the tree"))?;
    let author = signature(user, at).map_err(failed("name the author"))?;
    let parents: Vec<&git2::Commit<'_>> = parent_commit.iter().collect();
    let commit = store.commit(None, &author, &author, MESSAGE, &tree, &parents);
    commit.map(sha_of).map_err(failed("store the commit"))
}

/// Who the developer says they are, at the given time.
fn signature(user: &Repository, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    let time = Time::new(at.as_micros().div_euclid(1_000_000), 0);
    let known = user.signature().ok();
    let named = known
        .as_ref()
        .and_then(|known| Some((known.name().ok()?, known.email().ok()?)));
    let (name, email) = named.unwrap_or(("uncommitted", "uncommitted@localhost"));
    Signature::new(name, email, &time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Git};
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    /// A work tree with uncommitted work of every kind, and a mirror that has its `HEAD`.
    fn developer() -> Option<(Fixture, Git, PathBuf)> {
        let fixture = Fixture::bare();
        let git = Git::find(fixture.directory.path())?;
        let path = fixture.beside("work");
        git.repository(&path);
        for (name, content) in [
            ("keep", "k"),
            ("gone", "g"),
            ("staged", "1"),
            ("f", "file"),
            (".gitignore", "*.o\nout/\n"),
        ] {
            fs::write(path.join(name), content).unwrap();
        }
        git.run(&path, &["add", "."]);
        git.run(&path, &["commit", "-q", "-m", "base"]);
        git.run(&path, &["push", "-q", "../mirror.git", "HEAD:refs/heads/main"]);
        Some((fixture, git, path))
    }

    fn work(git: &Git, path: &Path) {
        fs::write(path.join("staged"), "2").unwrap();
        git.run(path, &["add", "staged"]);
        fs::write(path.join("staged"), "3").unwrap();
        fs::remove_file(path.join("gone")).unwrap();
        fs::remove_file(path.join("f")).unwrap();
        fs::create_dir_all(path.join("f/new")).unwrap();
        fs::write(path.join("f/new/x"), "x").unwrap();
        fs::set_permissions(path.join("f/new/x"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", path.join("link")).unwrap();
        fs::write(path.join("a.o"), "ignored").unwrap();
        fs::create_dir(path.join("out")).unwrap();
        fs::write(path.join("out/file"), "ignored").unwrap();
        nix::unistd::mkfifo(&path.join("fifo"), Mode::S_IRWXU).unwrap();
    }

    /// Content, times and inode of everything beneath a path.
    fn fingerprint(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
        while let Some(path) = open.pop() {
            let is = fs::symlink_metadata(&path).unwrap();
            let content = if is.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            if is.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            let times = (is.ino(), is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec());
            found.insert(path, [format!("{times:?} ").into_bytes(), content].concat());
        }
        found
    }

    #[test]
    fn j5_uncommitted_work_becomes_a_commit_and_nothing_of_the_developer_changes() {
        let Some((fixture, git, path)) = developer() else {
            return;
        };
        work(&git, &path);
        let before = fingerprint(&path);
        let sha = uncommitted(&path, &fixture.repo, AT, SnapshotLimits::default()).unwrap();
        assert_eq!(fingerprint(&path), before);
        let mirror = fixture.repo.path();
        let listed = git.run(
            mirror,
            &["ls-tree", "-r", "--format=%(objectmode) %(path)", sha.as_str()],
        );
        let expected = "100644 .gitignore\n100644 a\n100755 f/new/x\n100644 keep\n120000 link\n100644 staged";
        assert_eq!(listed, expected);
        assert_eq!(git.run(mirror, &["show", &format!("{sha}:staged")]), "3");
        assert_eq!(git.run(mirror, &["show", &format!("{sha}:link")]), "/etc/passwd");
        let head = git.run(&path, &["rev-parse", "HEAD"]);
        assert_eq!(
            git.run(mirror, &["log", "-1", "--format=%P %s %at", sha.as_str()]),
            format!("{head} {MESSAGE} 1700000000")
        );
        let again = uncommitted(&path, &fixture.repo, AT, SnapshotLimits::default()).unwrap();
        assert_eq!(again, sha);
    }

    #[test]
    fn j5_a_clean_tree_is_its_head_even_when_every_time_has_moved() {
        let Some((fixture, git, path)) = developer() else {
            return;
        };
        let head = git.run(&path, &["rev-parse", "HEAD"]);
        let file = fs::File::options().write(true).open(path.join("keep")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        let before = fingerprint(&path);
        let sha = uncommitted(&path, &fixture.repo, AT, SnapshotLimits::default()).unwrap();
        assert_eq!(sha.as_str(), head);
        assert_eq!(fingerprint(&path), before);
    }

    #[test]
    fn work_before_the_first_commit_has_no_parent() {
        let fixture = Fixture::bare();
        let path = fixture.beside("work");
        Repository::init(&path).unwrap();
        fs::write(path.join("first"), "1").unwrap();
        let sha = uncommitted(&path, &fixture.repo, AT, SnapshotLimits::default()).unwrap();
        let commit = fixture
            .repo
            .find_commit(crate::git::objects::oid_of(&sha))
            .unwrap();
        assert_eq!(commit.parent_count(), 0);
        assert!(commit.tree().unwrap().get_name("first").is_some());
    }

    #[test]
    fn uncommitted_work_has_limits_and_needs_its_head_in_the_store() {
        let Some((fixture, git, path)) = developer() else {
            return;
        };
        work(&git, &path);
        let take = |files, bytes| uncommitted(&path, &fixture.repo, AT, SnapshotLimits { files, bytes });
        assert!(matches!(take(2, 1000), Err(ScmError::LimitExceeded { .. })));
        let told = take(100, 3).unwrap_err().to_string();
        assert!(
            told.starts_with("the size of the uncommitted files up to ")
                && told.ends_with(" exceeds the limit of 3 bytes"),
            "{told}"
        );
        git.run(&path, &["commit", "-q", "--allow-empty", "-m", "not fetched"]);
        assert!(matches!(take(100, 1000), Err(ScmError::CommitGone(_))));
    }
}
