//! By which labels everything that belongs to an attempt is found again.

use std::collections::HashMap;

use crate::ports::AttemptRef;
use crate::ports::containers::Belonging;

/// Whose it is.
const OWNER: &str = "sdm.owner";

/// Which attempt's.
const ATTEMPT: &str = "sdm.attempt";

/// The labels of everything that belongs to an attempt.
pub(super) fn labels(belonging: &Belonging) -> HashMap<String, String> {
    let shown = belonging
        .shown
        .iter()
        .map(|(name, value)| (format!("sdm.{name}"), value.clone()));
    let fixed = [
        (OWNER.to_owned(), belonging.owner.clone()),
        (ATTEMPT.to_owned(), json(&belonging.attempt)),
    ];
    // The fixed ones come last: nothing shown takes their place.
    shown.chain(fixed).collect()
}

/// Finds all that belongs to an owner.
pub(super) fn of_owner(owner: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{OWNER}={owner}")])])
}

fn json(attempt: &AttemptRef) -> String {
    serde_json::to_string(attempt).expect("texts and numbers are JSON")
}

/// The attempt something says it belongs to.
pub(super) fn attempt_of(labels: Option<&HashMap<String, String>>) -> Option<AttemptRef> {
    serde_json::from_str(labels?.get(ATTEMPT)?).ok()
}

/// Whether something is of this owner: an engine's filter is not relied on before anything is removed.
pub(super) fn is_of_owner(labels: Option<&HashMap<String, String>>, owner: &str) -> bool {
    labels
        .and_then(|labels| labels.get(OWNER))
        .is_some_and(|value| value == owner)
}
