//! Placeholders of a goal, resolved for one push (semantics 7.6).
//!
//! A value from a push is data. In an argument it stands as it is; inside the script of a shell it would become
//! program text, so there it travels in a variable of the environment and the script refers to that (YM-23).

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GoalContext, KindError, Policy};
use crate::kinds::lookup;
use crate::kinds::scripts::Scripts;
use crate::model::program_text::{
    ProgramText, Role, is_flag, program_texts, taken_for_flags, texts_for_image,
};
use crate::spec::foreign::{Foreign, foreign_texts_filled, foreign_texts_read, foreign_value, read_texts};
use crate::spec::placeholder::{Piece, Resolved, Template, may_be_foreign};

/// Resolves texts against the facts of one goal.
pub(crate) struct Placeholders {
    facts: Value,
}

/// Arguments and the variables they refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedArgv {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// The arguments as they are written; nothing for a script, in which no value is left.
    pub(crate) written: Vec<String>,
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

    /// A text for people, in which a list or map that is all of it stands in words.
    pub(super) fn words(&self, text: &str) -> Result<String, KindError> {
        match self.resolve(text)? {
            Resolved::Text(text) => Ok(text),
            Resolved::Whole(value) => Ok(in_words(&value)),
            Resolved::Absent => Err(KindError::Definition(format!(
                "`{text}` has no value for this push"
            ))),
        }
    }

    /// Variables of the author, filled in; one whose value is left out is not set.
    pub(crate) fn variables(
        &self,
        written: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, String)>, KindError> {
        let filled = |(name, text): (&String, &String)| {
            let value = self.variable(name, text).transpose()?;
            Some(value.map(|value| (name.clone(), value)))
        };
        written.iter().filter_map(filled).collect()
    }

    /// The value of a variable of the author, filled in; one that decides what programs load is nobody else's to say,
    /// whenever its definition was stored (threat D9).
    pub(crate) fn variable(&self, name: &str, text: &str) -> Result<Option<String>, KindError> {
        if let Some(foreign) = foreign_value(name, text) {
            return Err(refused(&foreign));
        }
        self.optional_text(text)
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

    pub(super) fn optional_text(&self, text: &str) -> Result<Option<String>, KindError> {
        Ok(as_text(self.resolve(text)?))
    }

    /// An argument vector: absent optional arguments are left out, and a shell's script gets its values by variable.
    ///
    /// # Errors
    /// A placeholder without a value, and one by which somebody else would write what runs: as it is written, or as it has
    /// become with what others say.
    pub(crate) fn argv(&self, argv: &[String]) -> Result<ResolvedArgv, KindError> {
        self.argv_beside(argv, &[])
    }

    /// The same beside variables of the author, which scripts have in their environment; later ones win.
    ///
    /// # Errors
    /// Those of [`Placeholders::argv`].
    pub(crate) fn argv_beside(
        &self,
        argv: &[String],
        variables: &[&BTreeMap<String, String>],
    ) -> Result<ResolvedArgv, KindError> {
        self.argv_as(argv, program_texts, variables)
    }

    /// Arguments for whatever an image runs by itself, beside variables of the author.
    ///
    /// # Errors
    /// Those of [`Placeholders::argv`].
    pub(crate) fn arguments_of_image(
        &self,
        args: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<ResolvedArgv, KindError> {
        self.argv_as(args, texts_for_image, &[variables])
    }

    fn argv_as(
        &self,
        argv: &[String],
        texts_of: fn(&[String]) -> Vec<ProgramText>,
        variables: &[&BTreeMap<String, String>],
    ) -> Result<ResolvedArgv, KindError> {
        let texts = texts_of(argv);
        let mut read = read_texts(argv, &texts);
        let mut scripts = Scripts::beside(self, variables);
        if let Some(foreign) = foreign_texts_read(argv, &read, &scripts.foreign()).first() {
            return Err(refused(foreign));
        }
        let is_script = |index: usize| {
            let mut texts = texts.iter();
            texts.any(|text| text.index == index && text.role == Role::Script)
        };
        let mut resolved = ResolvedArgv::default();
        for (index, argument) in argv.iter().enumerate() {
            let mut read = read.iter_mut();
            let text = read.find(|(text, _)| text.index == index && text.is_script);
            if let Some(script) = text.and_then(|(_, script)| script.take()) {
                scripts.add(resolved.argv.len(), script, argument);
            }
            let text = match is_script(index) {
                true => Some(self.script(argument, &mut resolved.environment)?),
                false => self.optional_text(argument)?,
            };
            resolved
                .written
                .extend(text.is_some().then(|| match is_script(index) {
                    true => String::new(),
                    false => argument.clone(),
                }));
            resolved.argv.extend(text);
        }
        if let Some(index) = taken_for_flag(&resolved, &texts_of(&resolved.written)) {
            return Err(KindError::Definition(format!(
                "`{}` begins with `-` and would be taken for a flag, and `{}` is for others to say: put `--` or a flag of its own before it",
                resolved.argv[index].escape_debug(),
                resolved.written[index],
            )));
        }
        scripts.check(&resolved)?;
        // What a word of somebody else is may turn the next one into something.
        match foreign_texts_filled(&resolved.written, texts_of(&resolved.argv)).first() {
            Some(foreign) => Err(refused(foreign)),
            None => Ok(resolved),
        }
    }

    /// What a fact is.
    pub(super) fn find(&self, path: &str) -> Option<Value> {
        lookup::at_path(&self.facts, path).cloned()
    }

    fn script(&self, script: &str, environment: &mut Vec<(String, String)>) -> Result<String, KindError> {
        let template = Template::parse(script).map_err(KindError::from)?;
        let find = |path: &str| self.find(path);
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

/// The argument that others have made a flag of its author's program: it begins with what they say, and nothing before it says
/// that it is none.
fn taken_for_flag(resolved: &ResolvedArgv, texts: &[ProgramText]) -> Option<usize> {
    let written: Vec<&str> = resolved.written.iter().map(String::as_str).collect();
    let is_foreign =
        |written: &str| Template::parse(written).is_ok_and(|template| template.begins_with(may_be_foreign));
    let mut taken = taken_for_flags(&written, texts);
    taken.find(|index| is_flag(&resolved.argv[*index]) && is_foreign(written[*index]))
}

fn refused(foreign: &Foreign) -> KindError {
    KindError::Definition(format!("{}: {}", foreign.message, foreign.hint))
}

/// A value as people would say it: `name: Ada, email: ada@example.com`.
fn in_words(value: &Value) -> String {
    let below = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => format!("({})", in_words(value)),
        _ => in_words(value),
    };
    let listed = |words: Vec<String>| match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(", "),
    };
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => listed(items.iter().map(below).collect()),
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let said = |(key, value): (&String, &Value)| format!("{key}: {}", below(value));
            listed(entries.map(said).collect())
        }
    }
}

pub(super) fn as_text(resolved: Resolved) -> Option<String> {
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
    fn people_get_lists_and_maps_in_words() {
        let facts = json!({"push": {"author": {"name": "Ada", "email": "a@b"}, "before": null}, "goals": {"build":
            {"data": {"images": ["app:1", {"name": "web", "tag": null}], "size": 3, "none": []}}}});
        let placeholders = Placeholders::from_facts(facts);
        let said = |text: &str| placeholders.words(text).unwrap();
        assert_eq!(said("${push.author}"), "name: Ada, email: a@b");
        assert_eq!(
            said("${goals.build.data}"),
            "images: (app:1, (name: web)), size: 3, none: (nothing)"
        );
        assert_eq!(said("by ${push.author.name}"), "by Ada");
        assert!(placeholders.words("${!push.before}").is_err());
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
        insta::assert_snapshot!(error, @"`node` carries out what stands here, and `${branch}` would let others choose it: let the code take it from an argument of its own behind it, or from a variable set by `env`");
    }

    #[test]
    fn ym_23_a_value_does_not_become_a_flag_of_the_authors_program() {
        let placeholders =
            Placeholders::from_facts(json!({"word": "--force", "n": -5, "sha": "-a", "plain": "a -b"}));
        for line in [
            &["tool", "${word}"][..],
            &["tool", "x", "${word}/y"],
            &["tool", "${plain}", "${word}"],
            &["node", "x.js", "${word}"],
            &["rm", "-rf", "${word}"],
            &["tar", "-x", "${word}"],
            &["python3", "-m", "x", "${word}"],
        ] {
            let error = placeholders.argv(&words(line)).unwrap_err().to_string();
            assert!(error.contains("would be taken for a flag"), "{line:?}: {error}");
        }
        for line in [
            &["tool", "--", "${word}"][..],
            &["tool", "--message", "${word}"],
            &["tool", "x${word}"],
            &["git", "commit", "-m", "${word}"],
            &["echo", "${word}"],
            &["tool", "${n}", "${sha}", "${plain}"],
            &["sh", "-c", "tool -- \"$1\"", "x", "${word}"],
            &["sh", "-c", "echo \"$1\"", "x", "${word}"],
            &["python3", "-c", "f()", "${word}"],
        ] {
            assert!(placeholders.argv(&words(line)).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn a2_a_value_does_not_become_a_flag_of_a_program_of_a_script() {
        let facts =
            json!({"word": "--to-command=x", "plain": "a", "branch": "main", "parameters": {"x": "-y"}});
        let placeholders = Placeholders::from_facts(facts);
        let variables = BTreeMap::from([
            ("W".to_owned(), "${word}".to_owned()),
            ("V".to_owned(), "-v".to_owned()),
        ]);
        let ask = |line: &[&str]| placeholders.argv_beside(&words(line), &[&variables]);
        for line in [
            &["sh", "-c", "tar cf o a \"$1\"", "sh", "${word}"][..],
            &[
                "sh",
                "-c",
                "tar cf o a \"$2\"",
                "sh",
                "${!nothing}",
                "${plain}",
                "${word}",
            ],
            &["bash", "-c", "tool \"$@\"", "sh", "${plain}", "${word}/x"],
            &["sh", "-c", "tar cf o $W"],
            &["sh", "-c", "tool \"$SDM_PARAMETER_X\""],
            &["sh", "-c", "tar cf o ${word}"],
            &["env", "X=${word}", "sh", "-c", "tool \"$X\""],
            &["sudo", "sh", "-c", "tar cf o \"$1\"", "sh", "${word}"],
            &["timeout", "5", "bash", "-c", "x=$1; rm \"$x\"", "sh", "${word}"],
        ] {
            let error = ask(line).unwrap_err().to_string();
            assert!(
                error.contains("in line 1 of the script would take `-"),
                "{line:?}: {error}"
            );
        }
        for line in [
            &["sh", "-c", "tar cf o a -- \"$1\"", "sh", "${word}"][..],
            &["sh", "-c", "tar cf o a \"$1\"", "sh", "${plain}"],
            &["sh", "-c", "tool \"$1\"", "sh", "-a"],
            &["sh", "-c", "tool \"$1\"", "sh", "--to=${word}"],
            &["sh", "-c", "tool \"$V\" \"./$W\"; echo \"$W\" ${word}"],
            &["sh", "-c", "tool \"$ATOMIST_BRANCH\""],
        ] {
            assert!(ask(line).is_ok(), "{line:?}: {:?}", ask(line));
        }
        for (script, way) in [
            ("tool --force \"$1\"", "`--force=…`; otherwise put `--` before it"),
            ("tool -f \"$1\"", "the long name of that flag"),
            ("tool \"$1\"", "begin the argument with something of your own"),
        ] {
            let error = ask(&["sh", "-c", script, "sh", "${word}"]).unwrap_err();
            assert!(error.to_string().contains(way), "{script}: {error}");
        }
        let error = ask(&["sh", "-c", "set -e\ntar cf o a \"$1\"", "sh", "${word}"]).unwrap_err();
        insta::assert_snapshot!(error, @"`tar` in line 2 of the script would take `--to-command=x` for a flag, and `${word}` is for others to say: put `--` before it, or begin the argument with something of your own, such as `./`");
    }

    #[test]
    fn d8_what_a_script_carries_out_is_asked_once_more_when_a_goal_begins() {
        let placeholders = Placeholders::from_facts(json!({"word": "x"}));
        let variables = BTreeMap::from([("W".to_owned(), "${word}".to_owned())]);
        let line = words(&["sh", "-c", "eval \"$W\""]);
        assert!(placeholders.argv_beside(&line, &[&variables]).is_err());
        assert!(placeholders.argv(&line).is_ok());
        let line = words(&["sh", "-c", "eval \"$1\"", "sh", "${word}"]);
        assert!(placeholders.argv(&line).is_err());
    }

    #[test]
    fn d9_variables_that_decide_what_programs_load_are_asked_once_more_when_a_goal_begins() {
        let placeholders = Placeholders::from_facts(json!({"word": "x", "sha": "12ab", "home": "/h"}));
        for (name, text) in [
            ("LD_PRELOAD", "${word}"),
            ("PATH", "${sha}"),
            ("RUSTFLAGS", "-C ${word}"),
        ] {
            assert!(placeholders.variable(name, text).is_err(), "{name}");
        }
        for (name, text) in [
            ("WORD", "${word}"),
            ("PATH", "${home}/bin"),
            ("RUSTFLAGS", "${sha}"),
        ] {
            assert!(placeholders.variable(name, text).is_ok(), "{name}");
        }
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
            .argv(&words(&["deploy", "${!parameters.target}", "${x:all}"]))
            .unwrap();
        assert_eq!(resolved.argv, words(&["deploy", "all"]));
    }
}
