//! `sdm completions`: for shells.

use super::super::command_line;
use super::super::context::{CommandResult, Context, Exit};
use super::do_command::{Registry, with_commands};

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
    // Without a daemon or goal files there is still the program itself to complete.
    let commands = Registry::look(context)
        .map(|registry| registry.commands)
        .unwrap_or_default();
    let mut program = with_commands(command_line(), &commands);
    clap_complete::generate(args.shell, &mut program, "sdm", &mut script);
    context.ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
