//! Goal sets as the socket tells them.

use super::server::Answer;
use super::{Refused, choose};
use crate::daemon::local::LocalDaemon;
use crate::model::set_tag::SetTag;
use crate::model::{BranchName, RepoSlug};
use crate::ports::store::{Cause, GoalSetFilter, GoalSetRecord, PlanningAttempt};
use crate::wire::control::Reply;
use crate::wire::views::{GoalSetView, NotSetView};

/// Which sets somebody asks for.
pub(super) struct Which {
    pub(super) repo: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) id: Option<String>,
    pub(super) active: bool,
    pub(super) tag: Option<String>,
    pub(super) limit: u32,
}

impl LocalDaemon {
    /// The sets as they stand.
    pub(super) async fn send_sets(&self, sets: &[GoalSetRecord], answer: &mut Answer) -> Result<(), Refused> {
        let mut goal_sets = Vec::with_capacity(sets.len());
        for record in sets {
            goal_sets.push(self.view_of(record).await?);
        }
        Ok(answer.send(&Reply::GoalSets { goal_sets }).await?)
    }

    /// The sets that somebody means, newest first.
    pub(super) async fn goal_sets(&self, which: Which) -> Result<Vec<GoalSetRecord>, Refused> {
        let limit = if which.limit == 0 {
            20
        } else {
            which.limit.min(1000)
        };
        if let Some(id) = which.id {
            let mut sets = choose::sets(self.engine(), Some(&id), None).await?;
            sets.truncate(limit as usize);
            return Ok(sets);
        }
        self.refuse_unknown(which.repo.as_deref()).await?;
        let filter = GoalSetFilter {
            repo: which.repo.as_deref().map(RepoSlug::parse).transpose()?,
            branch: which.branch.as_deref().map(BranchName::parse).transpose()?,
            active: which.active,
            tag: which.tag.as_deref().map(SetTag::parse).transpose()?,
            limit,
            ..GoalSetFilter::default()
        };
        Ok(self.engine().store().goal_sets(&filter).await?)
    }

    /// The sets with the goals that were not set, which takes reading what was planned then.
    pub(super) async fn send_sets_with_not_set(
        &self,
        sets: &[GoalSetRecord],
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let mut goal_sets = Vec::with_capacity(sets.len());
        for record in sets {
            let not_set = self.not_set(record).await?;
            goal_sets.push(GoalSetView {
                not_set,
                ..self.view_of(record).await?
            });
        }
        Ok(answer.send(&Reply::GoalSets { goal_sets }).await?)
    }

    async fn view_of(&self, record: &GoalSetRecord) -> Result<GoalSetView, Refused> {
        let mut view = GoalSetView::of(&record.set, &record.push, record.created_at);
        view.because = because_of(&record.cause);
        view.tags.clone_from(&record.tags);
        for (goal, view) in record.set.goals().iter().zip(&mut view.goals) {
            view.void = self.engine().void_confirmation(record, goal).await?;
        }
        Ok(view)
    }

    /// Goals of rules that did not match, with the reason: every goal that applies to a repository reports (design 7).
    async fn not_set(&self, record: &GoalSetRecord) -> Result<Vec<NotSetView>, Refused> {
        let attempts = self.engine().store().planning_attempts(record.push.id).await?;
        let of_set = |attempt: &PlanningAttempt| attempt.goal_set == Some(record.set.id);
        let trace = attempts
            .into_iter()
            .find(of_set)
            .and_then(|attempt| attempt.trace);
        let rules = trace.into_iter().flat_map(|trace| trace.rules);
        let left_out = rules.flat_map(|rule| {
            let (name, because) = (rule.name, rule.because);
            rule.goals.into_iter().map(move |goal| NotSetView {
                name: goal,
                rule: name.clone(),
                because: because.clone(),
            })
        });
        let is_set = |view: &NotSetView| {
            record
                .set
                .goals()
                .iter()
                .any(|goal| goal.definition().name == view.name)
        };
        Ok(left_out.filter(|view| !is_set(view)).collect())
    }
}

pub(super) fn because_of(cause: &Cause) -> Option<String> {
    match cause {
        Cause::Push => None,
        Cause::Again { .. } => Some("somebody asking for it again".to_owned()),
        Cause::Command { command, by, .. } => Some(format!("the command {command}, asked for by {by}")),
        Cause::Goal { goal_set, goal, .. } => {
            let name = goal.unique_name.as_str();
            Some(format!("{name} of goal set {}", goal_set.short()))
        }
    }
}
