//! Conversations that are resumed (wire protocol 18): a machine that lost its websocket, and not its registration, comes back without
//! registering.
//!
//! With each conversation its machine is told a text that resumes it: random, good once, for the same key and the same run, at whichever
//! replica, and only its digest is kept. What the machine had stays with it meanwhile, and goes to nobody else: its first word says what of
//! that it has stored, and the rest is told again.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::super::Hub;
use super::super::metrics::Counters;
use super::super::refusal::Refusal;
use super::super::refused::Door;
use super::deliver::Session;
use crate::ports::hub::{HubStoreError, Opened};
use crate::wire::hub::{Control, Upward, extensions};

/// How long after its end a conversation may be resumed.
pub(super) const RESUMABLE: Duration = Duration::from_secs(15 * 60);

/// Most deliveries that a machine says it has stored.
const MOST: usize = 1_000;

/// Close code for what is left of a conversation that goes on in another one.
const GOES_ON: u16 = 1000;

impl Session {
    /// Tells a machine that knows how with what it comes back.
    pub(super) fn say_how_to_resume(&self, text: String) {
        if self.knows(extensions::RESUME) && self.ticket.run.is_some() {
            let control = Control::named(extensions::RESUME)
                .with("session_id", self.id.as_str())
                .with("resume_token", text);
            self.try_say(json!({ "control": control }).to_string());
        }
    }
}

impl Hub {
    /// Takes with what a machine comes back, and who comes must be whose conversation it was.
    pub(super) async fn resume(
        &self,
        headers: &HeaderMap,
        text: &HeaderValue,
        session: &str,
    ) -> Result<(Opened, String), Refusal> {
        let caller = self.caller(headers).await?;
        let key = caller.key()?.id.clone();
        self.has_room()?;
        if self.is_stopping() {
            return Err(Refusal::busy("the hub is closing", 2));
        }
        if self.ending(&key, self.now()).is_some() {
            return Err(self.not_resumed());
        }
        let text = text.to_str().map_err(|_| self.not_resumed())?;
        let opened = self.take_ticket((text, Some(&key)), session).await?;
        opened.ok_or_else(|| self.not_resumed())
    }

    /// Whoever hears this registers. Why it is so is not said: a stolen text is like one that never was.
    fn not_resumed(&self) -> Refusal {
        self.count_refused(Door::Websocket, extensions::RESUME_REFUSED);
        Refusal::gone(
            extensions::RESUME_REFUSED,
            "this conversation cannot be resumed: register again",
        )
    }

    /// A conversation goes on in this one. What is left of it here ends; elsewhere its machine falls silent.
    pub(super) fn has_come_back(&self, session: &Arc<Session>, before: &str) {
        session.resume();
        Counters::count(&self.counters().resumed, 1);
        tracing::info!(machine = %session.ticket.machine, session = %session.id, before, "a machine has come back to its conversation");
        if let Some(before) = self.sessions().by_id(before) {
            before.close(GOES_ON, "the conversation goes on in another one");
        }
    }

    /// The first word in a conversation that was resumed: what its machine has is taken over, the rest of what it had waits.
    pub(super) async fn go_on_with(
        &self,
        session: &Session,
        word: Option<&Upward>,
    ) -> Result<(), HubStoreError> {
        if let Some(Upward::Control(control)) = word
            && control.name == extensions::RESUME
        {
            let named = control.params.get("delivery_ids").and_then(Value::as_array);
            for id in named.into_iter().flatten().filter_map(Value::as_str).take(MOST) {
                self.take_over(session, id).await?;
            }
        }
        self.store()
            .release(&session.id, self.now(), self.limits())
            .await?;
        session.goes_on();
        self.ring();
        Ok(())
    }
}
