//! `--goals PATH`, for the commands that read goal files. (`sdm feed --goals` is something else: the board of goals.)

use std::io::ErrorKind as ErrorKindOfSystem;
use std::path::{Path, PathBuf};

use super::super::context::Context;
use super::super::doors::GoalFile;
use super::super::error::{CommandError, ErrorKind};
use crate::daemon::goal_files::{self, GoalFilesError};
use crate::spec::SourceFile;

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

    /// Whether the flag says where.
    pub(super) fn are_named(&self) -> bool {
        self.goals.is_some()
    }

    /// The files and directories named on the command line, else the configured ones, else those that ship.
    ///
    /// # Errors
    /// A file cannot be read, or there is none where one is named.
    pub(super) fn read(
        &self,
        context: &mut Context,
        named: &[PathBuf],
    ) -> Result<Vec<SourceFile>, CommandError> {
        self.take_effect(context);
        match named {
            [] => {
                let configured: Vec<PathBuf> = context.configuration()?.goals.into_iter().collect();
                read_all(context, &configured)
            }
            named => read_all(context, named),
        }
    }
}

/// The files of all paths, named as people would name them from where they stand.
pub(super) fn read_all(context: &Context, paths: &[PathBuf]) -> Result<Vec<SourceFile>, CommandError> {
    if paths.is_empty() {
        return goal_files::GoalFiles::Shipped.read().map_err(unreadable);
    }
    // A broken configuration is for others to complain about; nobody is trusted then.
    let trusted_owners = context
        .configuration()
        .map(|configuration| configuration.trusted_owners)
        .unwrap_or_default();
    let directory = &context.sources.directory;
    let shown = |path: &Path| path.strip_prefix(directory).unwrap_or(path).display().to_string();
    let mut files = Vec::new();
    for path in paths {
        let source = goal_files::GoalFiles::at(&directory.join(path), &trusted_owners);
        files.extend(source.read_as(shown).map_err(unreadable)?);
    }
    Ok(files)
}

fn unreadable(error: GoalFilesError) -> CommandError {
    let hint = match &error {
        GoalFilesError::None(_) => Some("goal files end in .yaml or .yml"),
        GoalFilesError::Lock { .. } => {
            Some("take it back from your repository, or remove it and run `sdm lock`")
        }
        GoalFilesError::NotAFile(_) => Some("name a file, or a directory with files in it"),
        GoalFilesError::Read { source, .. } if source.kind() == ErrorKindOfSystem::PermissionDenied => {
            Some("whoever runs this must be able to read it")
        }
        GoalFilesError::Read { .. } | GoalFilesError::TooMany(_) => None,
    };
    let refused = CommandError::new(ErrorKind::Bad, "").caused_by(error);
    match hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// What is quoted of a file; bytes that are no text show as replacement characters.
pub(super) fn quotable(file: &SourceFile) -> GoalFile {
    GoalFile {
        name: file.name.to_string(),
        text: String::from_utf8_lossy(&file.bytes).into_owned(),
    }
}
