//! Every task has an owner that can name it, tell it to stop and wait for it.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
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
        let guard = self.guard(name);
        tokio::spawn(self.tracker.track_future(async move {
            task.await;
            std::mem::forget(guard);
        }));
    }

    /// Runs a task that must go on until it is told to stop; an early end is a fault of the process.
    pub fn spawn_forever(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        self.spawn(name, async move {
            task.await;
            tasks.must_be_told_to_end(name);
        });
    }

    /// The same on a thread of its own, for what everybody waits for: with the others it would wait its turn behind all of them each
    /// time it goes on.
    pub fn spawn_forever_apart(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (tasks, guard, tracked) = (self.clone(), self.guard(name), self.tracker.token());
        let runtime = Handle::current();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let begun = thread.spawn(move || {
            let _tracked = tracked;
            runtime.block_on(task);
            std::mem::forget(guard);
            tasks.must_be_told_to_end(name);
        });
        if let Err(error) = begun {
            let error: &dyn std::error::Error = &error;
            tracing::error!(task = name, error, "no thread can be begun for a task");
            self.crashed.cancel();
        }
    }

    /// A task has ended that must not end by itself.
    fn must_be_told_to_end(&self, name: &'static str) {
        if !self.stop.is_cancelled() {
            tracing::error!(task = name, "a task that must not end has ended");
            self.crashed.cancel();
        }
    }

    fn guard(&self, name: &'static str) -> CrashGuard {
        CrashGuard {
            name,
            crashed: self.crashed.clone(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_apart_is_told_to_stop_and_waited_for() {
        let tasks = Tasks::new();
        let told = tasks.stop_token();
        let (said, heard) = tokio::sync::oneshot::channel();
        tasks.spawn_forever_apart("apart", async move {
            told.cancelled().await;
            let thread = std::thread::current();
            said.send(thread.name().map(str::to_owned)).unwrap();
        });
        assert!(tasks.shut_down(Duration::from_secs(60)).await);
        assert_eq!(heard.await.unwrap().as_deref(), Some("apart"));
        assert!(!tasks.crashed.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_apart_that_panics_or_ends_has_crashed() {
        let tasks = Tasks::new();
        tasks.spawn_forever_apart("ends", async {});
        tasks.crashed().await;
        let tasks = Tasks::new();
        tasks.spawn_forever_apart("panics", async { panic!("of the test") });
        tasks.crashed().await;
    }
}
