//! What is kept beside nodes so that they are found without looking at all of them.
//!
//! Whoever adds to one of these lists writes a migration that fills in what was stored before.

use serde_json::Value;

/// Fields whose values can be searched by without looking at every node, the telling ones first.
pub(super) const INDEXED: &[&str] = &[
    "goalSetId",
    "sha",
    "buildId",
    "number",
    "login",
    "screenName",
    "userId",
    "channelId",
    "providerId",
    "namespace",
    "name",
    "uniqueName",
    "owner",
    "registration",
    "providerType",
    "environment",
    "branch",
    "state",
    "status",
];

/// Fields whose values very many nodes share: they are found in the order of changes.
const SHARED: &[&str] = &["branch", "state", "status"];

/// Longest value that is indexed; longer ones are found by looking.
const LONGEST_INDEXED: usize = 200;

/// A value as the index has it; `None` for what is not indexed.
pub(super) fn indexed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            // Postgres keeps no text with the character that ends one elsewhere.
            let is_short = text.len() <= LONGEST_INDEXED && !text.contains('\0');
            is_short.then(|| text.clone())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether values of a field are kept in the order of changes.
pub(super) fn is_shared(field: &str) -> bool {
    SHARED.contains(&field)
}

/// Links of the types of every workspace that are followed backwards. All links of other types are.
const FOLLOWED: &[(&str, &[&str])] = &[
    ("Push", &["after"]),
    ("Commit", &[]),
    ("ScmId", &[]),
    ("Person", &["chatId", "scmId", "team"]),
    ("ChatId", &["chatTeam"]),
    ("Team", &[]),
    ("ChatChannel", &["team", "repos"]),
    ("Repo", &["org"]),
    ("Org", &["chatTeam", "team"]),
    ("Branch", &["repo"]),
    ("Tag", &["commit"]),
    ("Release", &["tag"]),
    ("PullRequest", &["head", "repo", "branch"]),
    ("Review", &["pullRequest"]),
    ("Issue", &["repo"]),
    ("Comment", &["issue", "pullRequest", "review"]),
    ("Build", &["push", "commit"]),
    ("Status", &["commit"]),
    ("Deployment", &[]),
    ("DeploymentReview", &[]),
    ("SdmGoal", &["push"]),
    ("SdmGoalSet", &["push"]),
    ("SdmVersion", &["commit"]),
    ("Fingerprint", &["commit"]),
];

/// Whether a link of a type is followed backwards.
pub(super) fn is_followed(kind: &str, field: &str) -> bool {
    let of_kind = FOLLOWED.iter().find(|(known, _)| *known == kind);
    of_kind.is_none_or(|(_, fields)| fields.contains(&field))
}
