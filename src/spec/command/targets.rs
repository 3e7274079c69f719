//! On which repositories a command runs (semantics 5.4).

use serde_json::Value;

use crate::model::trigger::{NO_GOAL, NO_GOAL_HINT};
use crate::model::{Diagnostic, Field, Targets, TestExpression, ValueType};

use super::super::keys::Sorted;
use super::super::reader::Reader;
use super::super::yaml::Node;

/// Keys of `targets`.
pub const FIELDS: &[Field] = &[
    Field::new(
        "repos",
        ValueType::Regex,
        "a pattern on `owner/name`; any repository without it",
    ),
    Field::new(
        "test",
        ValueType::Test,
        "a push test on the head of the branch; where it does not hold nothing is done",
    )
    .aliases(&["tests"]),
    Field::new(
        "concurrent",
        ValueType::Integer { min: 1, max: 100 },
        "how many repositories at once",
    )
    .default("2"),
];

/// How many repositories at once unless the author says otherwise.
const CONCURRENT: u32 = 2;

impl Reader<'_, '_> {
    /// `Some(None)` for a command without repositories; `None` always comes with a problem.
    pub(super) fn targets(&mut self, node: Option<&Node>, needed: bool) -> Option<Option<Targets>> {
        let any = || Targets {
            repos: None,
            test: TestExpression::AnyPush,
            concurrent: CONCURRENT,
        };
        let Some(node) = node else {
            return Some(needed.then(any));
        };
        let Some(entries) = node.entries() else {
            let wanted = self.checker.boolean(node, "`targets`")?;
            if !wanted && needed {
                self.problems().error_with_hint(
                    "wrong_type",
                    node,
                    "this command works on repositories, and `targets: false` says that it has none",
                    "remove it",
                );
                return None;
            }
            return Some(wanted.then(any));
        };
        let sorted = Sorted::over(entries, &[FIELDS], self.checker.problems);
        let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems().unknown_key(entry, "`targets`", &known);
        }
        let fields = self.checker.sorted(FIELDS, &sorted, node, "`targets`");
        let test = match sorted.value("test") {
            None => Some(TestExpression::AnyPush),
            Some(test) => self.test_without_goal(test),
        };
        let (fields, test) = (fields?, test?);
        let concurrent = fields.get("concurrent").and_then(Value::as_u64);
        let targets = Targets {
            repos: fields.get("repos").and_then(Value::as_str).map(str::to_owned),
            test,
            concurrent: concurrent
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(CONCURRENT),
        };
        Some(Some(targets)).filter(|_| sorted.unknown.is_empty())
    }

    /// The test of a command, which nobody asks because of a goal.
    fn test_without_goal(&mut self, node: &Node) -> Option<TestExpression> {
        let test = self.test(node)?;
        let Some(place) = test.wait_for_goal() else {
            return Some(test);
        };
        let problem = Diagnostic::error("cannot_hold", place.clone(), NO_GOAL);
        self.problems().add(problem.hint(NO_GOAL_HINT));
        None
    }
}
