//! Signing in by a link, and signing out.
//!
//! Looking at a link changes nothing, so that whatever reads links in messages uses none up; the button on its page does.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::asked::user_agent;
use super::super::refusal::Refusal;
use super::Viewer;
use super::administration::OPERATOR;
use super::cookie::{Manner, SESSION, unsafe_place};
use super::face::{form, page, page_with, paragraph};
use super::guard::{FIELD, fields, is_from_here};
use super::providers::ProviderSettings;
use super::session::{LONGEST, anti_forgery, open};
use super::viewer::session_text;
use crate::access::PersonId;
use crate::access::handed::digest_of;
use crate::access::request::Means;
use crate::ports::people::{PersonState, SignIn, StoredIdentity, StoredLink, StoredPerson};
use crate::wire::oauth::local_place;

/// Where somebody signs in.
const PAGE: &str = "/sign-in";

/// Longest link that is looked at.
const LONGEST_LINK: usize = 100;

/// Where somebody signs in who wants to go to a place of the hub afterwards.
pub fn sign_in_place(afterwards: &str) -> String {
    let place = local_place(afterwards);
    let escape = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'/' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let place: String = place.bytes().map(escape).collect();
    format!("{PAGE}?return={place}")
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(in super::super) struct Afterwards {
    #[serde(default, rename = "return")]
    place: Option<String>,
}

impl Afterwards {
    /// Only a place of the hub (threat H3).
    fn place(&self) -> &str {
        self.place.as_deref().map_or("/", local_place)
    }
}

/// `GET /sign-in`.
pub(in super::super) async fn sign_in_page(
    State(hub): State<Hub>,
    viewer: Option<Viewer>,
    Query(afterwards): Query<Afterwards>,
    headers: HeaderMap,
) -> Response {
    if Manner::of(&hub, &headers).is_none() {
        return page(
            StatusCode::FORBIDDEN,
            "Signing in is not safe here",
            &paragraph(unsafe_place().message()),
        );
    }
    // A session that has ended is still sent, and so its token is still asked for.
    let held = session_text(&hub, &headers).ok().flatten();
    let token = held.map(|text| anti_forgery(text.expose_secret()));
    let mut hidden = vec![("return", afterwards.place())];
    hidden.extend(token.as_deref().map(|token| (FIELD, token)));
    let content = match viewer {
        Some(viewer) => {
            let said = format!(
                "You are signed in as {} ({}).",
                viewer.person.name, viewer.person.id
            );
            let token = (FIELD, viewer.anti_forgery());
            paragraph(&said)
                + &form("/sign-out", &[token], "Sign out")
                + &hub.provider_forms(&hidden)
                + &hub.connecting_forms(token)
        }
        None => {
            hub.provider_forms(&hidden)
                + &paragraph(
                    "Or open the link that you were given. Whoever runs the hub makes one with `sdm hub people link`, and invites \
                     people with `sdm hub people invite`.",
                )
        }
    };
    hub.page("Sign in", &content)
}

/// `GET /sign-in/link/{link}`: says who is signed in by it.
pub(in super::super) async fn link_page(
    State(hub): State<Hub>,
    Path(link): Path<String>,
    Query(afterwards): Query<Afterwards>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some(found) = hub.live_link(&link).await? else {
        return Ok(guessed_link(&hub));
    };
    let held = session_text(&hub, &headers)?;
    let token = held.map(|text| anti_forgery(text.expose_secret()));
    let mut hidden = vec![("return", afterwards.place())];
    hidden.extend(token.as_deref().map(|token| (FIELD, token)));
    let said = match &found.invited {
        Some(invited) => format!(
            "You are invited to this hub as {} ({}), with the role {}.",
            invited.name,
            found.person,
            invited.role.word()
        ),
        None => format!("This signs you in as {}.", found.person),
    };
    let mut content = paragraph(&said);
    if !hub.wants_provider(&found) {
        content += &form(&format!("{PAGE}/link/{link}"), &hidden, "Sign in");
    }
    hidden.push(("link", link.as_str()));
    content += &hub.provider_forms(&hidden);
    Ok(hub.page("Sign in", &content))
}

/// `POST /sign-in/link/{link}`: uses the link up.
pub(in super::super) async fn sign_in_by_link(
    State(hub): State<Hub>,
    Path(link): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    is_from_here(&hub, &headers)?;
    let Some(found) = hub.live_link(&link).await? else {
        return Ok(guessed_link(&hub));
    };
    let place = fields(&body)
        .into_iter()
        .find(|(name, _)| name == "return")
        .map_or_else(|| "/".to_owned(), |(_, value)| local_place(&value).to_owned());
    if hub.wants_provider(&found) {
        return Ok(gone());
    }
    let coming = Coming {
        means: "link".to_owned(),
        ..Coming::invited(&found, hub.now())
    };
    match hub.let_in(coming, &headers, &place).await? {
        Some(response) => Ok(response),
        None => Ok(gone()),
    }
}

/// `POST /sign-out`.
pub(in super::super) async fn sign_out(
    State(hub): State<Hub>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = &viewer.session;
    hub.store().end_session(&session.person, &session.id).await?;
    let manner = Manner::of(&hub, &headers).ok_or_else(unsafe_place)?;
    let cookie = manner.clear(SESSION)?;
    Ok((StatusCode::SEE_OTHER, [(SET_COOKIE, cookie)], [(LOCATION, PAGE)]).into_response())
}

/// The answer to somebody whose link does not count: the same whether there was one, and for whoever tries many to wait.
fn guessed_link(hub: &Hub) -> Response {
    let refusal = hub.guessed(Guessed::Link, Refusal::missing_thing("this link does not count"));
    match refusal.status() {
        StatusCode::NOT_FOUND => gone(),
        status => page(status, "Too many links", &paragraph(refusal.message())),
    }
}

fn gone() -> Response {
    let said = "This link was used, has ended, or never was one. Ask for another: whoever runs the hub makes one with `sdm hub people \
                link`.";
    page(
        StatusCode::NOT_FOUND,
        "This link does not count",
        &paragraph(said),
    )
}

/// Somebody who has shown who they are.
#[derive(Debug)]
pub(super) struct Coming {
    /// Who.
    pub(super) person: String,
    /// By what.
    pub(super) means: String,
    /// Digest of the link that is used up.
    pub(super) link: Option<String>,
    /// The person, when there was none before.
    pub(super) makes: Option<StoredPerson>,
    /// Who they are elsewhere, if that is how they came.
    pub(super) identity: Option<StoredIdentity>,
}

impl Hub {
    /// Whether an invitation is for those who show who they are elsewhere: one of an administrator is, where there are providers.
    /// One that was made at the hub's computer lets whoever has it in, so that a hub whose provider is away can be administered.
    fn wants_provider(&self, link: &StoredLink) -> bool {
        link.invited.is_some() && link.made_by != OPERATOR && !self.providers().all().is_empty()
    }

    /// A button for each provider.
    fn provider_forms(&self, hidden: &[(&str, &str)]) -> String {
        let button = |provider: &ProviderSettings| {
            let address = format!("{PAGE}/with/{}", provider.name);
            form(&address, hidden, &format!("Sign in with {}", provider.title))
        };
        self.providers().all().iter().map(button).collect()
    }

    /// A button for each provider, for somebody who says who they are there.
    fn connecting_forms(&self, token: (&str, &str)) -> String {
        let button = |provider: &ProviderSettings| {
            let address = format!("{PAGE}/with/{}", provider.name);
            let hidden = [token, ("connect", "1"), ("return", PAGE)];
            form(
                &address,
                &hidden,
                &format!("Say who you are at {}", provider.title),
            )
        };
        self.providers().all().iter().map(button).collect()
    }

    /// A page whose forms may lead to the providers.
    pub(super) fn page(&self, title: &str, content: &str) -> Response {
        page_with(StatusCode::OK, title, content, &self.providers().origins())
    }

    /// The link of a text, if it counts. Looking for one takes as long as looking for none.
    pub(super) async fn live_link(&self, text: &str) -> Result<Option<StoredLink>, Refusal> {
        if text.len() > LONGEST_LINK {
            return Ok(None);
        }
        let found = self.store().link(&digest_of(text)).await?;
        let now = self.now();
        Ok(found.filter(|link| link.expires > now && PersonId::parse(&link.person).is_ok()))
    }

    /// Opens a session for somebody, in place of the one that the browser had, and leads them to a place of the hub; `None` when the
    /// link was used up meanwhile.
    ///
    /// # Errors
    /// The address is not safe, or the person is suspended.
    pub(super) async fn let_in(
        &self,
        coming: Coming,
        headers: &HeaderMap,
        place: &str,
    ) -> Result<Option<Response>, Refusal> {
        let manner = Manner::of(self, headers).ok_or_else(unsafe_place)?;
        let known = self.store().person(&coming.person).await?;
        if known.is_some_and(|person| person.state == PersonState::Suspended) {
            let means = Means::Session {
                signed_in: self.now(),
            };
            return Err(self.suspended(&coming.person, means, "an administrator has suspended you"));
        }
        let agent = user_agent(headers).unwrap_or_default();
        let opened = open(&coming.person, &coming.means, &agent, self.now())
            .map_err(|_| Refusal::busy("there is no randomness", 5))?;
        let held = session_text(self, headers).ok().flatten();
        let sign_in = SignIn {
            link: coming.link,
            makes: coming.makes,
            identity: coming.identity,
            session: opened.stored,
            replaces: held.map(|text| digest_of(text.expose_secret())),
        };
        if !self.store().sign_in(&sign_in).await? {
            return Ok(None);
        }
        let comes_first = sign_in.link.is_some() || sign_in.makes.is_some();
        if let Some(identity) = sign_in.identity.as_ref().filter(|_| comes_first) {
            self.note_identity(identity);
        }
        if let Some((session, person)) = self.store().session(&sign_in.session.digest).await? {
            let token = anti_forgery(opened.text.expose_secret());
            self.caller_of(&person, &session, token).note("sign_in");
        }
        tracing::info!(
            person = coming.person,
            by = coming.means,
            "somebody has signed in"
        );
        let cookie = manner.set(SESSION, &opened.text, LONGEST.as_secs())?;
        let response = (
            StatusCode::SEE_OTHER,
            [(SET_COOKIE, cookie)],
            [(LOCATION, place.to_owned())],
        );
        Ok(Some(response.into_response()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_afterwards_is_a_place_of_the_hub() {
        assert_eq!(
            sign_in_place("/goals?a=1&b"),
            "/sign-in?return=/goals%3Fa%3D1%26b"
        );
        assert_eq!(sign_in_place("//evil.example"), "/sign-in?return=/");
        assert_eq!(sign_in_place("https://evil.example"), "/sign-in?return=/");
    }
}
