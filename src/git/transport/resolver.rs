//! Names to addresses, with the rule about private places applied to what the name resolved to (threat H4).
//!
//! The addresses that were checked are the ones connected to: there is no second look-up to win a race with.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use crate::git::address::AddressPolicy;

/// A name led only to places that are not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{because}")]
pub(super) struct RefusedHost {
    /// The rule.
    pub(super) because: &'static str,
}

/// Resolves and keeps what the policy allows.
pub(super) async fn allowed_addresses(
    host: &str,
    port: u16,
    policy: AddressPolicy,
) -> io::Result<Result<Vec<SocketAddr>, RefusedHost>> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in tokio::net::lookup_host((host, port)).await? {
        match policy.check_ip(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(because) => refused = Some(RefusedHost { because }),
        }
    }
    match refused {
        Some(refused) if allowed.is_empty() => Ok(Err(refused)),
        Some(_) | None => Ok(Ok(allowed)),
    }
}

/// The resolver of the http client.
pub(super) struct GuardedResolver {
    pub(super) policy: AddressPolicy,
    /// The operator's proxy: configured, not taken from an address, so it may be anywhere.
    pub(super) proxy_host: Option<String>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let policy = if self.proxy_host.as_deref() == Some(host.as_str()) {
            AddressPolicy::LOCAL
        } else {
            self.policy
        };
        Box::pin(async move {
            let addresses = allowed_addresses(&host, 0, policy).await??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn h4_a_name_that_leads_to_this_machine_is_refused_when_resolved() {
        let refused = allowed_addresses("localhost", 80, AddressPolicy::PUBLIC_ONLY)
            .await
            .unwrap();
        assert!(refused.unwrap_err().because.contains("private network"));
        let allowed = allowed_addresses("localhost", 80, AddressPolicy::TEAM)
            .await
            .unwrap();
        assert!(!allowed.unwrap().is_empty());
    }
}
