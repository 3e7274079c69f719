//! What people confirm (threats D1 to D3): bound to the commit, the plan of the goal and its images, void for anything else, and
//! never counted for what is not known yet.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use super::signing::planned_digest;
use crate::kinds::ActError;
use crate::model::confirmation::differences_of_images;
use crate::model::{
    Action, Approval, ExecutionResult, FixedImage, Goal, GoalSetId, GoalState, Plan, PlannedGoal, Push,
    Refusal, StateName, Subject, VoidConfirmation,
};
use crate::ports::store::{GoalSetFilter, GoalSetRecord, StoreError};

/// How many goal sets of the branch are looked through for an earlier confirmation.
const REACH: u32 = 50;

/// How long somebody who confirms waits for an image to be fetched.
const PATIENCE: Duration = Duration::from_secs(20);

impl Engine {
    /// Writes at each goal of a plan that people confirm what has changed since they last did, on the same branch.
    pub(super) async fn mark_void(
        &self,
        push: &Push,
        set: GoalSetId,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        if !plan.goals.iter().any(asks_people) {
            return Ok(());
        }
        let filter = GoalSetFilter {
            repo: Some(push.repo.slug.clone()),
            branch: Some(push.branch.clone()),
            limit: REACH,
            ..GoalSetFilter::default()
        };
        let earlier = self.parts.store.goal_sets(&filter).await?;
        let is_of_repository =
            |record: &&GoalSetRecord| record.push.repo.key == push.repo.key && record.set.id != set;
        let earlier: Vec<&GoalSetRecord> = earlier.iter().filter(is_of_repository).collect();
        for goal in plan.goals.iter_mut().filter(|goal| asks_people(goal)) {
            goal.void = void_of(&earlier, goal, push);
        }
        Ok(())
    }

    /// A confirmation, or what may count as one, with what exactly it is for and who may not give it; any other action as it is.
    ///
    /// # Errors
    /// What would run is not known yet.
    pub(super) async fn with_subject<'a>(
        &self,
        id: GoalSetId,
        action: &'a Action,
    ) -> Result<Cow<'a, Action>, ActError> {
        let (Action::Confirm { goal, .. } | Action::Override { goal, .. }) = action else {
            return Ok(Cow::Borrowed(action));
        };
        let record = self
            .parts
            .store
            .goal_set(id)
            .await?
            .ok_or(ActError::UnknownSet(id))?;
        let Some(confirmed) = record.set.goal(goal) else {
            return Ok(Cow::Borrowed(action)); // Refused where it is decided.
        };
        let starts = matches!(action, Action::Confirm { .. });
        if starts && confirmed.state.name() == StateName::WaitingForPreApproval {
            self.settle_before_start(&record, confirmed).await?;
        }
        let now = self.subject(&record, confirmed).await?;
        let mut action = action.clone();
        if let Action::Confirm { subject, authors, .. } | Action::Override { subject, authors, .. } =
            &mut action
        {
            *authors = self.known_authors(&record, confirmed, authors).await?;
            *subject = Some(now);
        }
        Ok(Cow::Owned(action))
    }

    /// Nobody confirms the start of an image that nobody has seen.
    async fn settle_before_start(&self, record: &GoalSetRecord, goal: &Goal) -> Result<(), ActError> {
        let fixed = self.parts.store.fixed_images(record.set.id).await?;
        let mut open = self.images_of(record, goal).await?;
        open.retain(|wanted| !fixed.iter().any(|fixed| fixed.name == wanted.name));
        if open.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = open.iter().map(|wanted| format!("`{}`", wanted.name)).collect();
        let not_settled = |why: String| {
            ActError::Refused(Refusal::NotSettled {
                name: goal.definition().name.clone(),
                why,
            })
        };
        match tokio::time::timeout(PATIENCE, self.settle(record, open)).await {
            Ok(Ok(failed)) => match failed.into_iter().next() {
                Some(why) => Err(not_settled(why)),
                None => Ok(()),
            },
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(not_settled(format!(
                "its image {} is still being fetched",
                names.join(", ")
            ))),
        }
    }

    /// What a goal is, as it would be confirmed now.
    pub(super) async fn subject(&self, record: &GoalSetRecord, goal: &Goal) -> Result<Subject, StoreError> {
        let wanted = self.images_of(record, goal).await?;
        let fixed = self.parts.store.fixed_images(record.set.id).await?.into_iter();
        let own = fixed.filter(|fixed| wanted.iter().any(|wanted| wanted.name == fixed.name));
        Ok(Subject {
            commit: record.push.after.clone(),
            plan: planned_digest(&goal.planned),
            images: own.map(|fixed| (fixed.name, fixed.shown)).collect(),
        })
    }

    /// What of a goal is not as it was when its start was confirmed; `None` when it may run.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn not_confirmed(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Option<String>, StoreError> {
        let given = goal.confirmations.iter();
        let confirmed: Vec<&Subject> = given.filter_map(|approval| approval.subject.as_ref()).collect();
        if goal.definition().pre_approval.is_none() || confirmed.is_empty() {
            return Ok(None);
        }
        let now = self.subject(record, goal).await?;
        let mut differences = confirmed.iter().map(|subject| subject.differences(&now));
        let differences = differences.find(|found| !found.is_empty());
        Ok(differences.map(|differences| {
            let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
            told.join("; ")
        }))
    }

    /// Lets the start of a goal wait for people again when it is not what they confirmed (threat D2); whether it does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn waits_for_people_again(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<bool, StoreError> {
        let Some(because) = self.not_confirmed(record, goal).await? else {
            return Ok(false);
        };
        let action = Action::VoidConfirmation {
            goal: goal.key(),
            because,
        };
        self.act_quietly(record.set.id, &action).await;
        Ok(true)
    }

    /// What a goal ends with that has become something else since it began.
    pub(super) async fn became_other(&self, record: &GoalSetRecord, goal: &Goal) -> Option<ExecutionResult> {
        let because = match self.not_confirmed(record, goal).await {
            Ok(because) => because?,
            Err(error) => return Some(ExecutionResult::failure(error.to_string())),
        };
        Some(ExecutionResult {
            phase: Some("confirmation void".to_owned()),
            ..ExecutionResult::failure(format!(
                "what was confirmed is not what would run: {because}; plan it anew with `sdm reset`"
            ))
        })
    }

    /// What was confirmed before and does not count for a goal that waits now, images included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn void_confirmation(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Option<VoidConfirmation>, StoreError> {
        let Some(void) = &goal.planned.void else {
            return Ok(None);
        };
        let by_name = |fixed: Vec<FixedImage>| -> BTreeMap<String, String> {
            fixed.into_iter().map(|fixed| (fixed.name, fixed.shown)).collect()
        };
        let was = by_name(self.parts.store.fixed_images(void.goal_set).await?);
        let is = by_name(self.parts.store.fixed_images(record.set.id).await?);
        let known = |images: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            let both = images.iter().filter(|(name, _)| other.contains_key(*name));
            both.map(|(name, shown)| (name.clone(), shown.clone())).collect()
        };
        let mut void = void.clone();
        void.differences
            .extend(differences_of_images(&known(&was, &is), &known(&is, &was)));
        Ok(Some(void))
    }

    /// A person who may not confirm and tried, or tried to do without, is on record (threats D1 and D6).
    pub(super) async fn note_refusal(&self, record: &GoalSetRecord, action: &Action, refusal: &Refusal) {
        let (what, goal, person) = match action {
            Action::Confirm { goal, person, .. } => ("confirm", goal, person),
            Action::Override { goal, person, .. } => ("set the state of", goal, person),
            Action::Start { .. }
            | Action::Progress { .. }
            | Action::Finish { .. }
            | Action::Lose { .. }
            | Action::GiveUp { .. }
            | Action::Deny { .. }
            | Action::Retry { .. }
            | Action::Cancel { .. }
            | Action::VoidConfirmation { .. } => return,
        };
        let is_on_record = matches!(
            refusal,
            Refusal::NotAdmitted(_) | Refusal::StartNotConfirmed(_) | Refusal::OthersMustConfirm { .. }
        );
        if !is_on_record {
            return;
        }
        let text = format!(
            "@{} was refused to {what} {} of goal set {}: {refusal}",
            person.login,
            goal.unique_name,
            record.set.id.short()
        );
        if let Err(error) = self.say(&record.push.repo, text).await {
            tracing::error!(error = %error, "that a confirmation was refused could not be written");
        }
    }
}

fn asks_people(goal: &PlannedGoal) -> bool {
    goal.definition.approval.is_some() || goal.definition.pre_approval.is_some()
}

/// The last confirmation of a goal of this key; the records are newest first.
fn void_of(earlier: &[&GoalSetRecord], goal: &PlannedGoal, push: &Push) -> Option<VoidConfirmation> {
    let key = goal.key();
    earlier.iter().find_map(|record| {
        let confirmed = record.set.goal(&key).filter(|goal| !given(goal).is_empty())?;
        let by = given(confirmed).iter().map(|approval| approval.by.login.clone());
        let was = (&confirmed.planned, &record.push.after);
        Some(VoidConfirmation::of(
            by.collect(),
            record.set.id,
            was,
            (goal, &push.after),
        ))
    })
}

/// Confirmations of a goal that waits for more, or that it had last.
fn given(goal: &Goal) -> &[Approval] {
    match &goal.state {
        GoalState::WaitingForPreApproval { approvals } | GoalState::WaitingForApproval { approvals }
            if !approvals.is_empty() =>
        {
            approvals
        }
        GoalState::WaitingForPreApproval { .. }
        | GoalState::WaitingForApproval { .. }
        | GoalState::Planned
        | GoalState::PreApproved { .. }
        | GoalState::Requested { .. }
        | GoalState::InProcess { .. }
        | GoalState::Approved { .. }
        | GoalState::Success
        | GoalState::Failure
        | GoalState::Stopped
        | GoalState::Canceled
        | GoalState::Skipped { .. } => &goal.confirmations,
    }
}
