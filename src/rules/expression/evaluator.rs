//! Evaluates expressions for one push.

use std::cell::OnceCell;
use std::sync::{Arc, MutexGuard};

use cel::common::types::CelBool;
use cel::{Context, ExecutionError, Value};

use super::desk::{Asked, BUDGET, Desk, Reply, SharedDesk, lock};
use super::functions::context;
use super::{Expression, MAX_MESSAGE};
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

/// Evaluates any number of expressions for one push. The context, which costs more than most evaluations, is made
/// when the first expression asks for it; replies of the project are shared by all.
#[derive(Default)]
pub struct Evaluator {
    context: OnceCell<Context<'static, 'static>>,
    desk: SharedDesk,
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
        let replied = |question: &Asked| {
            Ok(match question {
                Asked::HasFile(path) => Reply::Holds(project.has_file(path)?),
                Asked::Changed(pattern) => Reply::Holds(is_changed(pattern, project)?),
                Asked::Content(path) => Reply::Text(self.read(path, project)?),
            })
        };
        self.answering(expression, push, facts, replied)
            .map_err(|failure| match failure {
                Failure::Execution(error) => TestError::Expression(reason(&error)),
                Failure::Reply(error) => error,
                Failure::Rounds => TestError::Expression(format!(
                    "it asks about the project more than {MAX_ROUNDS} times in a row"
                )),
            })
    }

    /// Evaluates, answers what was asked, and evaluates again until there is a value.
    pub(super) fn answering(
        &self,
        expression: &Expression,
        push: &Push,
        facts: &PlanningFacts,
        reply: impl Fn(&Asked) -> Result<Reply, TestError>,
    ) -> Result<bool, Failure> {
        let context = self.context.get_or_init(|| context(push, facts, &self.desk));
        self.begin(expression);
        for _ in 0..MAX_ROUNDS {
            let error = match run(expression, context) {
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

fn run(expression: &Expression, context: &Context<'static, 'static>) -> Result<bool, ExecutionError> {
    let value = Value::resolve_val(&expression.tree, context)?;
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
