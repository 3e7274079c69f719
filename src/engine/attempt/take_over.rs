//! What becomes of an attempt whose replica is gone: its process has ended, so it is lost; what has none goes on.

use super::super::Engine;
use super::super::words::chain;
use super::Place;
use crate::kinds;
use crate::ports::AttemptRef;
use crate::ports::store::StoreError;

impl Engine {
    /// Sees to an attempt of a replica that is gone, unless somebody does.
    pub(in crate::engine) fn take_over_attempt(&self, attempt: AttemptRef) {
        let place = Place {
            goal_set: attempt.goal_set,
            goal: attempt.goal.clone(),
        };
        if let Some(claim) = self.attempts.claim(place) {
            let engine = self.clone();
            self.parts.tasks.spawn("take over", async move {
                engine.adopt_or_lose(&attempt).await;
                engine.make_room(claim);
            });
        }
    }

    async fn adopt_or_lose(&self, attempt: &AttemptRef) {
        let outcome = match self.needs_no_process(attempt).await {
            Ok(true) => self.parts.store.adopt(attempt).await.map(|_| ()),
            Ok(false) => {
                self.lose(attempt, None).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::error!(goal = %attempt.goal, error = %chain(&error), "an attempt of another replica waits for the store");
        }
    }

    /// Whether the attempt goes on without a process, because it has no working copy: it never had one, or its process has
    /// ended and somebody else goes on with it.
    async fn needs_no_process(&self, attempt: &AttemptRef) -> Result<bool, StoreError> {
        let record = self.parts.store.goal_set(attempt.goal_set).await?;
        let goal = record.as_ref().and_then(|record| record.set.goal(&attempt.goal));
        let kind = goal.and_then(|goal| kinds::kind(&goal.definition().work.kind));
        let leases = self.parts.store.leases().await?;
        let lease = leases.iter().find(|lease| lease.attempt == *attempt);
        let Some((kind, goal)) = kind.zip(goal) else {
            return Ok(false);
        };
        Ok(lease.map_or_else(
            || !self.runs_process(kind, goal),
            |lease| lease.workspace.is_none(),
        ))
    }
}
