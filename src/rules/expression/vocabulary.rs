//! The names expressions may use.

/// What is known about the value of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Push,
    Repo,
    Commits,
    Commit,
    Signature,
    /// Values attached by earlier rules; which ones differs from expression to expression.
    Facts,
    /// A value without known fields.
    Other,
}

type Fields = &'static [(&'static str, Shape)];

const PUSH: Fields = &[
    ("repo", Shape::Repo),
    ("branch", Shape::Other),
    ("before", Shape::Other),
    ("after", Shape::Other),
    ("title", Shape::Other),
    ("commits", Shape::Commits),
    ("commit_count", Shape::Other),
    ("forced", Shape::Other),
    ("is_default_branch", Shape::Other),
    ("is_first", Shape::Other),
    ("local_mode", Shape::Other),
    ("at", Shape::Other),
];

const REPO: Fields = &[
    ("owner", Shape::Other),
    ("name", Shape::Other),
    ("slug", Shape::Other),
    ("default_branch", Shape::Other),
];

const COMMIT: Fields = &[
    ("sha", Shape::Other),
    ("message", Shape::Other),
    ("title", Shape::Other),
    ("author", Shape::Signature),
    ("committer", Shape::Signature),
    ("at", Shape::Other),
];

const SIGNATURE: Fields = &[("name", Shape::Other), ("email", Shape::Other)];

impl Shape {
    /// The fields of such a value; `None` when they are not known.
    pub(super) fn fields(self) -> Option<Fields> {
        match self {
            Self::Push => Some(PUSH),
            Self::Repo => Some(REPO),
            Self::Commit => Some(COMMIT),
            Self::Signature => Some(SIGNATURE),
            Self::Commits | Self::Facts | Self::Other => None,
        }
    }

    /// What its elements are.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Commits => Self::Commit,
            Self::Push | Self::Repo | Self::Commit | Self::Signature | Self::Facts | Self::Other => {
                Self::Other
            }
        }
    }
}

/// Variables.
pub(super) const ROOTS: Fields = &[
    ("push", Shape::Push),
    ("repo", Shape::Repo),
    ("preferences", Shape::Other),
    ("facts", Shape::Facts),
];

/// Names of types, for `type(x) == string`.
pub(super) const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Functions called as `name(…)`, macros included.
pub(super) const FUNCTIONS: &[&str] = &[
    "changed",
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "has",
    "int",
    "matches",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Functions called as `value.name(…)`, macros included.
pub(super) const METHODS: &[&str] = &[
    "all",
    "contains",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "map",
    "matches",
    "size",
    "startsWith",
];

/// Functions called as `project.name(path)` or `project.name(glob)`.
pub(super) const PROJECT: &[&str] = &["content", "directories", "files", "has_file"];
