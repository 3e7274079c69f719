//! What machines say of commands while they carry them out (wire protocol 18): the newest line, for whoever waits. It is in memory
//! alone, and only in that of the hub that the machine talks to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Hub;
use super::super::machines::deliver::Session;
use super::super::refused::Door;
use crate::ports::hub::HubStoreError;
use crate::wire::hub::Control;
use crate::wire::hub::extensions::LONGEST_PROGRESS;

/// Longest id of an invocation.
const LONGEST_ID: usize = 100;

/// Most invocations of which something is known.
const MOST: usize = 10_000;

/// What was said longer ago makes room for others.
const OLD: Duration = Duration::from_secs(60);

/// What comes sooner after what was said before is left out: a machine says something once a second.
const SOON: Duration = Duration::from_millis(500);

/// What was said of one invocation.
#[derive(Debug)]
struct Said {
    /// The conversation in which.
    session: String,
    text: String,
    /// How often something was.
    number: u64,
    at: Instant,
}

/// What was said last of each invocation.
#[derive(Debug, Default)]
pub(in super::super) struct Progress(Mutex<HashMap<String, Said>>);

/// The invocation that it is about, and what is said of it.
fn read(control: &Control) -> Option<(&str, &str)> {
    let text = |name: &str| control.params.get(name).and_then(Value::as_str);
    let (id, said) = (text("correlation_id")?, text("text")?);
    let is_line = said.chars().count() <= LONGEST_PROGRESS && !said.chars().any(char::is_control);
    (id.len() <= LONGEST_ID && is_line).then_some((id, said))
}

impl Progress {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something was said of an invocation in this conversation before; `None` when that was a moment ago.
    fn is_of(&self, id: &str, session: &str, now: Instant) -> Option<bool> {
        match self.known().get(id).filter(|said| said.session == session) {
            Some(said) if now.duration_since(said.at) < SOON => None,
            Some(_) => Some(true),
            None => Some(false),
        }
    }

    /// Keeps what is said; `false` when there is no room.
    fn keep(&self, id: &str, session: &str, text: &str, now: Instant) -> bool {
        let mut known = self.known();
        if known.len() >= MOST && !known.contains_key(id) {
            known.retain(|_, said| now.duration_since(said.at) < OLD);
        }
        if known.len() >= MOST && !known.contains_key(id) {
            return false;
        }
        let number = known.get(id).map_or(0, |said| said.number) + 1;
        let said = Said {
            session: session.to_owned(),
            text: text.to_owned(),
            number,
            at: now,
        };
        known.insert(id.to_owned(), said);
        true
    }

    /// What was said last, as whoever waits sees it; `null` when nothing was.
    pub(in super::super) fn shown(&self, id: &str) -> Value {
        let known = self.known();
        known.get(id).map_or(
            Value::Null,
            |said| json!({"number": said.number, "text": said.text}),
        )
    }

    /// An invocation is over.
    pub(super) fn forget(&self, id: &str) {
        self.known().remove(id);
    }
}

impl Hub {
    /// A machine says what it is at.
    pub(in super::super) async fn take_progress(
        &self,
        session: &Session,
        control: &Control,
    ) -> Result<(), HubStoreError> {
        let now = Instant::now();
        let Some((id, text)) = read(control) else {
            self.count_refused(Door::Websocket, "malformed_progress");
            return Ok(());
        };
        let Some(is_known) = self.progress().is_of(id, &session.id, now) else {
            return Ok(());
        };
        let may_say = self.takes_commands(&session.ticket.key).await?;
        if !may_say || (!is_known && !self.is_open_of(session, id).await?) {
            return Ok(());
        }
        match self.progress().keep(id, &session.id, text, now) {
            true => self.whispers().something_was_said(id),
            false => self.count_refused(Door::Websocket, "too_much_progress"),
        }
        Ok(())
    }

    /// Whether an invocation is of a machine of this conversation, and has not ended.
    async fn is_open_of(&self, session: &Session, invocation: &str) -> Result<bool, HubStoreError> {
        let found = self.store().invocation(invocation).await?;
        Ok(found.is_some_and(|found| session.serves(&found.registration) && found.ended.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_what_is_said_is_one_short_line_now_and_then_and_of_so_many() {
        let control = |id: &str, text: &str| {
            Control::named("progress")
                .with("correlation_id", id)
                .with("text", text)
        };
        assert_eq!(read(&control("c", "half way")), Some(("c", "half way")));
        for (id, text) in [
            ("c", "two\nlines"),
            ("c", "\u{1b}[2J"),
            ("c", &"x".repeat(LONGEST_PROGRESS + 1)),
            (&"c".repeat(LONGEST_ID + 1), "x"),
        ] {
            assert_eq!(read(&control(id, text)), None, "{id} {text}");
        }
        assert_eq!(read(&Control::named("progress").with("text", "x")), None);
        let (progress, begin) = (Progress::default(), Instant::now());
        assert_eq!(progress.is_of("c", "s", begin), Some(false));
        assert!(progress.keep("c", "s", "one", begin));
        assert_eq!(progress.is_of("c", "s", begin), None, "it was a moment ago");
        assert_eq!(progress.is_of("c", "s", begin + SOON), Some(true));
        assert_eq!(progress.is_of("c", "other", begin), Some(false));
        assert!(progress.keep("c", "s", "two", begin));
        assert_eq!(progress.shown("c"), json!({"number": 2, "text": "two"}));
        for number in 1..MOST {
            assert!(progress.keep(&number.to_string(), "s", "x", begin));
        }
        assert!(!progress.keep("one more", "s", "x", begin));
        assert!(progress.keep("c", "s", "three", begin), "what is known has room");
        assert!(progress.keep("one more", "s", "x", begin + OLD));
        progress.forget("one more");
        assert_eq!(progress.shown("one more"), Value::Null);
    }
}
