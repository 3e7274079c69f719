//! The conversation over the daemon's unix socket.
//!
//! One request per connection: the client writes one JSON line, the daemon answers with JSON lines and closes. The last
//! line of an answer is always [`Reply::Done`] or [`Reply::Refused`]; a missing last line means that the daemon went away.
//! Requests are at most [`MAX_REQUEST`] bytes. Fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::commands::{CommandView, ErrandView, JobView, SecretText, TargetsAsked};
use super::compare::ComparedPush;
use super::views::{GoalSetView, PushView, RepositoryView, ReviewView, StatusView};
use crate::model::{FeedEntry, JobLabel, StateName};

/// Version of this conversation.
pub const CONTROL_VERSION: u32 = 1;

/// Largest request line in bytes.
pub const MAX_REQUEST: usize = 64 * 1024;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Who is there: answered with [`Reply::Status`].
    Status,
    /// Whether it can take on work now: nothing but the last line, or why not.
    Ready,
    /// Goal sets, newest first: [`Reply::GoalSets`].
    GoalSets {
        /// `owner/name`; all when absent.
        #[serde(default)]
        repo: Option<String>,
        /// Branch; all when absent.
        #[serde(default)]
        branch: Option<String>,
        /// Beginning of a goal set id or a commit id.
        #[serde(default)]
        id: Option<String>,
        /// Only sets with goals that have not ended.
        #[serde(default)]
        active: bool,
        /// With this tag: `name`, or `name:value`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// At most so many; 0 means 20.
        #[serde(default)]
        limit: u32,
        /// Also the goals that were not set, each with the reason; it takes reading what was planned then.
        #[serde(default)]
        with_not_set: bool,
    },
    /// Pushes, newest first: [`Reply::Pushes`].
    Pushes {
        /// `owner/name`; all when absent.
        #[serde(default)]
        repo: Option<String>,
        /// At most so many; 0 means 20.
        #[serde(default)]
        limit: u32,
    },
    /// What happened, oldest first: [`Reply::Feed`] per entry.
    Feed {
        /// Only after this cursor; absent means the last `back` entries.
        #[serde(default)]
        after: Option<u64>,
        /// How many past entries when `after` is absent.
        #[serde(default)]
        back: u32,
        /// Phases of goals count among them.
        #[serde(default)]
        phases: bool,
        /// Go on with what happens from now on.
        #[serde(default)]
        follow: bool,
    },
    /// Lines of a goal's log: [`Reply::Log`] per line.
    Log {
        /// Which goal.
        #[serde(flatten)]
        goal: GoalChoice,
        /// Attempt; the latest when absent.
        #[serde(default)]
        attempt: Option<u32>,
        /// Byte offset to begin at.
        #[serde(default)]
        offset: u64,
        /// Wait for more until the attempt has ended.
        #[serde(default)]
        follow: bool,
    },
    /// Do something to a goal or set: [`Reply::GoalSets`] with the set afterwards.
    Act {
        /// Which goal.
        #[serde(flatten)]
        goal: GoalChoice,
        /// What.
        act: Act,
    },
    /// Plan a push anew and set its goals again: [`Reply::GoalSets`] with the new set.
    Reset {
        /// Beginning of a commit id or goal set id; the newest push when absent.
        #[serde(default)]
        id: Option<String>,
        /// Repository of the client's directory, to choose among pushes.
        #[serde(default)]
        repo: Option<String>,
        /// Only pushes to this branch.
        #[serde(default)]
        branch: Option<String>,
    },
    /// Look at the branches of this repository now and, with a depth, treat its last commits as pushed again.
    Replay {
        /// Path of the repository.
        path: String,
        /// Commits from the head back that are pushed again, oldest first; 0 only looks for what was missed.
        #[serde(default)]
        depth: u32,
        /// Branch; the checked-out one when absent.
        #[serde(default)]
        branch: Option<String>,
    },
    /// Watch a further repository or directory of them: [`Reply::Status`].
    Watch {
        /// Its path.
        path: String,
    },
    /// Trust a repository to run goals here, or take it back: [`Reply::Status`].
    Trust {
        /// `owner/name`.
        repo: String,
        /// Whether it is trusted from now on.
        trusted: bool,
    },
    /// The planning attempts of a commit with their traces: [`Reply::Traces`].
    Traces {
        /// Beginning of a commit id.
        sha: String,
    },
    /// What the inspections of goal sets said: [`Reply::Reviews`].
    Reviews {
        /// Beginning of a goal set id or commit id; the newest set that has some when absent.
        #[serde(default)]
        id: Option<String>,
        /// Repository of the client's directory, to choose among sets.
        #[serde(default)]
        repo: Option<String>,
    },
    /// Complete a goal that is carried out elsewhere: [`Reply::GoalSets`] with the set afterwards.
    Complete {
        /// Which goal.
        #[serde(flatten)]
        goal: GoalChoice,
        /// The token that was given to whoever carries it out.
        token: String,
        /// What came of it.
        completion: Box<Completion>,
    },
    /// What other goal files would have planned for the last pushes: [`Reply::Compared`] per push, newest first.
    Compare {
        /// Path of a goal file or a directory of them.
        path: String,
        /// `owner/name`; all when absent.
        #[serde(default)]
        repo: Option<String>,
        /// How many pushes.
        pushes: u32,
    },
    /// Commands that can be run: [`Reply::Commands`].
    Commands,
    /// Run a command: [`Reply::Errand`] or [`Reply::Job`], as soon as it is stored.
    Do {
        /// Its name.
        command: String,
        /// Its parameters, as given.
        #[serde(default)]
        parameters: serde_json::Map<String, serde_json::Value>,
        /// Its secret parameters.
        #[serde(default)]
        secrets: BTreeMap<String, SecretText>,
        /// Groups of the pattern that was said.
        #[serde(default)]
        matches: Vec<String>,
        /// On which repositories.
        #[serde(default)]
        targets: TargetsAsked,
        /// What the job is called.
        #[serde(default)]
        job: Box<JobLabel>,
        /// `owner/name` of the client's directory.
        #[serde(default)]
        repo: Option<String>,
        /// Whether nothing is to be changed; what the command says when absent.
        #[serde(default)]
        dry_run: Option<bool>,
        /// Id of the errand or goal set whose process asks.
        #[serde(default)]
        within: Option<String>,
    },
    /// A job, again whenever it changes until it has ended when `follow` is set: [`Reply::Job`] each time.
    Job {
        /// Beginning of its id.
        id: String,
        /// Go on until it has ended.
        #[serde(default)]
        follow: bool,
    },
    /// Jobs, newest first: [`Reply::Job`] for each.
    Jobs {
        /// At most so many.
        limit: u32,
    },
    /// Errands, newest first: [`Reply::Errands`].
    Errands {
        /// Beginning of an id.
        #[serde(default)]
        id: Option<String>,
        /// Only of this command or listener.
        #[serde(default)]
        name: Option<String>,
        /// Only those that have not ended.
        #[serde(default)]
        active: bool,
        /// At most so many; 0 means 20.
        #[serde(default)]
        limit: u32,
    },
    /// Tell listeners that something happened.
    Emit {
        /// Name of the event.
        event: String,
        /// What it carries.
        payload: serde_json::Value,
        /// Id of the errand or goal set whose process emits it.
        #[serde(default)]
        within: Option<String>,
    },
    /// Read or change preferences: [`Reply::Preferences`] with what there is then.
    Preference {
        /// Where; `machine` when absent.
        #[serde(default)]
        scope: Option<String>,
        /// What.
        preference: PreferenceAct,
    },
    /// Read the goal files again now: [`Reply::Status`].
    Reload,
    /// End the daemon gracefully; running goals go on and are found again at the next start.
    Stop,
}

/// What came of a goal that was carried out elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// `success`, `failure`, `waiting_for_approval`, `stopped`, `skipped`, or `in_process` for news of its progress.
    pub state: StateName,
    /// Text to show.
    #[serde(default)]
    pub description: Option<String>,
    /// Finer label.
    #[serde(default)]
    pub phase: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub message: Option<String>,
    /// Data to keep, JSON by convention.
    #[serde(default)]
    pub data: Option<String>,
    /// Addresses to show.
    #[serde(default)]
    pub urls: Vec<String>,
}

/// Which goal of which set a client means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalChoice {
    /// Beginning of a goal set id or commit id; absent: the newest set of `repo` in which the choice makes sense.
    #[serde(default)]
    pub id: Option<String>,
    /// `owner/name` of the client's directory.
    #[serde(default)]
    pub repo: Option<String>,
    /// Display name, unique name or `name in environment`; may be absent where only one goal can be meant.
    #[serde(default)]
    pub name: Option<String>,
}

/// What is done to preferences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PreferenceAct {
    /// One value.
    Get {
        /// Its key.
        key: String,
    },
    /// All values.
    List,
    /// Set a value.
    Put {
        /// Its key.
        key: String,
        /// The value.
        value: serde_json::Value,
        /// Milliseconds until it expires; never when absent.
        #[serde(default)]
        ttl: Option<u64>,
    },
    /// Remove a value.
    Delete {
        /// Its key.
        key: String,
    },
}

/// What is done to a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Confirm its start or its result, whichever it waits for.
    Approve {
        /// What the person says.
        #[serde(default)]
        reason: Option<String>,
        /// Goal version the person looked at.
        #[serde(default)]
        version: Option<u32>,
    },
    /// Refuse it.
    Deny {
        /// What the person says.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Run a failed goal again.
    Retry,
    /// End it; without a goal name the whole set.
    Cancel,
    /// Set its state by hand.
    Set {
        /// The state.
        state: StateName,
        /// Why.
        reason: String,
    },
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// About the daemon.
    Status {
        /// It.
        status: Box<StatusView>,
    },
    /// Goal sets.
    GoalSets {
        /// Newest first.
        goal_sets: Vec<GoalSetView>,
    },
    /// Pushes.
    Pushes {
        /// Newest first.
        pushes: Vec<PushView>,
    },
    /// One entry of the feed.
    Feed {
        /// It.
        entry: Box<FeedEntry>,
    },
    /// One line of a log, in the shape of `sdm logs --json`.
    Log {
        /// Display name of the goal.
        goal: String,
        /// Attempt.
        attempt: u32,
        /// Byte offset of the record.
        offset: u64,
        /// RFC 3339.
        at: String,
        /// `out`, `err` or `sdm`.
        stream: String,
        /// The line.
        text: String,
        /// Set of the goal; absent for an errand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goal_set: Option<String>,
    },
    /// Planning attempts with traces.
    Traces {
        /// In the shape of `sdm explain --json`, oldest first.
        explanations: Vec<serde_json::Value>,
    },
    /// What inspections said.
    Reviews {
        /// By goal.
        reviews: Vec<ReviewView>,
    },
    /// A push by the rules in use and by other rules.
    Compared {
        /// It.
        compared: Box<ComparedPush>,
    },
    /// Commands.
    Commands {
        /// In the order of the goal files.
        commands: Vec<CommandView>,
    },
    /// An errand.
    Errand {
        /// It.
        errand: Box<ErrandView>,
    },
    /// Errands.
    Errands {
        /// Newest first.
        errands: Vec<ErrandView>,
    },
    /// A job.
    Job {
        /// It.
        job: Box<JobView>,
    },
    /// Preferences.
    Preferences {
        /// By key; the one asked for, or all of the scope.
        preferences: BTreeMap<String, serde_json::Value>,
    },
    /// Repositories, answered to `Watch`.
    Repositories {
        /// All of them.
        repositories: Vec<RepositoryView>,
    },
    /// The answer is complete.
    Done,
    /// The request was not done.
    Refused {
        /// Why, as a sentence.
        message: String,
        /// What to do, as an instruction.
        #[serde(default)]
        hint: Option<String>,
    },
}
