//! What the images of a goal set mean is settled when it is planned: who approves a goal later approves what was there then, and a
//! tag that moves meanwhile changes nothing (threat I5). What the engine does not have is fetched at once, and goals that use
//! it begin when that is done, or when it has failed: then they try themselves and say why not.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use super::Engine;
use super::words::chain;
use crate::kinds;
use crate::kinds::resolve::Placeholders;
use crate::model::{FixedImage, Goal, GoalKey, GoalSetId};
use crate::ports::containers::Pull;
use crate::ports::store::{GoalSetRecord, StoreError};

/// How long goals wait for images that are fetched.
const LONGEST: Duration = Duration::from_secs(600);

/// An image by its name, whether it may be fetched, and the goal that uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// As the goal names it.
    pub(super) name: String,
    /// When it is fetched.
    pub(super) pull: Pull,
    /// Whose logins count.
    pub(super) goal: GoalKey,
}

impl Engine {
    /// Settles the images of a set that was just planned, beside everything else; those whose names need what earlier goals
    /// leave are settled later, and those of containers that are not for this push never.
    pub(super) fn settle_images(&self, record: GoalSetRecord) {
        if !record.set.goals().iter().any(uses_images) {
            return;
        }
        let (engine, set) = (self.clone(), record.set.id);
        self.settling(|sets| sets.insert(set));
        let stop = self.parts.tasks.stop_token();
        self.parts.tasks.spawn("images of a goal set", async move {
            let settled = tokio::select! {
                () = stop.cancelled() => return,
                settled = tokio::time::timeout(LONGEST, engine.settle_all(&record)) => settled,
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

    async fn settle_all(&self, record: &GoalSetRecord) -> Result<Vec<String>, StoreError> {
        let mut wanted = Vec::new();
        for goal in record.set.goals().iter().filter(|goal| uses_images(goal)) {
            wanted.extend(self.images_as_written(record, goal).await);
        }
        wanted.retain(|image| !image.name.contains("${"));
        wanted.sort();
        wanted.dedup();
        self.settle(record, wanted).await
    }

    /// The images of those containers of a goal that are for this push, by the names that are written; of all when that
    /// cannot be told now, for the goal itself says why.
    async fn images_as_written(&self, record: &GoalSetRecord, goal: &Goal) -> Vec<Wanted> {
        let work = &goal.definition().work;
        let Some(kind) = kinds::kind(&work.kind) else {
            return Vec::new();
        };
        let wanted = kind.images_for(&self.context(record, goal)).await;
        let wanted = wanted.unwrap_or_else(|error| {
            tracing::debug!(goal = %goal.key(), error = %error, "the tests of containers cannot be asked now");
            kind.images(&work.arguments)
        });
        let wanted = wanted.into_iter().map(|(name, pull)| Wanted {
            name,
            pull,
            goal: goal.key(),
        });
        wanted.collect()
    }

    fn settling<T>(&self, change: impl FnOnce(&mut std::collections::HashSet<GoalSetId>) -> T) -> T {
        change(&mut self.settling.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether images that this goal uses are being fetched for its set.
    pub(super) fn waits_for_images(&self, set: GoalSetId, goal: &Goal) -> bool {
        self.settling(|sets| sets.contains(&set)) && uses_images(goal)
    }

    /// The images of a goal by the names they have for its push.
    pub(super) async fn images_of(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Vec<Wanted>, StoreError> {
        if !uses_images(goal) {
            return Ok(Vec::new());
        }
        let images = self.images_as_written(record, goal).await;
        let push = &record.push;
        let version = self.parts.store.version(&push.repo.key, &push.after).await?;
        let facts = kinds::lookup::facts(record, goal, version.as_deref());
        let placeholders = Placeholders::with_own(facts, &self.policy);
        let named = images.into_iter().filter_map(|wanted| {
            let name = placeholders.text(&wanted.name).ok()?;
            Some(Wanted { name, ..wanted })
        });
        Ok(named.collect())
    }

    /// Fixes what these images are; why some could not be. One that several goals use is fetched with the login of the first
    /// that may have it.
    pub(super) async fn settle(
        &self,
        record: &GoalSetRecord,
        wanted: Vec<Wanted>,
    ) -> Result<Vec<String>, StoreError> {
        let mut found: Vec<FixedImage> = Vec::new();
        let mut failed = BTreeMap::new();
        for image in wanted {
            if found.iter().any(|found| found.name == image.name) {
                continue;
            }
            match self.settle_one(record, &image).await {
                Ok(settled) => {
                    failed.remove(&image.name);
                    found.push(settled);
                }
                Err(why) => {
                    failed.insert(image.name, why);
                }
            }
        }
        if !found.is_empty() {
            self.parts.store.fix_images(record.set.id, &found).await?;
        }
        let failed = failed.into_iter();
        Ok(failed
            .map(|(name, why)| format!("its image `{name}` is not there: {why}"))
            .collect())
    }

    async fn settle_one(&self, record: &GoalSetRecord, image: &Wanted) -> Result<FixedImage, String> {
        let login = match record.set.goal(&image.goal) {
            Some(goal) if image.pull != Pull::Never => self.login_for(&image.name, (record, goal)).await,
            Some(_) | None => None,
        };
        let engines = &self.settings.containers.engines;
        let settling = self
            .parts
            .images
            .settle(engines, &image.name, image.pull, login.as_ref());
        settling.await
    }
}

fn uses_images(goal: &Goal) -> bool {
    let work = &goal.definition().work;
    kinds::kind(&work.kind).is_some_and(|kind| !kind.images(&work.arguments).is_empty())
}
