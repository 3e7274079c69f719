//! The stable shape of `sdm explain --replay --json`: what other rules would have planned for pushes that were made.

use serde::{Deserialize, Serialize};

use super::explain::ExplainedPush;

/// One push by the rules in use and by other rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedPush {
    /// The push.
    pub push: ExplainedPush,
    /// Goals that only the other rules set.
    pub added: Vec<ComparedGoal>,
    /// Goals that only the rules in use set.
    pub removed: Vec<ComparedGoal>,
    /// Goals that both set, differently.
    pub changed: Vec<ComparedGoal>,
    /// Why the other rules could not plan it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why the rules in use cannot plan it; then there is nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_now: Option<String>,
}

/// A goal that makes a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedGoal {
    /// Display name.
    pub name: String,
    /// Key.
    pub unique_name: String,
    /// Environment.
    pub environment: String,
    /// Why it is not set any more, or what of it is different.
    #[serde(default)]
    pub because: String,
    /// How long it usually takes, from recorded successes; none when it never succeeded.
    #[serde(default)]
    pub milliseconds: Option<u64>,
}

impl ComparedPush {
    /// Whether both rules say the same.
    pub fn is_unchanged(&self) -> bool {
        let nothing = self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty();
        nothing && self.error.is_none() && self.error_now.is_none()
    }

    /// How much longer, or shorter, its goals take together; goals without a record count nothing.
    pub fn milliseconds(&self) -> i64 {
        let sum = |goals: &[ComparedGoal]| -> i64 {
            let known = goals.iter().filter_map(|goal| goal.milliseconds);
            known
                .map(|duration| i64::try_from(duration).unwrap_or(i64::MAX))
                .fold(0, i64::saturating_add)
        };
        sum(&self.added).saturating_sub(sum(&self.removed))
    }
}
