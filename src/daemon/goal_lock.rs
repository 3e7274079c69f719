//! `goals.lock`: what references to other repositories stand for, with their content beside it (semantics 7.4).
//!
//! Goal files are read without a network. The lock names a commit and the digest of a file for every reference, and the file
//! itself lies in `goals.lock.d`; it is used only while it is what the lock says.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::goal_files::{GoalFilesError, read};
use crate::model::CommitSha;
use crate::runtime::causes::chain;
use crate::spec::{Reference, Referenced, SourceFile};

/// The lock, beside goal files.
pub const LOCK: &str = "goals.lock";
/// What it locks.
const CONTENTS: &str = "goals.lock.d";
/// The version of its format.
const VERSION: u32 = 1;
/// References of one machine at most.
const MOST: usize = 1_000;

/// What is locked, by `owner/repo` or `owner/repo@ref`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The entries.
    pub references: BTreeMap<String, Locked>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Where it was fetched from.
    pub address: String,
    /// The commit.
    pub commit: CommitSha,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    references: BTreeMap<String, Locked>,
}

/// The digest of a file as the lock has it.
pub fn digest_of(content: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, content))
}

/// The directory of the lock that belongs to a goal file or a directory of them.
pub fn directory_of(goals: &Path) -> PathBuf {
    match goals.is_dir() {
        true => goals.to_owned(),
        false => goals.parent().map(Path::to_owned).unwrap_or_default(),
    }
}

/// What the file of an entry is called, seen from beside the lock.
pub fn content_name(by: &str) -> String {
    format!("{CONTENTS}/{by}.yaml")
}

/// Where the file of an entry is.
pub fn content_path(directory: &Path, by: &str) -> PathBuf {
    directory.join(content_name(by))
}

impl Lock {
    /// Reads the lock of a directory; nothing is locked where there is none.
    ///
    /// # Errors
    /// It cannot be read, or says what no version of it says.
    pub fn read(directory: &Path) -> Result<Self, GoalFilesError> {
        let path = directory.join(LOCK);
        let bytes = match read(&path, LOCK) {
            Ok(file) => file.bytes,
            Err(GoalFilesError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error),
        };
        let wrong = |because: String| GoalFilesError::Lock {
            path: path.clone(),
            because,
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if written.version != VERSION {
            return Err(wrong(format!("version {} is not known here", written.version)));
        }
        if written.references.len() > MOST {
            return Err(wrong(format!("it has more than {MOST} references")));
        }
        for by in written.references.keys() {
            let is_file = Reference::parse(by).is_ok_and(|reference| reference.file() == *by);
            if !is_file {
                return Err(wrong(format!(
                    "`{}` is not owner/repo or owner/repo@ref",
                    by.escape_debug()
                )));
            }
        }
        Ok(Self {
            references: written.references,
        })
    }

    /// Writes the lock; what it names must be there already.
    ///
    /// # Errors
    /// The system says no.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            references: self.references.clone(),
        };
        let mut text = serde_json::to_string_pretty(&written)?;
        text.push('\n');
        replace(&directory.join(LOCK), text.as_bytes())
    }

    /// The locked files, each with whether it may be used.
    pub(super) fn files(
        &self,
        directory: &Path,
        trusted_owners: &[String],
        shown: impl Fn(&Path) -> String,
    ) -> Vec<SourceFile> {
        let file = |(by, locked): (&String, &Locked)| {
            let path = content_path(directory, by);
            let (bytes, refused) = content(&path, &shown(&path), locked);
            let owner = by.split('/').next().unwrap_or_default();
            SourceFile {
                referenced: Some(Referenced {
                    by: by.clone(),
                    is_trusted: trusted_owners.iter().any(|trusted| trusted == owner),
                    refused,
                }),
                ..SourceFile::new(&shown(&path), bytes)
            }
        };
        self.references.iter().map(file).collect()
    }
}

/// The content of an entry, none of it when it is not what is locked.
fn content(path: &Path, shown: &str, locked: &Locked) -> (Vec<u8>, Option<String>) {
    match read(path, "") {
        Ok(file) if digest_of(&file.bytes) == locked.sha256 => (file.bytes, None),
        Ok(_) => {
            let why = format!("the content of {shown} is not what `{LOCK}` says");
            (Vec::new(), Some(why))
        }
        Err(GoalFilesError::Read { source, .. }) => {
            (Vec::new(), Some(format!("failed to read {shown}: {source}")))
        }
        Err(error) => (Vec::new(), Some(chain(&error))),
    }
}

/// Writes the file of an entry.
///
/// # Errors
/// The system says no.
pub fn write_content(directory: &Path, by: &str, content: &[u8]) -> io::Result<()> {
    let path = content_path(directory, by);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    replace(&path, content)
}

/// Removes the file of an entry; that it is gone already is fine.
///
/// # Errors
/// The system says no.
pub fn remove_content(directory: &Path, by: &str) -> io::Result<()> {
    match std::fs::remove_file(content_path(directory, by)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// All of it or nothing.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(content: &[u8]) -> Locked {
        Locked {
            address: "https://git.example.com/acme/make-goal.git".to_owned(),
            commit: CommitSha::parse(&"a".repeat(40)).unwrap(),
            sha256: digest_of(content),
        }
    }

    fn lock(content: &[u8]) -> Lock {
        Lock {
            references: BTreeMap::from([("acme/make-goal@1.0".to_owned(), locked(content))]),
        }
    }

    #[test]
    fn ym_22_a_file_is_used_only_while_it_is_what_is_locked() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        assert_eq!(Lock::read(here).unwrap(), Lock::default());
        write_content(here, "acme/make-goal@1.0", b"make: {}\n").unwrap();
        lock(b"make: {}\n").write(here).unwrap();
        let read = Lock::read(here).unwrap();
        assert_eq!(read, lock(b"make: {}\n"));
        let files = || read.files(here, &["acme".to_owned()], |path| path.display().to_string());
        let about = files().remove(0).referenced.unwrap();
        assert_eq!((about.refused, about.is_trusted), (None, true));
        write_content(here, "acme/make-goal@1.0", b"make: {execute: {run: [evil]}}\n").unwrap();
        let file = files().remove(0);
        assert_eq!(file.bytes, b"");
        let why = file.referenced.unwrap().refused.unwrap();
        assert!(
            why.ends_with("acme/make-goal@1.0.yaml is not what `goals.lock` says"),
            "{why}"
        );
        remove_content(here, "acme/make-goal@1.0").unwrap();
        remove_content(here, "acme/make-goal@1.0").unwrap();
        let why = files().remove(0).referenced.unwrap().refused.unwrap();
        assert!(
            why.starts_with("failed to read") && why.contains("No such file"),
            "{why}"
        );
    }

    #[test]
    fn b1_a_lock_that_leads_elsewhere_or_is_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let entry = r#"{"address": "a", "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sha256": ""}"#;
        for text in [
            "",
            "{}",
            r#"{"version": 2, "references": {}}"#,
            r#"{"version": 1, "references": {}, "more": 1}"#,
            &format!(r#"{{"version": 1, "references": {{"../../etc/passwd": {entry}}}}}"#),
            &format!(r#"{{"version": 1, "references": {{"a/b/c@1": {entry}}}}}"#),
            &format!(r#"{{"version": 1, "references": {{"a/..": {entry}}}}}"#),
        ] {
            std::fs::write(directory.path().join(LOCK), text).unwrap();
            assert!(
                matches!(Lock::read(directory.path()), Err(GoalFilesError::Lock { .. })),
                "{text}"
            );
        }
    }
}
