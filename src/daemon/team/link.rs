//! How the machine stands with its hub, for those who ask; each change is logged once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::client::HubError;
use crate::model::Timestamp;
use crate::runtime::lifecycle;

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing has come of it yet.
    Connecting,
    /// They talk.
    Connected,
    /// They talk, but another version of this machine gets everything.
    Superseded,
    /// They do not, for this reason.
    Apart(String, Option<&'static str>),
}

impl Standing {
    /// One word for programs.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Superseded => "superseded",
            Self::Apart(..) => "apart",
        }
    }
}

/// The standing since when; clones of the machine share it.
#[derive(Debug)]
pub(super) struct Link {
    address: String,
    known: Mutex<(Standing, Timestamp)>,
    /// When somebody else last came to the hub as this machine.
    twin: Mutex<Option<Timestamp>>,
    /// Whether they talk, for those who wait for it.
    talks: watch::Sender<bool>,
}

impl Link {
    pub(super) fn new(address: &str, now: Timestamp) -> Self {
        Self {
            address: address.to_owned(),
            known: Mutex::new((Standing::Connecting, now)),
            twin: Mutex::default(),
            talks: watch::Sender::new(false),
        }
    }

    fn known(&self) -> MutexGuard<'_, (Standing, Timestamp)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The standing and since when.
    pub(super) fn standing(&self) -> (Standing, Timestamp) {
        self.known().clone()
    }

    /// Whether they talk.
    pub(super) fn is_talking(&self) -> bool {
        *self.talks.borrow()
    }

    /// Whether they talk, whenever that changes.
    pub(super) fn talks(&self) -> watch::Receiver<bool> {
        self.talks.subscribe()
    }

    /// Completes once they talk.
    pub(super) async fn talking(&self) {
        // The sender lives as long as we do, so this ends with `true`.
        self.talks.subscribe().wait_for(|talks| *talks).await.ok();
    }

    /// They talk.
    pub(super) fn connected(&self, now: Timestamp) {
        if self.change(Standing::Connected, now) {
            tracing::info!(hub = %self.address, "connected to the hub");
            lifecycle::notify_status(&format!("connected to {}", self.address));
        }
    }

    /// Another version of this machine gets everything.
    pub(super) fn superseded(&self, now: Timestamp) {
        if self.change(Standing::Superseded, now) {
            tracing::warn!(hub = %self.address, "another version of this machine has registered and gets everything now");
            lifecycle::notify_status("superseded by another version of this machine");
        }
    }

    /// Somebody else has come to the hub as this machine.
    pub(super) fn met_twin(&self, now: Timestamp) {
        *self.twin.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// When that was.
    pub(super) fn twin(&self) -> Option<Timestamp> {
        *self.twin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// They do not talk.
    pub(super) fn failed(&self, error: &HubError, now: Timestamp) {
        self.apart(&error.to_string(), error.hint(), now);
    }

    /// They do not talk any more.
    pub(super) fn lost(&self, because: &str, now: Timestamp) {
        let because = format!("the conversation with the hub has ended: {because}");
        self.apart(&because, None, now);
    }

    fn apart(&self, because: &str, hint: Option<&'static str>, now: Timestamp) {
        if self.change(Standing::Apart(because.to_owned(), hint), now) {
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            tracing::warn!(hub = %self.address, "{because}{hint}; work goes on, reports wait");
            lifecycle::notify_status(&format!("working without the hub: {because}"));
        }
    }

    /// Whether it is another one than before.
    fn change(&self, standing: Standing, now: Timestamp) -> bool {
        let mut known = self.known();
        if known.0 == standing {
            return false;
        }
        let talks = matches!(standing, Standing::Connected | Standing::Superseded);
        *known = (standing, now);
        self.talks.send_replace(talks);
        true
    }
}
