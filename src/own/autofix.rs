//! `own autofix`: runs the fixes of a goal, commits what each changed, and leaves the commits as a pack (semantics 4.1).
//!
//! This is the goal's own process: it has no rights but the goal's, and the machine believes nothing of what it leaves.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::containers::Driver;
use super::programs::{Failed, Program, directory_named, in_working_copy};
use super::{complain, read_order, say, words};
use crate::exec::containers::TOLD_TO_END;
use crate::git::working_copy::WorkingCopy;
use crate::kinds::autofix::order::{Fix, OUTCOME_FILE, Order, Outcome, PACK_FILE};
use crate::ports::containers::ContainerOrder;

/// Carries out the order.
pub(super) fn run(path: &Path) -> ExitCode {
    match prepared(path) {
        Ok(mut fixing) => fixing.carry_out(),
        Err(because) => complain(&because),
    }
}

fn prepared(path: &Path) -> Result<Fixing, String> {
    let order: Order = read_order(path).map_err(|error| format!("failed to read what to fix: {error}"))?;
    let project = directory_named("ATOMIST_PROJECT_DIR")?;
    let output = directory_named("ATOMIST_OUTPUT_DIR")?;
    let copy = WorkingCopy::open(&project).map_err(|error| words(&error))?;
    let copy = copy.leaving_out(&order.left_out);
    let outcome = Outcome {
        base: copy.base(),
        head: copy.base(),
        applied: Vec::new(),
        ignored: Vec::new(),
        error: None,
    };
    Ok(Fixing {
        driver: None,
        containers: 0,
        copy,
        output,
        directory: in_working_copy(&project, &order.directory)?,
        order,
        outcome,
    })
}

/// What became of running a fix.
enum Ended {
    /// It ended by itself.
    WithCode(i32),
    /// There is no such program, or it may not be run.
    NotStarted(String),
    /// Its container cannot be had. That is no failure of the fix, so nobody has said that it is to be ignored.
    Hindered(String),
    /// Somebody wants all of it to end.
    ToldToEnd,
}

struct Fixing {
    /// Where fixes that want a container have it run; begun by the first.
    driver: Option<Driver>,
    /// How many containers were run.
    containers: usize,
    order: Order,
    copy: WorkingCopy,
    output: PathBuf,
    directory: PathBuf,
    outcome: Outcome,
}

impl Fixing {
    fn carry_out(&mut self) -> ExitCode {
        let done = self.fix_all().and_then(|()| Ok(self.hand_over()?));
        let code = match &done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.complain(),
        };
        self.outcome.error = done.err().map(|failed| failed.because);
        match self.leave_outcome() {
            Ok(()) => code,
            Err(error) => complain(&format!("failed to leave the outcome of the fixes: {error}")),
        }
    }

    fn leave_outcome(&self) -> io::Result<()> {
        std::fs::write(self.output.join(OUTCOME_FILE), serde_json::to_vec(&self.outcome)?)
    }

    fn fix_all(&mut self) -> Result<(), Failed> {
        let fixes = self.order.fixes.clone();
        for fix in &fixes {
            say(&format!("atm:phase={}", fix.name));
            if self.run_one(fix)? {
                self.commit(fix)?;
            }
        }
        match self.outcome.applied.is_empty() {
            true => Ok(()),
            false => self.prove_convergence(&fixes),
        }
    }

    /// Runs a fix; `false` when it failed, was put back, and that is none of the goal.
    fn run_one(&mut self, fix: &Fix) -> Result<bool, Failed> {
        let ended = match &fix.container {
            Some(order) => self.in_container(order),
            None => self.here(fix),
        };
        let (code, failure) = match ended {
            Ended::WithCode(0) => return Ok(true),
            Ended::ToldToEnd => return Err(format!("the fix `{}` was told to end", fix.name).into()),
            Ended::Hindered(because) => {
                return Err(format!("the fix `{}` cannot be carried out: {because}", fix.name).into());
            }
            Ended::WithCode(code) => (code, format!("the fix `{}` failed with code {code}", fix.name)),
            Ended::NotStarted(because) => (1, format!("the fix `{}` {because}", fix.name)),
        };
        let edited = self.copy.is_changed().map_err(|error| words(&error))?;
        let failure = match edited {
            true => format!("{failure} after it had changed files"),
            false => failure,
        };
        if !fix.ignore_failure {
            return Err(Failed::with_code(code, failure));
        }
        say(&format!(
            "{failure}; that is ignored, and its changes are put back"
        ));
        self.copy.restore().map_err(|error| words(&error))?;
        if !self.outcome.ignored.contains(&fix.name) {
            self.outcome.ignored.push(fix.name.clone());
        }
        Ok(false)
    }

    fn here(&self, fix: &Fix) -> Ended {
        let program = Program {
            argv: &fix.argv,
            environment: &fix.environment,
            directory: &self.directory,
        };
        match program.run() {
            Ok(code) => Ended::WithCode(code),
            Err(because) => Ended::NotStarted(because),
        }
    }

    /// Runs a container over the working copy; each has a name of its own, so that none is taken for one before it.
    fn in_container(&mut self, order: &ContainerOrder) -> Ended {
        let failed = |error: io::Error| format!("a container cannot be driven: {error}");
        let mut driver = match self.driver.take() {
            Some(driver) => driver,
            None => match Driver::new() {
                Ok(driver) => driver,
                Err(error) => return Ended::Hindered(failed(error)),
            },
        };
        self.containers += 1;
        let mut order = order.clone();
        order.belonging.name = format!("{}-{}", order.belonging.name, self.containers);
        let carried = driver.carry_out(&order);
        self.driver = Some(driver);
        match (carried.hindered, carried.code) {
            (Some(because), _) => Ended::Hindered(because),
            (None, TOLD_TO_END) => Ended::ToldToEnd,
            (None, code) => Ended::WithCode(code),
        }
    }

    fn commit(&mut self, fix: &Fix) -> Result<(), String> {
        let order = &self.order;
        let made = self
            .copy
            .commit(&fix.message, &order.author, &order.committer, order.at);
        if let Some(sha) = made.map_err(|error| words(&error))? {
            say(&format!(
                "{} changed files: committed as {}",
                fix.name,
                sha.short()
            ));
            self.outcome.applied.push(fix.name.clone());
            self.outcome.head = sha;
        }
        Ok(())
    }

    /// All fixes once more: what they would change again would be pushed again, without end (hazard 14).
    fn prove_convergence(&mut self, fixes: &[Fix]) -> Result<(), Failed> {
        say("atm:phase=looking whether the fixes have come to an end");
        for fix in fixes {
            self.run_one(fix)?;
        }
        match self.copy.is_changed().map_err(|error| words(&error))? {
            false => Ok(()),
            true => Err(
                "the fixes do not come to an end: run once more they change files again, so nothing is committed"
                    .to_owned()
                    .into(),
            ),
        }
    }

    fn hand_over(&self) -> Result<(), String> {
        match self.outcome.head == self.outcome.base {
            true => Ok(()),
            false => self
                .copy
                .write_pack(&self.output.join(PACK_FILE))
                .map_err(|error| words(&error)),
        }
    }
}
