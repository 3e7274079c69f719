//! Scripts of shells in the arguments of a goal, asked once more when it begins: a value that begins with `-` must not stand where
//! a program of the script would take it for a flag (threats A2, D8).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::KindError;
use super::resolve::{Placeholders, ResolvedArgv, as_text};
use crate::model::parameter::variable;
use crate::model::program_text::{Beginning, Looks, Script, Source};
use crate::spec::foreign::{OF_THE_MACHINE, foreign_variables, is_foreign, variable_set};
use crate::spec::placeholder::{Template, may_be_foreign};

/// How much of a value is shown.
const SHOWN: usize = 40;

/// The scripts of an argument vector, and the variables beside them.
pub(super) struct Scripts<'p> {
    placeholders: &'p Placeholders,
    variables: BTreeMap<String, String>,
    /// Where they stand, and as they are written.
    all: Vec<(usize, Script, String)>,
}

impl<'p> Scripts<'p> {
    pub(super) fn beside(placeholders: &'p Placeholders, variables: &[&BTreeMap<String, String>]) -> Self {
        let given = variables.iter().flat_map(|variables| variables.iter());
        let of_author = given.map(|(name, written)| (name.clone(), written.clone()));
        let of_machine = OF_THE_MACHINE.iter();
        let of_machine = of_machine.filter(|_| placeholders.find("branch").is_some());
        let of_machine = of_machine.map(|(name, written)| ((*name).to_owned(), (*written).to_owned()));
        let parameters = placeholders.find("parameters");
        let parameters = parameters
            .as_ref()
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let parameters = parameters.map(|(name, _)| (variable(name), format!("${{parameters.{name}}}")));
        Self {
            placeholders,
            variables: of_machine.chain(parameters).chain(of_author).collect(),
            all: Vec::new(),
        }
    }

    /// The variables that hold what others say.
    pub(super) fn foreign(&self) -> BTreeSet<String> {
        foreign_variables(&self.variables)
    }

    pub(super) fn add(&mut self, index: usize, script: Script, written: &str) {
        self.all.push((index, script, written.to_owned()));
    }

    /// Whether no value would be a flag to a program of a script.
    ///
    /// # Errors
    /// One would.
    pub(super) fn check(&self, resolved: &ResolvedArgv) -> Result<(), KindError> {
        for (index, script, written) in &self.all {
            let given = |at: usize| {
                let (written, filled) = (&resolved.written, &resolved.argv);
                let at = index + 1 + at;
                Some((written.get(at)?.as_str(), filled.get(at)?.as_str()))
            };
            for beginning in script.beginnings() {
                match &beginning.source {
                    Source::Position(at) => beginning.check_all(given(*at))?,
                    Source::Positions => beginning.check_all((1..).map_while(given))?,
                    Source::Variable(name) => {
                        beginning.check_all(set_before(resolved, *index, name))?;
                        self.check_variable(name, &beginning)?;
                    }
                    Source::Placeholder(at) => self.check_placeholder(written, *at, &beginning)?,
                }
            }
        }
        Ok(())
    }

    fn check_variable(&self, name: &str, beginning: &Beginning) -> Result<(), KindError> {
        let Some(written) = self.variables.get(name).filter(|written| is_foreign(written)) else {
            return Ok(());
        };
        let value = self.placeholders.optional_text(written)?;
        let value = value.as_deref().map(|value| (written.as_str(), value));
        beginning.check_all(value)
    }

    fn check_placeholder(&self, script: &str, at: usize, beginning: &Beginning) -> Result<(), KindError> {
        let template = Template::parse(script).map_err(KindError::from)?;
        let Some((_, path)) = template.first_within(&(at..at + 1), may_be_foreign) else {
            return Ok(());
        };
        let find = |path: &str| self.placeholders.find(path);
        let resolved = template.piece_at(at, &find).map_err(KindError::from)?;
        let value = resolved.and_then(as_text);
        let written = format!("${{{path}}}");
        let value = value.as_deref().map(|value| (written.as_str(), value));
        beginning.check_all(value)
    }
}

/// Values that words before a script set a variable to, as they are written and filled in.
fn set_before<'r>(
    resolved: &'r ResolvedArgv,
    index: usize,
    name: &'r str,
) -> impl Iterator<Item = (&'r str, &'r str)> {
    let words = resolved.written.iter().zip(&resolved.argv).take(index);
    words.filter_map(move |(written, filled)| {
        let (set, written) = variable_set(written)?;
        let (_, filled) = filled.split_once('=')?;
        (set == name).then_some((written, filled))
    })
}

impl Beginning {
    /// Whether none of some values, as they are written and filled in, would be a flag.
    fn check_all<'v>(&self, values: impl IntoIterator<Item = (&'v str, &'v str)>) -> Result<(), KindError> {
        let mut values = values.into_iter().filter(|(written, _)| is_foreign(written));
        values.try_for_each(|(written, value)| {
            let begins = Template::parse(written).is_ok_and(|template| template.begins_with(may_be_foreign));
            let looks = Looks {
                at_start: self.looks.at_start && begins,
                ..self.looks
            };
            match looks.find_flag(value) {
                Some(flag) => Err(self.refused(written, flag)),
                None => Ok(()),
            }
        })
    }

    fn refused(&self, written: &str, flag: &str) -> KindError {
        let flag: String = flag.chars().take(SHOWN).collect();
        let instead = match &self.flag {
            Some(before) if before.starts_with("--") => format!(
                "where `{before}` takes it for its value, write both as one word, `{before}=…`; otherwise put `--` before it"
            ),
            Some(before) => format!(
                "where `{before}` takes it for its value, write the long name of that flag and the value as one word, `--name=…`; otherwise put `--` before it"
            ),
            None => "put `--` before it, or begin the argument with something of your own, such as `./`"
                .to_owned(),
        };
        KindError::Definition(format!(
            "`{}` in line {} of the script would take `{}` for a flag, and `{written}` is for others to say: {instead}",
            self.command,
            self.line,
            flag.escape_debug(),
        ))
    }
}
