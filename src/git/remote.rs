//! A repository that is elsewhere and known by its address.

use std::path::Path;

use super::address::{AddressPolicy, Place, RemoteAddress};
use super::identity::slug_of;
use crate::model::Repository;
use crate::ports::scm::ScmError;

/// The repository at an address. Two spellings of one address are one repository: it is known by what is normal.
///
/// # Errors
/// The address may not be fetched, is on this machine, or carries a login, which would then stand in the store.
pub fn repository_at(text: &str, policy: &AddressPolicy) -> Result<Repository, ScmError> {
    let address = RemoteAddress::parse_allowed(text, policy).map_err(|error| ScmError::RefusedAddress {
        address: error.address,
        because: error.because,
    })?;
    let refused = |because: &str| ScmError::RefusedAddress {
        address: address.to_string(),
        because: because.to_owned(),
    };
    let path = match address.place() {
        Place::File(_) => return Err(refused("it is on this machine; name its directory instead")),
        Place::Http(url) => url.path(),
        Place::Ssh { path, .. } | Place::Git { path, .. } => path.as_str(),
    };
    if address.login().is_some() {
        return Err(refused(
            "it carries a login; use git's credential helper or `logins` in the configuration",
        ));
    }
    let shown = address.to_string();
    Ok(Repository {
        key: shown.trim_end_matches('/').to_owned(),
        slug: slug_of(Path::new(path)),
        address: shown,
        default_branch: None,
    })
}

/// The repository at an address from the operator's configuration, which may be a directory of this machine. Whether the
/// address may be fetched is asked when it is.
///
/// # Errors
/// It carries a login.
pub fn repository_of_address(text: &str) -> Result<Repository, ScmError> {
    match repository_at(text, &AddressPolicy::LOCAL) {
        Ok(repository) => Ok(repository),
        Err(_) if text.starts_with("file://") => Ok(Repository {
            key: text.to_owned(),
            slug: slug_of(Path::new(text)),
            address: text.to_owned(),
            default_branch: None,
        }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Repository {
        repository_at(text, &AddressPolicy::LOCAL).unwrap()
    }

    #[test]
    fn an_address_names_its_repository() {
        for (address, slug) in [
            ("https://git.example.com/acme/web.git", "acme/web"),
            ("https://git.example.com/group/acme/web/", "acme/web"),
            ("ssh://git@git.example.com:2222/acme/web.git", "acme/web"),
            ("git@git.example.com:acme/web.git", "acme/web"),
            ("git://git.example.com/web.git", "local/web"),
        ] {
            assert_eq!(at(address).slug.to_string(), slug, "{address}");
        }
    }

    #[test]
    fn a8_two_spellings_are_one_repository() {
        let key = at("https://git.example.com/acme/web.git").key;
        for same in [
            "HTTPS://Git.Example.COM/acme/web.git",
            "https://git.example.com:443/acme/web.git/",
        ] {
            assert_eq!(at(same).key, key, "{same}");
        }
        assert_ne!(at("https://git.example.com/acme/web2.git").key, key);
    }

    #[test]
    fn a3_addresses_with_logins_and_of_this_machine_are_refused() {
        for address in [
            "https://user:CANARY@git.example.com/acme/web.git",
            "file:///srv/web.git",
            "/srv/web.git",
            "ext::sh -c true",
        ] {
            let error = repository_at(address, &AddressPolicy::LOCAL).unwrap_err();
            assert!(matches!(error, ScmError::RefusedAddress { .. }), "{address}");
            assert!(!error.to_string().contains("CANARY"), "{error}");
        }
    }
}
