//! A person asks the hub for a command of some machine, and hears what becomes of it (wire protocol 13).

use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::Instant;

use super::asker::Asker;
use super::client::{HubError, plain};
use crate::config::Configuration;
use crate::runtime::backoff::Backoff;
use crate::runtime::clock::{Ids as _, RandomIds};

/// Seconds that the hub lets a look wait while nothing is new.
const WAIT: u32 = 20;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two looks while the hub is away: somebody waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A hub that is away for longer is not waited for: a command ends by then, as far as hubs know (wire protocol 12).
const AWAY: Duration = Duration::from_secs(15 * 60);

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
    /// The hub is away, for this reason; it is asked again for so long. The command goes on meanwhile.
    Away {
        /// Why.
        because: &'a str,
        /// How long it is waited for.
        patience: Duration,
    },
    /// The hub is back.
    Back,
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
    let mut waiting = Waiting::of(&asker, ask, id);
    loop {
        let (shown, is_news) = waiting.look(on_news).await?;
        let answer = answer(&waiting.id, shown);
        if ask.no_wait || ["ASKING", "SUCCESS", "FAILURE"].contains(&answer.phase.as_str()) {
            return Ok(answer);
        }
        // A hub that does not know how to wait is not asked without a pause.
        if !is_news {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Somebody who waits for the end of a command, whatever becomes of the hub meanwhile.
struct Waiting<'a> {
    asker: &'a Asker,
    said: &'a str,
    id: String,
    /// Whether it is looked at once and no more.
    is_brief: bool,
    /// Messages that were told.
    told: usize,
    /// Number of the progress that was told.
    progress: u64,
}

impl<'a> Waiting<'a> {
    fn of(asker: &'a Asker, ask: &'a HubAsk, id: String) -> Self {
        Self {
            asker,
            said: &ask.said,
            id,
            is_brief: ask.no_wait,
            told: 0,
            progress: 0,
        }
    }

    /// How it stands, and whether anything was told of it that is new.
    async fn look(&mut self, on_news: &mut dyn FnMut(Heard<'_>)) -> Result<(Value, bool), NotAsked> {
        let shown = match self.ask().await {
            Err(error) if error.is_away() && !self.is_brief => self.look_again(error, on_news).await?,
            looked => looked.map_err(|error| self.lost(&error))?,
        };
        let before = (self.told, self.progress);
        self.told = tell(&shown, self.told, on_news);
        self.progress = tell_progress(&shown, self.progress, on_news);
        Ok((shown, before != (self.told, self.progress)))
    }

    /// The same once a hub that went away is back.
    async fn look_again(
        &mut self,
        mut error: HubError,
        on_news: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Value, NotAsked> {
        let until = Instant::now() + AWAY;
        on_news(Heard::Away {
            because: &error.to_string(),
            patience: AWAY,
        });
        // What the machine is at is counted anew by a hub that was started again.
        self.progress = 0;
        let mut backoff = Backoff::default();
        while error.is_away() && Instant::now() < until {
            let pause = backoff.next(error.setback(), RandomIds.fresh().as_u64_pair().0);
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            match self.ask().await {
                Ok(shown) => {
                    on_news(Heard::Back);
                    return Ok(shown);
                }
                Err(again) => error = again,
            }
        }
        Err(self.lost(&error))
    }

    async fn ask(&self) -> Result<Value, HubError> {
        let steps = ["command", self.said, "invocation", self.id.as_str()];
        let query = [
            ("wait", WAIT.to_string()),
            ("seen", self.told.to_string()),
            ("progress", self.progress.to_string()),
        ];
        let query = if self.is_brief { &[] } else { query.as_slice() };
        self.asker.look(&steps, query).await
    }

    /// The hub does not say what becomes of it, and has taken it.
    fn lost(&self, error: &HubError) -> NotAsked {
        NotAsked {
            message: format!("the hub has taken the command, and does not say what becomes of it: {error}"),
            hint: Some(format!(
                "it is not asked for again; its id is {}, and the hub's Activity page shows it",
                self.id
            )),
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
