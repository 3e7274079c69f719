//! Whether somebody else than the author of a goal file would write what runs (threats D8, D9): asked when a file is checked, and
//! once more when a goal begins, of the same arguments.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::model::program_text::{BY_ARGUMENT, Outside, ProgramText, Risk, Role, Script};
use crate::model::variables::{BRANCH, VariableMeaning, steers_programs};

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

/// Placeholders by which others would choose what runs; of each argument the first. Scripts have what the machine tells all of
/// them in their environment.
pub fn foreign_texts(argv: &[impl AsRef<str>], texts: &[ProgramText]) -> Vec<Foreign> {
    foreign_texts_beside(argv, texts, &BTreeSet::new())
}

/// The same beside variables that hold what others say.
pub fn foreign_texts_beside(
    argv: &[impl AsRef<str>],
    texts: &[ProgramText],
    variables: &BTreeSet<String>,
) -> Vec<Foreign> {
    foreign_texts_read(argv, &read_texts(argv, texts), variables)
}

/// A text, and its script where it is one of a shell.
pub type ReadText<'t> = (&'t ProgramText, Option<Script>);

/// Some texts, with the scripts of shells among them read.
pub fn read_texts<'t>(argv: &[impl AsRef<str>], texts: &'t [ProgramText]) -> Vec<ReadText<'t>> {
    let script = |text: &ProgramText| {
        let written = argv.get(text.index).filter(|_| text.is_script)?;
        Some(Script::read(written.as_ref(), &text.reader))
    };
    texts.iter().map(|text| (text, script(text))).collect()
}

/// As [`foreign_texts_beside`], of texts that [`read_texts`] has read of the same arguments.
pub fn foreign_texts_read(
    argv: &[impl AsRef<str>],
    texts: &[ReadText<'_>],
    variables: &BTreeSet<String>,
) -> Vec<Foreign> {
    let mut found: BTreeMap<usize, Foreign> = BTreeMap::new();
    for (text, script) in texts {
        let written = argv.get(text.index).map(AsRef::as_ref).unwrap_or_default();
        if found.contains_key(&text.index) {
            continue;
        }
        let in_script = || foreign_script(text, script.as_ref()?, argv, variables);
        let foreign = foreign_text(text, written).or_else(in_script);
        found.extend(foreign.map(|one| (text.index, one)));
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

/// Whether others say something of a text.
pub fn is_foreign(written: &str) -> bool {
    written.contains("${")
        && Template::parse(written).is_ok_and(|template| template.first_of(may_be_foreign).is_some())
}

/// The variable that a word sets for the programs behind it, with its value: `NAME=value`, as `env` takes it.
pub fn variable_set(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, value))
}

/// Which of the author's variables hold what others say.
pub fn foreign_variables<'v>(all: impl IntoIterator<Item = (&'v String, &'v String)>) -> BTreeSet<String> {
    let foreign = all.into_iter().filter(|(_, written)| is_foreign(written));
    foreign.map(|(name, _)| name.clone()).collect()
}

/// The first placeholder in one argument, as it is written, by which others would; of the script of a shell that is another matter.
fn foreign_text(text: &ProgramText, written: &str) -> Option<Foreign> {
    let is_meant = text.role != Role::Script && written.contains("${");
    let template = is_meant.then(|| Template::parse(written).ok()).flatten()?;
    let (offset, path) = template.first_of(self::is_meant(text.role, &text.reader))?;
    Some(Foreign {
        index: text.index,
        offset,
        message: sentence(text.role, &text.reader, path),
        hint: hint(text.role, &text.reader, text.hint),
    })
}

/// The first place of a script where others would: by a placeholder, or by what a variable or an argument holds that the script
/// is given.
fn foreign_script(
    text: &ProgramText,
    script: &Script,
    argv: &[impl AsRef<str>],
    variables: &BTreeSet<String>,
) -> Option<Foreign> {
    let template = Template::parse(argv.get(text.index)?.as_ref()).ok()?;
    let placeholder = |role: Role, reader: &str, span: &Range<usize>| {
        template
            .first_within(span, is_meant_in_script(role, reader))
            .is_some()
    };
    let given = argv.get(text.index + 1..).unwrap_or_default();
    let mut variables = variables.clone();
    let before = argv.iter().take(text.index).map(AsRef::as_ref);
    let set = before.filter(|word| is_foreign(word)).filter_map(variable_set);
    variables.extend(set.map(|(name, _)| name.to_owned()));
    variables.extend(OF_THE_MACHINE.iter().map(|(name, _)| (*name).to_owned()));
    let outside = Outside {
        variables,
        positions: given.iter().map(|word| is_foreign(word.as_ref())).collect(),
        placeholder: &placeholder,
    };
    let Risk {
        nested,
        offset,
        variable,
    } = script.risk(&outside)?;
    let hint = match (nested.hint == BY_ARGUMENT, &variable) {
        (true, None) => IN_SCRIPT,
        (true, Some(_)) => IN_VARIABLE,
        (false, _) => nested.hint,
    };
    let message = match &variable {
        Some(name) => sentence_of_variable(nested.role, &nested.reader, name),
        None => {
            let is_meant = is_meant_in_script(nested.role, &nested.reader);
            let (_, path) = template.first_within(&(offset..usize::MAX), is_meant)?;
            sentence(nested.role, &nested.reader, path)
        }
    };
    Some(Foreign {
        index: text.index,
        offset,
        message,
        hint: self::hint(nested.role, &nested.reader, hint),
    })
}

/// What the machine tells every goal of what others say: the variable, and the placeholder of the same.
pub const OF_THE_MACHINE: &[(&str, &str)] = &[(BRANCH, "${branch}")];

const IN_SCRIPT: &str =
    "pass it behind the script, and let the program there take `\"$1\"` as an argument of its own";

const IN_VARIABLE: &str = "write the code out between single quotes, and give it the value behind it, as `\"$1\"`; without `eval` a variable in double quotes is data";

fn is_meant(role: Role, reader: &str) -> fn(&str) -> bool {
    match role {
        Role::Program | Role::Target => chooses_program,
        Role::Script | Role::Code => may_be_foreign,
        Role::Variable => foreign_in_variable(reader),
        Role::Literal => |_| true,
    }
}

fn is_meant_in_script(role: Role, reader: &str) -> fn(&str) -> bool {
    match role {
        Role::Program | Role::Target => may_be_foreign, // A value becomes several words there.
        Role::Script | Role::Code | Role::Variable | Role::Literal => is_meant(role, reader),
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
        hint: hint_of_variable(name),
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

fn sentence_of_variable(role: Role, reader: &str, name: &str) -> String {
    match role {
        Role::Program => format!("this is a program, and others say what `${name}` holds"),
        Role::Variable => format!(
            "`{reader}` decides what programs load or whom they talk to, and others say what `${name}` holds"
        ),
        Role::Script | Role::Code | Role::Target | Role::Literal => {
            format!("`{reader}` carries out what stands here, and others say what `${name}` holds")
        }
    }
}

/// Names by which people call what they deploy to or build with, and programs something else.
static OTHER_NAMES: &[(&str, &str)] = &[
    (
        "ENV",
        "call it something else, such as `TARGET` or `APP_ENV`: shells read the file that `ENV` names when they begin",
    ),
    (
        "BROWSER",
        "call it something else, such as `TEST_BROWSER`: programs start what `BROWSER` names",
    ),
];

fn hint_of_variable(name: &str) -> &'static str {
    let mut names = OTHER_NAMES.iter();
    names.find(|(known, _)| *known == name).map_or(
        "write the value out; of placeholders only `${home}` and `${values.…}` may stand in it",
        |(_, hint)| hint,
    )
}

fn hint(role: Role, reader: &str, otherwise: &'static str) -> &'static str {
    match role {
        Role::Program => "write the program, and give it what a push says as an argument",
        Role::Variable => hint_of_variable(reader),
        Role::Script | Role::Code | Role::Target | Role::Literal => otherwise,
    }
}
