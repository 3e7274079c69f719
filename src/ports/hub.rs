//! What a hub remembers: the graph of each workspace, the machines that registered, what waits for them, and keys.
//!
//! Whatever changes the graph happens in a [`HubWork`], together with the deliveries that the change causes: both are
//! there or neither. Everything may be asked twice and still happens once.

mod answers;
mod carried;
pub mod console;
mod crowds;
pub mod extensions;
pub mod handed;
mod hints;
mod history;
mod life;
mod logins;
mod logs;
mod missed;
mod retention;
mod runs;
mod said;
pub mod secrets;
mod tickets;
mod type_owners;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::authorizations::Authorizations;
use super::chats::Chats;
use super::graph::{GraphError, GraphReader, Node};
use super::people::{People, SignIns};
use super::rights::RightsStore;
use super::told_forges::{News, PinnedPlaces, ToldForges};
use crate::model::Timestamp;
use crate::wire::hub::PolicyName;
pub use answers::Answers;
pub use carried::CarriedOver;
use console::ConsoleDeed;
pub use crowds::{
    Arrival, ArrivalLimits, Arrived, Claim, Crowds, Opened, Opening, OpeningLimits, Parting, Settling,
};
pub use hints::{Hearing, Hint, Hints};
pub use history::History;
pub use life::{Life, Lives};
pub use logins::{LoginStep, Logins, StoredLogin};
pub use logs::{FilePlace, GoalLogs, LogContent, LogName, LogPart, LogState, NewLogPart, RestedLogs};
pub use missed::{LookBack, LookBacks};
pub use retention::{Bounds, Retention};
pub use runs::{Run, Runs};
pub use said::{
    ChangedMessage, Invocations, Messages, Overdue, Phase, Room, StoredInvocation, StoredMessage,
};
pub use tickets::{Ticket, TicketLimits, Tickets};
pub use type_owners::TypeOwners;

/// The hub's memory cannot do what was asked.
#[derive(Debug, Error)]
#[error("failed to {doing}")]
pub struct HubStoreError {
    /// What we were doing.
    pub doing: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl From<GraphError> for HubStoreError {
    fn from(error: GraphError) -> Self {
        Self {
            doing: error.doing,
            source: error.source,
        }
    }
}

impl From<HubStoreError> for GraphError {
    fn from(error: HubStoreError) -> Self {
        Self {
            doing: error.doing,
            source: error.source,
        }
    }
}

/// A machine's registration in one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRegistration {
    /// Its id, made by the hub.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// Name of the machine.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What becomes of it without a session.
    pub policy: PolicyName,
    /// The registration as it was sent.
    pub body: String,
    /// Id of the key it came with.
    pub principal: String,
    /// Among several of a name, the highest is served.
    pub position: i64,
    /// An ephemeral registration is gone after this moment.
    pub alive_until: Timestamp,
}

/// A registration that somebody took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAway {
    /// The id that it had.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// Name of the machine.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Owner of its key; others who come with the name and version are others.
    pub owner: String,
    /// When.
    pub at: Timestamp,
}

/// How often registrations have changed; both numbers only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistrationChanges {
    /// Rises with every change.
    pub changed: i64,
    /// Rises when some were taken away.
    pub gone: i64,
}

/// What a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryKind {
    /// A change that a subscription matched.
    Event,
    /// Something that a person wants done.
    Command,
}

/// Something for a machine, before it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id, the same each time it is tried.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// Id of the registration it is for.
    pub registration: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// Name of the subscription's operation, or of the command.
    pub operation: String,
    /// What the machine's answer carries.
    pub correlation: String,
    /// The message, as JSON.
    pub payload: String,
    /// What it is about, as `access` writes resources; `*` when only those may hear of it who hear of everything, empty when nothing
    /// limits it.
    pub resource: String,
    /// Now.
    pub created: Timestamp,
    /// When it is dead, if it still waits for a machine then.
    pub expires: Timestamp,
    /// How long a machine that has it may take to answer.
    pub patience: Duration,
}

/// Something that waits for a machine, or has been sent to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it is.
    pub what: NewDelivery,
    /// How often it has been sent.
    pub attempts: u32,
    /// Why it is dead; empty when it is not.
    pub because: String,
    /// Whether values that are not to be shown again were taken out of it, so that it is delivered no more.
    pub is_blank: bool,
}

/// What comes of letting a dead delivery wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revived {
    /// It waits.
    Waits,
    /// There is none of this id that is dead.
    NotThere,
    /// Values that were not to be shown again are not in it any more.
    Blank,
}

/// How many deliveries stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Waiting for a session.
    pub waiting: u64,
    /// Sent, without an answer yet.
    pub sent: u64,
    /// Given up.
    pub dead: u64,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Public part.
    pub id: String,
    /// SHA-256 of the secret part, hexadecimal.
    pub digest: String,
    /// Whose it is: `person:<name>` or `addon:<name>`.
    pub owner: String,
    /// Workspaces it is for.
    pub workspaces: Vec<String>,
    /// What it may do at most.
    pub scopes: Vec<String>,
    /// Repositories that it reaches at most, as selectors; all when none is named.
    pub repositories: Vec<String>,
    /// An administrator chose its scopes and so agreed to them; otherwise whoever comes with it waits for consent.
    pub is_chosen: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// Limits of what waits for one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Most deliveries that wait, and most that were given up; beyond it the oldest are dead, or forgotten.
    pub waiting: u32,
    /// Most times that one is sent.
    pub attempts: u32,
}

/// One unit of work in one workspace. Dropped without [`HubWork::commit`], it never was.
#[async_trait]
pub trait HubWork: Send + Sync {
    /// The graph as this unit of work sees it.
    fn graph(&self) -> &dyn GraphReader;

    /// Its number: one more than that of the unit before it, whoever did that.
    fn number(&self) -> i64;

    /// The nodes of a type that have these ids, in no order; other keys that they have tell nothing.
    async fn of_ids(&self, kind: &str, ids: &[String]) -> Result<Vec<Arc<Node>>, HubStoreError>;

    /// Stores a node whole, in place of the one with its id, which is `known` to be like this, and not there if none is given;
    /// `keeps_history`: beside its earlier versions.
    async fn put(
        &self,
        node: &Arc<Node>,
        known: Option<&Arc<Node>>,
        keeps_history: bool,
    ) -> Result<(), HubStoreError>;

    /// Takes a node away, with its earlier versions.
    async fn remove(&self, kind: &str, id: &str) -> Result<(), HubStoreError>;

    /// Notes that things have come, each of a source with an id there; for each, `false` when it had come before.
    async fn take_in(&self, came: &[(&str, &str)], at: Timestamp) -> Result<Vec<bool>, HubStoreError>;

    /// Something of a source has not come after all, and is to be taken when it comes again.
    async fn give_back(&self, came: Option<&(String, String)>) -> Result<(), HubStoreError>;

    /// Lets a delivery wait for its machine. One of the same id is left as it is.
    async fn deliver(&self, delivery: &NewDelivery) -> Result<(), HubStoreError>;

    /// The forges that webhooks have told of, as this unit of work sees them.
    async fn told_forges(&self) -> Result<ToldForges, HubStoreError>;

    /// Puts what is kept of repositories and does not say their forge where these news put it: allowances, keys, handles and what
    /// waits. Denials stay as they are.
    async fn pin_places(&self, news: &News) -> Result<PinnedPlaces, HubStoreError>;

    /// Writes what was changed so far, and does not wait for the end to do so; more may be changed meanwhile.
    async fn write(&self) -> Result<(), HubStoreError>;

    /// Makes all of it true.
    async fn commit(self: Box<Self>) -> Result<(), HubStoreError>;
}

/// The graph and the units of work that change it.
#[async_trait]
pub trait HubGraph: Send + Sync {
    /// Begins a unit of work; makes the workspace if it is not there.
    async fn begin(&self, workspace: &str) -> Result<Box<dyn HubWork>, HubStoreError>;

    /// How many units of work a workspace has seen: whoever waits for news of the graph looks at this first.
    async fn changes(&self, workspace: &str) -> Result<i64, HubStoreError>;

    /// When each of these of a source was taken in; what never came is left out.
    async fn received(
        &self,
        workspace: &str,
        source: &str,
        ids: &[&str],
    ) -> Result<HashMap<String, Timestamp>, HubStoreError>;

    /// The workspaces that have ever changed, by their ids.
    async fn workspaces(&self) -> Result<Vec<String>, HubStoreError>;

    /// The forges that webhooks have told of.
    async fn told_forges(&self) -> Result<ToldForges, HubStoreError>;

    /// The graph of a workspace as it is now.
    fn reader(&self, workspace: &str) -> Box<dyn GraphReader>;

    /// Whether the memory answers.
    async fn ping(&self) -> Result<(), HubStoreError>;
}

/// Machines that registered.
#[async_trait]
pub trait Registrations: Send + Sync {
    /// All of them, lowest position first.
    async fn registrations(&self) -> Result<Vec<StoredRegistration>, HubStoreError>;

    /// Those of one workspace, lowest position first.
    async fn registrations_in(&self, workspace: &str) -> Result<Vec<StoredRegistration>, HubStoreError>;

    /// Until when machines of a workspace are alive, by their names.
    async fn alive_until(&self, workspace: &str) -> Result<HashMap<String, Timestamp>, HubStoreError>;

    /// How often registrations have changed.
    async fn registrations_changed(&self) -> Result<RegistrationChanges, HubStoreError>;

    /// Those that have changed since the counter of changes was at this, lowest position first.
    async fn registrations_since(&self, changed: i64) -> Result<Vec<StoredRegistration>, HubStoreError>;

    /// Ids of all of them.
    async fn registration_ids(&self) -> Result<Vec<String>, HubStoreError>;

    /// Says until when these are alive; how many of them are there.
    async fn keep_alive(&self, ids: &[String], until: Timestamp) -> Result<u64, HubStoreError>;

    /// Takes a registration away, with what waits for it; `false` when it was not there.
    async fn drop_registration(&self, id: &str) -> Result<bool, HubStoreError>;

    /// Takes a registration away, with what waits for it, and refuses it from now on; `false` when it was not there.
    /// What somebody at the console does by that is kept with it.
    async fn send_away(&self, id: &str, now: Timestamp, deeds: &[ConsoleDeed])
    -> Result<bool, HubStoreError>;

    /// Registrations that are refused, the last one first.
    async fn sent_away(&self) -> Result<Vec<SentAway>, HubStoreError>;

    /// Refuses a registration no more, by the id that it had; `false` when it was not refused.
    /// What somebody at the console does by that is kept with it.
    async fn let_in(&self, id: &str, deeds: &[ConsoleDeed]) -> Result<bool, HubStoreError>;

    /// Takes away ephemeral registrations whose time has run out between these moments, with what waits for them; how many.
    async fn drop_vanished(&self, since: Timestamp, now: Timestamp) -> Result<u64, HubStoreError>;
}

/// What waits for machines.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Lets deliveries wait for their machines, outside of a unit of work.
    async fn enqueue(&self, delivery: &NewDelivery) -> Result<(), HubStoreError>;

    /// Registrations for which something waits, now or later.
    async fn waited_for(&self) -> Result<Vec<String>, HubStoreError>;

    /// Takes what waits for a registration, oldest first, for a session that has it until `lease_until`.
    async fn claim(
        &self,
        registration: &str,
        session: &str,
        limit: u32,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Delivery>, HubStoreError>;

    /// These were taken for a session and not said to it after all: they wait as if nobody had taken them.
    async fn unsaid(&self, session: &str, ids: &[&str]) -> Result<(), HubStoreError>;

    /// Prolongs what sessions have.
    async fn renew(&self, sessions: &[String], lease_until: Timestamp) -> Result<(), HubStoreError>;

    /// Ends what a machine has answered; `None` when nothing of that correlation was with this registration.
    async fn settle(&self, registration: &str, correlation: &str) -> Result<Option<Delivery>, HubStoreError>;

    /// Gives back what a session had: it waits again from `not_before`, or is dead after its last attempt.
    async fn release(
        &self,
        session: &str,
        not_before: Timestamp,
        limits: QueueLimits,
    ) -> Result<u64, HubStoreError>;

    /// Gives back what ran out of its lease, ends what has expired, and forgets what is old.
    async fn tidy(&self, now: Timestamp, limits: QueueLimits) -> Result<(), HubStoreError>;

    /// Ends what waits beyond the limit of one registration, and forgets of what was given up what is beyond the same; the newest stay.
    async fn cut(&self, limits: QueueLimits) -> Result<(), HubStoreError>;

    /// How many of each of these registrations stand how; those without any are left out.
    async fn counts(&self, registrations: &[&str]) -> Result<HashMap<String, DeliveryCounts>, HubStoreError>;

    /// How many of all stand how.
    async fn totals(&self) -> Result<DeliveryCounts, HubStoreError>;

    /// Dead deliveries of a workspace, newest first.
    async fn dead(&self, workspace: &str, limit: u32) -> Result<Vec<Delivery>, HubStoreError>;

    /// Dead commands of which nobody has looked whether they hold what is not to be shown again.
    async fn dead_unlooked_at(&self, limit: u32) -> Result<Vec<Delivery>, HubStoreError>;

    /// Somebody has looked at a dead command; `left` is what it is without values that are not to be shown again, where it had some.
    async fn looked_at_dead(&self, id: &str, left: Option<&str>) -> Result<(), HubStoreError>;

    /// Lets a dead delivery, of a workspace if one is given, wait again, from a moment to another. What somebody at the console does by
    /// that is kept with it.
    async fn revive(
        &self,
        id: &str,
        workspace: Option<&str>,
        times: (Timestamp, Timestamp),
        deeds: &[ConsoleDeed],
    ) -> Result<Revived, HubStoreError>;
}

/// Keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Keeps a new key, with what somebody at the console did by that.
    async fn add_key(&self, key: &StoredKey, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError>;

    /// A key by its public part.
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, HubStoreError>;

    /// All keys, oldest first.
    async fn keys(&self) -> Result<Vec<StoredKey>, HubStoreError>;

    /// Revokes a key, with what somebody at the console did by that; `false` when it is not there or was revoked before.
    async fn revoke_key(&self, id: &str, at: Timestamp, deeds: &[ConsoleDeed])
    -> Result<bool, HubStoreError>;

    /// Notes that a key was used.
    async fn key_used(&self, id: &str, at: Timestamp) -> Result<(), HubStoreError>;
}

/// All of a hub's memory.
pub trait HubStore:
    HubGraph
    + Registrations
    + Deliveries
    + Crowds
    + Answers
    + CarriedOver
    + Keys
    + Invocations
    + Messages
    + GoalLogs
    + Tickets
    + TypeOwners
    + Hints
    + History
    + Lives
    + Logins
    + LookBacks
    + Runs
    + Retention
    + secrets::SealedSecrets
    + People
    + SignIns
    + RightsStore
    + extensions::ExtensionStore
    + handed::HandedOut
    + Authorizations
    + Chats
    + console::ConsoleDeeds
{
}

impl<T> HubStore for T where
    T: HubGraph
        + Registrations
        + Deliveries
        + Crowds
        + Answers
        + CarriedOver
        + Keys
        + Invocations
        + Messages
        + GoalLogs
        + Tickets
        + TypeOwners
        + Hints
        + History
        + Lives
        + Logins
        + LookBacks
        + Runs
        + Retention
        + secrets::SealedSecrets
        + People
        + SignIns
        + RightsStore
        + extensions::ExtensionStore
        + handed::HandedOut
        + Authorizations
        + Chats
        + console::ConsoleDeeds
{
}
