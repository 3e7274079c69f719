//! What add-ons do at a GitHub as the person for whom they act (security model 15).
//!
//! The hub does it itself with the person's token: a pull request, a release. Nobody gets that token. An add-on that an administrator has
//! marked for it, the term `user_tokens`, gets another one: the shortest that the forge gives, for the one repository that is named by
//! the handle of what the person started, and for no other.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::numbers::numbered;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::operations::PeopleOperation as About;
use super::providers::{ProviderError, ProviderSettings};
use crate::access::request::{ForgeNeed, Proof};
use crate::access::{Context, Resource, Selector, Term};
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, RepoSlug, Repository};
use crate::ports::Forges as _;
use crate::ports::authorizations::StoredAuthorization;
use crate::ports::forges::{ForgeError, NewRelease, PullRequest};
use crate::ports::secrets::Asker;
use crate::runtime::causes::chain;

/// Largest wish in bytes.
pub(super) const MAX_WISH: usize = 128 * 1024;

/// Longest title in characters.
const LONGEST_TITLE: usize = 256;

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
        labels: Vec::new(),
    };
    let brokered = hub.brokered(&caller, About::AskToMergeAsPerson, &place).await?;
    let github = hub.as_them(&brokered)?;
    let (repository, asker) = (brokered.repository(), brokered.asker(&pull_request.target));
    let opened = github.ask_to_merge(&repository, &pull_request, &asker).await;
    let opened = opened.map_err(|error| not_done(&error))?;
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
    let brokered = hub.brokered(&caller, About::PublishAsPerson, &place).await?;
    let github = hub.as_them(&brokered)?;
    let (repository, asker) = (brokered.repository(), brokered.asker(&any_branch()?));
    let published = github.publish(&repository, &release, &asker).await;
    let published = published.map_err(|error| not_done(&error))?;
    Ok(Json(json!({"url": published.url, "is_new": published.is_new})))
}

/// `POST /api/user-tokens/{workspace}/{owner}/{repo}`: a short token of the person for this repository.
pub(in super::super) async fn give(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = hub.caller(&headers).await?;
    let brokered = hub.brokered(&caller, About::GetUserToken, &place).await?;
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
            matches!(selector, Selector::One(Resource::Repository { .. })) && selector.allows(repository)
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
    ) -> Result<Brokered<'_>, Refusal> {
        let provider = self.providers().github();
        let provider =
            provider.ok_or_else(|| Refusal::conflict("this hub is at no forge where people authorise it"))?;
        let repository = self.repository_called(workspace, owner, name).await?;
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
        caller
            .may_at_forge(Operation::People(about), workspace, &resources, (need, granted))
            .await?;
        let [repository] = resources;
        let authorization = known.ok_or_else(|| unauthorized(provider))?;
        let token = self.usable_token(provider, &authorization).await?;
        Ok(Brokered {
            token: token.ok_or_else(|| unauthorized(provider))?,
            provider,
            authorization,
            repository,
        })
    }

    /// A repository by its name, with its number where the graph knows it.
    async fn repository_called(&self, workspace: &str, owner: &str, name: &str) -> Result<Resource, Refusal> {
        let selector = Selector::parse(&format!("repo:{owner}/{name}")).map_err(|error| malformed(&error))?;
        let workspaces = [workspace.to_owned()];
        match numbered(self.store(), &workspaces, selector).await? {
            Selector::One(resource @ Resource::Repository { .. }) => Ok(resource),
            _ => Err(Refusal::bad(
                "invalid_argument",
                "a repository has an owner and a name",
            )),
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
            Resource::Repository { owner, name } => RepoSlug::new(&owner.name, &name.name),
            other => RepoSlug::new("", other.to_string()),
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
            format!("a title or tag is one line of 1 to {LONGEST_TITLE} characters"),
        )),
    }
}

fn unauthorized(provider: &ProviderSettings) -> Refusal {
    let message = format!("the person has not let the hub do this at {}", provider.title);
    Refusal::forbidden("user_authorization_required", message)
        .with(json!({"provider": provider.name, "missing": [], "authorize_url": null}))
}

/// What the forge does not do, in its own words; that it is not there may pass.
fn not_done(error: &ForgeError) -> Refusal {
    let said = chain(error);
    match error.is_transient() {
        true => Refusal::busy(said, 30),
        false => Refusal::conflict(said),
    }
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
