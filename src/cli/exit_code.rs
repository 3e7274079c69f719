//! What the exit code of the program says. Scripts rely on these numbers; they never change their meaning.

/// All is well.
pub const OK: u8 = 0;
/// The thing asked about is bad: `check` found errors, `run` failed, the goal is not there.
pub const BAD: u8 = 1;
/// The command line or the configuration makes no sense.
pub const USAGE: u8 = 2;
/// No daemon answers.
pub const NOT_REACHABLE: u8 = 3;
/// The daemon, or this program, refuses to do it.
pub const REFUSED: u8 = 4;
/// A fault of this program or of the computer it runs on.
pub const INTERNAL: u8 = 70;
