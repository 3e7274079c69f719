//! What the functions of a context share with the evaluator: the budget, questions and replies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cel::ExecutionError;
use regex::Regex;

use super::instrument::SIZED;

/// What one evaluation may spend: bytes of text made or searched, and [`STEP`] for every element of a loop.
pub(super) const BUDGET: u64 = 32 << 20;

/// What one element of a loop costs.
pub(super) const STEP: u64 = 64;

/// What an expression wants to know about the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    HasFile(String),
    Content(String),
    Changed(String),
    /// Files that a glob matches.
    Files(String),
    /// Directories of such files.
    Directories(String),
}

/// What it is told.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Holds(bool),
    Text(Arc<str>),
    List(Arc<[String]>),
}

/// What the functions of a context share with the evaluator.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) budget: u64,
    pub(super) regexes: Arc<HashMap<String, Regex>>,
    pub(super) questions: Vec<Asked>,
    pub(super) replies: HashMap<Asked, Reply>,
    pub(super) read: usize,
}

impl Desk {
    /// Takes a cost off the budget; once it is spent every further charge fails too.
    pub(super) fn charge(&mut self, cost: u64) -> Result<(), ExecutionError> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => {
                self.budget = 0;
                Err(ExecutionError::function_error(
                    SIZED,
                    "it would take too long for this push: it makes or searches too much text, or loops too often",
                ))
            }
        }
    }
}

/// A desk that outlives every borrow, as functions of a context must.
pub(super) type SharedDesk = Arc<Mutex<Desk>>;

/// Nothing panics while it holds the desk, so a poisoned one is still whole.
pub(super) fn lock(desk: &SharedDesk) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
