//! The reconciler: woken by a change or a timer, it reads the store and does what is due.
//!
//! It plans pushes that have no plan, starts goals that are requested, follows attempts that nobody follows, ends
//! attempts of goals that are over, and gives up on goals that nobody could start in time. After a restart it does
//! exactly the same with what it finds.

use std::collections::HashSet;
use std::time::Duration;

use super::Engine;
use super::attempt::Place;
use super::words::humane;
use crate::kinds;
use crate::model::{Action, GoalKey, GoalSetId, Push, StateName, Timestamp};
use crate::ports::replicas::Standing;
use crate::ports::store::{Cause, GoalLocation, GoalSetRecord, StoreError};

impl Engine {
    /// Reconciles until told to stop. Running processes go on; the next start finds them.
    pub async fn run(&self) {
        let stop = self.parts.tasks.stop_token();
        let mut changes = self.parts.store.subscribe();
        loop {
            changes.mark_unchanged();
            let pause = match self.reconcile().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(error = %error, "the store could not be read; trying again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changes.changed() => {}
                () = self.look.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look at the store: does all that is due and says when to look again at the latest.
    ///
    /// # Errors
    /// The store cannot be read; nothing is lost.
    pub async fn reconcile(&self) -> Result<Duration, StoreError> {
        if self.holds_work() {
            return Ok(self.settings.tick);
        }
        self.plan_unplanned().await?;
        if let Err(error) = self.heed_goals().await {
            tracing::error!(error = %error, "goals that rules wait for could not be read; trying again");
        }
        self.follow_in_process().await?;
        let next = self.start_requested().await?;
        Ok(next.min(self.settings.tick))
    }

    async fn plan_unplanned(&self) -> Result<(), StoreError> {
        for (push, failures) in self.parts.store.unplanned_pushes().await? {
            if !self.plans_here(&push) {
                continue; // Looked at again before long.
            }
            if self.may_plan(&push) {
                let engine = self.clone();
                self.parts
                    .tasks
                    .spawn("plan", async move { engine.plan(push, failures).await });
            }
        }
        Ok(())
    }

    /// A push is left to the replica that took it in for as long as a lease lasts.
    fn plans_here(&self, push: &Push) -> bool {
        !self.replicas.has_others()
            || self.has_taken_in(push.id)
            || self.now().since(push.at) >= self.settings.lease
    }

    /// Goals in process that nobody follows are taken up; attempts whose goal is over are ended.
    async fn follow_in_process(&self) -> Result<(), StoreError> {
        let in_process = self.parts.store.goals_in(&[StateName::InProcess]).await?;
        let places: HashSet<Place> = in_process.iter().map(place).collect();
        self.attempts.stop_all_but(&places);
        let elsewhere = self.elsewhere().await?;
        for location in &in_process {
            match elsewhere.get(&place(location)) {
                Some((_, Standing::Elsewhere | Standing::Own)) => continue,
                Some((attempt, Standing::Lost)) => {
                    self.take_over_attempt(attempt.clone());
                    continue;
                }
                None => {}
            }
            if let Some(entry) = self.attempts.claim(place(location)) {
                let engine = self.clone();
                self.parts
                    .tasks
                    .spawn("resume", async move { engine.resume(entry).await });
            }
        }
        Ok(())
    }

    /// Starts what is requested, as far as there is room; the pause until something becomes due.
    async fn start_requested(&self) -> Result<Duration, StoreError> {
        let now = self.parts.clock.now();
        let mut next = self.settings.tick;
        for location in self.parts.store.goals_in(&[StateName::Requested]).await? {
            if let Some(due) = location.not_before.filter(|due| *due > now) {
                next = next.min(due.since(now));
                continue;
            }
            if self.attempts.is_claimed(&place(&location)) {
                continue;
            }
            if let Some(left) = self.leaves_for(&place(&location), location.since) {
                next = next.min(left);
                continue;
            }
            self.start_one(&location, now, &mut next).await?;
        }
        Ok(next)
    }

    async fn start_one(
        &self,
        location: &GoalLocation,
        now: Timestamp,
        next: &mut Duration,
    ) -> Result<(), StoreError> {
        let Some(record) = self.parts.store.goal_set(location.goal_set).await? else {
            return Ok(());
        };
        let Some(goal) = record.set.goal(&location.goal) else {
            return Ok(());
        };
        let Some(kind) = kinds::kind(&goal.definition().work.kind) else {
            let error = format!("No fulfillment for {}", goal.definition().name);
            return self
                .give_up(&record, &location.goal, "no fulfillment", error)
                .await;
        };
        if self.belongs_elsewhere(&record.cause).await? {
            return Ok(());
        }
        if self.waits_for_images(record.set.id, goal) {
            return Ok(()); // Looked at again as soon as they are there.
        }
        let runs_process = self.runs_process(kind, goal);
        if runs_process && self.attempts.processes() >= self.settings.parallel {
            return self.wait_for_room(&record, location, now, next).await;
        }
        if let Some(entry) = self.attempts.claim_with(place(location), runs_process) {
            let engine = self.clone();
            self.parts
                .tasks
                .spawn("attempt", async move { engine.carry_out(entry, kind).await });
        }
        Ok(())
    }

    /// What a command does is done where the command was asked for, because its secret parameters are nowhere else.
    async fn belongs_elsewhere(&self, cause: &Cause) -> Result<bool, StoreError> {
        match cause {
            Cause::Command { job, .. } if self.replicas.has_others() => {
                self.parts.store.is_job_elsewhere(*job).await
            }
            Cause::Push | Cause::Again { .. } | Cause::Command { .. } | Cause::Goal { .. } => Ok(false),
        }
    }

    /// A goal that finds no room in time ends with that reason instead of waiting for ever (hazard 1).
    async fn wait_for_room(
        &self,
        record: &GoalSetRecord,
        location: &GoalLocation,
        now: Timestamp,
        next: &mut Duration,
    ) -> Result<(), StoreError> {
        let limit = record
            .set
            .goal(&location.goal)
            .and_then(|goal| goal.definition().start_within);
        let Some(limit) = limit else { return Ok(()) };
        let waited = now.since(location.since);
        if waited < limit {
            *next = (*next).min(limit - waited);
            return Ok(());
        }
        let error = format!("not started within {}", humane(limit));
        self.give_up(
            record,
            &location.goal,
            &format!("{} timeout", humane(limit)),
            error,
        )
        .await
    }

    async fn give_up(
        &self,
        record: &GoalSetRecord,
        goal: &GoalKey,
        phase: &str,
        error: String,
    ) -> Result<(), StoreError> {
        let action = Action::GiveUp {
            goal: goal.clone(),
            phase: phase.to_owned(),
            error,
        };
        self.act_quietly(record.set.id, &action).await;
        Ok(())
    }

    /// For actions of the machine itself, whose refusal means that somebody else was faster.
    pub(super) async fn act_quietly(&self, set: GoalSetId, action: &Action) {
        use crate::kinds::Acts;
        if let Err(error) = self.act(set, action).await {
            tracing::debug!(goal_set.id = %set, error = %error, "an action came too late");
        }
    }
}

fn place(location: &GoalLocation) -> Place {
    Place {
        goal_set: location.goal_set,
        goal: location.goal.clone(),
    }
}
