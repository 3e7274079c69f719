//! Whether somebody else than the author of a goal file would write what runs (threats D8, D9): asked when a file is checked, and
//! once more when a goal begins, of the same arguments.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::program_text::{ProgramText, Role, nested_texts};
use crate::model::variables::{VariableMeaning, steers_programs};

use super::placeholder::{Template, chooses_program, depends_on_push, may_be_foreign};

/// A placeholder by which somebody else would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Which argument it stands in.
    pub index: usize,
    /// Where in it, in bytes.
    pub offset: usize,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What an author may do.
    pub hint: &'static str,
}

/// Placeholders by which others would choose what runs; of each argument the first.
pub fn foreign_texts(argv: &[impl AsRef<str>], texts: &[ProgramText]) -> Vec<Foreign> {
    let mut found: BTreeMap<usize, Foreign> = BTreeMap::new();
    for text in texts {
        let written = argv.get(text.index).map(AsRef::as_ref).unwrap_or_default();
        if written.contains("${") && !found.contains_key(&text.index) {
            found.extend(foreign_text(text, written).map(|one| (text.index, one)));
        }
    }
    found.into_values().collect()
}

/// The same of arguments in which what others say stands already, so that no variable keeps it out of a script.
pub fn foreign_texts_filled(written: &[impl AsRef<str>], mut texts: Vec<ProgramText>) -> Vec<Foreign> {
    for text in texts.iter_mut().filter(|text| text.role == Role::Script) {
        text.role = Role::Code;
    }
    foreign_texts(written, &texts)
}

/// The first placeholder in one argument, as it is written, by which others would.
fn foreign_text(text: &ProgramText, written: &str) -> Option<Foreign> {
    let template = Template::parse(written).ok()?;
    let said = |offset, message, hint| {
        Some(Foreign {
            index: text.index,
            offset,
            message,
            hint,
        })
    };
    if text.role != Role::Script {
        let (offset, path) = template.first_of(is_meant(text.role, &text.reader))?;
        return said(
            offset,
            sentence(text.role, &text.reader, path),
            hint(text.role, text.hint),
        );
    }
    nested_texts(written).into_iter().find_map(|nested| {
        let is_meant = match nested.role {
            Role::Program | Role::Target => may_be_foreign, // A value becomes several words there.
            role => is_meant(role, &nested.reader),
        };
        let (offset, path) = template.first_within(&nested.span, is_meant)?;
        let hint = match nested.hint == text.hint {
            true => IN_SCRIPT,
            false => nested.hint,
        };
        said(
            offset,
            sentence(nested.role, &nested.reader, path),
            self::hint(nested.role, hint),
        )
    })
}

const IN_SCRIPT: &str =
    "pass it behind the script, and let the program there take `\"$1\"` as an argument of its own";

fn is_meant(role: Role, reader: &str) -> fn(&str) -> bool {
    match role {
        Role::Program | Role::Target => chooses_program,
        Role::Script | Role::Code => may_be_foreign,
        Role::Variable => foreign_in_variable(reader),
        Role::Literal => |_| true,
    }
}

/// Which placeholders cannot stand in the value of a variable.
fn foreign_in_variable(name: &str) -> fn(&str) -> bool {
    match (VariableMeaning::of(name), steers_programs(name)) {
        (VariableMeaning::Loading, _) => depends_on_push,
        (VariableMeaning::Contract | VariableMeaning::Plain, true) => may_be_foreign,
        (VariableMeaning::Contract | VariableMeaning::Plain, false) => |_| false,
    }
}

/// The placeholder in the value of a variable by which others would choose what programs load.
pub fn foreign_value(name: &str, written: &str) -> Option<Foreign> {
    let template = Template::parse(written).ok()?;
    let (offset, path) = template.first_of(foreign_in_variable(name))?;
    Some(Foreign {
        index: 0,
        offset,
        message: sentence(Role::Variable, name, path),
        hint: hint(Role::Variable, ""),
    })
}

fn sentence(role: Role, reader: &str, path: &str) -> String {
    match role {
        Role::Program => format!("this is a program, and `${{{path}}}` would let others choose it"),
        Role::Script | Role::Code | Role::Target => {
            format!("`{reader}` carries out what stands here, and `${{{path}}}` would let others choose it")
        }
        Role::Variable => format!(
            "`{reader}` decides what programs load or whom they talk to, and `${{{path}}}` would let others choose it"
        ),
        Role::Literal => {
            format!(
                "a shell fills in nothing between single quotes, so `${{{path}}}` would not be seen there"
            )
        }
    }
}

fn hint(role: Role, otherwise: &'static str) -> &'static str {
    match role {
        Role::Program => "write the program, and give it what a push says as an argument",
        Role::Variable => {
            "write the value out; of placeholders only `${home}` and `${values.…}` may stand in it"
        }
        Role::Script | Role::Code | Role::Target | Role::Literal => otherwise,
    }
}
