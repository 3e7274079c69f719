//! What is not bound to a push: listeners find events, timers fire, errands run, jobs go on.
//!
//! Like the scheduler this is a reconciler: woken by a change or a timer, it reads the store and does what is due. It has a
//! loop of its own, so that listeners never hold up a goal.

mod process;
mod registry;
mod run;

use std::time::Duration;

use super::Engine;
use super::listeners::Startup;
use crate::model::{Errand, ErrandCause, ErrandId, ExecutionResult, JobId, StateName, TaskState};
use crate::ports::AttemptRef;
use crate::ports::errands::ErrandFilter;
use crate::ports::replicas::Standing;
use crate::ports::store::StoreError;
pub(super) use registry::Errands;

/// Errands looked at in one go.
const PAGE: u32 = 1_000;

impl Engine {
    /// Does what is due until told to stop. Running processes go on; the next start finds them.
    pub async fn run_errands(&self) {
        let stop = self.parts.tasks.stop_token();
        let mut changes = self.parts.store.subscribe();
        let mut startup = self.begin_startup().await;
        loop {
            changes.mark_unchanged();
            let looked = match self.holds_work() {
                true => Ok(self.settings.tick),
                false => self.look_at_errands(&mut startup).await,
            };
            let pause = match looked {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(error = %error, "errands could not be read; trying again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changes.changed() => {}
                () = self.errands.look.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look_at_errands(&self, startup: &mut Startup) -> Result<Duration, StoreError> {
        self.listen().await?;
        let next = match self.has_started(startup).await? {
            true => self.fire_timers().await?,
            false => self.settings.tick,
        };
        self.carry_errands().await?;
        self.carry_jobs().await?;
        self.tidy_vault().await?;
        Ok(next.min(self.settings.tick))
    }

    /// Starts what is requested, follows what nobody follows, and ends what is over.
    async fn carry_errands(&self) -> Result<(), StoreError> {
        let filter = ErrandFilter {
            open: true,
            limit: PAGE,
            ..ErrandFilter::default()
        };
        let open = self.parts.store.errands(&filter).await?;
        self.errands.stop_all_but(&open);
        let elsewhere = self.errands_elsewhere().await?;
        let mut by_turn: Vec<&Errand> = open.iter().collect();
        by_turn.sort_by_key(|errand| turn(errand));
        for errand in by_turn {
            if let Some(standing) = elsewhere.get(&errand.id)
                && self.is_carried_elsewhere(errand, *standing).await
            {
                continue;
            }
            let waits = errand
                .after
                .is_some_and(|after| open.iter().any(|other| other.id == after));
            let is_new = errand.state == StateName::Requested;
            if is_new && (waits || !self.has_room(errand)) {
                continue;
            }
            if let Some(claim) = self.errands.claim(errand) {
                let (engine, errand) = (self.clone(), errand.clone());
                self.parts
                    .tasks
                    .spawn("errand", async move { engine.carry_errand(claim, errand).await });
            }
        }
        Ok(())
    }

    /// Whether one more may be carried. Where there is more than one place, one is kept for those whom somebody waits for.
    fn has_room(&self, errand: &Errand) -> bool {
        let places = self.settings.parallel;
        let is_full = self.errands.count() >= places;
        let is_asked_for = matches!(errand.cause, ErrandCause::Command { .. });
        !is_full && (is_asked_for || self.errands.count_of_listeners() < places.saturating_sub(1).max(1))
    }

    /// Whether another replica sees to an errand. What one carried that is gone is over; what waits is anybody's, except where
    /// secrets are only there.
    async fn is_carried_elsewhere(&self, errand: &Errand, standing: Standing) -> bool {
        let waits = errand.state == StateName::Requested;
        match standing {
            Standing::Own => false,
            Standing::Elsewhere if waits => !errand.secrets.is_empty() && !self.vault.has(errand.id.0),
            Standing::Elsewhere => true,
            Standing::Lost if waits => false,
            Standing::Lost => {
                let result = ExecutionResult::failure("the replica of the machine that carried it is gone");
                let attempt = AttemptRef::of_errand(errand.id, errand.attempt);
                self.end_errand(errand.clone(), &attempt, &result).await;
                true
            }
        }
    }

    /// Secrets live as long as what needs them. What is not in the store yet is about to be.
    async fn tidy_vault(&self) -> Result<(), StoreError> {
        for owner in self.vault.owners() {
            let is_over = match self.parts.store.errand(ErrandId(owner)).await? {
                Some(errand) => errand.has_ended(),
                None => self.job_is_over(JobId(owner)).await?,
            };
            if is_over {
                self.vault.drop(owner);
            }
        }
        Ok(())
    }

    async fn job_is_over(&self, id: JobId) -> Result<bool, StoreError> {
        let Some((_, tasks)) = self.parts.store.job(id).await? else {
            return Ok(false);
        };
        let waits = tasks.iter().any(|task| task.state == TaskState::Waiting);
        Ok(!waits && self.parts.store.active_tasks(id).await? == 0)
    }

    /// Ends an errand by somebody's word.
    ///
    /// # Errors
    /// It has ended, or the store cannot be written.
    pub async fn cancel_errand(&self, id: ErrandId, reason: &str) -> Result<Errand, ErrandError> {
        self.change_errand(id, |errand| {
            if errand.has_ended() {
                return Err(ErrandError::Refused(format!("{} has ended already", errand.name)));
            }
            Ok(errand.canceled(reason, self.parts.clock.now()))
        })
        .await
    }

    /// Runs an errand again that failed or was canceled.
    ///
    /// # Errors
    /// It has not, or the store cannot be written.
    pub async fn retry_errand(&self, id: ErrandId) -> Result<Errand, ErrandError> {
        self.change_errand(id, |errand| match errand.state {
            StateName::Failure | StateName::Canceled if !errand.secrets.is_empty() => {
                Err(ErrandError::Refused(format!(
                    "{} had secret parameters, which are not kept: run it again",
                    errand.name
                )))
            }
            StateName::Failure | StateName::Canceled => Ok(errand.requested_again()),
            _ => Err(ErrandError::Refused(format!("{} has not failed", errand.name))),
        })
        .await
    }

    async fn change_errand(
        &self,
        id: ErrandId,
        change: impl Fn(&Errand) -> Result<Errand, ErrandError>,
    ) -> Result<Errand, ErrandError> {
        loop {
            let errand = self.parts.store.errand(id).await?.ok_or(ErrandError::Unknown)?;
            let after = change(&errand)?;
            if self
                .parts
                .store
                .change_errand(&after, self.parts.clock.now())
                .await?
            {
                return Ok(after);
            }
        }
    }
}

/// Whose turn it is where there is not room for all: somebody waits for a command, nobody for a timer.
fn turn(errand: &Errand) -> u8 {
    match &errand.cause {
        ErrandCause::Command { .. } => 0,
        ErrandCause::Event { name } if name != "Timer" => 1,
        ErrandCause::Event { .. } => 2,
    }
}

/// Why an errand was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// It makes no sense.
    #[error("{0}")]
    Refused(String),
    /// There is none.
    #[error("there is no such errand")]
    Unknown,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
