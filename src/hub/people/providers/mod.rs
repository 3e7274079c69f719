//! Systems that people sign in with: GitHub, and providers of OpenID Connect.
//!
//! Each is asked who somebody is with the code that their browser brought back. What they may do there is not asked for: the least is
//! enough to know who they are, and the token is given back at once.

mod app;
mod deliveries;
mod github;
pub mod hooks;
mod net;
mod oidc;
pub mod settings;
mod token;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, Url};
use secrecy::SecretString;
use thiserror::Error;

use crate::access::{Level, Resource};
use crate::git::network::NetworkOptions;
use crate::git::transport::http1_client;
use crate::model::RepoSlug;
use crate::ports::people::StoredIdentity;
use crate::ports::scm::ScmError;
use crate::scm::github::{Forge, GitHub};
use crate::wire::connect::TokenError;
use crate::wire::oauth::Provider;
pub use app::AppKey;
pub(in super::super) use deliveries::{Sender, Sent};
pub use hooks::HookSettings;
pub use settings::{GitHubSettings, OidcSettings, ProviderKind, ProviderSettings};
use token::{THEIR_TOKEN, TheirToken};

/// Why a provider cannot say who somebody is.
#[derive(Debug, Error)]
pub(in super::super) enum ProviderError {
    /// There is no way out.
    #[error("failed to set up http")]
    Network(#[source] ScmError),
    /// It does not answer.
    #[error("failed to {doing}")]
    Unreachable {
        /// What was asked.
        doing: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It refuses.
    #[error("failed to {doing}: the answer was {status}")]
    Refused {
        /// What was asked.
        doing: &'static str,
        /// Status of the answer.
        status: u16,
    },
    /// It answers something else.
    #[error("failed to {doing}: {because}")]
    Nonsense {
        /// What was asked.
        doing: &'static str,
        /// What is wrong with the answer.
        because: String,
    },
    /// The code is not good, or its token is for somebody else.
    #[error("the code of the sign-in is not good: {0}")]
    Code(String),
    /// It is no forge.
    #[error("it is no forge")]
    NotAForge,
    /// The token that says who it is does not hold.
    #[error("the token of the sign-in does not hold: {}", .0.code())]
    Token(TokenError),
}

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claimed {
    /// What they are known by there for good.
    pub(super) subject: String,
    /// What they are called there.
    pub(super) login: String,
    /// Their name.
    pub(super) name: String,
    /// Their address, if the provider has verified it.
    pub(super) email: Option<String>,
    /// Whether they may come in without an invitation.
    pub(super) joins: bool,
}

/// What somebody granted.
#[derive(Debug)]
pub(super) struct Authorized {
    /// Who it was.
    pub(super) claimed: Claimed,
    /// What.
    pub(super) granted: Granted,
}

/// A token of somebody, and what it is for.
#[derive(Debug)]
pub(super) struct Granted {
    /// The token.
    pub(super) token: SecretString,
    /// What was granted.
    pub(super) scopes: Vec<String>,
    /// How long it counts; for ever when absent.
    pub(super) life: Option<Duration>,
    /// By what it is renewed; a GitHub App has that where its tokens end.
    pub(super) renewal: Option<Renewal>,
}

/// What a token is renewed by, once.
#[derive(Debug)]
pub(super) struct Renewal {
    /// It.
    pub(super) token: SecretString,
    /// How long it counts.
    pub(super) life: Option<Duration>,
}

/// A token of somebody for one repository, as short as the provider gives it.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// The token.
    pub(super) token: SecretString,
    /// When it ends, as the provider says it.
    pub(super) ends: Option<String>,
}

/// The way back of a sign-in.
#[derive(Debug)]
pub(super) struct Brought<'a> {
    /// What the browser brought.
    pub(super) code: &'a str,
    /// Proves that who comes back is who went out.
    pub(super) verifier: &'a SecretString,
    /// The address that it came back to.
    pub(super) redirect_url: &'a Url,
    /// What the token of the provider must repeat.
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// All providers of a hub.
#[derive(Debug, Default)]
pub(in super::super) struct Providers {
    client: OnceLock<Client>,
    all: Vec<ProviderSettings>,
    /// Webhooks of repositories and organisations.
    hooks: Vec<HookSettings>,
}

impl Providers {
    /// Those of these settings.
    pub(in super::super) fn new(all: Vec<ProviderSettings>) -> Self {
        Self {
            client: OnceLock::new(),
            all,
            hooks: Vec::new(),
        }
    }

    /// The same with webhooks of repositories and organisations that are asked for what did not arrive.
    pub(in super::super) fn with_hooks(self, hooks: Vec<HookSettings>) -> Self {
        Self { hooks, ..self }
    }

    /// A client that follows no redirects, built when first needed.
    fn client(&self) -> Result<&Client, ProviderError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = http1_client(&NetworkOptions::default()).map_err(ProviderError::Network)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// All of them.
    pub(super) fn all(&self) -> &[ProviderSettings] {
        &self.all
    }

    /// The one of a name.
    pub(super) fn find(&self, name: &str) -> Option<&ProviderSettings> {
        self.all.iter().find(|provider| provider.name == name)
    }

    /// The GitHub that is asked what people may do, where one is.
    pub(super) fn asked(&self) -> Option<&ProviderSettings> {
        self.all.iter().find(|provider| match &provider.kind {
            ProviderKind::GitHub(github) => github.token.is_some(),
            ProviderKind::Oidc(_) => false,
        })
    }

    /// What it says of a person and a repository; `None` is nothing.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) async fn permission(
        &self,
        provider: &ProviderSettings,
        identity: &StoredIdentity,
        repository: &Resource,
    ) -> Result<Option<Level>, ProviderError> {
        let ProviderKind::GitHub(github) = &provider.kind else {
            return Ok(None);
        };
        let asking = github::Asking {
            client: self.client()?,
            settings: provider,
            github,
        };
        asking.permission(identity, repository).await
    }

    /// Where browsers are sent, as content policies name it. A provider that says where only when it is asked is expected at its issuer.
    pub(super) fn origins(&self) -> Vec<String> {
        let origin = |provider: &ProviderSettings| match &provider.kind {
            ProviderKind::GitHub(github) => github.address.origin().ascii_serialization(),
            ProviderKind::Oidc(oidc) => oidc.origin(),
        };
        self.all.iter().map(origin).collect()
    }

    /// Where a browser goes to sign in with it, and comes back from.
    ///
    /// # Errors
    /// The provider does not say where.
    pub(super) async fn way_out(
        &self,
        provider: &ProviderSettings,
        redirect_url: Url,
    ) -> Result<Provider, ProviderError> {
        let authorize_url = match &provider.kind {
            ProviderKind::GitHub(github) => github.authorize_url(),
            ProviderKind::Oidc(oidc) => oidc::discover(self.client()?, oidc).await?.authorization_endpoint,
        };
        Ok(Provider {
            authorize_url,
            client_id: provider.client_id.clone(),
            redirect_url,
        })
    }

    /// The GitHub at which people let the hub act for them.
    pub(in super::super) fn github(&self) -> Option<&ProviderSettings> {
        let is_github = |provider: &&ProviderSettings| matches!(provider.kind, ProviderKind::GitHub(_));
        self.asked().or_else(|| self.all.iter().find(is_github))
    }

    /// What somebody granted; `None` at a provider where nothing can be granted.
    ///
    /// # Errors
    /// The provider does not answer, or the code is not good.
    pub(super) async fn authorize(
        &self,
        provider: &ProviderSettings,
        brought: &Brought<'_>,
    ) -> Result<Option<Authorized>, ProviderError> {
        match self.at_github(provider)? {
            Some(asking) => asking.authorize(brought).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes a token worthless.
    ///
    /// # Errors
    /// The provider does not answer.
    pub(super) async fn give_back(
        &self,
        provider: &ProviderSettings,
        token: &SecretString,
    ) -> Result<(), ProviderError> {
        match self.at_github(provider)? {
            Some(asking) => asking.give_back(token).await,
            None => Ok(()),
        }
    }

    /// What a token is renewed to: the one before it counts no more, nor does what it was renewed by. `None` at a provider where
    /// nothing can be granted.
    ///
    /// # Errors
    /// The provider does not answer, or does not renew it.
    pub(super) async fn renew(
        &self,
        provider: &ProviderSettings,
        by: &SecretString,
    ) -> Result<Option<Granted>, ProviderError> {
        match self.at_github(provider)? {
            Some(asking) => asking.renew(by).await.map(Some),
            None => Ok(None),
        }
    }

    /// The token of somebody for one repository alone; `None` where the provider narrows none.
    ///
    /// # Errors
    /// The provider does not answer, or does not give it.
    pub(super) async fn narrowed(
        &self,
        provider: &ProviderSettings,
        token: &SecretString,
        repository: &Resource,
    ) -> Result<Option<Narrowed>, ProviderError> {
        match self.at_github(provider)? {
            Some(asking) if provider.is_app() => asking.narrowed(token, repository).await.map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Forgets there that somebody let the hub do anything; a token alone where that is all there is.
    ///
    /// # Errors
    /// The provider does not answer.
    pub(super) async fn give_up(
        &self,
        provider: &ProviderSettings,
        token: &SecretString,
    ) -> Result<(), ProviderError> {
        match self.at_github(provider)? {
            Some(asking) if provider.is_app() => asking.give_up(token).await,
            Some(asking) => asking.give_back(token).await,
            None => Ok(()),
        }
    }

    /// A way to ask a GitHub as somebody, by their token.
    ///
    /// # Errors
    /// There is no way out, or it is no GitHub.
    pub(super) fn as_somebody(
        &self,
        provider: &ProviderSettings,
        token: SecretString,
    ) -> Result<GitHub, ProviderError> {
        let ProviderKind::GitHub(github) = &provider.kind else {
            return Err(ProviderError::NotAForge);
        };
        let forge = Forge::new(github.address.as_str(), Some(github.api.as_str()), THEIR_TOKEN);
        let forge = forge.map_err(|_| ProviderError::NotAForge)?;
        let secrets = Arc::new(TheirToken(token));
        Ok(GitHub::new(self.client()?.clone(), vec![forge], secrets))
    }

    fn at_github<'a>(
        &'a self,
        settings: &'a ProviderSettings,
    ) -> Result<Option<github::Asking<'a>>, ProviderError> {
        let client = self.client()?;
        Ok(match &settings.kind {
            ProviderKind::GitHub(github) => Some(github::Asking {
                client,
                settings,
                github,
            }),
            ProviderKind::Oidc(_) => None,
        })
    }

    /// Who somebody is.
    ///
    /// # Errors
    /// The provider does not answer, or the code is not good.
    pub(super) async fn identify(
        &self,
        provider: &ProviderSettings,
        brought: &Brought<'_>,
    ) -> Result<Claimed, ProviderError> {
        match &provider.kind {
            ProviderKind::GitHub(github) => {
                let asking = github::Asking {
                    client: self.client()?,
                    settings: provider,
                    github,
                };
                asking.identify(brought).await
            }
            ProviderKind::Oidc(oidc) => oidc::identify(self.client()?, provider, oidc, brought).await,
        }
    }
}

impl ProviderSettings {
    /// Whether it is a GitHub App, whose tokens carry no scopes.
    pub(super) fn is_app(&self) -> bool {
        match &self.kind {
            ProviderKind::GitHub(github) => github.is_app,
            ProviderKind::Oidc(_) => false,
        }
    }

    /// The address of a repository there.
    pub(super) fn address_of(&self, slug: &RepoSlug) -> String {
        let address = match &self.kind {
            ProviderKind::GitHub(github) => github.address.as_str(),
            ProviderKind::Oidc(oidc) => &oidc.issuer,
        };
        format!("{}/{slug}", address.trim_end_matches('/'))
    }

    /// Scopes that say who somebody is, and no more.
    pub(super) fn least_scopes(&self) -> &'static [&'static str] {
        match &self.kind {
            ProviderKind::GitHub(_) => &[],
            ProviderKind::Oidc(_) => &["openid", "profile", "email"],
        }
    }
}
