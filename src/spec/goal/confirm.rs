//! `approval` and `pre_approval`: whether, by whom, and by how many (semantics 3.7).

use serde_json::{Map, Value};

use crate::model::{ApprovalPolicy, ArgumentProblems, Field, FieldPath, ValueType};

/// Keys of an approval written as a map.
pub(super) const FIELDS: &[Field] = &[
    Field::new("required", ValueType::Boolean, "whether it is needed at all").default("true"),
    Field::new(
        "by",
        ValueType::List(&ValueType::Text),
        "whose confirmation counts: logins and `team:name`; anybody's when it is absent",
    )
    .not_empty(),
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

/// What types cannot say: that the people named can exist, and that there are enough of them.
pub(super) fn problems(common: &Map<String, Value>) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    for key in ["approval", "pre_approval"] {
        if let Some(policy) = common.get(key).and_then(policy) {
            problems.extend(problems_of(key, &policy));
        }
    }
    problems
}

fn problems_of(key: &str, policy: &ApprovalPolicy) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let field = FieldPath::to(key);
    for (index, name) in policy.by.iter().enumerate() {
        let login = name.strip_prefix("team:").unwrap_or(name);
        if login.is_empty() || login.contains([':', ' ']) {
            let message = format!("`{name}` in `{key}` is neither a login nor `team:name`");
            let hint = "write a login, such as `ann`, or `team:release`";
            problems.add(&field.key("by").item(index), "invalid_approver", message, hint);
        }
    }
    let only_logins = !policy.by.is_empty() && policy.by.iter().all(|name| !name.starts_with("team:"));
    if only_logins && policy.by.len() < policy.count as usize {
        let message = format!(
            "`{key}` asks for {} people and names only {}",
            policy.count,
            policy.by.len()
        );
        let hint = "name more people or a team, or lower `count`";
        problems.add(&field, "unreachable_approval", message, hint);
    }
    problems
}
