//! Goals of other repositories (semantics 7.4): `ref: owner/repo[/goal][@ref]`.
//!
//! What they refer to comes with the goal files, read from beside `goals.lock`; nothing here reaches for a network. A
//! reference is filled in with its own copy ([`fill`]) and laid under what stands beside it ([`overlay`]), and from there on it
//! is a goal like any other, whose parts keep their places in the file they came from.

mod fill;
mod name;
mod overlay;
mod program;

use std::collections::HashMap;
use std::rc::Rc;

use super::yaml::{Entry, Node};

pub(super) use fill::{Filled, Filling, Lack, Unfilled};
pub use name::{InvalidReference, Reference};
pub(super) use overlay::overlay;
pub use program::PROGRAMS;

/// That a file holds goals of another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referenced {
    /// What references name it by, without the goal: `owner/repo` or `owner/repo@ref`.
    pub by: String,
    /// Whether the operator trusts the owner with this computer.
    pub is_trusted: bool,
    /// Why it may not be used.
    pub refused: Option<String>,
}

/// The files of other repositories that were read.
#[derive(Default)]
pub(crate) struct References {
    files: HashMap<String, File>,
}

/// One of them.
pub(crate) struct File {
    pub(super) about: Referenced,
    /// Its documents.
    documents: Vec<Rc<Node>>,
    /// Whether it is YAML; when not, that is a problem of its own.
    is_read: bool,
}

impl References {
    pub(super) fn add(&mut self, about: Referenced, documents: Vec<Rc<Node>>, is_read: bool) {
        let file = File {
            about,
            documents,
            is_read,
        };
        self.files.insert(file.about.by.clone(), file);
    }

    pub(super) fn file(&self, reference: &Reference) -> Option<&File> {
        self.files.get(&reference.file())
    }
}

impl File {
    /// The goal that a reference means, with the key it stands under.
    pub(super) fn goal(&self, reference: &Reference) -> Option<(Rc<Node>, Rc<Node>)> {
        reference.keys().iter().find_map(|key| {
            let mut entries = self.documents.iter().filter_map(|node| node.entries()).flatten();
            let found = entries.find(|entry| entry.name() == key)?;
            Some((Rc::clone(&found.key), Rc::clone(&found.value)))
        })
    }

    /// Keys of the maps it holds, for hints.
    pub(super) fn keys(&self) -> Vec<&str> {
        let entries = self.documents.iter().filter_map(|node| node.entries()).flatten();
        let maps = entries.filter(|entry| entry.value.entries().is_some());
        maps.map(Entry::name).collect()
    }

    /// Whether it could be read at all.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }
}
