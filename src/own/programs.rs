//! Programs that our own steps run: with the step's environment, below the same supervisor, no input.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use super::complain;
use crate::kinds::process::{OWN, SANDBOX};
use crate::ports::sandbox::SANDBOX_ORDER;

/// A program to run.
pub(super) struct Program<'a> {
    /// Program and arguments.
    pub(super) argv: &'a [String],
    /// Variables beside the step's own.
    pub(super) environment: &'a [(String, String)],
    /// Where.
    pub(super) directory: &'a Path,
}

impl Program<'_> {
    fn command(&self) -> Result<Command, String> {
        let (program, arguments) = self.argv.split_first().ok_or("has no program")?;
        let mut command = match std::env::var_os(SANDBOX_ORDER) {
            Some(order) => in_sandbox(&order, program)?,
            None => Command::new(program),
        };
        command
            .args(arguments)
            .current_dir(self.directory)
            .stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    fn not_started(&self, error: &std::io::Error) -> String {
        format!(
            "could not be started: {}: {error}",
            self.argv.first().map_or("", String::as_str)
        )
    }

    /// Runs it to its end; its output is the step's.
    ///
    /// # Errors
    /// It could not be started.
    pub(super) fn run(&self) -> Result<i32, String> {
        let status = self.command()?.status();
        status.map(code).map_err(|error| self.not_started(&error))
    }

    /// Runs it to its end and takes what it writes to standard output, at most `limit` bytes of it.
    ///
    /// # Errors
    /// It could not be started or read.
    pub(super) fn run_reading(&self, limit: u64) -> Result<(i32, Vec<u8>), String> {
        let started = self.command()?.stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| self.not_started(&error))?;
        let mut output = Vec::new();
        if let Some(mut pipe) = child.stdout.take() {
            let read = pipe.by_ref().take(limit).read_to_end(&mut output);
            read.map_err(|error| format!("could not be read: {error}"))?;
            // What is beyond the limit is not kept, and the program is not made to wait for a reader.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        let status = child
            .wait()
            .map_err(|error| format!("could not be waited for: {error}"))?;
        Ok((code(status), output))
    }
}

/// Why a step of ours could not do its work, with the exit code that says so: that of the author's program which failed, so that
/// `retry: {codes}` can be about it.
#[derive(Debug)]
pub(super) struct Failed {
    /// For people.
    pub(super) because: String,
    code: u8,
}

impl Failed {
    /// A program that ended with this code is why.
    pub(super) fn with_code(code: i32, because: String) -> Self {
        let code = u8::try_from(code).ok().filter(|code| *code != 0);
        Self {
            because,
            code: code.unwrap_or(1),
        }
    }

    /// Says it in the log; the code of the step.
    pub(super) fn complain(&self) -> ExitCode {
        complain(&self.because);
        ExitCode::from(self.code)
    }
}

impl From<String> for Failed {
    /// No program of the author is why.
    fn from(because: String) -> Self {
        Self { because, code: 1 }
    }
}

/// The exit code that all programs which failed have in common; none where they differ, or none has failed.
pub(super) fn common_code(codes: impl IntoIterator<Item = i32>) -> Option<i32> {
    let mut failed = codes.into_iter().filter(|code| *code != 0);
    let first = failed.next()?;
    failed.all(|code| code == first).then_some(first)
}

/// This program again, which becomes the other one in the sandbox that was ordered for the goal.
fn in_sandbox(order: &OsStr, program: &str) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|error| format!("could not be put into a sandbox: {error}"))?;
    let mut command = Command::new(own);
    command.arg(OWN).arg(SANDBOX).arg(order).arg(program);
    Ok(command)
}

/// The exit code, or 128 and the signal as shells say it.
fn code(status: ExitStatus) -> i32 {
    let signal = status.signal().map_or(1, |signal| 128 + signal);
    status.code().unwrap_or(signal)
}

/// A directory of the environment contract.
///
/// # Errors
/// The variable is not there.
pub(super) fn directory_named(variable: &str) -> Result<PathBuf, String> {
    let value: Option<OsString> = std::env::var_os(variable);
    let value = value.ok_or_else(|| format!("{variable} is not set; this program is a step of a goal"))?;
    Ok(PathBuf::from(value))
}

/// A directory below the root of the working copy.
///
/// # Errors
/// It is not there, or leads out.
pub(super) fn in_working_copy(project: &Path, directory: &str) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("the directory `{directory}` cannot be used: {error}");
    let path = project.join(directory).canonicalize().map_err(failed)?;
    let root = project.canonicalize().map_err(failed)?;
    match path.starts_with(&root) {
        true => Ok(path),
        false => Err(format!(
            "the directory `{directory}` leads out of the working copy"
        )),
    }
}
