//! What this program does itself as a step of a goal: `sdm own VERB FILE`, below a supervisor, so that it survives a
//! restart of the daemon as any command does.
//!
//! A new verb is one file and one line in [`VERBS`]. It is told what to do by a private file, has what every command of
//! a goal has (the environment contract, the working copy, a log through its output) and answers by its exit code.

mod autofix;
mod containers;
mod files;
mod hook;
mod inspect;
mod mock;
mod programs;
mod react;
mod reports;
mod sandbox;
mod transform;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use crate::kinds;
use crate::kinds::process::OWN;
use crate::ports::scm::ScmError;

/// Largest order in bytes.
const LARGEST_ORDER: u64 = 64 * 1024 * 1024;

/// Carries out an order; what it says goes to the log of the goal.
pub type Verb = fn(order: &Path) -> ExitCode;

/// Every verb there is.
pub static VERBS: &[(&str, Verb)] = &[
    (kinds::mock::VERB, mock::run),
    (kinds::autofix::order::VERB, autofix::run),
    (kinds::transform::order::VERB, transform::run),
    (kinds::inspect::order::VERB, inspect::run),
    (kinds::react::order::VERB, react::run),
    (kinds::containers::VERB, containers::run),
    (kinds::listeners::HOOK_VERB, hook::run),
    (kinds::process::SANDBOX, sandbox::run),
    (crate::ports::kept::RESTORE_VERB, files::restore),
    (crate::ports::kept::KEEP_VERB, files::keep),
];

/// Carries out a step when that is what this process was started for; `None` otherwise. To be called in `main` before
/// arguments are read.
pub fn run_when_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != OWN {
        return None;
    }
    let (Some(verb), Some(order)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        return Some(complain("a verb and the file of an order are needed"));
    };
    let found = VERBS.iter().find(|(name, _)| verb == *name);
    Some(match found {
        Some((_, run)) => run(&order),
        None => complain(&format!("{} is not a verb of this program", verb.display())),
    })
}

/// Reads an order.
///
/// # Errors
/// It is not there, too large, or not what was wanted.
pub fn read_order<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST_ORDER).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Says what is wrong; the code of a step that cannot do its work.
pub fn complain(text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}

/// Says something in the log of the goal; a line `atm:phase=…` is its progress.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// An error with its causes.
fn words(error: &ScmError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = VERBS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), VERBS.len());
    }
}
