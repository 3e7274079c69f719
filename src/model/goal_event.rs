//! What happened to a goal: the entries of the append-only log every state is a fold of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::approval::{Approval, Person};
use super::goal::StateName;
use super::ids::GoalKey;
use super::time::Timestamp;

/// A link shown with a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalUrl {
    /// Text of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `http` or `https` address.
    pub url: String,
}

/// Who caused a change (semantics 3.5, actors).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Actor {
    /// P: planning.
    Planner,
    /// D: the change of another goal of the set.
    Coordinator,
    /// X: the executor that holds the lease.
    Executor,
    /// V: the votes.
    Votes,
    /// W: a clock ran out or an executor was lost.
    Watchdog,
    /// Q: the queue.
    Queue,
    /// C: a newer push on the same branch.
    NewerPush,
    /// U: a person.
    Person {
        /// Who.
        person: Person,
    },
    /// A: a person who overrides the rules of the table, with a reason.
    Administrator {
        /// Who.
        person: Person,
        /// Why.
        reason: String,
    },
}

/// The change itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum GoalChange {
    /// Row 1: the goal exists, in this state.
    Planned {
        /// `planned`, `waiting_for_pre_approval`, `requested`, or an end that planning already knows.
        state: StateName,
    },
    /// Rows 2, 5: ready to start.
    Requested,
    /// Row 3: preconditions hold, a person must start it.
    StartRequired,
    /// A confirmation was given and further ones are missing.
    Confirmed {
        /// By whom.
        approval: Approval,
    },
    /// Row 4: the last confirmation of the start.
    PreApproved {
        /// By whom.
        approval: Approval,
    },
    /// Row 18: the last confirmation of the result.
    Approved {
        /// By whom.
        approval: Approval,
    },
    /// Rows 6, 20: confirmations are void.
    Denied,
    /// Row 8: an executor took it.
    Started {
        /// Attempt number, from 1.
        attempt: u32,
        /// Who may report.
        epoch: u64,
    },
    /// Row 11: phase or other news of the running attempt.
    Progressed,
    /// Rows 12, 13, 14, 15, 16, 17, 19, 10, 24: it came to this state.
    Ended {
        /// `success`, `waiting_for_approval`, `failure`, `stopped`, `canceled` or `skipped`.
        state: StateName,
    },
    /// Row 21: a precondition failed or stopped.
    Skipped {
        /// Which.
        because_of: GoalKey,
    },
    /// Rows 22, 23: canceled.
    Canceled,
    /// Row 25 and automatic retries: requested again.
    Retried {
        /// By the machine itself.
        automatic: bool,
    },
    /// Row 26: back to planned, because the goal that caused the skip was started again, or because the set has to queue again.
    Replanned,
    /// A late result of an old attempt, recorded and otherwise without effect.
    IgnoredResult {
        /// The epoch that reported.
        epoch: u64,
        /// What it reported.
        state: StateName,
    },
}

impl GoalChange {
    /// Whether the goal came into another state.
    pub fn is_new_state(&self) -> bool {
        !matches!(
            self,
            Self::Confirmed { .. } | Self::Progressed | Self::IgnoredResult { .. }
        )
    }

    /// It in a word, as the log writes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::Requested => "requested",
            Self::StartRequired => "start_required",
            Self::Confirmed { .. } => "confirmed",
            Self::PreApproved { .. } => "pre_approved",
            Self::Approved { .. } => "approved",
            Self::Denied => "denied",
            Self::Started { .. } => "started",
            Self::Progressed => "progressed",
            Self::Ended { .. } => "ended",
            Self::Skipped { .. } => "skipped",
            Self::Canceled => "canceled",
            Self::Retried { .. } => "retried",
            Self::Replanned => "replanned",
            Self::IgnoredResult { .. } => "ignored_result",
        }
    }

    /// Whether the feed shows a change that led to this state to those who do not ask for everything: first events say nothing
    /// new unless a person must act, and phases are many.
    pub fn is_noteworthy(&self, state: StateName) -> bool {
        match self {
            Self::Planned { .. } => matches!(state, StateName::WaitingForPreApproval | StateName::Skipped),
            Self::Progressed | Self::Replanned => false,
            Self::Requested
            | Self::IgnoredResult { .. }
            | Self::StartRequired
            | Self::Confirmed { .. }
            | Self::PreApproved { .. }
            | Self::Approved { .. }
            | Self::Denied
            | Self::Started { .. }
            | Self::Ended { .. }
            | Self::Skipped { .. }
            | Self::Canceled
            | Self::Retried { .. } => true,
        }
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalEvent {
    /// Which goal of the set.
    pub goal: GoalKey,
    /// 1 at planning, then without gaps.
    pub version: u32,
    /// Strictly increasing per goal.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    #[serde(flatten)]
    pub change: GoalChange,
    /// Text that replaces the state's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// New phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// New error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// New data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// New links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_urls: Option<Vec<ExternalUrl>>,
    /// The images that the attempt ran; those of before are of an earlier one.
    #[serde(default, skip_serializing_if = "UsedImages::is_empty")]
    pub images: UsedImages,
    /// Not to be started before; automatic retries only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Signature of the goal as this event leaves it (semantics 3.14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Images by the container that ran them: `name@sha256:…`, or the id of one that no registry knows (threat I5). What a goal says is
/// never among them.
pub type UsedImages = BTreeMap<String, String>;

/// What an executor reports at the end of an attempt (semantics 3.11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionResult {
    /// Exit code; 0 is success.
    pub code: i32,
    /// A state asked for explicitly.
    pub state: Option<StateName>,
    /// Last phase.
    pub phase: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// Error message.
    pub message: Option<String>,
    /// Data to keep.
    pub data: Option<String>,
    /// Links.
    pub external_urls: Vec<ExternalUrl>,
    /// The version it gives the commit (semantics 3.19).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The images it ran.
    #[serde(skip_serializing_if = "UsedImages::is_empty")]
    pub images: UsedImages,
}

impl ExecutionResult {
    /// A plain success.
    pub fn success() -> Self {
        Self::default()
    }

    /// A failure with a message.
    pub fn failure(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: Some(message.into()),
            ..Self::default()
        }
    }

    /// The state it leads to: a non-zero code always wins unless the goal says canceled, stopped or skipped (3.11 DECISION).
    pub fn outcome(&self, approval_required: bool) -> StateName {
        match self.state {
            Some(state @ (StateName::Canceled | StateName::Stopped | StateName::Skipped)) => state,
            _ if self.code != 0 => StateName::Failure,
            Some(StateName::Failure) => StateName::Failure,
            Some(StateName::InProcess) => StateName::InProcess,
            Some(StateName::WaitingForApproval) => StateName::WaitingForApproval,
            _ if approval_required => StateName::WaitingForApproval,
            _ => StateName::Success,
        }
    }
}
