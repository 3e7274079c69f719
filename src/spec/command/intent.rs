//! What people say to run a command.

use crate::model::{Field, Intent, ValueType};

use super::super::reader::Reader;
use super::super::yaml::Node;

/// Keys of an intent that is no words.
pub(crate) const FIELDS: &[Field] = &[Field::new(
    "pattern",
    ValueType::Regex,
    "a pattern over everything that is said; its groups are `${matches.1}` and so on",
)
.required()];

/// Longest intent, in characters.
const MAX_INTENT: usize = 200;

impl Reader<'_, '_> {
    /// The intents; the command's name when none is written.
    pub(super) fn intents(
        &mut self,
        node: Option<&Node>,
        name: Option<&str>,
        name_node: Option<&Node>,
    ) -> Option<Vec<Intent>> {
        let Some(node) = node else {
            let words = name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
            if let (Some(words), Some(at)) = (&words, name_node)
                && words.split(' ').any(|word| word.starts_with('-'))
            {
                let message = format!("nobody can say `{words}`: words that begin with `-` are options");
                let hint = "give it an `intent`, or another name";
                self.problems()
                    .error_with_hint("invalid_intent", at, message, hint);
                return None;
            }
            return Some(words.map(Intent::Words).into_iter().collect());
        };
        match node.items() {
            None => self.intent(node).map(|intent| vec![intent]),
            Some([]) => {
                self.problems().error_with_hint(
                    "missing_value",
                    node,
                    "nothing is written for `intent`",
                    "write what people say, or remove the key: the name is the intent then",
                );
                None
            }
            Some(items) => {
                let all: Vec<_> = items.iter().map(|item| self.intent(item)).collect();
                all.into_iter().collect()
            }
        }
    }

    fn intent(&mut self, node: &Node) -> Option<Intent> {
        if node.entries().is_some() {
            let fields = self.checker.fields(FIELDS, node, "`intent`")?;
            let pattern = fields.get("pattern").and_then(|pattern| pattern.as_str())?;
            return Some(Intent::Pattern(pattern.to_owned()));
        }
        let text = self.checker.plain_text(node, "`intent`")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_sayable = !words.is_empty()
            && text.chars().count() <= MAX_INTENT
            && !text.chars().any(char::is_control)
            && words.iter().all(|word| !word.starts_with('-'));
        if !is_sayable {
            let message =
                format!("an intent is 1 to {MAX_INTENT} characters of words, none of which begins with `-`");
            self.problems().error("invalid_intent", node, message);
            return None;
        }
        Some(Intent::Words(words.join(" ")))
    }
}
