//! One goal of a goal set and where it stands.

use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::by_hand::ByHand;
use super::definition::GoalDefinition;
use super::goal_event::{ExternalUrl, GoalChange, GoalEvent, UsedImages};
use super::ids::GoalKey;
use super::plan::PlannedGoal;
use super::time::Timestamp;

/// The names of the states, as they are stored, shown and sent (semantics 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Waits for its preconditions.
    Planned,
    /// Waits for a person before it starts.
    WaitingForPreApproval,
    /// A person confirmed the start; votes decide.
    PreApproved,
    /// Ready to be started.
    Requested,
    /// Being carried out.
    InProcess,
    /// Done, waits for a person to confirm the result.
    WaitingForApproval,
    /// A person confirmed the result; votes decide.
    Approved,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Ended on purpose; dependents do not run.
    Stopped,
    /// Ended because somebody or a newer push said so.
    Canceled,
    /// Not run, with a reason.
    Skipped,
}

impl StateName {
    /// Every state, in the order of 3.4.
    pub const ALL: [Self; 12] = [
        Self::Planned,
        Self::WaitingForPreApproval,
        Self::PreApproved,
        Self::Requested,
        Self::InProcess,
        Self::WaitingForApproval,
        Self::Approved,
        Self::Success,
        Self::Failure,
        Self::Stopped,
        Self::Canceled,
        Self::Skipped,
    ];

    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::WaitingForPreApproval => "waiting_for_pre_approval",
            Self::PreApproved => "pre_approved",
            Self::Requested => "requested",
            Self::InProcess => "in_process",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Approved => "approved",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Stopped => "stopped",
            Self::Canceled => "canceled",
            Self::Skipped => "skipped",
        }
    }

    /// Reads the stored spelling; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the goal has ended; only a restart leaves such a state.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failure | Self::Stopped | Self::Canceled | Self::Skipped
        )
    }

    /// The first words of the default description (semantics 3.1).
    pub const fn default_text(self) -> &'static str {
        match self {
            Self::Planned => "Planned",
            Self::WaitingForPreApproval => "Start required",
            Self::PreApproved => "Start confirmed",
            Self::Requested => "Ready",
            Self::InProcess => "Working",
            Self::WaitingForApproval => "Approval required",
            Self::Approved => "Approved",
            Self::Success => "Complete",
            Self::Failure => "Failed",
            Self::Stopped => "Stopped",
            Self::Canceled => "Canceled",
            Self::Skipped => "Skipped",
        }
    }
}

impl std::fmt::Display for StateName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where one goal stands. Data that is only true in one state lives in that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoalState {
    /// Waits for its preconditions.
    Planned,
    /// Waits for people before it starts.
    WaitingForPreApproval {
        /// Confirmations so far.
        approvals: Vec<Approval>,
    },
    /// Enough people confirmed the start.
    PreApproved {
        /// Who.
        approvals: Vec<Approval>,
    },
    /// Ready to be started, not before `not_before`.
    Requested {
        /// Since when.
        since: Timestamp,
        /// Set by the pause of an automatic retry.
        not_before: Option<Timestamp>,
    },
    /// Being carried out by the holder of this epoch.
    InProcess {
        /// Since when.
        since: Timestamp,
        /// Which holder of the attempt's lease may report.
        epoch: u64,
    },
    /// Done, waits for people to confirm the result.
    WaitingForApproval {
        /// Confirmations so far.
        approvals: Vec<Approval>,
    },
    /// Enough people confirmed the result.
    Approved {
        /// Who.
        approvals: Vec<Approval>,
    },
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Ended on purpose.
    Stopped,
    /// Ended by somebody's word.
    Canceled,
    /// Never run, because this goal ended otherwise; `None` when the goal said so itself.
    Skipped {
        /// The goal that caused it.
        because_of: Option<GoalKey>,
    },
}

impl GoalState {
    /// The state's name.
    pub const fn name(&self) -> StateName {
        match self {
            Self::Planned => StateName::Planned,
            Self::WaitingForPreApproval { .. } => StateName::WaitingForPreApproval,
            Self::PreApproved { .. } => StateName::PreApproved,
            Self::Requested { .. } => StateName::Requested,
            Self::InProcess { .. } => StateName::InProcess,
            Self::WaitingForApproval { .. } => StateName::WaitingForApproval,
            Self::Approved { .. } => StateName::Approved,
            Self::Success => StateName::Success,
            Self::Failure => StateName::Failure,
            Self::Stopped => StateName::Stopped,
            Self::Canceled => StateName::Canceled,
            Self::Skipped { .. } => StateName::Skipped,
        }
    }

    /// Whether the goal has ended.
    pub const fn is_terminal(&self) -> bool {
        self.name().is_terminal()
    }
}

/// A goal of a set: what was planned, and the fold of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Definition, preconditions and rules as planned; never changes.
    pub planned: PlannedGoal,
    /// Where it stands.
    pub state: GoalState,
    /// Version of the last event: 1 at planning, plus 1 for each change.
    pub version: u32,
    /// Attempts started so far; the current one while in process.
    pub attempt: u32,
    /// Automatic retries used since a person last asked for it.
    pub automatic_retries: u32,
    /// Finer progress label.
    pub phase: Option<String>,
    /// Text to show.
    pub description: String,
    /// Last error message.
    pub error: Option<String>,
    /// Free result, JSON by convention.
    pub data: Option<String>,
    /// Links to show.
    pub external_urls: Vec<ExternalUrl>,
    /// Images that the current or last attempt ran.
    pub images: UsedImages,
    /// When it was last requested.
    pub requested_at: Option<Timestamp>,
    /// When the current or last attempt started.
    pub started_at: Option<Timestamp>,
    /// When the last attempt came to its result, whatever people say of that afterwards.
    pub done_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it last changed; strictly increasing per goal.
    pub changed_at: Timestamp,
    /// Confirmations that counted last, of its start or of its result; they stay after it went on.
    pub confirmations: Vec<Approval>,
    /// Who set its state by hand since it last began, and why.
    pub by_hand: Option<ByHand>,
    /// Version since which it waits for the confirmations it waits for; earlier ones have been denied or used up.
    pub waits_since: u32,
    /// Whether its start waits for nobody's word: none is asked for, or what was given still counts.
    pub start_confirmed: bool,
    /// Signature of all this, and of what was planned (semantics 3.14).
    pub signature: Option<String>,
}

impl Goal {
    /// Key within the set.
    pub fn key(&self) -> GoalKey {
        self.planned.definition.key()
    }

    /// The definition it was planned with.
    pub fn definition(&self) -> &GoalDefinition {
        &self.planned.definition
    }

    /// The default or configured text for a state; where people are waited for, with what has changed since the last time.
    pub fn text(&self, state: StateName) -> String {
        let definition = &self.planned.definition;
        let text = definition.descriptions.text(state, &definition.name);
        let waits = matches!(
            state,
            StateName::WaitingForPreApproval | StateName::WaitingForApproval
        );
        match self.planned.void.as_ref().filter(|_| waits) {
            Some(void) => format!("{text} · {}", void.words()),
            None => text,
        }
    }

    fn note_confirmations(&mut self, event: &GoalEvent, next: &GoalState) {
        match next {
            GoalState::PreApproved { approvals } => {
                self.start_confirmed = true;
                self.confirmations.clone_from(approvals);
            }
            GoalState::Approved { approvals } => self.confirmations.clone_from(approvals),
            GoalState::WaitingForPreApproval { approvals } => {
                self.start_confirmed = false;
                self.note_wait(event, approvals);
            }
            GoalState::WaitingForApproval { approvals } => self.note_wait(event, approvals),
            GoalState::Planned
            | GoalState::Requested { .. }
            | GoalState::InProcess { .. }
            | GoalState::Success
            | GoalState::Failure
            | GoalState::Stopped
            | GoalState::Canceled
            | GoalState::Skipped { .. } => {}
        }
    }

    fn note_wait(&mut self, event: &GoalEvent, approvals: &[Approval]) {
        if approvals.is_empty() {
            self.waits_since = event.version;
        }
    }

    /// Takes over what an event says. The transition itself is judged by [`super::goal_set`].
    pub(super) fn take_over(&mut self, event: &GoalEvent, next: GoalState) {
        let at = event.at;
        (self.version, self.changed_at) = (event.version, at);
        self.signature.clone_from(&event.signature);
        // A late result is recorded; it must not touch what the current attempt shows, its times least of all.
        if let GoalChange::IgnoredResult { .. } = &event.change {
            return;
        }
        self.note_confirmations(event, &next);
        match &next {
            GoalState::Requested { .. } => self.requested_at = Some(at),
            GoalState::InProcess { .. } if self.state.name() != StateName::InProcess => {
                self.started_at = Some(at);
                self.attempt += 1;
                self.by_hand = None;
                self.images.clear();
            }
            _ => {}
        }
        self.done_at = match (self.state.name(), next.name()) {
            (_, StateName::Requested | StateName::InProcess) => None,
            (StateName::InProcess, _) => Some(at),
            _ => self.done_at,
        };
        self.ended_at = next.is_terminal().then_some(at);
        self.by_hand = ByHand::of(&event.actor).or(self.by_hand.take());
        let begins_again = match &event.change {
            GoalChange::Retried { automatic } => Some(*automatic),
            GoalChange::StartRequired => Some(false),
            _ => None,
        };
        if let Some(automatic) = begins_again {
            self.automatic_retries = if automatic { self.automatic_retries + 1 } else { 0 };
            (self.error, self.phase, self.by_hand) = (None, None, None);
            self.external_urls.clear();
        }
        self.description = event
            .description
            .clone()
            .unwrap_or_else(|| self.text(next.name()));
        // What an attempt was about is not what somebody says of its goal, nor where one stands that has ended well.
        let has_ended_well = matches!(
            event.change,
            GoalChange::Ended {
                state: StateName::Success | StateName::WaitingForApproval
            }
        );
        let is_said = has_ended_well || ByHand::of(&event.actor).is_some();
        let was_about = self.phase.take().filter(|_| !is_said);
        self.phase = event.phase.clone().or(was_about);
        self.error = event.error.clone().or(self.error.take());
        self.data = event.data.clone().or(self.data.take());
        if let Some(urls) = &event.external_urls {
            self.external_urls.clone_from(urls);
        }
        if !event.images.is_empty() {
            self.images.clone_from(&event.images);
        }
        self.state = next;
    }
}
