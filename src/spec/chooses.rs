//! The texts of a definition that choose what runs: programs, targets of `make`, images and users (threat D9).

use std::rc::Rc;

use crate::model::program_text::{Role, program_texts};

use super::keys::snake_case;
use super::placeholder::{Template, name_of_image};
use super::yaml::{Entry, Node};

/// One of them.
pub(super) struct Choice<'n> {
    /// Where it stands.
    pub(super) node: &'n Node,
    /// What it is.
    pub(super) what: &'static str,
    /// The part of the text that chooses.
    text: &'n str,
}

impl Choice<'_> {
    /// The paths of its placeholders, with where they stand.
    pub(super) fn asked(&self) -> Vec<(usize, String)> {
        let Ok(template) = Template::parse(self.text) else {
            return Vec::new(); // Reported already.
        };
        let asked = template.asked();
        asked
            .iter()
            .map(|asked| (asked.offset, asked.path.to_owned()))
            .collect()
    }
}

/// Those that an entry holds itself, not below further keys.
pub(super) fn choices(entry: &Entry) -> Vec<Choice<'_>> {
    match snake_case(entry.name()).as_str() {
        "run" | "only_if" => programs(&entry.value, "what runs"),
        "command" | "cmd" if entry.value.items().is_some() => programs(&entry.value, "what runs"),
        "command" | "cmd" => text(&entry.value, "the program", |text| text),
        "image" => text(&entry.value, "the image", name_of_image),
        "user" => text(&entry.value, "the user", |text| text),
        _ => Vec::new(),
    }
}

/// Those of an argument vector.
pub(super) fn programs<'n>(node: &'n Node, what: &'static str) -> Vec<Choice<'n>> {
    let items = node.items().unwrap_or_default();
    let words: Vec<&str> = items.iter().map(|item| item.text().unwrap_or_default()).collect();
    let texts = program_texts(&words).into_iter();
    let programs = texts.filter(|text| matches!(text.role, Role::Program | Role::Target));
    let item = |index: usize| -> &'n Rc<Node> { &items[index] };
    programs
        .flat_map(|program| text(item(program.index), what, |text| text))
        .collect()
}

fn text<'n>(node: &'n Node, what: &'static str, part: fn(&str) -> &str) -> Vec<Choice<'n>> {
    let text = node.text().map(part);
    text.map(|text| Choice { node, what, text }).into_iter().collect()
}
