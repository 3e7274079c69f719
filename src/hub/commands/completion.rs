//! Whoever carries a goal out for a machine says what came of it (semantics 4.11). They need no key: the token that the goal gave
//! them is for this goal alone. The hub hands its digest on, the machine decides; no token is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::access::noted::Noted;
use super::super::machines::known::Machine;
use super::super::refusal::Refusal;
use super::parsed;
use crate::kinds::side_effect;
use crate::ports::graph::Node;
use crate::ports::hub::Phase;
use crate::wire::control::Completion;
use crate::wire::hub::completion::{COMPLETE, Completed, PROOF, RESULT, TOLD_BY};
use crate::wire::hub::{API_VERSION, CommandInvocation, NameValue, Team};

/// Largest result in bytes: it must fit into one parameter of a command, however it is escaped.
pub(in super::super) const MAX_RESULT: usize = 15 * 1024;

/// Longest that the machine's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most results of one goal that wait for its machine, and as many beside them that come with another token than it spoke of.
const MOST_WAITING: u32 = 5;

/// When to try again with a result that found no room.
const AGAIN: Duration = Duration::from_secs(60);

/// How goals of our own machines say that they are carried out.
const OUR_METHOD: &str = "sdm";

/// Whoever asks: nobody that the hub knows.
const SOMEBODY: &str = "anonymous";

/// Which goal.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Which {
    workspace: String,
    goal_set: String,
    environment: String,
    name: String,
}

impl Which {
    fn key(&self) -> String {
        format!("{}/{}/{}", self.goal_set, self.environment, self.name)
    }
}

/// `POST /goals/{workspace}/{goal_set}/{environment}/{name}/result`.
pub(in super::super) async fn complete(
    State(hub): State<Hub>,
    Path(which): Path<Which>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let token = token(&headers)?;
    let completion = read(&body)?;
    let (machine, is_proven) = hub.machine_of(&which, token).await?;
    let invocation = invocation(&hub, &which, (token, &completion));
    let id = hub.fresh_id();
    let invocation = CommandInvocation {
        correlation_id: id.clone(),
        ..invocation
    };
    let found = hub
        .known()
        .machines()
        .workspace(&which.workspace)
        .served(&machine)
        .cloned();
    let found = found.ok_or_else(|| Refusal::busy("the machine of the goal is not there", 60))?;
    hub.let_result_wait((&which, is_proven), &found, &invocation)
        .await?;
    let wait = PATIENCE.min(hub.rhythm().answer).as_secs();
    let standing = hub.standing_in_time(&id, (0, None), wait).await?;
    let answer = parsed(&standing.invocation.answer);
    match standing.invocation.phase {
        Phase::Success => {
            let said = format!("{} is {} now", which.key(), completion.state);
            hub.rights()
                .note(&Noted::done(SOMEBODY, "goal.complete", said), hub.now());
            Ok((StatusCode::OK, Json(json!({"completed": completion.state}))))
        }
        Phase::Pending | Phase::Running | Phase::Asking => {
            let waits = "the machine has not answered yet; it hears of it when it is back";
            Ok((StatusCode::ACCEPTED, Json(json!({ "pending": waits }))))
        }
        Phase::Failure => Err(hub.not_completed(&which, &answer)),
    }
}

/// The token of the goal.
fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    token.ok_or_else(|| {
        Refusal::unauthorized(
            "no_credentials",
            "say `Authorization: Bearer` and the token that the goal gave in SDM_COMPLETION_TOKEN",
        )
    })
}

fn read(body: &[u8]) -> Result<Completion, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the result cannot be read: {error}")))
}

/// What the machine is told; it has no id yet.
fn invocation(hub: &Hub, which: &Which, (token, completion): (&str, &Completion)) -> CommandInvocation {
    let result = serde_json::to_string(completion).expect("a result is made of texts");
    let parameters = [
        ("goal_set", which.goal_set.clone()),
        ("goal", which.name.clone()),
        ("environment", which.environment.clone()),
        (PROOF, side_effect::digest(token)),
        (RESULT, result),
    ];
    let parameters = parameters.map(|(name, value)| NameValue {
        name: name.to_owned(),
        value: Value::from(value),
    });
    CommandInvocation {
        api_version: API_VERSION.to_owned(),
        correlation_id: hub.fresh_id(),
        command: COMPLETE.to_owned(),
        team: Team {
            id: which.workspace.clone(),
            name: None,
        },
        source: None,
        parameters: parameters.to_vec(),
        mapped_parameters: Vec::new(),
        secrets: Vec::new(),
        raw_message: None,
        context: None,
        known_as: Vec::new(),
        traceparent: None,
    }
}

/// The machine of ours that a goal is of.
fn our_machine(goal: &Node) -> Option<String> {
    let fulfillment = goal.body.get("fulfillment")?;
    let is_ours = fulfillment.get("method")?.as_str()? == OUR_METHOD;
    let machine = fulfillment.get("registration")?.as_str()?;
    is_ours.then(|| machine.to_owned())
}

impl Hub {
    /// Lets a result wait for the machine of its goal for as long as a goal may take: whoever brings it is told that the machine hears of
    /// it when it is back.
    async fn let_result_wait(
        &self,
        (which, is_proven): (&Which, bool),
        machine: &Machine,
        result: &CommandInvocation,
    ) -> Result<(), Refusal> {
        // Guesses take no room from who has the token.
        let goal = match is_proven {
            true => format!("goal:{} proven", which.key()),
            false => format!("goal:{}", which.key()),
        };
        let (id, time) = (&result.correlation_id, self.rhythm().work);
        let (stored, delivery) = self.to_be_kept((&goal, machine), (result, &BTreeSet::new()), id, time);
        match self
            .store()
            .invoke_among(&stored, &delivery, MOST_WAITING)
            .await?
        {
            true => self.ring(),
            false => {
                let message = "enough results of this goal wait for its machine; try again when it is back";
                return Err(Refusal::too_often(message, AGAIN));
            }
        }
        Ok(())
    }

    /// The machine that the goal is of, and whether the token is the one that it spoke of. It may have given another one since, so that
    /// it decides about any other. Whether there is such a goal is told to nobody.
    async fn machine_of(&self, which: &Which, token: &str) -> Result<(String, bool), Refusal> {
        let graph = self.store().reader(&which.workspace);
        let found = graph.nodes("SdmGoal", &[which.key()]).await?;
        let machine = found.first().and_then(|goal| our_machine(goal));
        let told_by = found.first().and_then(|goal| goal.body.get(TOLD_BY)?.as_str());
        let shown = side_effect::told_by(&side_effect::digest(token));
        let is_proven = told_by.is_some_and(|kept| side_effect::is_same_digest(&shown, kept));
        let machine = machine.ok_or_else(|| self.wrong_token(which))?;
        Ok((machine, is_proven))
    }

    fn wrong_token(&self, which: &Which) -> Refusal {
        let refusal = Refusal::forbidden(
            "wrong_token",
            "the token is not that of the goal's current attempt, or there is no such goal",
        );
        self.guessed(Guessed::Completion(&which.key()), refusal)
    }

    fn not_completed(&self, which: &Which, answer: &Value) -> Refusal {
        let status = |field: &str| answer.pointer(&format!("/status/{field}"));
        let code = status("code").and_then(Value::as_i64).unwrap_or(1);
        let reason = status("reason")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match Completed::of_code(code) {
            Some(Completed::WrongToken) => self.wrong_token(which),
            Some(Completed::Unfit) => Refusal::bad("invalid_result", reason),
            Some(Completed::TooLate) | None => Refusal::conflict(reason),
        }
    }
}
