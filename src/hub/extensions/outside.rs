//! Requests to addresses that somebody else named (security model 2, threats G7 and H4).
//!
//! A descriptor's address, hooks and webhooks are a stranger's words. They are reached over TLS only, at the ports of the web,
//! and never in the hub's own network unless an administrator listed a part of it. A name is resolved once: the addresses that were
//! checked are the ones connected to, so there is no second look-up to win a race with. No proxy is asked, because it
//! would resolve names by itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use thiserror::Error;

use crate::runtime::causes::causes;
use crate::wire::connect::address::objection;

use super::network::Network;

/// How long a descriptor may take, its redirects included.
const FETCHING: Duration = Duration::from_secs(5);

/// How long a hook may take.
const POSTING: Duration = Duration::from_secs(10);

/// Redirects that are followed, all on one host.
const REDIRECTS: usize = 3;

/// What the hub calls itself.
const AGENT: &str = concat!("sdm-hub/", env!("CARGO_PKG_VERSION"));

/// Which addresses may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideRules {
    /// This computer may be reached, and without TLS: for development alone.
    pub development: bool,
    /// Ports that may be reached; in development any port of this computer.
    pub ports: Vec<u16>,
    /// Networks that may be reached though they are not public.
    pub networks: Vec<Network>,
}

impl Default for OutsideRules {
    fn default() -> Self {
        Self {
            development: false,
            ports: vec![80, 443, 8080],
            networks: Vec::new(),
        }
    }
}

impl OutsideRules {
    /// Why an address that a name led to must not be connected to; `None` when it may.
    pub fn objection(&self, address: IpAddr) -> Option<&'static str> {
        let is_listed = self.networks.iter().any(|network| network.holds(address));
        let is_here = self.development && address.is_loopback();
        objection(address).filter(|_| !is_listed && !is_here)
    }

    /// Whether an address can be asked for, as far as its text says.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url) -> Result<(), OutsideError> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let literal: Option<IpAddr> = bare.parse().ok();
        let is_here = host == "localhost" || literal.is_some_and(|address| address.is_loopback());
        let in_development = self.development && is_here;
        match url.scheme() {
            "https" => {}
            "http" if in_development => {}
            "http" => return Err(OutsideError::Address("must begin with https://")),
            _ => return Err(OutsideError::Address("is no address of the web")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutsideError::Address("must not hold a login"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !in_development && !self.ports.contains(&port) {
            return Err(OutsideError::Port(port));
        }
        let refused = literal.and_then(|address| self.objection(address));
        refused.map_or(Ok(()), |because| Err(OutsideError::Refused { because }))
    }
}

/// Why an address was not asked, or gave nothing.
#[derive(Debug, Error)]
pub enum OutsideError {
    /// Its text.
    #[error("the address {0}")]
    Address(&'static str),
    /// Its port.
    #[error("the address has port {0}, which this hub does not connect to")]
    Port(u16),
    /// Where it leads.
    #[error("the address leads to {because}")]
    Refused {
        /// What is there.
        because: &'static str,
    },
    /// Nobody is there, or they do not speak.
    #[error("the address cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It took too long.
    #[error("the address did not answer within {} seconds", .0.as_secs())]
    TooLong(Duration),
    /// It sent too much.
    #[error("the address sent more than {0} bytes")]
    TooLarge(usize),
    /// It redirects where it must not.
    #[error("the address redirects to another host, or again and again")]
    Redirect,
    /// Its answer.
    #[error("the address answered {0}")]
    Status(StatusCode),
    /// The system has no trust store.
    #[error("http cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// How names become addresses. Tests have names of their own.
#[async_trait]
pub trait Names: Send + Sync {
    /// The addresses of a name.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names of the system.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0))
            .await?
            .map(|address| address.ip())
            .collect())
    }
}

/// A name that led only to places that are not allowed.
#[derive(Debug, Clone, Copy, Error)]
#[error("it leads to {because}")]
struct RefusedHost {
    because: &'static str,
}

struct Guarded {
    rules: OutsideRules,
    names: Arc<dyn Names>,
}

impl Guarded {
    async fn allowed(&self, host: &str) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.names.addresses(host).await?;
        let refused = found.iter().find_map(|address| self.rules.objection(*address));
        let allowed = found
            .iter()
            .filter(|address| self.rules.objection(**address).is_none());
        let allowed: Vec<SocketAddr> = allowed.map(|address| SocketAddr::new(*address, 0)).collect();
        match refused {
            Some(because) if allowed.is_empty() => Err(Box::new(RefusedHost { because })),
            Some(_) | None => Ok(allowed),
        }
    }
}

struct GuardedNames(Arc<Guarded>);

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = guarded.allowed(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What the hub asks of addresses that others named.
#[derive(Clone)]
pub struct Outside {
    rules: OutsideRules,
    client: Client,
}

impl Outside {
    /// By these rules, with the names of the system.
    ///
    /// # Errors
    /// The system has no trust store.
    pub fn new(rules: OutsideRules) -> Result<Self, OutsideError> {
        Self::with_names(rules, Arc::new(SystemNames))
    }

    /// The same with other names.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_names(rules: OutsideRules, names: Arc<dyn Names>) -> Result<Self, OutsideError> {
        let guarded = Guarded {
            rules: rules.clone(),
            names,
        };
        let client = Client::builder()
            .user_agent(AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(FETCHING)
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(Arc::new(GuardedNames(Arc::new(guarded))))
            .build()
            .map_err(OutsideError::Client)?;
        Ok(Self { rules, client })
    }

    /// What these rules are.
    pub fn rules(&self) -> &OutsideRules {
        &self.rules
    }

    /// What an address gives, at most `largest` bytes, and where it was found in the end.
    ///
    /// # Errors
    /// It must not be asked, or gives nothing within its limits.
    pub async fn get(&self, url: &Url, largest: usize) -> Result<(Url, Vec<u8>), OutsideError> {
        match tokio::time::timeout(FETCHING, self.follow(url, largest)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(OutsideError::TooLong(FETCHING)),
        }
    }

    async fn follow(&self, url: &Url, largest: usize) -> Result<(Url, Vec<u8>), OutsideError> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            self.rules.check(&at)?;
            let request = self.client.get(at.clone()).header(ACCEPT, "application/json");
            let response = request.send().await.map_err(why)?;
            if response.status().is_redirection() {
                at = redirected(&at, &response)?;
                continue;
            }
            if !response.status().is_success() {
                return Err(OutsideError::Status(response.status()));
            }
            return Ok((at, body(response, largest).await?));
        }
        Err(OutsideError::Redirect)
    }

    /// Posts JSON with a signed token. Only what answers with success has taken it; nobody is followed anywhere else.
    ///
    /// # Errors
    /// It must not be asked, or did not take it.
    pub async fn post(&self, url: &Url, token: &str, json: String) -> Result<(), OutsideError> {
        self.rules.check(url)?;
        let mut authorization = HeaderValue::from_str(&format!("JWT {token}"))
            .map_err(|_| OutsideError::Address("is no address"))?;
        authorization.set_sensitive(true);
        let request = self
            .client
            .post(url.clone())
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(json);
        match tokio::time::timeout(POSTING, request.send()).await {
            Err(_) => Err(OutsideError::TooLong(POSTING)),
            Ok(Err(error)) => Err(why(error)),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(OutsideError::Status(answer.status())),
        }
    }
}

/// The cause of a failed request; its address may hold what is nobody's business.
fn why(error: reqwest::Error) -> OutsideError {
    let refused = causes(&error).find_map(|cause| cause.downcast_ref::<RefusedHost>());
    match refused {
        Some(RefusedHost { because }) => OutsideError::Refused { because },
        None => OutsideError::Unreachable(error.without_url()),
    }
}

/// Where a redirect leads, if that is on the same host.
fn redirected(from: &Url, response: &Response) -> Result<Url, OutsideError> {
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| from.join(location).ok());
    next.filter(|next| next.origin() == from.origin())
        .ok_or(OutsideError::Redirect)
}

async fn body(mut response: Response, largest: usize) -> Result<Vec<u8>, OutsideError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(why)? {
        if bytes.len() + chunk.len() > largest {
            return Err(OutsideError::TooLarge(largest));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
