//! Between rows and domain values. A row that contradicts itself is an error with a name, never a guess.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::failure::corrupt;
use crate::model::ids::InvalidName;
use crate::model::{BranchName, CommitSha, GoalKey, GoalSetId, PushId, StateName, UniqueName};
use crate::ports::store::{Cause, StoreError};

/// A value as stored.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our stored types have string keys and no failing serializers")
}

/// A stored value; `what` names the row.
pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, &error))
}

fn named<T>(what: &str, value: Result<T, InvalidName>) -> Result<T, StoreError> {
    value.map_err(|error| corrupt(what, &error))
}

pub(super) fn sha(what: &str, text: &str) -> Result<CommitSha, StoreError> {
    named(what, CommitSha::parse(text))
}

pub(super) fn branch(what: &str, text: &str) -> Result<BranchName, StoreError> {
    named(what, BranchName::parse(text))
}

pub(super) fn goal_set_id(what: &str, text: &str) -> Result<GoalSetId, StoreError> {
    named(what, GoalSetId::parse(text))
}

pub(super) fn push_id(what: &str, text: &str) -> Result<PushId, StoreError> {
    let id = Uuid::parse_str(text).map(PushId);
    id.map_err(|error| corrupt(what, &error))
}

/// Keys are stored in canonical form, so a key that would be normalised was not written by us.
pub(super) fn goal_key(what: &str, unique_name: &str, environment: &str) -> Result<GoalKey, StoreError> {
    let key = GoalKey::new(named(what, UniqueName::parse(unique_name))?, environment);
    if key.unique_name.as_str() == unique_name && key.environment == environment {
        Ok(key)
    } else {
        Err(corrupt(
            what,
            &format!("`{unique_name} in {environment}` is not a goal key"),
        ))
    }
}

pub(super) fn state(what: &str, text: &str) -> Result<StateName, StoreError> {
    StateName::parse(text).ok_or_else(|| corrupt(what, &format!("`{text}` is not a state of a goal")))
}

pub(super) fn cause(what: &str, number: u32, body: Option<&str>) -> Result<Cause, StoreError> {
    match (body, number) {
        (Some(body), _) => from_json(what, body),
        (None, 0) => Ok(Cause::Push),
        (None, number) => Ok(Cause::Again { number }),
    }
}

/// A stored number of something there is little of.
pub(super) fn small(what: &str, stored: i64) -> Result<u32, StoreError> {
    u32::try_from(stored).map_err(|_| corrupt(what, &format!("it counts {stored}")))
}

/// Counts are stored as integers of the database, which are signed.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A stored count; negative ones were not written by us.
pub(super) fn count(what: &str, stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| corrupt(what, &format!("it counts {stored}")))
}
