//! `side_effect`: a goal that somebody else carries out and completes from outside (semantics 4.11; ST-19, ST-20, D4).
//!
//! The program that is run tells them. It finds a token in its environment that completes this attempt and no other, and on a
//! machine of a hub the address where whoever has it says what came of it. Only the token's digest is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::resolve::Placeholders;
use super::{Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, read};
use crate::model::running::{self, DIRECTORY, ENV, GRACE};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, Field, GoalState, StateName, ValueType};
use crate::ports::AttemptRef;

pub(super) struct SideEffect;

/// The variable in which the token is given away; its value is masked in the goal's log.
pub const TOKEN_VARIABLE: &str = "SDM_COMPLETION_TOKEN";

/// The variable that holds the address at which a goal is completed, on a machine of a hub.
pub const ADDRESS_VARIABLE: &str = "SDM_COMPLETION_URL";

static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "what tells whoever carries it out; finds the token in `SDM_COMPLETION_TOKEN`, and on a machine of a hub the address to \
         complete it at in `SDM_COMPLETION_URL`",
    )
    .required(),
    Field::new(
        "deadline",
        ValueType::Duration,
        "how long after its start it may take them",
    )
    .default("1h")
    .within(1, u64::MAX),
    Field::new(
        "timeout",
        ValueType::Duration,
        "longest run time of the program that tells them",
    )
    .default("1m")
    .within(1, u64::MAX),
    GRACE,
    ENV,
    Field {
        help: "where it runs, below the root of the working copy",
        ..DIRECTORY
    },
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "side_effect",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Tells somebody else to do it, and waits until they complete it with the token they were given: by `sdm complete`, \
           or at the hub.",
    example: "name: external scan\nside_effect: {run: [./scripts/request-scan], deadline: 2h}",
};

#[derive(Debug, Deserialize)]
struct Arguments {
    run: Vec<String>,
    #[serde(default)]
    deadline: Option<u64>,
    #[serde(default)]
    timeout: Option<u64>,
    #[serde(default)]
    grace: Option<u64>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    directory: String,
}

impl Arguments {
    fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        read(arguments)
    }
}

#[async_trait]
impl Kind for SideEffect {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn runs_process(&self, _arguments: &Value) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        Arguments::read(arguments).map(|_| ())
    }

    fn patience(&self, arguments: &Value) -> Duration {
        let deadline = Arguments::read(arguments).ok().and_then(|read| read.deadline);
        deadline.map_or(Duration::from_secs(3600), Duration::from_millis)
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = Arguments::read(&context.goal.definition().work.arguments)?;
        let placeholders = Placeholders::of(context).await?;
        let resolved = placeholders.argv_beside(&arguments.run, &[&arguments.env])?;
        let mut environment = resolved.environment;
        environment.extend(placeholders.variables(&arguments.env)?);
        let token = format!("{}{}", context.ids.fresh().simple(), context.ids.fresh().simple());
        if let Some(attempt) = attempt(context) {
            context.store.save_completion(&attempt, &digest(&token)).await?;
        }
        environment.push((TOKEN_VARIABLE.to_owned(), token));
        if let Some(address) = address(context).await? {
            environment.push((ADDRESS_VARIABLE.to_owned(), address));
        }
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step {
                directory: arguments.directory,
                ..Step::program("", resolved.argv)
            }],
            environment,
            timeout: arguments
                .timeout
                .map_or(Duration::from_secs(60), Duration::from_millis),
            grace: running::grace(arguments.grace),
        }))
    }

    async fn conclude(
        &self,
        _context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        let result = ended.result;
        if result.code != 0 || result.state.is_some() {
            return Ok(result);
        }
        Ok(ExecutionResult {
            state: Some(StateName::InProcess),
            phase: Some("waits for whoever carries it out".to_owned()),
            ..result
        })
    }
}

fn attempt(context: &GoalContext<'_>) -> Option<AttemptRef> {
    let GoalState::InProcess { epoch, .. } = context.goal.state else {
        return None;
    };
    Some(AttemptRef {
        goal_set: context.record.set.id,
        goal: context.goal.key(),
        attempt: context.goal.attempt,
        epoch,
    })
}

/// Where the goal is completed at the hub, if there is one.
async fn address(context: &GoalContext<'_>) -> Result<Option<String>, KindError> {
    let Some(hub) = &context.policy.hub else {
        return Ok(None);
    };
    let repo = &context.record.push.repo;
    let workspace = hub.workspace_of(context.store, repo, context.now).await?;
    let key = context.goal.key();
    let set = context.record.set.id.to_string();
    let steps = [
        workspace.as_str(),
        set.as_str(),
        key.environment.as_str(),
        key.unique_name.as_str(),
    ];
    let path: String = steps.iter().map(|step| format!("/{}", escaped(step))).collect();
    let hub = hub.address.trim_end_matches('/');
    Ok(Some(format!("{hub}/goals{path}/result")))
}

/// A text as one step of a path.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// What is kept of a token.
pub fn digest(token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    hex::encode(digest.as_ref())
}

/// By what a hub tells a digest from a guess, without knowing it.
pub fn told_by(of_token: &str) -> String {
    digest(of_token)
}

/// Whether a digest is the one that is kept, in the same time whatever it is.
pub fn is_same_digest(digest: &str, kept: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(digest.as_bytes(), kept.as_bytes()).is_ok()
}
