//! Commands that have waited for their machine: whoever asked may have lost meanwhile what they asked by (threat D5).

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Principal};
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, StoredInvocation, StoredKey};
use crate::ports::people::{PersonState, StoredPerson};

/// What is said to whoever asked with a key that has ended since.
const KEY_ENDED: &str = "the key with which it was asked for was revoked, or has ended";

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
        let key = match invocation.asked_with.as_str() {
            "" => None,
            id => match self.good_key(id, self.now()).await? {
                Some(key) => Some(key),
                None => return Ok(Some(KEY_ENDED.to_owned())),
            },
        };
        match Principal::parse(&invocation.asked_by) {
            Ok(Principal::Person(id)) => {
                let person = self.store().person(id.as_str()).await?;
                Ok(self.not_wished_by(person.as_ref(), key, invocation).await)
            }
            Ok(Principal::Addon(key)) => Ok((!self.is_at_work(&key)).then(|| NOT_AT_WORK.to_owned())),
            Ok(Principal::Anonymous) | Err(_) => Ok(None),
        }
    }

    async fn not_wished_by(
        &self,
        person: Option<&StoredPerson>,
        key: Option<StoredKey>,
        invocation: &StoredInvocation,
    ) -> Option<String> {
        if person.is_some_and(|person| person.state == PersonState::Suspended) {
            return Some(NOT_AT_WORK.to_owned());
        }
        let caller = match (key, person) {
            (Some(key), person) => self.caller_who_asked_with(key, person),
            (None, Some(person)) => self.caller_who_asked(person),
            // Asked for before it was noted with which key.
            (None, None) => return None,
        };
        let may = self.may_still(&caller, invocation).await;
        may.err().map(|refusal: Refusal| {
            refusal.to_json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
    }

    /// Whether somebody may have something done that they asked for. What cannot be read any more nobody has to weigh.
    async fn may_still(&self, caller: &Caller, invocation: &StoredInvocation) -> Result<(), Refusal> {
        caller.may(Operation::Invoke, &invocation.workspace)?;
        match self.asked_of(invocation) {
            Some((command, asked)) => self.may_have_done(caller, &command, &asked).await,
            None => Ok(()),
        }
    }

    fn is_at_work(&self, key: &AddonKey) -> bool {
        let held = self.rights().held();
        let state = held.addons.get(key).map(|addon| addon.registration.state);
        // Of whom nothing is kept, a policy says what they may.
        state.is_none_or(|state| state == AddonState::Active)
    }
}
