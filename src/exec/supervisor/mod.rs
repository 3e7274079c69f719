//! The other side: `sdm supervise <attempt directory>`, plain synchronous code that is up in a few milliseconds.
//!
//! Three processes, of which the first ends at once:
//!
//! 1. the one the daemon starts; it leaves the others behind and goes, so that they are nobody's children;
//! 2. the **guard**: waits for the supervisor and kills whatever that leaves behind, also when it was killed itself;
//! 3. the **supervisor**: runs the command in a session of its own, keeps the log, ends it in time, writes the outcome.
//!
//! Guard and supervisor are both subreapers: a process that forks twice and starts a session of its own still descends
//! from them. They share the lock on the news, which the kernel gives back when both are gone; "the lock is free" therefore means
//! "nothing of this attempt runs". Should both be killed at the same moment, the command dies with the supervisor (its
//! parent-death signal), and what it had started is killed before the goal's next attempt, by its session.
//!
//! What of this only Linux can do stands in [`system`], with what is done elsewhere.
//!
//! Environment and working directory of the command are exactly as ordered, its input is empty, its umask is 022 and it
//! writes no core dumps. Supervisor and guard cannot be read or traced by the command (they are not dumpable).

mod command;
mod failing;
mod guard;
mod journal;
mod limits;
mod lines;
mod outcome;
mod phases;
mod reserve;
mod result_file;
mod run;
mod secrets;
mod sequence;
mod signals;
mod system;
mod tree;

use std::io::Write;
use std::process::ExitCode;

use super::attempt::AttemptDirectory;
use system::System;

/// The first argument by which this program knows that it is a supervisor.
pub const ARGUMENT: &str = "supervise";

/// The same, when it is to use nothing but what every Unix has: what it does by itself where this is not Linux.
pub const PORTABLE_ARGUMENT: &str = "supervise-portably";

/// What a supervisor answers once it is responsible for the attempt.
pub(super) const TAKEN_OVER: &[u8] = b"taken over\n";

/// Supervises an attempt when that is what this process was started for; `None` otherwise. To be called first thing in
/// `main`, before there is a second thread.
pub fn supervise_when_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let system = match arguments.next()?.to_str()? {
        ARGUMENT => System::native(),
        PORTABLE_ARGUMENT => System::Portable,
        _ => return None,
    };
    let directory = AttemptDirectory::at(arguments.next()?.into());
    Some(match guard::detach(&directory, system) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Reaches the daemon as long as the supervisor has not taken over, and nobody afterwards.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}
