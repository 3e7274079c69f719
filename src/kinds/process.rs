//! The process of a goal as its kind asks for it: steps in a working copy, carried out below one supervisor.

use std::time::Duration;

use serde_json::Value;

use crate::ports::executor::{OnFailure, Poll, StepSecrets, When};

/// The first argument by which this program knows that it is a step of a goal; the verb and the order's file follow.
pub const OWN: &str = "own";

/// The verb that becomes a command inside a sandbox; the command follows the order's file.
pub const SANDBOX: &str = "sandbox";

/// A process to run in a working copy.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessRequest {
    /// What to run, in order; at least one. Give names when there are several: they are the goal's phases.
    pub steps: Vec<Step>,
    /// Variables of all steps beside those of the contract.
    pub environment: Vec<(String, String)>,
    /// Longest run time of all steps together.
    pub timeout: Duration,
    /// Between TERM and KILL.
    pub grace: Duration,
}

/// One command of a goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is called; may be empty when it is the only one.
    pub name: String,
    /// What runs.
    pub command: Command,
    /// Directory below the root of the working copy; empty for the root.
    pub directory: String,
    /// Variables of this step alone.
    pub environment: Vec<(String, String)>,
    /// Whether it is of the goal's own work, and so may be given the goal's secrets.
    pub is_work: bool,
    /// What it is given in secret.
    pub secrets: StepSecrets,
    /// Whether it runs.
    pub when: When,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// Run it again until it ends with 0.
    pub poll: Option<Poll>,
    /// The code by which it ends the goal on purpose and well.
    pub stop_code: Option<i32>,
    /// The file in the output directory that it finds as `ATOMIST_RESULT`, when that is not the goal's.
    pub own_result: Option<String>,
    /// Whether an end of the goal that it reports in `result.json` leaves out the steps after it.
    pub heeds_result: bool,
}

/// What a step runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A program and its arguments.
    Program(Vec<String>),
    /// This program itself, by a verb of `own::VERBS`.
    Own {
        /// Which of them.
        verb: &'static str,
        /// What it is told: written to a private file, so it may hold what must not stand in arguments.
        order: Value,
    },
}

impl Step {
    /// A program that must end well, at the root of the working copy.
    pub fn program(name: &str, argv: Vec<String>) -> Self {
        Self::of(name, Command::Program(argv))
    }

    /// Our own program, that must end well, at the root of the working copy.
    pub fn own(name: &str, verb: &'static str, order: Value) -> Self {
        Self::of(name, Command::Own { verb, order })
    }

    fn of(name: &str, command: Command) -> Self {
        Self {
            name: name.to_owned(),
            command,
            directory: String::new(),
            environment: Vec::new(),
            is_work: false,
            secrets: StepSecrets::default(),
            when: When::default(),
            on_failure: OnFailure::default(),
            poll: None,
            stop_code: None,
            own_result: None,
            heeds_result: false,
        }
    }
}
