//! Commands that have waited for their machine: whoever asked may have lost meanwhile what they asked by (threat D5).

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Principal};
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, StoredInvocation};
use crate::ports::people::{PersonState, StoredPerson};

/// What is said to whoever asked and is not at work any more.
const NOT_AT_WORK: &str = "whoever asked for it is not at work here any more";

impl Hub {
    /// Whether a delivery may be told: of a command that has waited, whoever asked must be at work and may have it done, or it has
    /// failed.
    pub(in super::super) async fn is_still_wished(&self, delivery: &Delivery) -> Result<bool, HubStoreError> {
        // What did not have to wait was weighed just now.
        let is_fresh = self.now() < delivery.what.created.plus(self.rhythm().look);
        if delivery.what.kind != DeliveryKind::Command || is_fresh {
            return Ok(true);
        }
        let Some(invocation) = self.store().invocation(&delivery.what.correlation).await? else {
            return Ok(true);
        };
        let Some(because) = self.not_wished(&invocation).await? else {
            return Ok(true);
        };
        tracing::info!(invocation = %invocation.id, asked_by = %invocation.asked_by, "a command is not told: {because}");
        self.end_because(&invocation, &because).await?;
        Ok(false)
    }

    /// Why nobody may have this done any more who asked for it.
    async fn not_wished(&self, invocation: &StoredInvocation) -> Result<Option<String>, HubStoreError> {
        match Principal::parse(&invocation.asked_by) {
            Ok(Principal::Person(id)) => match self.store().person(id.as_str()).await? {
                Some(person) => Ok(self.not_wished_by(&person, invocation).await),
                // Somebody who has a key and never came in.
                None => Ok(None),
            },
            Ok(Principal::Addon(key)) => Ok((!self.is_at_work(&key)).then(|| NOT_AT_WORK.to_owned())),
            Ok(Principal::Anonymous) | Err(_) => Ok(None),
        }
    }

    async fn not_wished_by(&self, person: &StoredPerson, invocation: &StoredInvocation) -> Option<String> {
        if person.state == PersonState::Suspended {
            return Some(NOT_AT_WORK.to_owned());
        }
        let (command, asked) = self.asked_of(invocation)?;
        let caller = self.caller_who_asked(person);
        let may = self.may_have_done(&caller, &command, &asked).await;
        may.err().map(|refusal: Refusal| {
            refusal.to_json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
    }

    fn is_at_work(&self, key: &AddonKey) -> bool {
        let held = self.rights().held();
        let state = held.addons.get(key).map(|addon| addon.registration.state);
        // Of whom nothing is kept, a policy says what they may.
        state.is_none_or(|state| state == AddonState::Active)
    }
}
