//! Posts to extensions what waits for them: each until it is taken, again after a pause that grows, and given up like everything
//! that waits (`sdm hub dead` lists it).

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::super::Hub;
use super::super::machines::deliver::may_hear_of;
use super::known::KnownDescriptor;
use super::listening::{Turn, key_of, queue};
use super::seeing::target;
use super::{ExtensionError, Extensions};
use crate::access::audit::Outcome;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Scope};
use crate::ports::hub::extensions::StoredExtension;
use crate::ports::hub::{Delivery, HubStoreError};
use crate::runtime::causes::chain;
use crate::wire::connect::Call;
use crate::wire::connect::canonical::CanonicalInput;

/// How long a hub has a delivery for itself while it posts it.
const LEASE: Duration = Duration::from_secs(60);

/// Most deliveries that are posted to one extension in a row.
const IN_A_ROW: usize = 100;

/// Longest pause before something is posted again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// What waits, as it was written down.
#[derive(Debug, Deserialize)]
struct Waiting {
    url: String,
    body: Value,
}

/// What has become of what waits first for an extension.
enum Posted {
    /// It has it, or may not hear of it any more.
    Done,
    /// Nothing waits, or it does not listen.
    Nothing,
    /// It did not take it.
    NotTaken,
}

impl Hub {
    /// Posts what waits for extensions, whenever something may.
    pub(in super::super) async fn post_to_extensions(&self) {
        let stop = self.tasks().stop_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.listening().bell.notified() => {}
                // Another hub may have let something wait, and a pause may have ended.
                () = tokio::time::sleep(self.rhythm().look) => {}
            }
            if let Err(error) = self.post_once().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "nothing can be posted to extensions now");
            }
        }
    }

    /// Begins to post to each extension for which something waits, beside those that are being posted to: a slow one holds up nobody.
    async fn post_once(&self) -> Result<(), HubStoreError> {
        let waited_for = self.store().waited_for().await?;
        for key in waited_for.iter().filter_map(|queue| key_of(queue)) {
            if let Some(turn) = self.listening().begin(key) {
                let hub = self.clone();
                self.tasks().spawn(
                    "webhooks of an extension",
                    async move { hub.post_in_turn(turn).await },
                );
            }
        }
        Ok(())
    }

    async fn post_in_turn(&self, turn: Turn) {
        let posted = self.post_to(turn.key()).await;
        drop(turn);
        match posted {
            // Something may have come when it was still this one's turn.
            Ok(true) => self.listening().ring(),
            Ok(false) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "nothing can be posted to an extension now");
            }
        }
    }

    /// Posts to one extension in order, until something is not taken; whether there may be more for it now.
    async fn post_to(&self, key: &str) -> Result<bool, ExtensionError> {
        let mut was_any = false;
        for _ in 0..IN_A_ROW {
            if self.is_stopping() {
                return Ok(false);
            }
            match self.post_one_to(key).await? {
                Posted::Done => was_any = true,
                Posted::Nothing => return Ok(was_any),
                Posted::NotTaken => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Posts what waits first, where its extension listens and may hear of it at that moment.
    async fn post_one_to(&self, key: &str) -> Result<Posted, ExtensionError> {
        let Some((extension, known)) = self.extensions().listens(key).await? else {
            return Ok(Posted::Nothing);
        };
        let (now, session) = (self.now(), self.fresh_id());
        let claimed = self
            .store()
            .claim(&queue(key), &session, 1, now, now.plus(LEASE))
            .await?;
        let Some(delivery) = claimed.into_iter().next() else {
            return Ok(Posted::Nothing);
        };
        if self
            .may_extension_hear_of(&AddonKey::parse(key)?, &delivery)
            .await?
        {
            if let Err(error) = self.extensions().post_event(&extension, &known, &delivery).await {
                self.not_taken((key, &session), &delivery, &error).await?;
                return Ok(Posted::NotTaken);
            }
            self.extensions().note_event(key, &delivery, Outcome::Done);
        } else if self.extensions().listens(key).await?.is_none() {
            // It was switched off meanwhile: what waits is held for it.
            self.store().release(&session, now, self.limits()).await?;
            return Ok(Posted::Nothing);
        } else {
            tracing::info!(extension = key, about = %delivery.what.resource, "an event is not told: it may not be heard of any more");
        }
        self.store()
            .settle(&queue(key), &delivery.what.correlation)
            .await?;
        Ok(Posted::Done)
    }

    /// Whether an extension may hear of what waits for it. What it may not by what was last read is read again first: it may have been
    /// switched on a moment ago, and what is settled here is gone.
    async fn may_extension_hear_of(
        &self,
        key: &AddonKey,
        delivery: &Delivery,
    ) -> Result<bool, HubStoreError> {
        let now = self.now();
        let may = || {
            let bearer = self.rights().bearer_of_addon(key, now);
            bearer.has(Scope::EventsRead.name()) && may_hear_of(&bearer, delivery, now)
        };
        if may() {
            return Ok(true);
        }
        self.rights().refresh(self.store(), now).await?;
        Ok(may())
    }

    /// What an extension did not take waits for a while.
    async fn not_taken(
        &self,
        (key, session): (&str, &str),
        delivery: &Delivery,
        error: &ExtensionError,
    ) -> Result<(), ExtensionError> {
        self.extensions().note_event(key, delivery, Outcome::NotTaken);
        tracing::info!(
            extension = key,
            "an extension did not take an event: {}",
            chain(error)
        );
        let again = self.now().plus(self.extensions().pause(delivery.attempts));
        self.store().release(session, again, self.limits()).await?;
        Ok(())
    }
}

impl Extensions {
    /// An extension that is at work, with the descriptor that is in force.
    async fn listens(&self, key: &str) -> Result<Option<(StoredExtension, KnownDescriptor)>, ExtensionError> {
        let Some(extension) = self.store.extension(key).await? else {
            return Ok(None);
        };
        let held = self.held().await?;
        let addon = held.addons.get(&AddonKey::parse(key)?);
        let is_active = addon.is_some_and(|addon| addon.registration.state == AddonState::Active);
        if !is_active || extension.current.is_empty() || extension.descriptor.is_empty() {
            return Ok(None);
        }
        let known = KnownDescriptor::kept(
            &extension.descriptor,
            &extension.descriptor_url,
            self.is_development(),
        )?;
        Ok(Some((extension, known)))
    }

    /// Posts one event. An address that its descriptor does not name any more gets nothing.
    async fn post_event(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
        delivery: &Delivery,
    ) -> Result<(), ExtensionError> {
        let Ok(waiting) = serde_json::from_str::<Waiting>(&delivery.what.payload) else {
            return Ok(());
        };
        let mut urls = known.descriptor.webhooks.iter().map(|webhook| &webhook.url);
        let Some(url) = urls.find(|url| url.as_str() == waiting.url) else {
            return Ok(());
        };
        let token = self.call_token(extension, known, url).await?;
        Ok(self.outside.post(url, &token, waiting.body.to_string()).await?)
    }

    /// Writes down that an event was refused, and of those that were taken a sample, as of everything that is read.
    fn note_event(&self, key: &str, delivery: &Delivery, outcome: Outcome) {
        let is_sample = self.diary.as_ref().is_some_and(|rights| rights.is_sample());
        let verb = match outcome {
            Outcome::Done if !is_sample => return,
            Outcome::Done => "took",
            Outcome::NotTaken | Outcome::Refused(_) => "did not take",
        };
        let said = format!(
            "addon:{key} {verb} {} {}",
            delivery.what.operation, delivery.what.id
        );
        self.note("events.receive", outcome, said);
    }

    async fn call_token(
        &self,
        extension: &StoredExtension,
        known: &KnownDescriptor,
        url: &Url,
    ) -> Result<String, ExtensionError> {
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
        self.signed(extension, &call).await
    }

    /// How long to wait after so many attempts.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(16));
        self.options.again.saturating_mul(doubled).min(LONGEST_PAUSE)
    }
}
