//! What a machine in team mode keeps of its hub: what it was told, what it has answered, and how far it has reported.
//!
//! The log of the machine is the outbox of its goals: an entry is written in the transaction that changes the goal, and stays
//! until the hub has taken it. A mark says how far it has.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::store::StoreError;
use super::team_logs::LogOnItsWay;
use crate::model::{Cursor, Timestamp};

/// Under this scope it is remembered what the hub calls repositories, by their keys: `{workspace, provider}`.
pub const REPOSITORIES_AT_HUB: &str = "hub.repositories";

/// Something a hub has told the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What makes it itself, however often it comes.
    pub key: String,
    /// Workspace it is from.
    pub workspace: String,
    /// Copied into every answer.
    pub correlation: String,
    /// What it is.
    pub what: Delivered,
    /// When it came first.
    pub at: Timestamp,
    /// What came of it.
    #[serde(default)]
    pub answer: Option<DeliveryAnswer>,
}

/// What a delivery is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Delivered {
    /// A change that a subscription matched.
    Event {
        /// The subscription.
        operation: String,
        /// The object, as the subscription shapes it.
        object: Value,
    },
    /// Somebody wants something done.
    Command {
        /// Name of the command.
        command: String,
        /// What carries it out: an errand or a job of this id.
        runs_as: Uuid,
        /// Where it was asked, for the answer.
        source: Value,
        /// What is needed to ask the machine for it; none when a secret was among it, which is not stored.
        asked: Option<Value>,
    },
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAnswer {
    /// 0 is success.
    pub code: i64,
    /// A sentence.
    pub reason: String,
    /// What whoever asked is told first.
    #[serde(default)]
    pub message: Option<String>,
}

/// The delivery of a line that comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadOfLine {
    /// Among all deliveries.
    pub place: u64,
    /// Which line.
    pub line: String,
    /// Key of the delivery.
    pub key: String,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Changes of goals that the hub has not taken.
    pub reports: u64,
    /// When the first of them happened.
    pub oldest_report: Option<Timestamp>,
    /// Deliveries that are not dealt with.
    pub deliveries: u64,
    /// Answers that the hub does not have.
    pub answers: u64,
}

/// The memory of team mode.
#[async_trait]
pub trait TeamStore: Send + Sync {
    /// How far the log is reported to a hub; from the end of the log on when it never was. What is not reported is not
    /// forgotten either. Other hubs are told nothing any more.
    async fn begin_reporting(&self, hub: &str) -> Result<Cursor, StoreError>;

    /// The hub has taken everything from the mark to another; from now on these logs are to be sent. `false` when the mark is
    /// not there any more, because somebody has gone back.
    async fn reported(
        &self,
        hub: &str,
        from_and_to: (Cursor, Cursor),
        logs: &[LogOnItsWay],
    ) -> Result<bool, StoreError>;

    /// The hub is told again what happened since a moment, or everything that is known; never what happened before reports
    /// to it began.
    async fn rewind_reports(&self, hub: &str, since: Option<Timestamp>) -> Result<(), StoreError>;

    /// There is no hub any more: nothing is kept for one.
    async fn stop_reporting(&self) -> Result<(), StoreError>;

    /// Takes a delivery in; `false` when its key is known. One that is answered is then to be answered again. Those of one
    /// line are dealt with one after the other.
    async fn take_in(&self, delivery: &Delivery, line: Option<&str>) -> Result<bool, StoreError>;

    /// Deliveries of no line and without an answer, oldest first, with their places; those behind a place.
    async fn open_deliveries(&self, after: u64, limit: u32) -> Result<Vec<(u64, Delivery)>, StoreError>;

    /// The oldest delivery without an answer of each line, oldest first; those behind a place.
    async fn heads_of_lines(&self, after: u64, limit: u32) -> Result<Vec<HeadOfLine>, StoreError>;

    /// A delivery, unless it has an answer.
    async fn open_delivery(&self, key: &str) -> Result<Option<Delivery>, StoreError>;

    /// Correlations of all deliveries whose answer the hub does not have.
    async fn open_correlations(&self) -> Result<Vec<String>, StoreError>;

    /// Writes the answer of a delivery that has none.
    async fn settle(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Deliveries whose answer the hub does not have, oldest first.
    async fn unanswered(&self, limit: u32) -> Result<Vec<Delivery>, StoreError>;

    /// The hub has the answers of these.
    async fn answered(&self, keys: &[String]) -> Result<(), StoreError>;

    /// How much waits for the hub or because of it.
    async fn waiting(&self) -> Result<Waiting, StoreError>;
}
