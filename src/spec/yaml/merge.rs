//! Closing a map: every key once, and merge keys (`<<`) resolved.

use std::collections::HashMap;
use std::rc::Rc;

use crate::model::Diagnostic;

use super::node::{Content, Entry, Node};

/// Pairs as they were written, before duplicates and merge keys are dealt with.
pub(super) type Pairs = Vec<(Rc<Node>, Rc<Node>)>;

/// The entries of a map: its own in the order written, then what merge keys add. Own keys win over merged ones,
/// earlier merged ones over later.
pub(super) fn close(pairs: Pairs, problems: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let mut map = Entries::default();
    let mut merges = Vec::new();
    for (key, value) in pairs {
        if is_merge_key(&key) && merges.is_empty() {
            merges.push((key, value));
        } else if is_merge_key(&key) {
            let message = "there are two merge keys `<<` in this map";
            problems.push(
                Diagnostic::error("duplicate_key", key.place.clone(), message)
                    .hint("write one: `<<: [*first, *second]`"),
            );
        } else {
            map.add_own(&key, value, problems);
        }
    }
    for (key, value) in merges {
        map.merge(&key, &value, problems);
    }
    map.entries
}

#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl Entries {
    fn add_own(&mut self, key: &Rc<Node>, value: Rc<Node>, problems: &mut Vec<Diagnostic>) {
        let Some(name) = key.text() else {
            let message = format!("a key must be text, and this is {}", key.what());
            problems.push(Diagnostic::error("invalid_key", key.place.clone(), message).spanning(key.length));
            return;
        };
        if let Some(first) = self.places.get(name) {
            let message = format!(
                "the key `{}` is written twice, here and at {}",
                name.escape_debug(),
                self.entries[*first].key.place
            );
            problems.push(
                Diagnostic::error("duplicate_key", key.place.clone(), message)
                    .spanning(key.length)
                    .hint("remove one of them"),
            );
            return;
        }
        self.push(name.to_owned(), key.clone(), value, false);
    }

    fn merge(&mut self, key: &Node, value: &Node, problems: &mut Vec<Diagnostic>) {
        match &value.content {
            Content::Map(entries) => self.add_merged(entries),
            Content::List(items) => {
                for item in items {
                    match &item.content {
                        Content::Map(entries) => self.add_merged(entries),
                        Content::Scalar(_) | Content::List(_) => problems.push(not_a_map(item)),
                    }
                }
            }
            Content::Scalar(_) if value.is_null() => problems.push(not_a_map(key)),
            Content::Scalar(_) => problems.push(not_a_map(value)),
        }
    }

    fn add_merged(&mut self, entries: &[Entry]) {
        for entry in entries {
            if !self.places.contains_key(entry.name()) {
                self.push(
                    entry.name().to_owned(),
                    entry.key.clone(),
                    entry.value.clone(),
                    true,
                );
            }
        }
    }

    fn push(&mut self, name: String, key: Rc<Node>, value: Rc<Node>, merged: bool) {
        self.places.insert(name, self.entries.len());
        self.entries.push(Entry { key, value, merged });
    }
}

fn is_merge_key(key: &Node) -> bool {
    key.scalar()
        .is_some_and(|scalar| !scalar.quoted && scalar.text == "<<")
}

fn not_a_map(node: &Node) -> Diagnostic {
    Diagnostic::error(
        "invalid_merge",
        node.place.clone(),
        "a merge key takes a map or a list of maps",
    )
    .spanning(node.length)
    .hint("write `<<: *anchor`, where the anchor names a map")
}
