//! Events: what listeners can wait for, and the shape of each (semantics 6).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Timestamp;

/// Something that happened, as the log keeps it and listeners get it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What makes it itself: a listener acts on one key once.
    pub key: String,
    /// Canonical name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// How many listeners and commands led to it; 0 for what came from outside.
    #[serde(default)]
    pub depth: u32,
    /// What `${event.…}` shows.
    pub payload: Value,
}

/// How deep events may cause each other (threat D10).
pub const DEEPEST: u32 = 8;

/// Largest payload of an event in bytes.
pub const LARGEST_PAYLOAD: usize = 32 * 1024;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// Canonical name.
    pub name: &'static str,
    /// Other names, among them those of the original.
    pub aliases: &'static [&'static str],
    /// When it happens.
    pub help: &'static str,
    /// What `${event.…}` may ask for; everything below such a path too.
    pub fields: &'static [&'static str],
    /// Whether the machine notices it by itself; any event can be given to `sdm emit`.
    pub is_noticed: bool,
    /// Whether a hub tells of it.
    pub is_told: bool,
}

const fn event(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    fields: &'static [&'static str],
) -> EventType {
    EventType {
        name,
        aliases,
        help,
        fields,
        is_noticed: true,
        is_told: false,
    }
}

/// The same of a forge, which a hub tells of.
const fn forge(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    fields: &'static [&'static str],
) -> EventType {
    EventType {
        is_noticed: false,
        is_told: true,
        ..event(name, aliases, help, fields)
    }
}

/// The same of a chat, which needs a source this version does not have.
const fn chat(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    fields: &'static [&'static str],
) -> EventType {
    EventType {
        is_told: false,
        ..forge(name, aliases, help, fields)
    }
}

/// Every event with a shape of its own. Any other name is an event that somebody emits.
pub static EVENTS: &[EventType] = &[
    event(
        "Startup",
        &[],
        "The machine has started; listeners run one after the other, and timers wait for them.",
        &["machine"],
    ),
    event(
        "Timer",
        &["Triggered"],
        "A moment of `cron`, or `interval` after the last time; one that was missed counts once.",
        &["machine", "due"],
    ),
    event("Push", &[], "A push was accepted.", &["push", "repo"]),
    event(
        "FirstPush",
        &[],
        "The first push of the default branch was accepted.",
        &["push", "repo"],
    ),
    event(
        "Tag",
        &["TagCreated"],
        "A tag was made or moved.",
        &["tag", "sha", "repo"],
    ),
    event(
        "RepoOnboarded",
        &["RepoOnboarding", "OnboardedRepo"],
        "A repository was seen for the first time.",
        &["repo"],
    ),
    event(
        "GoalsSet",
        &[],
        "A push was planned, also when no goal was set.",
        &["push", "repo", "goal_set", "goals"],
    ),
    event(
        "GoalState",
        &["GoalExecution"],
        "A goal came into another state.",
        &["goal", "goal_set", "push", "repo"],
    ),
    event(
        "GoalCompletion",
        &["GoalCompleted"],
        "A goal has ended or waits for a person (semantics 3.8).",
        &["goal", "goal_set", "goals", "push", "repo"],
    ),
    event(
        "RepoCreated",
        &["RepoCreation"],
        "A repository was made by a generator.",
        &["repo", "sender"],
    ),
    chat(
        "ChannelLinked",
        &["ChannelLink"],
        "A repository was linked to a channel.",
        &["channel", "repo"],
    ),
    chat(
        "UserJoinedChannel",
        &[],
        "Somebody joined a channel.",
        &["channel", "user"],
    ),
    forge(
        "PullRequest",
        &[],
        "A pull request was opened, changed, merged or closed.",
        &["action", "pull_request", "repo", "sender"],
    ),
    forge(
        "Issue",
        &["NewIssue", "UpdatedIssue", "ClosedIssue"],
        "An issue was opened, changed or closed.",
        &["action", "issue", "repo", "sender"],
    ),
    forge(
        "Comment",
        &[],
        "Somebody commented on an issue, a pull request or a commit.",
        &["action", "comment", "issue", "pull_request", "repo", "sender"],
    ),
    forge(
        "Review",
        &[],
        "Somebody reviewed a pull request.",
        &["action", "review", "pull_request", "repo", "sender"],
    ),
    forge(
        "Build",
        &[],
        "A build outside of the machine has ended.",
        &["build", "sha", "repo"],
    ),
    forge(
        "Status",
        &["CommitStatus", "Check"],
        "Somebody reported on a commit.",
        &["status", "sha", "repo"],
    ),
    forge(
        "Release",
        &[],
        "A release was published or changed.",
        &["action", "release", "repo", "sender"],
    ),
    forge(
        "Deployment",
        &[],
        "A deployment was asked for or reported.",
        &["action", "deployment", "sha", "repo", "sender"],
    ),
];

impl EventType {
    /// The event called by a name or alias; names that differ only in case, `_` and `-` are one.
    pub fn named(name: &str) -> Option<&'static Self> {
        let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
        let wanted = plain(name);
        EVENTS.iter().find(|event| {
            plain(event.name) == wanted || event.aliases.iter().any(|alias| plain(alias) == wanted)
        })
    }

    /// Whether `${event.<path>}` can ask for something of this event.
    pub fn has(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or_default();
        self.fields.contains(&first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_original_and_other_spellings_are_understood() {
        for (said, meant) in [
            ("repo_created", "RepoCreated"),
            ("repo-creation", "RepoCreated"),
            ("GoalExecution", "GoalState"),
            ("push", "Push"),
        ] {
            assert_eq!(EventType::named(said).map(|event| event.name), Some(meant));
        }
        assert_eq!(EventType::named("Greeting"), None);
    }

    #[test]
    fn no_two_events_share_a_name() {
        let mut names: Vec<String> = EVENTS
            .iter()
            .flat_map(|event| std::iter::once(&event.name).chain(event.aliases))
            .map(|name| name.to_ascii_lowercase())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
