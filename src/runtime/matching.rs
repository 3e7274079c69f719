//! Files below a directory that a glob means. The tree is hostile: no link is followed, and it may be huge.

use std::io;
use std::path::Path;

use nix::sys::stat::SFlag;
use serde::{Deserialize, Serialize};

use super::choice::Choice;
use super::directory::Directory;

/// Most files that a glob may mean.
const MOST_FILES: usize = 100_000;

/// Most names that are looked at.
const MOST_NAMES: usize = 500_000;

/// Deepest directory that is looked into.
const DEEPEST: usize = 100;

/// A file with what tells whether somebody has written it since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Matched {
    /// Below the root, `/` between its parts.
    pub(crate) path: String,
    inode: u64,
    size: i64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

/// The files that match, by their paths in order. Names that are no UTF-8 match nothing.
///
/// # Errors
/// It is no glob, the tree cannot be read, or more than [`MOST_FILES`] match.
pub(crate) fn files(root: &Path, glob: &str) -> io::Result<Vec<Matched>> {
    files_up_to(MOST_FILES, root, glob)
}

fn files_up_to(most: usize, root: &Path, glob: &str) -> io::Result<Vec<Matched>> {
    let choice = Choice::new([glob]).map_err(io::Error::other)?;
    let mut walk = Walk {
        choice,
        left: MOST_NAMES,
        most,
        found: Vec::new(),
    };
    walk.look_into(&Directory::open(root)?, "", 0)?;
    walk.found.sort();
    Ok(walk.found)
}

struct Walk {
    choice: Choice,
    /// How many more names are looked at.
    left: usize,
    /// How many files may match.
    most: usize,
    found: Vec<Matched>,
}

impl Walk {
    fn look_into(&mut self, directory: &Directory, below: &str, depth: usize) -> io::Result<()> {
        for (name, is_directory) in directory.names()? {
            let more = self.left.checked_sub(1);
            self.left = more.ok_or_else(|| io::Error::other("there are too many files to look at"))?;
            let Ok(text) = std::str::from_utf8(&name) else {
                continue;
            };
            let path = format!("{below}{text}");
            if is_directory == Some(false) {
                self.look_at(directory, &name, path)?;
                continue;
            }
            let leads_on = text != ".git" && depth < DEEPEST && self.choice.may_have_below(path.as_bytes());
            // What is none, or was swapped for a link meanwhile, does not open.
            if leads_on && let Ok(child) = directory.child(&name) {
                self.look_into(&child, &format!("{path}/"), depth + 1)?;
            } else if is_directory.is_none() {
                self.look_at(directory, &name, path)?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, directory: &Directory, name: &[u8], path: String) -> io::Result<()> {
        if !self.choice.has(path.as_bytes()) {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if kind != SFlag::S_IFREG {
            return Ok(());
        }
        if self.found.len() == self.most {
            let words = format!("more than {} files match", self.most);
            return Err(io::Error::other(words));
        }
        self.found.push(Matched {
            path,
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn paths(root: &Path, glob: &str) -> Vec<String> {
        let found = files(root, glob).unwrap();
        found.into_iter().map(|matched| matched.path).collect()
    }

    #[test]
    fn b5_files_are_found_in_order_and_through_no_link() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        for file in [
            "b/out/2.xml",
            "b/out/1.xml",
            "a/out/1.xml",
            "a/out/1.txt",
            ".git/out/1.xml",
            "1.xml",
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::create_dir_all(top.path().join("else/out")).unwrap();
        std::fs::write(top.path().join("else/out/1.xml"), "canary").unwrap();
        symlink(top.path().join("else"), root.join("linked")).unwrap();
        symlink(top.path().join("else/out/1.xml"), root.join("a/out/link.xml")).unwrap();
        std::fs::create_dir_all(root.join("a/out/directory.xml")).unwrap();
        assert_eq!(
            paths(&root, "**/out/*.xml"),
            ["a/out/1.xml", "b/out/1.xml", "b/out/2.xml"]
        );
        assert_eq!(paths(&root, "*.xml"), ["1.xml"]);
        assert_eq!(paths(&root, "linked/out/*.xml"), [""; 0]);
        assert!(files(&root, "a[").is_err());
    }

    #[test]
    fn what_was_written_again_is_another_and_too_many_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.xml");
        std::fs::write(&file, "one").unwrap();
        let before = files(root.path(), "*.xml").unwrap();
        assert_eq!(files(root.path(), "*.xml").unwrap(), before);
        std::fs::write(&file, "other").unwrap();
        assert_ne!(files(root.path(), "*.xml").unwrap(), before);
        std::fs::write(root.path().join("b.xml"), "").unwrap();
        assert_eq!(files_up_to(2, root.path(), "*.xml").unwrap().len(), 2);
        let error = files_up_to(1, root.path(), "*.xml").unwrap_err().to_string();
        assert_eq!(error, "more than 1 files match");
    }
}
