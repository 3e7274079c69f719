//! What people and programs see of goal sets, pushes and the daemon; the stable shapes of `--json` (design 3).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::goal_event::{ExternalUrl, UsedImages};
use crate::model::set_tag::SetTag;
use crate::model::{
    Approval, ByHand, Goal, GoalSet, GoalSetId, GoalState, Push, Review, ReviewComment, StateName, Timestamp,
    VoidConfirmation,
};

/// A goal set as `sdm goals --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalSetView {
    /// Identity.
    pub id: String,
    /// Labels of the rules.
    pub name: String,
    /// `owner/name`.
    pub repo: String,
    /// Branch.
    pub branch: String,
    /// Commit.
    pub sha: String,
    /// First line of the commit's message.
    pub title: String,
    /// State to show.
    pub state: StateName,
    /// Whether any goal has not ended.
    pub active: bool,
    /// When it was planned, RFC 3339.
    pub created_at: String,
    /// Why it exists, when not for the push alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What the rules that set it are tagged with.
    #[serde(default)]
    pub tags: Vec<SetTag>,
    /// In planned order.
    pub goals: Vec<GoalView>,
    /// Goals the rules know and did not set for this push, with the reason.
    #[serde(default)]
    pub not_set: Vec<NotSetView>,
}

/// A goal as `sdm goals --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalView {
    /// Display name.
    pub name: String,
    /// Key.
    pub unique_name: String,
    /// Environment.
    pub environment: String,
    /// State.
    pub state: StateName,
    /// Attempts started.
    pub attempt: u32,
    /// Version.
    pub version: u32,
    /// Phase.
    pub phase: Option<String>,
    /// Text.
    pub description: String,
    /// Last error.
    #[serde(default)]
    pub error: Option<String>,
    /// How to read its log: the words after `sdm`; `None` before the first attempt.
    pub log: Option<String>,
    /// RFC 3339.
    pub requested_at: Option<String>,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// When the last attempt came to its result, whatever people said of that afterwards. RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<String>,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// Display names of the goals it comes after.
    #[serde(default)]
    pub after: Vec<String>,
    /// Whether a person may start it again after a failure.
    #[serde(default)]
    pub retry: bool,
    /// Logins that have confirmed what it waits for.
    #[serde(default)]
    pub confirmed_by: Vec<String>,
    /// How many further people must confirm what it waits for; 0 when it waits for nobody.
    #[serde(default)]
    pub missing: u32,
    /// Confirmations that counted last, of its start or of its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmations: Vec<ConfirmationView>,
    /// Who set its state by hand since it last began, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// An earlier confirmation on this branch that does not count for it, with what has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<VoidConfirmation>,
    /// Links of its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_urls: Vec<ExternalUrl>,
    /// Images that the current or last attempt ran, by container.
    #[serde(default, skip_serializing_if = "UsedImages::is_empty")]
    pub images: UsedImages,
    /// The data of its result: a value where it is JSON, else its text. Left out when it is larger than [`LARGEST_DATA`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Most bytes of a goal's data that are shown with it.
pub const LARGEST_DATA: usize = 64 << 10;

/// The data of a goal as it is shown.
pub fn data_shown(data: Option<&str>) -> Option<Value> {
    let text = data.filter(|text| !text.is_empty() && text.len() <= LARGEST_DATA)?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}

/// One confirmation of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationView {
    /// Login.
    pub by: String,
    /// RFC 3339.
    pub at: String,
    /// What they said.
    pub reason: Option<String>,
}

impl ConfirmationView {
    fn of(approval: &Approval) -> Self {
        Self {
            by: approval.by.login.clone(),
            at: approval.at.rfc3339(),
            reason: approval.reason.clone(),
        }
    }
}

/// A goal that a rule would have set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSetView {
    /// Display name.
    pub name: String,
    /// Rule.
    pub rule: String,
    /// Why not.
    pub because: String,
}

impl GoalSetView {
    /// The view of a set of this push.
    pub fn of(set: &GoalSet, push: &Push, created_at: Timestamp) -> Self {
        Self {
            id: set.id.to_string(),
            name: set.name.clone(),
            repo: push.repo.slug.to_string(),
            branch: push.branch.to_string(),
            sha: push.after.to_string(),
            title: push.title().to_owned(),
            state: set.state(),
            active: set.is_active(),
            created_at: created_at.rfc3339(),
            because: None,
            tags: Vec::new(),
            goals: set.goals().iter().map(|goal| GoalView::of(set, goal)).collect(),
            not_set: Vec::new(),
        }
    }
}

impl GoalView {
    /// The view of one goal of a set.
    pub fn of(set: &GoalSet, goal: &Goal) -> Self {
        let definition = goal.definition();
        let name_of = |key| set.goal(key).map(|other| other.definition().name.clone());
        let so_far: &[Approval] = match &goal.state {
            GoalState::WaitingForPreApproval { approvals } | GoalState::WaitingForApproval { approvals } => {
                approvals
            }
            _ => &[],
        };
        let confirmations = if so_far.is_empty() {
            &goal.confirmations
        } else {
            so_far
        };
        let log = (goal.attempt > 0).then(|| format!("logs {} {}", set.id.short(), definition.unique_name));
        Self {
            name: definition.name.clone(),
            unique_name: definition.unique_name.to_string(),
            environment: definition.environment.clone(),
            state: goal.state.name(),
            attempt: goal.attempt,
            version: goal.version,
            phase: goal.phase.clone(),
            description: goal.description.clone(),
            error: goal.error.clone(),
            log,
            requested_at: goal.requested_at.map(Timestamp::rfc3339),
            started_at: goal.started_at.map(Timestamp::rfc3339),
            done_at: goal.done_at.map(Timestamp::rfc3339),
            ended_at: goal.ended_at.map(Timestamp::rfc3339),
            after: goal.planned.preconditions.iter().filter_map(name_of).collect(),
            retry: definition.retry.feasible,
            confirmed_by: so_far.iter().map(|approval| approval.by.login.clone()).collect(),
            missing: goal.missing_confirmations(),
            confirmations: confirmations.iter().map(ConfirmationView::of).collect(),
            by_hand: goal.by_hand.clone(),
            void: goal.planned.void.clone(),
            external_urls: goal.external_urls.clone(),
            images: goal.images.clone(),
            data: data_shown(goal.data.as_deref()),
        }
    }
}

/// What the inspections of a goal said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    /// Goal set.
    pub goal_set: String,
    /// Commit.
    pub sha: String,
    /// Display name of the goal.
    pub goal: String,
    /// Comments, worst first.
    pub comments: Vec<ReviewComment>,
    /// How many more there were.
    pub left_out: u64,
}

impl ReviewView {
    /// The view of a goal's review.
    pub fn of(set: GoalSetId, push: &Push, goal: &Goal, review: Review) -> Self {
        Self {
            goal_set: set.to_string(),
            sha: push.after.to_string(),
            goal: goal.definition().name.clone(),
            comments: review.comments,
            left_out: review.left_out,
        }
    }
}

/// A push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushView {
    /// Identity.
    pub id: String,
    /// `owner/name`.
    pub repo: String,
    /// Branch.
    pub branch: String,
    /// Old head.
    pub before: Option<String>,
    /// New head.
    pub after: String,
    /// First line of the head commit's message.
    pub title: String,
    /// Commits in all.
    pub commits: u64,
    /// RFC 3339.
    pub at: String,
}

impl PushView {
    /// The view of a push.
    pub fn of(push: &Push) -> Self {
        Self {
            id: push.id.to_string(),
            repo: push.repo.slug.to_string(),
            branch: push.branch.to_string(),
            before: push.before.as_ref().map(ToString::to_string),
            after: push.after.to_string(),
            title: push.title().to_owned(),
            commits: push.commit_count,
            at: push.at.rfc3339(),
        }
    }
}

/// A repository the daemon watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryView {
    /// `owner/name`.
    pub repo: String,
    /// Where it is.
    pub path: String,
    /// Whether its goals may run here.
    pub trusted: bool,
    /// [`WATCHING`], or why its commits are not noticed.
    pub watch: String,
}

/// What is said of a repository with which all is well.
pub const WATCHING: &str = "watching";

/// The daemon as `sdm show machines` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Registration name.
    pub name: String,
    /// Program version.
    pub version: String,
    /// [`super::control::CONTROL_VERSION`] it speaks.
    pub control_version: u32,
    /// Process.
    pub pid: u32,
    /// Socket.
    pub socket: String,
    /// State directory.
    pub state_directory: String,
    /// Goal files in use.
    pub goal_files: Vec<String>,
    /// Number of rules.
    pub rules: u32,
    /// Why the newest goal files are not in use, when they are not.
    pub goal_files_problem: Option<String>,
    /// Watched repositories.
    pub repositories: Vec<RepositoryView>,
    /// Goals running now.
    pub running: u32,
    /// Since when, RFC 3339.
    pub started_at: String,
    /// The database that it shares with its replicas, without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// How it stands with its hub, in team mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubView>,
}

/// How a machine in team mode stands with its hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubView {
    /// Address.
    pub address: String,
    /// Workspaces the machine is for.
    pub workspaces: Vec<String>,
    /// `connecting`, `connected`, `superseded` or `apart`.
    pub standing: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why they are apart.
    pub problem: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Changes of goals that the hub has not taken.
    pub reports_waiting: u64,
    /// When the first of them happened, RFC 3339.
    pub oldest_report: Option<String>,
    /// What the hub delivered and the machine has not dealt with.
    pub deliveries_open: u64,
    /// Answers that the hub does not have.
    pub answers_waiting: u64,
}
