//! Hints between replicas of a hub: somebody may look now instead of at their next round. A hint may be lost, come twice, or
//! come from ourselves; nothing depends on one.

use async_trait::async_trait;

use super::HubStoreError;

/// What may be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Something waits for a machine.
    Deliveries,
    /// Registrations have changed.
    Machines,
    /// A log has grown.
    Logs,
    /// A machine has said something about a command.
    Said,
}

impl Hint {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deliveries, Self::Machines, Self::Logs, Self::Said];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Machines => "machines",
            Self::Logs => "logs",
            Self::Said => "said",
        }
    }

    /// The hint of this word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hint| hint.word() == word)
    }
}

/// Hears hints of other replicas.
#[async_trait]
pub trait Hearing: Send {
    /// The next one; `None` for a word that is none of ours. Never completes where there are no replicas.
    ///
    /// # Errors
    /// The memory does not answer any more; listen anew after a while.
    async fn next(&mut self) -> Result<Option<Hint>, HubStoreError>;
}

/// The way between replicas.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Gives a hint to all replicas, this one included. Nothing happens where there are none.
    async fn hint(&self, hint: Hint) -> Result<(), HubStoreError>;

    /// Listens from now on.
    async fn listen(&self) -> Result<Box<dyn Hearing>, HubStoreError>;
}
