//! Goals by name: `use: cancel`, `use: lock`, `use: immaterial`, and goals defined at top level.
//!
//! A bare word means the same as `use:` with that word.

use crate::model::suggest;
use crate::model::{Descriptor, GoalDefinition, UniqueName};

use super::super::catalogue::find;
use super::super::keys::snake_case;
use super::super::reader::{Reader, shown};
use super::super::reference::Reference;
use super::super::yaml::{Entry, Node};
use super::entry::{Context, GoalEntry, ORIGINAL_KINDS, instead_of};

/// The kind whose goal also locks.
const IMMATERIAL: &str = "immaterial";

/// What a word after `use:` names.
pub(super) enum Used<'c> {
    /// Only the marker: no later rule applies.
    Lock,
    /// A kind.
    Kind(&'c Descriptor),
}

impl Reader<'_, '_> {
    /// The goal that a word names; `entries` are all keys of the map it stands in, none for a bare word.
    pub(super) fn used(
        &mut self,
        word: &str,
        node: &Node,
        entries: &[Entry],
        context: Context,
    ) -> Option<GoalEntry> {
        let in_use = self.kind_in_use(word);
        let is_alone = entries.len() <= 1;
        if context == Context::Rule && (is_alone || in_use.is_none()) {
            if let Some(goal) = self.standalone_goal(word, node) {
                return self.as_defined(goal, node, is_alone);
            }
            if in_use.is_none() && self.standalone_names.contains(word) {
                return None; // It has problems of its own, which are reported where it is defined.
            }
        }
        match in_use {
            Some(Used::Lock) => self.lock(node, is_alone, context),
            Some(Used::Kind(kind)) => {
                let goal = self.goal_by_use(kind, entries, node)?;
                Some(GoalEntry {
                    goal: Some(goal),
                    locks: kind.name == IMMATERIAL,
                })
            }
            None => {
                self.unknown_use(word, node);
                None
            }
        }
    }

    /// The goal of this name defined at top level. One name in two environments is ambiguous.
    fn standalone_goal(&mut self, word: &str, node: &Node) -> Option<GoalDefinition> {
        let unique = UniqueName::parse(word).ok()?;
        let mut named = self.standalone.iter().filter(|goal| goal.unique_name == unique);
        let first = named.next()?.clone();
        let others = named.find(|other| other.key() != first.key());
        if let Some(other) = others {
            let message = format!(
                "`{word}` is defined for two environments, at {} and {}",
                first.place, other.place
            );
            self.problems()
                .error_with_hint("ambiguous_goal", node, message, "give them different names");
        }
        Some(first)
    }

    fn as_defined(&mut self, goal: GoalDefinition, node: &Node, is_alone: bool) -> Option<GoalEntry> {
        if is_alone {
            let locks = goal.work.kind == IMMATERIAL;
            return Some(GoalEntry {
                goal: Some(goal),
                locks,
            });
        }
        let message = format!(
            "`{}` is used as it is defined at {}; other keys cannot stand beside `use`",
            goal.name, goal.place
        );
        self.problems().error_with_hint(
            "unknown_key",
            node,
            message,
            "change it there, or define another goal under another name",
        );
        None
    }

    fn lock(&mut self, node: &Node, is_alone: bool, context: Context) -> Option<GoalEntry> {
        if context == Context::Standalone {
            self.problems().error_with_hint(
                "misplaced_lock",
                node,
                "`lock` ends the evaluation of rules and means nothing outside of one",
                "move it to the `goals` of a rule",
            );
            return None;
        }
        if !is_alone {
            self.problems().error_with_hint(
                "unknown_key",
                node,
                "`lock` is only a marker and takes no other keys",
                "write `use: lock` alone",
            );
            return None;
        }
        Some(GoalEntry {
            goal: None,
            locks: true,
        })
    }

    fn unknown_use(&mut self, word: &str, node: &Node) {
        if self.problems().is_closed_at(node) {
            return;
        }
        let canonical = snake_case(word);
        if word.contains('/') || ORIGINAL_KINDS.contains(&canonical.as_str()) {
            let message = format!("`{word}` is not available in this version");
            let hint = match Reference::is_meant(word) {
                true => format!("if it is a goal of another repository, write `ref: {word}`"),
                false => instead_of(&canonical).to_owned(),
            };
            self.problems()
                .error_with_hint("not_available", node, message, hint);
            return;
        }
        if self.names_incomplete {
            return; // It may be defined in the file that could not be read.
        }
        let message = format!("Unable to construct goal from '{}'", shown(node));
        let hint = self.use_hint(&canonical);
        self.problems()
            .error_with_hint("unknown_goal", node, message, hint);
    }

    fn use_hint(&self, canonical: &str) -> String {
        if let Some(kind) = find(self.catalogue.kinds, canonical) {
            return format!("`{}` is written as a key: `{}`", kind.name, kind.example);
        }
        let by_use = self.catalogue.kinds.iter().filter(|kind| kind.by_use);
        let names: Vec<&str> = by_use
            .map(|kind| kind.name)
            .chain(["lock"])
            .chain(self.standalone.iter().map(|goal| goal.name.as_str()))
            .collect();
        match suggest::nearest(canonical, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it in the `goals` list at the top of a goal file".to_owned(),
        }
    }
}
