//! `own transform`: runs the programs of a transform one after the other, commits what all of them changed, and leaves the
//! commit as a pack (semantics 5.5).
//!
//! This is the goal's own process: it has no rights but the goal's, and the machine believes nothing of what it leaves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::programs::{Program, directory_named, in_working_copy};
use super::{complain, read_order, say, words};
use crate::git::working_copy::WorkingCopy;
use crate::kinds::transform::order::{OUTCOME_FILE, Order, Outcome, PACK_FILE};

/// Carries out the order.
pub(super) fn run(path: &Path) -> ExitCode {
    match prepared(path) {
        Ok(mut transforming) => transforming.carry_out(),
        Err(because) => complain(&because),
    }
}

fn prepared(path: &Path) -> Result<Transforming, String> {
    let order: Order = read_order(path).map_err(|error| format!("failed to read what to change: {error}"))?;
    let project = directory_named("ATOMIST_PROJECT_DIR")?;
    let copy = WorkingCopy::open(&project).map_err(|error| words(&error))?;
    Ok(Transforming {
        output: directory_named("ATOMIST_OUTPUT_DIR")?,
        directory: in_working_copy(&project, &order.directory)?,
        copy,
        order,
    })
}

struct Transforming {
    order: Order,
    copy: WorkingCopy,
    output: PathBuf,
    directory: PathBuf,
}

impl Transforming {
    fn carry_out(&mut self) -> ExitCode {
        let made = self.run_all().and_then(|()| self.commit());
        let outcome = Outcome {
            base: self.copy.base(),
            head: self.copy.head(),
            error: made.err(),
        };
        let code = match &outcome.error {
            None => ExitCode::SUCCESS,
            Some(error) => complain(error),
        };
        let left = serde_json::to_vec(&outcome)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::write(self.output.join(OUTCOME_FILE), text));
        match left {
            Ok(()) => code,
            Err(error) => complain(&format!("failed to leave the outcome of the transform: {error}")),
        }
    }

    /// The first program that fails is the last (CM-06).
    fn run_all(&self) -> Result<(), String> {
        let is_alone = self.order.programs.len() == 1;
        for ordered in &self.order.programs {
            if !is_alone {
                say(&format!("atm:phase={}", ordered.name));
            }
            let program = Program {
                argv: &ordered.argv,
                environment: &ordered.environment,
                directory: &self.directory,
            };
            match program.run() {
                Ok(0) => {}
                Ok(code) => return Err(format!("`{}` failed with code {code}", ordered.name)),
                Err(error) => return Err(format!("`{}` {error}", ordered.name)),
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        if let Some(nested) = self.copy.nested_repository().map_err(|error| words(&error))? {
            return Err(format!(
                "`{nested}` is a repository of its own, which no commit can hold: remove its `.git` if its files are meant, or all of it"
            ));
        }
        let order = &self.order;
        let made = self
            .copy
            .commit(&order.message, &order.author, &order.committer, order.at);
        let made = made.map_err(|error| words(&error))?;
        say(&order.purpose.words(made.as_ref()));
        if made.is_none() {
            return Ok(());
        }
        self.copy
            .write_pack(&self.output.join(PACK_FILE))
            .map_err(|error| words(&error))
    }
}
