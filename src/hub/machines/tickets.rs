//! Tickets: what a registration gives for opening the websocket. Random, for one use at whichever replica, and soon worthless.

use std::time::Duration;

use super::super::Hub;
use super::super::access::key::{digest_of, random_text};
use crate::ports::hub::{HubStoreError, Ticket, TicketLimits};

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(60);

/// Characters of a ticket.
const LENGTH: usize = 43;

/// Most tickets that wait to be used.
const MOST: u32 = 20_000;

impl Hub {
    /// A new ticket's text; `None` when too many wait.
    pub(super) async fn give_ticket(&self, ticket: &Ticket) -> Result<Option<String>, HubStoreError> {
        let text = random_text(LENGTH);
        let now = self.now();
        let limits = TicketLimits {
            now,
            until: now.plus(LIFE),
            most: MOST,
        };
        let is_kept = self
            .store()
            .keep_ticket(&digest_of(&text), ticket, limits)
            .await?;
        Ok(is_kept.then_some(text))
    }

    /// What a ticket stands for; it is used up.
    pub(super) async fn take_ticket(&self, text: &str) -> Result<Option<Ticket>, HubStoreError> {
        self.store().take_ticket(&digest_of(text), self.now()).await
    }
}
