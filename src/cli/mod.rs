//! One file per command, what people see, exit codes.
//!
//! [`main`] reads the command line, [`commands`] does what it says, [`render`] turns views into text. Data goes to
//! standard output and everything else to standard error ([`ui`]); an error is rendered once, here.

pub mod client;
pub mod commands;
pub mod context;
pub mod doors;
pub mod error;
pub mod exit_code;
pub mod extension_door;
pub mod hub_asker;
pub mod hub_door;
pub mod lsp;
pub mod render;
pub mod text;
pub mod theme;
pub mod ui;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind as ClapErrorKind;
use clap::{ArgAction, Args, CommandFactory, Parser};

use crate::config::{Flags, Sources};
use commands::Command;
use context::{Context, Exit};
use error::{CommandError, ErrorKind};
use theme::ColourChoice;
use ui::{Ui, uses_colour};

/// A self-hosted software delivery machine: a plan per push, carried out where your code lives.
#[derive(Debug, Parser)]
#[command(
    name = "sdm",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(
    after_help = "Begin with `sdm explain` in a git repository: it says what a push would set off, and why.\n\
    Exit codes: 0 well, 1 the thing asked about is bad, 2 wrong usage, 3 no daemon, 4 refused, 70 a fault."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Write JSON for programs
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: ColourChoice,
    /// Configuration file, instead of ./sdm.yaml
    #[arg(
        long,
        global = true,
        num_args = 0..=1,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    config: Option<Option<PathBuf>>,
    /// Name of the machine, where several run
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    name: Option<String>,
    /// Socket of the daemon
    #[arg(long, global = true, value_name = "PATH", help_heading = "Global options")]
    socket: Option<PathBuf>,
    /// Say only what was asked for
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
}

impl Global {
    fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone().flatten(),
            name: self.name.clone(),
            goals: None,
            socket: self.socket.clone(),
            parallel: None,
        }
    }

    fn verbosity(&self) -> i8 {
        if self.quiet {
            -1
        } else {
            i8::try_from(self.verbose).unwrap_or(i8::MAX)
        }
    }
}

/// The program, for `main`.
pub fn main() -> ExitCode {
    let sources = match Sources::of_process() {
        Ok(sources) => sources,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "error: failed to find the working directory: {error}"
            );
            return ExitCode::from(exit_code::INTERNAL);
        }
    };
    ExitCode::from(run(std::env::args_os(), sources))
}

fn run(arguments: impl Iterator<Item = OsString>, sources: Sources) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    // `sdm doctor --config` prints the configuration; `sdm --config FILE doctor` asks about a machine with that file.
    let mut behind_doctor = arguments
        .iter()
        .skip_while(|word| word.to_string_lossy() != "doctor");
    let is_behind_doctor = behind_doctor.any(|word| word.to_string_lossy().starts_with("--config"));
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &sources),
    };
    let global = &cli.global;
    let ui = Ui::new(&sources, global.color, global.json, global.verbosity());
    let mut context = Context {
        ui,
        prints_configuration: is_behind_doctor || matches!(global.config, Some(None)),
        flags: global.flags(),
        sources,
    };
    // `sdm doctor --config` prints the configuration; everywhere else the flag names a file.
    let names_no_file = matches!(global.config, Some(None));
    let result = match (names_no_file, &cli.command) {
        (true, command) if !matches!(command, Command::Doctor(_)) => {
            Err(CommandError::new(ErrorKind::Usage, "--config needs a file")
                .hint("`sdm doctor --config` prints the configuration"))
        }
        (_, command) => commands::run(&mut context, command),
    };
    exit_code(&context.ui, result)
}

fn exit_code(ui: &Ui, result: Result<Exit, CommandError>) -> u8 {
    match result {
        Ok(Exit::Ok) => exit_code::OK,
        Ok(Exit::Bad) => exit_code::BAD,
        Ok(Exit::NotReachable) => exit_code::NOT_REACHABLE,
        Err(error) => {
            if error.kind != ErrorKind::BrokenPipe {
                let _ = write!(io::stderr(), "{}", error.render(&ui.error_theme));
            }
            error.kind.exit_code()
        }
    }
}

/// Help and version are data and go to standard output; everything else that clap says is an error.
fn usage(error: &clap::Error, sources: &Sources) -> u8 {
    let wanted = matches!(
        error.kind(),
        ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion
    );
    let help = error.kind() == ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let is_terminal = if wanted {
        io::stdout().is_terminal()
    } else {
        io::stderr().is_terminal()
    };
    let rendered = error.render();
    let text = match uses_colour(sources, ColourChoice::Auto, is_terminal) {
        true => rendered.ansi().to_string(),
        false => rendered.to_string(),
    };
    let _ = if wanted {
        io::stdout().write_all(text.as_bytes())
    } else {
        io::stderr().write_all(text.as_bytes())
    };
    if wanted || help {
        exit_code::OK
    } else {
        exit_code::USAGE
    }
}

/// The command line as clap knows it: for completions and tests.
pub fn command_line() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_09_the_command_line_is_consistent() {
        command_line().debug_assert();
    }
}
