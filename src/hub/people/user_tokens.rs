//! Tokens of people at a GitHub, in the safe: kept, taken out, and renewed where they end.
//!
//! A GitHub App's tokens end after hours, and each is renewed by something that counts once. Both stand in one row of the safe, so that
//! there is never one without the other. Of two hubs that renew at once one is refused, and finds what the other has kept.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use super::super::Hub;
use super::super::refusal::Refusal;
use super::providers::{Granted, ProviderError, ProviderSettings};
use crate::model::Timestamp;
use crate::ports::authorizations::{Loss, StoredAuthorization};
use crate::secrets::envelope::Row;

/// What the tokens of people are called in the safe.
pub(super) const KIND: &str = "user_token";

/// A token that ends so soon is renewed.
const SOON: Duration = Duration::from_secs(60);

/// What stands between a token and what it is renewed by; no token holds it.
const BETWEEN: char = '\n';

fn row<'a>(owner: &'a str, provider: &'a str) -> Row<'a> {
    Row {
        id: provider,
        owner,
        kind: KIND,
    }
}

/// Whose row of the safe it is.
pub(super) fn owner(person: &str) -> String {
    format!("person:{person}")
}

/// A token as it is in the safe.
#[derive(Debug)]
pub(super) struct KeptToken {
    /// The token.
    pub(super) token: SecretString,
    /// By what it is renewed.
    renewal: Option<SecretString>,
}

impl KeptToken {
    fn read(bytes: &SecretSlice<u8>) -> Option<Self> {
        let text = std::str::from_utf8(bytes.expose_secret()).ok()?;
        let (token, renewal) = match text.split_once(BETWEEN) {
            Some((token, renewal)) => (token, Some(SecretString::from(renewal))),
            None => (text, None),
        };
        Some(Self {
            token: SecretString::from(token),
            renewal,
        })
    }
}

/// What goes into the safe of what was granted.
fn sealed(granted: &Granted) -> SecretSlice<u8> {
    let mut text = granted.token.expose_secret().as_bytes().to_vec();
    if let Some(renewal) = &granted.renewal {
        text.push(BETWEEN as u8);
        text.extend_from_slice(renewal.token.expose_secret().as_bytes());
    }
    SecretSlice::from(text)
}

/// When what was granted ends by itself, and when its token does that can be renewed.
fn ends(granted: &Granted, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
    let token = granted.life.map(|life| now.plus(life));
    match &granted.renewal {
        Some(renewal) => (renewal.life.map(|life| now.plus(life)), token),
        None => (token, None),
    }
}

impl Hub {
    /// The token of a person at a provider, as it is kept.
    pub(super) async fn kept_token(&self, person: &str, provider: &str) -> Option<KeptToken> {
        let owner = owner(person);
        let kept = self.safe().take_out(row(&owner, provider)).await.ok()??;
        KeptToken::read(&kept)
    }

    /// Keeps what somebody granted: the token in the safe, and what is known of it beside the person.
    pub(super) async fn keep_granted(
        &self,
        provider: &ProviderSettings,
        (person, subject): (&str, &str),
        granted: &Granted,
        scopes: &[String],
    ) -> Result<(), Refusal> {
        let (owner, now) = (owner(person), self.now());
        let row = row(&owner, &provider.name);
        self.safe()
            .keep(row, &sealed(granted), now)
            .await
            .map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "a token cannot be kept");
                Refusal::busy("the hub cannot keep this now", 30)
            })?;
        let (expires, token_ends) = ends(granted, now);
        let authorization = StoredAuthorization {
            person: person.to_owned(),
            provider: provider.name.clone(),
            subject: subject.to_owned(),
            scopes: scopes.to_vec(),
            granted: now,
            expires,
            token_ends,
        };
        self.store().keep_authorization(&authorization).await?;
        Ok(())
    }

    /// A token of a person that is good now, renewed if need be; `None` when the person has to authorise the hub again.
    ///
    /// # Errors
    /// The provider does not answer, or the memory.
    pub(super) async fn usable_token(
        &self,
        provider: &ProviderSettings,
        authorization: &StoredAuthorization,
    ) -> Result<Option<SecretString>, Refusal> {
        let person = authorization.person.as_str();
        let Some(kept) = self.kept_token(person, &provider.name).await else {
            return Ok(None);
        };
        let ends_soon = |ends: Timestamp| ends <= self.now().plus(SOON);
        if !authorization.token_ends.is_some_and(ends_soon) {
            return Ok(Some(kept.token));
        }
        let Some(by) = &kept.renewal else {
            return Ok(None);
        };
        match self.providers().renew(provider, by).await {
            Ok(Some(granted)) => {
                let whose = (person, authorization.subject.as_str());
                self.keep_granted(provider, whose, &granted, &authorization.scopes)
                    .await?;
                Ok(Some(granted.token))
            }
            Ok(None) => Ok(None),
            Err(ProviderError::Code(because)) => {
                tracing::info!(
                    person,
                    provider = provider.name,
                    because,
                    "a token is not renewed"
                );
                let renewed = self.renewed_elsewhere(provider, person, by).await;
                if renewed.is_none() {
                    self.lose(provider, person, Loss::Refused).await?;
                }
                Ok(renewed)
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a token cannot be renewed now");
                Err(Refusal::busy(
                    format!("{} does not answer as it should", provider.title),
                    30,
                ))
            }
        }
    }

    /// What another hub has renewed meanwhile by the same.
    async fn renewed_elsewhere(
        &self,
        provider: &ProviderSettings,
        person: &str,
        by: &SecretString,
    ) -> Option<SecretString> {
        let kept = self.kept_token(person, &provider.name).await?;
        let renewal = kept.renewal.as_ref()?;
        let is_other = renewal.expose_secret() != by.expose_secret();
        is_other.then_some(kept.token)
    }
}

#[cfg(test)]
mod tests {
    use super::super::providers::Renewal;
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn granted(renewal: Option<&str>) -> Granted {
        Granted {
            token: SecretString::from("token-1"),
            scopes: Vec::new(),
            life: Some(Duration::from_secs(8)),
            renewal: renewal.map(|text| Renewal {
                token: SecretString::from(text),
                life: Some(Duration::from_secs(80)),
            }),
        }
    }

    #[test]
    fn a_token_comes_out_of_the_safe_with_what_renews_it() {
        let kept = KeptToken::read(&sealed(&granted(Some("renewal-1")))).unwrap();
        assert_eq!(kept.token.expose_secret(), "token-1");
        assert_eq!(kept.renewal.unwrap().expose_secret(), "renewal-1");
        let plain = KeptToken::read(&sealed(&granted(None))).unwrap();
        assert!(plain.token.expose_secret() == "token-1" && plain.renewal.is_none());
    }

    #[test]
    fn an_authorisation_ends_when_it_cannot_be_renewed() {
        let after = |seconds| Some(NOW.plus(Duration::from_secs(seconds)));
        assert_eq!(ends(&granted(None), NOW), (after(8), None));
        assert_eq!(ends(&granted(Some("r")), NOW), (after(80), after(8)));
    }
}
