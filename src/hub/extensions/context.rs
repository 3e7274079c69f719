//! For whom an add-on acts (security model 10.4): a handle of something that a person started, given with the command to the one machine
//! that carries it out and returned as `X-Hub-Context`. Of a handle only the digest is kept.

use axum::http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::access::handed::{HANDLE_COUNTS, Handed, StoredHandle};
use crate::access::{AddonKey, Context, PersonId, Principal, Resource, Selector};
use crate::ports::hub::handed::KeptHandle;
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, StoredInvocation};
use crate::wire::hub::{Command, CommandInvocation};

/// Name of the header in which handles come back.
pub(in super::super) const HEADER: &str = "x-hub-context";

impl Hub {
    /// A handle for a machine that is about to hear of a command; none for what no person started, and for machines that are nobody's.
    pub(in super::super) async fn fresh_handle(
        &self,
        delivery: &Delivery,
        addon: &str,
    ) -> Result<Option<SecretString>, HubStoreError> {
        if delivery.what.kind != DeliveryKind::Command {
            return Ok(None);
        }
        let (Ok(Principal::Addon(addon)), Some(invocation)) = (
            Principal::parse(addon),
            self.store().invocation(&delivery.what.correlation).await?,
        ) else {
            return Ok(None);
        };
        let Ok(Principal::Person(person)) = Principal::parse(&invocation.asked_by) else {
            return Ok(None);
        };
        let Ok(handed) = Handed::fresh() else {
            return Ok(None);
        };
        let handle = KeptHandle {
            digest: handed.digest,
            addon: addon.as_str().to_owned(),
            person: person.as_str().to_owned(),
            invocation: invocation.id.clone(),
            resources: self.resources_of(&invocation).await?,
            given: self.now(),
        };
        self.store().keep_handle(&handle).await?;
        Ok(Some(handed.text))
    }

    /// What an invocation is about: the repositories that it names or chooses, with their numbers where the graph knows them, and the
    /// workspace; all that the person reaches where it names none.
    async fn resources_of(&self, invocation: &StoredInvocation) -> Result<Vec<String>, HubStoreError> {
        let about = match self.asked_of(invocation) {
            Some((command, asked)) => {
                self.repositories_meant(&invocation.workspace, &command, &asked)
                    .await?
            }
            None => Vec::new(),
        };
        if about.is_empty() {
            return Ok(vec![Selector::Everything.to_string()]);
        }
        let about = about.into_iter().chain([Resource::Workspace]);
        let texts = about.map(|resource| Selector::One(resource).to_string());
        // A choice that fits nothing that is known is about no repository that has a name.
        Ok(texts.filter(|text| Selector::parse(text).is_ok()).collect())
    }

    /// The command that was asked for, as its machine announced it, and what was asked.
    pub(in super::super) fn asked_of(
        &self,
        invocation: &StoredInvocation,
    ) -> Option<(Command, CommandInvocation)> {
        let asked = serde_json::from_str(&invocation.request).ok()?;
        let machines = self.known().machines();
        let machine = machines.by_id(&invocation.registration)?;
        let mut commands = machine.registration.commands.iter();
        let command = commands.find(|command| command.name == invocation.command)?;
        Some((command.clone(), asked))
    }

    /// What a person started whose handle a call brings, whether or not it still counts.
    pub(in super::super) async fn started_with(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<StoredInvocation>, Refusal> {
        let Some(text) = headers.get(HEADER).and_then(|header| header.to_str().ok()) else {
            return Ok(None);
        };
        match self
            .store()
            .handle(&crate::access::handed::digest_of(text))
            .await?
        {
            Some(kept) => Ok(self.store().invocation(&kept.invocation).await?),
            None => Ok(None),
        }
    }

    /// For whom a call is made that an add-on makes. A handle that does not hold is never taken for none.
    pub(in super::super) async fn context_of(
        &self,
        headers: &HeaderMap,
        by: &AddonKey,
    ) -> Result<Context, Refusal> {
        let mut sent = headers.get_all(HEADER).iter();
        let Some(header) = sent.next() else {
            return Ok(Context::None);
        };
        let text = header.to_str().ok().filter(|_| sent.next().is_none());
        let Some(text) = text else {
            return Ok(Context::Unproven);
        };
        let digest = crate::access::handed::digest_of(text);
        let kept = self.store().handle(&digest).await?;
        let begun = self.rights().held().begun(by);
        let stored = kept.and_then(|kept| stored(&kept));
        let stored = stored.filter(|handle| begun.is_none_or(|begun| handle.given >= begun));
        Ok(StoredHandle::context(stored.as_ref(), text, by, self.now()))
    }
}

/// A kept handle as the evaluation takes it; `None` when it makes no sense any more.
fn stored(kept: &KeptHandle) -> Option<StoredHandle> {
    let resources: Result<Vec<Selector>, _> =
        kept.resources.iter().map(|text| Selector::parse(text)).collect();
    Some(StoredHandle {
        digest: kept.digest.clone(),
        addon: AddonKey::parse(&kept.addon).ok()?,
        person: PersonId::parse(&kept.person).ok()?,
        resources: resources.ok()?,
        given: kept.given,
    })
}

/// Puts a handle into a message on its way out.
pub(in super::super) fn with_handle(message: &str, handle: &SecretString) -> String {
    match serde_json::from_str::<serde_json::Value>(message) {
        Ok(mut value) => {
            value["context"] = serde_json::json!({
                "handle": handle.expose_secret(), "expires_in": HANDLE_COUNTS.as_secs(),
            });
            value.to_string()
        }
        Err(_) => message.to_owned(),
    }
}
