//! Fingerprints (semantics 4.4): what a commit looks like in one respect, to be compared with other commits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One aspect of a commit. Two fingerprints with the same key are equal when their digests are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Which type of aspect, such as `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about, such as a path.
    pub name: String,
    /// SHA-256 of the data, hexadecimal.
    pub sha: String,
    /// The data itself, where it is short enough to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// How one fingerprint differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum FingerprintChange {
    /// Only the newer commit has it.
    Added {
        /// It.
        new: Fingerprint,
    },
    /// Only the older commit has it.
    Removed {
        /// It.
        old: Fingerprint,
    },
    /// Both have it, with other data.
    Changed {
        /// Before.
        old: Fingerprint,
        /// Now.
        new: Fingerprint,
    },
}

impl FingerprintChange {
    /// Type and name of what changed.
    pub fn key(&self) -> (&str, &str) {
        let (Self::Added { new: fingerprint }
        | Self::Removed { old: fingerprint }
        | Self::Changed { new: fingerprint, .. }) = self;
        (&fingerprint.kind, &fingerprint.name)
    }
}

impl std::fmt::Display for FingerprintChange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |fingerprint: &Fingerprint| match &fingerprint.data {
            Some(data) if data.len() <= 60 && !data.contains('\n') => data.clone(),
            _ => fingerprint.sha.chars().take(7).collect(),
        };
        let (kind, name) = self.key();
        match self {
            Self::Added { new } => write!(formatter, "{kind} {name}: added as {}", shown(new)),
            Self::Removed { old } => write!(formatter, "{kind} {name}: removed, was {}", shown(old)),
            Self::Changed { old, new } => write!(formatter, "{kind} {name}: {} → {}", shown(old), shown(new)),
        }
    }
}

/// What differs, by type and name.
pub fn difference(old: &[Fingerprint], new: &[Fingerprint]) -> Vec<FingerprintChange> {
    let by_key = |all: &[Fingerprint]| -> BTreeMap<(String, String), Fingerprint> {
        all.iter()
            .map(|one| ((one.kind.clone(), one.name.clone()), one.clone()))
            .collect()
    };
    let (mut before, now) = (by_key(old), by_key(new));
    let mut changes = Vec::new();
    for (key, new) in now {
        match before.remove(&key) {
            None => changes.push(FingerprintChange::Added { new }),
            Some(old) if old.sha != new.sha => changes.push(FingerprintChange::Changed { old, new }),
            Some(_) => {}
        }
    }
    changes.extend(before.into_values().map(|old| FingerprintChange::Removed { old }));
    changes.sort_by(|one, other| one.key().cmp(&other.key()));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fingerprint(name: &str, data: &str) -> Fingerprint {
        Fingerprint {
            kind: "file".to_owned(),
            name: name.to_owned(),
            sha: data.repeat(8),
            data: Some(data.to_owned()),
        }
    }

    #[test]
    fn a_difference_says_what_was_added_removed_and_changed() {
        let old = [
            fingerprint("a", "1"),
            fingerprint("b", "1"),
            fingerprint("c", "1"),
        ];
        let new = [
            fingerprint("b", "2"),
            fingerprint("c", "1"),
            fingerprint("d", "1"),
        ];
        let shown: Vec<String> = difference(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["file a: removed, was 1", "file b: 1 → 2", "file d: added as 1"]
        );
    }

    fn some() -> impl Strategy<Value = Vec<Fingerprint>> {
        proptest::collection::btree_map("[a-d]", "[0-2]", 0..5)
            .prop_map(|all| all.iter().map(|(name, data)| fingerprint(name, data)).collect())
    }

    proptest! {
        #[test]
        fn a_difference_is_empty_exactly_when_both_are_equal(old in some(), new in some()) {
            prop_assert_eq!(difference(&old, &new).is_empty(), old == new);
        }

        #[test]
        fn a_difference_read_backwards_has_as_many_changes(old in some(), new in some()) {
            prop_assert_eq!(difference(&old, &new).len(), difference(&new, &old).len());
        }
    }
}
