//! What an action means for a goal set: the events to store, or a refusal to show.

use super::super::approval::{Approval, Person};
use super::super::authors::Authors;
use super::super::confirmation::Subject;
use super::super::goal::{Goal, StateName};
use super::super::goal_event::{Actor, ExecutionResult, ExternalUrl, GoalChange, GoalEvent, UsedImages};
use super::super::ids::GoalKey;
use super::super::time::Timestamp;
use super::GoalSet;
use super::refusal::Refusal;

/// Something that is asked of a goal set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An executor takes a requested goal.
    Start {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
    },
    /// The executor has news.
    Progress {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
        /// New phase.
        phase: String,
    },
    /// The executor is done.
    Finish {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
        /// With what.
        result: ExecutionResult,
    },
    /// The executor is gone and left no result.
    Lose {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
    },
    /// A requested goal was not started in time, or cannot be started.
    GiveUp {
        /// Which.
        goal: GoalKey,
        /// Phase to show.
        phase: String,
        /// Why.
        error: String,
    },
    /// A person confirms the start or the result.
    Confirm {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
        /// Who wrote the push.
        authors: Authors,
        /// What they said.
        reason: Option<String>,
        /// The goal version they looked at, when they say so.
        version: Option<u32>,
        /// What exactly that is; the engine knows.
        subject: Option<Subject>,
    },
    /// A person refuses the start or the result.
    Deny {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
        /// What they said.
        reason: Option<String>,
        /// The goal version they looked at, when they say so.
        version: Option<u32>,
    },
    /// A failed goal is to run again.
    Retry {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
    },
    /// Goals are to end.
    Cancel {
        /// Which.
        scope: CancelScope,
        /// By whom.
        actor: Actor,
        /// Text to add.
        reason: String,
    },
    /// An administrator sets a state, with a reason.
    Override {
        /// Which.
        goal: GoalKey,
        /// To what.
        state: StateName,
        /// Who.
        person: Person,
        /// Who wrote the push.
        authors: Authors,
        /// Why.
        reason: String,
        /// What exactly that stands for, where it counts as a confirmation; the engine knows.
        subject: Option<Subject>,
    },
    /// What would run is not what was confirmed: the start waits for people again.
    VoidConfirmation {
        /// Which.
        goal: GoalKey,
        /// What is not as it was.
        because: String,
    },
}

/// Which goals a cancellation means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelScope {
    /// Every goal that has not ended.
    All,
    /// One goal.
    Goal(GoalKey),
    /// The selection of a cancel goal (semantics 4.8).
    Superseded {
        /// Display or unique names; empty for all.
        goals: Vec<String>,
        /// States it touches.
        states: Vec<StateName>,
    },
}

/// Optional parts of an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) description: Option<String>,
    pub(super) phase: Option<String>,
    pub(super) error: Option<String>,
    pub(super) data: Option<String>,
    pub(super) external_urls: Option<Vec<ExternalUrl>>,
    pub(super) images: UsedImages,
    pub(super) not_before: Option<Timestamp>,
}

impl Extras {
    /// A text, and nothing else.
    pub(super) fn described(description: String) -> Self {
        Self {
            description: Some(description),
            ..Self::default()
        }
    }
}

/// A set in the making: events are applied as they are decided.
pub(super) struct Draft {
    pub(super) set: GoalSet,
    pub(super) events: Vec<GoalEvent>,
    pub(super) at: Timestamp,
}

impl GoalSet {
    /// Decides what `action` means at this moment: the set afterwards and the events that lead to it, settled, that is
    /// with everything that follows for dependents. Late results are not refused but recorded as ignored.
    ///
    /// # Errors
    /// The action is not legal now; nothing changes.
    pub fn act(&self, action: &Action, at: Timestamp) -> Result<(Self, Vec<GoalEvent>), Refusal> {
        let mut draft = Draft {
            set: self.clone(),
            events: Vec::new(),
            at,
        };
        draft.act(action)?;
        draft.queue_again(&self.given_back());
        draft.settle();
        Ok((draft.set, draft.events))
    }
}

impl Draft {
    fn act(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::Start { goal, epoch } => self.start(goal, *epoch),
            Action::Progress { goal, epoch, phase } => self.progress(goal, *epoch, phase),
            Action::Finish { goal, epoch, result } => self.finish(goal, *epoch, result),
            Action::Lose { goal, epoch } => self.lose(goal, *epoch),
            Action::GiveUp { goal, phase, error } => self.give_up(goal, phase, error),
            Action::Confirm {
                goal,
                person,
                authors,
                reason,
                version,
                subject,
            } => {
                let approval = self.approval(goal, person, reason.clone(), subject)?;
                self.confirm(goal, approval, authors, *version)
            }
            Action::Deny {
                goal,
                person,
                reason,
                version,
            } => self.deny(goal, person, reason.as_deref(), *version),
            Action::Retry { goal, person } => self.retry(goal, person),
            Action::Cancel { scope, actor, reason } => self.cancel(scope, actor, reason),
            Action::Override {
                goal,
                state,
                person,
                authors,
                reason,
                subject,
            } => {
                let by = self.approval(goal, person, Some(reason.clone()), subject)?;
                self.override_state(goal, *state, by, authors)
            }
            Action::VoidConfirmation { goal, because } => self.void_confirmation(goal, because),
        }
    }

    fn approval(
        &self,
        goal: &GoalKey,
        person: &Person,
        reason: Option<String>,
        subject: &Option<Subject>,
    ) -> Result<Approval, Refusal> {
        Ok(Approval {
            by: person.clone(),
            at: self.at,
            version: self.goal(goal)?.version,
            reason,
            subject: subject.clone(),
        })
    }

    pub(super) fn goal(&self, key: &GoalKey) -> Result<&Goal, Refusal> {
        self.set
            .goal(key)
            .ok_or_else(|| Refusal::UnknownGoal(key.clone()))
    }

    /// Appends one event and applies it.
    pub(super) fn emit(&mut self, key: &GoalKey, actor: Actor, change: GoalChange, extras: Extras) {
        let goal = self
            .set
            .goal(key)
            .expect("the caller has looked the goal up in this set");
        let earliest = Timestamp::from_micros(goal.changed_at.as_micros() + 1);
        let event = GoalEvent {
            goal: key.clone(),
            version: goal.version + 1,
            at: self.at.max(earliest),
            actor,
            change,
            description: extras.description,
            phase: extras.phase,
            error: extras.error,
            data: extras.data,
            external_urls: extras.external_urls,
            images: extras.images,
            not_before: extras.not_before,
            signature: None,
        };
        self.set
            .apply(&event)
            .expect("decisions follow the transition table");
        self.events.push(event);
    }
}
