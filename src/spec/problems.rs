//! The one list that every problem of every file goes into.
//!
//! Nothing stops at the first problem. The list is bounded, because the number of problems is in the hands of
//! whoever wrote the file, and it never says the same thing twice: an anchor used ten times has one mistake, not ten.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::suggest;
use crate::model::{Diagnostic, Place, Severity};

use super::other_systems::meant;
use super::yaml::{Entry, Node};

/// How many problems one load reports before it says that there are more.
pub const MAX_PROBLEMS: usize = 500;

/// How many legal keys a hint lists before it leaves that to the documentation.
const MAX_LISTED_KEYS: usize = 14;

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Problems {
    found: Vec<Diagnostic>,
    seen: HashSet<(Place, String)>,
    overflow: Option<Place>,
}

impl Problems {
    /// Adds a problem unless it is known already or the list is full.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.overflow.get_or_insert(diagnostic.place);
            return;
        }
        if self
            .seen
            .insert((diagnostic.place.clone(), diagnostic.message.clone()))
        {
            self.found.push(diagnostic);
        }
    }

    /// An error that covers a node.
    pub(crate) fn error(&mut self, code: &str, node: &Node, message: impl Into<String>) {
        self.add(Diagnostic::error(code, node.place.clone(), message).spanning(node.length));
    }

    /// An error that covers a node, with an instruction.
    pub(crate) fn error_with_hint(
        &mut self,
        code: &str,
        node: &Node,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let error = Diagnostic::error(code, node.place.clone(), message);
        self.add(error.spanning(node.length).hint(hint));
    }

    /// A warning that covers a node, with an instruction.
    pub(crate) fn warning(
        &mut self,
        code: &str,
        node: &Node,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let warning = Diagnostic::warning(code, node.place.clone(), message);
        self.add(warning.spanning(node.length).hint(hint));
    }

    /// A key that means nothing where it stands; `known` are the canonical names that would.
    pub(crate) fn unknown_key(&mut self, entry: &Entry, owner: &str, known: &[&str]) {
        if self.is_closed_at(&entry.key) {
            return;
        }
        let written = entry.name();
        let message = format!("{owner} has no key `{}`", shorten(written, 60));
        let canonical = super::keys::snake_case(written);
        let hint = hint_of_key(owner, &canonical, known);
        self.error_with_hint("unknown_key", &entry.key, message, hint);
    }

    /// Whether a problem here would not be shown any more. Asked before an expensive message is written.
    pub(crate) fn is_closed_at(&mut self, node: &Node) -> bool {
        if self.is_full() {
            self.overflow.get_or_insert_with(|| node.place.clone());
        }
        self.is_full()
    }

    /// Whether the list has as many problems as it takes.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// Whether any of them is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// All problems, by file in the order given, then by place.
    pub(crate) fn into_sorted(mut self, files: &[Arc<str>]) -> Vec<Diagnostic> {
        let order = |place: &Place| files.iter().position(|file| *file == place.file);
        self.found.sort_by_cached_key(|problem| {
            let place = &problem.place;
            (order(place), place.line, place.column)
        });
        if let Some(place) = self.overflow {
            let message = format!("there are more problems than the {MAX_PROBLEMS} shown");
            self.found.push(
                Diagnostic::error("too_many_problems", place, message)
                    .hint("repair those shown and check again"),
            );
        }
        self.found
    }
}

/// What to write instead of a key that means nothing where it stands.
fn hint_of_key(owner: &str, canonical: &str, known: &[&str]) -> String {
    if canonical == "secrets" && owner == "`execute`" {
        return format!("write it beside {owner}"); // The original takes them there.
    }
    if let Some(meant) = meant(owner, canonical) {
        return meant.to_owned();
    }
    match suggest::nearest(canonical, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "begin a test of its own with `- `, or remove it".to_owned(),
        None if known.len() <= MAX_LISTED_KEYS => {
            format!("the keys that can stand here are {}", listed(known))
        }
        None => "remove it, or look up the keys that can stand here".to_owned(),
    }
}

/// Names in backquotes, separated by commas.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The first `limit` characters, with an ellipsis when there are more.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
