//! Telling those who wait that it is worth a look.
//!
//! A wake-up must not be lost between looking and waiting, and there are several who wait, so each has a mark of its own
//! in a counter. A hint too many is harmless.

use tokio::sync::watch;

/// How often something changed.
#[derive(Debug)]
pub(super) struct Changes(watch::Sender<u64>);

impl Changes {
    /// One change has happened: being open.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(1))
    }

    /// Wakes everybody.
    pub(super) fn tell(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// A view of the counter with a mark of its own.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
