//! What the author of a transform writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::KindError;
use super::super::auto_merge::{AUTO_MERGE, AUTO_MERGE_METHOD, AutoMerge};
use super::super::part_tests::{self, Part};
use super::super::resolve::Placeholders;
use super::super::{part_names, read};
use super::message;
use crate::model::command::normalised_branch;
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{ArgumentProblems, BranchName, Field, FieldPath, RepoSlug, TestExpression, ValueType};
use crate::spec::placeholder::{Template, Written as Stretch};

/// The branch where its author names none.
const OWN_BRANCH: &str = "transform/${goal.name}";

/// The same as it is written in a goal file.
const OWN_BRANCH_WRITTEN: &str = "\"transform/${goal.name}\"";

/// What placeholders of the branch may begin with: what is known before there is a commit.
const KNOWN_OF_BRANCH: [&str; 3] = ["parameters", "repo", "goal"];

const STEP_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    Field::new(
        "test",
        ValueType::Test,
        "a push test on the commit it begins with: without it this program is left out",
    ),
];

/// What is run, and how; shared with generators.
pub(in crate::kinds) const RUN: Field = Field::new(
    "run",
    ValueType::Argv,
    "program and arguments that change the working copy",
);

/// Several programs.
pub(in crate::kinds) const STEPS: Field = Field::new(
    "steps",
    ValueType::List(&ValueType::Fields(STEP_FIELDS)),
    "several programs, in order, where `run` is not used; the first that fails is the last",
);

/// What the commit says.
pub(in crate::kinds) const MESSAGE: Field = Field::new(
    "message",
    ValueType::Text,
    "what the commit says; the description of the command when absent; placeholders allowed",
);

/// Whose commit it is.
pub(in crate::kinds) const AUTHOR: Field = Field::new(
    "author",
    ValueType::Text,
    "whose commit it is, as `Name <address>`; the machine's when absent; placeholders allowed",
);

/// Longest run time of everything.
pub(in crate::kinds) const TIMEOUT_OF_ALL: Field = Field {
    help: "longest run time of all programs together",
    ..TIMEOUT
};

pub(super) static FIELDS: &[Field] = &[
    RUN,
    STEPS,
    Field::new(
        "presentation",
        ValueType::Choice(&["branch", "commit", "pull_request"]),
        "where the commit goes: to a branch of its own, to the branch it was made on, or to one of its own that asks to be merged",
    )
    .default("branch"),
    Field::new(
        "branch",
        ValueType::Text,
        "the branch of its own; placeholders that begin with `parameters`, `repo` and `goal` allowed. Where it is there \
         already and not merged the transform goes on with it",
    )
    .default(OWN_BRANCH_WRITTEN)
    .not_empty(),
    AUTO_MERGE,
    AUTO_MERGE_METHOD,
    MESSAGE,
    AUTHOR,
    TIMEOUT_OF_ALL,
    GRACE,
    ENV,
    DIRECTORY,
];

/// One program as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(in crate::kinds) struct Written {
    pub(in crate::kinds) name: String,
    pub(in crate::kinds) run: Vec<String>,
    #[serde(default)]
    test: Option<TestExpression>,
}

impl Written {
    /// It with its test.
    pub(in crate::kinds) fn part(&self) -> Part<'_> {
        (&self.name, self.test.as_ref())
    }
}

/// Where the commit goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Presentation {
    /// To a branch of its own.
    #[default]
    Branch,
    /// To the branch it was made on.
    Commit,
    /// To a branch of its own that asks to be merged.
    PullRequest,
}

/// The programs and how they run; of transforms and of generators.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::kinds) struct Programs {
    run: Vec<String>,
    steps: Vec<Written>,
    message: Option<String>,
    author: String,
    /// What the command says of itself; put here by the engine, since a goal does not know its command.
    description: String,
    timeout: Option<u64>,
    grace: Option<u64>,
    pub(in crate::kinds) env: BTreeMap<String, String>,
    pub(in crate::kinds) directory: String,
}

impl Programs {
    /// # Errors
    /// What makes no sense.
    pub(in crate::kinds) fn read(kind: &str, arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = ArgumentProblems::default();
        let steps = FieldPath::to("steps");
        if !read.run.is_empty() && !read.steps.is_empty() {
            let message = format!("`{kind}` has both `run` and `steps`");
            problems.add(&steps, "conflicting_keys", message, "make `run` one of the steps");
        }
        let names = read.steps.iter().map(|step| step.name.as_str());
        problems.extend(part_names::check(&steps, "step", names));
        problems.extend(part_tests::check(&steps, read.steps.iter().map(Written::part)));
        problems.none_or(read)
    }

    /// What is wrong with the commit as far as it is known before anybody asks for it.
    pub(in crate::kinds) fn check_commit(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let message = self.message.as_deref().map(message::check);
        if let Some(Err(why)) = message {
            let hint = "write what the commit does, or remove `message`";
            problems.add(&FieldPath::to("message"), "invalid_message", why, hint);
        }
        if let Err(why) = message::check_author(&self.author) {
            let hint = "write `Ada Lovelace <ada@example.com>`, or remove `author`: then it is the machine's";
            problems.add(&FieldPath::to("author"), "invalid_author", why, hint);
        }
        problems
    }

    /// The programs; the only one is called like the goal.
    pub(in crate::kinds) fn all(&self, goal: &str) -> Vec<Written> {
        match self.run.is_empty() {
            true => self.steps.clone(),
            false => vec![Written {
                name: goal.to_owned(),
                run: self.run.clone(),
                test: None,
            }],
        }
    }

    pub(in crate::kinds) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.steps.is_empty()
    }

    /// What the commit says before the marks.
    pub(in crate::kinds) fn text(
        &self,
        goal: &str,
        placeholders: &Placeholders,
    ) -> Result<String, KindError> {
        match (&self.message, self.description.is_empty()) {
            (Some(message), _) => placeholders.text(message),
            (None, false) => Ok(self.description.clone()),
            (None, true) => Ok(goal.to_owned()),
        }
    }

    pub(in crate::kinds) fn author(&self, placeholders: &Placeholders) -> Result<String, KindError> {
        match self.author.is_empty() {
            true => Ok(String::new()),
            false => placeholders.text(&self.author),
        }
    }

    pub(in crate::kinds) fn timeout(&self) -> Duration {
        running::timeout(self.timeout)
    }

    pub(in crate::kinds) fn grace(&self) -> Duration {
        running::grace(self.grace)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    pub(super) presentation: Presentation,
    branch: String,
}

impl Arguments {
    /// What has no effect.
    pub(super) fn unused(&self) -> ArgumentProblems {
        if self.presentation != Presentation::Commit || matches!(self.branch.as_str(), "" | OWN_BRANCH) {
            return ArgumentProblems::default();
        }
        let message = "with `presentation: commit` there is no branch of its own";
        let hint = "remove `branch`, or write `presentation: branch`";
        ArgumentProblems::one(&FieldPath::to("branch"), "conflicting_keys", message, hint)
    }

    /// # Errors
    /// What makes no sense.
    pub(super) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = branch_problems(&read.branch);
        let merge = AutoMerge::read(arguments, read.presentation == Presentation::PullRequest);
        problems.extend(merge.err().unwrap_or_default());
        problems.none_or(read)
    }
}

/// What cannot be the branch, as far as it is known before anybody asks for it.
fn branch_problems(written: &str) -> ArgumentProblems {
    let field = FieldPath::to("branch");
    let wrong = |code: &str, message: String, hint: &str| ArgumentProblems::one(&field, code, message, hint);
    let template = match Template::parse(written) {
        Ok(template) => template,
        Err(error) => return wrong("invalid_placeholder", error.to_string(), ""),
    };
    let is_known = |path: &str| KNOWN_OF_BRANCH.contains(&path.split('.').next().unwrap_or_default());
    if let Some(path) = template.paths().into_iter().find(|path| !is_known(path)) {
        let message = format!("`branch` cannot ask for `${{{path}}}`, which needs a commit");
        let hint =
            "which branch it is must be known before there is a commit: use `parameters`, `repo` or `goal`";
        return wrong("invalid_placeholder", message, hint);
    }
    // What placeholders become is seen when it is known; with the plainest of names it must be one.
    let stretch = |written: &Stretch<'_>| match *written {
        Stretch::Text(text) => text.to_owned(),
        Stretch::Placeholder { .. } => "x".to_owned(),
    };
    let text: String = template.written().iter().map(stretch).collect();
    match branch_called(&text) {
        Err(because) if !written.is_empty() => wrong("invalid_branch", because, "write another name"),
        Err(_) | Ok(_) => ArgumentProblems::default(),
    }
}

/// The branch of this very name: nothing in it is mended.
fn branch_called(text: &str) -> Result<BranchName, String> {
    match text {
        "HEAD" => Err("`HEAD` cannot be the name of a branch: git means something else by it".to_owned()),
        _ => BranchName::parse(text).map_err(|error| error.to_string()),
    }
}

/// Whether a transform of these arguments asks for its branch to be merged.
pub fn asks_to_merge(arguments: &Value) -> bool {
    Arguments::read(arguments).is_ok_and(|read| read.presentation == Presentation::PullRequest)
}

/// The branch of its own that a transform of these arguments leaves its commit on; `None` when it goes to the branch that
/// it was made on.
///
/// # Errors
/// It has no legal name with these parameters.
pub fn own_branch(
    arguments: &Value,
    parameters: &Map<String, Value>,
    repo: &RepoSlug,
    command: &str,
) -> Result<Option<BranchName>, KindError> {
    let read = Arguments::read(arguments)?;
    if read.presentation == Presentation::Commit {
        return Ok(None);
    }
    let facts = json!({
        "parameters": parameters,
        "repo": {"owner": repo.owner, "name": repo.name},
        // Commands are called as people like; what somebody gives as a branch is meant as it is.
        "goal": {"name": normalised_branch(command)},
    });
    let text = Placeholders::from_facts(facts).text(&read.branch)?;
    branch_called(&text).map(Some).map_err(KindError::Definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(arguments: &Value) -> Result<Option<String>, String> {
        let parameters = Map::from_iter([("to".to_owned(), json!("v2 (new)"))]);
        own_branch(arguments, &parameters, &RepoSlug::new("acme", "app"), "new logo")
            .map(|branch| branch.map(|branch| branch.to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn cm_05_the_branch_of_a_transform_is_normalised_and_known_beforehand() {
        let own = branch(&json!({"branch": "transform/${goal.name}"}));
        assert_eq!(own.unwrap().as_deref(), Some("transform/new_logo"));
        let own = branch(&json!({"branch": "${repo.owner}/${goal.name}"}));
        assert_eq!(own.unwrap().as_deref(), Some("acme/new_logo"));
        let given = branch(&json!({"branch": "${parameters.to}"})).unwrap_err();
        assert!(given.contains("v2 (new)"), "what is given is not mended: {given}");
        for wrong in [
            "a b",
            "x.lock",
            "HEAD",
            "a//b",
            "${parameters.to}.lock",
            "-${parameters.to}",
        ] {
            let found = Arguments::read(&json!({"branch": wrong}));
            assert!(found.is_err(), "{wrong}");
        }
        assert_eq!(
            branch(&json!({"presentation": "commit", "branch": "x"})),
            Ok(None)
        );
        assert!(
            branch(&json!({"branch": "${push.branch}"}))
                .unwrap_err()
                .contains("needs a commit")
        );
        assert!(branch(&json!({"branch": "///"})).is_err());
    }

    #[test]
    fn cm_06_a_transform_is_one_program_or_several() {
        let read = |arguments: Value| Programs::read("transform", &arguments);
        let one = read(json!({"run": ["x"]})).unwrap();
        assert_eq!(one.all("logo")[0].name, "logo");
        let several = json!({"steps": [{"name": "a", "run": ["x"]}, {"name": "b", "run": ["y"]}]});
        assert_eq!(read(several).unwrap().all("logo").len(), 2);
        assert!(read(json!({})).unwrap().is_empty());
        for wrong in [
            json!({"run": ["x"], "steps": [{"name": "a", "run": ["x"]}]}),
            json!({"steps": [{"name": "a", "run": ["x"]}, {"name": "a", "run": ["x"]}]}),
            json!({"steps": [{"name": "a\nb", "run": ["x"]}]}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
