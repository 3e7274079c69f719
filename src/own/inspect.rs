//! `own inspect`: runs the inspections of a goal side by side, reads their reports, shows them in the log and leaves them
//! (semantics 4.2).

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::programs::{Program, common_code, directory_named, in_working_copy};
use super::reports::{self, Report, read_below};
use super::{complain, read_order};
use crate::kinds::inspect::order::{Inspection, OUTCOME_FILE, Order, Outcome, is_glob};
use crate::kinds::inspect::report::{Format, LinePattern, MAX_REPORT, Root};
use crate::model::{CommentSeverity, Review, ReviewComment};
use crate::ports::containers::{ContainerReport, KEPT_REPORT, PROJECT, REPORT};
use crate::runtime::directory::Directory;
use crate::runtime::matching::Matched;

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
    let results: Vec<Inspected> = std::thread::scope(|scope| {
        let started: Vec<_> = order
            .inspections
            .iter()
            .map(|inspection| scope.spawn(|| place.inspect(inspection)))
            .collect();
        let panicked = |_| Inspected::not_begun("broke off".to_owned());
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

fn outcome(order: &Order, results: Vec<Inspected>) -> Outcome {
    let code = common_code(results.iter().map(|inspected| inspected.code));
    let (mut reviews, mut errors) = (Vec::new(), Vec::new());
    for (inspection, inspected) in order.inspections.iter().zip(results) {
        match inspected.comments {
            Ok(comments) => reviews.push(Review::of(comments)),
            Err(error) => errors.push(format!("{} {error}", inspection.name)),
        }
    }
    let review = Review::consolidated(reviews);
    Outcome {
        comments: review.comments,
        left_out: review.left_out,
        errors,
        code,
    }
}

/// What came of an inspection.
struct Inspected {
    /// The exit code of its program.
    code: i32,
    /// What it says, or how it failed.
    comments: Result<Vec<ReviewComment>, String>,
}

impl Inspected {
    fn not_begun(because: String) -> Self {
        Self {
            code: 1,
            comments: Err(because),
        }
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
    reports: Result<Vec<Report>, String>,
    /// Where the tree lay for it.
    root: Root,
    /// How it failed, should nothing it reports say so.
    failed: String,
}

impl Said {
    /// Reads its reports.
    fn read(&self, format: &Format) -> Result<Vec<ReviewComment>, String> {
        let reports = self.reports.as_ref().map_err(String::clone);
        let comments = reports.and_then(|reports| reports::read(reports, format, &self.root));
        match comments {
            Ok(comments) if explains(format, self.code, &comments) => Ok(comments),
            Ok(_) => Err(format!("{}, and no comment says why", self.failed)),
            Err(error) if self.code != 0 => Err(format!("{}, and {error}", self.failed)),
            Err(error) => Err(format!("ended well, but {error}")),
        }
    }
}

impl Place {
    /// Runs one inspection and reads its report.
    fn inspect(&self, inspection: &Inspection) -> Inspected {
        match format_of(inspection).and_then(|format| Ok((format, self.said(inspection)?))) {
            Ok((format, said)) => Inspected {
                code: said.code,
                comments: said.read(&format),
            },
            Err(because) => Inspected::not_begun(because),
        }
    }

    fn said(&self, inspection: &Inspection) -> Result<Said, String> {
        match inspection.in_containers {
            true => self.said_in_containers(inspection),
            false => self.said_here(inspection),
        }
    }

    /// Runs the program of an inspection to its end.
    fn said_here(&self, inspection: &Inspection) -> Result<Said, String> {
        let program = Program {
            argv: &inspection.argv,
            environment: &inspection.environment,
            directory: &self.directory,
        };
        let (code, reports) = match inspection.report_file.as_deref() {
            None => {
                let (code, report) = program.run_reading(MAX_REPORT + 1)?;
                (code, Ok(Report::only(report)))
            }
            Some(glob) if is_glob(glob) => {
                let before = reports::before(&self.project, glob)?;
                let code = program.run()?;
                (code, reports::written_since(&before, &self.project, glob))
            }
            Some(file) => {
                // What lies there from before is no report of this run.
                if let Ok((directory, name)) = Directory::holding(&self.project, file) {
                    let _ = directory.make_room(&name);
                }
                let code = program.run()?;
                (code, only(&self.project, file))
            }
        };
        Ok(Said {
            code,
            reports,
            root: Root::new(&self.project),
            failed: format!("failed with code {code}"),
        })
    }

    /// What the containers of an earlier step came to.
    fn said_in_containers(&self, inspection: &Inspection) -> Result<Said, String> {
        let report = read_below(&self.exchange, REPORT, MAX_REPORT)?;
        let became: ContainerReport = serde_json::from_slice(&report).unwrap_or_default();
        let words = became.failure.unwrap_or_else(|| "nobody knows how".to_owned());
        let failed = format!("failed: {words}");
        let code = became.code.ok_or_else(|| failed.clone())?;
        let reports = match inspection.report_file.as_deref() {
            Some(glob) if is_glob(glob) => self.written_in_containers(glob),
            Some(_) | None => only(&self.exchange, KEPT_REPORT),
        };
        Ok(Said {
            code,
            reports,
            root: Root::new(Path::new(PROJECT)),
            failed,
        })
    }

    /// What matched before the containers began was kept for us.
    fn written_in_containers(&self, glob: &str) -> Result<Vec<Report>, String> {
        let kept = read_below(&self.exchange, KEPT_REPORT, MAX_REPORT)?;
        let before: Vec<Matched> = serde_json::from_slice(&kept)
            .map_err(|error| format!("what lay there before cannot be told from its report: {error}"))?;
        reports::written_since(&before, &self.project, glob)
    }
}

/// A report that is one file.
fn only(root: &Path, file: &str) -> Result<Vec<Report>, String> {
    read_below(root, file, MAX_REPORT + 1).map(Report::only)
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
