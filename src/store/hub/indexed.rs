//! What is kept beside nodes so that they are found without looking at all of them.
//!
//! Whoever adds to one of these lists writes a migration that fills in what was stored before.

use serde_json::{Map, Value};

use crate::ports::graph::Order;

/// Fields whose values can be searched by without looking at every node, the telling ones first. Of the types that machines announce
/// all are.
const INDEXED: &[&str] = &[
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
pub(super) fn is_shared(kind: &str, field: &str) -> bool {
    SHARED.contains(&field) || is_announced(kind)
}

/// The fields of a node with this body whose values are indexed. Its id is found without.
pub(super) fn indexed_fields<'b>(
    kind: &str,
    body: &'b Map<String, Value>,
) -> Box<dyn Iterator<Item = &'b str> + Send + 'b> {
    match is_announced(kind) {
        true => Box::new(body.keys().map(String::as_str).filter(|field| *field != "id")),
        false => Box::new(INDEXED.iter().copied()),
    }
}

/// How telling a field is, the most first; `None` when its values are not indexed.
pub(super) fn rank(kind: &str, field: &str) -> Option<usize> {
    let known = INDEXED.iter().position(|indexed| *indexed == field);
    let is_own = !field.contains(['.', '[']) && field != "id";
    known.or_else(|| (is_own && is_announced(kind)).then_some(INDEXED.len()))
}

/// Types whose moments are numbers, in `ts`.
const OF_MACHINES: &[&str] = &["SdmGoal", "SdmGoalSet"];

/// Whether it is the order of the moments of a type, of which there is an index. No type of every workspace has moments of both
/// kinds; what machines announce may.
pub(super) fn is_moment(kind: &str, order: &Order) -> bool {
    match order.is_number {
        true => order.field == "ts" && OF_MACHINES.contains(&kind),
        false => order.field == "timestamp" && !is_announced(kind),
    }
}

/// Types beside those of [`FOLLOWED`] that are no machine's: of every workspace, and of the hub alone.
const OTHERS: &[&str] = &[
    "SCMProvider",
    "SdmPreference",
    "AtmJob",
    "AtmJobTask",
    "DockerRegistryProvider",
    "BinaryRepositoryProvider",
    "GenericResourceProvider",
    "GitHubAppResourceProvider",
    "TeamConfiguration",
    "GitHubAppInstallation",
    "Application",
    "ChannelLink",
    "UserJoinedChannel",
    "RepoOnboarded",
    "ImageLinked",
    "DeletedBranch",
    "AppReach",
    "Ended",
];

/// Whether machines announced a type, as far as is known here.
fn is_announced(kind: &str) -> bool {
    !OTHERS.contains(&kind) && FOLLOWED.iter().all(|(known, _)| *known != kind)
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
