//! `own hook`: runs a hook as it was pushed (semantics 3.15). What the goal has made of the file in its working copy meanwhile
//! counts for nothing.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::programs::{Program, directory_named, in_working_copy};
use super::{complain, read_order};
use crate::kinds::listeners::{HOOKS, HookOrder};

/// Runs the hook that was ordered.
pub(super) fn run(path: &Path) -> ExitCode {
    match run_hook(path) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(because) => complain(&because),
    }
}

fn run_hook(path: &Path) -> Result<i32, String> {
    let order: HookOrder = read_order(path).map_err(|error| format!("failed to read the hook: {error}"))?;
    if !order.is_executable {
        return Err(format!("the hook `{}` is not executable", order.file));
    }
    let content = STANDARD
        .decode(&order.content)
        .map_err(|error| format!("failed to read the hook: {error}"))?;
    let directory = in_working_copy(&directory_named("ATOMIST_PROJECT_DIR")?, HOOKS)?;
    // A sandbox lets the hook read what is there, and lets no program of the goal write it.
    let place = directory_named("ATOMIST_INPUT_DIR")?.join(&order.file);
    write(&place, &content).map_err(|error| format!("failed to write the hook: {error}"))?;
    let program = Program {
        argv: &[place.to_string_lossy().into_owned()],
        environment: &[],
        directory: &directory,
    };
    program
        .run()
        .map_err(|because| format!("the hook `{}` {because}", order.file))
}

/// A new file, whatever was there.
fn write(place: &PathBuf, content: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(place)?;
    file.write_all(content)
}
