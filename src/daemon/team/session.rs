//! One conversation over the websocket, from its opening to its end.
//!
//! Everything is said and heard by one task, so what the hub does not read holds up what we read of it, and nothing piles up.
//! Pings go both ways; a status counts as taken once the hub has answered a ping that was sent after it.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_util::sync::CancellationToken;

use super::frames::{self, Frame, Patience};
use crate::ports::store::StoreError;
use crate::runtime::causes::chain;
use crate::wire::hub::{Control, Downward, Upward, extensions};

/// Close codes of a hub that does not want the machine: a credential that is not good any more, and a machine that was taken away or
/// may hear of nothing.
const DISMISSALS: [u16; 2] = [4401, 4403];

/// Most correlations of one message.
const AT_ONCE: usize = 1_000;

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Between two pings.
    pub(super) ping: Duration,
    /// Without an answer to a ping the hub is gone.
    pub(super) silence: Duration,
    /// What the hub does not take within this time it does not take at all.
    pub(super) write: Duration,
    /// How long an end waits for the last answers.
    pub(super) drain: Duration,
}

impl Rhythm {
    /// As the protocol has it.
    pub(super) fn usual(drain: Duration) -> Self {
        Self {
            ping: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            write: Duration::from_secs(10),
            drain,
        }
    }
}

/// Something to say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saying {
    /// The message.
    pub(super) text: String,
    /// The delivery that it answers for good.
    pub(super) answers: Option<String>,
    /// The delivery that it says is stored, as the hub knows it.
    pub(super) stored: Option<String>,
}

impl Saying {
    /// A message about the conversation itself.
    pub(super) fn control(control: &Control) -> Self {
        Self {
            text: json!({ "control": control }).to_string(),
            answers: None,
            stored: None,
        }
    }

    /// A delivery, which the hub knows by this, is stored.
    pub(super) fn acknowledgement(control: &Control, delivery: &str) -> Self {
        Self {
            stored: Some(delivery.to_owned()),
            ..Self::control(control)
        }
    }
}

/// Whoever sees to what the hub says.
#[async_trait]
pub(super) trait Partner: Send + Sync {
    /// Takes a command or an event in; what to say to that at once.
    async fn take(&self, message: Downward) -> Result<Option<Saying>, StoreError>;

    /// The hub has these answers.
    async fn taken(&self, answers: &[String]) -> Result<(), StoreError>;

    /// What is being worked on, by correlation.
    async fn in_hand(&self) -> Vec<String>;

    /// Whether an answer still has to be said or taken.
    async fn is_waiting(&self) -> bool;

    /// What every conversation that is lost from now on is resumed with.
    fn may_resume(&self, token: &str);

    /// The hub may not have heard that these are stored.
    fn unheard(&self, deliveries: Vec<String>);

    /// Another version of this machine gets everything now.
    fn superseded(&self);

    /// Settings of a workspace have changed; whoever wants to know them asks within this time.
    fn settings_changed(&self, workspace: &str, spread: Duration);

    /// Somebody else has come with a copy of this machine's state, and was refused.
    fn met_twin(&self);
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// We were told to stop, and have.
    Stopped,
    /// The machine has something else to announce.
    Again,
    /// The hub closes for a while, and said how long.
    Drained(Option<Duration>),
    /// The hub does not want this machine, or not with this key.
    Dismissed(String),
    /// It broke, for this reason.
    Lost(String),
}

/// What ends a conversation from our side, and what is to be said in it.
pub(super) struct Cues<'a> {
    pub(super) stop: CancellationToken,
    pub(super) again: &'a Notify,
    pub(super) sayings: mpsc::Receiver<Saying>,
    /// Whether the hub knows leases.
    pub(super) leases: bool,
    /// The conversation goes on: these are stored, and the hub may not have heard of it.
    pub(super) resumed: Option<Vec<String>>,
}

/// A conversation.
pub(super) struct Session<'a, S> {
    socket: WebSocketStream<S>,
    partner: &'a dyn Partner,
    rhythm: Rhythm,
    patience: Patience,
    /// Number of the next ping.
    ping: u64,
    /// When the hub last answered one.
    heard: Instant,
    /// Answers that were said, with the number of the ping after them.
    said: Vec<(u64, String)>,
    /// Deliveries that were said to be stored, in the same way.
    stored: VecDeque<(u64, String)>,
    /// How long the hub will be away; it has said that it closes.
    drained: Option<Option<Duration>>,
    /// The hub does not want it.
    is_dismissed: bool,
    nonsense_is_told: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    pub(super) fn new(socket: WebSocketStream<S>, partner: &'a dyn Partner, rhythm: Rhythm) -> Self {
        Self {
            socket,
            partner,
            rhythm,
            patience: Patience::new(),
            ping: 0,
            heard: Instant::now(),
            said: Vec::new(),
            stored: VecDeque::new(),
            drained: None,
            is_dismissed: false,
            nonsense_is_told: false,
        }
    }

    /// Talks until it ends.
    pub(super) async fn run(mut self, mut cues: Cues<'_>) -> Ending {
        let ended = self.talk(&mut cues).await;
        self.partner
            .unheard(self.stored.drain(..).map(|(_, id)| id).collect());
        match ended {
            Ok(ending) => {
                self.drain(&mut cues).await.ok();
                tokio::time::timeout(self.rhythm.write, self.socket.close(None))
                    .await
                    .ok();
                ending
            }
            Err(because) => match (self.is_dismissed, self.drained) {
                (true, _) => Ending::Dismissed(because),
                (false, Some(wish)) => Ending::Drained(wish),
                (false, None) => Ending::Lost(because),
            },
        }
    }

    /// Until one of us wants it to end (`Ok`), or it breaks.
    async fn talk(&mut self, cues: &mut Cues<'_>) -> Result<Ending, String> {
        let mut pulse = tokio::time::interval(self.rhythm.ping);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.tick().await;
        if let Some(stored) = cues.resumed.take() {
            self.go_on(stored).await?;
        }
        loop {
            tokio::select! {
                () = cues.stop.cancelled() => return Ok(Ending::Stopped),
                () = cues.again.notified() => return Ok(Ending::Again),
                frame = self.socket.next() => self.hear(frame).await?,
                Some(saying) = cues.sayings.recv() => self.say(saying).await?,
                _ = pulse.tick() => self.beat(cues.leases).await?,
            }
        }
    }

    /// Says what is stored of what was heard before. It was not heard of until the next ping is answered.
    async fn go_on(&mut self, stored: Vec<String>) -> Result<(), String> {
        let resume = Control::named(extensions::RESUME).with("delivery_ids", stored.clone());
        let number = self.ping;
        self.stored.extend(stored.into_iter().map(|id| (number, id)));
        self.say(Saying::control(&resume)).await
    }

    /// Asks for nothing more, and says what is still to be said.
    async fn drain(&mut self, cues: &mut Cues<'_>) -> Result<(), String> {
        self.say(Saying::control(&Control::named(extensions::DRAIN)))
            .await?;
        let until = Instant::now() + self.rhythm.drain;
        while !self.said.is_empty() || self.partner.is_waiting().await {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                frame = self.socket.next() => self.hear(frame).await?,
                Some(saying) = cues.sayings.recv() => self.say(saying).await?,
            }
        }
        Ok(())
    }

    async fn hear(&mut self, frame: Option<Result<Message, SocketError>>) -> Result<(), String> {
        let frame = match frame {
            None => return Err("the connection was closed".to_owned()),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(frame)) => frame,
        };
        match frames::read(&frame) {
            Frame::Message(message) => self.heard(*message).await,
            Frame::Nothing => self.bear("it sends nothing but pings"),
            Frame::End { code, because } => {
                self.is_dismissed = code.is_some_and(|code| DISMISSALS.contains(&code));
                Err(because)
            }
            Frame::Nonsense(because) => {
                if !std::mem::replace(&mut self.nonsense_is_told, true) {
                    tracing::warn!(
                        "the hub says what cannot be understood: {because}; further such messages are not told"
                    );
                }
                self.bear("it says nothing that can be understood")
            }
        }
    }

    fn bear(&mut self, because: &str) -> Result<(), String> {
        match self.patience.bear() {
            true => Ok(()),
            false => Err(because.to_owned()),
        }
    }

    async fn heard(&mut self, message: Downward) -> Result<(), String> {
        match message {
            Downward::Ping { ping } => {
                self.bear("it sends nothing but pings")?;
                self.write(json!({ "pong": ping }).to_string()).await
            }
            Downward::Pong { pong } => self.answered(&pong).await,
            Downward::Control { control } => self.control(&control),
            Downward::Command(_) | Downward::Event(_) => {
                let taken = self.partner.take(message).await;
                // What could not be stored is not acknowledged: it comes again with the next conversation.
                let reply =
                    taken.map_err(|error| format!("a delivery could not be stored: {}", chain(&error)))?;
                match reply {
                    Some(saying) => self.say(saying).await,
                    None => Ok(()),
                }
            }
        }
    }

    async fn answered(&mut self, pong: &Value) -> Result<(), String> {
        let Some(number) = pong.as_u64().filter(|number| *number < self.ping) else {
            return self.bear("it answers what was not asked");
        };
        self.heard = Instant::now();
        while self.stored.front().is_some_and(|(ping, _)| *ping <= number) {
            self.stored.pop_front();
        }
        let is_taken = |(ping, _): &(u64, String)| *ping <= number;
        let taken: Vec<String> = self
            .said
            .extract_if(.., |said| is_taken(said))
            .map(|(_, key)| key)
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        let noted = self.partner.taken(&taken).await;
        noted.map_err(|error| format!("an answer could not be noted: {}", chain(&error)))
    }

    fn control(&mut self, control: &Control) -> Result<(), String> {
        match control.name.as_str() {
            extensions::DRAIN => {
                let millis = control.params.get("millis").and_then(Value::as_u64);
                self.drained = Some(millis.map(Duration::from_millis));
            }
            extensions::RESUME => {
                if let Some(token) = control.params.get("resume_token").and_then(Value::as_str) {
                    self.partner.may_resume(token);
                }
            }
            extensions::SUPERSEDED => self.partner.superseded(),
            extensions::SETTINGS => {
                let workspace = control.params.get("workspace").and_then(Value::as_str);
                let millis = control.params.get("spread_millis").and_then(Value::as_u64);
                let spread = Duration::from_millis(millis.unwrap_or_default());
                self.partner
                    .settings_changed(workspace.unwrap_or_default(), spread);
            }
            extensions::TWIN => self.partner.met_twin(),
            _ => {}
        }
        self.bear("it sends nothing but control messages")
    }

    async fn say(&mut self, saying: Saying) -> Result<(), String> {
        // Before it is said: what is lost on the way was not heard of.
        if let Some(stored) = saying.stored {
            if self.stored.len() == AT_ONCE {
                self.stored.pop_front();
            }
            self.stored.push_back((self.ping, stored));
        }
        self.write(saying.text).await?;
        if let Some(answer) = saying.answers {
            self.said.push((self.ping, answer));
            return self.send_ping().await;
        }
        Ok(())
    }

    async fn beat(&mut self, leases: bool) -> Result<(), String> {
        if self.heard.elapsed() > self.rhythm.silence {
            return Err(format!(
                "it has not answered for {} s",
                self.rhythm.silence.as_secs_f32()
            ));
        }
        self.send_ping().await?;
        match leases {
            true => self.renew().await,
            false => Ok(()),
        }
    }

    /// Says what is being worked on.
    async fn renew(&mut self) -> Result<(), String> {
        let millis = u64::try_from(self.rhythm.silence.as_millis()).unwrap_or(u64::MAX);
        for some in self.partner.in_hand().await.chunks(AT_ONCE) {
            let lease = Control::named(extensions::LEASE)
                .with("correlation_ids", some)
                .with("millis", millis);
            self.say(Saying::control(&lease)).await?;
        }
        Ok(())
    }

    async fn send_ping(&mut self) -> Result<(), String> {
        let number = self.ping;
        self.ping += 1;
        self.write(json!({ "ping": number }).to_string()).await
    }

    async fn write(&mut self, text: String) -> Result<(), String> {
        debug_assert!(
            Upward::read(text.as_bytes()).is_ok(),
            "what is said can be read: {text}"
        );
        let sending = self.socket.send(Message::Text(text.into()));
        match tokio::time::timeout(self.rhythm.write, sending).await {
            Ok(sent) => sent.map_err(|error| broken(&error)),
            Err(_) => Err("it does not read what is said to it".to_owned()),
        }
    }
}

fn broken(error: &SocketError) -> String {
    match error {
        SocketError::Capacity(_) => "it sent a message that is too large".to_owned(),
        SocketError::Protocol(problem) => format!("it does not keep to the protocol: {problem}"),
        other => super::client::plain(&chain(other)),
    }
}

#[cfg(test)]
mod tests;
