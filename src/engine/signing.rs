//! Signed goals (semantics 3.14): every stored version of a goal carries a signature over what the goal is, what it does and
//! how it came there; what is not signed well is not carried out.
//!
//! Two fields of the list of 3.14 are not there. `url` is no part of our goals: a log is found by its goal. `provenance` is the
//! row of earlier versions, each of which is signed by itself with what wrote it: what counts for carrying a goal out, who
//! confirmed it and when, is signed as `approvals` and `confirmations`.
//!
//! A goal whose last version is not signed well is never signed again: its next version keeps the old signature, which fits
//! nothing any more. So a change behind the machine's back is not made good by the next step.

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use super::Engine;
use crate::model::{
    Approval, ExecutionResult, Goal, GoalEvent, GoalKey, GoalSet, GoalSetId, GoalState, Plan, PlannedGoal,
    Push, StateName, Timestamp,
};
use crate::ports::signing::{SignatureError, Signing, SigningScope};
use crate::ports::store::{Cause, GoalSetRecord, StoreError};

/// What the name of a signed goal stands in.
struct Surroundings<'a> {
    registration: &'a str,
    push: &'a Push,
    cause: &'a Cause,
    goal_set: GoalSetId,
    name: &'a str,
}

impl Engine {
    /// A set with all its goals signed, where goals are.
    ///
    /// # Errors
    /// They cannot be signed: such a plan is not stored.
    pub fn plan_set(
        &self,
        id: GoalSetId,
        (name, plan): (&str, &Plan),
        push: &Push,
        cause: &Cause,
        at: Timestamp,
    ) -> Result<GoalSet, StoreError> {
        let (mut set, mut events) = GoalSet::plan(id, name, plan.goals.clone(), at);
        let Some(signing) = &self.parts.signing else {
            return Ok(set);
        };
        let around = Surroundings {
            registration: &self.settings.name,
            push,
            cause,
            goal_set: id,
            name,
        };
        set.sign(&mut events, |goal| signing.sign(&payload(&around, goal)))
            .map_err(unsigned)?;
        Ok(set)
    }

    /// Signs what events made of goals that were signed well before.
    pub(super) fn sign(
        &self,
        record: &GoalSetRecord,
        after: &mut GoalSet,
        events: &mut [GoalEvent],
    ) -> Result<(), StoreError> {
        let Some(signing) = &self.parts.signing else {
            return Ok(());
        };
        let around = self.around(record);
        let signed = after.sign(events, |goal| {
            let before = record.set.goal(&goal.key());
            match before.map(|before| verified(signing.as_ref(), &around, before)) {
                Some(Err(_)) => Ok(before.and_then(|goal| goal.signature.clone()).unwrap_or_default()),
                Some(Ok(())) | None => signing.sign(&payload(&around, goal)),
            }
        });
        signed.map_err(unsigned)
    }

    fn around<'a>(&'a self, record: &'a GoalSetRecord) -> Surroundings<'a> {
        Surroundings {
            registration: &self.settings.name,
            push: &record.push,
            cause: &record.cause,
            goal_set: record.set.id,
            name: &record.set.name,
        }
    }

    /// What a goal ends with that must not be carried out; `None` when it may.
    pub(super) fn rejected(&self, record: &GoalSetRecord, key: &GoalKey) -> Option<ExecutionResult> {
        let signing = self.parts.signing.as_ref()?;
        let around = self.around(record);
        let goals = record.set.goals().iter();
        let mut looked_at = goals.filter(|goal| signing.scope() == SigningScope::All || goal.key() == *key);
        let (goal, error) = looked_at.find_map(|goal| {
            let error = verified(signing.as_ref(), &around, goal).err()?;
            Some((goal, error))
        })?;
        let own = record.set.goal(key)?;
        tracing::error!(goal_set.id = %record.set.id, goal = %goal.key(), error = %error, "a goal is not signed well");
        let phase = match &error {
            SignatureError::Missing => "signature missing",
            SignatureError::Invalid(_) => "signature invalid",
        };
        Some(ExecutionResult {
            phase: Some(phase.to_owned()),
            description: Some(format!("Rejected: {}", own.definition().name)),
            ..ExecutionResult::failure(format!("{}: {error}", goal.key()))
        })
    }
}

fn unsigned(error: SignatureError) -> StoreError {
    StoreError::Failed {
        doing: "sign goals",
        source: error.into(),
    }
}

/// What was signed must be the goal as it stands, nothing less and nothing else (SG-07).
fn verified(signing: &dyn Signing, around: &Surroundings<'_>, goal: &Goal) -> Result<(), SignatureError> {
    let signature = goal
        .signature
        .as_deref()
        .filter(|signature| !signature.is_empty());
    let signed = signing.verify(signature.ok_or(SignatureError::Missing)?)?;
    match signed == payload(around, goal) {
        true => Ok(()),
        false => Err(SignatureError::Invalid(
            "it is of another goal, version or plan".to_owned(),
        )),
    }
}

/// The normalised goal, fields in the order of 3.14 and what is ours after them: the attempt, a digest of what was planned,
/// whose push it is, and why there are goals for it.
fn payload(around: &Surroundings<'_>, goal: &Goal) -> Vec<u8> {
    let (definition, key, push) = (goal.definition(), goal.key(), around.push);
    let slug = &push.repo.slug;
    let fields = json!({
        "uniqueName": key.unique_name,
        "name": definition.name,
        "environment": key.environment,
        "repo": {"owner": slug.owner, "name": slug.name, "providerId": push.repo.key},
        "goalSet": around.name,
        "registration": around.registration,
        "goalSetId": around.goal_set,
        "externalKey": format!("sdm/atomist/{}/{}", key.environment, key.unique_name.as_str()),
        "sha": push.after,
        "branch": push.branch,
        "state": goal.state.name(),
        "phase": goal.phase,
        "version": goal.version,
        "description": goal.description,
        "descriptions": descriptions(goal),
        "ts": goal.changed_at.as_micros(),
        "data": goal.data,
        "parameters": Value::Object(definition.parameters.clone()).to_string(),
        "externalUrls": goal.external_urls,
        "images": Some(&goal.images).filter(|images| !images.is_empty()),
        "preApprovalRequired": definition.pre_approval.is_some(),
        "approvalRequired": definition.approval.is_some(),
        "approvals": approvals(&goal.state),
        "confirmations": confirmations(goal),
        "retryFeasible": definition.retry.feasible,
        "error": goal.error,
        "preConditions": goal.planned.preconditions,
        "fulfillment": {"method": "sdm", "registration": around.registration, "name": definition.work.kind},
        "attempt": goal.attempt,
        "epoch": epoch(&goal.state),
        "planned": planned_digest(&goal.planned),
        "trust": push.trust,
        "address": push.repo.address,
        "cause": around.cause,
    });
    without_nothing(fields).to_string().into_bytes()
}

fn descriptions(goal: &Goal) -> Value {
    const KEYS: [(&str, StateName); 10] = [
        ("planned", StateName::Planned),
        ("requested", StateName::Requested),
        ("inProcess", StateName::InProcess),
        ("completed", StateName::Success),
        ("failed", StateName::Failure),
        ("skipped", StateName::Skipped),
        ("canceled", StateName::Canceled),
        ("stopped", StateName::Stopped),
        ("waitingForApproval", StateName::WaitingForApproval),
        ("waitingForPreApproval", StateName::WaitingForPreApproval),
    ];
    let texts = KEYS.map(|(key, state)| (key.to_owned(), Value::from(goal.text(state))));
    Value::Object(texts.into_iter().collect())
}

fn approvals(state: &GoalState) -> &[Approval] {
    match state {
        GoalState::WaitingForPreApproval { approvals }
        | GoalState::PreApproved { approvals }
        | GoalState::WaitingForApproval { approvals }
        | GoalState::Approved { approvals } => approvals,
        GoalState::Planned
        | GoalState::Requested { .. }
        | GoalState::InProcess { .. }
        | GoalState::Success
        | GoalState::Failure
        | GoalState::Stopped
        | GoalState::Canceled
        | GoalState::Skipped { .. } => &[],
    }
}

/// Confirmations that say what they are for; those of earlier versions of this program were not signed.
fn confirmations(goal: &Goal) -> Vec<&Approval> {
    let all = goal.confirmations.iter();
    all.filter(|approval| approval.subject.is_some()).collect()
}

fn epoch(state: &GoalState) -> Option<u64> {
    match state {
        GoalState::InProcess { epoch, .. } => Some(*epoch),
        GoalState::Planned
        | GoalState::WaitingForPreApproval { .. }
        | GoalState::PreApproved { .. }
        | GoalState::Requested { .. }
        | GoalState::WaitingForApproval { .. }
        | GoalState::Approved { .. }
        | GoalState::Success
        | GoalState::Failure
        | GoalState::Stopped
        | GoalState::Canceled
        | GoalState::Skipped { .. } => None,
    }
}

/// The digest of what the goal is to do. Fields that say nothing do not count, so that a later program with further ones
/// finds the same.
pub(super) fn planned_digest(planned: &PlannedGoal) -> String {
    let planned = serde_json::to_value(planned).expect("a planned goal is made of texts, numbers and lists");
    let text = without_nothing(planned).to_string();
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// The value with keys in order and without fields that are null or empty: equal texts for equal meanings.
fn without_nothing(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut kept: Vec<(String, Value)> = fields
                .into_iter()
                .map(|(key, value)| (key, without_nothing(value)))
                .filter(|(_, value)| !is_nothing(value))
                .collect();
            kept.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(kept.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_nothing).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sg_03_a_line_end_in_one_field_does_not_look_like_another_field() {
        let signed = |name: &str, description: &str| {
            without_nothing(json!({"name": name, "description": description})).to_string()
        };
        let one = signed("a", "b\nphase: c");
        assert_ne!(one, signed("a\nb", "phase: c"));
        assert_ne!(
            one,
            without_nothing(json!({"name": "a", "description": "b", "phase": "c"})).to_string()
        );
        assert!(!one.contains('\n'));
    }

    #[test]
    fn what_says_nothing_does_not_count_and_what_says_no_does() {
        let plain = |value: Value| without_nothing(value).to_string();
        assert_eq!(
            plain(json!({"b": [], "a": {"c": null}, "d": false, "e": 0})),
            r#"{"d":false,"e":0}"#
        );
        assert_eq!(
            plain(json!({"b": 1, "a": [[], {"z": 1, "y": 2}]})),
            r#"{"a":[[],{"y":2,"z":1}],"b":1}"#
        );
    }
}
