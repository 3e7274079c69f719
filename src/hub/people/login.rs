//! A program on a person's computer gets a key by their sign-in (wire protocol 16): the original's command line, and whatever does as it does.
//!
//! The program opens the page in the person's browser with a challenge, the SHA-256 of what it alone knows. Who is signed in and says so
//! there lets it have a key: the browser brings it a code at an address of the same computer, and nowhere else. With the code and what it
//! alone knows it gets a token, and with the token one key ([`super::login_graph`]). Code and token are random, kept as digests, count
//! once, and end soon.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::access::operations::{MACHINE_SCOPES, Operation};
use super::super::refusal::Refusal;
use super::cookie::{Manner, unsafe_place};
use super::face::{form, page, page_with, paragraph};
use super::guard::{FIELD, fields};
use super::operations::PeopleOperation;
use super::session::is_fresh;
use super::{Viewer, sign_in_place};
use crate::access::handed::{Handed, digest_of};
use crate::ports::hub::{LoginStep, StoredLogin};
use crate::ports::people::PersonState;

/// Largest request of a program, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// The page of the browser.
const PAGE: &str = "/v2/auth/login";

/// How the token of a program begins, so that it is taken for no key.
pub(super) const TOKEN: &str = "hub_login_";

/// How long a code counts.
const CODE_COUNTS: Duration = Duration::from_secs(2 * 60);

/// How long a token counts.
const TOKEN_COUNTS: Duration = Duration::from_secs(10 * 60);

/// Most programs that are on their way at a time.
const MOST_UNDER_WAY: u32 = 10_000;

/// Longest of what a program says, in bytes.
const LONGEST: usize = 200;

/// What a program wants, as its address says it.
#[derive(Debug, Default, Deserialize)]
pub(in super::super) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default, rename = "redirect-uri")]
    redirect: String,
    #[serde(default, rename = "code-challenge")]
    challenge: String,
}

/// The same, checked.
#[derive(Debug)]
struct Wanted {
    state: String,
    back: Url,
    challenge: String,
}

impl Asked {
    fn of_form(body: &[u8]) -> Self {
        let sent = fields(body);
        let field = |name: &str| {
            let found = sent.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            state: field("state"),
            redirect: field("redirect-uri"),
            challenge: field("code-challenge"),
        }
    }

    fn checked(self) -> Result<Wanted, Refusal> {
        let wrong = |because: &str| Refusal::bad("invalid_argument", because.to_owned());
        let is_plain = |text: &str| {
            !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_plain(&self.state) {
            return Err(wrong("`state` is missing, or too long"));
        }
        let is_digest =
            self.challenge.len() == 64 && self.challenge.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            return Err(wrong("`code-challenge` must be a SHA-256 in hexadecimal"));
        }
        let back = Url::parse(&self.redirect).ok().filter(is_on_this_computer);
        let back = back.filter(|_| self.redirect.len() <= LONGEST);
        let back =
            back.ok_or_else(|| wrong("`redirect-uri` must be an http address of your own computer"))?;
        Ok(Wanted {
            state: self.state,
            back,
            challenge: self.challenge.to_ascii_lowercase(),
        })
    }
}

/// Whether an address is one of the computer on which the browser is. A name could lead elsewhere.
fn is_on_this_computer(url: &Url) -> bool {
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
    let is_plain = url.username().is_empty() && url.password().is_none();
    url.scheme() == "http" && is_loopback && is_plain && url.query().is_none() && url.fragment().is_none()
}

/// `GET /v2/auth/providers`: with what programs sign in, which is this hub.
pub(in super::super) async fn list(State(hub): State<Hub>, headers: HeaderMap) -> Json<Value> {
    let address = hub.address_for(&headers);
    Json(
        json!([{"id": "hub", "display_name": format!("Sign in at {address}"), "login_url": format!("{address}{PAGE}")}]),
    )
}

/// `GET /v2/auth/login`: says in the browser what a program wants.
pub(in super::super) async fn look(
    State(hub): State<Hub>,
    viewer: Option<Viewer>,
    Query(asked): Query<Asked>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if Manner::of(&hub, &headers).is_none() {
        let said = paragraph(unsafe_place().message());
        return Ok(page(StatusCode::FORBIDDEN, "Signing in is not safe here", &said));
    }
    let wanted = match asked.checked() {
        Ok(wanted) => wanted,
        Err(refusal) => {
            return Ok(page(
                refusal.status(),
                "This cannot be meant",
                &paragraph(refusal.message()),
            ));
        }
    };
    let here = uri.path_and_query().map_or(PAGE, |place| place.as_str());
    let again = sign_in_place(here);
    let Some(viewer) = viewer else {
        return Ok((StatusCode::SEE_OTHER, [(LOCATION, again)]).into_response());
    };
    let mut content = paragraph(&format!(
        "A program on this computer wants a key of {} ({}). It can then do as you for 90 days what the key is limited to: {}. Go on only \
         if you have just started it, for example by `atomist config`. You can revoke the key on the page of your keys at any time.",
        viewer.person.name,
        viewer.person.id,
        MACHINE_SCOPES.join(", ")
    ));
    content += &match is_fresh(&viewer.session, hub.now()) {
        true => form(
            PAGE,
            &[
                (FIELD, viewer.anti_forgery()),
                ("state", &wanted.state),
                ("redirect-uri", wanted.back.as_str()),
                ("code-challenge", &wanted.challenge),
            ],
            "Let it have a key",
        ),
        false => format!(
            "<p>For this you must have signed in less than 15 minutes ago: <a href=\"{again}\">sign in again</a>.</p>\n"
        ),
    };
    let origin = wanted.back.origin().ascii_serialization();
    Ok(page_with(
        StatusCode::OK,
        "A program wants a key",
        &content,
        &[origin],
    ))
}

/// `POST /v2/auth/login`: lets it have one. The browser brings it the code.
pub(in super::super) async fn allow(
    State(hub): State<Hub>,
    viewer: Viewer,
    body: Bytes,
) -> Result<Response, Refusal> {
    viewer
        .caller()
        .may_at_hub(Operation::People(PeopleOperation::AllowLogin))?;
    let wanted = Asked::of_form(&body).checked()?;
    let code = hub
        .keep_login(
            LoginStep::Allowed,
            &viewer.person.id,
            &wanted.challenge,
            CODE_COUNTS,
        )
        .await?;
    let mut back = wanted.back;
    back.query_pairs_mut()
        .append_pair("code", code.text.expose_secret())
        .append_pair("state", &wanted.state);
    let headers = [
        (LOCATION, back.to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// What a program shows that it is who asked.
#[derive(Deserialize)]
pub(in super::super) struct Shown {
    code: String,
    verifier: String,
    grant_type: String,
}

/// `POST /v2/auth/token`: the token for the code.
pub(in super::super) async fn prove(State(hub): State<Hub>, body: Bytes) -> Result<Response, Refusal> {
    let shown: Shown = serde_json::from_slice(&body).map_err(|_| {
        Refusal::bad(
            "malformed_body",
            "`code`, `verifier` and `grant_type` are missing",
        )
    })?;
    if shown.grant_type != "pkce" {
        return Err(Refusal::bad(
            "unsupported_grant_type",
            "`grant_type` must be `pkce`",
        ));
    }
    let person = hub.person_of_program(&shown).await?;
    let token = hub
        .keep_login(LoginStep::Proven, &person, "", TOKEN_COUNTS)
        .await?;
    let answer = json!({
        "access_token": format!("{TOKEN}{}", token.text.expose_secret()), "token_type": "Bearer", "expires_in": TOKEN_COUNTS.as_secs(),
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// What only the program knows, as it was told of it.
fn challenge_of(verifier: &str) -> String {
    hex::encode(digest(&SHA256, verifier.as_bytes()))
}

impl Hub {
    /// Keeps a program on its way; what it must bring.
    async fn keep_login(
        &self,
        step: LoginStep,
        person: &str,
        challenge: &str,
        counts: Duration,
    ) -> Result<Handed, Refusal> {
        let handed = Handed::fresh().map_err(|_| Refusal::busy("there is no randomness", 5))?;
        let now = self.shared_now();
        let login = StoredLogin {
            digest: handed.digest.clone(),
            step,
            person: person.to_owned(),
            challenge: challenge.to_owned(),
            expires: now.plus(counts),
        };
        match self.store().keep_login(&login, MOST_UNDER_WAY, now).await? {
            true => Ok(handed),
            false => Err(Refusal::busy("too many people sign in at once", 30)),
        }
    }

    /// The person whose program shows this.
    async fn person_of_program(&self, shown: &Shown) -> Result<String, Refusal> {
        let taken = self.taken_login(&shown.code, LoginStep::Allowed).await?;
        let is_same = |login: &StoredLogin| {
            let challenge = challenge_of(&shown.verifier);
            verify_slices_are_equal(login.challenge.as_bytes(), challenge.as_bytes()).is_ok()
        };
        let login = taken.filter(is_same);
        login.map(|login| login.person).ok_or_else(|| self.no_login())
    }

    /// The person whose program brings this token, which counts no more.
    ///
    /// # Errors
    /// It does not count, or the person is suspended.
    pub(super) async fn person_of_token(&self, token: &str) -> Result<String, Refusal> {
        let taken = self.taken_login(token, LoginStep::Proven).await?;
        let person = taken.map(|login| login.person).ok_or_else(|| self.no_login())?;
        let known = self.store().person(&person).await?;
        match known.is_some_and(|known| known.state == PersonState::Active) {
            true => Ok(person),
            false => Err(self.no_login()),
        }
    }

    /// What was kept under this, if it still counts.
    async fn taken_login(&self, text: &str, step: LoginStep) -> Result<Option<StoredLogin>, Refusal> {
        if text.len() > LONGEST {
            return Ok(None);
        }
        let taken = self.store().take_login(&digest_of(text)).await?;
        let now = self.shared_now();
        Ok(taken.filter(|login| login.step == step && login.expires > now))
    }

    fn no_login(&self) -> Refusal {
        let refusal = Refusal::unauthorized(
            "invalid_credentials",
            "this does not count, or not any more; begin again",
        );
        self.guessed(Guessed::Token, refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(redirect: &str, challenge: &str) -> Asked {
        Asked {
            state: "s".to_owned(),
            redirect: redirect.to_owned(),
            challenge: challenge.to_owned(),
        }
    }

    #[test]
    fn h3_codes_go_to_the_same_computer_and_nowhere_else() {
        let challenge = "a".repeat(64);
        for own in ["http://127.0.0.1:2000/callback", "http://[::1]:2000/callback"] {
            assert!(asked(own, &challenge).checked().is_ok(), "{own}");
        }
        for other in [
            "http://evil.example/callback",
            "https://127.0.0.1/callback",
            "http://127.0.0.1@evil.example/callback",
            "http://me:x@127.0.0.1/callback",
            "http://127.0.0.1.evil.example/",
            "http://localhost:2000/callback",
            "http://127.0.0.1:2000/callback?code=1",
            "http://127.0.0.1:2000/callback#x",
            "javascript:alert(1)",
            "",
        ] {
            assert!(asked(other, &challenge).checked().is_err(), "{other}");
        }
    }

    #[test]
    fn a_challenge_is_what_the_original_makes_of_its_verifier() {
        assert_eq!(
            challenge_of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        for wrong in ["", "abc", &"g".repeat(64)] {
            assert!(asked("http://127.0.0.1:1/", wrong).checked().is_err(), "{wrong}");
        }
    }
}
