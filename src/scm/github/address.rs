//! Addresses: of repositories, of the origins they are at, and of their APIs.

use reqwest::Url;

use crate::model::address::is_this_computer;

/// A repository as its address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// In small letters.
    pub(super) host: String,
    /// For http and https, where the port tells one server from another.
    port: Option<u16>,
    /// Its owner.
    pub(super) owner: String,
    /// Its name.
    pub(super) name: String,
}

impl Place {
    /// `None` for addresses that are none of a forge.
    pub(super) fn of(address: &str) -> Option<Self> {
        let (host, port, path) = match Url::parse(address) {
            Ok(url) => {
                let is_web = matches!(url.scheme(), "http" | "https");
                if !is_web && !matches!(url.scheme(), "ssh" | "git+ssh" | "ssh+git") {
                    return None;
                }
                let port = is_web.then(|| url.port_or_known_default()).flatten();
                (url.host_str()?.to_owned(), port, url.path().to_owned())
            }
            Err(_) => {
                let (host, path) = address.split_once(':')?;
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                (host.to_owned(), None, path.to_owned())
            }
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let (owner, name) = path.split_once('/')?;
        let is_name = |part: &str| !part.is_empty() && !part.contains('/');
        (is_name(owner) && is_name(name) && !host.is_empty()).then(|| Self {
            host: host.to_ascii_lowercase(),
            port,
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether it is at this origin; the port of ssh is nobody's.
    pub(super) fn is_at(&self, origin: &Url) -> bool {
        let has_host = origin.host_str().is_some_and(|host| host == self.host);
        has_host
            && self
                .port
                .is_none_or(|port| origin.port_or_known_default() == Some(port))
    }
}

/// `https://host` or `https://host:port`.
pub(super) fn origin(text: &str) -> Result<Url, String> {
    let url = origin_with_path(text)?;
    match url.path() {
        "/" => Ok(url),
        _ => Err(format!(
            "`{url}` is more than an origin, `https://host` or `https://host:port`"
        )),
    }
}

/// An address that a token may be sent to.
pub(super) fn origin_with_path(text: &str) -> Result<Url, String> {
    let wrong = |because: &str| {
        let shown = text.rsplit('@').next().unwrap_or_default();
        let shown: String = shown.escape_debug().take(200).collect();
        format!("`{shown}` {because}")
    };
    let url = Url::parse(text).map_err(|_| wrong("is no address"))?;
    let host = url.host_str().unwrap_or_default();
    if url.scheme() != "https" && !(url.scheme() == "http" && is_this_computer(host)) {
        return Err(wrong("must begin with https://: a token is sent there"));
    }
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must have no login, query or fragment"));
    }
    Ok(url)
}

/// Where GitHub has its API.
pub(super) fn usual_api(origin: &Url) -> Url {
    let mut api = origin.clone();
    if origin.host_str() == Some("github.com") {
        // A host name that is one already.
        let _ = api.set_host(Some("api.github.com"));
    } else {
        api.set_path("/api/v3");
    }
    api
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_at_its_origin_however_it_is_addressed() {
        let github = origin("https://github.com").unwrap();
        let other = origin("https://github.example:8443").unwrap();
        for address in [
            "https://github.com/acme/app.git",
            "https://github.com/acme/app/",
            "ssh://git@github.com:22/acme/app",
            "git@GitHub.com:acme/app.git",
        ] {
            let place = Place::of(address).unwrap();
            assert_eq!(
                (place.owner.as_str(), place.name.as_str()),
                ("acme", "app"),
                "{address}"
            );
            assert!(place.is_at(&github) && !place.is_at(&other), "{address}");
        }
        assert!(
            Place::of("https://github.example:8443/a/b")
                .unwrap()
                .is_at(&other)
        );
        assert!(!Place::of("https://github.example/a/b").unwrap().is_at(&other));
        for address in [
            "file:///srv/acme/app",
            "/srv/acme/app",
            "https://github.com/acme",
            "https://github.com/a/b/c",
            "git://github.com/acme/app",
            "",
        ] {
            assert_eq!(Place::of(address), None, "{address}");
        }
    }

    #[test]
    fn f4_a_token_is_sent_nowhere_in_clear() {
        assert_eq!(
            usual_api(&origin("https://github.com").unwrap()).as_str(),
            "https://api.github.com/"
        );
        let own = origin("https://github.example").unwrap();
        assert_eq!(usual_api(&own).as_str(), "https://github.example/api/v3");
        for wrong in [
            "http://github.example",
            "ftp://x",
            "github.com",
            "https://user:CANARY@github.com",
            "https://github.com/acme",
            "https://github.com?x=1",
        ] {
            let error = origin(wrong).unwrap_err();
            assert!(!error.contains("CANARY"), "{error}");
        }
        assert!(origin("http://127.0.0.1:8080").is_ok());
    }
}
