//! What many machines do at once, each time in one commit: they come, open their conversations, answer, get what waits, and part.
//!
//! Of several who come at once each gets its own answer, in their order.

use async_trait::async_trait;

use super::{Delivery, HubStoreError, QueueLimits, SentAway, StoredRegistration, Ticket, TicketLimits};
use crate::model::Timestamp;

/// A machine that comes.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its registrations, one in each workspace.
    pub registrations: Vec<StoredRegistration>,
    /// Owner of its key.
    pub owner: String,
    /// Digest of the ticket's text.
    pub digest: String,
    /// Its ticket, to which the ids of its registrations are added.
    pub ticket: Ticket,
}

/// Until when something is good that a machine gets when it comes.
#[derive(Debug, Clone, Copy)]
pub struct ArrivalLimits {
    /// Its run keeps others of the same machine away.
    pub run_until: Timestamp,
    /// Its ticket.
    pub tickets: TicketLimits,
}

/// What came of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// It is kept, with these ids of its registrations, and its run is the one that counts.
    Kept(Vec<String>),
    /// A name is somebody else's, the owner of another key.
    OfSomebodyElse(String),
    /// Somebody has taken a registration away, and has not let it in again.
    SentAway(SentAway),
    /// Another run of the same machine is alive.
    Twin,
    /// Too many tickets wait to be used.
    Full,
}

/// A conversation that is to be opened, or to be resumed as one of another id.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Digest of the text of a ticket, or of what one that was lost is resumed with.
    pub digest: String,
    /// Id of the conversation.
    pub session: String,
    /// Id of the key of whoever resumes one; a ticket needs none.
    pub resumed_by: Option<String>,
    /// Digest of what this one can be resumed with in its turn, by a run that knows how.
    pub resumption: String,
}

/// What a conversation is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The ticket.
    pub ticket: Ticket,
    /// One of its registrations is there; none is when all were taken away since it came.
    pub is_there: bool,
    /// The conversation that is resumed in it, whose deliveries it has.
    pub before: Option<String>,
}

/// Until when what belongs to new conversations is alive.
#[derive(Debug, Clone, Copy)]
pub struct OpeningLimits {
    /// Now.
    pub now: Timestamp,
    /// Registrations and runs are alive until then.
    pub alive_until: Timestamp,
    /// Registrations whose tickets are good until then or longer were kept a moment ago.
    pub is_new: Timestamp,
    /// A run that was alive then or later may resume its conversation.
    pub resumable_since: Timestamp,
    /// What it has stays with it until then.
    pub lease_until: Timestamp,
}

/// A conversation that has ended.
#[derive(Debug, Clone)]
pub struct Parting {
    /// Its id.
    pub session: String,
    /// Whether it was that of a run.
    pub has_run: bool,
    /// Registrations that have no other conversation here.
    pub lonely: Vec<String>,
    /// Until when those are alive.
    pub alive_until: Timestamp,
}

/// A machine has answered for a delivery, or has stored it.
#[derive(Debug, Clone)]
pub struct Settling {
    /// Its registrations.
    pub registrations: Vec<String>,
    /// What its answer carries.
    pub correlation: String,
    /// It has stored it and is at work on it until a moment, from another one on; it has answered when absent.
    pub stored: Option<(Timestamp, Timestamp)>,
}

/// What waits for a registration is to go to a session of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The registration.
    pub registration: String,
    /// The session.
    pub session: String,
    /// At most so many.
    pub limit: u32,
}

/// Many machines at once.
#[async_trait]
pub trait Crowds: Send + Sync {
    /// Takes in who comes: registrations, runs, tickets. Nothing is kept of who is refused. A name must be nobody's or theirs, and not
    /// have been sent away; the position of a registration rises unless an equal one of its name and version is there.
    async fn arrive_all(
        &self,
        arrivals: &[Arrival],
        limits: ArrivalLimits,
    ) -> Result<Vec<Arrived>, HubStoreError>;

    /// Takes tickets and what conversations are resumed with, each of which nobody else gets then, and keeps what belongs to their
    /// conversations; `None` for what is not there or not good any more. Who resumes has all its registrations, or must come anew.
    async fn open_all(
        &self,
        openings: &[Opening],
        limits: OpeningLimits,
    ) -> Result<Vec<Option<Opened>>, HubStoreError>;

    /// Gives back what sessions had, to wait again from `not_before`, and ends their runs.
    async fn part_all(
        &self,
        partings: &[Parting],
        now: Timestamp,
        not_before: Timestamp,
        limits: QueueLimits,
    ) -> Result<(), HubStoreError>;

    /// Ends what machines have answered, and notes what they have stored; for each the delivery that it ended.
    async fn settle_all(&self, settlings: &[Settling]) -> Result<Vec<Option<Delivery>>, HubStoreError>;

    /// Takes what waits, oldest first, for sessions that have it until `lease_until`; for each claim what it got.
    async fn claim_all(
        &self,
        claims: &[Claim],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Vec<Delivery>>, HubStoreError>;
}
