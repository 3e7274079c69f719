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
use crate::ports::containers::{ContainerReport, KEPT_REPORT, PROJECT, REPORT};
use crate::runtime::directory::Directory;

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
        exchange: output.parent().unwrap_or(&output).to_owned(),
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
    /// Where a step before this one has left what containers reported.
    exchange: PathBuf,
}

/// What an inspection left when it ended.
struct Said {
    code: i32,
    report: Vec<u8>,
    /// Where the tree lay for it.
    root: Root,
    /// How it failed, should nothing it reports say so.
    failed: String,
}

impl Place {
    /// Runs one inspection and reads its report.
    fn inspect(&self, inspection: &Inspection) -> Result<Vec<ReviewComment>, String> {
        let format = format_of(inspection)?;
        let said = match inspection.in_containers {
            true => self.said_in_containers()?,
            false => self.said(inspection)?,
        };
        if said.report.len() as u64 > MAX_REPORT {
            return Err(format!("wrote a report of more than {MAX_REPORT} bytes"));
        }
        let comments = match format.read(&said.report, &said.root) {
            Ok(comments) => comments,
            Err(error) if said.code != 0 => return Err(format!("{}, and {error}", said.failed)),
            Err(error) => return Err(error.to_string()),
        };
        match explains(&format, said.code, &comments) {
            true => Ok(comments),
            false => Err(format!("{}, and no comment says why", said.failed)),
        }
    }

    /// Runs the program of an inspection to its end.
    fn said(&self, inspection: &Inspection) -> Result<Said, String> {
        let program = Program {
            argv: &inspection.argv,
            environment: &inspection.environment,
            directory: &self.directory,
        };
        let (code, report) = match &inspection.report_file {
            None => program.run_reading(MAX_REPORT + 1)?,
            Some(file) => {
                // What lies there from before is no report of this run.
                if let Ok((directory, name)) = Directory::holding(&self.project, file) {
                    let _ = directory.make_room(&name);
                }
                (program.run()?, read_below(&self.project, file)?)
            }
        };
        Ok(Said {
            code,
            report,
            root: Root::new(&self.project),
            failed: format!("failed with code {code}"),
        })
    }

    /// What the containers of an earlier step came to.
    fn said_in_containers(&self) -> Result<Said, String> {
        let report = read_below(&self.exchange, REPORT)?;
        let became: ContainerReport = serde_json::from_slice(&report).unwrap_or_default();
        let words = became.failure.unwrap_or_else(|| "nobody knows how".to_owned());
        let failed = format!("failed: {words}");
        let code = became.code.ok_or_else(|| failed.clone())?;
        Ok(Said {
            code,
            report: read_below(&self.exchange, KEPT_REPORT)?,
            root: Root::new(Path::new(PROJECT)),
            failed,
        })
    }
}

/// A file of a hostile tree, reached through no link; one byte more than a report may have at most, nothing when there is none.
fn read_below(root: &Path, path: &str) -> Result<Vec<u8>, String> {
    let found = Directory::holding(root, path);
    match found.and_then(|(directory, name)| directory.read_file(&name, MAX_REPORT + 1)) {
        Ok(report) => Ok(report),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("left a report that cannot be read: {error}")),
    }
}

/// Whether an exit code follows from the comments: many tools fail when they found something, cargo when it found an error.
fn explains(format: &Format, code: i32, comments: &[ReviewComment]) -> bool {
    let is_error = |comment: &ReviewComment| comment.severity == CommentSeverity::Error;
    match format {
        _ if code == 0 => true,
        Format::Cargo => comments.iter().any(is_error),
        Format::Sarif
        | Format::Checkstyle
        | Format::Eslint
        | Format::Json
        | Format::Junit
        | Format::Lines(_) => !comments.is_empty(),
    }
}

fn format_of(inspection: &Inspection) -> Result<Format, String> {
    Ok(match inspection.report.as_str() {
        "cargo" => Format::Cargo,
        "sarif" => Format::Sarif,
        "checkstyle" => Format::Checkstyle,
        "eslint" => Format::Eslint,
        "json" => Format::Json,
        "junit" => Format::Junit,
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
