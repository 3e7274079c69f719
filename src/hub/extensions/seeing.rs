//! What the hub does because of what people decided: hands over secrets, tells extensions of their life, destroys what must go.

use std::time::Duration;

use reqwest::Url;

use super::super::access::held::{HeldAddon, addon_row};
use super::known::KnownDescriptor;
use super::life::without_secrets;
use super::listening::queue;
use super::outside::OutsideError;
use super::step::{Step, Wished, next_step};
use super::{ExtensionError, Extensions, is_extension};
use crate::access::AddonKey;
use crate::access::audit::Outcome;
use crate::access::snapshot::AddonState;
use crate::model::Timestamp;
use crate::ports::hub::extensions::StoredExtension;
use crate::ports::rights::RightsChange;
use crate::runtime::causes::chain;
use crate::wire::connect::canonical::CanonicalInput;
use crate::wire::connect::{Call, Event, SecurityContext, SharedSecret, sign_call, sign_install};

/// How long a hub has an extension for itself while it does something with it.
const LEASE: Duration = Duration::from_secs(60);

/// Most things that are done with one extension at a time.
const MOST_STEPS: usize = 8;

/// How long what was handed out stays after its end, so that whoever comes with it is told that it has ended.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Longest trouble that is kept, in characters.
const LONGEST_TROUBLE: usize = 500;

impl Extensions {
    /// Does whatever is to be done with every extension; `base` is the address of the hub.
    ///
    /// # Errors
    /// The memory does not answer. What one extension does not take is its trouble and nobody else's.
    pub async fn see_to_all(&self, base: &str) -> Result<(), ExtensionError> {
        let extensions = self.store.extensions().await?;
        if extensions.is_empty() {
            return Ok(());
        }
        let held = self.held().await?;
        for extension in extensions {
            let addon = AddonKey::parse(&extension.key)
                .ok()
                .and_then(|key| held.addons.get(&key));
            let step = addon.map_or(Ok(Step::Nothing), |addon| self.step(&extension, addon));
            let seen = match step {
                Ok(Step::Nothing) => Ok(()),
                Ok(_) => self.see_to(&extension.key, base).await,
                Err(error) => Err(error),
            };
            if let Err(error) = seen {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, extension = %extension.key, "nothing can be done with an extension now");
            }
        }
        Ok(())
    }

    /// Forgets what has ended.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn tidy(&self) -> Result<(), ExtensionError> {
        let now = self.now();
        let since = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(now.as_micros().saturating_sub(since));
        self.store.forget_ended(before, before).await?;
        self.forget_install_keys().await
    }

    /// Does whatever is to be done with one extension now.
    ///
    /// # Errors
    /// The memory does not answer, or there is no master key.
    pub async fn see_to(&self, key: &str, base: &str) -> Result<(), ExtensionError> {
        let addon_key = AddonKey::parse(key)?;
        for _ in 0..MOST_STEPS {
            let extension = self.extension(key).await?;
            let held = self.held().await?;
            if !is_extension(&held, &addon_key) {
                return Ok(());
            }
            let addon = &held.addons[&addon_key];
            let step = self.step(&extension, addon)?;
            if !self.take(step, extension, base).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn step(&self, extension: &StoredExtension, addon: &HeldAddon) -> Result<Step, ExtensionError> {
        if extension.wished.is_empty() {
            return Ok(next_step(extension, addon, Wished::default(), self.now()));
        }
        let known = self.kept(extension, &extension.wished)?;
        let addresses = known.addresses();
        let wished = Wished {
            digest: &known.descriptor.digest,
            addresses: &addresses,
        };
        Ok(next_step(extension, addon, wished, self.now()))
    }

    fn kept(&self, extension: &StoredExtension, text: &str) -> Result<KnownDescriptor, ExtensionError> {
        KnownDescriptor::kept(text, &extension.descriptor_url, self.is_development())
    }

    /// Takes one step; whether there may be another.
    async fn take(&self, step: Step, extension: StoredExtension, base: &str) -> Result<bool, ExtensionError> {
        let key = extension.key.clone();
        match step {
            Step::Nothing => return Ok(false),
            Step::TakeOver => {
                let agreed = extension.wished;
                self.update(&key, |extension| in_force(extension, &agreed))
                    .await?;
            }
            Step::Install => {
                let known = self.kept(&extension, &extension.wished)?;
                return self.hand_over(extension, &known, base).await;
            }
            Step::Rotate => {
                let known = self.kept(&extension, &extension.descriptor)?;
                return self.hand_over(extension, &known, base).await;
            }
            Step::Tell(event) => return self.tell(extension, event, base).await,
            Step::GiveUp(event) => {
                tracing::warn!(extension = %key, event = event.word(), "an extension could not be told");
                let trouble = extension.trouble;
                self.update(&key, |extension| told(extension, event, &trouble))
                    .await?;
            }
            Step::Destroy => {
                self.safe.destroy_all_of(&super::owner(&key)).await?;
                let said = format!("the secrets of addon:{key} are destroyed");
                self.note("addon.uninstall", Outcome::Done, said);
                // With what waits for it.
                self.store.drop_registration(&queue(&key)).await?;
                self.update(&key, without_secrets).await?;
                // One that somebody kept before it was named nowhere.
                self.safe.destroy_all_of(&super::owner(&key)).await?;
            }
        }
        Ok(true)
    }

    /// Has the extension for itself for a while; `false` when somebody else was faster.
    async fn lease(&self, extension: &mut StoredExtension) -> Result<bool, ExtensionError> {
        extension.not_before = Some(self.now().plus(LEASE));
        Ok(self.store.save_extension(extension).await?.is_some())
    }

    /// Hands over a fresh secret (security model 3.3): kept as the next one, posted, and current when it was taken. The one before it
    /// verifies for a while; it never signs again.
    async fn hand_over(
        &self,
        mut extension: StoredExtension,
        known: &KnownDescriptor,
        base: &str,
    ) -> Result<bool, ExtensionError> {
        let (id, secret) = self.keep_fresh_secret(&extension.key).await?;
        let forgotten = std::mem::replace(&mut extension.next, id.clone());
        if !self.lease(&mut extension).await? {
            self.destroy_secret(&extension.key, &id).await?;
            return Ok(false);
        }
        self.destroy_secret(&extension.key, &forgotten).await?;
        if self.state_of(&extension.key).await? != Some(AddonState::Active) {
            return self.abandon(&extension, None).await;
        }
        let posted = self
            .post(&extension, known, (Event::Installed, Some(&secret)), base)
            .await;
        match posted {
            Ok(()) => self.taken(&extension, known).await,
            Err(Untold::Hub(error)) => Err(error),
            Err(Untold::Extension(error)) => self.not_taken(&extension, known, &error).await,
        }
    }

    async fn taken(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
    ) -> Result<bool, ExtensionError> {
        let state = self.state_of(&extension.key).await?;
        if !matches!(state, Some(AddonState::Active | AddonState::Disabled)) {
            return self.abandon(extension, Some(known)).await;
        }
        let previous_until = match extension.current.as_str() {
            "" => None,
            _ => Some(self.now().plus(self.options.grace)),
        };
        let (next, addresses) = (extension.next.clone(), known.addresses());
        let after = self.update(&extension.key, |extension| {
            // It was uninstalled meanwhile, or begun anew: this secret is nobody's.
            if extension.next != next {
                return;
            }
            extension.previous = std::mem::replace(&mut extension.current, next.clone());
            extension.previous_until = previous_until;
            extension.next.clear();
            in_force(extension, &known.text);
            extension.installed.clone_from(&addresses);
            extension.wants_secret = false;
            told(extension, Event::Installed, "");
        });
        if after.await?.current != next {
            return self.abandon(extension, None).await;
        }
        tracing::info!(extension = %extension.key, "an extension has taken its secret");
        self.note_secret(extension, Outcome::Done, "has taken its secret");
        self.destroy_secret(&extension.key, &extension.previous).await?;
        Ok(true)
    }

    /// Where an extension stands now, and not when something was begun with it.
    async fn state_of(&self, key: &str) -> Result<Option<AddonState>, ExtensionError> {
        let held = self.held().await?;
        let addon = held.addons.get(&AddonKey::parse(key)?);
        Ok(addon.map(|addon| addon.registration.state))
    }

    /// Gives up a secret that was on its way when its extension ended: nothing counts that is signed with it, and an extension that has
    /// taken it at these addresses is told that it is gone.
    async fn abandon(
        &self,
        extension: &StoredExtension,
        taken: Option<&KnownDescriptor>,
    ) -> Result<bool, ExtensionError> {
        let (next, lease) = (extension.next.clone(), extension.not_before);
        self.update(&extension.key, |extension| {
            if extension.next == next {
                extension.next.clear();
                if let Some(known) = taken {
                    extension.installed = known.addresses();
                }
            }
            if extension.not_before == lease {
                extension.not_before = None;
            }
        })
        .await?;
        self.destroy_secret(&extension.key, &next).await?;
        Ok(true)
    }

    /// Writes down what became of a secret that was handed over: at an install, or at a rotation.
    fn note_secret(&self, extension: &StoredExtension, outcome: Outcome, said: &str) {
        let operation = match extension.wants_secret && extension.wished.is_empty() {
            true => "addon.rotate",
            false => "addon.install",
        };
        self.note(operation, outcome, format!("addon:{} {said}", extension.key));
    }

    /// It did not take the secret: what counted before counts on, and what was agreed to waits again.
    async fn not_taken(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
        error: &OutsideError,
    ) -> Result<bool, ExtensionError> {
        let trouble = format!("it did not take its secret: {}", chain(error));
        tracing::warn!(extension = %extension.key, "{trouble}");
        self.note_secret(extension, Outcome::NotTaken, "did not take its secret");
        if extension.wished == known.text {
            self.take_back(extension, known).await?;
        }
        self.update(&extension.key, |kept| {
            if kept.next == extension.next {
                kept.next.clear();
                kept.wants_secret = false;
                put_to_rest(kept, &trouble);
            }
        })
        .await?;
        self.destroy_secret(&extension.key, &extension.next).await?;
        Ok(false)
    }

    /// What was agreed to waits again.
    async fn take_back(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
    ) -> Result<(), ExtensionError> {
        let key = AddonKey::parse(&extension.key)?;
        let held = self.held().await?;
        let Some(addon) = held.addons.get(&key).cloned() else {
            return Ok(());
        };
        let before = match extension.installed.as_str() {
            "" => None,
            installed => {
                let known = self.kept(extension, &extension.descriptor)?;
                Some((installed.to_owned(), known.descriptor.digest))
            }
        };
        // What has ended meanwhile waits for nothing.
        let not_installed = addon
            .registration
            .not_installed(known.declared()?, before, self.now());
        let Ok((registration, _)) = not_installed else {
            return Ok(());
        };
        let row = addon_row(
            &key,
            &HeldAddon {
                registration,
                ..addon
            },
        );
        // Whoever was faster decided something newer, which counts.
        self.store
            .change_rights(held.version, &[RightsChange::Addon(row)])
            .await?;
        Ok(())
    }

    /// Tells it of its life. Nobody's answer decides over anything here.
    async fn tell(
        &self,
        mut extension: StoredExtension,
        event: Event,
        base: &str,
    ) -> Result<bool, ExtensionError> {
        let text = match extension.descriptor.as_str() {
            "" => &extension.wished,
            text => text,
        };
        let known = self.kept(&extension, text)?;
        if hook(&known, event).is_some() && !self.lease(&mut extension).await? {
            return Ok(false);
        }
        match self.post(&extension, &known, (event, None), base).await {
            Ok(()) => {
                if hook(&known, event).is_some() {
                    self.note_hook(&extension, event, Outcome::Done);
                }
                self.update(&extension.key, |kept| {
                    // What begins anew has not been told anything.
                    if kept.installed == extension.installed {
                        told(kept, event, "");
                    }
                })
                .await?;
                Ok(true)
            }
            Err(Untold::Hub(error)) => Err(error),
            Err(Untold::Extension(error)) => {
                let trouble = format!("it was not told that it is {}: {}", event.word(), chain(&error));
                self.note_hook(&extension, event, Outcome::NotTaken);
                let attempts = extension.attempts + 1;
                let again = self.now().plus(self.options.again * attempts);
                self.update(&extension.key, |extension| {
                    put_to_rest(extension, &trouble);
                    (extension.attempts, extension.not_before) = (attempts, Some(again));
                })
                .await?;
                Ok(false)
            }
        }
    }

    /// Writes down whether an extension was told of its life.
    fn note_hook(&self, extension: &StoredExtension, event: Event, outcome: Outcome) {
        let verb = match outcome {
            Outcome::Done => "was told",
            Outcome::NotTaken | Outcome::Refused(_) => "was not told",
        };
        let said = format!("addon:{} {verb} that it is {}", extension.key, event.word());
        self.note("addon.tell", outcome, said);
    }

    /// Posts a hook, signed as its event is.
    async fn post(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
        (event, secret): (Event, Option<&SharedSecret>),
        base: &str,
    ) -> Result<(), Untold> {
        let Some(url) = hook(known, event) else {
            return Ok(());
        };
        let client_key = self.client_key().await?;
        let target = target(url);
        let call = Call {
            request: CanonicalInput {
                method: "POST",
                target: &target,
                base: Some(known.descriptor.base_url.as_str()),
                form: None,
            },
            issuer: &client_key,
            subject: None,
            now: self.now().as_micros() / 1_000_000,
        };
        let token = if event.is_signed_by_install_key() {
            let key = self.install_key().await?;
            sign_install(&call, &key).map_err(ExtensionError::from)?
        } else {
            self.signed(extension, &call).await?
        };
        let context = SecurityContext {
            key: &extension.key,
            client_key: &client_key,
            oauth_client_id: &extension.client,
            base_url: base,
            display_url: None,
            product_type: &self.options.product_type,
            description: "a hub for software delivery",
        };
        let body = context.body(event, secret).to_string();
        self.outside
            .post(url, &token, body)
            .await
            .map_err(Untold::Extension)
    }

    /// A token of the hub for a call to an extension, signed with the secret that counts.
    pub(super) async fn signed(
        &self,
        extension: &StoredExtension,
        call: &Call<'_>,
    ) -> Result<String, ExtensionError> {
        let secret = self.shared_secret(&extension.key, &extension.current).await?;
        let secret = secret.ok_or_else(|| ExtensionError::NotThere(extension.key.clone()))?;
        sign_call(call, &secret)
            .map_err(|_| ExtensionError::Outside(OutsideError::Address("has no canonical form")))
    }
}

/// Why a hook was not posted.
enum Untold {
    /// The extension's fault.
    Extension(OutsideError),
    /// The hub's own.
    Hub(ExtensionError),
}

impl From<ExtensionError> for Untold {
    fn from(error: ExtensionError) -> Self {
        Self::Hub(error)
    }
}

/// A descriptor that was agreed to is what the hub goes by.
fn in_force(extension: &mut StoredExtension, agreed: &str) {
    if extension.wished == agreed {
        extension.descriptor = std::mem::take(&mut extension.wished);
    }
}

/// It was told of its life, or will not be.
fn told(extension: &mut StoredExtension, event: Event, trouble: &str) {
    put_to_rest(extension, trouble);
    event.word().clone_into(&mut extension.told);
    if event == Event::Uninstalled {
        extension.installed.clear();
    }
}

/// Nothing is under way with it, and this is its trouble.
fn put_to_rest(extension: &mut StoredExtension, trouble: &str) {
    extension.attempts = 0;
    extension.not_before = None;
    extension.trouble = trouble.chars().take(LONGEST_TROUBLE).collect();
}

fn hook(known: &KnownDescriptor, event: Event) -> Option<&Url> {
    let lifecycle = &known.descriptor.lifecycle;
    match event {
        Event::Installed => lifecycle.installed.as_ref(),
        Event::Enabled => lifecycle.enabled.as_ref(),
        Event::Disabled => lifecycle.disabled.as_ref(),
        Event::Uninstalled => lifecycle.uninstalled.as_ref(),
    }
}

/// Path and query of an address, as they are sent.
pub(super) fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
