//! What the images of a goal set mean is settled when it is planned, as far as the engine has them: who approves a goal later
//! approves what was there then, and a tag that moves meanwhile changes nothing (threat I5).

use std::collections::BTreeSet;

use super::Engine;
use super::words::chain;
use crate::kinds;
use crate::model::{GoalSet, GoalSetId};
use crate::ports::store::StoreError;

impl Engine {
    /// Settles the images of a set that was just planned, beside everything else. What is not there yet is settled by the goal
    /// that fetches it.
    pub(super) fn settle_images(&self, set: &GoalSet) {
        let works = set.goals().iter().map(|goal| &goal.definition().work);
        let names: BTreeSet<String> = works
            .filter_map(|work| Some(kinds::kind(&work.kind)?.images(&work.arguments)))
            .flatten()
            .collect();
        if names.is_empty() {
            return;
        }
        let (engine, set) = (self.clone(), set.id);
        let stop = self.parts.tasks.stop_token();
        self.parts.tasks.spawn("images of a goal set", async move {
            let settled = tokio::select! {
                () = stop.cancelled() => return,
                settled = engine.settle(set, names) => settled,
            };
            if let Err(error) = settled {
                tracing::warn!(goal_set = %set, error = %chain(&error), "the images of a goal set are not settled yet");
            }
        });
    }

    async fn settle(&self, set: GoalSetId, names: BTreeSet<String>) -> Result<(), StoreError> {
        let engines = &self.settings.containers.engines;
        let mut found = Vec::new();
        for name in names {
            found.extend(self.parts.images.look_up(engines, &name).await);
        }
        if !found.is_empty() {
            self.parts.store.fix_images(set, &found).await?;
        }
        Ok(())
    }
}
