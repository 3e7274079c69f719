//! A connection that ends with a last word while its other end still sends: what it sends then is thrown away for a while, because a
//! connection that is closed over unread bytes takes its last word with it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::runtime::tasks::Tasks;

/// How long the other end may take to hear it.
const HEARING: Duration = Duration::from_secs(5);

/// Most that is thrown away: whoever sends more hears nothing.
const MOST: usize = 16 * 1024 * 1024;

/// Bytes that are thrown away at once.
const AT_ONCE: usize = 16 * 1024;

tokio::task_local! {
    static HERE: LastWords;
}

/// Says that a connection ends with a last word.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<AtomicBool>);

impl LastWords {
    /// Those of the connection that is served; of none outside of one.
    pub(super) fn here() -> Self {
        HERE.try_with(Clone::clone).unwrap_or_default()
    }

    /// The last word is about to be said.
    pub(super) fn are_said(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Serves a connection of which these are.
    pub(super) fn within<F: Future>(self, connection: F) -> impl Future<Output = F::Output> {
        HERE.scope(self, connection)
    }
}

/// A connection that hears its other end out once its last word was said.
pub(super) struct HeardOut<S: Outgoing> {
    /// There until it is dropped.
    stream: Option<S>,
    words: LastWords,
    tasks: Tasks,
}

/// What can be heard out.
pub(super) trait Outgoing: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Outgoing for S {}

impl<S: Outgoing> HeardOut<S> {
    pub(super) fn new(stream: S, words: LastWords, tasks: Tasks) -> Self {
        Self {
            stream: Some(stream),
            words,
            tasks,
        }
    }

    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(self.stream.as_mut().expect("it is there until it is dropped"))
    }
}

impl<S: Outgoing> Drop for HeardOut<S> {
    fn drop(&mut self) {
        if let Some(stream) = self
            .stream
            .take()
            .filter(|_| self.words.0.load(Ordering::Relaxed))
        {
            self.tasks.spawn("last words", hear_out(stream));
        }
    }
}

/// Throws away what comes until the other end closes, sends too much or takes too long.
async fn hear_out(mut stream: impl Outgoing) {
    let heard = async {
        stream.shutdown().await?;
        let (mut thrown_away, mut unread) = (0, [0; AT_ONCE]);
        while thrown_away < MOST {
            match stream.read(&mut unread).await? {
                0 => break,
                count => thrown_away += count,
            }
        }
        io::Result::Ok(())
    };
    // Whoever does not hear it has lost it.
    let _ = tokio::time::timeout(HEARING, Box::pin(heard)).await;
}

impl<S: Outgoing> AsyncRead for HeardOut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl<S: Outgoing> AsyncWrite for HeardOut<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn ends(is_said: bool) -> (io::Result<()>, Vec<u8>) {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (words, tasks) = (LastWords::default(), Tasks::new());
        let mut connection = HeardOut::new(ours, words.clone(), tasks);
        connection.write_all(b"no more").await.unwrap();
        if is_said {
            words.are_said();
        }
        drop(connection);
        let sent = theirs.write_all(&[b'x'; 100_000]).await;
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        (sent, heard)
    }

    #[tokio::test]
    async fn g3_whoever_still_sends_is_heard_out_when_there_is_a_last_word_for_them() {
        let (sent, heard) = tokio::time::timeout(PATIENCE, ends(true)).await.unwrap();
        assert!(sent.is_ok(), "{sent:?}");
        assert_eq!(heard, b"no more");
        let (sent, _) = tokio::time::timeout(PATIENCE, ends(false)).await.unwrap();
        assert!(sent.is_err(), "nobody listens");
    }
}
