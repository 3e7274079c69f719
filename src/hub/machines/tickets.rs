//! Tickets: what a registration gives for opening the websocket. Random, for one use at whichever replica, and soon worthless.

use std::time::Duration;

use super::super::Hub;
use super::super::access::key::{digest_of, random_text};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Opened, Opening, TicketLimits};

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(60);

/// Characters of a ticket.
const LENGTH: usize = 43;

/// Most tickets that wait to be used.
const MOST: u32 = 20_000;

/// A new ticket's text, and its digest.
pub(super) fn fresh_ticket() -> (String, String) {
    let text = random_text(LENGTH);
    let digest = digest_of(&text);
    (text, digest)
}

/// How long a ticket of now is good, and beside how many.
pub(super) fn ticket_limits(now: Timestamp) -> TicketLimits {
    TicketLimits {
        now,
        until: now.plus(LIFE),
        most: MOST,
    }
}

impl Hub {
    /// What a text stands for that is used up and begins a conversation of this id: a ticket, or what somebody with a key resumes one
    /// with. Beside it is the text that this one can be resumed with.
    pub(super) async fn take_ticket(
        &self,
        (text, resumed_by): (&str, Option<&str>),
        session: &str,
    ) -> Result<Option<(Opened, String)>, HubStoreError> {
        let (next, resumption) = fresh_ticket();
        let opening = Opening {
            digest: digest_of(text),
            session: session.to_owned(),
            resumed_by: resumed_by.map(str::to_owned),
            resumption,
        };
        let opened = self.desks().openings.ask(opening).await?;
        Ok(opened.map(|opened| (opened, next)))
    }
}
