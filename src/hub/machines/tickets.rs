//! Tickets: what a registration gives for opening the websocket. Random, for one use, and soon worthless.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::access::key::{digest_of, random_text};
use crate::model::Timestamp;

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(60);

/// Characters of a ticket.
const LENGTH: usize = 43;

/// Most tickets that wait to be used.
const MOST: usize = 20_000;

/// What a ticket stands for.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Registrations, one in each workspace.
    pub registrations: Vec<String>,
    /// Name of the machine.
    pub machine: String,
    /// Id of the key.
    pub key: String,
    /// Scopes of the key.
    pub scopes: Vec<String>,
    /// Whether it reads compressed frames.
    pub gzip: bool,
    /// Extensions of the protocol that both know.
    pub capabilities: Vec<String>,
}

/// All tickets that wait.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<String, (Timestamp, Ticket)>>);

impl Tickets {
    /// A new ticket's text; `None` when too many wait.
    pub fn give(&self, ticket: Ticket, now: Timestamp) -> Option<String> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (until, _)| *until > now);
        if waiting.len() >= MOST {
            return None;
        }
        let text = random_text(LENGTH);
        waiting.insert(digest_of(&text), (now.plus(LIFE), ticket));
        Some(text)
    }

    /// What a ticket stands for; it is used up.
    pub fn take(&self, text: &str, now: Timestamp) -> Option<Ticket> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, ticket) = waiting.remove(&digest_of(text))?;
        (until > now).then_some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let tickets = Tickets::default();
        let ticket = Ticket {
            registrations: vec!["r".to_owned()],
            machine: "m".to_owned(),
            key: "k".to_owned(),
            scopes: Vec::new(),
            gzip: false,
            capabilities: Vec::new(),
        };
        let now = Timestamp::from_micros(1);
        let (one, other) = (
            tickets.give(ticket.clone(), now).unwrap(),
            tickets.give(ticket, now).unwrap(),
        );
        assert!(tickets.take("", now).is_none() && tickets.take("guess", now).is_none());
        assert_eq!(tickets.take(&one, now).unwrap().machine, "m");
        assert!(tickets.take(&one, now).is_none());
        assert!(tickets.take(&other, now.plus(LIFE)).is_none());
    }
}
