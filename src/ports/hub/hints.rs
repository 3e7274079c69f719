//! Hints between replicas of a hub: somebody may look now instead of at their next round. A hint may be lost, come twice, or
//! come from ourselves; nothing depends on one.

use async_trait::async_trait;

use super::HubStoreError;

/// What may be new.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// Something waits for a machine.
    Deliveries,
    /// Registrations have changed.
    Machines,
    /// A log has grown.
    Logs,
    /// A machine has said something about a command, by its invocation; about any when that is empty.
    Said(String),
    /// Settings that the machines of this workspace share have changed.
    Settings(String),
}

/// What stands before the invocation in a text.
const SAID: &str = "said:";
/// The same before a workspace.
const SETTINGS: &str = "settings:";

impl Hint {
    /// As it is told.
    pub fn text(&self) -> String {
        match self {
            Self::Deliveries => "deliveries".to_owned(),
            Self::Machines => "machines".to_owned(),
            Self::Logs => "logs".to_owned(),
            Self::Said(invocation) => format!("{SAID}{invocation}"),
            Self::Settings(workspace) => format!("{SETTINGS}{workspace}"),
        }
    }

    /// The hint that was told.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "deliveries" => Some(Self::Deliveries),
            "machines" => Some(Self::Machines),
            "logs" => Some(Self::Logs),
            // Of a replica of the version before.
            "said" => Some(Self::Said(String::new())),
            _ => {
                let said = text.strip_prefix(SAID).map(|id| Self::Said(id.to_owned()));
                let settings = || {
                    text.strip_prefix(SETTINGS)
                        .map(|id| Self::Settings(id.to_owned()))
                };
                said.or_else(settings)
            }
        }
    }
}

/// Hears hints of other replicas.
#[async_trait]
pub trait Hearing: Send {
    /// The next one; `None` for a text that is none of ours. Never completes where there are no replicas.
    ///
    /// # Errors
    /// The memory does not answer any more; listen anew after a while.
    async fn next(&mut self) -> Result<Option<Hint>, HubStoreError>;
}

/// The way between replicas.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Gives a hint to all replicas, this one included. Nothing happens where there are none.
    async fn hint(&self, hint: &Hint) -> Result<(), HubStoreError>;

    /// Listens from now on.
    async fn listen(&self) -> Result<Box<dyn Hearing>, HubStoreError>;
}
