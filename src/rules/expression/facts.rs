//! The facts of a push as CEL values.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::Key;
use serde_json::{Map, Value as Json};

use crate::model::push::Signature;
use crate::model::{BranchName, Commit, CommitSha, Push, Repository, Timestamp};
use crate::rules::push_test::PlanningFacts;

/// `push`.
pub(super) fn push(push: &Push, facts: &PlanningFacts) -> Value {
    let commits: Vec<Value> = push.commits.iter().take(Push::MAX_COMMITS).map(commit).collect();
    let before = push.before.as_ref().map(CommitSha::as_str);
    map([
        ("repo", repo(&push.repo)),
        ("branch", text(push.branch.as_str())),
        ("before", before.map_or(Value::Null, text)),
        ("after", text(push.after.as_str())),
        ("title", text(push.title())),
        ("commits", Value::List(Arc::new(commits))),
        (
            "commit_count",
            Value::Int(i64::try_from(push.commit_count).unwrap_or(i64::MAX)),
        ),
        ("forced", Value::Bool(push.forced)),
        ("is_default_branch", Value::Bool(push.is_on_default_branch())),
        ("is_first", Value::Bool(push.before.is_none())),
        ("local_mode", Value::Bool(facts.local_mode)),
        ("at", moment(push.at)),
    ])
}

/// `repo`.
pub(super) fn repo(repo: &Repository) -> Value {
    let default_branch = repo.default_branch.as_ref().map(BranchName::as_str);
    map([
        ("owner", text(&repo.slug.owner)),
        ("name", text(&repo.slug.name)),
        ("slug", text(&repo.slug.to_string())),
        ("default_branch", default_branch.map_or(Value::Null, text)),
    ])
}

/// Under this key of the preferences are those of the workspace.
const WORKSPACE: &str = "workspace";

/// `preferences`: JSON as it is, whole numbers as `int`; none reads as an empty map so that `has()` can ask it, and so do those of
/// the workspace.
pub(super) fn preferences(preferences: &Json) -> Value {
    match preferences {
        Json::Null => map([(WORKSPACE, map([]))]),
        Json::Object(all) if !all.contains_key(WORKSPACE) => {
            let mut all = all.clone();
            all.insert(WORKSPACE.to_owned(), Json::Object(Map::new()));
            json(&Json::Object(all))
        }
        Json::Object(_) | Json::Array(_) | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            json(preferences)
        }
    }
}

/// `facts`.
pub(super) fn attached(facts: &Map<String, Json>) -> Value {
    let entries: HashMap<Key, Value> = facts
        .iter()
        .map(|(name, value)| (Key::String(Arc::new(name.clone())), json(value)))
        .collect();
    Value::Map(entries.into())
}

fn commit(commit: &Commit) -> Value {
    map([
        ("sha", text(commit.sha.as_str())),
        ("message", text(&commit.message)),
        ("title", text(commit.title())),
        ("author", signature(&commit.author)),
        ("committer", signature(&commit.committer)),
        ("at", moment(commit.at)),
    ])
}

fn signature(signature: &Signature) -> Value {
    map([("name", text(&signature.name)), ("email", text(&signature.email))])
}

fn json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(string) => text(string),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(json).collect())),
        Json::Object(fields) => {
            let entries: HashMap<Key, Value> = fields
                .iter()
                .map(|(key, value)| (Key::String(Arc::new(key.clone())), json(value)))
                .collect();
            Value::Map(entries.into())
        }
    }
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn moment(at: Timestamp) -> Value {
    Value::Timestamp(at.to_utc().fixed_offset())
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let entries: HashMap<Key, Value> = fields
        .into_iter()
        .map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value))
        .collect();
    Value::Map(entries.into())
}
