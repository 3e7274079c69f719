//! A connection whose other end must take what it is sent: whoever takes it byte by byte, or not at all, is not waited for (threat C7).

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that the other end must take in a second, once it has begun to be late.
const RATE: u64 = 4 * 1024;

/// The other end is late: something could not be written at once, and not everything has been since.
#[derive(Debug)]
struct Late {
    since: Instant,
    /// What it has taken since.
    taken: u64,
    timer: Pin<Box<Sleep>>,
}

/// A connection that breaks when its other end does not take what it is sent in time.
#[derive(Debug)]
pub(super) struct InTime<S> {
    stream: S,
    patience: Duration,
    /// Connections are many, and few of them late.
    late: Option<Box<Late>>,
}

impl<S> InTime<S> {
    /// One whose other end has this time, and a second more for each few kilobytes that it takes.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            late: None,
        }
    }

    /// What comes of an attempt to write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(late) = &mut self.late {
                    late.taken = late.taken.saturating_add(count as u64);
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(context),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let patience = self.patience;
        let late = self.late.get_or_insert_with(|| {
            let since = Instant::now();
            Box::new(Late {
                since,
                taken: 0,
                timer: Box::pin(sleep_until(since + patience)),
            })
        });
        let end = late.since + patience + Duration::from_secs(late.taken / RATE);
        if late.timer.deadline() != end {
            late.timer.as_mut().reset(end);
        }
        let is_over = late.timer.as_mut().poll(context);
        is_over.map(|()| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "what it is sent is not taken",
            ))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for InTime<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for InTime<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Whoever writes flushes when everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.late = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn c7_whoever_takes_nothing_is_not_waited_for() {
        let (ours, mut theirs) = duplex(16);
        let mut ours = InTime::new(ours, PATIENCE);
        let error = ours.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Byte by byte is no better.
        let (ours, mut theirs_slow) = duplex(16);
        let mut ours = InTime::new(ours, PATIENCE);
        let slow = async {
            loop {
                tokio::time::sleep(PATIENCE / 10).await;
                if theirs_slow.read_u8().await.is_err() {
                    return;
                }
            }
        };
        let error = tokio::select! {
            written = ours.write_all(&[0; 64 * 1024]) => written.unwrap_err(),
            () = slow => panic!("it gives up before"),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            theirs.read_u8().await.unwrap(),
            0,
            "what was written before is there"
        );
    }

    #[tokio::test]
    async fn whoever_takes_everything_is_served_again_and_again() {
        let (ours, mut theirs) = duplex(1_024);
        let mut ours = InTime::new(ours, 10 * PATIENCE);
        let reads = async {
            let mut all = vec![0; 8 * 1_024];
            for _ in 0..2 {
                tokio::time::sleep(6 * PATIENCE).await;
                theirs.read_exact(&mut all).await.unwrap();
            }
        };
        let writes = async {
            for _ in 0..2 {
                ours.write_all(&[1; 8 * 1_024]).await.unwrap();
                ours.flush().await.unwrap();
            }
        };
        tokio::join!(reads, writes);
    }
}
