//! The one writer: gathers what is asked at the same time into one transaction, so that many writes share one
//! synchronisation with the disk. A lone write never waits for company.
//!
//! Every write has a savepoint of its own, so one that fails does not spoil the others; nobody is answered before
//! the commit ([`Session::write`]).

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot};

use super::changes::Changes;
use super::failure::store_error;
use super::session::Session;
use crate::ports::store::StoreError;
use crate::runtime::tasks::Tasks;

/// Writes that may wait; when they do, whoever asks for the next waits in [`Writer::write`].
const WAITING: usize = 1024;

/// Writes of one transaction; more would make the first of them wait too long.
const TOGETHER: usize = 256;

/// Something to write. Its rows are made before it is handed over, so the writer only writes.
#[async_trait]
pub(super) trait Write: Send + Sync + 'static {
    /// What the caller is told after the commit.
    type Answer: Send + 'static;

    /// Completes "failed to …".
    const DOING: &'static str;

    /// Writes. On an error everything it wrote is taken back.
    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Self::Answer>, StoreError>;
}

/// What came of a write, and whether those who wait for a change should look.
pub(super) enum Done<T> {
    /// Something is different now.
    News(T),
    /// Nothing anybody waits for.
    Quiet(T),
}

/// The way to the writer. When the last one is dropped the writer ends.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Waiting>>,
}

impl Writer {
    /// Takes over the session.
    pub(super) fn start(session: Session, changes: Arc<Changes>, tasks: &Tasks) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tasks.spawn("store writer", write_all(session, waiting, changes));
        Self { queue }
    }

    /// Writes and waits for the commit. Once handed over it is carried out also when the caller goes away.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Box::new(Asked {
            write,
            outcome: None,
            answer,
        });
        self.queue.send(waiting).await.map_err(|_| stopped(W::DOING))?;
        answered.await.map_err(|_| stopped(W::DOING))?
    }
}

fn stopped(doing: &'static str) -> StoreError {
    store_error(doing, Arc::new(sqlx::Error::PoolClosed))
}

/// A write with whoever waits for it.
struct Asked<W: Write> {
    write: W,
    outcome: Option<Result<Done<W::Answer>, StoreError>>,
    answer: oneshot::Sender<Result<W::Answer, StoreError>>,
}

/// What the session sees of a write.
#[async_trait]
pub(super) trait Waiting: Send {
    /// Writes, perhaps once more; `false` when it has to be taken back.
    async fn write(&mut self, connection: &mut AnyConnection) -> bool;

    /// Whether it brought something others wait for.
    fn is_news(&self) -> bool;

    /// Tells the outcome; `lost` is the error that undid the whole transaction.
    fn answer(self: Box<Self>, lost: Option<&Arc<sqlx::Error>>);
}

#[async_trait]
impl<W: Write> Waiting for Asked<W> {
    async fn write(&mut self, connection: &mut AnyConnection) -> bool {
        let outcome = self.write.write(connection).await;
        let is_ok = outcome.is_ok();
        self.outcome = Some(outcome);
        is_ok
    }

    fn is_news(&self) -> bool {
        matches!(self.outcome, Some(Ok(Done::News(_))))
    }

    fn answer(self: Box<Self>, lost: Option<&Arc<sqlx::Error>>) {
        let told = match (self.outcome, lost) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(error)) => Err(store_error(W::DOING, Arc::clone(error))),
            (Some(Ok(Done::News(answer) | Done::Quiet(answer))), None) => Ok(answer),
            (None, None) => Err(stopped(W::DOING)),
        };
        // Nobody may be waiting any more; what is written stays written.
        let _ = self.answer.send(told);
    }
}

async fn write_all(
    mut session: Session,
    mut waiting: mpsc::Receiver<Box<dyn Waiting>>,
    changes: Arc<Changes>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
        let lost = session.write(&mut batch).await.err().map(Arc::new);
        if lost.is_none() && batch.iter().any(|write| write.is_news()) {
            changes.tell();
        }
        for write in batch.drain(..) {
            write.answer(lost.as_ref());
        }
    }
    session.close().await;
}
