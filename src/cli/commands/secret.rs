//! `sdm secret`: the machine's key, values encrypted for it, and what the configuration knows (semantics 3.20).

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::config::SecretEntry;
use crate::ports::secrets::SHORTEST_SECRET;
use crate::secrets::envelope::MasterKey;
use crate::secrets::sealed::{LARGEST_VALUE, MachineKey, PublicKey, SealError};

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Make a key that opens encrypted values, and print its public half
    Key {
        /// The file to make; must not be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make the key that protects the secrets in the database of a hub
    MasterKey {
        /// The file to make; must not be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Encrypt a value from standard input for goal files and the configuration
    Encrypt {
        /// Public key to encrypt for; that of the configured key when absent
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// List the secrets of the configuration, without their values
    List,
}

/// `sdm secret`.
pub(super) fn run(context: &mut Context, command: &SecretCommand) -> CommandResult {
    match command {
        SecretCommand::Key { file } => make_key(context, file),
        SecretCommand::MasterKey { file } => make_master_key(context, file),
        SecretCommand::Encrypt { key } => encrypt(context, key.as_deref()),
        SecretCommand::List => list(context),
    }
}

fn sealing(error: SealError) -> CommandError {
    let kind = match error {
        SealError::Library => ErrorKind::Internal,
        SealError::NotAKey | SealError::NotSealed | SealError::WrongKey | SealError::TooLong => {
            ErrorKind::Usage
        }
    };
    CommandError::from_error(kind, error)
}

fn make_key(context: &mut Context, path: &Path) -> CommandResult {
    let key = MachineKey::fresh().map_err(sealing)?;
    let public = key.public().map_err(sealing)?.to_text();
    let text = key.to_text().map_err(sealing)?;
    write_key(
        path,
        &format!("# public key: {public}\n{}\n", text.expose_secret()).into(),
    )?;
    context.ui.note(&format!(
        "{} holds the key; name it as `secret_key_file` in the configuration of the machine",
        path.display()
    ));
    context.ui.data(&format!("{public}\n"))?;
    Ok(Exit::Ok)
}

/// Writes a new file that only its owner can read.
fn write_key(path: &Path, text: &SecretString) -> Result<(), CommandError> {
    let doing = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::AlreadyExists => ErrorKind::Refused,
            _ => ErrorKind::Internal,
        };
        CommandError::new(kind, format!("failed to make {}", path.display())).caused_by(error)
    };
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.expose_secret().as_bytes()))
        .map_err(doing)
}

fn make_master_key(context: &mut Context, path: &Path) -> CommandResult {
    let failed = |error| CommandError::from_error(ErrorKind::Internal, error);
    let text = MasterKey::fresh_text().map_err(failed)?;
    let id = MasterKey::parse(&text).map_err(failed)?.id().to_owned();
    write_key(path, &format!("{}\n", text.expose_secret()).into())?;
    context.ui.note(&format!(
        "{} holds the master key {id}; keep a copy apart from the database: without it no secret in there opens",
        path.display()
    ));
    context.ui.data(&format!("{id}\n"))?;
    Ok(Exit::Ok)
}

fn encrypt(context: &mut Context, key: Option<&str>) -> CommandResult {
    let public = match key {
        Some(text) => PublicKey::parse(text).map_err(|_| {
            CommandError::new(ErrorKind::Usage, "this is not a public key of `sdm secret key`")
        })?,
        None => configured_key(context)?,
    };
    let value = read_value(context)?;
    if value.expose_secret().trim().chars().count() < SHORTEST_SECRET {
        let message =
            format!("the value is too short to be a secret: it needs at least {SHORTEST_SECRET} characters");
        return Err(CommandError::new(ErrorKind::Refused, message)
            .hint("a shorter one could not be kept out of logs without destroying them"));
    }
    let sealed = public.seal(&value).map_err(sealing)?;
    context.ui.data(&format!("{sealed}\n"))?;
    Ok(Exit::Ok)
}

fn configured_key(context: &mut Context) -> Result<PublicKey, CommandError> {
    let path = context.configuration()?.secret_key_file.clone().ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, "there is no key to encrypt for")
            .hint("`sdm secret key FILE` makes one; name it as `secret_key_file`, or say `--key KEY`")
    })?;
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(ErrorKind::Usage, format!("failed to read {}", path.display())).caused_by(error)
    })?;
    let key = MachineKey::parse(&text).map_err(sealing)?;
    key.public().map_err(sealing)
}

/// The value from standard input, without its last line end; at a terminal it is asked for and not shown.
fn read_value(context: &Context) -> Result<SecretString, CommandError> {
    let failed = |error: io::Error| {
        CommandError::new(ErrorKind::Internal, "failed to read the value").caused_by(error)
    };
    let mut text = String::new();
    let stdin = io::stdin();
    if stdin.is_terminal() {
        context.ui.note("the value, which is not shown; Enter ends it:");
        let _hidden = HiddenInput::begin().map_err(failed)?;
        stdin.read_line(&mut text).map_err(failed)?;
    } else {
        let limit = LARGEST_VALUE as u64 + 2;
        stdin
            .lock()
            .take(limit)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).into())
}

/// A terminal that does not show what is typed, until this is dropped.
struct HiddenInput(Termios);

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // What cannot be brought back is brought back by the shell.
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

/// A secret as it is listed.
#[derive(Serialize)]
struct SecretView<'a> {
    name: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    repositories: &'a [String],
    branches: &'a [String],
    goals: &'a [String],
    untrusted: bool,
}

fn list(context: &mut Context) -> CommandResult {
    let secrets = context.configuration()?.secrets.clone();
    let views: Vec<SecretView<'_>> = secrets.iter().map(|(name, entry)| view(name, entry)).collect();
    if context.ui.json {
        context.ui.object(&views)?;
        return Ok(Exit::Ok);
    }
    if views.is_empty() {
        context.ui.note("the configuration names no secrets");
    }
    let width = views.iter().map(|view| view.name.len()).max().unwrap_or_default();
    for view in &views {
        context.ui.data(&format!(
            "{:width$}  {:9}  {}\n",
            view.name,
            view.source,
            audience(view)
        ))?;
    }
    Ok(Exit::Ok)
}

fn view<'a>(name: &'a str, entry: &'a SecretEntry) -> SecretView<'a> {
    SecretView {
        name,
        source: entry.source.word(),
        kind: &entry.kind,
        repositories: &entry.repositories,
        branches: &entry.branches,
        goals: &entry.goals,
        untrusted: entry.untrusted,
    }
}

/// Whom a secret is for, in a few words.
fn audience(view: &SecretView<'_>) -> String {
    let part = |what: &str, globs: &[String]| match globs.is_empty() {
        true => format!("every {what}"),
        false => format!("{what} {}", globs.join(", ")),
    };
    let whom = [
        part("repository", view.repositories),
        part("branch", view.branches),
        part("goal", view.goals),
    ];
    let untrusted = if view.untrusted {
        "; also untrusted pushes"
    } else {
        ""
    };
    format!("{}{untrusted}", whom.join(" · "))
}
