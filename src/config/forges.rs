//! Forges that a machine is connected to, by their origin, and values for commands.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// How commits there carry how their goals stand.
    #[serde(default)]
    pub statuses: Statuses,
}

/// How commits at a forge carry how their goals stand: `true`, `false` or `checks`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Statuses {
    /// Not at all.
    None,
    /// By a status, which any token may write; what the specification has without a word (semantics 7.1).
    #[default]
    Statuses,
    /// By checks, which only an app may write.
    Checks,
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_bool(false),
            Self::Statuses => serializer.serialize_bool(true),
            Self::Checks => serializer.serialize_str(CHECKS),
        }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusesVisitor)
    }
}

/// The word for checks.
const CHECKS: &str = "checks";

struct StatusesVisitor;

impl Visitor<'_> for StatusesVisitor {
    type Value = Statuses;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`true`, `false` or `checks`")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Statuses, E> {
        Ok(match value {
            true => Statuses::Statuses,
            false => Statuses::None,
        })
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Statuses, E> {
        match value {
            CHECKS => Ok(Statuses::Checks),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantics_7_1_statuses_are_wanted_not_wanted_or_checks() {
        let read = |text: &str| serde_yaml::from_str::<ForgeEntry>(text).map(|entry| entry.statuses);
        for (text, meant) in [
            ("secret: x", Statuses::Statuses),
            ("{secret: x, statuses: true}", Statuses::Statuses),
            ("{secret: x, statuses: false}", Statuses::None),
            ("{secret: x, statuses: checks}", Statuses::Checks),
        ] {
            assert_eq!(read(text).unwrap(), meant, "{text}");
        }
        let refused = read("{secret: x, statuses: check}").unwrap_err().to_string();
        assert!(refused.contains("`true`, `false` or `checks`"), "{refused}");
    }
}
