//! `sdm completions`: for shells.

use super::super::command_line;
use super::super::context::{CommandResult, Context, Exit};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// `sdm completions`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line(), "sdm", &mut script);
    context.ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
