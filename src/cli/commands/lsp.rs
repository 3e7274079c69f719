//! `sdm lsp`: a language server for goal files over standard input and output.

use super::super::context::{CommandResult, Context, Exit};
use super::super::lsp;
use super::goal_files::GoalFiles;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Speak over standard input and output, which is so anyway
    #[arg(long)]
    stdio: bool,
}

/// `sdm lsp`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    // A broken configuration is for other commands to complain about; an editor only loses the configured directory.
    let (goals, trusted_owners) = match context.configuration() {
        Ok(configuration) => (configuration.goals, configuration.trusted_owners),
        Err(_) => (None, Vec::new()),
    };
    let orderly = lsp::serve(std::io::stdin(), std::io::stdout(), goals, trusted_owners)?;
    Ok(if orderly { Exit::Ok } else { Exit::Bad })
}
