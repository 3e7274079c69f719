//! `own restore-files` and `own keep-files`: the steps of a goal that read and write archives (semantics 3.17).

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::programs::Program;
use super::{complain, read_order};
use crate::files::steps;
use crate::ports::kept::{KeepOrder, OnMiss, RestoreOrder};

/// Restores files before a goal's process. What is run on a miss runs where the goal's commands do.
pub(super) fn restore(path: &Path) -> ExitCode {
    let restored = read_order::<RestoreOrder>(path).and_then(|order| {
        let run = |instead: &OnMiss| {
            let program = Program {
                argv: &instead.argv,
                environment: &instead.environment,
                directory: &order.project,
            };
            program.run()
        };
        steps::restore(&order, &mut io::stdout(), &run)
    });
    code(restored)
}

/// Keeps files after it.
pub(super) fn keep(path: &Path) -> ExitCode {
    code(read_order::<KeepOrder>(path).and_then(|order| steps::keep(&order, &mut io::stdout())))
}

fn code(done: io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}
