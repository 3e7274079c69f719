//! Reading the address of a repository as people hand it to `git clone` (LO-04), and refusing what only looks like one (threats A2, A3).

use std::net::Ipv6Addr;

use thiserror::Error;

/// An address that may be handed to git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneAddress {
    /// As given.
    pub address: String,
    /// Directory above the repository, or the organisation; empty when the address has none.
    pub owner: String,
    /// The repository's own name, without `.git`.
    pub name: String,
}

/// Why an address is not handed to git.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is not cloned: {because}", address.escape_debug())]
pub struct BadAddress {
    /// The address, without credentials.
    pub address: String,
    /// Why.
    pub because: &'static str,
}

/// Protocols that git may use, also for what the repository refers to.
pub const ALLOWED_PROTOCOLS: &str = "file:git:http:https:ssh";

/// Reads `https://host/owner/name.git`, `ssh://user@host:22/owner/name`, `user@host:owner/name`, or a path.
///
/// # Errors
/// Anything that git could take for an option or a program to run, and addresses with a password in them.
pub fn parse(address: &str) -> Result<CloneAddress, BadAddress> {
    let refused = |because| {
        Err(BadAddress {
            address: address.chars().take(200).collect(),
            because,
        })
    };
    if address.is_empty() || address.len() > 4096 {
        return refused("it must have 1 to 4096 bytes");
    }
    if address.starts_with('-') {
        return refused("it begins with a dash and could be taken for an option");
    }
    if address
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() && c != ' ')
    {
        return refused("it has control characters");
    }
    let path = match address.split_once("://") {
        Some((scheme, rest)) => url_path(scheme, rest),
        None if is_helper(address) => {
            Err("it names a program to run, and only http, https, ssh and paths are cloned")
        }
        None => scp_path(address),
    };
    match path.map(owner_and_name) {
        Ok(Some((owner, name))) => Ok(CloneAddress {
            address: address.to_owned(),
            owner,
            name,
        }),
        Ok(None) => refused("it has no name of a repository at its end"),
        Err(because) => Err(BadAddress {
            address: without_password(address),
            because,
        }),
    }
}

/// `ext::sh -c …`: a word followed by two colons.
fn is_helper(address: &str) -> bool {
    let word = address.split("::").next().unwrap_or_default();
    word.len() < address.len()
        && !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

fn url_path<'a>(scheme: &str, rest: &'a str) -> Result<&'a str, &'static str> {
    match scheme.to_ascii_lowercase().as_str() {
        "file" => {
            return if rest.starts_with('/') {
                Ok(rest)
            } else {
                Err("a file address must name an absolute path")
            };
        }
        "http" | "https" | "ssh" | "git+ssh" | "ssh+git" => {}
        _ => return Err("only http, https, ssh, file and paths are cloned"),
    }
    let (authority, path) = rest.split_once('/').ok_or("it has no path")?;
    check_authority(authority)?;
    Ok(path)
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    let (user, host_and_port) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.contains(':')) {
        return Err("it has a password in it; use a credential helper or an ssh key");
    }
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("its host is not complete")?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| "its host is not an address")?;
            (
                host,
                port.strip_prefix(':')
                    .or(Some(port).filter(|port| !port.is_empty())),
            )
        }
        None => host_and_port
            .split_once(':')
            .map_or((host_and_port, None), |(host, port)| (host, Some(port))),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("its port is not a number");
    }
    check_name(user.unwrap_or("git")).and(check_name(host))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("its host is not complete");
    }
    if name.starts_with('-') {
        return Err("its host or user begins with a dash and could be taken for an option");
    }
    let legal = |c: char| c.is_alphanumeric() || "-._~%+:".contains(c);
    if name.chars().all(legal) {
        Ok(())
    } else {
        Err("its host or user has characters that names do not have")
    }
}

/// `user@host:path` or a path of this computer.
fn scp_path(address: &str) -> Result<&str, &'static str> {
    match address.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            check_authority(host)?;
            if path.starts_with('-') {
                return Err("its path begins with a dash and could be taken for an option");
            }
            if path.contains('@') {
                return Err("it has a password in it; use a credential helper or an ssh key");
            }
            Ok(path)
        }
        _ => Ok(address),
    }
}

fn owner_and_name(path: &str) -> Option<(String, String)> {
    let path = path
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    let path = path
        .strip_suffix("/.git")
        .or_else(|| path.strip_suffix(".git"))
        .unwrap_or(path);
    let mut parts = path
        .trim_end_matches('/')
        .rsplit('/')
        .filter(|part| !part.is_empty());
    let name = parts
        .next()
        .filter(|name| !matches!(*name, "." | "..") && !name.starts_with('-'))?;
    let owner = parts
        .next()
        .filter(|owner| !matches!(*owner, "." | ".." | "~"))
        .unwrap_or_default();
    Some((owner.to_owned(), name.to_owned()))
}

fn without_password(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://…@{}", &address[..scheme], &address[at + 1..])
        }
        (None, Some(at)) => format!("…@{}", &address[at + 1..]),
        _ => address.chars().take(200).collect(),
    }
}
