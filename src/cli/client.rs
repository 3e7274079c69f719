//! The conversation with a running daemon: one request, its replies line by line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::wire::control::{CONTROL_VERSION, MAX_REQUEST, Reply, Request};
use crate::wire::views::StatusView;

/// Longest line of an answer in bytes.
const LONGEST_REPLY: u64 = 64 << 20;

/// How long a daemon may take for an answer that does not wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a daemon did not answer as asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens and nobody has listened.
    #[error("no daemon is running: there is no socket {}", socket.display())]
    NoDaemon {
        /// Where it was looked for.
        socket: PathBuf,
    },
    /// A socket is left over from a daemon that has ended.
    #[error("the daemon of {} has ended and left its socket behind", socket.display())]
    Stale {
        /// The socket.
        socket: PathBuf,
    },
    /// It is somebody else's.
    #[error("the socket {} belongs to another user", socket.display())]
    NotOurs {
        /// The socket.
        socket: PathBuf,
    },
    /// Something else is in its place.
    #[error("{} is not a socket", socket.display())]
    NotASocket {
        /// The path.
        socket: PathBuf,
    },
    /// It cannot be connected to.
    #[error("failed to connect to the daemon at {}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke or timed out.
    #[error("the daemon does not answer")]
    Silent(#[source] io::Error),
    /// The answer ended before its last line.
    #[error("the daemon went away in the middle of its answer")]
    WentAway,
    /// It speaks another language.
    #[error("the daemon's answer is not understood")]
    NotUnderstood(#[source] serde_json::Error),
    /// It is too old or too new.
    #[error(
        "the daemon (sdm {daemon}) speaks version {theirs} of the conversation and this program version {ours}"
    )]
    Version {
        /// Program version of the daemon.
        daemon: String,
        /// Its version of the conversation.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// More than one request may have.
    #[error("the request is longer than {MAX_REQUEST} bytes")]
    TooLong,
    /// It does not want to.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl ClientError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoDaemon { .. } | Self::Stale { .. } => "start one with `sdm start --local`",
            Self::NotOurs { .. } => "run sdm as the user whose daemon it is, or name your own with --socket",
            Self::NotASocket { .. } => "name the daemon's socket with --socket",
            Self::Connect { .. } => "see `sdm doctor`",
            Self::Silent(_) | Self::WentAway => {
                "look at the daemon's own log, or start it again with `sdm start --local`"
            }
            Self::NotUnderstood(_) | Self::Version { .. } => {
                "use the same version of sdm for both: stop the daemon and start it with this program"
            }
            Self::TooLong => "say it in fewer words",
            Self::Refused { hint, .. } => return hint.clone(),
        };
        Some(hint.to_owned())
    }
}

/// Talks to the daemon behind one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlClient {
    socket: PathBuf,
    /// How long it waits for an answer.
    patience: Duration,
}

impl ControlClient {
    /// For the daemon behind this socket; nothing is connected yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            patience: PATIENCE,
        }
    }

    /// The same, waiting only so long for an answer.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends one request. The replies are read as they are asked for.
    ///
    /// # Errors
    /// There is no daemon, it is not ours, or it cannot be written to.
    pub fn ask(&self, request: &Request) -> Result<Replies, ClientError> {
        let mut line = serde_json::to_vec(request).map_err(ClientError::NotUnderstood)?;
        line.push(b'\n');
        if line.len() > MAX_REQUEST {
            return Err(ClientError::TooLong);
        }
        let mut stream = self.connect()?;
        let waits = matches!(
            request,
            Request::Feed { follow: true, .. }
                | Request::Log { follow: true, .. }
                | Request::Job { follow: true, .. }
        );
        stream
            .set_write_timeout(Some(self.patience))
            .map_err(ClientError::Silent)?;
        stream
            .set_read_timeout((!waits).then_some(self.patience))
            .map_err(ClientError::Silent)?;
        stream.write_all(&line).map_err(ClientError::Silent)?;
        Ok(Replies {
            lines: BufReader::new(stream),
            ended: false,
        })
    }

    /// The whole answer, without its last line.
    ///
    /// # Errors
    /// As [`Self::ask`], and whatever goes wrong in the answer.
    pub fn answer(&self, request: &Request) -> Result<Vec<Reply>, ClientError> {
        self.ask(request)?.collect()
    }

    /// Who is there, and whether we can talk.
    ///
    /// # Errors
    /// As [`Self::answer`]; a daemon more than one version away.
    pub fn status(&self) -> Result<StatusView, ClientError> {
        for reply in self.ask(&Request::Status)? {
            if let Reply::Status { status } = reply? {
                if status.control_version.abs_diff(CONTROL_VERSION) > 1 {
                    let (daemon, theirs) = (status.version, status.control_version);
                    return Err(ClientError::Version {
                        daemon,
                        theirs,
                        ours: CONTROL_VERSION,
                    });
                }
                return Ok(*status);
            }
        }
        Err(ClientError::WentAway)
    }

    /// Makes sure that whoever is there can take on work now.
    ///
    /// # Errors
    /// As [`Self::answer`]; why it cannot.
    pub fn ready(&self) -> Result<(), ClientError> {
        self.answer(&Request::Ready).map(drop)
    }

    fn connect(&self) -> Result<UnixStream, ClientError> {
        self.check_socket()?;
        UnixStream::connect(&self.socket).map_err(|source| {
            let socket = self.socket.clone();
            match source.kind() {
                io::ErrorKind::ConnectionRefused => ClientError::Stale { socket },
                io::ErrorKind::NotFound => ClientError::NoDaemon { socket },
                _ => ClientError::Connect { socket, source },
            }
        })
    }

    /// A socket of somebody else would get our words and give us theirs (threat J1).
    fn check_socket(&self) -> Result<(), ClientError> {
        let socket = || self.socket.clone();
        let metadata = match std::fs::metadata(&self.socket) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(ClientError::NoDaemon { socket: socket() });
            }
            Err(source) => {
                return Err(ClientError::Connect {
                    socket: socket(),
                    source,
                });
            }
        };
        if !metadata.file_type().is_socket() {
            return Err(ClientError::NotASocket { socket: socket() });
        }
        let own = nix::unistd::geteuid();
        if metadata.uid() != own.as_raw() && !own.is_root() {
            return Err(ClientError::NotOurs { socket: socket() });
        }
        Ok(())
    }
}

/// Sockets in a directory, for `sdm show machines`.
pub fn sockets_beside(socket: &Path) -> Vec<PathBuf> {
    let Some(directory) = socket.parent() else {
        return vec![socket.to_owned()];
    };
    let is_socket = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "sock");
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .map(|entries| {
            entries
                .flatten()
                .take(1000)
                .map(|entry| entry.path())
                .filter(is_socket)
                .collect()
        })
        .unwrap_or_default();
    if !found.iter().any(|path| path == socket) && socket.exists() {
        found.push(socket.to_owned());
    }
    found.sort();
    found
}

/// The replies to one request, without the last line. A refusal is an error.
#[derive(Debug)]
pub struct Replies {
    lines: BufReader<UnixStream>,
    ended: bool,
}

impl Replies {
    fn read(&mut self) -> Result<Option<Reply>, ClientError> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LONGEST_REPLY).read_until(b'\n', &mut line);
        read.map_err(ClientError::Silent)?;
        if line.last() != Some(&b'\n') {
            return Err(ClientError::WentAway);
        }
        match serde_json::from_slice(&line).map_err(ClientError::NotUnderstood)? {
            Reply::Done => Ok(None),
            Reply::Refused { message, hint } => Err(ClientError::Refused { message, hint }),
            reply => Ok(Some(reply)),
        }
    }
}

impl Iterator for Replies {
    type Item = Result<Reply, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let reply = self.read().transpose();
        self.ended = !matches!(reply, Some(Ok(_)));
        reply
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    fn answered(answer: &'static [u8]) -> Result<Vec<Reply>, ClientError> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sdm.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let daemon = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(answer).unwrap();
            line
        });
        let replies = ControlClient::new(socket).answer(&Request::Reload);
        assert_eq!(daemon.join().unwrap(), "{\"request\":\"reload\"}\n");
        replies
    }

    #[test]
    fn an_answer_is_complete_only_with_its_last_line() {
        assert!(matches!(answered(b"{\"reply\":\"done\"}\n"), Ok(replies) if replies.is_empty()));
        assert!(matches!(answered(b""), Err(ClientError::WentAway)));
        assert!(matches!(
            answered(b"{\"reply\":\"done\"}"),
            Err(ClientError::WentAway)
        ));
        assert!(matches!(
            answered(b"{\"reply\":\"surprise\"}\n"),
            Err(ClientError::NotUnderstood(_))
        ));
        let refused = answered(b"{\"reply\":\"refused\",\"message\":\"no\",\"hint\":\"ask\"}\n").unwrap_err();
        assert_eq!(
            (refused.to_string().as_str(), refused.hint().as_deref()),
            ("no", Some("ask"))
        );
    }

    #[test]
    fn hazard_23_a_missing_a_stale_and_a_false_socket_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sdm.sock");
        let client = ControlClient::new(&socket);
        assert!(matches!(
            client.ask(&Request::Status),
            Err(ClientError::NoDaemon { .. })
        ));
        drop(UnixListener::bind(&socket).unwrap());
        assert!(matches!(
            client.ask(&Request::Status),
            Err(ClientError::Stale { .. })
        ));
        std::fs::remove_file(&socket).unwrap();
        std::fs::write(&socket, "").unwrap();
        assert!(matches!(
            client.ask(&Request::Status),
            Err(ClientError::NotASocket { .. })
        ));
    }
}
