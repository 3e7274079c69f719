//! Addresses as people see them.

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
}
