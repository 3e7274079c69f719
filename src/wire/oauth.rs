//! Signing in with another system (security model 10.7, threat F7): the way out with PKCE and `state`, and the way back.
//!
//! What is remembered between the two is bound to the browser that began, counts once, and ends after ten minutes. Where the
//! browser goes afterwards is a place of the hub and nothing else.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Seconds between the way out and the way back.
pub const LIFETIME: i64 = 600;

/// Random bytes of a state and of a verifier.
const RANDOM: usize = 32;

/// Longest code that a provider gives.
const LONGEST_CODE: usize = 512;

/// Longest place to go afterwards.
const LONGEST_PLACE: usize = 500;

/// A system that people sign in with.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Where a browser is sent.
    pub authorize_url: Url,
    /// Who the hub is there.
    pub client_id: String,
    /// The one address to come back to; providers compare it whole.
    pub redirect_url: Url,
}

/// What is remembered of a sign-in that began. It is stored under the digest of its state, never under the state.
#[derive(Clone)]
pub struct Begun {
    /// Digest of the state.
    pub state_digest: String,
    /// Digest of what the browser holds.
    pub browser_digest: String,
    /// Proves to the provider that who comes back is who went out.
    pub verifier: SecretString,
    /// Where to go afterwards.
    pub place: String,
    /// Scopes that are asked for.
    pub scopes: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Begun")
            .field("place", &self.place)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The beginning of a sign-in.
#[derive(Debug)]
pub struct Beginning {
    /// Where the browser is sent.
    pub url: Url,
    /// What the browser must hold, in a cookie of its own.
    pub browser: SecretString,
    /// What the hub remembers.
    pub begun: Begun,
}

/// Why somebody who comes back is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotBack {
    /// The state is missing, or of another sign-in.
    #[error("this is not the sign-in that began here; begin again")]
    OtherState,
    /// Another browser began.
    #[error("the sign-in began in another browser; begin again")]
    OtherBrowser,
    /// It took too long.
    #[error("the sign-in took longer than ten minutes; begin again")]
    TooLate,
    /// The provider gave no code.
    #[error("the other side did not let you in")]
    Denied,
    /// A parameter is missing, repeated or too long.
    #[error("the answer of the other side makes no sense")]
    Malformed,
    /// Randomness cannot be had.
    #[error("the cryptographic library failed")]
    Library,
}

/// What a browser brings back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The state.
    pub state: String,
    /// What is exchanged for a token.
    pub code: Result<String, ()>,
}

/// Begins a sign-in.
///
/// # Errors
/// [`NotBack::Library`].
pub fn begin(provider: &Provider, scopes: &[&str], place: &str, now: i64) -> Result<Beginning, NotBack> {
    let (state, verifier, browser) = (random()?, random()?, random()?);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose_secret().as_bytes()));
    let mut url = provider.authorize_url.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", provider.redirect_url.as_str())
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", state.expose_secret())
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let begun = Begun {
        state_digest: digest_of(state.expose_secret()),
        browser_digest: digest_of(browser.expose_secret()),
        verifier,
        place: local_place(place).to_owned(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires: now.saturating_add(LIFETIME),
    };
    Ok(Beginning { url, browser, begun })
}

/// Reads the parameters of the way back.
///
/// # Errors
/// One is missing, repeated, or too long.
pub fn returned(query: &[(String, String)]) -> Result<Returned, NotBack> {
    let one = |name: &str| {
        let mut mine = query
            .iter()
            .filter(|(own, _)| own == name)
            .map(|(_, value)| value);
        match (mine.next(), mine.next()) {
            (found, None) => Ok(found.filter(|value| value.len() <= LONGEST_CODE).cloned()),
            (_, Some(_)) => Err(NotBack::Malformed),
        }
    };
    let state = one("state")?.ok_or(NotBack::OtherState)?;
    let code = match (one("code")?, one("error")?) {
        (Some(code), None) => Ok(code),
        (None, Some(_)) => Err(()),
        _ => return Err(NotBack::Malformed),
    };
    Ok(Returned { state, code })
}

/// The digest under which what was remembered is found.
pub fn digest_of(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

impl Begun {
    /// Ends the sign-in: the code to exchange, with [`Begun::verifier`]. It must have been taken out of the store before, so that
    /// it counts once.
    ///
    /// # Errors
    /// It is another sign-in, another browser, too late, or was denied.
    pub fn end(&self, returned: &Returned, browser: &str, now: i64) -> Result<String, NotBack> {
        if !same(&self.state_digest, &digest_of(&returned.state)) {
            return Err(NotBack::OtherState);
        }
        if !same(&self.browser_digest, &digest_of(browser)) {
            return Err(NotBack::OtherBrowser);
        }
        if now >= self.expires {
            return Err(NotBack::TooLate);
        }
        returned.code.clone().map_err(|()| NotBack::Denied)
    }
}

fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn random() -> Result<SecretString, NotBack> {
    let mut bytes = [0; RANDOM];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NotBack::Library)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
}

/// A place of the hub, or its front page: never another host, whatever a browser makes of slashes (threat H3).
pub fn local_place(text: &str) -> &str {
    let is_local = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= LONGEST_PLACE
        && !text
            .chars()
            .any(|c| c == '\\' || c.is_control() || c.is_whitespace());
    if is_local { text } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600;

    fn provider() -> Provider {
        Provider {
            authorize_url: Url::parse("https://github.example/login/oauth/authorize?allow_signup=false")
                .unwrap(),
            client_id: "client 1".to_owned(),
            redirect_url: Url::parse("https://hub.example.com/auth/callback").unwrap(),
        }
    }

    fn pairs(url: &Url) -> Vec<(String, String)> {
        url.query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    fn value(url: &Url, name: &str) -> String {
        pairs(url).into_iter().find(|(own, _)| own == name).unwrap().1
    }

    fn back(state: &str) -> Returned {
        Returned {
            state: state.to_owned(),
            code: Ok("code-1".to_owned()),
        }
    }

    #[test]
    fn the_way_out_carries_a_challenge_and_a_state_that_are_never_the_same() {
        let beginning = begin(&provider(), &["read:user", "repo"], "/goals?x=1", NOW).unwrap();
        let url = &beginning.url;
        assert_eq!(
            value(url, "redirect_uri"),
            "https://hub.example.com/auth/callback"
        );
        assert_eq!(
            (value(url, "scope").as_str(), value(url, "allow_signup").as_str()),
            ("read:user repo", "false")
        );
        let verifier = beginning.begun.verifier.expose_secret();
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        assert_eq!(value(url, "code_challenge"), challenge);
        assert!(!url.as_str().contains(verifier) && !format!("{:?}", beginning.begun).contains(verifier));
        let again = begin(&provider(), &[], "/", NOW).unwrap();
        assert_ne!(value(url, "state"), value(&again.url, "state"));
        assert_eq!(beginning.begun.state_digest, digest_of(&value(url, "state")));
    }

    #[test]
    fn f7_only_the_browser_that_began_comes_back_and_in_time() {
        let beginning = begin(&provider(), &[], "/", NOW).unwrap();
        let (begun, browser) = (&beginning.begun, beginning.browser.expose_secret());
        let state = value(&beginning.url, "state");
        assert_eq!(
            begun.end(&back(&state), browser, NOW + 599),
            Ok("code-1".to_owned())
        );
        assert_eq!(
            begun.end(&back("foreign"), browser, NOW),
            Err(NotBack::OtherState)
        );
        assert_eq!(
            begun.end(&back(&state), "another", NOW),
            Err(NotBack::OtherBrowser)
        );
        assert_eq!(
            begun.end(&back(&state), browser, NOW + 600),
            Err(NotBack::TooLate)
        );
        let denied = Returned { state, code: Err(()) };
        assert_eq!(begun.end(&denied, browser, NOW), Err(NotBack::Denied));
    }

    #[test]
    fn f7_the_answer_is_read_strictly() {
        let read = |query: &[(&str, &str)]| {
            let query: Vec<_> = query
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            returned(&query)
        };
        assert_eq!(read(&[("code", "code-1"), ("state", "s")]).unwrap(), back("s"));
        assert_eq!(
            read(&[("error", "access_denied"), ("state", "s")]).unwrap().code,
            Err(())
        );
        assert_eq!(read(&[("code", "c")]), Err(NotBack::OtherState));
        for query in [
            &[("state", "s")][..],
            &[("code", "a"), ("code", "b"), ("state", "s")],
            &[("code", "a"), ("state", "s"), ("state", "t")],
            &[("code", "a"), ("error", "x"), ("state", "s")],
        ] {
            assert_eq!(read(query), Err(NotBack::Malformed), "{query:?}");
        }
        let long = "x".repeat(LONGEST_CODE + 1);
        assert_eq!(read(&[("code", &long), ("state", "s")]), Err(NotBack::Malformed));
    }

    #[test]
    fn h3_afterwards_the_browser_goes_to_a_place_of_the_hub() {
        for place in ["/", "/goals/7?x=1#y", "/a//b"] {
            assert_eq!(local_place(place), place);
        }
        let long = format!("/{}", "x".repeat(LONGEST_PLACE));
        for place in [
            "",
            "goals",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:x",
            "/\t/evil",
            "/\n",
            &long,
        ] {
            assert_eq!(local_place(place), "/", "{place}");
        }
    }
}
