//! Who waits for what machines say about commands: each is woken by what is said about its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Invocations that somebody waits for.
type Waited = HashMap<String, watch::Sender<()>>;

/// Everybody who waits, by invocation.
#[derive(Debug, Default, Clone)]
pub(super) struct Waiters(Arc<Mutex<Waited>>);

impl Waiters {
    fn waited(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To wait for what is said about an invocation from now on.
    pub(super) fn wait_for(&self, invocation: &str) -> Waiting {
        let said = {
            let mut waited = self.waited();
            let sender = waited.entry(invocation.to_owned()).or_default();
            sender.subscribe()
        };
        Waiting {
            waiters: self.clone(),
            invocation: invocation.to_owned(),
            said,
        }
    }

    /// Something was said about an invocation; about any when that is empty.
    pub(super) fn wake(&self, invocation: &str) {
        let waited = self.waited();
        match invocation {
            "" => waited.values().for_each(|sender| sender.send_replace(())),
            _ => waited
                .get(invocation)
                .into_iter()
                .for_each(|sender| sender.send_replace(())),
        }
    }
}

/// Somebody who waits.
pub(super) struct Waiting {
    waiters: Waiters,
    invocation: String,
    said: watch::Receiver<()>,
}

impl Waiting {
    /// What was said until now is known.
    pub(super) fn mark_unchanged(&mut self) {
        self.said.mark_unchanged();
    }

    /// Completes when something was said that is not known.
    pub(super) async fn changed(&mut self) {
        // The sender is there as long as we are.
        let _ = self.said.changed().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waited = self.waiters.waited();
        let is_last = waited
            .get(&self.invocation)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if is_last {
            waited.remove(&self.invocation);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn each_is_woken_by_its_own_and_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let (mut one, mut other) = (waiters.wait_for("a"), waiters.wait_for("b"));
        let again = waiters.wait_for("a");
        waiters.wake("a");
        waiters.wake("nobody's");
        assert!(one.changed().now_or_never().is_some());
        assert!(other.changed().now_or_never().is_none());
        waiters.wake("");
        assert!(one.changed().now_or_never().is_some() && other.changed().now_or_never().is_some());
        drop(one);
        assert_eq!(waiters.waited().len(), 2);
        drop(again);
        drop(other);
        assert!(waiters.waited().is_empty());
    }
}
