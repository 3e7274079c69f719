//! `sdm key`: keys that goals are signed with (semantics 3.14).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::secrets::jws::{KeyError, SigningKey};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key that signs goals, and its public half beside it
    New {
        /// What signatures call it; better another name for each key
        #[arg(value_name = "NAME")]
        name: String,
        /// The file to make, and with `.pub` after it; must not be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `sdm key`.
pub(super) fn run(context: &mut Context, command: &KeyCommand) -> CommandResult {
    match command {
        KeyCommand::New { name, file } => make(context, name, file),
    }
}

fn make(context: &mut Context, name: &str, path: &Path) -> CommandResult {
    let text = SigningKey::fresh().map_err(unusable)?;
    let public = SigningKey::parse(&text).map_err(unusable)?.public().to_text();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    write(Path::new(&beside), 0o644, public.as_bytes())?;
    write(path, 0o600, text.expose_secret().as_bytes())?;
    let shown = context.absolute(path);
    context.ui.note(&format!(
        "write into the configuration of the machine:\n\nsigning:\n  key_name: {name}\n  key_file: {}\n",
        shown.display()
    ));
    context.ui.data(&public)?;
    Ok(Exit::Ok)
}

fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), CommandError> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(content))
        .map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::AlreadyExists => ErrorKind::Refused,
                _ => ErrorKind::Internal,
            };
            CommandError::new(kind, format!("failed to make {}", path.display())).caused_by(error)
        })
}

fn unusable(error: KeyError) -> CommandError {
    CommandError::from_error(ErrorKind::Internal, error)
}
