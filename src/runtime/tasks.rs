//! Every task has an owner that can name it, tell it to stop and wait for it.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Cancelled when the tasks should come to an end.
    stop: CancellationToken,
    /// Cancelled when a task ended in a way it must not: the process should stop.
    crashed: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token that tells tasks to stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Completes when a task has crashed.
    pub async fn crashed(&self) {
        self.crashed.cancelled().await;
    }

    /// Runs a task that may end by itself.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let guard = CrashGuard {
            name,
            crashed: self.crashed.clone(),
        };
        tokio::spawn(self.tracker.track_future(async move {
            task.await;
            std::mem::forget(guard);
        }));
    }

    /// Runs a task that must go on until it is told to stop; an early end is a fault of the process.
    pub fn spawn_forever(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, crashed) = (self.stop.clone(), self.crashed.clone());
        self.spawn(name, async move {
            task.await;
            if !stop.is_cancelled() {
                tracing::error!(task = name, "a task that must not end has ended");
                crashed.cancel();
            }
        });
    }

    /// Tells all tasks to stop and waits for them, at most `patience`; `false` when some did not end.
    pub async fn shut_down(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

/// Dropped without being forgotten only when its task panicked.
struct CrashGuard {
    name: &'static str,
    crashed: CancellationToken,
}

impl Drop for CrashGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked");
            self.crashed.cancel();
        }
    }
}
