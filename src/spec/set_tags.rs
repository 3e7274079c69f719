//! `tags` of rules (semantics 3.2): what the goal sets to which a rule contributes are found by.

use std::rc::Rc;

use crate::model::set_tag::SetTag;

use super::reader::Reader;
use super::yaml::Node;

/// Tags of one rule at most.
const MOST: usize = 20;

impl Reader<'_, '_> {
    /// The tags of a rule, each once; `None` comes with a problem.
    pub(super) fn set_tags(&mut self, node: Option<&Node>) -> Option<Vec<SetTag>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let own = [Rc::new(node.clone())];
        let items = node.items().unwrap_or(&own);
        if items.is_empty() || items.len() > MOST {
            let message = format!("a rule has 1 to {MOST} tags, and this one {}", items.len());
            let hint = "remove `tags`, or some of them";
            self.problems().error_with_hint("too_many", node, message, hint);
            return None;
        }
        let mut tags: Vec<SetTag> = Vec::new();
        let mut are_right = true;
        for item in items {
            match self.set_tag(item) {
                Some(tag) if tags.contains(&tag) => {
                    let message = format!("`{tag}` stands twice in `tags`");
                    self.problems()
                        .error_with_hint("duplicate_item", item, message, "remove one of them");
                    are_right = false;
                }
                Some(tag) => tags.push(tag),
                None => are_right = false,
            }
        }
        are_right.then_some(tags)
    }

    /// One tag; `None` comes with a problem.
    pub(super) fn set_tag(&mut self, node: &Node) -> Option<SetTag> {
        if node.entries().is_some() {
            let message = "a tag is text, and this is a map";
            let hint = "write `name:value` without a space behind the `:`, or in quotes";
            self.problems().error_with_hint("wrong_type", node, message, hint);
            return None;
        }
        let text = self.checker.plain_text(node, "a tag")?;
        match SetTag::parse(text) {
            Ok(tag) => Some(tag),
            Err(error) => {
                let hint = match text.contains("${") {
                    true => "placeholders are not filled in here: the tag is the same for every push",
                    false => "write it as `release` or `team:payments`",
                };
                self.problems()
                    .error_with_hint("invalid_tag", node, error.to_string(), hint);
                None
            }
        }
    }
}
