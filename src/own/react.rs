//! `own react`: runs the reactions of a goal side by side and leaves what they say (semantics 4.3).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;

use super::programs::{Program, common_code, directory_named, in_working_copy};
use super::{complain, read_order};
use crate::kinds::react::order::{OUTCOME_FILE, Order, Outcome, Reaction, Response};

/// Carries out the order.
pub(super) fn run(path: &Path) -> ExitCode {
    match react_all(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(because) => complain(&because),
    }
}

fn react_all(path: &Path) -> Result<(), String> {
    let order: Order =
        read_order(path).map_err(|error| format!("failed to read what to react to: {error}"))?;
    let project = directory_named("ATOMIST_PROJECT_DIR")?;
    let place = Place {
        directory: in_working_copy(&project, &order.directory)?,
        output: directory_named("ATOMIST_OUTPUT_DIR")?,
    };
    let changed = place
        .list_changes(&order)
        .map_err(|error| format!("failed to list the changes: {error}"))?;
    let responses = std::thread::scope(|scope| {
        let started: Vec<_> = order
            .reactions
            .iter()
            .enumerate()
            .map(|(number, reaction)| {
                scope.spawn({
                    let (place, changed) = (&place, changed.as_deref());
                    move || place.react(number, reaction, changed)
                })
            })
            .collect();
        let ended = started
            .into_iter()
            .map(|thread| thread.join().unwrap_or((Response::Fail, 1)));
        ended.collect::<Vec<_>>()
    });
    let failed = responses
        .iter()
        .filter(|(response, _)| *response == Response::Fail);
    let code = common_code(failed.map(|(_, code)| (*code).max(1)));
    let names = order.reactions.iter().map(|reaction| reaction.name.clone());
    let outcome = Outcome {
        responses: names
            .zip(responses.into_iter().map(|(response, _)| response))
            .collect(),
        code,
    };
    let text = serde_json::to_vec(&outcome).map_err(|error| error.to_string())?;
    std::fs::write(place.output.join(OUTCOME_FILE), text)
        .map_err(|error| format!("failed to leave the outcome of the reactions: {error}"))
}

struct Place {
    directory: PathBuf,
    output: PathBuf,
}

/// What a reaction may write to its result file.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    state: Option<String>,
}

impl Place {
    /// The changed files, one a line ended by NUL; no file when they are unknown.
    fn list_changes(&self, order: &Order) -> std::io::Result<Option<PathBuf>> {
        let Some(changed) = &order.changed else {
            return Ok(None);
        };
        let path = self.output.join("changed-files");
        let text: String = changed.iter().map(|file| format!("{file}\0")).collect();
        std::fs::write(&path, text)?;
        Ok(Some(path))
    }

    /// Runs a reaction; what it says, and its exit code.
    fn react(&self, number: usize, reaction: &Reaction, changed: Option<&Path>) -> (Response, i32) {
        let result = self.output.join(format!("reaction-{}.json", number + 1));
        let mut environment = reaction.environment.clone();
        environment.push(("ATOMIST_RESULT".to_owned(), result.to_string_lossy().into_owned()));
        if let Some(changed) = changed {
            environment.push((
                "SDM_CHANGED_FILES".to_owned(),
                changed.to_string_lossy().into_owned(),
            ));
        }
        let program = Program {
            argv: &reaction.argv,
            environment: &environment,
            directory: &self.directory,
        };
        match program.run() {
            Ok(0) => (said(&result, &reaction.name), 0),
            Ok(code) => {
                complain(&format!("{} failed with code {code}", reaction.name));
                (Response::Fail, code)
            }
            Err(error) => {
                complain(&format!("{} {error}", reaction.name));
                (Response::Fail, 1)
            }
        }
    }
}

/// What the result file of a reaction that ended well says; without one it proceeds.
fn said(result: &Path, name: &str) -> Response {
    let Ok(text) = std::fs::read(result) else {
        return Response::Proceed;
    };
    match serde_json::from_slice::<Written>(&text).map(|written| written.state) {
        Ok(None) => Response::Proceed,
        Ok(Some(state)) if state == "success" => Response::Proceed,
        Ok(Some(state)) if state == "waiting_for_approval" => Response::RequireApproval,
        Ok(Some(_)) => Response::Fail,
        Err(error) => {
            complain(&format!("{name} left a result that cannot be read: {error}"));
            Response::Fail
        }
    }
}
