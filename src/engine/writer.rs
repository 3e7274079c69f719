//! The one writer of goal sets: read, decide, compare-and-set, decide again when somebody was faster.

use async_trait::async_trait;

use super::Engine;
use crate::kinds::{ActError, Acts};
use crate::model::{Action, GoalSet, GoalSetId};
use crate::ports::store::{LeaseChanges, StoreError};

/// How often a lost race is tried again before it is an error; each loss means that somebody else made progress.
const RACES: usize = 100;

impl Engine {
    /// Decides and stores an action together with lease changes.
    ///
    /// # Errors
    /// The set refuses, is not there, or cannot be stored.
    pub async fn act_with(
        &self,
        id: GoalSetId,
        action: &Action,
        leases: &LeaseChanges,
    ) -> Result<GoalSet, ActError> {
        let action = self.with_subject(id, action).await?;
        for _ in 0..RACES {
            let record = self
                .parts
                .store
                .goal_set(id)
                .await?
                .ok_or(ActError::UnknownSet(id))?;
            let (mut after, mut events) = match record.set.act(&action, self.parts.clock.now()) {
                Ok(decided) => decided,
                Err(refusal) => {
                    self.note_refusal(&record, &action, &refusal).await;
                    return Err(refusal.into());
                }
            };
            if events.is_empty() && *leases == LeaseChanges::default() {
                return Ok(after);
            }
            self.sign(&record, &mut after, &mut events)?;
            match self
                .parts
                .store
                .append(&record.set, &after, &events, leases)
                .await
            {
                Ok(()) => return Ok(after),
                Err(StoreError::Conflict(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(StoreError::Conflict("goal set").into())
    }
}

#[async_trait]
impl Acts for Engine {
    async fn act(&self, set: GoalSetId, action: &Action) -> Result<GoalSet, ActError> {
        self.act_with(set, action, &LeaseChanges::default()).await
    }
}
