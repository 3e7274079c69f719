//! What a machine has said and is being kept, in the order in which it said it. Many answers are kept at once, so that they share a
//! commit; a pong waits for everything before it.

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use serde_json::Value;

use crate::ports::hub::HubStoreError;

/// Most of one conversation; whoever says more is not read meanwhile.
const MOST: usize = 256;

/// What was said is kept; with the value of a ping, which is to be answered then.
pub(super) type Kept = Result<Option<Value>, HubStoreError>;

/// What is being kept.
#[derive(Default)]
pub(super) struct Heard(FuturesOrdered<BoxFuture<'static, Kept>>);

impl Heard {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Keeps something.
    pub(super) fn keep(&mut self, keeping: impl Future<Output = Result<(), HubStoreError>> + Send + 'static) {
        self.0.push_back(keeping.map(|kept| kept.map(|()| None)).boxed());
    }

    /// A ping came after all of it.
    pub(super) fn pong(&mut self, ping: Value) {
        self.0.push_back(ready(Ok(Some(ping))).boxed());
    }

    /// What is kept next; `None` when there is nothing.
    pub(super) async fn next(&mut self) -> Option<Kept> {
        self.0.next().await
    }

    /// Waits for the rest when nobody is there any more to be told.
    pub(super) async fn finish(&mut self) {
        while let Some(kept) = self.next().await {
            if let Err(error) = kept {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what a machine said before it went cannot be kept");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn c7_many_answers_are_kept_at_once_and_a_pong_comes_behind_them() {
        let mut heard = Heard::default();
        let mut commits = Vec::new();
        for _ in 0..MOST - 1 {
            let (commit, committed) = oneshot::channel::<()>();
            commits.push(commit);
            heard.keep(async move {
                let _ = committed.await;
                Ok(())
            });
        }
        assert!(!heard.is_full());
        heard.pong(json!(7));
        assert!(heard.is_full(), "nothing is read until something is kept");
        let last = commits.pop();
        // All but the first are kept, and still nobody is told.
        let first = commits.remove(0);
        drop(commits);
        drop(last);
        assert!(heard.next().now_or_never().is_none());
        drop(first);
        for _ in 0..MOST - 1 {
            assert!(matches!(heard.next().await, Some(Ok(None))));
        }
        let pong = heard.next().await.unwrap();
        assert_eq!(pong.unwrap(), Some(json!(7)));
        assert!(heard.is_empty());
    }
}
