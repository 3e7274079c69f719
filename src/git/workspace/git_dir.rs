//! The `.git` of a workspace: a small repository that borrows the mirror's objects and belongs to one lending only.
//!
//! A linked worktree of the mirror would share the mirror's configuration, hooks and branches with every goal: whatever one goal
//! wrote there, the next would run (threats B2, I3). Here they are a goal's own, and the mirror may be mounted read-only.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::Repository;

use crate::model::CommitSha;
use crate::runtime::directory::Directory;

const CONFIG: &[u8] = b"[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
";

/// Creates `.git` in a tree: `HEAD` detached at the commit, and an index that knows every file.
pub(super) fn create(tree: &Directory, mirror: &Repository, sha: &CommitSha, index: &[u8]) -> io::Result<()> {
    tree.create_directory(b".git")?;
    let git = tree.child(b".git")?;
    for name in ["objects", "refs"] {
        git.create_directory(name.as_bytes())?;
    }
    let (objects, refs) = (git.child(b"objects")?, git.child(b"refs")?);
    refs.create_directory(b"heads")?;
    refs.create_directory(b"tags")?;
    objects.create_directory(b"info")?;
    objects.create_directory(b"pack")?;
    let alternates = alternates(mirror.commondir())?;
    objects
        .child(b"info")?
        .create_file(b"alternates", false, &alternates)?;
    git.create_file(b"config", false, CONFIG)?;
    git.create_file(b"HEAD", false, format!("{sha}\n").as_bytes())?;
    git.create_file(b"index", false, index)?;
    Ok(())
}

fn alternates(mirror: &Path) -> io::Result<Vec<u8>> {
    let objects = std::fs::canonicalize(mirror)?.join("objects");
    let mut line = objects.as_os_str().as_bytes().to_vec();
    if line.contains(&b'\n') || line.first() == Some(&b'"') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of the mirror has a line break",
        ));
    }
    line.push(b'\n');
    Ok(line)
}
