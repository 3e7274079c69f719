//! Placeholders of a goal, resolved for one push (semantics 7.6).
//!
//! A value from a push is data. In an argument it stands as it is; inside the script of a shell it would become
//! program text, so there it travels in a variable of the environment and the script refers to that (YM-23).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GoalContext, KindError, Policy};
use crate::kinds::lookup;
use crate::model::running::script_of_shell;
use crate::spec::placeholder::{Piece, Resolved, Template};

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
        let find = |path: &str| lookup::at_path(&self.facts, path).cloned();
        template.resolve(&find).map_err(KindError::from)
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
    pub(crate) fn argv(&self, argv: &[String]) -> Result<ResolvedArgv, KindError> {
        let script = script_of_shell(argv);
        let mut resolved = ResolvedArgv::default();
        for (index, argument) in argv.iter().enumerate() {
            if script == Some(index) {
                let text = self.script(argument, &mut resolved.environment)?;
                resolved.argv.push(text);
            } else {
                resolved.argv.extend(self.optional_text(argument)?);
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
