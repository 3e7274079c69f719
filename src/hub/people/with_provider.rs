//! Signing in with a provider, and saying who one is there: the way out and the way back (threat F7).
//!
//! What is remembered between the two is bound to the browser that began, counts once, and ends after ten minutes. The browser
//! holds what proves it in a cookie of its own; the hub keeps digests. Each provider has an address of its own to come back to, so that
//! an answer of one is never taken for one of another.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::access::key::random_text;
use super::super::access::noted::Noted;
use super::super::refusal::Refusal;
use super::Viewer;
use super::cookie::{Manner, Sent, unsafe_place};
use super::face::{page, paragraph};
use super::guard::{fields, is_from_here};
use super::providers::{Brought, Claimed, ProviderError, ProviderSettings};
use super::session::is_fresh;
use super::sign_in::Coming;
use super::viewer::Session;
use crate::access::PersonId;
use crate::model::Timestamp;
use crate::ports::people::{
    PendingSignIn, PersonRole, PersonState, StoredIdentity, StoredLink, StoredPerson,
};
use crate::wire::oauth::{self, Begun, NotBack, local_place};

/// The cookie of a sign-in that began.
const BEGUN: &str = "sign-in";

/// Most sign-ins that are under way at a time.
const MOST_UNDER_WAY: u32 = 10_000;

/// Letters that tell apart people of one name.
const TELLING_APART: usize = 4;

/// Longest id that is made of a login.
const LONGEST_ID: usize = 40;

/// `POST /sign-in/with/{provider}`: sends the browser there.
pub(in super::super) async fn go(
    State(hub): State<Hub>,
    Path(provider): Path<String>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    is_from_here(&hub, &headers)?;
    let provider = hub.provider(&provider)?;
    let sent = fields(&body);
    let field = |name: &str| {
        sent.iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    };
    let link = match field("link") {
        Some(text) => hub.live_link(text).await?,
        None => None,
    };
    let connects = match (field("connect").is_some(), viewer) {
        (true, Some(viewer)) => Some(fresh(&hub, &viewer)?),
        (true, None) => {
            return Err(Refusal::unauthenticated("nobody is signed in here"));
        }
        (false, _) => None,
    };
    let place = field("return").map_or("/", local_place);
    let way = Way {
        place,
        link: link.map(|link| link.digest),
        connects,
        authorizes: None,
        scopes: provider.least_scopes().iter().map(ToString::to_string).collect(),
    };
    hub.send_out(provider, &way, &headers).await
}

/// What a sign-in is to lead to.
#[derive(Debug)]
pub(super) struct Way<'a> {
    /// Where to go afterwards.
    pub(super) place: &'a str,
    /// Digest of the invitation that it uses.
    pub(super) link: Option<String>,
    /// Digest of the session whose person says who they are there.
    pub(super) connects: Option<String>,
    /// Digest of the link by which a person authorises the hub.
    pub(super) authorizes: Option<String>,
    /// What is asked for.
    pub(super) scopes: Vec<String>,
}

/// `GET /sign-in/back/{provider}`.
pub(in super::super) async fn back(
    State(hub): State<Hub>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let provider = hub.provider(&name)?.clone();
    let manner = Manner::of(&hub, &headers).ok_or_else(unsafe_place)?;
    let mut response = match hub.come_back(&provider, &query, &headers).await? {
        Ok(response) => response,
        Err(said) => {
            let refusal = hub.guessed(Guessed::State, Refusal::forbidden("invalid_credentials", said));
            page(
                refusal.status(),
                "You are not signed in",
                &(paragraph(refusal.message()) + "<p><a href=\"/sign-in\">Sign in</a></p>\n"),
            )
        }
    };
    response.headers_mut().append(SET_COOKIE, manner.clear(BEGUN)?);
    Ok(response)
}

/// Digest of the session of somebody who signed in a short while ago.
fn fresh(hub: &Hub, viewer: &Viewer) -> Result<String, Refusal> {
    match is_fresh(&viewer.session, hub.now()) {
        true => Ok(viewer.session.digest.clone()),
        false => Err(Refusal::forbidden(
            "interactive_session_required",
            "sign in again: this needs a sign-in that is less than 15 minutes old",
        )),
    }
}

/// What a provider of OpenID Connect must repeat in its token.
fn nonce(browser: &str) -> String {
    let mut marked = b"nonce\0".to_vec();
    marked.extend_from_slice(browser.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &marked))
}

/// Seconds since 1970.
fn seconds(moment: Timestamp) -> i64 {
    moment.as_micros() / 1_000_000
}

fn not_back(error: NotBack) -> String {
    error.to_string()
}

/// Says to the log what a provider did, and to the person that it did not work.
fn not_identified(provider: &ProviderSettings, error: &ProviderError) -> String {
    let shown: &dyn std::error::Error = error;
    tracing::warn!(
        error = shown,
        provider = provider.name,
        "somebody could not sign in"
    );
    match error {
        ProviderError::Network(_)
        | ProviderError::Unreachable { .. }
        | ProviderError::Refused { .. }
        | ProviderError::NotAForge
        | ProviderError::Nonsense { .. } => {
            format!("{} did not answer as it should; try again later.", provider.title)
        }
        ProviderError::Code(_) | ProviderError::Token(_) => {
            format!(
                "What {} says does not fit to this sign-in; begin again.",
                provider.title
            )
        }
    }
}

impl Hub {
    fn provider(&self, name: &str) -> Result<&ProviderSettings, Refusal> {
        let found = self.providers().find(name);
        found.ok_or_else(|| Refusal::missing_thing("there is no such provider"))
    }

    fn way_back(&self, provider: &ProviderSettings, headers: &HeaderMap) -> Result<Url, Refusal> {
        let address = format!("{}/sign-in/back/{}", self.address_for(headers), provider.name);
        Url::parse(&address).map_err(|_| Refusal::busy("the hub does not know its address", 60))
    }

    pub(super) async fn send_out(
        &self,
        provider: &ProviderSettings,
        way: &Way<'_>,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let manner = Manner::of(self, headers).ok_or_else(unsafe_place)?;
        let redirect_url = self.way_back(provider, headers)?;
        let out = match self.providers().way_out(provider, redirect_url).await {
            Ok(out) => out,
            Err(error) => return Err(Refusal::busy(not_identified(provider, &error), 30)),
        };
        let scopes: Vec<&str> = way.scopes.iter().map(String::as_str).collect();
        let begun = oauth::begin(&out, &scopes, way.place, seconds(self.now()));
        let mut begun = begun.map_err(|error| Refusal::busy(not_back(error), 5))?;
        begun
            .url
            .query_pairs_mut()
            .append_pair("nonce", &nonce(begun.browser.expose_secret()));
        let pending = PendingSignIn {
            state_digest: begun.begun.state_digest.clone(),
            browser_digest: begun.begun.browser_digest.clone(),
            provider: provider.name.clone(),
            place: begun.begun.place.clone(),
            link: way.link.clone(),
            connects: way.connects.clone(),
            authorizes: way.authorizes.clone(),
            expires: Timestamp::from_micros(begun.begun.expires.saturating_mul(1_000_000)),
        };
        if !self
            .store()
            .begin_sign_in(&pending, MOST_UNDER_WAY, self.now())
            .await?
        {
            return Err(Refusal::busy("too many people sign in at once", 30));
        }
        let held = format!(
            "{}.{}",
            begun.browser.expose_secret(),
            begun.begun.verifier.expose_secret()
        );
        let life = u64::try_from(oauth::LIFETIME).unwrap_or(0);
        let cookie = manner.set(BEGUN, &SecretString::from(held), life)?;
        let location = begun.url.to_string();
        Ok((
            StatusCode::SEE_OTHER,
            [(SET_COOKIE, cookie)],
            [(LOCATION, location)],
        )
            .into_response())
    }

    /// Takes in somebody who comes back; what is said to them when they are not let in.
    async fn come_back(
        &self,
        provider: &ProviderSettings,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<Result<Response, String>, Refusal> {
        let manner = Manner::of(self, headers).ok_or_else(unsafe_place)?;
        let returned = match oauth::returned(query) {
            Ok(returned) => returned,
            Err(error) => return Ok(Err(not_back(error))),
        };
        // It is taken out before anything of it is looked at, so that it counts once.
        let pending = self
            .store()
            .take_sign_in(&oauth::digest_of(&returned.state))
            .await?;
        let held = manner.read(BEGUN, headers);
        let (Some(pending), Sent::One(held)) = (pending, held) else {
            return Ok(Err(not_back(NotBack::OtherState)));
        };
        let (browser, verifier) = held.expose_secret().split_once('.').unwrap_or_default();
        let begun = Begun {
            state_digest: pending.state_digest.clone(),
            browser_digest: pending.browser_digest.clone(),
            verifier: SecretString::from(verifier),
            place: pending.place.clone(),
            scopes: Vec::new(),
            expires: seconds(pending.expires),
        };
        let code = match begun.end(&returned, browser, seconds(self.now())) {
            Ok(code) if pending.provider == provider.name => code,
            Ok(_) => return Ok(Err(not_back(NotBack::OtherState))),
            Err(error) => return Ok(Err(not_back(error))),
        };
        let brought = Brought {
            code: &code,
            verifier: &begun.verifier,
            redirect_url: &self.way_back(provider, headers)?,
            nonce: &nonce(browser),
            now: seconds(self.now()),
        };
        if let Some(link) = &pending.authorizes {
            let viewer = match self.session_of(headers).await? {
                Session::Live(viewer) => Some(*viewer),
                Session::None | Session::Ended => None,
            };
            return match self.providers().authorize(provider, &brought).await {
                Ok(Some(authorized)) => {
                    self.take_in_authorization(provider, &authorized, link, viewer)
                        .await
                }
                Ok(None) => Ok(Err(not_back(NotBack::OtherState))),
                Err(error) => Ok(Err(not_identified(provider, &error))),
            };
        }
        match self.providers().identify(provider, &brought).await {
            Ok(claimed) => self.take_in_person(provider, &claimed, &pending, headers).await,
            Err(error) => Ok(Err(not_identified(provider, &error))),
        }
    }

    /// Lets somebody in whom a provider names: who is known, who says who they are there, who is invited, and who may come in anyway.
    async fn take_in_person(
        &self,
        provider: &ProviderSettings,
        claimed: &Claimed,
        pending: &PendingSignIn,
        headers: &HeaderMap,
    ) -> Result<Result<Response, String>, Refusal> {
        let known = self.store().person_of(&provider.name, &claimed.subject).await?;
        if let Some(session) = &pending.connects {
            return self.connect(provider, claimed, pending, session).await;
        }
        let invitation = match (&known, &pending.link) {
            (None, Some(digest)) => self.store().link(digest).await?,
            _ => None,
        };
        let now = self.now();
        let made = match (known, invitation) {
            (Some(person), _) => Coming::known(&person.id),
            (None, Some(link)) => Coming::invited(&link, now),
            (None, None) if claimed.joins => Coming::joining(&self.new_member(claimed).await?),
            (None, None) => {
                return Ok(Err(format!(
                    "Nobody here knows {} of {}. Ask an administrator for an invitation, and open it first.",
                    claimed.login, provider.title
                )));
            }
        };
        let identity = identity(provider, claimed, &made.person, now);
        let coming = Coming {
            means: provider.name.clone(),
            identity: Some(identity),
            ..made
        };
        match self.let_in(coming, headers, &pending.place).await? {
            Some(response) => Ok(Ok(response)),
            None => Ok(Err("The invitation was used, or has ended.".to_owned())),
        }
    }

    /// Notes who somebody is at a provider, for the person whose session began.
    async fn connect(
        &self,
        provider: &ProviderSettings,
        claimed: &Claimed,
        pending: &PendingSignIn,
        session: &str,
    ) -> Result<Result<Response, String>, Refusal> {
        let Some((_, person)) = self.store().session(session).await? else {
            return Ok(Err("Your session has ended; sign in and begin again.".to_owned()));
        };
        let others = self.store().identities(&person.id).await?;
        let is_another =
            |own: &StoredIdentity| own.provider == provider.name && own.subject != claimed.subject;
        let identity = identity(provider, claimed, &person.id, self.now());
        if others.iter().any(is_another) || !self.store().link_identity(&identity).await? {
            return Ok(Err(format!(
                "{} of {} is somebody else here, or you are somebody else there.",
                claimed.login, provider.title
            )));
        }
        tracing::info!(
            person = person.id,
            provider = provider.name,
            "who a person is elsewhere was noted"
        );
        self.note_identity(&identity);
        let location = pending.place.clone();
        Ok(Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()))
    }

    /// Writes down who a person is at a provider from now on.
    pub(super) fn note_identity(&self, identity: &StoredIdentity) {
        let StoredIdentity {
            person,
            login,
            subject,
            provider,
            ..
        } = identity;
        let said = format!("person:{person} is {login} ({subject}) at {provider}");
        let noted = Noted::done(&format!("person:{person}"), "identity.link", said);
        self.rights().note(&noted, self.now());
    }

    /// A member of whom nobody had heard. The id is never one that somebody could have been given rights under before.
    async fn new_member(&self, claimed: &Claimed) -> Result<StoredPerson, Refusal> {
        let is_legal = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let start = claimed.login.split('@').next().unwrap_or_default();
        let start: String = start.chars().filter(is_legal).take(LONGEST_ID).collect();
        let start = if start.is_empty() { "person" } else { &start };
        loop {
            let id = format!("{start}-{}", random_text(TELLING_APART));
            if PersonId::parse(&id).is_ok() && self.store().person(&id).await?.is_none() {
                return Ok(StoredPerson {
                    id,
                    name: claimed.name.clone(),
                    role: PersonRole::Member,
                    state: PersonState::Active,
                    created: self.now(),
                });
            }
        }
    }
}

fn identity(
    provider: &ProviderSettings,
    claimed: &Claimed,
    person: &str,
    linked: Timestamp,
) -> StoredIdentity {
    StoredIdentity {
        provider: provider.name.clone(),
        subject: claimed.subject.clone(),
        login: claimed.login.clone(),
        email: claimed.email.clone(),
        person: person.to_owned(),
        linked,
    }
}

impl Coming {
    /// Somebody who is there already.
    fn known(person: &str) -> Self {
        Self {
            person: person.to_owned(),
            means: String::new(),
            link: None,
            makes: None,
            identity: None,
        }
    }

    /// Somebody who uses an invitation, or a link of their own.
    pub(super) fn invited(link: &StoredLink, now: Timestamp) -> Self {
        let makes = link.invited.as_ref().map(|invited| StoredPerson {
            id: link.person.clone(),
            name: invited.name.clone(),
            role: invited.role,
            state: PersonState::Active,
            created: now,
        });
        Self {
            link: Some(link.digest.clone()),
            makes,
            ..Self::known(&link.person)
        }
    }

    /// Somebody who needs no invitation.
    fn joining(person: &StoredPerson) -> Self {
        Self {
            makes: Some(person.clone()),
            ..Self::known(&person.id)
        }
    }
}
