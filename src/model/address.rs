//! Addresses as people see them, and where secrets may be sent without encryption.

/// The address without a login that it carries: user and password over `http`, a password elsewhere.
pub fn without_login(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((login, host)) = authority.rsplit_once('@') else {
        return address.to_owned();
    };
    let is_secret = scheme.to_ascii_lowercase().starts_with("http") || login.contains(':');
    match is_secret {
        true => format!("{scheme}://***@{host}{path}"),
        false => address.to_owned(),
    }
}

/// Whether a host is this very computer, where nobody else reads along; an address of version 6 with or without brackets.
pub fn is_this_computer(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_an_address_is_shown_without_its_login() {
        for (address, shown) in [
            ("https://user:pw@host/x.git", "https://***@host/x.git"),
            ("HTTP://token@host", "HTTP://***@host"),
            ("ssh://git:pw@host/x", "ssh://***@host/x"),
            ("ssh://git@host/x", "ssh://git@host/x"),
            ("https://host/@scope/x", "https://host/@scope/x"),
            ("git@host:x", "git@host:x"),
            ("/a@b/c", "/a@b/c"),
        ] {
            assert_eq!(without_login(address), shown);
        }
    }

    #[test]
    fn this_computer_is_its_loopback_only() {
        for host in ["localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"] {
            assert!(is_this_computer(host), "{host}");
        }
        for host in [
            "",
            "localhost.example",
            "10.0.0.1",
            "[fe80::1]",
            "127.0.0.1.example",
        ] {
            assert!(!is_this_computer(host), "{host}");
        }
    }
}
