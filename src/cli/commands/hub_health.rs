//! `sdm hub health`: whether the hub of this computer is well, for whoever looks after its process.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::super::context::{CommandResult, Context, Exit};
use super::hub::LISTEN;

/// How long the hub may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read.
const LARGEST: u64 = 4_096;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the hub listens
    #[arg(value_name = "ADDRESS:PORT", default_value = LISTEN)]
    at: SocketAddr,
    /// Whether it takes requests, which it does not when it is about to end or cannot write its memory
    #[arg(long)]
    ready: bool,
}

/// `sdm hub health`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let (path, is_so) = match args.ready {
        false => ("/health", "well"),
        true => ("/health/ready", "ready"),
    };
    match ask(args.at, path) {
        Ok(answer) if answer.split(' ').nth(1) == Some("200") => {
            context.ui.data(&format!("the hub is {is_so}\n"))?;
            Ok(Exit::Ok)
        }
        Ok(answer) => {
            let why = answer.split_once("\r\n\r\n").map_or("", |(_, why)| why.trim());
            context
                .ui
                .note(&format!("the hub answers, and is not {is_so}: {why}"));
            Ok(Exit::NotReachable)
        }
        Err(error) => {
            context
                .ui
                .note(&format!("no hub answers at {}: {error}", args.at));
            Ok(Exit::NotReachable)
        }
    }
}

/// How the answer begins.
fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
