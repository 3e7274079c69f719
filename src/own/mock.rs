//! `own mock`: takes the time that was ordered instead of a goal's work (semantics 3.11, EX-08).

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use super::{complain, read_order};
use crate::kinds::mock::Order;
use crate::model::time::humane;

/// Carries out the order.
pub(super) fn run(path: &Path) -> ExitCode {
    let order: Order = match read_order(path) {
        Ok(order) => order,
        Err(error) => return complain(&format!("failed to read what to mock: {error}")),
    };
    let _ = writeln!(
        io::stdout(),
        "atm:phase=mocked\nthis goal is mocked: its work is not done, {} pass instead",
        humane(order.duration)
    );
    thread::sleep(order.duration);
    ExitCode::from(order.code)
}
