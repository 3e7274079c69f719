//! Variables of goals that others write (threat D9): what decides which code programs load is not for strangers to set.

use crate::model::variables::VariableMeaning;

use super::super::keys::snake_case;
use super::super::problems::Problems;
use super::super::yaml::{Entry, Node};

/// Refuses variables that load code or lead elsewhere, in the containers of a goal; tells whether there were none. A name
/// that is not settled yet may become one.
pub(crate) fn refuse_variables(goal: &Node, owner: &str, hint: &str, problems: &mut Problems) -> bool {
    let mut is_harmless = true;
    let containers = below(goal, &["containers", "init_containers"]);
    for (name, at) in containers.into_iter().flat_map(items).flat_map(variables) {
        if name.contains("${") || VariableMeaning::of(name) == VariableMeaning::Loading {
            is_harmless = false;
            let message = format!(
                "`{name}` decides what programs load or whom they talk to, and is not for {owner} to set"
            );
            problems.error_with_hint("untrusted_variable", at, message, hint);
        }
    }
    is_harmless
}

/// Names of the variables of a container, in either form, with where they stand.
fn variables(container: &Node) -> Vec<(&str, &Node)> {
    let sets = below(container, &["env", "environment"]);
    sets.into_iter().flat_map(named).collect()
}

fn named(set: &Node) -> Vec<(&str, &Node)> {
    if let Some(entries) = set.entries() {
        return entries.iter().map(|entry| (entry.name(), &*entry.key)).collect();
    }
    let names = items(set).flat_map(|item| below(item, &["name"]));
    names.filter_map(|name| Some((name.text()?, name))).collect()
}

/// The values of these keys of a map.
fn below<'n>(node: &'n Node, keys: &[&str]) -> Vec<&'n Node> {
    let entries: &[Entry] = node.entries().unwrap_or_default();
    let meant = entries
        .iter()
        .filter(|entry| keys.contains(&snake_case(entry.name()).as_str()));
    meant.map(|entry| &*entry.value).collect()
}

/// The items of a list, or the one that stands for a list.
fn items(node: &Node) -> impl Iterator<Item = &Node> {
    let single = node.entries().map(|_| node);
    let many = node.items().unwrap_or_default().iter().map(|item| &**item);
    many.chain(single)
}
