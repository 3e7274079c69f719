//! The one sequence of everything that happened, as reporters and `sdm feed` follow it by cursor.

use serde::{Deserialize, Serialize};

use super::errand::{ErrandId, JobId};
use super::event::{Event, EventType};
use super::goal::StateName;
use super::goal_event::GoalEvent;
use super::ids::{BranchName, CommitSha, GoalSetId, PushId, RepoSlug};
use super::time::Timestamp;

/// Position in the sequence; 0 is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub u64);

/// One entry with its position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedEntry {
    /// Position.
    pub cursor: Cursor,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub news: News,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    /// A push was accepted.
    Push {
        /// Its id.
        push: PushId,
        /// Where.
        repo: RepoSlug,
        /// Branch.
        branch: BranchName,
        /// Old head.
        before: Option<CommitSha>,
        /// New head.
        after: CommitSha,
        /// First line of the head commit's message.
        title: String,
    },
    /// A plan was stored.
    Planned {
        /// For which push.
        push: PushId,
        /// The goal set, when any goal was set.
        goal_set: Option<GoalSetId>,
        /// Its name.
        name: Option<String>,
        /// Display names of its goals.
        goals: Vec<String>,
    },
    /// Planning failed; the push stays eligible.
    PlanningFailed {
        /// For which push.
        push: PushId,
        /// Why.
        error: String,
    },
    /// Something happened to a goal.
    Goal {
        /// Its set.
        goal_set: GoalSetId,
        /// Display name.
        name: String,
        /// State after the event.
        state: StateName,
        /// State before it; none for a goal that was just planned, and in old entries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<StateName>,
        /// Attempts started so far.
        attempt: u32,
        /// Text after the event.
        text: String,
        /// State of the whole set after the event.
        set_state: StateName,
        /// The event.
        event: Box<GoalEvent>,
    },
    /// Somebody ran a command on a repository; its goals follow.
    Command {
        /// The job.
        job: JobId,
        /// Name of the command.
        command: String,
        /// Who asked.
        by: String,
        /// The commit it works on, recorded like a push.
        push: PushId,
        /// Where.
        repo: RepoSlug,
        /// Branch.
        branch: BranchName,
        /// Commit.
        sha: CommitSha,
    },
    /// Something happened to an errand.
    Errand {
        /// Which.
        errand: ErrandId,
        /// Name of its command or listener.
        name: String,
        /// State it is in now.
        state: StateName,
        /// Attempts started so far.
        attempt: u32,
        /// Text to show.
        text: String,
    },
    /// An event that is not told otherwise: a timer, a tag, one that somebody emitted.
    Event {
        /// It.
        event: Box<Event>,
    },
    /// A message of the machine itself or of a goal.
    Message {
        /// Text, shown as data.
        text: String,
        /// Repository it concerns.
        repo: Option<RepoSlug>,
    },
}

impl News {
    /// Whether the feed shows it to those who do not ask for everything.
    pub fn is_noteworthy(&self) -> bool {
        match self {
            Self::Goal { state, event, .. } => event.change.is_noteworthy(*state),
            Self::Errand { state, .. } => *state != StateName::Requested,
            // The machine's own events are told by what follows from them.
            Self::Event { event } => !EventType::named(&event.name).is_some_and(|known| known.is_noticed),
            Self::Push { .. }
            | Self::Planned { .. }
            | Self::PlanningFailed { .. }
            | Self::Command { .. }
            | Self::Message { .. } => true,
        }
    }
}
