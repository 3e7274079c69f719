//! One conversation with a machine (wire protocol 3 to 7).
//!
//! Frames are taken in one after the other, so that a ping is answered only when everything before it has been kept. Only answers,
//! of which there are many, are kept several at once ([`Heard`]).

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::super::access::guesses::Guessed;
use super::super::last_words::LastWords;
use super::super::metrics::Counters;
use super::super::refusal::Refusal;
use super::super::refused::Door;
use super::super::traces::pass_on;
use super::deliver::Session;
use super::frames::Wrong;
use super::heard::{Heard, Kept};
use super::kinds::Said;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, DeliveryKind, Hint, HubStoreError, Opened, Parting, Settling};
use crate::wire::hub::{Control, MAX_MESSAGE, Upward, extensions};

/// How long a machine may take to accept one frame.
const WRITE: Duration = Duration::from_secs(10);

/// How long it may take to accept that the conversation ends: a hub that stops waits for all of them.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes that are read and written at once; each of many machines has such buffers.
const BUFFER: usize = 2 * 1024;

/// Messages that cannot be read before the conversation ends.
const MOST_NONSENSE: u32 = 100;

/// Longest quiet that a machine may wish for, in milliseconds.
const LONGEST_QUIET: u64 = 60_000;

/// Close code of a hub that closes; after it a machine is to come back.
pub(super) const CLOSING: u16 = 1012;

/// Milliseconds after which it is to come back then.
const BACK_IN: u64 = 2_000;

/// `GET /ws/{ticket}`, with a ticket or to resume a conversation that was lost.
pub(in super::super) async fn open(
    State(hub): State<Hub>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    // Machines are no browsers: a page of anybody's must not open their conversation (threat G1).
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::forbidden(
            "insufficient_permission",
            "pages have no business here",
        ));
    }
    let id = hub.fresh_id();
    let (opened, next) = match headers.get(extensions::RESUME_HEADER) {
        Some(text) => hub.resume(&headers, text, &id).await?,
        None => hub.open_with_ticket(&headers, &ticket, &id).await?,
    };
    let (session, said) = Session::new(id, opened.ticket);
    session.say_how_to_resume(next);
    if let Some(before) = &opened.before {
        hub.has_come_back(&session, before);
    }
    if !opened.is_there {
        // Nobody delivers to it: its machine must come with a new one, or hear why it may not.
        session.close(CLOSING, "its registration is gone: register again");
    }
    let (lost, never) = (hub.clone(), Arc::clone(&session));
    let upgrade = upgrade
        .on_failed_upgrade(move |_| {
            let tasks = lost.tasks().clone();
            tasks.spawn("machine", async move {
                lost.part(&never, &Ending::Lost("it did not begin")).await;
            });
        })
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    let words = LastWords::here();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let tasks = hub.tasks().clone();
        // The connection's own task ends with it; the conversation is one of ours, which a stopping hub waits for.
        tasks.spawn("machine", async move {
            Talk::hold(hub, (session, words), said, socket).await;
        });
    }))
}

impl Hub {
    /// Takes the ticket: it stands in the address, or for our own machines in a header.
    async fn open_with_ticket(
        &self,
        headers: &HeaderMap,
        ticket: &str,
        session: &str,
    ) -> Result<(Opened, String), Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let text = header
            .and_then(|text| text.strip_prefix("Bearer "))
            .unwrap_or(ticket);
        self.take_ticket((text, None), session).await?.ok_or_else(|| {
            let message = "this address is used up: register again";
            let refusal = Refusal::unauthorized("invalid_credentials", message);
            self.guessed(Guessed::Ticket, refusal)
        })
    }
}

/// How a conversation ended.
enum Ending {
    /// The machine said so.
    Left,
    /// It broke, or the machine fell silent.
    Lost(&'static str),
    /// We ended it.
    Closed,
}

struct Talk {
    hub: Hub,
    session: Arc<Session>,
    sink: SplitSink<WebSocket, Message>,
    nonsense: u32,
    pings: u64,
    heard: Instant,
    /// What it has said and is being kept.
    keeping: Heard,
    /// For what it hears last while it still sends.
    words: LastWords,
}

impl Talk {
    async fn hold(
        hub: Hub,
        (session, words): (Arc<Session>, LastWords),
        said: mpsc::Receiver<String>,
        socket: WebSocket,
    ) {
        let _until_parted = hub.desks().conversation();
        let (sink, stream) = socket.split();
        hub.sessions().add(&session);
        hub.greet(&session);
        let mut talk = Self {
            hub: hub.clone(),
            session: Arc::clone(&session),
            sink,
            nonsense: 0,
            pings: 0,
            heard: Instant::now(),
            keeping: Heard::default(),
            words,
        };
        let ending = talk.run(stream, said).await;
        talk.keeping.finish().await;
        hub.sessions().remove(&session);
        hub.part(&session, &ending).await;
    }

    async fn run(&mut self, mut stream: SplitStream<WebSocket>, mut said: mpsc::Receiver<String>) -> Ending {
        let rhythm = self.hub.rhythm();
        let mut pulse = interval(rhythm.ping);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.hub.tasks().stop_token();
        let end = self.session.end.clone();
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(self.close(CLOSING, "the hub is closing").await),
                () = end.cancelled() => {
                    let (code, reason) = *self.session.because.lock().unwrap_or_else(PoisonError::into_inner);
                    Err(self.close(code, reason).await)
                }
                frame = stream.next(), if !self.keeping.is_full() => self.hear(frame).await,
                Some(kept) = self.keeping.next() => self.go_on(kept).await,
                Some(text) = said.recv() => self.say(&text).await,
                _ = pulse.tick() => self.beat(rhythm.silence).await,
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    async fn beat(&mut self, silence: Duration) -> Result<(), Ending> {
        if self.heard.elapsed() >= silence {
            return Err(Ending::Lost("it fell silent"));
        }
        let ping = json!({ "ping": self.pings }).to_string();
        self.pings += 1;
        self.say(&ping).await
    }

    async fn say(&mut self, text: &str) -> Result<(), Ending> {
        let frame = match self.session.ticket.gzip {
            true => Message::Binary(packed(text).into()),
            false => Message::Text(text.into()),
        };
        match timeout(WRITE, self.sink.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Lost("the connection broke")),
            Err(_) => Err(Ending::Lost("it does not read")),
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Ending {
        // Whoever is sent away is not asked to come back.
        if code == CLOSING {
            let drain = Control::named(extensions::DRAIN).with("millis", BACK_IN);
            let drain = json!({ "control": drain }).to_string();
            let _ = timeout(FAREWELL, self.say(&drain)).await;
        }
        let frame = Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }));
        let _ = timeout(FAREWELL, self.sink.send(frame)).await;
        Ending::Closed
    }

    async fn hear(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), Ending> {
        self.heard = Instant::now();
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) => return Err(Ending::Left),
            Some(Ok(Message::Binary(_))) => return self.bear("it sends what is no text").await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Err(error)) => return Err(self.fail(&error).await),
            None => return Err(Ending::Lost("the connection was closed")),
        };
        let message = Upward::read(text.as_bytes());
        if self.session.is_resuming() {
            let hub = self.hub.clone();
            let resumed = hub.go_on_with(&self.session, message.as_ref().ok()).await;
            self.go_on(resumed.map(|()| None)).await?;
        }
        match message {
            Err(_) => self.bear("it says what cannot be read").await,
            Ok(Upward::Ping(ping)) => match self.keeping.is_empty() {
                true => self.go_on(Ok(Some(ping))).await,
                false => {
                    self.keeping.pong(ping);
                    Ok(())
                }
            },
            Ok(message) if is_answer(&message) => {
                let (hub, session) = (self.hub.clone(), Arc::clone(&self.session));
                let kept = async move { hub.take_message(&session, message).await };
                self.keeping.keep(kept);
                Ok(())
            }
            Ok(message) => {
                // Whatever came before it is kept before it.
                while let Some(kept) = self.keeping.next().await {
                    self.go_on(kept).await?;
                }
                let kept = self.hub.take_message(&self.session, message).await;
                self.go_on(kept.map(|()| None)).await
            }
        }
    }

    /// Something that it has said is kept, and everything before it.
    async fn go_on(&mut self, kept: Kept) -> Result<(), Ending> {
        match kept {
            Ok(None) => Ok(()),
            Ok(Some(ping)) => self.say(&json!({ "pong": ping }).to_string()).await,
            // It is not acknowledged, so it comes again.
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what a machine says cannot be kept"
                );
                Err(Ending::Lost("the hub cannot keep what it says"))
            }
        }
    }

    /// Ends a conversation that broke, or whose frames cannot be; then it is said why.
    async fn fail(&mut self, error: &axum::Error) -> Ending {
        let Some(wrong) = Wrong::of(error) else {
            return Ending::Lost("the connection broke");
        };
        self.hub.count_refused(Door::Websocket, wrong.counted_as);
        self.words.are_said();
        let frame = Message::Close(Some(CloseFrame {
            code: wrong.code,
            reason: wrong.reason.into(),
        }));
        let _ = timeout(WRITE, self.sink.send(frame)).await;
        Ending::Lost(wrong.reason)
    }

    async fn bear(&mut self, what: &'static str) -> Result<(), Ending> {
        self.nonsense += 1;
        Counters::count(&self.hub.counters().nonsense, 1);
        if self.nonsense == 1 {
            tracing::warn!(machine = %self.session.ticket.machine, "{what}; further such messages are only counted");
        }
        match self.nonsense > MOST_NONSENSE {
            true => {
                self.hub.count_refused(Door::Websocket, "unreadable");
                Err(self.close(1008, "too much that cannot be read").await)
            }
            false => Ok(()),
        }
    }
}

/// Whether a machine answers for a delivery, or says that it has it.
fn is_answer(message: &Upward) -> bool {
    match message {
        Upward::Status(_) => true,
        Upward::Control(control) => control.name == extensions::ACK,
        Upward::Ping(_) | Upward::Pong(_) | Upward::Message(_) | Upward::Continuation(_) => false,
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("a vector takes what is written to it")
}

impl Hub {
    /// A conversation begins.
    fn greet(&self, session: &Session) {
        tracing::info!(machine = %session.ticket.machine, session = %session.id, "a machine is connected");
        self.tell_if_superseded(session);
        self.ring();
    }

    /// A conversation has ended: what it had goes to others, or waits.
    async fn part(&self, session: &Session, ending: &Ending) {
        let because = match ending {
            Ending::Left => "it left",
            Ending::Lost(because) => because,
            Ending::Closed => "the hub closed it",
        };
        tracing::info!(machine = %session.ticket.machine, session = %session.id, "a machine is gone: {because}");
        if let Err(error) = self.give_back(session, ending).await {
            // The lease ends, and then it is done all the same.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what a machine had cannot be taken back now"
            );
        }
        self.ring();
    }

    async fn give_back(&self, session: &Session, ending: &Ending) -> Result<(), HubStoreError> {
        let now = self.shared_now();
        let lonely = session
            .ticket
            .registrations
            .iter()
            .filter(|id| self.sessions().of(id).is_empty());
        let lonely: Vec<String> = lonely.cloned().collect();
        // Who leaves in good order is gone; who is lost may come back in a moment, and others of the machine may be at another hub,
        // which prolongs it then.
        let until = match ending {
            Ending::Left if !self.may_have_replicas() => now,
            Ending::Left | Ending::Lost(_) | Ending::Closed => now.plus(self.rhythm().linger),
        };
        // What waits for an add-on that is switched off is held longer.
        let held = self.rights().held_until(&session.ticket.key);
        let parting = Parting {
            session: session.id.clone(),
            has_run: session.ticket.run.is_some(),
            lonely,
            alive_until: held.map_or(until, |held| held.max(until)),
        };
        self.desks().partings.ask(parting).await
    }

    /// Takes in what a machine says.
    async fn take_message(&self, session: &Session, message: Upward) -> Result<(), HubStoreError> {
        let invocation = message.command().map(str::to_owned);
        self.keep_message(session, message).await?;
        if let Some(invocation) = invocation {
            self.whispers().something_was_said(&invocation);
            self.whispers().tell(Hint::Said(invocation));
        }
        Ok(())
    }

    async fn keep_message(&self, session: &Session, message: Upward) -> Result<(), HubStoreError> {
        let said = Said::of(&message).filter(|said| *said != Said::Heartbeat);
        let Some(said) = said else {
            return Ok(());
        };
        // Rights are looked at with every message: an open conversation never outlives them (security model 10.3).
        let Some(bearer) = self.heard_by(session, self.now()).await? else {
            return Ok(());
        };
        if said.is_decided_on() && !said.is_admitted(&bearer, self.now()) {
            return Ok(());
        }
        match message {
            Upward::Ping(_) | Upward::Pong(_) => Ok(()),
            Upward::Control(control) => self.take_control(session, said, &control).await,
            Upward::Status(report) => self.take_status(session, &report).await,
            Upward::Message(message) => self.take_said(session, &bearer, &message).await,
            Upward::Continuation(continuation) => self.take_continuation(session, &continuation).await,
        }
    }

    async fn take_control(
        &self,
        session: &Session,
        said: Said,
        control: &Control,
    ) -> Result<(), HubStoreError> {
        let text = |name: &str| control.params.get(name).and_then(Value::as_str);
        match said {
            Said::Backoff => {
                let millis = control
                    .params
                    .get("millis")
                    .and_then(Value::as_u64)
                    .unwrap_or(5_000);
                session.be_quiet(Duration::from_millis(millis.min(LONGEST_QUIET)));
            }
            Said::Drain => session.is_draining.store(true, Ordering::Relaxed),
            Said::Ack => {
                if let Some(correlation) = text("delivery_id").or_else(|| text("correlation_id")) {
                    self.take_over(session, correlation).await?;
                }
            }
            Said::Lease => self.take_lease(session, control).await?,
            Said::Progress => self.take_progress(session, control).await?,
            Said::Heartbeat | Said::Status | Said::Continuation | Said::Message => {}
        }
        Ok(())
    }

    /// A machine has answered for a delivery, which is over now.
    pub(in super::super) async fn settle(
        &self,
        session: &Session,
        correlation: &str,
    ) -> Result<Option<Delivery>, HubStoreError> {
        self.settle_or_leave(session, correlation, None).await
    }

    /// The same, or it has stored the delivery and is at work on it from one moment to another.
    pub(super) async fn settle_or_leave(
        &self,
        session: &Session,
        correlation: &str,
        stored: Option<(Timestamp, Timestamp)>,
    ) -> Result<Option<Delivery>, HubStoreError> {
        let settling = Settling {
            registrations: session.ticket.registrations.clone(),
            correlation: correlation.to_owned(),
            stored,
        };
        let settled = self.desks().settlings.ask(settling).await?;
        if let Some(delivery) = &settled {
            self.was_delivered(session, delivery);
        }
        Ok(settled)
    }

    /// A delivery as it goes onto the wire: with its secrets, which are never stored with it, and the number of its attempt.
    pub(super) fn message(&self, session: &Session, bearer: &Bearer, delivery: &Delivery) -> String {
        let Ok(mut message) = serde_json::from_str::<Value>(&delivery.what.payload) else {
            return delivery.what.payload.clone();
        };
        if delivery.what.kind == DeliveryKind::Event {
            message["extensions"]["delivery_id"] = json!(delivery.what.id);
            message["extensions"]["attempt"] = json!(delivery.attempts);
        }
        pass_on(&mut message, &delivery.what.id, session);
        self.put_secrets(session, bearer, delivery, &mut message);
        message.to_string()
    }
}
