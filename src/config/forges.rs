//! Forges that a machine is connected to, by their origin, and values for commands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::resolve::{Origin, Resolver};

/// One forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeEntry {
    /// The name of its token among `secrets`.
    pub secret: String,
    /// Where its API is, when that is not where GitHub has it.
    #[serde(default)]
    pub api: Option<String>,
    /// Whether commits there carry how their goals stand.
    #[serde(default = "yes")]
    pub statuses: bool,
}

/// What the specification has without a word (semantics 7.1).
const fn yes() -> bool {
    true
}

impl Resolver<'_> {
    pub(super) fn forges(&mut self) -> BTreeMap<String, ForgeEntry> {
        self.pick(
            "forges",
            |layer| layer.forges.clone(),
            || (BTreeMap::new(), Origin::Default),
            |forges| format!("[{}]", forges.keys().cloned().collect::<Vec<_>>().join(", ")),
        )
    }

    /// Values that commands ask for by a dotted path.
    ///
    /// # Errors
    /// They are no map.
    pub(super) fn values(&mut self) -> Result<serde_json::Value, ConfigError> {
        let nothing = || (serde_json::json!({}), Origin::Default);
        let shown = |values: &serde_json::Value| {
            let keys = values
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone());
            format!("[{}]", keys.collect::<Vec<_>>().join(", "))
        };
        let values = self.pick("values", |layer| layer.values.clone(), nothing, shown);
        match values.is_object() {
            true => Ok(values),
            false => Err(self.origin_error("values", "must be a map of names with values".to_owned())),
        }
    }
}
