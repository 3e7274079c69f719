//! `sdm clone`: git's own clone, then hooks, then the daemon is told.

use std::path::PathBuf;
use std::process::Command;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::scm::local::clone::{ALLOWED_PROTOCOLS, BadAddress, parse};
use crate::scm::local::{discover::discover, hooks};
use crate::wire::control::Request;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the repository: https, ssh, user@host:path, or a path
    #[arg(value_name = "URL")]
    url: String,
    /// Directory to clone into; named after the repository when absent
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Check out this branch
    #[arg(short, long)]
    branch: Option<String>,
    /// Only so many commits of history
    #[arg(long, value_name = "NUMBER")]
    depth: Option<u32>,
    /// Name of the remote
    #[arg(short, long)]
    origin: Option<String>,
    /// Without a working tree
    #[arg(long)]
    bare: bool,
    /// Only one branch
    #[arg(long)]
    single_branch: bool,
    /// With submodules
    #[arg(long)]
    recurse_submodules: bool,
}

/// `sdm clone`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let address = parse(&args.url)?;
    let suffix = if args.bare { ".git" } else { "" };
    let directory = args
        .directory
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}{suffix}", address.name)));
    git_clone(context, args, &address.address, &directory)?;
    let path = context.absolute(&directory);
    let paths = discover(&path)?;
    let reports = hooks::add(&paths, false)?;
    super::hooks::report(context, &paths, &reports)?;
    watch(context, &path)
}

fn git_clone(
    context: &Context,
    args: &Args,
    address: &str,
    directory: &std::path::Path,
) -> Result<(), CommandError> {
    let mut command = Command::new("git");
    command
        .arg("clone")
        .current_dir(&context.sources.directory)
        .env("GIT_ALLOW_PROTOCOL", ALLOWED_PROTOCOLS);
    for (flag, value) in [("branch", &args.branch), ("origin", &args.origin)] {
        command.args(value.as_ref().map(|value| format!("--{flag}={value}")));
    }
    command.args(args.depth.map(|depth| format!("--depth={depth}")));
    for (flag, said) in [
        ("--bare", args.bare),
        ("--single-branch", args.single_branch),
        ("--recurse-submodules", args.recurse_submodules),
    ] {
        command.args(said.then_some(flag));
    }
    // git writes its progress to standard error; its standard output would mix with our data.
    let status = command
        .arg("--")
        .arg(address)
        .arg(directory)
        .stdout(std::process::Stdio::null())
        .status();
    let status = status.map_err(|error| {
        CommandError::new(ErrorKind::Internal, "failed to start git")
            .caused_by(error)
            .hint("install git")
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(CommandError::new(
            ErrorKind::Bad,
            format!("git clone failed ({status})"),
        ))
    }
}

/// Tells the daemon, when there is one.
fn watch(context: &mut Context, path: &std::path::Path) -> CommandResult {
    let client = context.client()?;
    match client.answer(&Request::Watch {
        path: path.display().to_string(),
    }) {
        Ok(_) => context.ui.note(&format!("the daemon watches {}", path.display())),
        Err(error) => context.ui.note(&format!(
            "{error}; it is watched after `sdm start --local {}`",
            path.display()
        )),
    }
    Ok(Exit::Ok)
}

impl From<BadAddress> for CommandError {
    fn from(error: BadAddress) -> Self {
        Self::from_error(ErrorKind::Refused, error)
    }
}
