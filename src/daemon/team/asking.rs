//! A person asks the hub for a command of some machine, and hears what becomes of it (wire protocol 13).

use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use super::asker::Asker;
use super::client::{HubError, plain};
use crate::config::Configuration;

/// Seconds that the hub lets a look wait while nothing is new.
const WAIT: u32 = 20;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HubAsk {
    /// What is said: the command's words, or its name.
    pub said: String,
    /// The machine, where several have such a command.
    pub machine: Option<String>,
    /// Parameters by name.
    pub parameters: Vec<(String, String)>,
    /// Whether the end is not waited for.
    pub no_wait: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HubAnswer {
    /// Id of the invocation.
    pub id: String,
    /// `PENDING`, `RUNNING`, `ASKING`, `SUCCESS` or `FAILURE`.
    pub phase: String,
    /// What was said at the end.
    pub reason: Option<String>,
    /// All of it, as the hub shows it.
    pub shown: Value,
}

/// What is heard of it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The machine says something.
    Message(&'a str),
    /// What the machine is at: the newest line of what it does.
    Progress(&'a str),
}

/// Why it was not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct NotAsked {
    /// Why.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<HubError> for NotAsked {
    fn from(error: HubError) -> Self {
        Self {
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

/// Asks the configured hub and waits for the end; `on_news` hears what is heard of it meanwhile.
///
/// # Errors
/// No hub is configured, it is not reached, or does not take it.
pub async fn ask_hub(
    configuration: &Configuration,
    ask: &HubAsk,
    on_news: &mut dyn FnMut(Heard<'_>),
) -> Result<HubAnswer, NotAsked> {
    let asker = Asker::open(configuration).await?;
    let asked = asker.invoke(&body(ask, &asker.workspace)).await?;
    let id = asked.pointer("/invocation/id").and_then(Value::as_str);
    let id = id.filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    let id = id
        .ok_or_else(|| HubError::NotAHub("it does not say how to look at a command".to_owned()))?
        .to_owned();
    let (mut told, mut progress) = (0, 0);
    loop {
        let query = [
            ("wait", WAIT.to_string()),
            ("seen", told.to_string()),
            ("progress", progress.to_string()),
        ];
        let steps = ["command", ask.said.as_str(), "invocation", id.as_str()];
        let shown = asker.get(&steps, if ask.no_wait { &[] } else { &query }).await?;
        let before = (told, progress);
        told = tell(&shown, told, on_news);
        progress = tell_progress(&shown, progress, on_news);
        let answer = answer(&id, shown);
        if ask.no_wait || ["ASKING", "SUCCESS", "FAILURE"].contains(&answer.phase.as_str()) {
            return Ok(answer);
        }
        // A hub that does not know how to wait is not asked without a pause.
        if before == (told, progress) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn body(ask: &HubAsk, workspace: &str) -> Value {
    let given = |(name, value): &(String, String)| json!({"name": name, "value": value});
    let parameters: Vec<Value> = ask.parameters.iter().map(given).collect();
    let mut body =
        json!({"command": ask.said, "intent": ask.said, "team": {"id": workspace}, "parameters": parameters});
    if let Some(machine) = &ask.machine {
        body["automation"] = json!({ "name": machine });
    }
    body
}

/// Tells messages that were not told yet; how many are told then.
fn tell(shown: &Value, told: usize, on_news: &mut dyn FnMut(Heard<'_>)) -> usize {
    let messages = shown["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for message in messages.iter().skip(told) {
        if let Some(text) = message["body"].as_str() {
            on_news(Heard::Message(text));
        }
    }
    told.max(messages.len())
}

/// Tells what the machine is at, if that is news; its number.
fn tell_progress(shown: &Value, told: u64, on_news: &mut dyn FnMut(Heard<'_>)) -> u64 {
    let number = shown["progress"]["number"].as_u64().unwrap_or(0);
    if number > told
        && let Some(text) = shown["progress"]["text"].as_str()
    {
        on_news(Heard::Progress(text));
    }
    number.max(told)
}

fn answer(id: &str, shown: Value) -> HubAnswer {
    let text = |path: &str| shown.pointer(path).and_then(Value::as_str).map(plain);
    HubAnswer {
        id: id.to_owned(),
        phase: text("/phase").unwrap_or_default(),
        reason: text("/command_response/status/reason"),
        shown,
    }
}
