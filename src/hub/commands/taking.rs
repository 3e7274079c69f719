//! Whether a machine may still have commands, which is asked whenever one is offered, told or answered: a right that is taken away, and a
//! freeze, count at once, and what the machine was at work on has failed (security model 10.3, 12.1, 13).

use super::super::Hub;
use super::super::access::noted::Noted;
use super::super::machines::deliver::Session;
use crate::access::audit::Outcome;
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, StoredInvocation};

/// What is said to whoever asked, of what the machine has not heard of.
const NOT_TOLD: &str = "the machine was not told: an administrator has taken its right to commands away";

/// The same of what it has heard of.
const NOT_HEARD: &str = "the machine is not heard any more, because an administrator has taken its right to commands away; \
                         what it was asked for may have happened";

impl Hub {
    /// Whether whoever has this key may have commands now.
    pub(in super::super) async fn takes_commands(&self, key: &str) -> Result<bool, HubStoreError> {
        let now = self.now();
        let bearer = self.bearer_for(key, now).await?;
        Ok(bearer.is_some_and(|bearer| bearer.may_take_commands(now)))
    }

    /// What is not told has failed, if it is a command.
    pub(in super::super) async fn is_not_told(&self, delivery: &Delivery) -> Result<(), HubStoreError> {
        if delivery.what.kind == DeliveryKind::Command
            && let Some(invocation) = self.store().invocation(&delivery.what.correlation).await?
        {
            self.end_because(&invocation, NOT_TOLD).await?;
        }
        Ok(())
    }

    /// Whether a machine may say anything of a command of its own; one of which it may not has failed.
    pub(in super::super) async fn may_answer(
        &self,
        session: &Session,
        invocation: &StoredInvocation,
    ) -> Result<bool, HubStoreError> {
        if self.takes_commands(&session.ticket.key).await? {
            return Ok(true);
        }
        if self.end_because(invocation, NOT_HEARD).await?
            && let Some(by) = self.rights().owner_of(&session.ticket.key)
        {
            let noted = Noted {
                outcome: Outcome::Refused("insufficient_permission"),
                ..Noted::done(&by, "command.register", format!("an answer to {}", invocation.id))
            };
            self.rights().note_refusal(&noted, self.now());
        }
        Ok(false)
    }

    /// What of these a machine may be at work on: of its commands none if it may not have any.
    pub(in super::super) async fn may_be_at_work_on(
        &self,
        session: &Session,
        correlations: Vec<String>,
    ) -> Result<Vec<String>, HubStoreError> {
        if self.takes_commands(&session.ticket.key).await? {
            return Ok(correlations);
        }
        let mut others = Vec::new();
        for correlation in correlations {
            match self.store().invocation(&correlation).await? {
                Some(invocation) if session.serves(&invocation.registration) => {
                    self.may_answer(session, &invocation).await?;
                }
                Some(_) => {}
                None => others.push(correlation),
            }
        }
        Ok(others)
    }
}
