//! Values in which placeholders mean nothing: somebody who writes one there expects otherwise.

use serde_json::Value;

use super::super::placeholder::{Template, is_fact};
use super::super::yaml::Node;
use super::Checker;

impl Checker<'_> {
    /// A CEL expression, as it is written.
    pub(super) fn expression(&mut self, node: &Node, what: &str) -> Option<Value> {
        let text = self.plain_text(node, what)?;
        let hint = "name the fact without `${` and `}`, such as `push.branch`";
        self.warn_about_facts(node, what, hint);
        Some(Value::from(text))
    }

    /// Warns of a text that looks as if a fact were to be filled in.
    pub(crate) fn warn_about_facts(&mut self, node: &Node, what: &str, hint: &str) {
        if node.text().is_some_and(asks_for_fact) {
            let message = format!("placeholders are not filled in {what}; `${{` is taken as it is");
            self.problems
                .warning("placeholder_not_filled", node, message, hint);
        }
    }

    /// The same for every text below.
    pub(crate) fn warn_about_facts_below(&mut self, node: &Node, what: &str, hint: &str) {
        for item in node.items().unwrap_or_default() {
            self.warn_about_facts_below(item, what, hint);
        }
        for entry in node.entries().unwrap_or_default() {
            self.warn_about_facts_below(&entry.value, what, hint);
        }
        self.warn_about_facts(node, what, hint);
    }
}

/// Whether a text has a placeholder that asks for a fact, or the beginning of one. In patterns and programs `${` may stand
/// for itself.
pub(super) fn asks_for_fact(text: &str) -> bool {
    text.contains("${")
        && match Template::parse(text) {
            Ok(template) => template.paths().iter().any(|path| is_fact(path)),
            Err(error) => text
                .get(error.offset..)
                .and_then(|rest| rest.strip_prefix("${"))
                .is_some_and(|rest| is_fact(rest.trim_start_matches('!')) && rest.contains('.')),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_fact_is_suspicious() {
        for text in [
            "a ${push.branch}",
            "^${parameters.x:y}$",
            "x ${parameters.f",
            "${!repo.name}",
        ] {
            assert!(asks_for_fact(text), "{text}");
        }
        for text in [
            r"[${]",
            r"\${2}",
            "a ${2} b",
            "$${push.branch}",
            "push.branch == \"${\"",
            "$HOME",
        ] {
            assert!(!asks_for_fact(text), "{text}");
        }
    }
}
