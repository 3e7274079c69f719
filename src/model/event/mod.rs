//! Events: what listeners can wait for (semantics 6), and the shape of each ([`shape`], [`parts`]).

mod parts;
mod shape;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Timestamp;
use parts::{
    ACTION, BUILD, COMMENT, DEPLOYMENT, DUE, GOAL, GOAL_SET, GOALS, ISSUE, ISSUE_BELOW, MACHINE, MADE_REPO,
    NEW_REPO, PULL_REQUEST, PULL_REQUEST_BELOW, PUSH, RELEASE, REPO, REVIEW, SENDER, SHA, STATUS, TAG,
    TOLD_REPO, open,
};
pub use shape::{Part, Shape, Stray};

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
    /// What `${event.…}` may ask for.
    pub parts: &'static [Part],
    /// Whether the machine notices it by itself; any event can be given to `sdm emit`.
    pub is_noticed: bool,
    /// Whether a hub tells of it.
    pub is_told: bool,
}

const fn event(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    parts: &'static [Part],
) -> EventType {
    EventType {
        name,
        aliases,
        help,
        parts,
        is_noticed: true,
        is_told: false,
    }
}

/// The same of a forge, which a hub tells of.
const fn forge(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    parts: &'static [Part],
) -> EventType {
    EventType {
        is_noticed: false,
        is_told: true,
        ..event(name, aliases, help, parts)
    }
}

/// The same of a chat, which needs a source this version does not have.
const fn chat(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    parts: &'static [Part],
) -> EventType {
    EventType {
        is_told: false,
        ..forge(name, aliases, help, parts)
    }
}

/// Every event with a shape of its own. Any other name is an event that somebody emits.
pub static EVENTS: &[EventType] = &[
    event(
        "Startup",
        &[],
        "The machine has started; listeners run one after the other, and timers wait for them.",
        &[MACHINE],
    ),
    event(
        "Timer",
        &["Triggered"],
        "A moment of `cron`, or `interval` after the last time; one that was missed counts once.",
        &[MACHINE, DUE],
    ),
    event("Push", &[], "A push was accepted.", &[PUSH, REPO]),
    event(
        "FirstPush",
        &[],
        "The first push of the default branch was accepted.",
        &[PUSH, REPO],
    ),
    event(
        "Tag",
        &["TagCreated"],
        "A tag was made or moved.",
        &[TAG, SHA, REPO],
    ),
    event(
        "RepoOnboarded",
        &["RepoOnboarding", "OnboardedRepo"],
        "A repository was seen for the first time.",
        &[NEW_REPO],
    ),
    event(
        "GoalsSet",
        &[],
        "A push was planned, also when no goal was set.",
        &[PUSH, REPO, GOAL_SET, GOALS],
    ),
    event(
        "GoalState",
        &["GoalExecution"],
        "A goal came into another state; `GoalExecution` is for the start and the end of its work alone, once each: where somebody must approve, the end is `waiting_for_approval`.",
        &[GOAL, GOAL_SET, PUSH, REPO],
    ),
    event(
        "GoalCompletion",
        &["GoalCompleted"],
        "A goal has ended or waits for a person (semantics 3.8).",
        &[GOAL, GOAL_SET, GOALS, PUSH, REPO],
    ),
    event(
        "RepoCreated",
        &["RepoCreation"],
        "A repository was made by a generator.",
        &[MADE_REPO, SENDER],
    ),
    chat(
        "ChannelLinked",
        &["ChannelLink"],
        "A repository was linked to a channel.",
        &[open("channel"), open("repo")],
    ),
    chat(
        "UserJoinedChannel",
        &[],
        "Somebody joined a channel.",
        &[open("channel"), open("user")],
    ),
    forge(
        "PullRequest",
        &[],
        "A pull request was opened, changed, merged or closed.",
        &[ACTION, PULL_REQUEST, TOLD_REPO, SENDER],
    ),
    forge(
        "Issue",
        &["NewIssue", "UpdatedIssue", "ClosedIssue"],
        "An issue was opened, changed or closed; `NewIssue`, `UpdatedIssue` and `ClosedIssue` are for those alone.",
        &[ACTION, ISSUE, TOLD_REPO, SENDER],
    ),
    forge(
        "Comment",
        &[],
        "Somebody commented on an issue, a pull request or a commit.",
        &[
            ACTION,
            COMMENT,
            ISSUE_BELOW,
            PULL_REQUEST_BELOW,
            TOLD_REPO,
            SENDER,
        ],
    ),
    forge(
        "Review",
        &[],
        "Somebody reviewed a pull request.",
        &[ACTION, REVIEW, PULL_REQUEST_BELOW, TOLD_REPO, SENDER],
    ),
    forge(
        "Build",
        &[],
        "A build has ended: one outside of the machine, or one that a goal reports in its result.",
        &[BUILD, SHA, TOLD_REPO],
    ),
    forge(
        "Status",
        &["CommitStatus", "Check"],
        "Somebody reported on a commit.",
        &[STATUS, SHA, TOLD_REPO],
    ),
    forge(
        "Release",
        &[],
        "A release was published or changed.",
        &[ACTION, RELEASE, TOLD_REPO, SENDER],
    ),
    forge(
        "Deployment",
        &[],
        "A deployment was asked for or reported.",
        &[ACTION, DEPLOYMENT, SHA, TOLD_REPO, SENDER],
    ),
];

/// A name that is for some of the events it names (semantics 6).
#[derive(Debug)]
pub struct Implied {
    /// The name.
    name: &'static str,
    /// What these events have in common.
    pub parts: &'static [ImpliedPart],
}

/// What a part of them is.
#[derive(Debug)]
pub struct ImpliedPart {
    /// Its path.
    pub path: &'static str,
    /// The pattern that its text matches.
    pub pattern: &'static str,
    /// What it is when somebody emits the event by this name and does not say.
    pub usual: &'static str,
}

const fn action(pattern: &'static str, usual: &'static str) -> ImpliedPart {
    ImpliedPart {
        path: "action",
        pattern,
        usual,
    }
}

const IMPLIED: &[Implied] = &[
    Implied {
        name: "NewIssue",
        parts: &[action("^opened$", "opened")],
    },
    Implied {
        name: "UpdatedIssue",
        // Any other action: none but `opened` begins like that.
        parts: &[action("^(?:[^o]|o[^p])", "edited")],
    },
    Implied {
        name: "ClosedIssue",
        parts: &[action("^closed$", "closed")],
    },
    // Its start and its end, once each, whatever becomes of its result.
    Implied {
        name: "GoalExecution",
        parts: &[ImpliedPart {
            path: "goal.execution",
            pattern: "^(?:begins|ends)$",
            usual: "ends",
        }],
    },
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

    /// What a name means beyond the event that it is a name of: some of the original's listeners are for a part of an event.
    pub fn implied(name: &str) -> Option<&'static Implied> {
        let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
        let wanted = plain(name);
        IMPLIED.iter().find(|implied| plain(implied.name) == wanted)
    }

    /// Whether it has a part of this name.
    pub fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
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
    fn a_name_may_be_for_some_of_its_events() {
        let is_for = |name: &str, text: &str| {
            let [part] = EventType::implied(name).unwrap().parts else {
                panic!("one pattern")
            };
            regex::Regex::new(part.pattern).unwrap().is_match(text)
        };
        for (action, [new, updated, closed]) in [
            ("opened", [true, false, false]),
            ("closed", [false, true, true]),
            ("reopened", [false, true, false]),
            ("edited", [false, true, false]),
            ("", [false, false, false]),
        ] {
            assert_eq!(is_for("NewIssue", action), new, "{action}");
            assert_eq!(is_for("updated_issue", action), updated, "{action}");
            assert_eq!(is_for("ClosedIssue", action), closed, "{action}");
        }
        assert!(is_for("goal-execution", "begins") && is_for("goal-execution", "ends"));
        assert!(!is_for("goal-execution", "null"));
        assert!(EventType::implied("Issue").is_none());
        for implied in IMPLIED {
            let event = EventType::named(implied.name).unwrap();
            for part in implied.parts {
                assert!(is_for(implied.name, part.usual), "{}", implied.name);
                assert!(event.shape().at(part.path).is_ok(), "{}", implied.name);
            }
        }
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
