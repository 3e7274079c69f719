//! A connection with two directions, read and written by libgit2 on a blocking thread.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, ChildStderr};

use super::session::{Session, failed};
use crate::ports::scm::ScmError;

/// Most bytes of a program's complaints that are kept: the first ones.
const MAX_COMPLAINT: usize = 8 * 1024;
/// How long a program that has closed its output may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A program that carries the connection.
pub(super) struct Carrier {
    pub(super) child: Child,
    pub(super) stderr: ChildStderr,
    pub(super) complaint: Vec<u8>,
}

/// Both directions of a connection.
pub(super) struct Duplex {
    pub(super) session: Arc<Session>,
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Set when a program carries the connection; it is killed when this is dropped.
    pub(super) carrier: Option<Carrier>,
    pub(super) has_spoken: bool,
}

impl Read for Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let session = Arc::clone(&self.session);
        let patience = session.options().stall_timeout;
        let count = session.wait(patience, self.read_beside_complaints(buffer))?;
        session.count_received(count)?;
        if count == 0 && !self.has_spoken {
            return Err(self.why_silent());
        }
        self.has_spoken = true;
        Ok(count)
    }
}

impl Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let session = Arc::clone(&self.session);
        let written = session.wait(session.options().stall_timeout, async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        });
        match written {
            Ok(()) => Ok(bytes.len()),
            // The program beyond the pipe ended; it has said why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.why_silent()),
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Duplex {
    /// Reads output; what the program writes to its standard error meanwhile is taken too, so that it never blocks there.
    async fn read_beside_complaints(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(carrier) = &mut self.carrier else {
            return self.reader.read(buffer).await;
        };
        let mut complaint = [0; 1024];
        let mut complains = true;
        loop {
            tokio::select! {
                count = self.reader.read(buffer) => return count,
                count = carrier.stderr.read(&mut complaint), if complains => match count? {
                    0 => complains = false,
                    count => keep(&mut carrier.complaint, &complaint[..count]),
                },
            }
        }
    }

    /// The other side ended without a word: what the program said on its way out is the cause.
    fn why_silent(&mut self) -> io::Error {
        let session = Arc::clone(&self.session);
        let Some(carrier) = &mut self.carrier else {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            return session.fail(failed(&session.doing(), error));
        };
        // Without the last words the cause is only less precise.
        let _ = session.wait(LAST_WORDS, async {
            let mut rest = [0; 1024];
            loop {
                match carrier.stderr.read(&mut rest).await? {
                    0 => break,
                    count => keep(&mut carrier.complaint, &rest[..count]),
                }
            }
            carrier.child.wait().await
        });
        let complaint = String::from_utf8_lossy(&carrier.complaint);
        session.fail(classify(&session, complaint.trim()))
    }
}

fn keep(kept: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_COMPLAINT.saturating_sub(kept.len());
    kept.extend_from_slice(&more[..more.len().min(room)]);
}

/// What `ssh` or the program beyond it meant; there is no other way to know than its words.
fn classify(session: &Session, complaint: &str) -> ScmError {
    let said = complaint.to_ascii_lowercase();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| said.contains(phrase));
    let address = session.address();
    if has(&[
        "permission denied",
        "host key verification failed",
        "access denied",
        "authentication fail",
    ]) {
        let origin = address
            .origin()
            .map_or_else(|| address.to_string(), |origin| origin.to_string());
        return ScmError::Unauthorized { address: origin };
    }
    if has(&[
        "does not appear to be a git repository",
        "repository not found",
        "does not exist",
        "could not be found",
    ]) {
        return ScmError::RepositoryGone(address.to_string());
    }
    let shown: String = complaint
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(500)
        .collect();
    failed(
        &session.doing(),
        format!("the connection ended without an answer: {shown}"),
    )
}
