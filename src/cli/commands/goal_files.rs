//! `--goals PATH`, for the commands that read goal files. (`sdm feed --goals` is something else: the board of goals.)

use std::path::PathBuf;

use super::super::context::Context;

/// Where goal files are.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GoalFiles {
    /// Goal file, or directory of goal files
    #[arg(long, value_name = "PATH")]
    goals: Option<PathBuf>,
}

impl GoalFiles {
    /// The flag wins over every other layer of the configuration.
    pub(super) fn take_effect(&self, context: &mut Context) {
        context.flags.goals.clone_from(&self.goals);
    }
}
