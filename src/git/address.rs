//! Addresses of repositories: read once, normalised, compared with a policy (threats A3, B4, H4).
//!
//! Only four protocols exist past this file. Whatever else an address could mean to some program (`ext::`, options in
//! the place of a host, a path that begins with a dash) is refused here, before anything is started or contacted.
//! Begin with [`RemoteAddress::parse`]; [`RemoteAddress::check`] applies what the operator allows.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;
use thiserror::Error;

use super::network::Login;

mod host;
mod parse;
#[cfg(test)]
mod tests;

pub use host::HostClass;

/// Longest address that is looked at, in bytes.
pub const MAX_ADDRESS_LENGTH: usize = 4096;

/// Why an address is not fetched. The address in it never has credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{address}` is not an address that may be fetched: {because}")]
pub struct AddressError {
    /// What can be shown of it.
    pub address: String,
    /// The rule it breaks.
    pub because: String,
}

/// What the operator allows beyond `http(s)` and `ssh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPolicy {
    /// `git://`: no authentication and no protection on the way.
    pub allow_git: bool,
    /// Repositories on this machine: local mode. Off where addresses come from other people.
    pub allow_file: bool,
    /// Hosts of this machine and of private networks. Link-local, metadata, multicast and unspecified addresses stay refused.
    pub allow_private_hosts: bool,
}

impl AddressPolicy {
    /// Local mode: the user's own repositories and whatever they push to.
    pub const LOCAL: Self = Self {
        allow_git: true,
        allow_file: true,
        allow_private_hosts: true,
    };
    /// Team mode inside a customer's network, where the forge is a private host.
    pub const TEAM: Self = Self {
        allow_git: false,
        allow_file: false,
        allow_private_hosts: true,
    };
    /// Addresses that come from strangers.
    pub const PUBLIC_ONLY: Self = Self {
        allow_git: false,
        allow_file: false,
        allow_private_hosts: false,
    };

    /// Whether a connection to this address may be made; asked again when a name has been resolved (threat H4).
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), &'static str> {
        match HostClass::of(ip) {
            HostClass::Public => Ok(()),
            HostClass::Private if self.allow_private_hosts => Ok(()),
            HostClass::Private => {
                Err("it leads to this machine or to a private network, which is not allowed")
            }
            HostClass::Forbidden => Err("it leads to a link-local, multicast or reserved address"),
        }
    }
}

/// Where a login belongs: scheme, host and port, all normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// `http`, `https`, `ssh` or `git`.
    pub scheme: &'static str,
    /// Lower case; IPv6 in brackets.
    pub host: String,
    /// Always explicit.
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.host)?;
        if Some(self.port) == default_port(self.scheme) {
            return Ok(());
        }
        write!(formatter, ":{}", self.port)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "ssh" => Some(22),
        "git" => Some(9418),
        _ => None,
    }
}

/// Where and how, after normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A directory of this machine, absolute.
    File(PathBuf),
    /// `http` or `https`, without user information, query and fragment.
    Http(Url),
    /// A program on another machine.
    Ssh {
        /// Whom to be there.
        user: Option<String>,
        /// Lower case; IPv6 in brackets.
        host: String,
        /// As given.
        port: Option<u16>,
        /// As the other side understands it.
        path: String,
    },
    /// git's own daemon.
    Git {
        /// Lower case; IPv6 in brackets.
        host: String,
        /// 9418 unless given.
        port: u16,
        /// Absolute.
        path: String,
    },
}

/// A repository's address that can be shown and saved: [`fmt::Display`] leaves credentials out.
#[derive(Debug, Clone)]
pub struct RemoteAddress {
    place: Place,
    login: Option<Login>,
}

impl RemoteAddress {
    /// Reads `file://` and absolute paths, `http(s)://`, `ssh://`, `user@host:path` and `git://`.
    ///
    /// A user and password in an `http(s)` address are split off; see [`Self::login`].
    ///
    /// # Errors
    /// Any other protocol, a relative path, control characters, hosts, users and paths that begin with a dash, and
    /// whatever is not an address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        parse::parse(text).map_err(|because| AddressError {
            address: displayable(text),
            because,
        })
    }

    /// Reads an address and applies the policy.
    ///
    /// # Errors
    /// Those of [`Self::parse`] and [`Self::check`].
    pub fn parse_allowed(text: &str, policy: &AddressPolicy) -> Result<Self, AddressError> {
        let address = Self::parse(text)?;
        address.check(policy)?;
        Ok(address)
    }

    /// Applies the policy. A name is checked again once it has been resolved.
    ///
    /// # Errors
    /// A protocol or a host that is not allowed.
    pub fn check(&self, policy: &AddressPolicy) -> Result<(), AddressError> {
        self.broken_rule(policy).map_or(Ok(()), |because| {
            Err(AddressError {
                address: self.to_string(),
                because: because.to_owned(),
            })
        })
    }

    fn broken_rule(&self, policy: &AddressPolicy) -> Option<&'static str> {
        let host = match &self.place {
            Place::File(_) if policy.allow_file => return None,
            Place::File(_) => return Some("addresses on this machine are not allowed"),
            Place::Git { .. } if !policy.allow_git => return Some("the `git` protocol is not allowed"),
            Place::Http(url) => url.host_str().unwrap_or_default(),
            Place::Ssh { host, .. } | Place::Git { host, .. } => host,
        };
        match host::literal(host) {
            Some(ip) => policy.check_ip(ip).err(),
            None if host::is_this_machine(host) && !policy.allow_private_hosts => {
                Some("it names this machine, which is not allowed")
            }
            None => None,
        }
    }

    /// Scheme, host and port; `None` for a place on this machine.
    pub fn origin(&self) -> Option<Origin> {
        let origin = |scheme, host: &str, port| Origin {
            scheme,
            host: host.to_owned(),
            port,
        };
        match &self.place {
            Place::File(_) => None,
            Place::Http(url) => Some(origin_of_url(url)),
            Place::Ssh { host, port, .. } => Some(origin("ssh", host, port.unwrap_or(22))),
            Place::Git { host, port, .. } => Some(origin("git", host, *port)),
        }
    }

    /// The login that came inside the address; it belongs to [`Self::origin`] alone and must not be saved.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The directory, when the address is on this machine.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Http(_) | Place::Ssh { .. } | Place::Git { .. } => None,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// The origin of an `http` or `https` address.
pub(crate) fn origin_of_url(url: &Url) -> Origin {
    let scheme = if url.scheme() == "https" { "https" } else { "http" };
    Origin {
        scheme,
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or_default(),
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(formatter, "{}", path.display()),
            Place::Http(url) => write!(formatter, "{url}"),
            Place::Ssh {
                user,
                host,
                port,
                path,
            } => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let slash = if path.starts_with('/') { "" } else { "/" };
                let home = if slash.is_empty() || path.starts_with('~') {
                    ""
                } else {
                    "~/"
                };
                write!(formatter, "ssh://{user}{host}{port}{slash}{home}{path}")
            }
            Place::Git {
                host,
                port: 9418,
                path,
            } => write!(formatter, "git://{host}{path}"),
            Place::Git { host, port, path } => write!(formatter, "git://{host}:{port}{path}"),
        }
    }
}

/// What of an address that could not be read may be shown: no control characters and nothing before an `@`.
fn displayable(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(200)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    match (shown.find("://"), shown.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}…{}", &shown[..scheme + 3], &shown[at..]),
        (None, Some(at)) => format!("…{}", &shown[at..]),
        _ => shown,
    }
}
