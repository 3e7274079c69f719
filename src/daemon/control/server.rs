//! Listening, checking the peer, reading one request, writing the answer.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};

use super::Refused;
use crate::config::private_directory;
use crate::daemon::local::LocalDaemon;
use crate::model::Person;
use crate::wire::control::{MAX_REQUEST, Reply, Request};

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the socket cannot be used.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Somebody answers there.
    #[error("another machine listens at {0}")]
    InUse(PathBuf),
    /// Something that is not a socket is there; it is not ours to remove.
    #[error("{0} is there and is not a socket; name another place with --socket")]
    NotASocket(PathBuf),
    /// The path is longer than a socket's may be.
    #[error("the socket path {0} is too long; choose a shorter one with --socket")]
    PathTooLong(PathBuf),
    /// It cannot be made.
    #[error("failed to listen at {path}")]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Makes the socket; a dead one of an earlier daemon is replaced, a live one is left alone.
///
/// # Errors
/// It is in use or cannot be made.
pub fn bind(path: &Path) -> Result<UnixListener, ControlError> {
    let listen = |source| ControlError::Listen {
        path: path.to_owned(),
        source,
    };
    if path.as_os_str().len() > 100 {
        return Err(ControlError::PathTooLong(path.to_owned()));
    }
    if let Some(directory) = path.parent() {
        private_directory(directory).map_err(listen)?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ControlError::InUse(path.to_owned()));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ControlError::NotASocket(path.to_owned())),
        Ok(_) => std::fs::remove_file(path).map_err(listen)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(listen(error)),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(listen)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
    Ok(listener)
}

/// Answers until told to stop.
pub async fn serve(listener: UnixListener, daemon: LocalDaemon) {
    let stop = daemon.tasks().stop_token();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let conversation = converse(stream, daemon.clone());
                let stop = stop.clone();
                daemon.tasks().spawn("control", async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = conversation => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, daemon: LocalDaemon) {
    let peer = peer(&stream, &daemon);
    let (reader, writer) = stream.into_split();
    let mut answer = Answer { writer };
    let outcome = match peer {
        Ok(person) => match tokio::time::timeout(PATIENCE, read_request(reader)).await {
            Ok(Ok(request)) => daemon.answer(request, &person, &mut answer).await,
            Ok(Err(refused)) => Err(refused),
            Err(_) => Err(Refused::new("no request came in time")),
        },
        Err(refused) => Err(refused),
    };
    let last = match outcome {
        Ok(()) => Reply::Done,
        Err(refused) => refused.reply(),
    };
    answer.send(&last).await.ok();
}

/// The person at the other end; other users of the system are refused.
fn peer(stream: &UnixStream, daemon: &LocalDaemon) -> Result<Person, Refused> {
    let uid = stream.peer_cred()?.uid();
    let own = nix::unistd::geteuid().as_raw();
    if uid != own && uid != 0 {
        return Err(Refused::new("this machine belongs to another user"));
    }
    Ok(daemon.people().by_uid(uid))
}

async fn read_request(reader: impl tokio::io::AsyncRead + Unpin) -> Result<Request, Refused> {
    let mut line = Vec::new();
    let limit = MAX_REQUEST as u64 + 1;
    BufReader::new(reader.take(limit))
        .read_until(b'\n', &mut line)
        .await?;
    if line.len() > MAX_REQUEST {
        return Err(Refused::new(format!(
            "the request is longer than {MAX_REQUEST} bytes"
        )));
    }
    serde_json::from_slice(&line).map_err(|error| {
        Refused::new(format!("the request is not understood: {error}"))
            .hint("use the same version of sdm for the daemon and the command line")
    })
}

/// The way back to the client.
pub(crate) struct Answer {
    writer: OwnedWriteHalf,
}

impl Answer {
    /// Writes one line.
    pub(crate) async fn send(&mut self, reply: &Reply) -> io::Result<()> {
        let mut line = serde_json::to_vec(reply).map_err(io::Error::other)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }
}
