//! The keys of trusted issuers: found by what the issuer says of itself, read when they are needed, and remembered for minutes.
//!
//! Many jobs begin at once: whoever needs the keys while somebody reads them waits for the same answer. A key that is not there is
//! looked for once more, because issuers change their keys, but not at every stranger's word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::OnceCell;

use super::super::extensions::outside::{Outside, OutsideError};
use crate::model::Timestamp;
use crate::wire::oidc::{KeySet, KeySetError, LARGEST_KEY_SET};

/// Largest description of an issuer in bytes.
const LARGEST_DESCRIPTION: usize = 64 * 1024;

/// How long keys count that were read: a key that an issuer withdraws is taken so long at most.
const COUNT: Duration = Duration::from_secs(10 * 60);

/// Between two looks for a key that was not there, and after one that gave nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Most issuers that are remembered.
const MOST: usize = 500;

/// Why the keys of an issuer cannot be had.
#[derive(Debug, Error)]
pub(in super::super) enum IssuerError {
    /// Its name.
    #[error("the issuer has no address")]
    Address,
    /// It does not answer as it should.
    #[error("the issuer cannot be asked for its keys")]
    Outside(#[from] OutsideError),
    /// What it says of itself.
    #[error("what the issuer says of itself cannot be used: {0}")]
    Description(&'static str),
    /// Its keys.
    #[error("the issuer's keys cannot be used")]
    Keys(#[from] KeySetError),
    /// It was asked a moment ago, and gave nothing.
    #[error("the issuer gave no keys a moment ago")]
    AMomentAgo,
}

/// One reading, which all who need it share.
type Reading = Arc<OnceCell<Arc<KeySet>>>;

#[derive(Debug)]
struct Known {
    reading: Reading,
    /// When the reading was wanted.
    begun: Timestamp,
    /// When it gave nothing.
    failed: Option<Timestamp>,
    /// The keys of the reading before it, and when that was: good until theirs is over, should this one fail.
    before: Option<(Arc<KeySet>, Timestamp)>,
}

impl Known {
    fn new(now: Timestamp) -> Self {
        Self {
            reading: Reading::default(),
            begun: now,
            failed: None,
            before: None,
        }
    }

    /// A reading after this one.
    fn next(&self, now: Timestamp) -> Self {
        let read = self.reading.get().map(|keys| (Arc::clone(keys), self.begun));
        Self {
            before: read.or_else(|| self.before.clone()),
            ..Self::new(now)
        }
    }

    fn has_failed(&self, now: Timestamp) -> bool {
        let is_fresh = self.failed.is_some_and(|at| now.since(at) < LOOK_AGAIN);
        is_fresh && !self.reading.initialized()
    }
}

/// The keys of issuers.
pub(in super::super) struct Issuers {
    outside: Outside,
    known: Mutex<HashMap<String, Known>>,
}

/// Which keys are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those that are known, if they are known.
    Known,
    /// New ones: the key was not among the others.
    New,
}

impl Wanted {
    /// How old a reading may be.
    const fn age(self) -> Duration {
        match self {
            Self::Known => COUNT,
            Self::New => LOOK_AGAIN,
        }
    }
}

impl Issuers {
    /// Reached by the rules for addresses of others.
    pub(in super::super) fn new(outside: Outside) -> Self {
        Self {
            outside,
            known: Mutex::default(),
        }
    }

    /// The keys of an issuer.
    ///
    /// # Errors
    /// They are neither known nor to be had.
    pub(super) async fn keys(
        &self,
        issuer: &str,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, IssuerError> {
        let reading = self.reading(issuer, wanted, now);
        let read = reading.get_or_try_init(async || self.read_now(issuer, now).await);
        let before = || self.before(issuer, now).filter(|_| wanted == Wanted::Known);
        match read.await {
            Ok(keys) => Ok(Arc::clone(keys)),
            Err(error) => before().ok_or(error),
        }
    }

    /// Reads keys, unless that failed a moment ago: whoever waited for it does not ask once more.
    async fn read_now(&self, issuer: &str, now: Timestamp) -> Result<Arc<KeySet>, IssuerError> {
        if self.lock().get(issuer).is_some_and(|known| known.has_failed(now)) {
            return Err(IssuerError::AMomentAgo);
        }
        let read = self.read(issuer).await;
        if let (Err(_), Some(known)) = (&read, self.lock().get_mut(issuer)) {
            known.failed = Some(now);
        }
        read.map(Arc::new)
    }

    /// Keys of an earlier reading that still count.
    fn before(&self, issuer: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        let all = self.lock();
        let (keys, read) = all.get(issuer)?.before.as_ref()?;
        (now.since(*read) < COUNT && *read <= now).then(|| Arc::clone(keys))
    }

    /// The reading to share, a new one where the last does not count any more.
    fn reading(&self, issuer: &str, wanted: Wanted, now: Timestamp) -> Reading {
        let mut all = self.lock();
        let next = match all.get(issuer) {
            // Whoever came at the same time may have looked at the clock before; one that went back makes no keys younger.
            Some(known) if now.since(known.begun) < wanted.age() && known.begun.since(now) < LOOK_AGAIN => {
                return Arc::clone(&known.reading);
            }
            Some(known) => known.next(now),
            None => Known::new(now),
        };
        if all.len() >= MOST {
            all.retain(|_, known| now.since(known.begun) < COUNT);
        }
        let reading = Arc::clone(&next.reading);
        all.insert(issuer.to_owned(), next);
        reading
    }

    async fn read(&self, issuer: &str) -> Result<KeySet, IssuerError> {
        let address = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let address = Url::parse(&address).map_err(|_| IssuerError::Address)?;
        let (_, description) = self.outside.get(&address, LARGEST_DESCRIPTION).await?;
        let place = place_of_keys(issuer, &description)?;
        let (_, keys) = self.outside.get(&place, LARGEST_KEY_SET).await?;
        Ok(KeySet::parse(&keys)?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an issuer says that its keys are. It must call itself as its tokens do: whoever can put a file at an address is not everybody
/// who is there.
fn place_of_keys(issuer: &str, description: &[u8]) -> Result<Url, IssuerError> {
    let said: Value =
        serde_json::from_slice(description).map_err(|_| IssuerError::Description("it is no JSON"))?;
    let text = |field: &str| said.get(field).and_then(Value::as_str);
    if text("issuer") != Some(issuer) {
        return Err(IssuerError::Description("it calls itself by another name"));
    }
    let place = text("jwks_uri").and_then(|text| Url::parse(text).ok());
    place.ok_or(IssuerError::Description("`jwks_uri` is no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_calls_itself_as_its_tokens_do() {
        let said = |text: &str| {
            place_of_keys("https://a.example", text.as_bytes()).map_err(|error| error.to_string())
        };
        let good = said(r#"{"issuer": "https://a.example", "jwks_uri": "https://keys.example/1"}"#);
        assert_eq!(good.unwrap().as_str(), "https://keys.example/1");
        for (text, because) in [
            ("[", "no JSON"),
            ("{}", "another name"),
            (
                r#"{"issuer": "https://a.example/", "jwks_uri": "https://a.example/1"}"#,
                "another name",
            ),
            (r#"{"issuer": "https://a.example"}"#, "no address"),
            (
                r#"{"issuer": "https://a.example", "jwks_uri": "keys"}"#,
                "no address",
            ),
        ] {
            let refused = said(text).unwrap_err();
            assert!(refused.contains(because), "{text}: {refused}");
        }
    }
}
