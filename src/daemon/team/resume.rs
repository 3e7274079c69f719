//! Going on with a conversation that was lost, without registering again (wire protocol 18).

use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;

use super::Inner;
use super::client::{HubError, Socket};
use crate::wire::hub::{Registered, Registration};

/// With what the present conversation can be gone on with once it is lost.
#[derive(Clone)]
struct Lost {
    /// What it is resumed with, once.
    token: SecretString,
    /// What is stored of which the hub may not have heard.
    unheard: Vec<String>,
}

/// The conversation that there is, and how it could be gone on with.
#[derive(Default)]
pub(super) struct Resumption(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What the present conversation was opened with: what was announced, and what the hub answered to that.
    present: Option<(Registration, Registered)>,
    lost: Option<Lost>,
}

impl Resumption {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A conversation begins, and what another one could be resumed with is used up.
    pub(super) fn begin(&self, registration: &Registration, registered: &Registered) {
        let mut known = self.known();
        known.present = Some((registration.clone(), registered.clone()));
        known.lost = None;
    }

    /// The present conversation could be resumed with this.
    pub(super) fn may(&self, token: &str) {
        let mut known = self.known();
        if known.present.is_some() {
            known.lost = Some(Lost {
                token: token.into(),
                unheard: Vec::new(),
            });
        }
    }

    /// The hub may not have heard that these are stored.
    pub(super) fn unheard(&self, deliveries: Vec<String>) {
        if let Some(lost) = self.known().lost.as_mut() {
            lost.unheard = deliveries;
        }
    }

    /// There is nothing to go on with.
    pub(super) fn forget(&self) {
        self.known().lost = None;
    }

    /// What can be gone on with by a machine that announces this.
    fn of(&self, registration: &Registration) -> Option<(Registered, Lost)> {
        let known = self.known();
        let (announced, registered) = known.present.as_ref()?;
        let lost = known.lost.as_ref().filter(|_| announced == registration)?;
        Some((registered.clone(), lost.clone()))
    }
}

impl Inner {
    /// Goes on with the conversation that was lost, if there is one and the hub agrees; with what is stored of which it may not have
    /// heard. Whatever else it says, it can be tried again.
    pub(super) async fn resume(
        &self,
        registration: &Registration,
    ) -> Result<Option<(Registered, Socket, Vec<String>)>, HubError> {
        let Some((registered, lost)) = self.resumption.of(registration) else {
            return Ok(None);
        };
        let key = self.key().await?;
        let nonce = self.engine.fresh_id().into_bytes();
        match self.client.resume(&key, (&registered, &lost.token), nonce).await {
            Ok(socket) => {
                tracing::info!(hub = %self.hub.address, "the conversation with the hub goes on");
                Ok(Some((registered, socket, lost.unheard)))
            }
            Err(HubError::NotResumed(because)) => {
                tracing::info!(hub = %self.hub.address, "the conversation with the hub begins anew: {because}");
                self.resumption.forget();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
