//! What the images of a goal set mean is settled when it is planned: who approves a goal later approves what was there then, and a
//! tag that moves meanwhile changes nothing (threat I5). What the engine does not have is fetched at once, and goals that use
//! it begin when that is done, or when it has failed: then they try themselves and say why not.

use std::sync::PoisonError;
use std::time::Duration;

use super::Engine;
use super::words::chain;
use crate::kinds;
use crate::kinds::resolve::Placeholders;
use crate::model::{Goal, GoalSet, GoalSetId};
use crate::ports::containers::Pull;
use crate::ports::store::{GoalSetRecord, StoreError};

/// How long goals wait for images that are fetched.
const LONGEST: Duration = Duration::from_secs(600);

/// An image by its name, and whether it may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// As the goal names it.
    pub(super) name: String,
    /// When it is fetched.
    pub(super) pull: Pull,
}

impl Engine {
    /// Settles the images of a set that was just planned, beside everything else; those whose names need what earlier goals
    /// leave are settled later.
    pub(super) fn settle_images(&self, set: &GoalSet) {
        let goals = set.goals().iter().map(|goal| &goal.definition().work);
        let all = goals.filter_map(|work| Some(kinds::kind(&work.kind)?.images(&work.arguments)));
        let mut wanted: Vec<Wanted> = all
            .flatten()
            .filter(|(name, _)| !name.contains("${"))
            .map(|(name, pull)| Wanted { name, pull })
            .collect();
        wanted.sort();
        wanted.dedup_by(|one, other| one.name == other.name);
        if wanted.is_empty() {
            return;
        }
        let (engine, set) = (self.clone(), set.id);
        self.settling(|sets| sets.insert(set));
        let stop = self.parts.tasks.stop_token();
        self.parts.tasks.spawn("images of a goal set", async move {
            let settled = tokio::select! {
                () = stop.cancelled() => return,
                settled = tokio::time::timeout(LONGEST, engine.settle(set, wanted)) => settled,
            };
            match settled {
                Ok(Ok(failed)) => {
                    for why in failed {
                        tracing::info!(goal_set = %set, "{why}");
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(goal_set = %set, error = %chain(&error), "the images of a goal set are not settled yet");
                }
                Err(_) => tracing::warn!(goal_set = %set, "the images of a goal set are not there in time"),
            }
            engine.settling(|sets| sets.remove(&set));
            engine.look_again();
        });
    }

    fn settling<T>(&self, change: impl FnOnce(&mut std::collections::HashSet<GoalSetId>) -> T) -> T {
        change(&mut self.settling.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether images that this goal uses are being fetched for its set.
    pub(super) fn waits_for_images(&self, set: GoalSetId, goal: &Goal) -> bool {
        let work = &goal.definition().work;
        let uses_images =
            || kinds::kind(&work.kind).is_some_and(|kind| !kind.images(&work.arguments).is_empty());
        self.settling(|sets| sets.contains(&set)) && uses_images()
    }

    /// The images of a goal by the names they have for its push.
    pub(super) async fn images_of(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Vec<Wanted>, StoreError> {
        let work = &goal.definition().work;
        let images = kinds::kind(&work.kind)
            .map(|kind| kind.images(&work.arguments))
            .unwrap_or_default();
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let push = &record.push;
        let version = self.parts.store.version(&push.repo.key, &push.after).await?;
        let placeholders = Placeholders::from_facts(kinds::lookup::facts(record, goal, version.as_deref()));
        let named = images.into_iter().filter_map(|(name, pull)| {
            let name = placeholders.text(&name).ok()?;
            Some(Wanted { name, pull })
        });
        Ok(named.collect())
    }

    /// Fixes what these images are; why some could not be.
    pub(super) async fn settle(
        &self,
        set: GoalSetId,
        wanted: Vec<Wanted>,
    ) -> Result<Vec<String>, StoreError> {
        let engines = &self.settings.containers.engines;
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for Wanted { name, pull } in wanted {
            match self.parts.images.settle(engines, &name, pull).await {
                Ok(image) => found.push(image),
                Err(why) => failed.push(format!("its image `{name}` is not there: {why}")),
            }
        }
        if !found.is_empty() {
            self.parts.store.fix_images(set, &found).await?;
        }
        Ok(failed)
    }
}
