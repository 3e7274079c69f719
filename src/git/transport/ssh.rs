//! `ssh`: the user's own program, with the user's configuration, agent and known hosts.
//!
//! It gets an argument vector; the host stands after the end of options and cannot begin with a dash (threats A2, A3).
//! Names are resolved by `ssh` itself, so the rule about private hosts holds for literal addresses only.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::duplex::{Carrier, Duplex};
use super::session::{Session, failed};

/// Whom to call.
pub(super) struct Target<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
}

/// Starts `ssh` and the program on the other side.
pub(super) fn connect(
    session: &Arc<Session>,
    target: &Target<'_>,
    program: &str,
    path: &str,
) -> io::Result<Duplex> {
    let spawned = session.wait(session.options().connect_timeout, async {
        command(session, target, program, path).spawn()
    });
    let mut child = spawned.map_err(|error| session.fail(failed("start ssh", error)))?;
    let missing = || io::Error::other("ssh was started without its pipes");
    let reader = child.stdout.take().ok_or_else(missing)?;
    let writer = child.stdin.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    Ok(Duplex {
        session: Arc::clone(session),
        reader: Box::new(reader),
        writer: Box::new(writer),
        carrier: Some(Carrier {
            child,
            stderr,
            complaint: Vec::new(),
        }),
        has_spoken: false,
    })
}

fn command(session: &Session, target: &Target<'_>, program: &str, path: &str) -> Command {
    let options = session.options();
    let (ssh, leading) = match options.ssh_command.split_first() {
        Some((ssh, leading)) => (ssh.as_str(), leading),
        None => ("ssh", [].as_slice()),
    };
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let destination = target
        .user
        .map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
    let mut command = Command::new(ssh);
    command.args(leading).args(["-o", "BatchMode=yes"]);
    command.args([
        "-o",
        &format!("ConnectTimeout={}", options.connect_timeout.as_secs().max(1)),
    ]);
    if let Some(port) = target.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", &destination, &format!("{program} {}", quoted(path))]);
    command.env_remove("GIT_DIR").env("LC_ALL", "C");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Its own group: a signal meant for us from a terminal does not end it before we do.
    command.kill_on_drop(true).process_group(0);
    command
}

/// A word for the shell on the other side, as git quotes it.
fn quoted(path: &str) -> String {
    let escaped = path.replace('\'', r"'\''").replace('!', r"'\!'");
    format!("'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a1_a_path_is_one_word_for_the_other_sides_shell() {
        assert_eq!(quoted("/a b"), "'/a b'");
        assert_eq!(quoted("/$(touch CANARY)`x`"), "'/$(touch CANARY)`x`'");
        assert_eq!(quoted("/a'; touch CANARY '"), r"'/a'\''; touch CANARY '\'''");
        assert_eq!(quoted("/a!b"), r"'/a'\!'b'");
    }
}
