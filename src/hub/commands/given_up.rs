//! Commands that were given up: what is not to be shown again goes from what waited for the machine, which can be delivered no more then.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Hub;
use super::hidden;
use super::parsed;
use crate::ports::hub::HubStoreError;

/// Most that are looked at at once.
const AT_ONCE: u32 = 200;

impl Hub {
    /// Takes what is not to be shown again out of commands that were given up.
    pub(in super::super) async fn blank_given_up(&self) -> Result<(), HubStoreError> {
        for dead in self.store().dead_unlooked_at(AT_ONCE).await? {
            let invocation = self.store().invocation(&dead.what.correlation).await?;
            let names = invocation.map(|invocation| hidden::blank_in(&invocation.request));
            let left = without(&dead.what.payload, names.as_ref());
            self.store()
                .looked_at_dead(&dead.what.id, left.as_deref())
                .await?;
        }
        Ok(())
    }
}

/// What was to be delivered, without these values, all where nobody knows which; `None` where it has none of them.
fn without(payload: &str, names: Option<&BTreeSet<String>>) -> Option<String> {
    let mut left = parsed(payload);
    let mut is_blank = false;
    let parameters = left.get_mut("parameters").and_then(Value::as_array_mut);
    for one in parameters.into_iter().flatten() {
        let name = one["name"].as_str().unwrap_or_default();
        let is_hidden = !name.starts_with(hidden::TARGETS) && names.is_none_or(|names| names.contains(name));
        if is_hidden && !one["value"].is_null() {
            one["value"] = Value::Null;
            is_blank = true;
        }
    }
    is_blank.then(|| left.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn e1_what_was_given_up_keeps_nothing_that_is_not_to_be_shown() {
        let payload = json!({"command": "Deploy", "parameters": [
            {"name": "env", "value": "prod"}, {"name": "code", "value": "4711"}, {"name": "targets.repo", "value": "app"},
        ]});
        let of = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let left = without(&payload.to_string(), Some(&of(&["code", "targets.repo"]))).unwrap();
        assert!(
            left.contains("prod") && left.contains("app") && !left.contains("4711"),
            "{left}"
        );
        assert_eq!(without(&left, Some(&of(&["code"]))), None, "it is out already");
        assert_eq!(without(&payload.to_string(), Some(&of(&[]))), None);
        let nothing = without(&payload.to_string(), None).unwrap();
        assert!(!nothing.contains("prod") && nothing.contains("app"), "{nothing}");
    }
}
