//! Plans accepted pushes: rules on git objects, then one transaction.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Engine;
use super::commands::ask::{MACHINE_SCOPE, WORKSPACE_SCOPE};
use super::explain::{Explanation, explain_with};
use super::words::chain;
use crate::model::{GoalSetId, GoalTrigger, Plan, Push, Trace};
use crate::ports::store::{Cause, GoalSetRecord, StoreError};
use crate::rules::PlanningFacts;

/// Longest pause before an unplanned push is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What came of planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planned {
    /// Goals were set.
    Set(GoalSetId),
    /// None were: no rule matched, or planning failed, which is stored.
    Nothing,
    /// Somebody planned for this cause before.
    AlreadyThere,
}

impl Engine {
    /// Plans a push for the first time; a failure is recorded and tried again later (semantics 2.4 DECISION).
    pub(super) async fn plan(&self, push: Push, failures: u32) {
        if !self.begin_planning(&push) {
            return;
        }
        let outcome = self.plan_for(&push, &Cause::Push, None, failures).await;
        self.end_planning(&push);
        match outcome {
            Ok(_) => {}
            Err(error) => {
                tracing::error!(push.id = %push.id, error = %error, "the plan of a push could not be stored");
                self.pause_planning(&push, failures);
            }
        }
    }

    /// `false` when somebody plans it right now.
    pub(super) fn begin_planning(&self, push: &Push) -> bool {
        let mut planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        planning.insert(push.id)
    }

    pub(super) fn end_planning(&self, push: &Push) {
        let mut planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        planning.remove(&push.id);
    }

    /// Plans a push for a cause and stores what came of it. `trigger` is the goal that is the cause.
    pub(super) async fn plan_for(
        &self,
        push: &Push,
        cause: &Cause,
        trigger: Option<GoalTrigger>,
        failures: u32,
    ) -> Result<Planned, StoreError> {
        if !self.settings.trust_all && !self.parts.store.is_trusted(&push.repo.key).await? {
            let waiting = self.wait_for_trust(push, trigger.as_ref(), failures);
            return waiting.await.map(|()| Planned::Nothing);
        }
        let explanation = self.explain_because_of(push.clone(), trigger.clone()).await;
        let at = self.parts.clock.now();
        if let Some(error) = explanation.error {
            self.pause_planning(push, failures);
            self.store_failure(push, trigger.as_ref(), &error).await?;
            return Ok(Planned::Nothing);
        }
        let mut plan = explanation.plan;
        let id = GoalSetId(self.parts.ids.fresh());
        self.mark_void(push, id, &mut plan).await?;
        let named = plan.name.as_ref().filter(|_| !plan.goals.is_empty());
        let set = named.map(|name| self.plan_set(id, (name, &plan), push, cause, at));
        let set = set.transpose()?;
        let store = &self.parts.store;
        let stored = match (&set, cause) {
            (Some(set), Cause::Again { .. }) => self.store_over(push, cause, &plan, set).await?,
            (set, _) => store.store_plan(push, cause, &plan, set.as_ref(), at).await?,
        };
        Ok(match (stored, set) {
            (false, _) => Planned::AlreadyThere,
            (true, Some(set)) => {
                let id = set.id;
                self.settle_images(GoalSetRecord {
                    set,
                    push: push.clone(),
                    created_at: at,
                    cause: cause.clone(),
                    tags: plan.tags.clone(),
                });
                Planned::Set(id)
            }
            (true, None) => Planned::Nothing,
        })
    }

    /// The reasons for a push, computed on a blocking thread with the goal files in use.
    pub async fn explain_blocking(&self, push: Push) -> Explanation {
        self.explain_because_of(push, None).await
    }

    async fn explain_because_of(&self, push: Push, trigger: Option<GoalTrigger>) -> Explanation {
        let facts = match self.planning_facts().await {
            Ok(facts) => PlanningFacts { trigger, ..facts },
            Err(error) => return unexplained(push, chain(&error)),
        };
        if let Err(error) = self.bring_here(&push).await {
            return unexplained(push, chain(&error));
        }
        let (machine, scm) = (self.machine(), Arc::clone(&self.parts.scm));
        let task = tokio::task::spawn_blocking(move || explain_with(&machine, &facts, &scm, &push));
        task.await.expect("planning does not panic and is not aborted")
    }

    /// What rules may ask for beside the push; stored preferences win over those of the settings.
    pub(super) async fn planning_facts(&self) -> Result<PlanningFacts, StoreError> {
        let now = self.parts.clock.now();
        let stored = self.parts.store.preferences(MACHINE_SCOPE, now).await?;
        let shared = self.parts.store.preferences(WORKSPACE_SCOPE, now).await?;
        let mut facts = self.settings.planning_facts();
        facts.forges = Some(self.parts.forge_view());
        if let Some(preferences) = facts.preferences.as_object_mut() {
            if !shared.is_empty() {
                preferences.insert(WORKSPACE_SCOPE.to_owned(), shared.into_iter().collect());
            }
            preferences.extend(stored);
        }
        Ok(facts)
    }

    async fn store_failure(
        &self,
        push: &Push,
        trigger: Option<&GoalTrigger>,
        error: &str,
    ) -> Result<(), StoreError> {
        let (store, at) = (&self.parts.store, self.parts.clock.now());
        match trigger {
            Some(trigger) => store.fail_trigger(push, trigger, error, false, at).await,
            None => store.store_planning_failure(push, error, at).await,
        }
    }

    async fn wait_for_trust(
        &self,
        push: &Push,
        trigger: Option<&GoalTrigger>,
        failures: u32,
    ) -> Result<(), StoreError> {
        let slug = &push.repo.slug;
        self.pause_planning(push, 16);
        if failures > 0 {
            return Ok(());
        }
        let error = format!("{slug} is not trusted yet: look at `sdm explain`, then say `sdm trust {slug}`");
        self.store_failure(push, trigger, &error).await
    }

    pub(super) fn pause_planning(&self, push: &Push, failures: u32) {
        let pause = Duration::from_secs(1)
            .saturating_mul(1 << failures.min(16))
            .min(LONGEST_PAUSE);
        let due = self.parts.clock.now().plus(pause);
        self.planning_retries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(push.id, due);
    }

    /// Forgets all pauses: something changed that may let unplanned pushes be planned.
    pub fn plan_again_now(&self) {
        self.planning_retries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.look.notify_one();
    }

    pub(super) fn may_plan(&self, push: &Push) -> bool {
        if self.holds_plans.load(Ordering::Acquire) {
            return false;
        }
        let retries = self
            .planning_retries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        let due = retries
            .get(&push.id)
            .is_none_or(|due| *due <= self.parts.clock.now());
        due && !planning.contains(&push.id)
    }
}

fn unexplained(push: Push, error: String) -> Explanation {
    let plan = Plan {
        name: None,
        goals: Vec::new(),
        tags: Vec::new(),
        trace: Trace::default(),
    };
    Explanation {
        push,
        plan,
        error: Some(error),
    }
}
