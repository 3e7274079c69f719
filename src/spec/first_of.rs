//! `first_of`: rules of which the first that applies contributes (semantics 2.7, first match and decision trees).

use crate::model::{Place, RuleDefinition};

use super::document::WrittenRule;
use super::keys::Sorted;
use super::reader::Reader;
use super::yaml::Node;

/// How deep `first_of` may stand in `first_of`.
const MAX_DEPTH: u32 = 8;

impl Reader<'_, '_> {
    /// The rules of a `first_of` so deep; `names` takes their names at every depth. `None` comes with a problem.
    pub(super) fn first_of(
        &mut self,
        node: &Node,
        depth: u32,
        names: &mut Vec<(String, Place, u32)>,
    ) -> Option<Vec<RuleDefinition>> {
        let Some(items) = node.items() else {
            let message = format!("`first_of` must be a list of rules, and this is {}", node.what());
            self.problems()
                .error_with_hint("wrong_type", node, message, "begin each rule with `- name: …`");
            return None;
        };
        if depth == MAX_DEPTH {
            let message = format!("`first_of` stands in `first_of` more than {MAX_DEPTH} times");
            self.problems().error_with_hint(
                "too_deep",
                node,
                message,
                "write the inner rules into one list, with their tests together",
            );
            return None;
        }
        let mut definitions = Vec::new();
        let mut is_complete = true;
        for item in items {
            let written = WrittenRule {
                key: None,
                node: item.clone(),
            };
            let read = self.rule_at(&written, depth + 1);
            is_complete &= read.as_ref().is_some_and(|rule| rule.definition.is_some());
            if let Some(rule) = read {
                names.push((rule.name, rule.name_place, rule.name_length));
                names.extend(rule.inner_names);
                definitions.extend(rule.definition);
            }
        }
        is_complete.then_some(definitions)
    }

    /// Whether a rule in `first_of` has keys that only the rule around it may have.
    pub(super) fn keys_of_outer_rules(&mut self, sorted: &Sorted<'_>) -> bool {
        let outer = ["depends_on", "override", "facts", "tags"];
        let found: Vec<_> = outer.iter().filter_map(|key| sorted.get(key)).collect();
        for entry in &found {
            let message = format!("a rule in `first_of` has no `{}`", entry.name());
            let hint = "write it at the outermost rule; it counts for all rules in it";
            self.problems()
                .error_with_hint("misplaced_key", &entry.key, message, hint);
        }
        !found.is_empty()
    }
}
