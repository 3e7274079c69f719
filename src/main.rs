//! The `sdm` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A supervisor must be up at once, and so must a step: before arguments, telemetry and threads.
    if let Some(code) = sdm::exec::supervise_when_asked() {
        return code;
    }
    if let Some(code) = sdm::own::run_when_asked() {
        return code;
    }
    sdm::cli::main()
}
