//! Somebody who follows what grows, and is looked at again and again while they do: a stream never outlives the right to it by more
//! than five seconds (threat F1, security model 18).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::Hub;
use super::access::Caller;
use super::extensions::signed::{SignedCall, arrived, as_arrived};
use super::people::BY_ITSELF;
use super::refusal::Refusal;

/// How long somebody is taken for who they were. What is known of rights may be two seconds old, and a stream may rest as long.
const COUNTS: Duration = Duration::from_secs(1);

/// Whoever has opened a stream, with what they came with.
pub(super) struct Follower {
    hub: Hub,
    headers: HeaderMap,
    /// What was proven of them where nothing in the headers proves it again.
    call: Option<SignedCall>,
    looked: Instant,
}

impl Follower {
    /// Whoever sends the request that is being answered, and was looked at just now.
    pub(super) fn new(hub: Hub, headers: &HeaderMap) -> Self {
        let mut headers = headers.clone();
        // A stream that is left open does not keep somebody signed in.
        headers.insert(BY_ITSELF, HeaderValue::from_static("yes"));
        Self {
            hub,
            headers,
            call: arrived(),
            looked: Instant::now(),
        }
    }

    /// Who it is now, where it is time to look; `None` when they were looked at a moment ago.
    ///
    /// # Errors
    /// What they came with is not good any more.
    pub(super) async fn again(&mut self) -> Result<Option<Caller>, Refusal> {
        if self.looked.elapsed() < COUNTS {
            return Ok(None);
        }
        self.looked = Instant::now();
        let caller = self.hub.caller(&self.headers);
        match self.call.clone() {
            Some(call) => as_arrived(call, caller).await.map(Some),
            None => caller.await.map(Some),
        }
    }
}
