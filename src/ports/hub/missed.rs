//! How far back was looked for webhooks that did not arrive.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// How far somebody has looked through what an app has sent in vain, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookBack {
    /// What failed before this was seen to.
    pub mark: Timestamp,
    /// When the look that is not over began.
    pub top: Timestamp,
    /// Where it goes on; it begins with the newest when absent.
    pub place: Option<String>,
}

impl Default for LookBack {
    fn default() -> Self {
        Self {
            mark: Timestamp::from_micros(0),
            top: Timestamp::from_micros(0),
            place: None,
        }
    }
}

/// Looks back for missed webhooks, by the app that sends them.
#[async_trait]
pub trait LookBacks: Send + Sync {
    /// Takes a look back up where it was left, for one hub at a time: nobody else until then; `None` while another has it.
    async fn take_up(
        &self,
        hook: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<LookBack>, HubStoreError>;

    /// Notes how far it went, and until when nobody else takes it up.
    async fn look_on(&self, hook: &str, look: &LookBack, until: Timestamp) -> Result<(), HubStoreError>;
}
