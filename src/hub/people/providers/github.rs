//! GitHub, in the cloud and of one's own: a GitHub App or a classic OAuth App.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::access::{Level, Resource};
use crate::ports::people::StoredIdentity;

use super::net::{ask, json as answer, nonsense, text};
use super::{
    Authorized, Brought, Claimed, GitHubSettings, Granted, Narrowed, ProviderError, ProviderSettings, Renewal,
};

/// The media type of its API.
const MEDIA: &str = "application/vnd.github+json";

/// The version of the API that this is written for.
const VERSION: &str = "2022-11-28";

/// Most scopes that are taken over.
const MOST_SCOPES: usize = 50;

/// Longest name that is taken over, in characters.
const LONGEST_NAME: usize = 100;

/// The level that a permission of GitHub is. Those that are finer than these three are told as one of them.
fn level(permission: &str) -> Option<Level> {
    match permission {
        "admin" => Some(Level::Admin),
        "write" | "maintain" => Some(Level::Write),
        "read" | "triage" => Some(Level::Read),
        _ => None,
    }
}

/// Somebody who asks it.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a ProviderSettings,
    pub(super) github: &'a GitHubSettings,
}

impl GitHubSettings {
    /// Where a browser goes.
    pub(super) fn authorize_url(&self) -> Url {
        below(&self.address, &["login", "oauth", "authorize"])
    }
}

/// Scopes as GitHub lists them.
fn scopes(list: &str) -> Vec<String> {
    let scopes = list
        .split([',', ' '])
        .map(str::trim)
        .filter(|scope| !scope.is_empty());
    scopes.take(MOST_SCOPES).map(str::to_owned).collect()
}

/// An address below another.
pub(super) fn below(base: &Url, steps: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(steps);
    }
    url
}

/// A question to its API.
pub(super) fn api(request: RequestBuilder) -> RequestBuilder {
    request
        .header(ACCEPT, MEDIA)
        .header("x-github-api-version", VERSION)
}

/// A form as a body.
pub(super) fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut url = Url::parse("form:/").expect("the text is an address");
    url.query_pairs_mut().extend_pairs(fields);
    request
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(url.query().unwrap_or_default().to_owned())
}

impl Asking<'_> {
    /// Who somebody is. The token that says so is given back.
    pub(super) async fn identify(&self, brought: &Brought<'_>) -> Result<Claimed, ProviderError> {
        let granted = self.exchange(brought).await?;
        let claimed = self.who(&granted.token).await;
        if let Err(error) = self.give_back(&granted.token).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the token of a sign-in could not be given back");
        }
        claimed
    }

    /// What somebody granted, and who they are.
    pub(super) async fn authorize(&self, brought: &Brought<'_>) -> Result<Authorized, ProviderError> {
        let granted = self.exchange(brought).await?;
        match self.who(&granted.token).await {
            Ok(claimed) => Ok(Authorized { claimed, granted }),
            Err(error) => {
                // Nobody would know of it any more.
                let _worthless = self.give_back(&granted.token).await;
                Err(error)
            }
        }
    }

    /// A token for the code.
    async fn exchange(&self, brought: &Brought<'_>) -> Result<Granted, ProviderError> {
        self.token_for(&[
            ("code", brought.code),
            ("redirect_uri", brought.redirect_url.as_str()),
            ("code_verifier", brought.verifier.expose_secret()),
        ])
        .await
    }

    /// Another token in the place of one that ends.
    pub(super) async fn renew(&self, by: &SecretString) -> Result<Granted, ProviderError> {
        self.token_for(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", by.expose_secret()),
        ])
        .await
    }

    async fn token_for(&self, what: &[(&str, &str)]) -> Result<Granted, ProviderError> {
        let url = below(&self.github.address, &["login", "oauth", "access_token"]);
        let who = [
            ("client_id", self.settings.client_id.as_str()),
            ("client_secret", self.settings.client_secret.expose_secret()),
        ];
        let fields = [&who, what].concat();
        let request = form(self.client.post(url).header(ACCEPT, "application/json"), &fields);
        granted(&answer(request, "get a token").await?)
    }

    /// The token of somebody for one repository; only a GitHub App gives such.
    pub(super) async fn narrowed(
        &self,
        token: &SecretString,
        repository: &Resource,
    ) -> Result<Narrowed, ProviderError> {
        const DOING: &str = "get a token for one repository";
        let Resource::Repository { owner, name } = repository else {
            return Err(nonsense(DOING, "it is for no repository"));
        };
        let mut wanted = json!({"access_token": token.expose_secret(), "target": owner.named.name});
        match name.id {
            Some(number) => wanted["repository_ids"] = json!([number]),
            None => wanted["repositories"] = json!([name.name]),
        }
        let request = self.of_application(Method::POST, &["token", "scoped"], &wanted);
        let given = answer(request, DOING).await?;
        let token = text(&given, "token").ok_or_else(|| nonsense(DOING, "it has no `token`"))?;
        Ok(Narrowed {
            token: SecretString::from(token),
            ends: text(&given, "expires_at").map(str::to_owned),
        })
    }

    /// A question that the hub proves itself for by its secret.
    fn of_application(&self, method: Method, steps: &[&str], body: &Value) -> RequestBuilder {
        let mut path = vec!["applications", self.settings.client_id.as_str()];
        path.extend(steps);
        let secret = self.settings.client_secret.expose_secret();
        let request = self
            .client
            .request(method, below(&self.github.api, &path))
            .basic_auth(&self.settings.client_id, Some(secret));
        api(request).body(body.to_string())
    }

    async fn who(&self, token: &SecretString) -> Result<Claimed, ProviderError> {
        const DOING: &str = "ask GitHub who signs in";
        let url = below(&self.github.api, &["user"]);
        let request = api(self.client.get(url).bearer_auth(token.expose_secret()));
        let user = answer(request, DOING).await?;
        let number = user.get("id").and_then(Value::as_u64);
        let (Some(number), Some(login)) = (number, text(&user, "login")) else {
            return Err(nonsense(DOING, "it names no user"));
        };
        let name = text(&user, "name").filter(|name| !name.trim().is_empty());
        Ok(Claimed {
            subject: number.to_string(),
            login: login.chars().take(LONGEST_NAME).collect(),
            name: name.unwrap_or(login).chars().take(LONGEST_NAME).collect(),
            // What a profile shows is anybody's word.
            email: None,
            joins: self.is_of_an_organisation(login).await?,
        })
    }

    /// Whether somebody is a member of an organisation whose members may come in.
    async fn is_of_an_organisation(&self, login: &str) -> Result<bool, ProviderError> {
        let Some(token) = &self.github.token else {
            return Ok(false);
        };
        for organisation in &self.github.organisations {
            let url = below(&self.github.api, &["orgs", organisation, "members", login]);
            let request = api(self.client.get(url).bearer_auth(token.expose_secret()));
            let (status, _) = ask(request, "ask GitHub for a member").await?;
            if status == StatusCode::NO_CONTENT {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a person may do on a repository. A name that somebody else has now is not the person, and a repository whose number is
    /// known is asked about by its number, whatever has its name now.
    pub(super) async fn permission(
        &self,
        identity: &StoredIdentity,
        repository: &Resource,
    ) -> Result<Option<Level>, ProviderError> {
        const DOING: &str = "ask GitHub what a person may do";
        let (Some(token), Resource::Repository { owner, name }) = (&self.github.token, repository) else {
            return Ok(None);
        };
        let number = name.id.map(|id| id.to_string());
        let mut steps = match &number {
            Some(number) => vec!["repositories", number.as_str()],
            None => vec!["repos", owner.named.name.as_str(), name.name.as_str()],
        };
        steps.extend(["collaborators", identity.login.as_str(), "permission"]);
        if steps
            .iter()
            .any(|step| step.is_empty() || [".", ".."].contains(step))
        {
            return Ok(None);
        }
        let request = self.client.get(below(&self.github.api, &steps));
        let (status, body) = ask(api(request.bearer_auth(token.expose_secret())), DOING).await?;
        // Neither the person nor the repository is anything there.
        if status == StatusCode::NOT_FOUND || status == StatusCode::MOVED_PERMANENTLY {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(ProviderError::Refused {
                doing: DOING,
                status: status.as_u16(),
            });
        }
        let said: Value = serde_json::from_slice(&body).map_err(|_| nonsense(DOING, "it is no JSON"))?;
        let number = said.pointer("/user/id").and_then(Value::as_u64);
        let is_same = number.is_some_and(|number| number.to_string() == identity.subject);
        Ok(text(&said, "permission").filter(|_| is_same).and_then(level))
    }

    /// Makes a token worthless.
    pub(super) async fn give_back(&self, token: &SecretString) -> Result<(), ProviderError> {
        self.forget("token", token).await
    }

    /// Forgets that somebody has authorised the hub: all their tokens, and what they are renewed by.
    pub(super) async fn give_up(&self, token: &SecretString) -> Result<(), ProviderError> {
        self.forget("grant", token).await
    }

    async fn forget(&self, what: &str, token: &SecretString) -> Result<(), ProviderError> {
        const DOING: &str = "give a token back to GitHub";
        let body = json!({"access_token": token.expose_secret()});
        let (status, _) = ask(self.of_application(Method::DELETE, &[what], &body), DOING).await?;
        // One that is not known there is worthless already.
        match status.is_success()
            || status == StatusCode::NOT_FOUND
            || status == StatusCode::UNPROCESSABLE_ENTITY
        {
            true => Ok(()),
            false => Err(ProviderError::Refused {
                doing: DOING,
                status: status.as_u16(),
            }),
        }
    }
}

/// What an answer grants.
fn granted(said: &Value) -> Result<Granted, ProviderError> {
    let life = |field: &str| {
        let seconds = said.get(field).and_then(Value::as_u64);
        seconds.map(Duration::from_secs)
    };
    match (text(said, "access_token"), text(said, "error")) {
        (Some(token), None) => Ok(Granted {
            token: SecretString::from(token),
            scopes: scopes(text(said, "scope").unwrap_or_default()),
            life: life("expires_in"),
            renewal: text(said, "refresh_token").map(|token| Renewal {
                token: SecretString::from(token),
                life: life("refresh_token_expires_in"),
            }),
        }),
        (_, error) => Err(ProviderError::Code(
            error.unwrap_or("no token").chars().take(100).collect(),
        )),
    }
}
