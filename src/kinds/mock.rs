//! Mock execution (semantics 3.11, EX-08): time passes instead of a goal's work, where the configuration says so.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use globset::Glob;
use serde::{Deserialize, Serialize};

use crate::model::Goal;
use crate::model::ids::GoalSetId;

use super::{Command, ProcessRequest, Step};

/// The verb of the step that takes the place of the work.
pub const VERB: &str = "mock";

/// How far the time may be from what is configured, in thousandths.
const SPREAD: u64 = 200;

/// Beyond the time that is to pass, before the step counts as one that hangs.
const SLACK: Duration = Duration::from_secs(60);

/// Which goals are mocked, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockRule {
    /// Globs over the names of goals.
    pub goals: Vec<String>,
    /// How long they take, a fifth more or less.
    pub duration: Duration,
    /// The code they end with.
    pub code: u8,
}

/// What the step is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// How long it takes.
    pub duration: Duration,
    /// The code it ends with.
    pub code: u8,
}

impl MockRule {
    /// Whether the goal is one of those.
    pub fn applies_to(&self, goal: &Goal) -> bool {
        let definition = goal.definition();
        let names = [definition.name.as_str(), definition.unique_name.as_str()];
        self.goals
            .iter()
            .filter_map(|pattern| Glob::new(pattern).ok())
            .any(|glob| {
                let matcher = glob.compile_matcher();
                names.iter().any(|name| matcher.is_match(name))
            })
    }

    /// What runs instead of the goal's work.
    pub fn request(&self, set: GoalSetId, goal: &Goal) -> ProcessRequest {
        let order = Order {
            duration: spread(self.duration, &(set, goal.key(), goal.attempt)),
            code: self.code,
        };
        let timeout = order.duration.saturating_add(SLACK);
        let order = serde_json::to_value(order).expect("a duration and a number are JSON");
        ProcessRequest {
            steps: vec![Step::own("", VERB, order)],
            environment: Vec::new(),
            timeout,
            grace: Duration::from_secs(5),
        }
    }
}

/// Whether a request is a mock's.
pub fn is_mock(request: &ProcessRequest) -> bool {
    let is_mock = |step: &Step| matches!(step.command, Command::Own { verb: VERB, .. });
    request.steps.iter().any(is_mock)
}

/// A fifth more or less, evenly over all attempts and always the same for one.
fn spread(duration: Duration, attempt: &impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    attempt.hash(&mut hasher);
    let thousandths = 1000 - SPREAD + hasher.finish() % (2 * SPREAD + 1);
    duration.mul_f64(thousandths as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_08_the_time_is_a_fifth_more_or_less() {
        let five = Duration::from_secs(5);
        let all: Vec<Duration> = (0..1000).map(|attempt| spread(five, &attempt)).collect();
        assert!(
            all.iter()
                .all(|time| *time >= Duration::from_secs(4) && *time <= Duration::from_secs(6))
        );
        assert!(all.iter().any(|time| *time < Duration::from_millis(4200)));
        assert!(all.iter().any(|time| *time > Duration::from_millis(5800)));
        assert_eq!(spread(five, &1), spread(five, &1));
    }
}
