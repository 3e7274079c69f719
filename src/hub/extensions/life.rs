//! What people decide about extensions (security model 14): they are registered by the address of their descriptor, agreed to,
//! perhaps in part, read again when they have changed, given another secret, switched off and on, and uninstalled.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::super::access::edit::{edit, edit_unasked};
use super::super::access::ending;
use super::super::access::held::{HeldAddon, HeldGrant, grant_row};
use super::super::access::numbers::placed;
use super::super::addons::AddonError;
use super::super::addons::answers::{Answer as Given, Answering, answer};
use super::super::addons::waiting::Registrants;
use super::known::KnownDescriptor;
use super::listening::queue;
use super::{ExtensionError, Extensions, is_extension, is_there};
use crate::access::registration::{Changed, Explained, Registration, Unchanged};
use crate::access::snapshot::{AddonKind, AddonState, Right};
use crate::access::{AddonKey, Grant, PersonId, Principal, ScopeSet, Selector};
use crate::ports::hub::extensions::StoredExtension;
use crate::ports::rights::RightsChange;
use crate::wire::connect::LARGEST_DESCRIPTOR;

/// Pause between two looks at what a hub does.
const LOOK: Duration = Duration::from_millis(100);

/// What is shown before anybody agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: String,
    /// Where it stands.
    pub state: AddonState,
    /// Its name, as it says; for people, and not to be believed.
    pub name: Option<String>,
    /// Who makes it, as it says.
    pub vendor: Option<String>,
    /// The host that it is at.
    pub host: String,
    /// Digest of the descriptor that waits for an answer, or else of the one that is in force.
    pub digest: String,
    /// Whether something waits for an answer.
    pub waits: bool,
    /// What its scopes mean, new ones first.
    pub scopes: Explained,
    /// Scopes that it has.
    pub approved: ScopeSet,
    /// Events that are posted to it.
    pub events: Vec<String>,
    /// Remarks about its descriptor.
    pub warnings: Vec<String>,
    /// Whether it was handed its secret.
    pub is_installed: bool,
    /// Whether what was agreed to is what the hub goes by.
    pub is_in_force: bool,
    /// Why something was not done; empty when all is well.
    pub trouble: String,
}

/// An administrator's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who.
    pub by: PersonId,
    /// Digest of what was shown.
    pub shown: String,
    /// What of it is agreed to; all of it when nothing is said.
    pub scopes: Option<ScopeSet>,
    /// Scopes of high sensitivity that have a tick of their own.
    pub ticked: ScopeSet,
}

/// Who registers an extension, and for which workspaces.
#[derive(Debug, Clone, Copy)]
struct Begun<'a> {
    workspaces: &'a [String],
    /// As principals are written.
    by: &'a str,
}

/// Whoever is at the hub's computer, as principals are written.
fn operator() -> String {
    Principal::Person(PersonId::operator()).to_string()
}

/// Names no secret any more.
pub(super) fn without_secrets(extension: &mut StoredExtension) {
    extension.current.clear();
    extension.previous.clear();
    extension.next.clear();
    extension.previous_until = None;
}

fn is_same_set(one: &[String], other: &[String]) -> bool {
    one.iter().all(|name| other.contains(name)) && other.iter().all(|name| one.contains(name))
}

impl Extensions {
    /// Registers the extension whose descriptor is at an address, for these workspaces. It waits for an administrator; one that
    /// is registered already is read again, where it stays at that address and in these workspaces.
    ///
    /// # Errors
    /// The descriptor cannot be read or used, too many wait, or it is registered elsewhere or for others already.
    pub async fn register(&self, address: &str, workspaces: &[String]) -> Result<Shown, ExtensionError> {
        self.registered(address, workspaces, (&operator(), false)).await
    }

    /// The same for somebody, as principals are written: so many of theirs wait at once.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn register_for(
        &self,
        by: &str,
        address: &str,
        workspaces: &[String],
    ) -> Result<Shown, ExtensionError> {
        self.registered(address, workspaces, (by, false)).await
    }

    /// The same for somebody who answers for extensions: one that is registered already may move, and be for other workspaces.
    ///
    /// # Errors
    /// The descriptor cannot be read or used, or too many wait.
    pub async fn register_anew(&self, address: &str, workspaces: &[String]) -> Result<Shown, ExtensionError> {
        self.registered(address, workspaces, (&operator(), true)).await
    }

    async fn registered(
        &self,
        address: &str,
        workspaces: &[String],
        (by, may_replace): (&str, bool),
    ) -> Result<Shown, ExtensionError> {
        if !self.safe.is_usable() {
            return Err(super::super::safe::SafeError::NoMasterKey.into());
        }
        let (from, known) = self.fetch(address).await?;
        let key = AddonKey::parse(&known.descriptor.key)?;
        let kept = self.store.extension(key.as_str()).await?;
        let is_there = self.is_there(&key).await?;
        let is_elsewhere = |kept: &StoredExtension| {
            kept.descriptor_url != from.as_str() || !is_same_set(&kept.workspaces, workspaces)
        };
        if !may_replace && is_there && kept.as_ref().is_some_and(is_elsewhere) {
            return Err(ExtensionError::IsThere(key.as_str().to_owned()));
        }
        if kept.is_none() {
            let extension = StoredExtension {
                key: key.as_str().to_owned(),
                client: format!("oauth-{}", self.fresh_id()),
                ..StoredExtension::default()
            };
            // Whoever was faster has made it.
            self.store.save_extension(&extension).await?;
        }
        self.take_in(&key, Some(Begun { workspaces, by }), &from, &known)
            .await?;
        self.shown(key.as_str()).await
    }

    /// Whether an add-on of this key is registered, and not uninstalled.
    async fn is_there(&self, key: &AddonKey) -> Result<bool, ExtensionError> {
        Ok(is_there(&self.held().await?, key))
    }

    /// Reads the descriptor of an extension again. Less takes effect at once; more, and other addresses, wait.
    ///
    /// # Errors
    /// As [`Self::register`], or it is another extension's now.
    pub async fn read_again(&self, key: &str) -> Result<Shown, ExtensionError> {
        let extension = self.extension(key).await?;
        let (from, known) = self.fetch(&extension.descriptor_url).await?;
        if known.descriptor.key != key {
            return Err(ExtensionError::OtherKey {
                key: key.to_owned(),
                found: known.descriptor.key,
            });
        }
        self.take_in(&AddonKey::parse(key)?, None, &from, &known).await?;
        self.shown(key).await
    }

    async fn fetch(&self, address: &str) -> Result<(Url, KnownDescriptor), ExtensionError> {
        let url = Url::parse(address).map_err(|_| {
            super::outside::OutsideError::Address(
                "is no address, such as https://example.com/atlassian-connect.json",
            )
        })?;
        let (from, bytes) = self.outside.get(&url, LARGEST_DESCRIPTOR).await?;
        let known = KnownDescriptor::read(&bytes, &from, self.is_development())?;
        let not_yet = known.declared()?.scopes.not_yet();
        match not_yet.is_empty() {
            true => Ok((from, known)),
            false => Err(ExtensionError::NotYet(not_yet)),
        }
    }

    /// Keeps what was read: the bytes first, so that nobody can agree to what is not kept. What is only read again, and was uninstalled
    /// meanwhile, does not begin anew.
    async fn take_in(
        &self,
        key: &AddonKey,
        begun: Option<Begun<'_>>,
        from: &Url,
        known: &KnownDescriptor,
    ) -> Result<(), ExtensionError> {
        let declared = known.declared()?;
        let held = self.held().await?;
        let addon = held.addons.get(key);
        let is_new = !is_there(&held, key);
        if addon.is_some_and(|addon| addon.kind != AddonKind::Extension) {
            return Err(ExtensionError::OtherAddon(key.as_str().to_owned()));
        }
        if is_new && begun.is_none() {
            return Err(Unchanged::WrongState.into());
        }
        if is_new {
            self.forget_earlier_life(key).await?;
        }
        let approval = addon.and_then(|addon| addon.registration.approval.as_ref());
        let is_quiet = approval.filter(|_| !is_new).is_some_and(|approval| {
            approval.addresses == declared.addresses
                && declared.scopes.without(approval.scopes.closure()).is_empty()
        });
        self.update(key.as_str(), |extension| {
            if let Some(begun) = begun {
                extension.workspaces = begun.workspaces.to_vec();
            }
            if let Some(begun) = begun.filter(|_| is_new) {
                begun.by.clone_into(&mut extension.registered_by);
            }
            from.as_str().clone_into(&mut extension.descriptor_url);
            extension.trouble.clear();
            if is_quiet {
                extension.descriptor.clone_from(&known.text);
                extension.wished.clear();
            } else {
                extension.wished.clone_from(&known.text);
            }
            if is_new {
                extension.descriptor.clear();
                extension.installed.clear();
                extension.told.clear();
                without_secrets(extension);
            }
        })
        .await?;
        let by = begun.map(|begun| begun.by);
        self.change(key, by, |registration, waiting| match (registration, by) {
            (Some(known), _) if known.state != AddonState::Uninstalled => known.declare(declared.clone()),
            (Some(_) | None, Some(_)) => Registration::ask(declared.clone(), self.now(), waiting),
            (Some(_) | None, None) => Err(Unchanged::WrongState),
        })
        .await
    }

    /// Destroys what is left of an extension that was uninstalled, before it begins anew: secrets, tokens and what waits, also of what
    /// was still under way when it ended.
    async fn forget_earlier_life(&self, key: &AddonKey) -> Result<(), ExtensionError> {
        self.safe.destroy_all_of(&super::owner(key.as_str())).await?;
        self.store.revoke_tokens(key.as_str(), None, self.now()).await?;
        self.store.drop_registration(&queue(key.as_str())).await?;
        Ok(())
    }

    /// Changes a registration by what its descriptor says; what follows from it is found again from how things stand.
    async fn change(
        &self,
        key: &AddonKey,
        by: Option<&str>,
        change: impl Fn(Option<Registration>, usize) -> Changed + Sync,
    ) -> Result<(), ExtensionError> {
        let registrants = Registrants::of(&self.store.extensions().await?);
        edit_unasked(&*self.store, self.now(), |held| {
            let room = match by.filter(|_| !is_there(held, key)) {
                Some(by) => registrants.make_room(held, by, self.now())?,
                None => Vec::new(),
            };
            let held = held.with(&room)?;
            let known = held.addons.get(key);
            let before = known.map(|addon| addon.registration.clone());
            let (registration, effects) = change(before.clone(), held.waiting())?;
            if before.as_ref() == Some(&registration) {
                return Ok((Vec::new(), ()));
            }
            let addon = HeldAddon::changed(known, AddonKind::Extension, registration, &effects);
            let own = ending::changes(&held, key, &addon);
            Ok((room.into_iter().chain(own).collect(), ()))
        })
        .await
    }

    /// An administrator agrees, perhaps to less.
    ///
    /// # Errors
    /// Something else was shown, more was agreed to than asked for, or a tick is missing.
    pub async fn approve(&self, key: &str, answer: &Answer) -> Result<(), ExtensionError> {
        let given = Given::Approve {
            shown: answer.shown.clone(),
            scopes: answer.scopes,
            ticked: answer.ticked,
        };
        self.answered(key, &given, &answer.by).await
    }

    /// An administrator does not agree.
    ///
    /// # Errors
    /// Nothing waits for an answer.
    pub async fn reject(&self, key: &str) -> Result<(), ExtensionError> {
        self.answered(key, &Given::Reject, &PersonId::operator()).await
    }

    /// An administrator switches it off: its tokens end now.
    ///
    /// # Errors
    /// It is not at work.
    pub async fn disable(&self, key: &str) -> Result<(), ExtensionError> {
        self.answered(key, &Given::Disable, &PersonId::operator()).await
    }

    /// An administrator switches it on again.
    ///
    /// # Errors
    /// It is not switched off.
    pub async fn enable(&self, key: &str) -> Result<(), ExtensionError> {
        self.answered(key, &Given::Enable, &PersonId::operator()).await
    }

    /// An administrator removes it: its tokens and rights end now, and its secrets are destroyed before it is told.
    ///
    /// # Errors
    /// It is gone already.
    pub async fn uninstall(&self, key: &str) -> Result<(), ExtensionError> {
        self.answered(key, &Given::Uninstall, &PersonId::operator()).await
    }

    /// It is to be given another secret.
    ///
    /// # Errors
    /// It is not installed.
    pub async fn want_secret(&self, key: &str) -> Result<(), ExtensionError> {
        if self.extension(key).await?.installed.is_empty() {
            return Err(Unchanged::WrongState.into());
        }
        self.update(key, |extension| {
            extension.wants_secret = true;
            extension.trouble.clear();
        })
        .await?;
        Ok(())
    }

    /// Answers it as every add-on is answered.
    async fn answered(&self, key: &str, given: &Given, by: &PersonId) -> Result<(), ExtensionError> {
        let addon = AddonKey::parse(key)?;
        if !is_extension(&self.held().await?, &addon) {
            return Err(ExtensionError::NotThere(key.to_owned()));
        }
        let answering = Answering { by, at: self.now() };
        answer(&*self.store, &addon, given, answering).await?;
        Ok(())
    }

    /// What an administrator looks at before agreeing.
    ///
    /// # Errors
    /// It is not there.
    pub async fn shown(&self, key: &str) -> Result<Shown, ExtensionError> {
        let extension = self.extension(key).await?;
        let held = self.held().await?;
        let addon = held.addons.get(&AddonKey::parse(key)?);
        let addon = addon.ok_or_else(|| ExtensionError::NotThere(key.to_owned()))?;
        self.show(&extension, addon)
    }

    /// How an extension stands once the hub that runs has done what it does because of an answer: installed, or in trouble. `None`
    /// when no hub did anything for so long.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn settled(&self, key: &str, patience: Duration) -> Result<Option<Shown>, ExtensionError> {
        let until = self.now().plus(patience);
        loop {
            let shown = self.shown(key).await?;
            if !shown.trouble.is_empty() || (shown.is_installed && !shown.waits && shown.is_in_force) {
                return Ok(Some(shown));
            }
            if self.now() >= until {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// All extensions, as [`Self::shown`].
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn all_shown(&self) -> Result<Vec<Shown>, ExtensionError> {
        let held = self.held().await?;
        let mut all = Vec::new();
        for extension in self.store.extensions().await? {
            let addon = AddonKey::parse(&extension.key)
                .ok()
                .and_then(|key| held.addons.get(&key));
            if let Some(addon) = addon {
                all.push(self.show(&extension, addon)?);
            }
        }
        Ok(all)
    }

    fn show(&self, extension: &StoredExtension, addon: &HeldAddon) -> Result<Shown, ExtensionError> {
        let registration = &addon.registration;
        let waits = registration.wish.is_some();
        let shows_wish = waits || extension.descriptor.is_empty();
        let text = match shows_wish && !extension.wished.is_empty() {
            true => &extension.wished,
            false => &extension.descriptor,
        };
        let known = KnownDescriptor::kept(text, &extension.descriptor_url, self.is_development())?;
        let asked = registration
            .wish
            .as_ref()
            .map_or(registration.approved(), |wish| wish.scopes);
        let descriptor = known.descriptor;
        Ok(Shown {
            key: extension.key.clone(),
            state: registration.state,
            name: descriptor.name,
            vendor: descriptor.vendor,
            host: descriptor.base_url.host_str().unwrap_or_default().to_owned(),
            digest: descriptor.digest,
            waits,
            scopes: Explained::of(registration.approved(), asked),
            approved: registration.approved(),
            events: descriptor
                .webhooks
                .into_iter()
                .map(|webhook| webhook.event)
                .collect(),
            warnings: descriptor.warnings.iter().map(ToString::to_string).collect(),
            is_installed: !extension.installed.is_empty(),
            is_in_force: extension.wished.is_empty() && !extension.descriptor.is_empty(),
            trouble: extension.trouble.clone(),
        })
    }

    /// Gives an extension rights on resources, as an administrator chose them with the approval. A repository is kept with the
    /// number that the forge knows it by.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn grant(
        &self,
        key: &str,
        grants: &[(Selector, Right)],
        by: &PersonId,
    ) -> Result<(), ExtensionError> {
        let workspaces = self.extension(key).await?.workspaces;
        let mut changes = Vec::new();
        for (selector, right) in grants {
            let placed = placed(&*self.store, &workspaces, (selector.clone(), *right)).await;
            let selector = placed.map_err(AddonError::from)?;
            let grant = HeldGrant {
                id: self.fresh_id(),
                principal: Principal::Addon(AddonKey::parse(key)?),
                grant: Arc::new(Grant::new(selector, *right)),
                given_by: by.as_str().to_owned(),
                given: self.now(),
            };
            changes.push(RightsChange::Grant(grant_row(&grant)));
        }
        let addon = AddonKey::parse(key)?;
        edit(&*self.store, self.now(), |held| match is_there(held, &addon) {
            true => Ok((changes.clone(), ())),
            false => Err(ExtensionError::NotThere(key.to_owned())),
        })
        .await
    }
}
