//! Recorded pushes by other rules: what would be planned differently. Nothing is stored and nothing is run.

use std::collections::HashMap;
use std::sync::Arc;

use super::explain::{Explanation, explain};
use super::{Engine, Machine};
use crate::model::plan::RuleOutcome;
use crate::model::{GoalKey, Plan, PlannedGoal, Push, RepoSlug, StateName, Trace};
use crate::ports::store::{GoalSetFilter, StoreError};
use crate::wire::compare::{ComparedGoal, ComparedPush};
use crate::wire::explain::ExplainedPush;

/// Goal sets whose goals say how long goals take.
const RECORDS: u32 = 500;

/// How long goals usually take, in milliseconds.
pub type Durations = HashMap<GoalKey, u64>;

impl Engine {
    /// Plans a recorded push by the rules in use and by those of another machine, on a blocking thread.
    pub async fn compare(
        &self,
        push: Push,
        other: &Arc<Machine>,
        durations: &Arc<Durations>,
    ) -> ComparedPush {
        let (machine, settings) = (self.machine(), Arc::clone(&self.settings));
        let (other, durations) = (Arc::clone(other), Arc::clone(durations));
        let scm = Arc::clone(&self.parts.scm);
        let task = tokio::task::spawn_blocking(move || {
            let now = explain(&machine, &settings, &scm, &push);
            let then = explain(&other, &settings, &scm, &push);
            difference(&now, &then, &durations)
        });
        task.await.expect("planning does not panic and is not aborted")
    }

    /// The median run time of goals that succeeded lately; of all repositories when none is named.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn durations(&self, repo: Option<RepoSlug>) -> Result<Durations, StoreError> {
        let filter = GoalSetFilter {
            repo,
            limit: RECORDS,
            ..GoalSetFilter::default()
        };
        let mut times: HashMap<GoalKey, Vec<u64>> = HashMap::new();
        for record in self.parts.store.goal_sets(&filter).await? {
            let goals = record.set.goals().iter();
            for goal in goals.filter(|goal| goal.state.name() == StateName::Success) {
                if let (Some(started), Some(done)) = (goal.started_at, goal.done_at) {
                    let micros = done.as_micros().saturating_sub(started.as_micros());
                    let millis = u64::try_from(micros / 1000).unwrap_or_default();
                    times.entry(goal.definition().key()).or_default().push(millis);
                }
            }
        }
        Ok(times
            .into_iter()
            .map(|(key, times)| (key, median(times)))
            .collect())
    }
}

fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn difference(now: &Explanation, then: &Explanation, durations: &Durations) -> ComparedPush {
    let mut compared = ComparedPush {
        push: ExplainedPush::of(&now.push),
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        error: then.error.clone(),
        error_now: now.error.clone(),
    };
    // A plan that failed has no goals, which would look as if all of them went.
    if compared.error.is_some() || compared.error_now.is_some() {
        return compared;
    }
    for goal in &then.plan.goals {
        match find(&now.plan, goal) {
            None => compared.added.push(compared_goal(goal, added(goal), durations)),
            Some(earlier) => {
                let parts = changed_parts(earlier, goal);
                if !parts.is_empty() {
                    compared
                        .changed
                        .push(compared_goal(goal, parts.join(", "), durations));
                }
            }
        }
    }
    let removed = now
        .plan
        .goals
        .iter()
        .filter(|goal| find(&then.plan, goal).is_none());
    compared.removed = removed
        .map(|goal| compared_goal(goal, removed_because(goal, &then.plan.trace), durations))
        .collect();
    compared
}

fn find<'a>(plan: &'a Plan, goal: &PlannedGoal) -> Option<&'a PlannedGoal> {
    plan.goals.iter().find(|other| other.key() == goal.key())
}

fn compared_goal(goal: &PlannedGoal, because: String, durations: &Durations) -> ComparedGoal {
    let definition = &goal.definition;
    ComparedGoal {
        name: definition.name.clone(),
        unique_name: definition.unique_name.to_string(),
        environment: definition.environment.clone(),
        because,
        milliseconds: durations.get(&goal.key()).copied(),
    }
}

fn added(goal: &PlannedGoal) -> String {
    format!("set by {}", goal.rules.join(", "))
}

/// What of a goal that both plans have is different.
fn changed_parts(now: &PlannedGoal, then: &PlannedGoal) -> Vec<&'static str> {
    let (a, b) = (&now.definition, &then.definition);
    let parts = [
        (a.work != b.work, "what it does"),
        (now.preconditions != then.preconditions, "what it waits for"),
        (a.pre_approval != b.pre_approval, "who confirms its start"),
        (a.approval != b.approval, "who confirms its result"),
        (a.retry != b.retry, "whether it is tried again"),
    ];
    let mut changed: Vec<&str> = parts
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, part)| part)
        .collect();
    if changed.is_empty() && !a.is_same_as(b) {
        changed.push("its details");
    }
    changed
}

/// The first rule that would set it and does not, with its reason.
fn removed_because(goal: &PlannedGoal, trace: &Trace) -> String {
    let mut rules = trace
        .rules
        .iter()
        .filter(|rule| rule.goals.contains(&goal.definition.name));
    match rules.find(|rule| rule.outcome != RuleOutcome::Matched) {
        Some(rule) => format!("rule {}: {}", rule.name, rule.because),
        None => "no rule sets it any more".to_owned(),
    }
}
