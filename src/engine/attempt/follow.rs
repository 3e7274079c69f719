//! Following a process to its end, also one that an earlier daemon started, and writing what came of it.

use std::time::Duration;

use crate::kinds::{self, ActError};
use crate::model::{Action, ExecutionResult, StateName};
use crate::ports::executor::{AttemptRef, ExecutionError, ExecutionNews, ExecutionWatch};
use crate::ports::scm::Workspace;
use crate::ports::store::{GoalSetRecord, Lease, LeaseChanges};

use super::super::words::chain;
use super::super::{Engine, exchange};
use super::Claim;

impl Engine {
    /// Takes up a goal in process that nobody follows: the daemon was restarted, or an earlier try broke off.
    pub(in crate::engine) async fn resume(&self, claim: Claim) {
        let Some(record) = self.record(&claim).await else {
            return;
        };
        let Some(lease) = self.lease_of(&claim).await else {
            return self.resume_without_lease(&claim, &record).await;
        };
        let Some(goal) = record.set.goal(&claim.place().goal) else {
            return;
        };
        let Some(kind) = kinds::kind(&goal.definition().work.kind) else {
            return self.lose(&lease.attempt, None).await;
        };
        if lease.workspace.is_none() && !self.runs_process(kind, goal) {
            claim.without_process();
            return self.proceed(&claim, kind, record, lease.attempt, None).await;
        }
        let workspace = lease.workspace.map(|name| self.lent_earlier(name));
        match self.parts.executor.watch(&lease.attempt).await {
            Ok(watch) => {
                self.follow(&claim, lease.attempt, watch, workspace).await;
                self.make_room(claim);
            }
            // Its process was another replica's and has ended; somebody else goes on with it.
            Err(ExecutionError::Unknown) if workspace.is_none() && !self.is_alone() => {
                self.wait_elsewhere(&claim, &lease.attempt).await;
            }
            Err(ExecutionError::Unknown) => {
                self.give_back(workspace.as_ref()).await;
                match self.lend(&record).await {
                    Ok(fresh) => {
                        self.proceed(&claim, kind, record, lease.attempt, Some(fresh))
                            .await;
                        self.make_room(claim);
                    }
                    Err(error) => {
                        let result = ExecutionResult::failure(format!("no working copy: {}", chain(&error)));
                        self.finish(&lease.attempt, result, None).await;
                    }
                }
            }
            Err(error) => {
                tracing::error!(goal = %claim.place().goal, error = %chain(&error), "an attempt cannot be followed");
                self.lose(&lease.attempt, workspace.as_ref()).await;
            }
        }
    }

    async fn lease_of(&self, claim: &Claim) -> Option<Lease> {
        let leases = self.parts.store.leases().await.ok()?;
        let is_mine = |lease: &Lease| {
            lease.attempt.goal_set == claim.place().goal_set && lease.attempt.goal == claim.place().goal
        };
        leases
            .into_iter()
            .filter(is_mine)
            .max_by_key(|lease| lease.attempt.epoch)
    }

    /// In process without a lease: whoever had it has finished in a way that the state does not show. It is lost.
    /// The set was read before its leases, so that an attempt that began meanwhile is not taken for it.
    async fn resume_without_lease(&self, claim: &Claim, record: &GoalSetRecord) {
        let Some(goal) = record.set.goal(&claim.place().goal) else {
            return;
        };
        if let crate::model::GoalState::InProcess { epoch, .. } = goal.state {
            let action = Action::Lose {
                goal: claim.place().goal.clone(),
                epoch,
            };
            self.act_quietly(claim.place().goal_set, &action).await;
        }
    }

    /// Follows a process until its last news is stored. A daemon that stops leaves the process to the next one.
    pub(super) async fn follow(
        &self,
        claim: &Claim,
        attempt: AttemptRef,
        mut watch: Box<dyn ExecutionWatch>,
        workspace: Option<Workspace>,
    ) {
        let stop = self.parts.tasks.stop_token();
        let mut heartbeat = tokio::time::interval(self.settings.lease / 3);
        let mut asked_to_end = false;
        heartbeat.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = claim.stopped(), if !asked_to_end => {
                    asked_to_end = true;
                    self.end_process(&attempt).await;
                }
                _ = heartbeat.tick() => {
                    if !self.renew(&attempt).await && !asked_to_end {
                        asked_to_end = true;
                        self.end_process(&attempt).await;
                    }
                }
                news = watch.next() => match news {
                    Some(ExecutionNews::Running { .. }) => {}
                    Some(ExecutionNews::Phase(phase)) => self.note_phase(&attempt, phase).await,
                    Some(ExecutionNews::Ended(result)) => {
                        return self.conclude(claim, &attempt, result, workspace.as_ref()).await;
                    }
                    Some(ExecutionNews::NeverBegan) => return self.begin_anew(&attempt, workspace.as_ref()).await,
                    Some(ExecutionNews::Lost) | None => return self.lose(&attempt, workspace.as_ref()).await,
                },
            }
        }
    }

    /// A daemon was killed between making the attempt and handing it over: nothing ran, so it is started again under
    /// the same lease by the scheduler's next look.
    async fn begin_anew(&self, attempt: &AttemptRef, workspace: Option<&Workspace>) {
        if let Err(error) = self.parts.executor.forget(attempt).await {
            tracing::error!(goal = %attempt.goal, error = %chain(&error), "an attempt that never began stays");
            return self.lose(attempt, workspace).await;
        }
        self.give_back(workspace).await;
        self.look_again();
    }

    async fn end_process(&self, attempt: &AttemptRef) {
        if let Err(error) = self.parts.executor.stop(attempt, "the goal is over").await {
            tracing::warn!(goal = %attempt.goal, error = %chain(&error), "a process could not be asked to end");
        }
    }

    /// `false` when it is not held any more, because the attempt is over or was given up for lost by somebody else.
    pub(super) async fn renew(&self, attempt: &AttemptRef) -> bool {
        let expires_at = self.parts.clock.now().plus(self.settings.lease);
        let renewed = self.parts.store.renew_lease(attempt, expires_at).await;
        renewed.unwrap_or_else(|error| {
            tracing::warn!(goal = %attempt.goal, error = %chain(&error), "a lease could not be renewed");
            true
        })
    }

    pub(super) async fn note_phase(&self, attempt: &AttemptRef, phase: String) {
        let action = Action::Progress {
            goal: attempt.goal.clone(),
            epoch: attempt.epoch,
            phase,
        };
        self.act_quietly(attempt.goal_set, &action).await;
    }

    /// Writes the end of an attempt. The result stays with the supervisor until it is stored, so a store that cannot
    /// write delays the end and does not lose it.
    pub(super) async fn finish(
        &self,
        attempt: &AttemptRef,
        result: ExecutionResult,
        workspace: Option<&Workspace>,
    ) {
        let still_elsewhere = result.outcome(false) == StateName::InProcess;
        if !still_elsewhere {
            self.given.drop(attempt);
        }
        self.record_version(attempt, &result).await;
        let (goal, epoch) = (attempt.goal.clone(), attempt.epoch);
        // Carried on elsewhere it keeps its lease and needs its working copy no more.
        let leases = match still_elsewhere {
            true => self.kept_without_workspace(attempt),
            false => dropped(attempt),
        };
        self.write_end(attempt, &Action::Finish { goal, epoch, result }, &leases)
            .await;
        exchange::clear(&self.settings.exchange, attempt).await;
        self.give_back(workspace).await;
    }

    pub(in crate::engine) async fn lose(&self, attempt: &AttemptRef, workspace: Option<&Workspace>) {
        self.given.drop(attempt);
        let action = Action::Lose {
            goal: attempt.goal.clone(),
            epoch: attempt.epoch,
        };
        self.write_end(attempt, &action, &dropped(attempt)).await;
        exchange::clear(&self.settings.exchange, attempt).await;
        self.give_back(workspace).await;
    }

    /// A version that a successful goal reports becomes the commit's, before dependents can ask for it.
    async fn record_version(&self, attempt: &AttemptRef, result: &ExecutionResult) {
        let Some(version) = result.version.as_deref().filter(|_| result.code == 0) else {
            return;
        };
        let recorded = match self.parts.store.goal_set(attempt.goal_set).await {
            Ok(Some(record)) => {
                let push = &record.push;
                self.parts
                    .store
                    .set_version(&push.repo.key, &push.after, version)
                    .await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(goal = %attempt.goal, error = %chain(&error), "a version could not be recorded");
        }
    }

    /// The goal was ended by somebody else before its work began.
    pub(super) async fn close(&self, attempt: &AttemptRef, workspace: Option<&Workspace>) {
        self.given.drop(attempt);
        let leases = LeaseChanges {
            take: Vec::new(),
            drop: vec![attempt.clone()],
        };
        let nothing = Action::Lose {
            goal: attempt.goal.clone(),
            epoch: attempt.epoch,
        };
        if let Err(error) = self.act_with(attempt.goal_set, &nothing, &leases).await {
            tracing::debug!(goal = %attempt.goal, error = %error, "a lease was not dropped");
        }
        self.give_back(workspace).await;
    }

    fn kept_without_workspace(&self, attempt: &AttemptRef) -> LeaseChanges {
        let lease = Lease {
            attempt: attempt.clone(),
            workspace: None,
            expires_at: self.parts.clock.now().plus(self.settings.lease),
        };
        LeaseChanges {
            take: vec![lease],
            drop: Vec::new(),
        }
    }

    async fn write_end(&self, attempt: &AttemptRef, action: &Action, leases: &LeaseChanges) {
        let stop = self.parts.tasks.stop_token();
        let mut pause = Duration::from_millis(200);
        loop {
            match self.act_with(attempt.goal_set, action, leases).await {
                Ok(_) | Err(ActError::UnknownSet(_)) => return,
                Err(ActError::Refused(refusal)) => {
                    tracing::error!(goal = %attempt.goal, error = %refusal, "a result was refused");
                    return;
                }
                Err(ActError::Store(error)) => {
                    tracing::error!(goal = %attempt.goal, error = %chain(&error), "a result waits for the store");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(10)),
            }
        }
    }

    pub(super) async fn give_back(&self, workspace: Option<&Workspace>) {
        let Some(workspace) = workspace else { return };
        if let Err(error) = self.parts.workspaces.release(workspace).await {
            tracing::warn!(workspace = %workspace.name, error = %chain(&error), "a working copy was not given back");
        }
    }

    /// A working copy lent by an earlier daemon; giving it back needs only its name.
    fn lent_earlier(&self, name: String) -> Workspace {
        self.parts.workspaces.lent(&name).unwrap_or(Workspace {
            path: std::path::PathBuf::new(),
            name,
        })
    }
}

/// The attempt is over.
fn dropped(attempt: &AttemptRef) -> LeaseChanges {
    LeaseChanges {
        take: Vec::new(),
        drop: vec![attempt.clone()],
    }
}
