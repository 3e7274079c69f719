//! What add-ons do at a GitHub as the person for whom they act (security model 15).
//!
//! The hub does it itself with the person's token: a pull request, a release. Nobody gets that token. An add-on that an administrator has
//! marked for it, the term `user_tokens`, gets another one: the shortest that the forge gives, for the one repository that is named by
//! the handle of what the person started, and for no other. Who has not let the hub do it is asked, and what they started begins anew then.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::numbers::called;
use super::super::access::operations::Operation;
use super::super::commands;
use super::super::refusal::Refusal;
use super::asking::{Asked, REQUIRED};
use super::authorizations::GITHUB;
use super::operations::PeopleOperation as About;
use super::providers::{ProviderError, ProviderSettings};
use crate::access::forge;
use crate::access::request::{ForgeNeed, Proof};
use crate::access::{Context, Resource, Selector, Term};
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, RepoSlug, Repository};
use crate::ports::Forges as _;
use crate::ports::authorizations::{Loss, StoredAuthorization};
use crate::ports::forges::{ForgeError, NewRelease, PullRequest};
use crate::ports::secrets::Asker;
use crate::runtime::causes::chain;

/// Largest wish in bytes.
pub(super) const MAX_WISH: usize = 128 * 1024;

/// Longest title in characters.
const LONGEST_TITLE: usize = 256;

/// Most labels of a pull request.
const MOST_LABELS: usize = 20;

/// What a classic application must be granted for this.
const SCOPE: &str = "repo";

/// Somebody for whom something may be done at their forge.
struct Brokered<'a> {
    provider: &'a ProviderSettings,
    authorization: StoredAuthorization,
    repository: Resource,
    token: SecretString,
}

/// Where: workspace, owner and name of the repository.
type Place = (String, String, String);

/// A pull request as it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedPullRequest {
    branch: String,
    target: String,
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    former_labels: Vec<String>,
    #[serde(default)]
    host: Option<String>,
}

/// Where the repository is, as whoever asks knows it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct At {
    host: Option<String>,
}

/// `GET /api/as-person/{workspace}/{owner}/{repo}`: whether the hub would do something there.
pub(in super::super) async fn may(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(at): Query<At>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let brokered = hub
        .brokered(&caller, About::CheckAsPerson, &place, &headers)
        .await?;
    brokered.is_at(at.host.as_deref())?;
    Ok(Json(json!({"provider": brokered.provider.name})))
}

/// `POST /api/as-person/{workspace}/{owner}/{repo}/pull-request`: opens one, or brings the one that is open for the branch up to date.
pub(in super::super) async fn ask_to_merge(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let wanted: WantedPullRequest = read(&body)?;
    let pull_request = PullRequest {
        branch: branch(&wanted.branch)?,
        target: branch(&wanted.target)?,
        title: title(wanted.title)?,
        body: wanted.body,
        labels: labels(wanted.labels)?,
        former_labels: labels(wanted.former_labels)?,
    };
    let brokered = hub
        .brokered(&caller, About::AskToMergeAsPerson, &place, &headers)
        .await?;
    brokered.is_at(wanted.host.as_deref())?;
    let github = hub.as_them(&brokered)?;
    let (repository, asker) = (brokered.repository(), brokered.asker(&pull_request.target));
    let opened = match github.ask_to_merge(&repository, &pull_request, &asker).await {
        Ok(opened) => opened,
        Err(error) => return Err(hub.not_done(&caller, &brokered, &headers, &error).await?),
    };
    Ok(Json(
        json!({"number": opened.number, "url": opened.url, "is_new": opened.is_new}),
    ))
}

/// A release as it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedRelease {
    tag: String,
    target: String,
    #[serde(default)]
    is_prerelease: bool,
}

/// `POST /api/as-person/{workspace}/{owner}/{repo}/release`: publishes one, unless its tag has one.
pub(in super::super) async fn publish(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let wanted: WantedRelease = read(&body)?;
    let release = NewRelease {
        tag: title(wanted.tag)?,
        target: CommitSha::parse(&wanted.target).map_err(|error| malformed(&error))?,
        is_prerelease: wanted.is_prerelease,
        changelog: None,
    };
    let brokered = hub
        .brokered(&caller, About::PublishAsPerson, &place, &headers)
        .await?;
    let github = hub.as_them(&brokered)?;
    let (repository, asker) = (brokered.repository(), brokered.asker(&any_branch()?));
    let published = match github.publish(&repository, &release, &asker).await {
        Ok(published) => published,
        Err(error) => return Err(hub.not_done(&caller, &brokered, &headers, &error).await?),
    };
    Ok(Json(json!({"url": published.url, "is_new": published.is_new})))
}

/// `POST /api/user-tokens/{workspace}/{owner}/{repo}`: a short token of the person for this repository.
pub(in super::super) async fn give(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = hub.caller(&headers).await?;
    let brokered = hub
        .brokered(&caller, About::GetUserToken, &place, &headers)
        .await?;
    is_trusted_with_tokens(&caller)?;
    is_what_was_started(&caller, &brokered.repository)?;
    let narrowed = hub
        .providers()
        .narrowed(brokered.provider, &brokered.token, &brokered.repository)
        .await
        .map_err(|error| not_given(brokered.provider, &error))?;
    let Some(narrowed) = narrowed else {
        let message = format!(
            "{} gives no token for one repository: only a GitHub App does. Let the hub do it",
            brokered.provider.title
        );
        return Err(Refusal::conflict(message));
    };
    tracing::info!(
        addon = caller.owner(),
        person = brokered.authorization.person,
        repository = %brokered.repository,
        "an add-on was given a short token of a person"
    );
    let answer = json!({"token": narrowed.token.expose_secret(), "expires_at": narrowed.ends});
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The refusal of what is about a repository of another forge.
fn elsewhere(provider: &ProviderSettings) -> Refusal {
    Refusal::conflict(format!(
        "the hub acts for people at {} alone, where this repository is not",
        provider.title
    ))
}

/// Whether an administrator has marked the add-on for tokens.
fn is_trusted_with_tokens(caller: &Caller) -> Result<(), Refusal> {
    let snapshot = caller.snapshot();
    let is_marked = snapshot
        .addons
        .iter()
        .any(|(key, addon)| key.as_str() == caller.name() && addon.terms.contains(&Term::UserTokens));
    match is_marked {
        true => Ok(()),
        false => Err(Refusal::forbidden(
            "insufficient_permission",
            "no administrator has marked this add-on for tokens of people: let the hub do it, or ask one for the term `user_tokens`",
        )),
    }
}

/// Whether it is the repository of what the person started; a handle for everything names none.
fn is_what_was_started(caller: &Caller, repository: &Resource) -> Result<(), Refusal> {
    let is_named = match caller.context() {
        Context::Proven {
            proof: Proof::Handle(selectors),
            ..
        } => selectors.iter().any(|selector| {
            matches!(selector, Selector::One(Resource::Repository { .. }))
                && selector.allows(repository, None)
        }),
        Context::Proven { .. } | Context::None | Context::Named(_) | Context::Unproven => false,
    };
    match is_named {
        true => Ok(()),
        false => Err(Refusal::forbidden(
            "context_not_proven",
            "tokens of people are for the repository of what they started alone",
        )),
    }
}

impl Hub {
    /// Whether something may be done at the forge for the person for whom an add-on acts, and with what.
    async fn brokered(
        &self,
        caller: &Caller,
        about: About,
        (workspace, owner, name): &Place,
        headers: &HeaderMap,
    ) -> Result<Brokered<'_>, Refusal> {
        let provider = self.providers().github();
        let Some(provider) = provider else {
            // Whoever may not ask learns nothing of how people sign in.
            caller.may_somewhere(Operation::People(about), workspace)?;
            return Err(no_forge());
        };
        let repository = self.repository_called(provider, (workspace, owner, name)).await?;
        let known = match caller.context_person() {
            Some(person) => self.authorization(person.as_str(), &provider.name).await?,
            None => None,
        };
        let need = ForgeNeed {
            provider: provider.name.clone(),
            scopes: Vec::new(),
        };
        let granted = known.as_ref().map(|known| known.scopes.iter().cloned());
        let granted: Option<BTreeSet<String>> = granted.map(Iterator::collect);
        let resources = [repository];
        let decided = caller
            .may_at_forge(Operation::People(about), workspace, &resources, (need, granted))
            .await;
        let authorization = match (decided, known) {
            (Err(refusal), _) if refusal.code() != REQUIRED => return Err(refusal),
            (Ok(()), Some(known)) => known,
            (Ok(()) | Err(_), _) => return Err(self.ask_whoever(caller, provider, headers).await?),
        };
        if self.is_out_of_reach(workspace, provider, (owner, name)).await? {
            return Err(out_of_reach(provider));
        }
        let Some(token) = self.usable_token(provider, &authorization).await? else {
            return Err(self.ask_whoever(caller, provider, headers).await?);
        };
        let [repository] = resources;
        Ok(Brokered {
            token,
            provider,
            authorization,
            repository,
        })
    }

    /// What the forge does not do, in its own words. That it is not there may pass; a token that it takes no more is forgotten, and
    /// the person asked again.
    async fn not_done(
        &self,
        caller: &Caller,
        brokered: &Brokered<'_>,
        headers: &HeaderMap,
        error: &ForgeError,
    ) -> Result<Refusal, Refusal> {
        match error {
            ForgeError::Unauthorized { .. } => {
                let person = brokered.authorization.person.as_str();
                self.lose(brokered.provider, person, Loss::Refused).await?;
                self.ask_whoever(caller, brokered.provider, headers).await
            }
            ForgeError::Unavailable { .. } => Ok(Refusal::busy(chain(error), 30)),
            ForgeError::Refused { .. }
            | ForgeError::Busy { .. }
            | ForgeError::NotConnected(_)
            | ForgeError::Secret(_) => Ok(Refusal::conflict(chain(error))),
        }
    }

    /// The refusal of what the person has not let the hub do, with where they do: what they started begins anew then.
    async fn ask_whoever(
        &self,
        caller: &Caller,
        provider: &ProviderSettings,
        headers: &HeaderMap,
    ) -> Result<Refusal, Refusal> {
        let person = caller.context_person().map_or("", |person| person.as_str());
        let known = self.authorization(person, &provider.name).await?;
        let granted: BTreeSet<String> = known.into_iter().flat_map(|known| known.scopes).collect();
        let missing = match provider.is_app() {
            true => Vec::new(),
            false => vec![SCOPE.to_owned()],
        };
        let resumes = self.interrupted(headers).await?;
        let asked = Asked {
            person,
            session: None,
            provider,
            scopes: forge::to_ask(GITHUB, &granted, &missing).unwrap_or(granted),
            missing,
            resumes: &resumes,
            address: &self.address_for(headers),
        };
        self.ask_to_authorize(asked, "the person has").await
    }

    /// What the person started whose handle was sent, as they would ask for it again; empty when that is not known.
    async fn interrupted(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let started = self.started_with(headers).await?;
        let again = started.and_then(|invocation| commands::as_asked(self, &invocation));
        Ok(again.unwrap_or_default())
    }

    /// A repository of the provider by its name, with its number where the graph knows it. Another forge may have one of the same name.
    async fn repository_called(
        &self,
        provider: &ProviderSettings,
        (workspace, owner, name): (&str, &str, &str),
    ) -> Result<Resource, Refusal> {
        let text = format!("repo:{owner}/{name}");
        let named = Resource::parse(&text).map_err(|error| malformed(&error))?;
        if named.forge().is_some() || !matches!(named, Resource::Repository { .. }) {
            let message = "a repository has an owner and a name";
            return Err(Refusal::bad("invalid_argument", message));
        }
        let mut known = called(self.store(), &[workspace.to_owned()], &named).await?;
        let is_elsewhere = !known.is_empty();
        known.retain(|one| one.forge().is_none_or(|forge| provider.is_at(forge)));
        match <[Resource; 1]>::try_from(known) {
            Ok([repository]) => Ok(repository),
            Err(none) if none.is_empty() && is_elsewhere => Err(elsewhere(provider)),
            Err(_) => Ok(named),
        }
    }

    /// The way to the forge as the person.
    fn as_them(&self, brokered: &Brokered<'_>) -> Result<crate::scm::github::GitHub, Refusal> {
        let way = self
            .providers()
            .as_somebody(brokered.provider, brokered.token.clone());
        way.map_err(|error| not_given(brokered.provider, &error))
    }
}

impl Brokered<'_> {
    fn slug(&self) -> RepoSlug {
        match &self.repository {
            Resource::Repository { owner, name } => RepoSlug::new(&owner.named.name, &name.name),
            other => RepoSlug::new("", other.to_string()),
        }
    }

    /// Whether it is where whoever asks has it: another forge may have a repository of the same name.
    fn is_at(&self, host: Option<&str>) -> Result<(), Refusal> {
        let address = Url::parse(&self.provider.address_of(&self.slug()));
        let own = address
            .ok()
            .and_then(|address| address.host_str().map(str::to_owned));
        match host.is_none_or(|host| own.as_deref() == Some(host)) {
            true => Ok(()),
            false => Err(elsewhere(self.provider)),
        }
    }

    /// As the forge is asked about it.
    fn repository(&self) -> Repository {
        let slug = self.slug();
        Repository {
            key: slug.to_string(),
            address: self.provider.address_of(&slug),
            slug,
            default_branch: None,
        }
    }

    /// For whom the one secret is asked.
    fn asker(&self, branch: &BranchName) -> Asker {
        Asker {
            repo: self.slug(),
            branch: branch.clone(),
            goal: String::new(),
            trust: Trust::Member,
            in_name_of: None,
            is_supplied: false,
        }
    }
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the wish cannot be read: {error}")))
}

fn malformed(error: &dyn std::error::Error) -> Refusal {
    Refusal::bad("invalid_argument", error.to_string())
}

fn branch(text: &str) -> Result<BranchName, Refusal> {
    BranchName::parse(text).map_err(|error| malformed(&error))
}

fn any_branch() -> Result<BranchName, Refusal> {
    branch("main")
}

fn title(text: String) -> Result<String, Refusal> {
    let is_line = !text.trim().is_empty() && !text.chars().any(char::is_control);
    match is_line && text.chars().count() <= LONGEST_TITLE {
        true => Ok(text),
        false => Err(Refusal::bad(
            "invalid_argument",
            format!("a title, tag or label is one line of 1 to {LONGEST_TITLE} characters"),
        )),
    }
}

/// Labels, each one line.
fn labels(labels: Vec<String>) -> Result<Vec<String>, Refusal> {
    if labels.len() > MOST_LABELS {
        let message = format!("a pull request has at most {MOST_LABELS} labels here");
        return Err(Refusal::bad("invalid_argument", message));
    }
    labels.into_iter().map(title).collect()
}

fn no_forge() -> Refusal {
    Refusal::conflict("this hub does nothing for people at a forge, because they sign in at none").with(
        json!({
            "hint": "whoever runs the hub names a GitHub in the file of `--sign-in`",
        }),
    )
}

fn out_of_reach(provider: &ProviderSettings) -> Refusal {
    let message = format!(
        "the hub may do nothing there at {}: its app was taken away from the repository, or is suspended",
        provider.title
    );
    Refusal::conflict(message).with(json!({"hint": "whoever owns the repository lets the app see it again"}))
}

fn not_given(provider: &ProviderSettings, error: &ProviderError) -> Refusal {
    let shown: &dyn std::error::Error = error;
    tracing::warn!(
        error = shown,
        provider = provider.name,
        "nothing can be done for a person"
    );
    match error {
        ProviderError::Refused { .. } | ProviderError::Code(_) | ProviderError::NotAForge => {
            Refusal::conflict(format!("{} does not give it", provider.title))
        }
        ProviderError::Network(_)
        | ProviderError::Unreachable { .. }
        | ProviderError::Nonsense { .. }
        | ProviderError::Token(_) => {
            Refusal::busy(format!("{} did not answer as it should", provider.title), 30)
        }
    }
}
