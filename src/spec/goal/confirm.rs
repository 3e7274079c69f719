//! `approval` and `pre_approval`: whether, by whom, and by how many (semantics 3.7).

use serde_json::{Map, Value};

use crate::model::{ApprovalPolicy, Diagnostic, Field, ValueType};

use super::super::keys::Sorted;
use super::super::reader::Reader;
use super::super::yaml::Node;

/// Keys of an approval written as a map.
pub(super) const FIELDS: &[Field] = &[
    Field::new("required", ValueType::Boolean, "whether it is needed at all").default("true"),
    Field::new(
        "by",
        ValueType::List(&ValueType::Text),
        "whose confirmation counts: logins and `team:name`; nobody named means anybody",
    ),
    Field::new(
        "count",
        ValueType::Integer { min: 1, max: 100 },
        "how many different people must confirm",
    )
    .default("1"),
    Field::new(
        "not_author",
        ValueType::Boolean,
        "whether authors of the pushed commits are excluded",
    )
    .default("false"),
];

/// The policy a checked value means; `None` when no confirmation is needed.
pub(super) fn policy(value: &Value) -> Option<ApprovalPolicy> {
    match value {
        Value::Bool(true) => Some(ApprovalPolicy::default()),
        Value::Object(fields) if fields.get("required") != Some(&Value::Bool(false)) => {
            Some(from_fields(fields))
        }
        _ => None,
    }
}

fn from_fields(fields: &Map<String, Value>) -> ApprovalPolicy {
    let by = fields.get("by").and_then(Value::as_array).into_iter().flatten();
    let count = fields.get("count").and_then(Value::as_u64).unwrap_or(1);
    ApprovalPolicy {
        by: by.filter_map(Value::as_str).map(str::to_owned).collect(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        not_author: fields.get("not_author") == Some(&Value::Bool(true)),
    }
}

impl Reader<'_, '_> {
    /// Checks what types cannot say: that the people named can exist, and that there are enough of them.
    pub(super) fn check_policies(&mut self, sorted: &Sorted<'_>, common: &Map<String, Value>) {
        for key in ["approval", "pre_approval"] {
            let policy = common.get(key).and_then(policy);
            if let (Some(node), Some(policy)) = (sorted.value(key), policy) {
                self.check_policy(key, node, &policy);
            }
        }
    }

    fn check_policy(&mut self, key: &str, node: &Node, policy: &ApprovalPolicy) {
        for name in &policy.by {
            let login = name.strip_prefix("team:").unwrap_or(name);
            if login.is_empty() || login.contains([':', ' ']) {
                let message = format!("`{name}` in `{key}` is neither a login nor `team:name`");
                self.problems().error("invalid_approver", node, message);
            }
        }
        let mut people: Vec<&String> = policy.by.iter().collect();
        people.sort_unstable();
        people.dedup();
        let only_logins = !people.is_empty() && people.iter().all(|name| !name.starts_with("team:"));
        if only_logins && people.len() < policy.count as usize {
            let message = format!(
                "`{key}` asks for {} people and names only {}",
                policy.count,
                people.len()
            );
            let error = Diagnostic::error("unreachable_approval", node.place.clone(), message)
                .spanning(node.length)
                .hint("name more people or a team, or lower `count`");
            self.problems().add(error);
        }
    }
}
