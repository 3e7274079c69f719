//! What a foreground run left that was killed before it could end its goals: their processes outlive it, as those of the
//! daemon do, and nobody would ever ask for them again. The next run, which has the state directory to itself, ends them.

use std::time::Duration;

use super::OfflineError;
use super::run::cancel;
use crate::engine::Engine;
use crate::model::Action;
use crate::ports::executor::ExecutionNews;
use crate::ports::store::{GoalSetFilter, Lease, LeaseChanges};

/// How long a process of an earlier run gets to end; its own grace time is within it.
const PATIENCE: Duration = Duration::from_secs(45);

/// Ends processes and goal sets of earlier runs. Must come before working copies are reclaimed and goals are started.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn end(engine: &Engine) -> Result<(), OfflineError> {
    for lease in engine.store().leases().await? {
        if tokio::time::timeout(PATIENCE, end_process(engine, &lease))
            .await
            .is_err()
        {
            tracing::warn!(goal = %lease.attempt.goal, "a process of an earlier run does not end");
        }
    }
    let active = GoalSetFilter {
        active: true,
        limit: 1000,
        ..GoalSetFilter::default()
    };
    for record in engine.store().goal_sets(&active).await? {
        cancel(engine, record.set.id, "the run was killed").await;
    }
    for lease in engine.store().leases().await? {
        drop_lease(engine, lease).await;
    }
    Ok(())
}

/// Asks for the end and waits for it; an attempt that is not there any more has ended.
async fn end_process(engine: &Engine, lease: &Lease) {
    let Ok(mut watch) = engine.executor().watch(&lease.attempt).await else {
        return;
    };
    if engine
        .executor()
        .stop(&lease.attempt, "the run that started it was killed")
        .await
        .is_err()
    {
        return;
    }
    loop {
        match watch.next().await {
            Some(ExecutionNews::Running { .. } | ExecutionNews::Phase(_)) => {}
            Some(ExecutionNews::Ended(_) | ExecutionNews::Lost | ExecutionNews::NeverBegan) | None => return,
        }
    }
}

/// The goal is over by now, so losing it changes nothing but the lease.
async fn drop_lease(engine: &Engine, lease: Lease) {
    let lost = Action::Lose {
        goal: lease.attempt.goal.clone(),
        epoch: lease.attempt.epoch,
    };
    let id = lease.attempt.goal_set;
    let leases = LeaseChanges {
        take: Vec::new(),
        drop: vec![lease.attempt],
    };
    if let Err(error) = engine.act_with(id, &lost, &leases).await {
        tracing::debug!(goal_set.id = %id, error = %error, "a lease of an earlier run was not dropped");
    }
}
