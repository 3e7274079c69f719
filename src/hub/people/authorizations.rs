//! What people let the hub do for them at a GitHub, step by step (security model 15): the least that the command at hand needs, and
//! what must be asked for so that nothing is lost.
//!
//! A command that declares `github://user_token?scopes=…` is for people who have granted these. Whoever has not is refused with a link of
//! ten minutes, which is theirs and, in a browser, their session's. Coming back, they must be who they are there; what was granted
//! is noted, not what was asked for; the token goes into the safe ([`user_tokens`](super::user_tokens)); and the command runs as if
//! it had just been asked for, once. No machine gets the token.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::noted::Noted;
use super::super::access::operations::Operation;
use super::super::commands;
use super::super::refusal::Refusal;
use super::asking::Asked;
use super::face::{escaped, form, page, paragraph};
use super::guard::FIELD;
use super::operations::PeopleOperation as About;
use super::providers::{Authorized, ProviderSettings};
use super::user_tokens::{KIND, KeptToken, owner};
use super::with_provider::Way;
use super::{Viewer, sign_in_place};
use crate::access::forge;
use crate::access::handed::digest_of;
use crate::ports::authorizations::{AuthorizeLink, StoredAuthorization};
use crate::wire::hub::Command;

/// What a command declares that acts as the person.
const USER_TOKEN: &str = "github://user_token";

/// The language of scopes.
pub(super) const GITHUB: &str = "github";

/// Where a link leads.
pub(super) const PAGE: &str = "/authorize";

/// The scopes that a command needs of the person; `None` when it does nothing as the person.
fn needed(command: &Command) -> Option<Vec<String>> {
    let mut scopes = BTreeSet::new();
    let mut acts = false;
    for secret in &command.secrets {
        let (name, query) = secret.uri.split_once('?').unwrap_or((&secret.uri, ""));
        if name != USER_TOKEN {
            continue;
        }
        acts = true;
        let lists = query.split('&').filter_map(|pair| pair.strip_prefix("scopes="));
        let named = lists.flat_map(|list| list.split(',')).map(str::trim);
        scopes.extend(named.filter(|scope| !scope.is_empty()).map(str::to_owned));
    }
    acts.then(|| scopes.into_iter().collect())
}

/// What is missing of what a command needs. A GitHub App asks for no scopes: what it may do was agreed with its owner.
fn missing(
    provider: &ProviderSettings,
    known: Option<&StoredAuthorization>,
    needed: &[String],
) -> Option<Vec<String>> {
    let Some(known) = known else {
        return Some(needed.to_vec());
    };
    if provider.is_app() {
        return None;
    }
    let granted: BTreeSet<String> = known.scopes.iter().cloned().collect();
    let missing = forge::missing(GITHUB, &granted, needed);
    (!missing.is_empty()).then_some(missing)
}

impl Hub {
    /// Whether the hub may do for a person what a command needs.
    ///
    /// # Errors
    /// 403 with what is missing, and where the person authorises the hub.
    pub(in super::super) async fn may_act_for(
        &self,
        caller: &Caller,
        command: &Command,
        resumes: &str,
        address: &str,
    ) -> Result<(), Refusal> {
        let (Some(needed), Some(provider)) = (needed(command), self.providers().github()) else {
            return Ok(());
        };
        let person = caller.name();
        let known = self.authorization(person, &provider.name).await?;
        let Some(missing) = missing(provider, known.as_ref(), &needed) else {
            return Ok(());
        };
        let granted: BTreeSet<String> = known.into_iter().flat_map(|known| known.scopes).collect();
        // Without the union the person would lose what they granted before.
        let scopes = forge::to_ask(GITHUB, &granted, &needed).unwrap_or(granted);
        let session = caller.is_in_browser().then(|| caller.credential_id().to_owned());
        let asked = Asked {
            person,
            session,
            provider,
            scopes,
            missing,
            resumes,
            address,
        };
        Err(self.ask_to_authorize(asked, "you have").await?)
    }

    /// What a person let the hub do at a provider, if it counts now.
    pub(super) async fn authorization(
        &self,
        person: &str,
        provider: &str,
    ) -> Result<Option<StoredAuthorization>, Refusal> {
        let now = self.now();
        let mut all = self.store().authorizations_of(person).await?;
        all.retain(|own| own.provider == provider && own.expires.is_none_or(|expires| expires > now));
        Ok(all.pop())
    }

    /// A link of whoever looks, if it counts for them here.
    async fn own_link(&self, text: &str, viewer: &Viewer) -> Result<Option<AuthorizeLink>, Refusal> {
        let now = self.now();
        let found = self.store().authorize_link(&digest_of(text)).await?;
        Ok(found.filter(|link| {
            let is_here = link
                .session
                .as_ref()
                .is_none_or(|session| *session == viewer.session.id);
            link.expires > now && link.person == viewer.person.id && is_here
        }))
    }

    /// Keeps what somebody granted who comes back, and does what they wanted to do. What is said to them when that does not work.
    pub(super) async fn take_in_authorization(
        &self,
        provider: &ProviderSettings,
        authorized: &Authorized,
        link_digest: &str,
        viewer: Option<Viewer>,
    ) -> Result<Result<Response, String>, Refusal> {
        let Some(link) = self.store().take_authorize_link(link_digest).await? else {
            return Ok(Err("This was done already, or has ended.".to_owned()));
        };
        let Some(viewer) = viewer.filter(|viewer| viewer.person.id == link.person) else {
            return Ok(Err(
                "You are not signed in any more as the person who began this.".to_owned(),
            ));
        };
        let identities = self.store().identities(&link.person).await?;
        let claimed = &authorized.claimed;
        let is_own = identities
            .iter()
            .any(|own| own.provider == provider.name && own.subject == claimed.subject);
        if !is_own {
            self.make_worthless(provider, &authorized.granted.token).await;
            return Ok(Err(format!(
                "{} of {} is not who you are there, as far as the hub knows. Say at /sign-in who you are.",
                claimed.login, provider.title
            )));
        }
        self.keep_authorization(provider, authorized, &link.person)
            .await?;
        tracing::info!(
            person = link.person,
            provider = provider.name,
            "somebody has authorised the hub"
        );
        let granted = authorized.granted.scopes.join(" ");
        let said = format!(
            "person:{} has authorised the hub at {}: {granted}",
            link.person, provider.name
        );
        let noted = Noted::done(viewer.caller().owner(), "authorization.grant", said);
        self.rights().note(&noted, self.now());
        if link.resumes.is_empty() {
            return Ok(Ok(allowed_page()));
        }
        let base = self.address_for(&HeaderMap::new());
        let resumed = commands::resume(self, viewer.caller(), &link.resumes, &base).await;
        Ok(Ok(resumed_page(resumed)))
    }

    async fn keep_authorization(
        &self,
        provider: &ProviderSettings,
        authorized: &Authorized,
        person: &str,
    ) -> Result<(), Refusal> {
        let before = self.kept_token(person, &provider.name).await;
        let whose = (person, authorized.claimed.subject.as_str());
        self.keep_granted(provider, whose, &authorized.granted, &authorized.granted.scopes)
            .await?;
        let is_other =
            |before: &KeptToken| before.token.expose_secret() != authorized.granted.token.expose_secret();
        if let Some(before) = before.filter(is_other) {
            self.make_worthless(provider, &before.token).await;
        }
        Ok(())
    }

    /// Makes a token worthless at its provider; whether that worked.
    async fn make_worthless(&self, provider: &ProviderSettings, token: &SecretString) -> bool {
        match self.providers().give_back(provider, token).await {
            Ok(()) => true,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a token could not be given back");
                false
            }
        }
    }

    /// Forgets at a provider that somebody let the hub do anything; whether that worked.
    async fn give_up(&self, provider: &ProviderSettings, token: &SecretString) -> bool {
        match self.providers().give_up(provider, token).await {
            Ok(()) => true,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "an authorisation could not be given up at its provider");
                false
            }
        }
    }

    /// Forgets what a person let the hub do, here and there; whether the provider knows.
    pub(in super::super) async fn revoke_authorization(
        &self,
        viewer: &Viewer,
        name: &str,
    ) -> Result<bool, Refusal> {
        viewer
            .caller()
            .may_at_hub(Operation::People(About::RevokeAuthorization))?;
        let owner = owner(&viewer.person.id);
        let token = self.kept_token(&viewer.person.id, name).await;
        let was_there = self.store().drop_authorization(&viewer.person.id, name).await?;
        self.store().destroy_secret(KIND, &owner, name).await?;
        if !was_there && token.is_none() {
            return Err(Refusal::missing_thing("you have let the hub do nothing there"));
        }
        match (self.providers().find(name), token) {
            (Some(provider), Some(kept)) => Ok(self.give_up(provider, &kept.token).await),
            _ => Ok(false),
        }
    }
}

/// What somebody sees for whom nothing goes on by itself.
fn allowed_page() -> Response {
    let said = "The hub may do this for you now. Ask again for what needed it.";
    page(StatusCode::OK, "Done", &paragraph(said))
}

/// What somebody sees whose command goes on.
fn resumed_page(resumed: Result<String, Refusal>) -> Response {
    match resumed {
        Ok(id) => page(
            StatusCode::OK,
            "Done",
            &paragraph(&format!(
                "The hub may do this for you now, and has begun with it. Its id is {id}."
            )),
        ),
        Err(refusal) => page(
            StatusCode::OK,
            "Nearly done",
            &paragraph(&format!(
                "What you granted was noted, but the command did not begin: {}.",
                refusal.message()
            )),
        ),
    }
}

fn not_yours() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "This link does not count",
        &paragraph(
            "It was used, has ended, or is for somebody else or another browser. Ask for the command again.",
        ),
    )
}

/// `GET /authorize/{link}`: says what is asked for.
pub(in super::super) async fn look(
    State(hub): State<Hub>,
    Path(text): Path<String>,
    viewer: Option<Viewer>,
) -> Result<Response, Refusal> {
    let address = format!("{PAGE}/{text}");
    let Some(viewer) = viewer else {
        return Ok(Redirect::to(&sign_in_place(&address)).into_response());
    };
    let Some(link) = hub.own_link(&text, &viewer).await? else {
        return Ok(not_yours());
    };
    let Some(provider) = hub.providers().find(&link.provider) else {
        return Ok(not_yours());
    };
    let scopes: String = match (link.scopes.is_empty(), provider.is_app()) {
        (false, false) => link
            .scopes
            .iter()
            .map(|scope| format!("<li><code>{}</code></li>", escaped(scope)))
            .collect(),
        (true, _) | (_, true) => "<li>what was agreed with the owners of the repositories</li>".to_owned(),
    };
    let said = format!(
        "The hub needs your leave at {} to do what you asked for. It asks for no more than this, and what you granted before:",
        provider.title
    );
    let content = paragraph(&said)
        + &format!("<ul>{scopes}</ul>\n")
        + &form(
            &address,
            &[(FIELD, viewer.anti_forgery())],
            &format!("Go to {}", provider.title),
        );
    Ok(hub.page("Let the hub act for you", &content))
}

/// `POST /authorize/{link}`: sends the browser to the provider.
pub(in super::super) async fn go(
    State(hub): State<Hub>,
    Path(text): Path<String>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some(link) = hub.own_link(&text, &viewer).await? else {
        return Ok(not_yours());
    };
    let Some(provider) = hub.providers().find(&link.provider) else {
        return Ok(not_yours());
    };
    let scopes = match provider.is_app() {
        true => Vec::new(),
        false => link.scopes.clone(),
    };
    let way = Way {
        place: "/",
        link: None,
        connects: None,
        authorizes: Some(link.digest),
        scopes,
    };
    hub.send_out(provider, &way, &headers).await
}

/// `GET /api/me/authorizations`.
pub(in super::super) async fn list(State(hub): State<Hub>, viewer: Viewer) -> Result<Json<Value>, Refusal> {
    viewer
        .caller()
        .may_at_hub(Operation::People(About::ListAuthorizations))?;
    let all = hub.store().authorizations_of(&viewer.person.id).await?;
    let shown = all.iter().map(|own| {
        json!({
            "provider": own.provider, "subject": own.subject, "scopes": own.scopes,
            "granted_at": own.granted.rfc3339(), "expires_at": own.expires.map(crate::model::Timestamp::rfc3339),
        })
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Json(json!({ "authorizations": shown })))
}

/// `DELETE /api/me/authorizations/{provider}`.
pub(in super::super) async fn revoke(
    State(hub): State<Hub>,
    Path(name): Path<String>,
    viewer: Viewer,
) -> Result<Json<Value>, Refusal> {
    let is_known_there = hub.revoke_authorization(&viewer, &name).await?;
    Ok(Json(json!({ "revoked_at_provider": is_known_there })))
}
