//! `own sandbox FILE COMMAND…`: becomes a goal's command, inside a sandbox.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::{complain, read_order};
use crate::exec::sandbox::{Surroundings, enter};
use crate::ports::sandbox::SandboxOrder;

/// Words before the command: this program, `own`, the verb, the order.
const BEFORE: usize = 4;

/// As shells have it: there is a command, and it cannot be run.
const NOT_RUNNABLE: u8 = 126;

/// Enters the sandbox that is ordered; comes back only when that fails.
pub(super) fn run(path: &Path) -> ExitCode {
    let order: SandboxOrder = match read_order(path) {
        Ok(order) => order,
        Err(error) => return complain(&format!("failed to read which sandbox to make: {error}")),
    };
    let argv: Vec<OsString> = std::env::args_os().skip(BEFORE).collect();
    match enter(&order, &argv, &Surroundings::of_process()) {
        Ok(never) => match never {},
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(NOT_RUNNABLE)
        }
    }
}
