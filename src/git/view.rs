//! The project view of rules: answered from objects of the mirror, lazily, with nothing ever checked out.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use git2::{ObjectType, Oid, Repository};

use super::changes::{PushRange, changed_files};
use super::listing::file_paths;
use super::objects::{commit, failed};
use super::tree::{EntryKind, TreeEntry, TreeLimits, Trees};
use crate::ports::scm::ScmError;
use crate::rules::view::{ProjectView, ViewError};
use crate::runtime::causes::chain;

/// Largest file whose content a rule may look at, in bytes.
const CONTENT_LIMIT: usize = 8 << 20;
/// Entries of opened directories that are kept for the next question.
const REMEMBERED_ENTRIES: usize = 1_000_000;

/// The tree and the changes of one push.
pub struct GitView {
    repo: Repository,
    range: PushRange,
    root: Oid,
    /// Directories by their tree, so that a thousand rules open each once.
    directories: RefCell<Remembered>,
    files: OnceCell<Arc<[String]>>,
    changed: OnceCell<Option<Arc<[String]>>>,
}

/// One directory, by name.
type Entries = HashMap<Box<[u8]>, TreeEntry>;

#[derive(Default)]
struct Remembered {
    by_tree: HashMap<Oid, Rc<Entries>>,
    entries: usize,
}

impl GitView {
    /// A view of `range.after` in a mirror. Reads one commit and nothing else.
    ///
    /// # Errors
    /// The commit is not in the mirror.
    pub fn open(mirror: Repository, range: PushRange) -> Result<Self, ScmError> {
        let root = commit(&mirror, &range.after)?.tree_id();
        Ok(Self {
            repo: mirror,
            range,
            root,
            directories: RefCell::default(),
            files: OnceCell::new(),
            changed: OnceCell::new(),
        })
    }

    fn directory(&self, tree: Oid) -> Result<Rc<Entries>, ScmError> {
        let mut remembered = self.directories.borrow_mut();
        if let Some(directory) = remembered.by_tree.get(&tree) {
            return Ok(Rc::clone(directory));
        }
        let entries = Trees::of(&self.repo)?.entries(tree)?;
        let directory: Entries = entries
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect();
        let directory = Rc::new(directory);
        if remembered.entries + directory.len() > REMEMBERED_ENTRIES {
            *remembered = Remembered::default();
        }
        remembered.entries += directory.len();
        remembered.by_tree.insert(tree, Rc::clone(&directory));
        Ok(directory)
    }

    /// What is at a path, found component by component; `.`, `..` and empty components are nobody's name.
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, ScmError> {
        let mut tree = self.root;
        let mut components = path.split('/').peekable();
        while let Some(component) = components.next() {
            let Some(entry) = named(&*self.directory(tree)?, component) else {
                return Ok(None);
            };
            if components.peek().is_none() {
                return Ok(Some(entry));
            }
            if entry.kind != EntryKind::Tree {
                return Ok(None);
            }
            tree = entry.oid;
        }
        Ok(None)
    }

    fn file(&self, path: &str) -> Result<Option<Oid>, ViewError> {
        let entry = self.entry(path).map_err(|error| unreadable(path, &error))?;
        Ok(entry
            .filter(|entry| matches!(entry.kind, EntryKind::File { .. }))
            .map(|entry| entry.oid))
    }

    fn list_files(&self) -> Result<Arc<[String]>, ScmError> {
        let mut files = file_paths(&Trees::of(&self.repo)?, self.root, TreeLimits::LISTING)?;
        files.sort_unstable();
        files.dedup();
        Ok(files.into())
    }
}

/// An entry by its name; one that is not UTF-8 is known by the name under which [`ProjectView::files`] lists it.
fn named(directory: &Entries, name: &str) -> Option<TreeEntry> {
    let exact = directory.get(name.as_bytes());
    let listed = || {
        let mut entries = directory
            .values()
            .filter(|entry| String::from_utf8_lossy(&entry.name) == name);
        entries.next()
    };
    let found = if exact.is_none() && name.contains('\u{fffd}') {
        listed()
    } else {
        exact
    };
    found.cloned()
}

/// Says what could not be read and every cause beneath it.
fn unreadable(what: &str, error: &(dyn std::error::Error + 'static)) -> ViewError {
    ViewError {
        what: what.to_owned(),
        because: chain(error),
    }
}

impl ProjectView for GitView {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        Ok(self.file(path)?.is_some())
    }

    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        if let Some(files) = self.files.get() {
            return Ok(Arc::clone(files));
        }
        let files = self
            .list_files()
            .map_err(|error| unreadable("the list of files", &error))?;
        Ok(Arc::clone(self.files.get_or_init(|| files)))
    }

    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        let Some(oid) = self.file(path)? else {
            return Ok(None);
        };
        read_blob(&self.repo, oid)
            .map(Some)
            .map_err(|error| unreadable(path, &error))
    }

    fn file_id(&self, path: &str) -> Result<Option<String>, ViewError> {
        let entry = self.entry(path).map_err(|error| unreadable(path, &error))?;
        Ok(entry.and_then(|entry| match entry.kind {
            EntryKind::File { executable: true } => Some(format!("{}+x", entry.oid)),
            EntryKind::File { executable: false } => Some(entry.oid.to_string()),
            EntryKind::Link | EntryKind::Tree | EntryKind::Submodule => None,
        }))
    }

    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        if let Some(changed) = self.changed.get() {
            return Ok(changed.clone());
        }
        let changed = changed_files(&self.repo, &self.range)
            .map_err(|error| unreadable("the changed files", &error))?
            .map(Arc::from);
        Ok(self.changed.get_or_init(|| changed).clone())
    }
}

/// A file's bytes; its size is looked at before anything is unpacked.
fn read_blob(repo: &Repository, oid: Oid) -> Result<Vec<u8>, ScmError> {
    let odb = repo.odb().map_err(failed("open the object store"))?;
    let doing = || format!("read the file {oid}");
    let (size, kind) = odb.read_header(oid).map_err(|error| failed(doing())(error))?;
    if size > CONTENT_LIMIT {
        return Err(super::objects::exceeds(
            "the size of the file",
            format!("{} MiB", CONTENT_LIMIT >> 20),
        ));
    }
    if kind != ObjectType::Blob {
        return Err(failed(doing())("it is not a file"));
    }
    let object = odb.read(oid).map_err(|error| failed(doing())(error))?;
    Ok(object.data().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;
    use crate::git::objects::sha_of;

    fn view(fixture: &Fixture, after: Oid) -> GitView {
        let range = PushRange {
            before: None,
            after: sha_of(after),
            default_head: None,
        };
        GitView::open(Repository::open(fixture.repo.path()).unwrap(), range).unwrap()
    }

    #[test]
    fn pt_has_file_means_files_only() {
        let fixture = Fixture::bare();
        let head = fixture.commit_modes(
            &[],
            &[
                ("Cargo.toml", b"[package]", 0o100_644),
                ("bin/run", b"#!/bin/sh", 0o100_755),
                ("link", b"Cargo.toml", 0o120_000),
                ("module", b"", 0o160_000),
            ],
        );
        let view = view(&fixture, head);
        for path in ["Cargo.toml", "bin/run"] {
            assert!(view.has_file(path).unwrap(), "{path}");
        }
        for path in [
            "bin",
            "link",
            "module",
            "",
            "/Cargo.toml",
            "./Cargo.toml",
            "bin/",
            "bin/../Cargo.toml",
            "x",
            "Cargo.toml/x",
        ] {
            assert!(!view.has_file(path).unwrap(), "{path}");
            assert_eq!(view.content(path).unwrap(), None, "{path}");
        }
        assert_eq!(*view.files().unwrap(), ["Cargo.toml", "bin/run"]);
        assert_eq!(view.content("bin/run").unwrap().unwrap(), b"#!/bin/sh");
        assert_eq!(view.changed_files().unwrap(), None);
    }

    #[test]
    fn names_that_are_not_utf_8_are_found_under_the_name_they_are_listed_by() {
        let fixture = Fixture::bare();
        let blob = fixture.repo.blob(b"x").unwrap();
        let tree = fixture.raw_tree(vec![(b"caf\xe9\n".to_vec(), 0o100_644, blob)]);
        let view = view(&fixture, fixture.commit_tree(&[], tree, b""));
        let listed = view.files().unwrap();
        assert_eq!(*listed, ["caf\u{fffd}\n"]);
        assert!(view.has_file(&listed[0]).unwrap());
    }

    #[test]
    fn b6_a_deep_tree_is_listed_or_refused_without_recursion() {
        let fixture = Fixture::bare();
        let mut tree = fixture.tree(&[("leaf", b"x", 0o100_644)]);
        let mut heads = Vec::new();
        for depth in 2..=4_001 {
            tree = fixture.raw_tree(vec![(b"d".to_vec(), 0o040_000, tree)]);
            if depth >= 4_000 {
                heads.push(fixture.commit_tree(&[], tree, b""));
            }
        }
        assert_eq!(view(&fixture, heads[0]).files().unwrap().len(), 1);
        let refusal = view(&fixture, heads[1]).files().unwrap_err();
        assert!(refusal.because.contains("4000 directories"), "{refusal}");
        let path = format!("{}leaf", "d/".repeat(4_000));
        assert!(view(&fixture, heads[1]).has_file(&path).unwrap());
    }

    #[test]
    fn b6_a_tree_that_multiplies_itself_is_refused() {
        let fixture = Fixture::bare();
        let mut tree = fixture.tree(&[("leaf", b"x", 0o100_644)]);
        for _ in 0..12 {
            let copies = (b'a'..=b'j').map(|name| (vec![name], 0o040_000, tree)).collect();
            tree = fixture.raw_tree(copies);
        }
        let refusal = view(&fixture, fixture.commit_tree(&[], tree, b""))
            .files()
            .unwrap_err();
        assert!(refusal.because.contains("1000000 entries"), "{refusal}");
    }

    #[test]
    fn b6_a_huge_file_is_refused_by_its_size() {
        let fixture = Fixture::bare();
        let large = vec![0; CONTENT_LIMIT + 1];
        let head = fixture.commit_modes(
            &[],
            &[("large", &large, 0o100_644), ("fits", &large[1..], 0o100_644)],
        );
        let view = view(&fixture, head);
        assert!(view.content("large").unwrap_err().because.contains("8 MiB"));
        assert_eq!(view.content("fits").unwrap().unwrap().len(), CONTENT_LIMIT);
    }

    #[test]
    fn a_commit_that_is_not_there_is_gone() {
        let fixture = Fixture::bare();
        let range = PushRange {
            before: None,
            after: sha_of(Oid::from_str(&"12".repeat(20)).unwrap()),
            default_head: None,
        };
        let mirror = Repository::open(fixture.repo.path()).unwrap();
        assert!(matches!(
            GitView::open(mirror, range),
            Err(ScmError::CommitGone(_))
        ));
    }
}
