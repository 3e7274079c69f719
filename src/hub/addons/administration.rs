//! What whoever runs the hub decides about add-ons at its computer, straight in its memory. A hub that is governed by a file does
//! not look at it.

use super::super::access::edit::edit;
use super::super::access::held::{Held, HeldAddon, HeldGrant, HeldTrust, MAY_EXCEED};
use super::super::administration::{Administration, AdministrationError};
use super::AddonError;
use super::answers::{Answer, Answering, answer};
use super::giving::{Given, Giver, Wanted, give, take};
use super::policy::{Applied, NotApplied, Proposed, apply, exported};
use super::terms::{distrust, set_terms, trust};
use crate::access::federation::TrustedIssuer;
use crate::access::{AddonKey, Grant, PersonId, Principal, ScopeSet, Terms};
use crate::ports::hub::HubStore;
use crate::ports::people::People as _;
use crate::ports::rights::{RightsChange, RightsStore as _};
use crate::runtime::clock::{Clock as _, Ids as _, RandomIds, SystemClock};

impl Administration {
    /// Everything that is kept of add-ons and their rights.
    ///
    /// # Errors
    /// The memory.
    pub async fn rights(&self) -> Result<Held, AdministrationError> {
        let stored = self.memory().rights().await?;
        Ok(Held::try_from(stored).map_err(AddonError::from)?)
    }

    /// An add-on with everything that is kept.
    ///
    /// # Errors
    /// There is none of this key.
    pub async fn addon(&self, key: &AddonKey) -> Result<(HeldAddon, Held), AdministrationError> {
        let held = self.rights().await?;
        match held.addons.get(key).cloned() {
            Some(addon) => Ok((addon, held)),
            None => Err(unknown(key)),
        }
    }

    /// Agrees to everything that an add-on asks for now, or to these scopes of it.
    ///
    /// # Errors
    /// It asks for nothing, or not for that.
    pub async fn approve_addon(
        &self,
        key: &AddonKey,
        scopes: Option<ScopeSet>,
    ) -> Result<HeldAddon, AdministrationError> {
        let (addon, _) = self.addon(key).await?;
        let shown = addon
            .registration
            .wish
            .map(|wish| wish.digest)
            .unwrap_or_default();
        // Whoever names them at the hub's computer has looked at them.
        let ticked = ScopeSet::all();
        self.answer_addon(
            key,
            &Answer::Approve {
                shown,
                scopes,
                ticked,
            },
        )
        .await
    }

    /// Answers an add-on.
    ///
    /// # Errors
    /// It does not fit to where it stands.
    pub async fn answer_addon(
        &self,
        key: &AddonKey,
        given: &Answer,
    ) -> Result<HeldAddon, AdministrationError> {
        let by = PersonId::operator();
        let answering = Answering {
            by: &by,
            at: SystemClock.now(),
        };
        let (addon, _) = answer(self.store(), key, given, answering).await?;
        Ok(addon)
    }

    /// Gives a grant, or with `is_preview` says what that would change.
    ///
    /// # Errors
    /// Nobody is called so, or a test of the policy fails with it.
    pub async fn give(
        &self,
        principal: Principal,
        grant: Grant,
        is_preview: bool,
    ) -> Result<Given, AdministrationError> {
        let wanted = Wanted { principal, grant };
        let how = (RandomIds.fresh().to_string(), is_preview);
        Ok(give(self.store(), wanted, &operator(), how).await?)
    }

    /// Takes a grant away, or with `is_preview` says what that would change.
    ///
    /// # Errors
    /// There is none of this id.
    pub async fn take(&self, id: &str, is_preview: bool) -> Result<Given, AdministrationError> {
        Ok(take(self.store(), id, &operator(), is_preview).await?)
    }

    /// Sets the terms of an add-on: these and no others.
    ///
    /// # Errors
    /// There is no such add-on.
    pub async fn set_terms(&self, key: &AddonKey, terms: &Terms) -> Result<(), AdministrationError> {
        Ok(set_terms(self.store(), key, terms, &operator()).await?)
    }

    /// Trusts an issuer of job tokens, in these workspaces.
    ///
    /// # Errors
    /// It would let in strangers, or names no add-on that is there.
    pub async fn trust(
        &self,
        issuer: TrustedIssuer,
        workspaces: Vec<String>,
    ) -> Result<HeldTrust, AdministrationError> {
        let operator = operator();
        let new = HeldTrust {
            id: RandomIds.fresh().to_string(),
            issuer,
            workspaces,
            given_by: operator.by.as_str().to_owned(),
            given: operator.at,
        };
        trust(self.store(), &new, &operator).await?;
        Ok(new)
    }

    /// Trusts an issuer no more.
    ///
    /// # Errors
    /// There is no trust of this id.
    pub async fn distrust(&self, id: &str) -> Result<HeldTrust, AdministrationError> {
        Ok(distrust(self.store(), id, SystemClock.now()).await?)
    }

    /// Says whether administrators may give away what the forge does not give them. Only whoever runs the hub does.
    ///
    /// # Errors
    /// The memory.
    pub async fn let_exceed(&self, may: bool) -> Result<(), AdministrationError> {
        let change = RightsChange::Setting {
            name: MAY_EXCEED.to_owned(),
            value: may.to_string(),
        };
        edit(
            self.store(),
            SystemClock.now(),
            |_: &Held| -> Result<_, AddonError> { Ok((vec![change.clone()], ())) },
        )
        .await?;
        Ok(())
    }

    /// All grants, oldest first.
    ///
    /// # Errors
    /// The memory.
    pub async fn grants(&self) -> Result<Vec<HeldGrant>, AdministrationError> {
        Ok(self.rights().await?.grants)
    }

    /// The policy that is in force, as text.
    ///
    /// # Errors
    /// The memory.
    pub async fn policy(&self) -> Result<String, AdministrationError> {
        Ok(exported(&self.rights().await?, &self.memory().people().await?))
    }

    /// Puts a policy in force, or with `is_preview` says what that would change.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub async fn apply_policy(&self, text: &[u8], is_preview: bool) -> Result<Applied, AdministrationError> {
        let people = self.memory().people().await?;
        let proposed = Proposed {
            text,
            base: None,
            is_preview,
        };
        let applied = apply(self.store(), proposed, &people, &operator()).await;
        applied.map_err(|refused| match refused {
            NotApplied::Addon(error) => error.into(),
            NotApplied::Problems(problems) => AdministrationError::Policy(problems),
        })
    }

    fn store(&self) -> &dyn HubStore {
        self.memory()
    }
}

fn operator() -> Giver {
    Giver {
        by: PersonId::operator(),
        caller: None,
        at: SystemClock.now(),
    }
}

fn unknown(key: &AddonKey) -> AdministrationError {
    AddonError::NotThere {
        what: "add-on",
        id: key.as_str().to_owned(),
    }
    .into()
}
