//! What stands beside a reference over what it refers to: local values win (semantics 7.4).

use std::rc::Rc;

use super::super::keys::snake_case;
use super::super::yaml::{Content, Entry, Node};

/// Lists whose items are known by their name; of any other list the local one takes the place.
const NAMED: &[&str] = &["containers", "init_containers", "env", "environment", "volumes"];

/// The referenced map with the local one over it, at the place of the local one.
pub(in crate::spec) fn overlay(local: &Node, referenced: &Node) -> Node {
    let own = local.entries().unwrap_or_default();
    let below = referenced.entries().unwrap_or_default();
    let mut entries: Vec<Entry> = own
        .iter()
        .map(|entry| match find(below, entry.name()) {
            Some(other) => Entry {
                value: value(entry.name(), &entry.value, &other.value),
                ..entry.clone()
            },
            None => entry.clone(),
        })
        .collect();
    let others = below.iter().filter(|entry| find(own, entry.name()).is_none());
    entries.extend(others.cloned());
    local.with_content(Content::Map(entries))
}

fn find<'n>(entries: &'n [Entry], name: &str) -> Option<&'n Entry> {
    let name = snake_case(name);
    entries.iter().find(|entry| snake_case(entry.name()) == name)
}

fn value(key: &str, local: &Rc<Node>, referenced: &Rc<Node>) -> Rc<Node> {
    match (&local.content, &referenced.content) {
        (Content::Map(_), Content::Map(_)) => Rc::new(overlay(local, referenced)),
        (Content::List(own), Content::List(below)) if NAMED.contains(&snake_case(key).as_str()) => {
            Rc::new(local.with_content(Content::List(by_name(own, below))))
        }
        _ => Rc::clone(local),
    }
}

/// The referenced items, each with the local one of its name over it, then the local ones of other names.
fn by_name(local: &[Rc<Node>], referenced: &[Rc<Node>]) -> Vec<Rc<Node>> {
    let same = |one: &Node, other: &Node| name_of(one).is_some_and(|name| name_of(other) == Some(name));
    let mut items: Vec<Rc<Node>> = referenced
        .iter()
        .map(|below| match local.iter().find(|own| same(own, below)) {
            Some(own) => Rc::new(overlay(own, below)),
            None => Rc::clone(below),
        })
        .collect();
    let is_new = |own: &&Rc<Node>| !referenced.iter().any(|below| same(own, below));
    items.extend(local.iter().filter(is_new).cloned());
    items
}

fn name_of(node: &Node) -> Option<&str> {
    find(node.entries()?, "name")?.value.text()
}
