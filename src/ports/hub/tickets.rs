//! Tickets: what a registration gives for opening the websocket, at whichever replica of the hub.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{HubStoreError, Run};
use crate::model::Timestamp;

/// What a ticket stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Which run of its machine comes with it, when it says so.
    #[serde(default)]
    pub run: Option<Run>,
}

impl Ticket {
    /// Whether both ends know an extension of the protocol.
    pub fn knows(&self, extension: &str) -> bool {
        self.capabilities.iter().any(|known| known == extension)
    }
}

/// How long a ticket is good, and beside how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketLimits {
    /// Now; what was good until then makes room.
    pub now: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Most tickets that wait to be used.
    pub most: u32,
}

/// Tickets that wait to be used.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Forgets tickets that were not used in time.
    async fn forget_tickets(&self, now: Timestamp) -> Result<(), HubStoreError>;
}
