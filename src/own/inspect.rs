//! `own inspect`: runs the inspections of a goal side by side, reads their reports, shows them in the log and leaves them
//! (semantics 4.2).

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::programs::{Program, directory_named, in_working_copy};
use super::{complain, read_order};
use crate::kinds::inspect::order::{Inspection, OUTCOME_FILE, Order, Outcome};
use crate::kinds::inspect::report::{Format, LinePattern, MAX_REPORT, Root};
use crate::model::{CommentSeverity, Review, ReviewComment};

/// Most comments shown in the log.
const MAX_SHOWN: usize = 500;

/// Carries out the order.
pub(super) fn run(path: &Path) -> ExitCode {
    match inspect_all(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(because) => complain(&because),
    }
}

fn inspect_all(path: &Path) -> Result<(), String> {
    let order: Order =
        read_order(path).map_err(|error| format!("failed to read what to inspect: {error}"))?;
    let project = directory_named("ATOMIST_PROJECT_DIR")?;
    let output = directory_named("ATOMIST_OUTPUT_DIR")?;
    let place = Place {
        directory: in_working_copy(&project, &order.directory)?,
        project,
    };
    let results: Vec<Result<Vec<ReviewComment>, String>> = std::thread::scope(|scope| {
        let started: Vec<_> = order
            .inspections
            .iter()
            .map(|inspection| scope.spawn(|| place.inspect(inspection)))
            .collect();
        let panicked = |_| Err("an inspection broke off".to_owned());
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(panicked))
            .collect()
    });
    let outcome = outcome(&order, results);
    show(&outcome);
    let text = serde_json::to_vec(&outcome).map_err(|error| error.to_string())?;
    std::fs::write(output.join(OUTCOME_FILE), text)
        .map_err(|error| format!("failed to leave the outcome of the inspections: {error}"))
}

fn outcome(order: &Order, results: Vec<Result<Vec<ReviewComment>, String>>) -> Outcome {
    let (mut reviews, mut errors) = (Vec::new(), Vec::new());
    for (inspection, result) in order.inspections.iter().zip(results) {
        match result {
            Ok(comments) => reviews.push(Review::of(comments)),
            Err(error) => errors.push(format!("{} {error}", inspection.name)),
        }
    }
    let review = Review::consolidated(reviews);
    Outcome {
        comments: review.comments,
        left_out: review.left_out,
        errors,
    }
}

struct Place {
    project: PathBuf,
    directory: PathBuf,
}

impl Place {
    /// Runs one inspection and reads its report.
    fn inspect(&self, inspection: &Inspection) -> Result<Vec<ReviewComment>, String> {
        let format = format_of(inspection)?;
        let program = Program {
            argv: &inspection.argv,
            environment: &inspection.environment,
            directory: &self.directory,
        };
        let (code, report) = match &inspection.report_file {
            None => program.run_reading(MAX_REPORT + 1)?,
            Some(file) => {
                let file = self.project.join(file);
                // What lies there from before is no report of this run.
                let _ = std::fs::remove_file(&file);
                let code = program.run()?;
                (code, std::fs::read(&file).unwrap_or_default())
            }
        };
        if report.len() as u64 > MAX_REPORT {
            return Err(format!("wrote a report of more than {MAX_REPORT} bytes"));
        }
        let comments = format.read(&report, &Root::new(&self.project));
        let comments = match comments {
            Ok(comments) => comments,
            Err(error) if code != 0 => return Err(format!("failed with code {code}, and {error}")),
            Err(error) => return Err(error.to_string()),
        };
        match explains(&format, code, &comments) {
            true => Ok(comments),
            false => Err(format!("failed with code {code}, and no comment says why")),
        }
    }
}

/// Whether an exit code follows from the comments: many tools fail when they found something, cargo when it found an error.
fn explains(format: &Format, code: i32, comments: &[ReviewComment]) -> bool {
    let is_error = |comment: &ReviewComment| comment.severity == CommentSeverity::Error;
    match format {
        _ if code == 0 => true,
        Format::Cargo => comments.iter().any(is_error),
        Format::Sarif | Format::Checkstyle | Format::Eslint | Format::Json | Format::Lines(_) => {
            !comments.is_empty()
        }
    }
}

fn format_of(inspection: &Inspection) -> Result<Format, String> {
    Ok(match inspection.report.as_str() {
        "cargo" => Format::Cargo,
        "sarif" => Format::Sarif,
        "checkstyle" => Format::Checkstyle,
        "eslint" => Format::Eslint,
        "json" => Format::Json,
        "lines" => Format::Lines(LinePattern::new(inspection.pattern.as_deref())?),
        other => return Err(format!("has a report of the unknown format {other}")),
    })
}

/// The comments as compilers write them, for whoever reads the log.
fn show(outcome: &Outcome) {
    let mut out = io::stdout().lock();
    for comment in outcome.comments.iter().take(MAX_SHOWN) {
        let _ = writeln!(out, "{comment}");
    }
    let more = outcome.comments.len().saturating_sub(MAX_SHOWN) as u64 + outcome.left_out;
    if more > 0 {
        let _ = writeln!(out, "and {more} more comments");
    }
    for error in &outcome.errors {
        let _ = writeln!(out, "{error}");
    }
    let _ = out.flush();
}
