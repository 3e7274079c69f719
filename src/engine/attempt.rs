//! One attempt of one goal: lend a working copy, write the start, run, follow, write the end.

mod builds;
mod conclude;
mod elsewhere;
mod follow;
pub(super) mod process;
mod registry;
mod take_over;

use std::time::Duration;

use tokio::sync::watch;

use crate::kinds::{ActError, Begun, GoalContext, Kind, KindError, ProcessRequest, listeners, mock};
use crate::model::{Action, ExecutionResult, Goal, Push, StateName};
use crate::ports::executor::{AttemptRef, ExecutionError, ExecutionWatch};
use crate::ports::scm::{ScmError, Workspace};
use crate::ports::store::{GoalSetRecord, Lease, LeaseChanges};

use super::Engine;
use super::exchange::Exchanged;
use super::words::chain;
pub use elsewhere::{CompletionError, Proof};
pub use registry::{Attempts, Claim, Place};

/// Tries to lend a working copy before the goal fails.
const LEND_TRIES: u32 = 3;

impl Engine {
    /// Starts a requested goal and sees it through.
    pub(super) async fn carry_out(&self, claim: Claim, kind: &'static dyn Kind) {
        let Some(record) = self.record(&claim).await else {
            return;
        };
        if let Err(error) = self.bring_here(&record.push).await {
            tracing::debug!(goal = %claim.place().goal, error = %chain(&error), "the commit of a goal is not here");
        }
        if self.is_to_be_confirmed(&claim, &record).await {
            return self.make_room(claim);
        }
        let goal = record.set.goal(&claim.place().goal);
        let workspace = match goal.is_none_or(|goal| self.runs_process(kind, goal)) {
            true => match self.lend(&record).await {
                Ok(workspace) => Some(workspace),
                Err(error) => {
                    self.fail_before_start(&claim, &record, &error).await;
                    return self.make_room(claim);
                }
            },
            false => None,
        };
        match self.begin_attempt(&claim, &record, workspace.as_ref()).await {
            Ok((record, attempt)) => {
                self.proceed(&claim, kind, record, attempt, workspace).await;
                self.make_room(claim);
            }
            Err(error) => {
                tracing::debug!(goal = %claim.place().goal, error = %error, "the goal was not started");
                self.give_back(workspace.as_ref()).await;
            }
        }
    }

    /// Ends a claim and says so: the end of its goal was stored while it still took up room, so whoever was refused that
    /// room would otherwise wait for the next tick.
    pub(super) fn make_room(&self, claim: Claim) {
        drop(claim);
        self.look_again();
    }

    /// Whether people must look at the goal again before it starts; what is not signed well is not put before them.
    async fn is_to_be_confirmed(&self, claim: &Claim, record: &GoalSetRecord) -> bool {
        let key = &claim.place().goal;
        let Some(goal) = record.set.goal(key) else {
            return false;
        };
        if goal.definition().pre_approval.is_none() || self.rejected(record, key).is_some() {
            return false;
        }
        let waits = self.waits_for_people_again(record, goal).await;
        waits.unwrap_or_else(|error| {
            tracing::error!(goal = %key, error = %error, "whether a goal may start could not be read");
            true
        })
    }

    async fn record(&self, claim: &Claim) -> Option<GoalSetRecord> {
        match self.parts.store.goal_set(claim.place().goal_set).await {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(goal_set.id = %claim.place().goal_set, error = %error, "a goal set cannot be read");
                None
            }
        }
    }

    /// Writes that the attempt begins, together with its lease: from here on it is found again.
    async fn begin_attempt(
        &self,
        claim: &Claim,
        record: &GoalSetRecord,
        workspace: Option<&Workspace>,
    ) -> Result<(GoalSetRecord, AttemptRef), ActError> {
        let place = claim.place();
        let number = record.set.goal(&place.goal).map_or(1, |goal| goal.attempt + 1);
        let epoch = record.set.events + 1;
        let attempt = AttemptRef {
            goal_set: place.goal_set,
            goal: place.goal.clone(),
            attempt: number,
            epoch,
        };
        let lease = Lease {
            attempt: attempt.clone(),
            workspace: workspace.map(|workspace| workspace.name.clone()),
            expires_at: self.parts.clock.now().plus(self.settings.lease),
        };
        let leases = LeaseChanges {
            take: vec![lease],
            drop: Vec::new(),
        };
        let action = Action::Start {
            goal: place.goal.clone(),
            epoch,
        };
        let set = self.act_with(place.goal_set, &action, &leases).await?;
        Ok((
            GoalSetRecord {
                set,
                ..record.clone()
            },
            attempt,
        ))
    }

    /// Begins the goal's own work, or what is left of it after a restart.
    async fn proceed(
        &self,
        claim: &Claim,
        kind: &'static dyn Kind,
        mut record: GoalSetRecord,
        attempt: AttemptRef,
        workspace: Option<Workspace>,
    ) {
        let mut changes = self.parts.store.subscribe();
        loop {
            changes.mark_unchanged();
            let Some(goal) = record
                .set
                .goal(&attempt.goal)
                .filter(|goal| is_mine(goal, &attempt))
            else {
                return self.close(&attempt, workspace.as_ref()).await;
            };
            if let Some(rejected) = self.rejected(&record, &attempt.goal) {
                return self.finish(&attempt, rejected, workspace.as_ref()).await;
            }
            if let Some(void) = self.became_other(&record, goal).await {
                return self.finish(&attempt, void, workspace.as_ref()).await;
            }
            let result = match self.begin(kind, &record, goal).await {
                Ok(Begun::Ended(result)) => result,
                Ok(Begun::Process(request)) => {
                    match self.start(&record, goal, &attempt, request, &workspace).await {
                        Ok(Started::Process(watch)) => {
                            return self.follow(claim, attempt, watch, workspace).await;
                        }
                        Ok(Started::TakenOver(result)) | Err(result) => *result,
                    }
                }
                Ok(Begun::Waiting { phase }) => {
                    self.note_phase(&attempt, phase).await;
                    if !self.wait_for_change(claim, &mut changes).await {
                        return;
                    }
                    match self.record(claim).await {
                        Some(newer) => record = newer,
                        None => return,
                    }
                    continue;
                }
                Err(error) => ExecutionResult::failure(error.to_string()),
            };
            return self
                .finish_or_wait(claim, &attempt, result, workspace.as_ref())
                .await;
        }
    }

    /// Begins the goal as its kind does, with its listeners and the repository's hooks around the work.
    pub(super) async fn begin_with_listeners(
        &self,
        kind: &'static dyn Kind,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Begun, KindError> {
        let context = self.context(record, goal);
        match kind.begin(&context).await? {
            Begun::Process(mut request) => {
                // What runs around the work, a repository's own hooks among it, is given no secrets.
                request.steps.iter_mut().for_each(|step| step.is_work = true);
                let slug = record.push.repo.slug.to_string();
                let allows_hooks = listeners::allows_hooks(&self.settings.repository_hooks, &slug);
                let request = listeners::around(&context, request, allows_hooks).await?;
                Ok(Begun::Process(request))
            }
            other @ (Begun::Ended(_) | Begun::Waiting { .. }) => Ok(other),
        }
    }

    /// What a kind may know and use for a goal.
    pub(super) fn context<'a>(&'a self, record: &'a GoalSetRecord, goal: &'a Goal) -> GoalContext<'a> {
        GoalContext {
            record,
            goal,
            store: self.parts.store.as_ref(),
            acts: self,
            scm: &self.parts.scm,
            forges: self.parts.forges.as_ref(),
            ids: self.parts.ids.as_ref(),
            signing: self.parts.signing.as_deref(),
            policy: &self.policy,
            secrets: self.secrets_of(record).into_values().collect(),
            given: Vec::new(),
            now: self.parts.clock.now(),
        }
    }

    /// `false` when this process should stop following.
    pub(super) async fn wait_for_change(&self, claim: &Claim, changes: &mut watch::Receiver<u64>) -> bool {
        let stop = self.parts.tasks.stop_token();
        tokio::select! {
            () = stop.cancelled() => false,
            () = claim.stopped() => true,
            _ = changes.changed() => true,
            () = tokio::time::sleep(self.settings.tick) => true,
        }
    }

    /// Starts the process; the result to record when that is impossible.
    async fn start(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
        attempt: &AttemptRef,
        mut request: ProcessRequest,
        workspace: &Option<Workspace>,
    ) -> Result<Started, Box<ExecutionResult>> {
        let failure = |doing: &str, error: &dyn std::fmt::Display| {
            Box::new(ExecutionResult::failure(format!("failed to {doing}: {error}")))
        };
        let refused = |error: KindError| Box::new(ExecutionResult::failure(chain(&error)));
        let workspace = workspace
            .as_ref()
            .ok_or_else(|| Box::new(ExecutionResult::failure("no working copy was lent")))?;
        let context = self.context(record, goal);
        // Nothing of a mock is handed on, taken over or given in secret.
        let is_mock = mock::is_mock(&request);
        let inputs = match is_mock {
            true => None,
            false => self.inputs_of(&context, &request).await.map_err(refused)?,
        };
        if let Some(inputs) = &inputs
            && let Some(result) = self.take_over(&context, attempt, inputs).await.map_err(refused)?
        {
            return Ok(Started::TakenOver(Box::new(result)));
        }
        let version = self
            .parts
            .store
            .version(&record.push.repo.key, &record.push.after)
            .await
            .ok()
            .flatten();
        let exchanged =
            Exchanged::prepare(&self.settings.exchange, attempt, record, goal, version.as_deref())
                .await
                .map_err(|error| failure("prepare the goal's files", &error))?;
        let mut redact = Vec::new();
        if is_mock {
            exchanged
                .note_mock()
                .map_err(|error| failure("prepare the goal's files", &error))?;
        } else {
            let given = self.give_secrets(&context, attempt, &workspace.path, &mut request);
            redact = given.await.map_err(refused)?;
            self.given.keep(attempt, &redact);
            self.add_file_steps(&context, attempt, &workspace.path, inputs, &mut request)
                .await
                .map_err(refused)?;
        }
        let mut spec = self
            .process_spec(record, goal, &request, workspace, &exchanged, version.as_deref())
            .map_err(|error| failure("prepare the goal's steps", &error))?;
        spec.redact.extend(redact);
        let watch = match self.parts.executor.start(attempt, spec).await {
            Err(ExecutionError::AlreadyStarted(_)) => self
                .parts
                .executor
                .watch(attempt)
                .await
                .map_err(|error| failure("follow the goal", &error)),
            started => started.map_err(|error| failure("start the goal", &chain(&error))),
        };
        watch.map(Started::Process)
    }

    async fn lend(&self, record: &GoalSetRecord) -> Result<Workspace, ScmError> {
        let mut tries = 1;
        loop {
            match self.lend_once(&record.push).await {
                Err(error) if error.is_transient() && tries < LEND_TRIES => {
                    tracing::warn!(error = %chain(&error), "a working copy could not be lent; trying again");
                    tokio::time::sleep(Duration::from_millis(200) * tries).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn lend_once(&self, push: &Push) -> Result<Workspace, ScmError> {
        self.bring_here(push).await?;
        self.parts
            .workspaces
            .lend(&push.repo, &push.after, push.trust)
            .await
    }

    /// The goal cannot be given a working copy: it ends with that reason (semantics 3.5 row 16).
    async fn fail_before_start(&self, claim: &Claim, record: &GoalSetRecord, error: &ScmError) {
        let Ok((_, attempt)) = self.begin_attempt(claim, record, None).await else {
            return;
        };
        let result = match error {
            ScmError::CommitGone(_) => ExecutionResult {
                state: Some(StateName::Canceled),
                phase: Some("sha not found".to_owned()),
                ..ExecutionResult::success()
            },
            other => ExecutionResult::failure(format!("no working copy: {}", chain(other))),
        };
        self.finish(&attempt, result, None).await;
    }
}

/// What became of starting a goal.
enum Started {
    /// Its process runs.
    Process(Box<dyn ExecutionWatch>),
    /// An earlier success is its result.
    TakenOver(Box<ExecutionResult>),
}

/// Whether the goal is still carried out by this attempt.
fn is_mine(goal: &Goal, attempt: &AttemptRef) -> bool {
    matches!(goal.state, crate::model::GoalState::InProcess { epoch, .. } if epoch == attempt.epoch)
}
