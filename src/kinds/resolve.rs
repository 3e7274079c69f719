//! Placeholders of a goal, resolved for one push (semantics 7.6).
//!
//! A value from a push is data. In an argument it stands as it is; inside the script of a shell it would become
//! program text, so there it travels in a variable of the environment and the script refers to that (YM-23).

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GoalContext, KindError, Policy};
use crate::kinds::lookup;
use crate::model::program_text::{ProgramText, Role, program_texts};
use crate::spec::placeholder::{Piece, Resolved, Template, is_free_text, may_be_foreign};

/// Resolves texts against the facts of one goal.
pub(crate) struct Placeholders {
    facts: Value,
}

/// Arguments and the variables they refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedArgv {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Placeholders {
    pub(crate) async fn of(context: &GoalContext<'_>) -> Result<Self, KindError> {
        let push = &context.record.push;
        let version = context.store.version(&push.repo.key, &push.after).await?;
        let facts = lookup::facts(context.record, context.goal, version.as_deref());
        Ok(Self::with_own(facts, context.policy))
    }

    /// Over facts of a goal, with those of the machine beside them.
    pub(crate) fn with_own(mut facts: Value, policy: &Policy) -> Self {
        facts["home"] = json!(policy.home);
        facts["values"] = policy.values.clone();
        Self { facts }
    }

    /// Over facts that are there already.
    pub(crate) fn from_facts(facts: Value) -> Self {
        Self { facts }
    }

    fn resolve(&self, text: &str) -> Result<Resolved, KindError> {
        let template = Template::parse(text).map_err(KindError::from)?;
        let unread = RefCell::new(None);
        let find = |path: &str| {
            if let Some(problem) = lookup::unread_data(&self.facts, path) {
                unread.borrow_mut().get_or_insert(problem);
            }
            lookup::at_path(&self.facts, path).cloned()
        };
        let resolved = template.resolve(&find);
        match unread.into_inner() {
            Some(problem) => Err(KindError::Definition(problem)),
            None => resolved.map_err(KindError::from),
        }
    }

    /// A text; an object or an absent optional is not one.
    pub(crate) fn text(&self, text: &str) -> Result<String, KindError> {
        self.optional_text(text)?
            .ok_or_else(|| KindError::Definition(format!("`{text}` has no value for this push")))
    }

    /// Variables of the author, filled in; one whose value is left out is not set.
    pub(crate) fn variables(
        &self,
        written: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, String)>, KindError> {
        let filled = |(name, text): (&String, &String)| {
            let value = self.optional_text(text).transpose()?;
            Some(value.map(|value| (name.clone(), value)))
        };
        written.iter().filter_map(filled).collect()
    }

    /// A directory below the root of the working copy. What a push says may stand in it, and cannot lead out of it.
    pub(super) fn directory(&self, text: &str) -> Result<String, KindError> {
        let path = self.text(text)?;
        let leads_out = path.starts_with('/') || path.split('/').any(|part| part == "..");
        if leads_out || path.chars().any(char::is_control) {
            let shown = path.escape_debug();
            return Err(KindError::Definition(format!(
                "the directory `{shown}` is not below the root of the working copy"
            )));
        }
        Ok(path)
    }

    fn optional_text(&self, text: &str) -> Result<Option<String>, KindError> {
        Ok(as_text(self.resolve(text)?))
    }

    /// An argument vector: absent optional arguments are left out, and a shell's script gets its values by variable.
    ///
    /// # Errors
    /// A placeholder without a value, and one by which somebody else would write what runs: as it is written, or as it has
    /// become with what others say.
    pub(crate) fn argv(&self, argv: &[String]) -> Result<ResolvedArgv, KindError> {
        let texts = program_texts(argv);
        let is_script = |index: usize| {
            let mut texts = texts.iter();
            texts.any(|text| text.index == index && text.role == Role::Script)
        };
        let mut resolved = ResolvedArgv::default();
        let mut written = Vec::new();
        for (index, argument) in argv.iter().enumerate() {
            let text = match is_script(index) {
                true => Some(self.script(argument, &mut resolved.environment)?),
                false => self.optional_text(argument)?,
            };
            written.extend(text.is_some().then_some(index));
            resolved.argv.extend(text);
        }
        for text in texts.iter().filter(|text| text.role != Role::Script) {
            is_own(text, &argv[text.index])?;
        }
        for text in program_texts(&resolved.argv) {
            let index = written[text.index];
            if !is_script(index) {
                is_own(&text, &argv[index])?;
            }
        }
        Ok(resolved)
    }

    fn script(&self, script: &str, environment: &mut Vec<(String, String)>) -> Result<String, KindError> {
        let template = Template::parse(script).map_err(KindError::from)?;
        let find = |path: &str| lookup::at_path(&self.facts, path).cloned();
        let mut text = String::new();
        for piece in template.pieces(&find).map_err(KindError::from)? {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Value(resolved) => {
                    let name = format!("SDM_VALUE_{}", environment.len() + 1);
                    text.push_str(&format!("${{{name}}}"));
                    environment.push((name, as_text(resolved).unwrap_or_default()));
                }
            }
        }
        Ok(text)
    }
}

/// Whether nobody but the author of the goal file writes an argument that decides what runs.
fn is_own(text: &ProgramText, written: &str) -> Result<(), KindError> {
    let is_meant = match text.role {
        Role::Program => is_free_text,
        Role::Script | Role::Code => may_be_foreign,
    };
    let template = Template::parse(written).map_err(KindError::from)?;
    match template.first_of(is_meant) {
        None => Ok(()),
        Some((_, path)) => Err(KindError::Definition(format!(
            "`${{{path}}}` would become what `{}` carries out, and is for others to say: give it as an argument or by `env`",
            text.reader
        ))),
    }
}

fn as_text(resolved: Resolved) -> Option<String> {
    match resolved {
        Resolved::Text(text) => Some(text),
        Resolved::Whole(value) => Some(value.to_string()),
        Resolved::Absent => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ym_23_a_branch_reaches_an_argument_as_data() {
        let placeholders = Placeholders::from_facts(json!({"branch": "$(rm -rf x)${sha}"}));
        let resolved = placeholders.argv(&words(&["echo", "on ${branch}"])).unwrap();
        assert_eq!(resolved.argv, words(&["echo", "on $(rm -rf x)${sha}"]));
    }

    #[test]
    fn ym_23_a_branch_reaches_a_shell_script_by_variable_only() {
        let placeholders = Placeholders::from_facts(json!({"branch": "$(rm -rf x)"}));
        let resolved = placeholders
            .argv(&words(&["/bin/bash", "-euc", "echo \"${branch}\" $HOME", "zero"]))
            .unwrap();
        assert_eq!(resolved.argv[2], "echo \"${SDM_VALUE_1}\" $HOME");
        assert_eq!(
            resolved.environment,
            vec![("SDM_VALUE_1".to_owned(), "$(rm -rf x)".to_owned())]
        );
    }

    #[test]
    fn ym_23_a_branch_is_never_what_an_interpreter_carries_out() {
        let placeholders = Placeholders::from_facts(json!({"branch": "-c", "sha": "12ab", "word": "x"}));
        let resolved = placeholders
            .argv(&words(&["timeout", "5", "bash", "-ceu", "echo ${branch}"]))
            .unwrap();
        assert_eq!(resolved.argv[4], "echo ${SDM_VALUE_1}");
        let plain = words(&["python3", "-c", "print('${sha}')", "${branch}"]);
        assert_eq!(placeholders.argv(&plain).unwrap().argv[2], "print('12ab')");
        for line in [
            &["python3", "-c", "print('${branch}')"][..],
            &["ssh", "host", "echo ${word}"],
            &["timeout", "5", "${branch}"],
            &["sudo", "sh", "-c", "${word}"],
            // What a word of somebody else turns the next one into.
            &["tool", "${branch}", "${word}"],
            &["sh", "${!nothing}", "-c", "${word}"],
            &["sh", "${sha:-c}", "${word}"],
        ] {
            let refused = placeholders.argv(&words(line));
            let is_shifted = line[1] == "${sha:-c}";
            assert!(refused.is_err() != is_shifted, "{line:?}: {refused:?}");
        }
        let error = placeholders
            .argv(&words(&["node", "-e", "${branch}"]))
            .unwrap_err();
        insta::assert_snapshot!(error, @"`${branch}` would become what `node` carries out, and is for others to say: give it as an argument or by `env`");
    }

    #[test]
    fn a_directory_cannot_lead_out_of_the_working_copy() {
        let placeholders =
            Placeholders::from_facts(json!({"part": "crates/a", "up": "a/../..", "root": "/etc"}));
        assert_eq!(placeholders.directory("${part}/src").unwrap(), "crates/a/src");
        assert_eq!(placeholders.directory("").unwrap(), "");
        for path in ["${up}", "${root}", "x/${up}"] {
            assert!(placeholders.directory(path).is_err(), "{path}");
        }
    }

    #[test]
    fn ym_13_an_absent_optional_argument_is_left_out() {
        let placeholders = Placeholders::from_facts(json!({}));
        let resolved = placeholders
            .argv(&words(&["make", "${!parameters.target}", "${x:all}"]))
            .unwrap();
        assert_eq!(resolved.argv, words(&["make", "all"]));
    }
}
