//! The request that is being answered, wherever somebody wants to write it down: its id, where it comes from, by what, and whose
//! it is.
//!
//! Nobody hands it from function to function. It goes beside the work as a value of the task, so that whatever a request leads to
//! finds it, and what the hub does by itself finds none.

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use super::Hub;
use super::extensions::Network;
use crate::access::audit::Details;
use crate::ports::rights::StoredDeed;

/// The header in which an answer names its request, as the log and the audit do.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The header in which a proxy says for whom it asks; others before it may have said so too.
const FORWARDED: &str = "x-forwarded-for";

/// Longest text of a program that is kept with a change, in characters.
const LONGEST_AGENT: usize = 300;

tokio::task_local! {
    static PEER: IpAddr;
    static NOW: Arc<Asked>;
}

/// A request that is being answered.
#[derive(Debug)]
struct Asked {
    id: String,
    from: Option<IpAddr>,
    user_agent: Option<String>,
    /// Whose it is, as principals are written, once that is known.
    by: Mutex<Option<String>>,
    /// How much of it was refused and written down.
    refusals: AtomicU32,
    /// What is decided about goals by it, as the operation table names it, once that is known.
    decides: Mutex<Option<&'static str>>,
}

fn now() -> Option<Arc<Asked>> {
    NOW.try_with(Clone::clone).ok()
}

/// Id of the request that is being answered; none outside of one.
pub(super) fn request_id() -> Option<String> {
    now().map(|asked| asked.id.clone())
}

/// What the audit log says of the request that is being answered.
pub(super) fn details() -> Details {
    now().map_or_else(Details::default, |asked| Details {
        request_id: Some(asked.id.clone()),
        ip: asked.from,
        user_agent: asked.user_agent.clone(),
        ..Details::default()
    })
}

/// Notes whose request it is.
pub(super) fn is_by(principal: &str) {
    if let Some(asked) = now() {
        *asked.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(principal.to_owned());
    }
}

/// Notes what is decided about goals by the request that is being answered: each decision has a name of its own.
pub(super) fn decides(operation: &'static str) {
    if let Some(asked) = now() {
        *asked.decides.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    }
}

/// What is decided about goals by the request that is being answered.
pub(super) fn decided() -> Option<&'static str> {
    now().and_then(|asked| *asked.decides.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Notes that a refusal was written down.
pub(super) fn was_refused() {
    if let Some(asked) = now() {
        asked.refusals.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many refusals were written down of the request that is being answered.
pub(super) fn refusals() -> u32 {
    now().map_or(0, |asked| asked.refusals.load(Ordering::Relaxed))
}

/// Whose request it is that is being answered.
pub(super) fn whose() -> Option<String> {
    now().and_then(|asked| asked.by.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The request that is being answered, to be kept with what it changes.
pub(super) fn deed() -> Option<StoredDeed> {
    let details = details();
    let agent = details.user_agent.unwrap_or_default();
    Some(StoredDeed {
        who: whose().unwrap_or_default(),
        request: details.request_id?,
        ip: details.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: agent.chars().take(LONGEST_AGENT).collect(),
        noted: None,
    })
}

/// Serves a connection of somebody at an address.
pub(super) fn from_peer<F: Future>(peer: IpAddr, connection: F) -> impl Future<Output = F::Output> {
    PEER.scope(peer, connection)
}

/// Gives every request an id of the hub's own. What a caller calls it is theirs, and could be anything.
pub(super) async fn named<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = hub.fresh_id();
    let header = HeaderValue::from_str(&id);
    let peer = PEER.try_with(|peer| *peer).ok();
    let asked = Arc::new(Asked {
        id,
        from: peer.map(|peer| origin(peer, request.headers(), hub.proxies())),
        user_agent: user_agent(request.headers()),
        by: Mutex::default(),
        refusals: AtomicU32::new(0),
        decides: Mutex::default(),
    });
    let mut response = NOW.scope(asked, next(request)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

/// What whoever calls says that it is; anybody's text.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    value.map(str::to_owned)
}

/// Where a request comes from: whoever connects, or for whom a proxy that is believed says that it asks. What stands before the first
/// address that no such proxy wrote is anybody's text.
fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
    let said = headers.get_all(FORWARDED).iter();
    let said: Vec<&str> = said.filter_map(|value| value.to_str().ok()).collect();
    let mut origin = peer;
    for text in said.join(",").rsplit(',') {
        match text.trim().parse() {
            Ok(before) if is_proxy(origin) => origin = before,
            Ok(_) | Err(_) => break,
        }
    }
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(FORWARDED, HeaderValue::from_str(text).unwrap());
        }
        headers
    }

    #[test]
    fn where_a_request_comes_from_is_believed_of_proxies_that_were_named_alone() {
        let proxies: Vec<Network> = ["10.0.0.0/8", "127.0.0.1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let origin = |peer: &str, headers: &HeaderMap, proxies: &[Network]| {
            origin(peer.parse().unwrap(), headers, proxies).to_string()
        };
        let forged = said(&["203.0.113.9, 198.51.100.7"]);
        assert_eq!(origin("127.0.0.1", &forged, &proxies), "198.51.100.7");
        assert_eq!(origin("192.0.2.1", &forged, &proxies), "192.0.2.1");
        assert_eq!(origin("127.0.0.1", &forged, &[]), "127.0.0.1");
        let chain = said(&["203.0.113.9", "198.51.100.7, 10.1.1.1"]);
        assert_eq!(origin("127.0.0.1", &chain, &proxies), "198.51.100.7");
        let nonsense = said(&["203.0.113.9, unknown"]);
        assert_eq!(origin("127.0.0.1", &nonsense, &proxies), "127.0.0.1");
        assert_eq!(origin("127.0.0.1", &HeaderMap::new(), &proxies), "127.0.0.1");
    }

    #[tokio::test]
    async fn what_the_hub_does_by_itself_has_no_request() {
        is_by("person:ada");
        assert_eq!((request_id(), whose(), deed()), (None, None, None));
        assert_eq!(details(), Details::default());
    }
}
