//! Who agrees that an add-on acts for them (security model 10.4, threat F5): each person for themselves, or an administrator for
//! everybody; in a browser, after signing in not long ago. What was agreed to can be taken back, and then ends at once.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::super::Hub;
use super::super::access::edit::{edit, edit_unasked};
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::{ExtensionError, Extensions, is_there};
use crate::access::AddonKey;
use crate::ports::rights::{RightsChange, StoredConsent};

/// `POST /consents/{key}`: the caller agrees that an add-on acts for them.
pub(in super::super) async fn give(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::GiveConsent)?;
    hub.extensions()
        .consent(&key, Some(caller.name()), caller.name())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /consents/{key}`: the caller takes it back.
pub(in super::super) async fn withdraw(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::WithdrawConsent)?;
    hub.extensions()
        .take_consent_back(&key, Some(caller.name()))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/extensions/{key}/consent`: an administrator agrees for everybody.
pub(in super::super) async fn give_for_everybody(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::ConsentForEverybody)?;
    hub.extensions().consent(&key, None, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /admin/extensions/{key}/consent`: an administrator takes that back; what people agreed to for themselves stays.
pub(in super::super) async fn withdraw_for_everybody(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::WithdrawConsentForEverybody)?;
    hub.extensions().take_consent_back(&key, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Extensions {
    /// Somebody agrees that an add-on acts for a person, or for everybody.
    ///
    /// # Errors
    /// There is no such add-on, or the memory does not answer.
    pub async fn consent(&self, key: &str, person: Option<&str>, by: &str) -> Result<(), ExtensionError> {
        let addon = AddonKey::parse(key)?;
        let consent = RightsChange::Consent(StoredConsent {
            addon: key.to_owned(),
            person: person.map(str::to_owned),
            given_by: by.to_owned(),
            given: self.now(),
        });
        edit(&*self.store, self.now(), |held| match is_there(held, &addon) {
            true => Ok((vec![consent.clone()], ())),
            false => Err(ExtensionError::NotThere(key.to_owned())),
        })
        .await
    }

    /// It is taken back, and what was given because of it ends now.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn take_consent_back(&self, key: &str, person: Option<&str>) -> Result<(), ExtensionError> {
        let change = RightsChange::NoConsent {
            addon: key.to_owned(),
            person: person.map(str::to_owned),
        };
        edit_unasked(&*self.store, self.now(), |_| {
            Ok::<_, ExtensionError>((vec![change.clone()], ()))
        })
        .await?;
        if let Some(person) = person {
            self.store.revoke_tokens(key, Some(person), self.now()).await?;
        }
        Ok(())
    }
}
