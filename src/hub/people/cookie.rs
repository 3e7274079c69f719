//! Cookies: their names, and how they are read and set. Over https they are bound to exactly this host and never sent without
//! TLS; plain http is taken from the same computer only.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::model::address::is_this_computer;

/// The cookie of a session.
pub(super) const SESSION: &str = "session";

/// Longest value that is looked at.
const LONGEST: usize = 200;

/// How cookies are set for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Over TLS.
    Secure,
    /// On the same computer; cookies do not tell ports apart, so that their names do.
    Loopback {
        /// The port.
        port: u16,
    },
}

/// What a browser sent under one name.
#[derive(Debug)]
pub(super) enum Sent {
    /// Nothing.
    Nothing,
    /// One value.
    One(SecretString),
    /// More than one, or one that cannot be read.
    Nonsense,
}

impl Manner {
    /// How cookies are set at an address of the hub; `None` where it would not be safe.
    pub(super) fn at(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        match url.scheme() {
            "https" => Some(Self::Secure),
            "http" if is_loopback(&url) => Some(Self::Loopback {
                port: url.port_or_known_default()?,
            }),
            _ => None,
        }
    }

    /// How they are set for somebody who sent these headers.
    pub(super) fn of(hub: &Hub, headers: &HeaderMap) -> Option<Self> {
        Self::at(&hub.address_for(headers))
    }

    fn name(self, cookie: &str) -> String {
        match self {
            Self::Secure => format!("__Host-sdm-{cookie}"),
            Self::Loopback { port } => format!("sdm-{cookie}-{port}"),
        }
    }

    /// What was sent under a name.
    pub(super) fn read(self, cookie: &str, headers: &HeaderMap) -> Sent {
        let name = self.name(cookie);
        let mut found = Vec::new();
        for header in headers.get_all(COOKIE) {
            let Ok(text) = header.to_str() else { continue };
            let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
            found.extend(pairs.filter(|(own, _)| *own == name).map(|(_, value)| value));
        }
        match found.as_slice() {
            [] => Sent::Nothing,
            [value] if is_plain(value) => Sent::One(SecretString::from(*value)),
            _ => Sent::Nonsense,
        }
    }

    /// The header that sets a cookie for so many seconds.
    pub(super) fn set(
        self,
        cookie: &str,
        value: &SecretString,
        seconds: u64,
    ) -> Result<HeaderValue, Refusal> {
        let secure = match self {
            Self::Secure => "; Secure",
            Self::Loopback { .. } => "",
        };
        let name = self.name(cookie);
        let value = value.expose_secret();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        let mut header =
            HeaderValue::from_str(&text).map_err(|_| Refusal::busy("the cookie cannot be set", 5))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The header that takes a cookie away.
    pub(super) fn clear(self, cookie: &str) -> Result<HeaderValue, Refusal> {
        self.set(cookie, &SecretString::from(""), 0)
    }
}

/// Whether nobody on the way to an address reads along: it is over TLS, or on the same computer.
pub(in super::super) fn is_safe(address: &str) -> bool {
    Manner::at(address).is_some()
}

/// Where signing in is not safe.
pub(super) fn unsafe_place() -> Refusal {
    Refusal::forbidden(
        "insecure_address",
        "signing in needs https: put the hub behind a proxy that ends TLS and start it with `--address https://…`, or come from the \
         same computer",
    )
}

fn is_plain(value: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !value.is_empty() && value.len() <= LONGEST && value.chars().all(is_legal)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_this_computer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        headers
    }

    #[test]
    fn plain_http_is_for_the_same_computer() {
        assert_eq!(Manner::at("https://hub.example.org"), Some(Manner::Secure));
        for address in [
            "http://127.0.0.1:2867",
            "http://localhost:2867",
            "http://[::1]:2867",
        ] {
            assert_eq!(
                Manner::at(address),
                Some(Manner::Loopback { port: 2867 }),
                "{address}"
            );
        }
        for address in [
            "http://hub.example.org",
            "http://192.168.1.2:2867",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "nonsense",
        ] {
            assert_eq!(Manner::at(address), None, "{address}");
        }
    }

    #[test]
    fn cookies_are_bound_to_the_host_and_closed_to_scripts() {
        let set = Manner::Secure
            .set(SESSION, &SecretString::from("abc"), 60)
            .unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "__Host-sdm-session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
        );
        let local = Manner::Loopback { port: 1 };
        let set = local.set(SESSION, &SecretString::from("abc"), 60).unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "sdm-session-1=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
        );
    }

    #[test]
    fn a_cookie_counts_once_and_under_its_own_name() {
        let read = |cookies: &[&str]| match Manner::Secure.read(SESSION, &headers(cookies)) {
            Sent::Nothing => "nothing".to_owned(),
            Sent::One(value) => value.expose_secret().to_owned(),
            Sent::Nonsense => "nonsense".to_owned(),
        };
        assert_eq!(read(&["a=b; __Host-sdm-session=abc", "c=d"]), "abc");
        assert_eq!(
            read(&["sdm-session-1=abc; sdm-session=abc; x__Host-sdm-session=abc"]),
            "nothing"
        );
        assert_eq!(
            read(&["__Host-sdm-session=abc; __Host-sdm-session=abd"]),
            "nonsense"
        );
        assert_eq!(
            read(&["__Host-sdm-session=abc", "__Host-sdm-session=abd"]),
            "nonsense"
        );
        assert_eq!(read(&["__Host-sdm-session=\"abc\""]), "nonsense");
        let long = format!("__Host-sdm-session={}", "a".repeat(LONGEST + 1));
        assert_eq!(read(&[&long]), "nonsense");
    }
}
