//! What becomes of a command, while it happens: as server-sent events, or by asking again with `wait`.
//!
//! `messages` has messages that were not told yet, `phase` how it stands, `progress` what its machine is at, `end` comes once it has ended. Message numbers are
//! the events' ids; whoever comes back with `Last-Event-ID` goes on there.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Hub;
use super::super::follower::Follower;
use super::super::refusal::Refusal;
use super::super::said::Waiting;
use super::super::streams::Held;
use super::{ROOM, parsed};
use crate::ports::hub::{Phase, StoredInvocation, StoredMessage};

/// Longest wait of one request.
const LONGEST_WAIT: u64 = 30;

/// Longest time without a look, for replicas that cannot tell.
const LOOK: Duration = Duration::from_secs(1);

/// How an invocation stands, with its messages.
pub(super) struct Standing {
    pub(super) invocation: StoredInvocation,
    pub(super) messages: Vec<StoredMessage>,
    /// What its machine is at, while it has not ended.
    pub(super) progress: Value,
}

impl Standing {
    /// Number of what its machine is at; 0 while nothing was said.
    fn progress_number(&self) -> u64 {
        self.progress["number"].as_u64().unwrap_or(0)
    }
}

impl Hub {
    pub(super) async fn standing(&self, id: &str) -> Result<Standing, Refusal> {
        let found = self.store().invocation(id).await?;
        let invocation = found.ok_or_else(|| Refusal::missing_thing("there is no such invocation"))?;
        let messages = self.store().messages_of(id, ROOM).await?;
        let progress = match invocation.phase.is_open() {
            true => self.progress().shown(id),
            false => Value::Null,
        };
        Ok(Standing {
            invocation,
            messages,
            progress,
        })
    }

    /// How an invocation stands once there are more than `seen` messages or another progress, it asks for something, or it has ended; at
    /// the latest after so many seconds.
    pub(super) async fn standing_in_time(
        &self,
        id: &str,
        (seen, progress): (usize, Option<u64>),
        wait: u64,
    ) -> Result<Standing, Refusal> {
        let until = Instant::now() + Duration::from_secs(wait.min(LONGEST_WAIT));
        let stop = self.tasks().stop_token();
        let mut said = self.whispers().said(id);
        loop {
            said.mark_unchanged();
            let standing = self.standing(id).await?;
            let is_news = standing.messages.len() > seen || !standing.invocation.phase.is_open();
            let goes_on = progress.is_some_and(|seen| standing.progress_number() > seen);
            if is_news || goes_on || Instant::now() >= until || stop.is_cancelled() {
                return Ok(standing);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK)) => {}
                () = said.changed() => {}
            }
        }
    }
}

/// Somebody who hears along.
struct Listener {
    hub: Hub,
    follower: Follower,
    id: String,
    seen: usize,
    phase: Option<Phase>,
    progress: u64,
    said: Waiting,
    is_over: bool,
    _held: Held,
}

/// The stream of an invocation.
pub(super) fn stream(hub: Hub, key: &str, id: String, headers: &HeaderMap) -> Result<Response, Refusal> {
    let held = hub
        .streams()
        .open(key)
        .ok_or_else(|| Refusal::busy("this key has too many streams open", 5))?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let listener = Listener {
        said: hub.whispers().said(&id),
        follower: Follower::new(hub.clone(), headers),
        hub,
        id,
        seen: last.unwrap_or(0),
        phase: None,
        progress: 0,
        is_over: false,
        _held: held,
    };
    Ok(Sse::new(events(listener))
        .keep_alive(KeepAlive::default())
        .into_response())
}

fn events(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        let stop = self.hub.tasks().stop_token();
        while !self.is_over && !stop.is_cancelled() {
            if !self.may_go_on().await {
                return None;
            }
            self.said.mark_unchanged();
            // Whoever listens comes back when the memory does not answer.
            let standing = self.hub.standing(&self.id).await.ok()?;
            if let Some(event) = self.event(&standing) {
                return Some(event);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.said.changed() => {}
            }
        }
        None
    }

    /// What is to be told of how it stands; messages first.
    fn event(&mut self, standing: &Standing) -> Option<Event> {
        let phase = standing.invocation.phase;
        if standing.messages.len() > self.seen {
            let new = standing.messages.iter().skip(self.seen);
            let messages: Vec<_> = new.map(|message| parsed(&message.body)).collect();
            self.seen = standing.messages.len();
            return Some(self.named("messages", &json!({ "messages": messages })));
        }
        if self.phase != Some(phase) {
            self.phase = Some(phase);
            let data =
                json!({"phase": phase.word(), "command_response": parsed(&standing.invocation.answer)});
            return Some(self.named("phase", &data));
        }
        if standing.progress_number() > self.progress {
            self.progress = standing.progress_number();
            return Some(self.named("progress", &standing.progress));
        }
        if matches!(phase, Phase::Success | Phase::Failure) {
            self.is_over = true;
            return Some(self.named("end", &json!({"phase": phase.word()})));
        }
        None
    }

    fn named(&self, name: &str, data: &serde_json::Value) -> Event {
        Event::default()
            .event(name)
            .id(self.seen.to_string())
            .data(data.to_string())
    }

    /// A key that was revoked, or lost its right, hears no further.
    async fn may_go_on(&mut self) -> bool {
        match self.follower.again().await {
            Ok(Some(caller)) => self.hub.invocation_of(&caller, &self.id).await.is_ok(),
            Ok(None) => true,
            Err(_) => false,
        }
    }
}
