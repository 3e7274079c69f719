//! What a push test is: a question about a push with its cost, its answer and the reason.

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use super::expression::Evaluator;
use super::patterns::{PatternId, PatternSet};
use super::project::Project;
use super::view::{ForgeView, ViewError};
use crate::model::{Descriptor, GoalTrigger, Push};

/// What planning knows besides the push and its project.
#[derive(Debug, Clone, Default)]
pub struct PlanningFacts {
    /// The machine runs without a hub.
    pub local_mode: bool,
    /// The machine's preferences as expressions see them; `null` reads as none.
    pub preferences: Value,
    /// The goal because of which rules are asked; `None` when it is the push itself.
    pub trigger: Option<GoalTrigger>,
    /// The forges that are connected; `None` where none is.
    pub forges: Option<Arc<dyn ForgeView>>,
}

/// How expensive an answer is; cheaper tests are asked first (semantics 2.6 DECISION).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// From the push alone.
    Cheap,
    /// From the event that caused the evaluation.
    Event,
    /// From a service or the store.
    Lookup,
    /// From the tree or the changes.
    Content,
}

/// One push as tests are asked about it.
pub struct Question<'a> {
    /// The push.
    pub push: &'a Push,
    /// What else is known.
    pub facts: &'a PlanningFacts,
    /// Its tree and changes, opened only when a test asks.
    pub project: &'a Project<'a>,
    /// Evaluates expressions over all of these.
    pub evaluator: &'a Evaluator,
}

impl Question<'_> {
    /// The forge that the repository is at.
    ///
    /// # Errors
    /// Where the repository is from cannot be read.
    pub(super) fn forge(&self) -> Result<Option<&dyn ForgeView>, ViewError> {
        let Some(forges) = self.facts.forges.as_deref() else {
            return Ok(None);
        };
        Ok(forges.knows(self.push)?.then_some(forges))
    }

    /// What is said where it is at none.
    pub(super) fn at_no_forge(&self) -> Answer {
        Answer::no(format!(
            "{} is at no forge that is connected",
            self.push.repo.slug
        ))
    }
}

/// Whether a test holds, and the fact that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it holds.
    pub holds: bool,
    /// A sentence without a full stop, fit for people.
    pub because: String,
}

impl Answer {
    /// One of two reasons.
    pub fn either(holds: bool, if_true: impl FnOnce() -> String, if_false: impl FnOnce() -> String) -> Self {
        let because = if holds { if_true() } else { if_false() };
        Self { holds, because }
    }

    /// Holds.
    pub fn yes(because: impl Into<String>) -> Self {
        Self {
            holds: true,
            because: because.into(),
        }
    }

    /// Does not hold.
    pub fn no(because: impl Into<String>) -> Self {
        Self {
            holds: false,
            because: because.into(),
        }
    }
}

/// Why a test has no answer. Never read as false (semantics 2.4 DECISION).
#[derive(Debug, Error)]
pub enum TestError {
    /// The project cannot be read, or the forge does not say.
    #[error(transparent)]
    View(#[from] ViewError),
    /// An expression cannot be evaluated; the reason, fit for people.
    #[error("failed to evaluate the expression: {0}")]
    Expression(String),
}

/// What can be said about a test before there is a push (semantics 2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foresight {
    /// Repository, branch and mode decide.
    Known,
    /// The commits, the tree or a look-up decide.
    Open,
    /// It may ask anything: nothing is said about it.
    Opaque,
}

/// A compiled push test: pure, and asked at most once per evaluation unless facts change.
pub trait PushTest: Debug + Send + Sync {
    /// What an answer costs.
    fn cost(&self) -> Cost {
        Cost::Cheap
    }

    /// Whether it can be answered before there is a push.
    fn foresight(&self) -> Foresight {
        Foresight::Open
    }

    /// Whether the answer depends on facts, which change from rule to rule.
    fn asks_facts(&self) -> bool {
        false
    }

    /// Whether it asks about the goal because of which rules are asked. Such a test reads nothing of the project.
    fn asks_goal(&self) -> bool {
        false
    }

    /// Whether that goal may be one of another machine.
    fn asks_foreign_goal(&self) -> bool {
        false
    }

    /// Answers for one push.
    ///
    /// # Errors
    /// The answer cannot be known.
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError>;
}

/// Why arguments make no test: a message, and an instruction where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// Globs that tests register while they are built, and what expressions may name.
#[derive(Debug, Default)]
pub struct PatternsBuilder {
    /// Against all files of the tree.
    pub tree: PatternSet,
    /// Against the changed files.
    pub changed: PatternSet,
    /// Names of the facts that earlier rules attach, for expressions.
    pub facts: Vec<String>,
}

impl PatternsBuilder {
    /// Registers globs over the changed files.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn over_changes<S: AsRef<str>>(
        &mut self,
        globs: impl IntoIterator<Item = S>,
    ) -> Result<Vec<PatternId>, String> {
        register(&mut self.changed, globs)
    }

    /// Registers globs over the files of the tree.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn over_tree<S: AsRef<str>>(
        &mut self,
        globs: impl IntoIterator<Item = S>,
    ) -> Result<Vec<PatternId>, String> {
        register(&mut self.tree, globs)
    }
}

fn register<S: AsRef<str>>(
    set: &mut PatternSet,
    globs: impl IntoIterator<Item = S>,
) -> Result<Vec<PatternId>, String> {
    globs
        .into_iter()
        .map(|glob| {
            set.add(glob.as_ref())
                .map_err(|error| format!("the glob `{}` is not valid: {error}", glob.as_ref()))
        })
        .collect()
}

/// Makes a test of canonical arguments.
pub type Build = fn(&Value, &mut PatternsBuilder) -> Result<Box<dyn PushTest>, Refusal>;

/// One line of the table of push tests.
#[derive(Debug)]
pub struct Registration {
    /// What it is called, takes and means.
    pub descriptor: Descriptor,
    /// How it is made.
    pub build: Build,
}
