//! `fingerprint`: what a commit looks like in chosen respects, compared with the branch before and with the default branch
//! (semantics 4.4).

mod aspects;
mod dependencies;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Begun, GoalContext, Kind, KindError, globs, look_into, look_into_commit, read};
use crate::model::fingerprint::difference;
use crate::model::{
    ArgumentProblems, CommitSha, Descriptor, ExecutionResult, Field, FieldPath, Fingerprint,
    FingerprintChange, StateName, ValueType,
};
use aspects::Aspects;

pub(super) struct TakeFingerprints;

/// Most changes told in a goal's data.
const MAX_TOLD: usize = 50;

const JSON_FIELDS: &[Field] = &[
    Field::new("file", ValueType::Path, "the JSON file").required(),
    Field::new(
        "path",
        ValueType::Text,
        "keys and numbers from its root to the value, separated by dots",
    )
    .required(),
];

static FIELDS: &[Field] = &[
    Field::new("files", ValueType::List(&ValueType::Glob), "files whose content counts"),
    Field::new(
        "json",
        ValueType::List(&ValueType::Fields(JSON_FIELDS)),
        "values in JSON files",
    ),
    Field::new(
        "dependencies",
        ValueType::List(&ValueType::Path),
        "lock files: Cargo.lock, package-lock.json, yarn.lock, pnpm-lock.yaml, poetry.lock, uv.lock, go.sum, Gemfile.lock",
    ),
    Field::new(
        "approve_on",
        ValueType::Choice(&["never", "change", "drift"]),
        "whether a person has to approve: a change since the branch's previous push, or a difference from the default branch",
    )
    .default("never"),
    Field::new(
        "fail_on",
        ValueType::Choice(&["never", "change", "drift"]),
        "whether such a difference is a failure, which no approval helps",
    )
    .default("never"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "fingerprint",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Takes fingerprints of the commit, keeps them, and shows what changed and how far the branch has drifted.",
    example: "name: drift\nfingerprint: {dependencies: [Cargo.lock], files: [Dockerfile], approve_on: drift}",
};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    files: Vec<String>,
    json: Vec<aspects::JsonValue>,
    dependencies: Vec<String>,
    approve_on: String,
    fail_on: String,
}

impl Arguments {
    fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = ArgumentProblems::default();
        let dependencies = FieldPath::to("dependencies");
        for (index, path) in read.dependencies.iter().enumerate() {
            if !dependencies::is_lock_file(path) {
                let message = format!("`{path}` is not a lock file that is understood");
                let hint = format!("there are {}", dependencies::LOCK_FILES.join(", "));
                problems.add(&dependencies.item(index), "unknown_lock_file", message, hint);
            }
        }
        problems.none_or(read)
    }

    fn aspects(&self) -> Aspects {
        Aspects {
            files: self.files.clone(),
            json: self.json.clone(),
            dependencies: self.dependencies.clone(),
        }
    }
}

#[async_trait]
impl Kind for TakeFingerprints {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        Arguments::read(arguments).map(|_| ())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = Arguments::read(&context.goal.definition().work.arguments)?;
        let aspects = arguments.aspects();
        let taken = look_into(context, move |view| aspects.take(view)).await?;
        let taken = taken.map_err(|error| KindError::Definition(error.to_string()))?;
        let push = &context.record.push;
        let goal = &context.goal.definition().unique_name;
        context
            .store
            .save_fingerprints(&push.repo.key, &push.after, goal, &taken, context.now)
            .await?;
        let since_before = match &push.before {
            Some(before) => compared_with(context, &arguments, before, &taken).await?,
            None => Vec::new(),
        };
        let drift = match default_head(context).await? {
            Some(head) => compared_with(context, &arguments, &head, &taken).await?,
            None => Vec::new(),
        };
        Ok(Begun::Ended(result(
            &arguments,
            taken.len(),
            &since_before,
            &drift,
        )))
    }
}

/// The head of the default branch, when the push is to another one.
async fn default_head(context: &GoalContext<'_>) -> Result<Option<CommitSha>, KindError> {
    let push = &context.record.push;
    let Some(default) = push
        .repo
        .default_branch
        .as_ref()
        .filter(|default| **default != push.branch)
    else {
        return Ok(None);
    };
    let heads = context.store.branch_heads(&push.repo.key).await?;
    Ok(heads.get(default).cloned())
}

/// How the fingerprints differ from those of another commit: as they were kept, else taken of it now.
async fn compared_with(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    other: &CommitSha,
    taken: &[Fingerprint],
) -> Result<Vec<FingerprintChange>, KindError> {
    let push = &context.record.push;
    let goal = &context.goal.definition().unique_name;
    if let Some(kept) = context.store.fingerprints(&push.repo.key, other, goal).await? {
        return Ok(difference(&kept, taken));
    }
    context.scm.fetch(&push.repo, other).await?;
    let aspects = arguments.aspects();
    let of_other = look_into_commit(context, other, move |view| aspects.take(view)).await?;
    // What was no lock file before has no fingerprints to compare with.
    Ok(of_other.map_or_else(|_| Vec::new(), |of_other| difference(&of_other, taken)))
}

fn result(
    arguments: &Arguments,
    taken: usize,
    since_before: &[FingerprintChange],
    drift: &[FingerprintChange],
) -> ExecutionResult {
    let differs = |from: &str| match from {
        "change" => !since_before.is_empty(),
        "drift" => !drift.is_empty(),
        _ => false,
    };
    let shown = |changes: &[FingerprintChange]| -> Vec<String> {
        changes
            .iter()
            .take(MAX_TOLD)
            .map(|change| change.to_string().chars().take(200).collect())
            .collect()
    };
    let phase = match (since_before, drift) {
        ([], []) => None,
        ([one], []) => Some(one.to_string()),
        (changed, []) => Some(format!("{} changed", changed.len())),
        (changed, drift) => Some(format!(
            "{} changed · {} differ from the default branch",
            changed.len(),
            drift.len()
        )),
    };
    let data = json!({"fingerprints": {
        "taken": taken,
        "changed": shown(since_before),
        "drift": shown(drift),
    }});
    let fails = differs(&arguments.fail_on);
    let needs_approval = !fails && differs(&arguments.approve_on);
    ExecutionResult {
        code: i32::from(fails),
        message: fails.then(|| phase.clone().unwrap_or_default().chars().take(200).collect()),
        state: needs_approval.then_some(StateName::WaitingForApproval),
        description: Some(format!(
            "{taken} fingerprint{} taken",
            if taken == 1 { "" } else { "s" }
        )),
        phase: phase.map(|phase| phase.chars().take(200).collect()),
        data: Some(data.to_string()),
        ..ExecutionResult::success()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_asks_for_a_person_or_fails_as_the_author_says() {
        let change = FingerprintChange::Added {
            new: Fingerprint {
                kind: "file".to_owned(),
                name: "Dockerfile".to_owned(),
                sha: "0".repeat(64),
                data: None,
            },
        };
        let outcome = |approve_on: &str, fail_on: &str, before: &[_], drift: &[_]| {
            let arguments = Arguments {
                approve_on: approve_on.to_owned(),
                fail_on: fail_on.to_owned(),
                ..Arguments::default()
            };
            let result = result(&arguments, 1, before, drift);
            (result.code, result.state)
        };
        let one = [change];
        let waits = Some(StateName::WaitingForApproval);
        assert_eq!(outcome("change", "never", &one, &[]), (0, waits));
        assert_eq!(outcome("change", "change", &one, &[]), (1, None));
        assert_eq!(outcome("change", "drift", &one, &[]), (0, waits));
        assert_eq!(outcome("never", "drift", &[], &one), (1, None));
        assert_eq!(outcome("never", "drift", &one, &[]), (0, None));
    }
}
