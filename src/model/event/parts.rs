//! The parts of events. Who makes an event and who tells of one are held to these by their tests.

use super::shape::{Part, Shape, part, value};

/// A list of things with these parts.
macro_rules! list {
    ($($part:expr),* $(,)?) => {
        Shape::List(&Shape::Parts(&[$($part),*]))
    };
}

/// A map of these parts.
macro_rules! parts {
    ($($part:expr),* $(,)?) => {
        Shape::Parts(&[$($part),*])
    };
}

pub(super) const MACHINE: Part = part("machine", parts![value("name")]);

pub(super) const DUE: Part = value("due");

pub(super) const SHA: Part = value("sha");

pub(super) const TAG: Part = value("tag");

pub(super) const ACTION: Part = value("action");

/// A repository, as everything that happens in one has it.
pub(super) const REPO: Part = part("repo", parts![value("owner"), value("name"), value("slug")]);

/// A repository that was seen for the first time.
pub(super) const NEW_REPO: Part = part(
    "repo",
    parts![
        value("owner"),
        value("name"),
        value("slug"),
        value("default_branch"),
        value("address")
    ],
);

/// A repository that was made, here or at a forge.
pub(super) const MADE_REPO: Part = part(
    "repo",
    parts![
        value("owner"),
        value("name"),
        value("slug"),
        value("default_branch"),
        value("address"),
        value("path"),
        value("id"),
        value("url"),
        value("description"),
        value("private")
    ],
);

/// A repository as a hub tells of one.
pub(super) const TOLD_REPO: Part = part(
    "repo",
    parts![
        value("owner"),
        value("name"),
        value("slug"),
        value("url"),
        value("default_branch")
    ],
);

/// The same below what happened.
const REPO_BELOW: Part = part(
    "repo",
    parts![
        value("owner"),
        value("name"),
        value("url"),
        value("default_branch")
    ],
);

const PERSON: Shape = parts![value("login"), value("name")];

const COMMIT: Shape = parts![value("sha")];

pub(super) const SENDER: Part = part("sender", PERSON);

const AUTHOR: Shape = parts![value("name"), value("email")];

pub(super) const PUSH: Part = part(
    "push",
    parts![
        value("branch"),
        value("before"),
        part(
            "after",
            parts![
                value("sha"),
                value("short"),
                value("message"),
                part("author", AUTHOR),
                value("version")
            ]
        ),
        part("repo", parts![value("owner"), value("name")]),
        value("forced"),
        part("authors", Shape::List(&AUTHOR)),
    ],
);

const GOAL_SHAPE: Shape = parts![
    value("name"),
    value("unique_name"),
    value("environment"),
    value("state"),
    value("execution"),
    value("attempt"),
    value("phase"),
    value("description"),
    value("error"),
    open("data"),
    part("external_urls", list![value("label"), value("url")]),
];

pub(super) const GOAL: Part = part("goal", GOAL_SHAPE);

pub(super) const GOALS: Part = part("goals", Shape::List(&GOAL_SHAPE));

pub(super) const GOAL_SET: Part = part(
    "goal_set",
    parts![
        value("id"),
        value("name"),
        value("state"),
        part("tags", list![value("name"), value("value")])
    ],
);

pub(super) const PULL_REQUEST: Part = part(
    "pull_request",
    parts![
        value("id"),
        value("number"),
        value("title"),
        value("body"),
        value("url"),
        value("state"),
        ACTION,
        value("draft"),
        value("merged"),
        value("branch_name"),
        value("base_branch_name"),
        part("labels", list![value("name")]),
        part("author", PERSON),
        part("head", COMMIT),
        part("base", COMMIT),
        REPO_BELOW,
    ],
);

/// A pull request that somebody says something of.
pub(super) const PULL_REQUEST_BELOW: Part = part(
    "pull_request",
    parts![value("number"), value("title"), REPO_BELOW],
);

pub(super) const ISSUE: Part = part(
    "issue",
    parts![
        value("id"),
        value("number"),
        value("title"),
        value("body"),
        value("url"),
        value("state"),
        ACTION,
        part("labels", list![value("name")]),
        part("opened_by", PERSON),
        REPO_BELOW,
    ],
);

/// An issue that somebody says something of.
pub(super) const ISSUE_BELOW: Part = part("issue", parts![value("number"), value("title"), REPO_BELOW]);

pub(super) const COMMENT: Part = part(
    "comment",
    parts![
        value("id"),
        value("body"),
        value("url"),
        value("deleted"),
        part("by", PERSON),
        ISSUE_BELOW,
        PULL_REQUEST_BELOW,
    ],
);

pub(super) const REVIEW: Part = part(
    "review",
    parts![
        value("id"),
        value("state"),
        value("body"),
        value("url"),
        part("by", Shape::List(&PERSON)),
        part("commit", COMMIT),
        PULL_REQUEST_BELOW,
    ],
);

pub(super) const BUILD: Part = part(
    "build",
    parts![
        value("id"),
        value("build_id"),
        value("name"),
        value("status"),
        value("number"),
        value("trigger"),
        value("provider"),
        value("build_url"),
        part("commit", COMMIT),
        REPO_BELOW,
    ],
);

pub(super) const STATUS: Part = part(
    "status",
    parts![
        value("id"),
        value("context"),
        value("state"),
        value("description"),
        value("target_url"),
        part("commit", parts![SHA, REPO_BELOW]),
    ],
);

pub(super) const RELEASE: Part = part(
    "release",
    parts![
        value("id"),
        value("name"),
        value("draft"),
        value("prerelease"),
        value("url"),
        part("tag", parts![value("name"), part("commit", COMMIT), REPO_BELOW]),
    ],
);

pub(super) const DEPLOYMENT: Part = part(
    "deployment",
    parts![
        value("id"),
        value("environment"),
        value("state"),
        value("description"),
        value("ref"),
        value("task"),
        value("url"),
        part("creator", PERSON),
        part("commit", COMMIT),
        REPO_BELOW,
    ],
);

/// What comes from sources that this version does not have.
pub(super) const fn open(name: &'static str) -> Part {
    part(name, Shape::Open)
}
