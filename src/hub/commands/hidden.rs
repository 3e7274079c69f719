//! Values of parameters that machines announce as not to be shown again: the machine is told them and nobody else. They stand beside what
//! was asked only while its machine asks for more, for it is told all of it again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Hub;
use super::super::access::deciding::Deciding;
use super::parsed;
use crate::ports::hub::{Delivery, HubStoreError, StoredInvocation};
use crate::wire::hub::{CommandInvocation, Continuation, NameValue, Parameter};

/// Where the values stand meanwhile.
const KEPT_BACK: &str = "kept_back";

/// By these it is weighed who may have it done, also later.
pub(super) const TARGETS: &str = "targets.";

/// Names of those that are not to be shown again.
pub(super) fn among(parameters: &[Parameter]) -> BTreeSet<String> {
    let hidden = parameters.iter().filter(|parameter| !parameter.displayable);
    hidden.map(|parameter| parameter.name.clone()).collect()
}

/// Names of those whose values are not in what is kept.
pub(super) fn blank_in(request: &str) -> BTreeSet<String> {
    let request = parsed(request);
    let all = request["parameters"].as_array().into_iter().flatten();
    let blank = all.filter(|one| one["value"].is_null());
    let names = blank.filter_map(|one| one["name"].as_str());
    names.map(str::to_owned).collect()
}

/// What is kept of a command.
pub(super) fn without(invocation: &CommandInvocation, names: &BTreeSet<String>) -> CommandInvocation {
    let mut kept = invocation.clone();
    if Deciding::by_command(&kept.command).is_none() {
        blank(&mut kept.parameters, names);
    }
    kept
}

fn blank(parameters: &mut [NameValue], names: &BTreeSet<String>) {
    let is_hidden = |one: &&mut NameValue| names.contains(&one.name) && !one.name.starts_with(TARGETS);
    for one in parameters.iter_mut().filter(is_hidden) {
        one.value = Value::Null;
    }
}

/// What was asked, as it may be shown.
pub(super) fn shown(request: &str) -> Value {
    split(request).0
}

/// All that was asked, as far as it is still kept.
pub(super) fn whole(request: &str) -> Value {
    let (mut asked, kept) = split(request);
    let kept = kept.as_array().map(Vec::as_slice).unwrap_or_default();
    let parameters = asked.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if let Some(own) = kept.iter().find(|own| own["name"] == parameter["name"]) {
            *parameter = own.clone();
        }
    }
    asked
}

/// What may be shown, and the values that are kept back.
fn split(request: &str) -> (Value, Value) {
    let mut asked = parsed(request);
    let kept = asked.as_object_mut().and_then(|asked| asked.remove(KEPT_BACK));
    (asked, kept.unwrap_or_default())
}

/// What is kept, with the values that it lacks of what the machine was told; `None` where it lacks none.
fn with_values(request: &str, told: &str) -> Option<String> {
    let names = blank_in(request);
    let told: CommandInvocation = serde_json::from_str(told).ok()?;
    let mut values = told.parameters;
    values.retain(|one| names.contains(&one.name) && !one.value.is_null());
    if values.is_empty() {
        return None;
    }
    let mut request = parsed(request);
    request[KEPT_BACK] = serde_json::to_value(values).ok()?;
    Some(request.to_string())
}

/// What is kept without these values; `None` where there are none.
fn without_values(request: &str) -> Option<String> {
    let (asked, kept) = split(request);
    (!kept.is_null()).then(|| asked.to_string())
}

/// A question as it is kept: machines say in it what they know so far.
pub(super) fn question(continuation: &Continuation, request: &str) -> Continuation {
    let mut kept = continuation.clone();
    blank(&mut kept.parameters, &blank_in(request));
    kept
}

impl Hub {
    /// Keeps what a machine was told that asks for more.
    pub(super) async fn keep_told(
        &self,
        invocation: &StoredInvocation,
        told: Option<&Delivery>,
    ) -> Result<(), HubStoreError> {
        let asked = invocation.request.as_str();
        match told.and_then(|told| with_values(asked, &told.what.payload)) {
            Some(whole) => self.store().replace_request(&invocation.id, asked, &whole).await,
            None => Ok(()),
        }
    }

    /// Nobody goes on with it.
    pub(super) async fn forget_told(&self, invocation: &StoredInvocation) -> Result<(), HubStoreError> {
        let asked = invocation.request.as_str();
        match without_values(asked) {
            Some(left) => self.store().replace_request(&invocation.id, asked, &left).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn invocation() -> CommandInvocation {
        serde_json::from_value(json!({
            "correlation_id": "c", "command": "Deploy", "team": {"id": "w"},
            "parameters": [{"name": "env", "value": "prod"}, {"name": "code", "value": "4711"},
                {"name": "targets.repo", "value": "app"}],
        }))
        .unwrap()
    }

    #[test]
    fn e1_what_is_hidden_is_kept_only_while_it_is_needed() {
        let names = BTreeSet::from(["code", "targets.repo"].map(str::to_owned));
        let told = serde_json::to_string(&invocation()).unwrap();
        let kept = serde_json::to_string(&without(&invocation(), &names)).unwrap();
        assert!(!kept.contains("4711") && kept.contains("app"), "{kept}");
        assert_eq!(blank_in(&kept), BTreeSet::from(["code".to_owned()]));
        let asking = with_values(&kept, &told).unwrap();
        assert!(!shown(&asking).to_string().contains("4711"));
        assert_eq!(whole(&asking), parsed(&told));
        let left = without_values(&asking).unwrap();
        assert_eq!(parsed(&left), parsed(&kept));
        assert_eq!((without_values(&left), with_values(&told, &told)), (None, None));
    }
}
