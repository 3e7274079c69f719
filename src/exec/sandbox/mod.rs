//! Puts a goal's command into a sandbox, as far as this computer offers one (threats I2, I3).
//!
//! This program runs as the command's step, draws the walls and becomes the command; nothing stands between it and its
//! supervisor. Two ways: [`bubblewrap`], where it is installed and may make namespaces, holds everything; [`walls`]
//! (Landlock) hold for files and, with a network namespace where one can be had, for the network. What holds and what does
//! not is said first thing in the log.

mod bubblewrap;
mod surroundings;
mod walls;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::ports::sandbox::SandboxOrder;

pub use surroundings::Surroundings;
use walls::Walls;

/// What a computer offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Namespaces through `bwrap`.
    pub bubblewrap: bool,
    /// Landlock: files.
    pub landlock: bool,
}

/// Looks what this computer offers.
pub fn offer() -> Offer {
    Offer {
        bubblewrap: bubblewrap::works(),
        landlock: walls::are_offered(),
    }
}

impl Offer {
    /// What would hold, for people.
    pub fn words(&self) -> &'static str {
        match (self.bubblewrap, self.landlock) {
            (true, _) => "whole: bwrap hides files and processes and can take the network away",
            (false, true) => "in part: Landlock hides files; processes stay visible",
            (false, false) => "none: neither bwrap nor Landlock can be used here",
        }
    }
}

/// Becomes the command, inside the sandbox.
///
/// # Errors
/// Why it did not: the sandbox cannot hold and must, or the command cannot be run.
pub fn enter(order: &SandboxOrder, argv: &[OsString], surroundings: &Surroundings) -> io::Result<Infallible> {
    if bubblewrap::works() {
        let network = if order.network {
            "the network is open"
        } else {
            "the network is off"
        };
        say(&format!(
            "sandbox: bwrap; the system is read-only, other goals and the machine are hidden, {network}"
        ));
        let mut command = Command::new(bubblewrap::PROGRAM);
        command
            .args(bubblewrap::arguments(order, surroundings))
            .args(argv);
        return Err(command.exec());
    }
    let walls = Walls::draw(order, surroundings);
    let missing = walls.missing(order);
    if order.is_required {
        return Err(io::Error::other(format!(
            "the sandbox that this machine requires does not hold here: {}; install bubblewrap, or allow it to make namespaces",
            missing.join(", ")
        )));
    }
    say(&format!(
        "sandbox: {}; what does not hold: {}",
        walls.words(),
        missing.join(", ")
    ));
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| io::Error::other("no command is given"))?;
    let mut command = Command::new(program);
    command.args(arguments).envs(walls.variables(order, surroundings));
    nix::sys::prctl::set_no_new_privs()?;
    walls.close()?;
    Err(command.exec())
}

fn say(text: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
