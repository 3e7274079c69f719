//! Evaluates expressions for one push.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use cel::common::types::CelBool;
use cel::common::value::Val;
use cel::{Context, ExecutionError, Value};
use serde_json::{Map, Value as Json};

use super::desk::{Asked, BUDGET, Desk, Reply, SharedDesk, lock};
use super::functions::context;
use super::{Expression, MAX_MESSAGE, facts};
use crate::model::Push;
use crate::rules::display::{cut, shown};
use crate::rules::patterns::glob;
use crate::rules::project::Project;
use crate::rules::push_test::{PlanningFacts, TestError};

/// Rounds of questions about the project, each of which evaluates once more.
const MAX_ROUNDS: usize = 64;

/// Longest file an expression may read, in bytes.
const MAX_FILE: usize = 1 << 20;

/// All files that expressions may read for one push, in bytes.
const MAX_FILES: usize = 32 << 20;

/// Longest value of an expression that is not a boolean, as JSON, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// All attached facts of a push, as JSON, in bytes.
const MAX_FACTS: usize = 16 << 10;

/// Most paths of one question.
const MAX_PATHS: usize = 10_000;

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// The expression failed.
    Execution(ExecutionError),
    /// A question about the project has no answer.
    Reply(TestError),
    /// It never stops asking.
    Rounds,
}

impl From<Failure> for TestError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Execution(error) => Self::Expression(reason(&error)),
            Failure::Reply(error) => error,
            Failure::Rounds => Self::Expression(format!(
                "it asks about the project more than {MAX_ROUNDS} times in a row"
            )),
        }
    }
}

/// Evaluates any number of expressions for one push. The context, which costs more than most evaluations, is made
/// when the first expression asks for it; replies of the project are shared by all.
#[derive(Default)]
pub struct Evaluator {
    context: OnceCell<Context<'static, 'static>>,
    desk: SharedDesk,
    attached: RefCell<Map<String, Json>>,
}

impl Evaluator {
    /// The value of an expression for this evaluator's push: always pass the same push, facts and project.
    ///
    /// # Errors
    /// The evaluation fails, exceeds its budget, or the project cannot be read.
    pub fn evaluate(
        &self,
        expression: &Expression,
        push: &Push,
        facts: &PlanningFacts,
        project: &Project<'_>,
    ) -> Result<bool, TestError> {
        let replied = |question: &Asked| self.reply(question, project);
        self.answering(expression, push, facts, replied, boolean)
            .map_err(TestError::from)
    }

    /// The value of an expression as JSON; keys of maps are sorted, so that equal pushes give equal values.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and a value of more than 64 KiB.
    pub fn value(
        &self,
        expression: &Expression,
        push: &Push,
        facts: &PlanningFacts,
        project: &Project<'_>,
    ) -> Result<Json, TestError> {
        let replied = |question: &Asked| self.reply(question, project);
        let value = self.answering(expression, push, facts, replied, json)?;
        if value.to_string().len() > MAX_VALUE {
            return Err(TestError::Expression(format!(
                "its value is larger than {} KiB",
                MAX_VALUE >> 10
            )));
        }
        Ok(value)
    }

    /// Makes a value known as `facts.<name>` from now on; a later one of the same name replaces it.
    ///
    /// # Errors
    /// All facts together would be larger than 16 KiB.
    pub fn attach(&self, name: &str, value: Json) -> Result<(), TestError> {
        let mut attached = self.attached.borrow_mut();
        attached.insert(name.to_owned(), value);
        match serde_json::to_string(&*attached).map_or(usize::MAX, |text| text.len()) > MAX_FACTS {
            true => Err(TestError::Expression(format!(
                "all facts together are larger than {} KiB",
                MAX_FACTS >> 10
            ))),
            false => Ok(()),
        }
    }

    /// The facts attached so far.
    pub fn attached(&self) -> Map<String, Json> {
        self.attached.borrow().clone()
    }

    fn reply(&self, question: &Asked, project: &Project<'_>) -> Result<Reply, TestError> {
        Ok(match question {
            Asked::HasFile(path) => Reply::Holds(project.has_file(path)?),
            Asked::Changed(pattern) => Reply::Holds(is_changed(pattern, project)?),
            Asked::Content(path) => Reply::Text(self.read(path, project)?),
            Asked::Files(pattern) => Reply::List(matching(pattern, project)?.into()),
            Asked::Directories(pattern) => Reply::List(directories(&matching(pattern, project)?).into()),
        })
    }

    /// Evaluates, answers what was asked, and evaluates again until there is a value.
    pub(super) fn answering<T>(
        &self,
        expression: &Expression,
        push: &Push,
        facts: &PlanningFacts,
        reply: impl Fn(&Asked) -> Result<Reply, TestError>,
        read: fn(&dyn Val) -> Result<T, ExecutionError>,
    ) -> Result<T, Failure> {
        let shared = self.context.get_or_init(|| context(push, facts, &self.desk));
        let mut context = shared.new_inner_scope();
        if expression.asks_facts() {
            context.add_variable_from_value("facts", facts::attached(&self.attached.borrow()));
        }
        self.begin(expression);
        for _ in 0..MAX_ROUNDS {
            let value = Value::resolve_val(&expression.tree, &context).and_then(|value| read(value.as_ref()));
            let error = match value {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let questions = std::mem::take(&mut self.desk().questions);
            if questions.is_empty() {
                return Err(Failure::Execution(error));
            }
            for question in questions {
                // Asked without holding the desk, which reading a file takes too.
                let answer = reply(&question).map_err(Failure::Reply)?;
                self.desk().replies.insert(question, answer);
            }
        }
        Err(Failure::Rounds)
    }

    fn begin(&self, expression: &Expression) {
        let mut desk = self.desk();
        desk.budget = BUDGET;
        desk.regexes = Arc::clone(&expression.regexes);
        desk.questions.clear();
    }

    fn read(&self, path: &str, project: &Project<'_>) -> Result<Arc<str>, TestError> {
        let content = project.content(path)?.unwrap_or_default();
        let mut desk = self.desk();
        desk.read = desk.read.saturating_add(content.len());
        let too_long = |limit: usize| {
            Err(TestError::Expression(format!(
                "reading {} passes the limit of {limit} bytes",
                shown(path)
            )))
        };
        if content.len() > MAX_FILE {
            return too_long(MAX_FILE);
        }
        if desk.read > MAX_FILES {
            return too_long(MAX_FILES);
        }
        Ok(String::from_utf8_lossy(&content).into())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }
}

/// Whether a changed file matches; unknown changes do (semantics 2.5).
fn is_changed(pattern: &str, project: &Project<'_>) -> Result<bool, TestError> {
    let matcher = glob(pattern)
        .map_err(|error| {
            TestError::Expression(format!("the glob `{}` is not valid: {error}", shown(pattern)))
        })?
        .compile_matcher();
    let changed = project.changed_files()?;
    Ok(changed.is_none_or(|changed| changed.iter().any(|path| matcher.is_match(path))))
}

/// The files that a glob matches, sorted.
fn matching(pattern: &str, project: &Project<'_>) -> Result<Vec<String>, TestError> {
    let matcher = glob(pattern)
        .map_err(|error| {
            TestError::Expression(format!("the glob `{}` is not valid: {error}", shown(pattern)))
        })?
        .compile_matcher();
    let files = project.files()?.iter().filter(|path| matcher.is_match(path));
    let found: Vec<String> = files.take(MAX_PATHS + 1).cloned().collect();
    if found.len() > MAX_PATHS {
        return Err(TestError::Expression(format!(
            "more than {MAX_PATHS} files match `{}`",
            shown(pattern)
        )));
    }
    Ok(found)
}

/// The directories of these files, each once, sorted; `.` for the root.
fn directories(files: &[String]) -> Vec<String> {
    let parents: BTreeSet<&str> = files
        .iter()
        .map(|path| path.rsplit_once('/').map_or(".", |(directory, _)| directory))
        .collect();
    parents.into_iter().map(str::to_owned).collect()
}

pub(super) fn json(value: &dyn Val) -> Result<Json, ExecutionError> {
    let value = Value::try_from(value)?;
    let mut json = value.json().map_err(|_| ExecutionError::UnexpectedType {
        got: value.type_of().to_string(),
        want: "a value that JSON has".to_owned(),
    })?;
    json.sort_all_objects();
    Ok(json)
}

pub(super) fn boolean(value: &dyn Val) -> Result<bool, ExecutionError> {
    match value.downcast_ref::<CelBool>() {
        Some(flag) => Ok(*flag.inner()),
        None => Err(ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "bool".to_owned(),
        }),
    }
}

/// An execution error as a person reads it; values it quotes may be of any length and content.
pub(super) fn reason(error: &ExecutionError) -> String {
    let text = match error {
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchKey(key) => format!("there is no key `{key}`; ask `has(…)` first"),
        ExecutionError::UnexpectedType { got, want } if want == "bool" => {
            format!("its value is of type {got}, not a boolean")
        }
        other => other.to_string(),
    };
    cut(&text, MAX_MESSAGE)
}
