//! The file that names the providers of a hub.
//!
//! ```yaml
//! providers:
//!   github:
//!     kind: github
//!     address: https://github.example.org   # https://github.com when absent
//!     also_called: [git.internal]            # other hosts by which its webhooks name it
//!     app: true                              # a GitHub App; a classic OAuth App when absent
//!     app_key_file: /etc/sdm/github-app.pem  # asks for webhooks that were missed
//!     client_id: Iv1.0123456789abcdef
//!     client_secret_file: /etc/sdm/github-client-secret
//!     token_file: /etc/sdm/github-token      # asks what people may do on repositories, and who is a member
//!     organisations: [acme]                  # whose members come in without an invitation
//!   company:
//!     kind: oidc
//!     issuer: https://login.example.org
//!     client_id: sdm
//!     client_secret_file: /etc/sdm/login-client-secret
//!     domains: [example.org]                 # whose verified addresses come in without an invitation
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;

use super::super::super::ingest::known::Forge;
use super::app::AppKey;
use crate::model::address::is_this_computer;

/// Largest file in bytes.
const LARGEST: u64 = 64 * 1024;

/// Longest name of a provider.
const LONGEST_NAME: usize = 30;

/// Where GitHub is when nothing says otherwise.
const GITHUB: &str = "https://github.com";

/// What is wrong with the file.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// It, or a file that it names, cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than such a file is.
    #[error("{} is larger than {LARGEST} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is not what it should be.
    #[error("{} cannot be used: {because}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong, with the place in the file.
        because: String,
    },
}

/// A provider that people sign in with.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name, in addresses and in what is kept of people.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it is.
    pub kind: ProviderKind,
    /// Who the hub is there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
}

/// What a provider is.
#[derive(Debug, Clone)]
pub enum ProviderKind {
    /// A GitHub.
    GitHub(GitHubSettings),
    /// A provider of OpenID Connect.
    Oidc(OidcSettings),
}

/// A GitHub.
#[derive(Debug, Clone)]
pub struct GitHubSettings {
    /// Where people see it.
    pub address: Url,
    /// Other hosts by which its webhooks name it.
    pub also_called: Box<[String]>,
    /// Where programs ask it.
    pub api: Url,
    /// Whether it is a GitHub App, whose tokens carry no scopes.
    pub is_app: bool,
    /// The key of the app, to ask for webhooks that were missed.
    pub app_key: Option<AppKey>,
    /// The hub's own token, to ask what people may do on repositories, and who is a member.
    pub token: Option<SecretString>,
    /// Organisations whose members come in without an invitation.
    pub organisations: Vec<String>,
}

/// A provider of OpenID Connect.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// Its name for itself, which is where it is found.
    pub issuer: String,
    /// Domains of addresses that come in without an invitation.
    pub domains: Vec<String>,
}

impl ProviderSettings {
    /// Whether it is the forge of a host that webhooks tell of.
    pub(in super::super::super) fn is_at(&self, forge: &str) -> bool {
        match &self.kind {
            ProviderKind::GitHub(github) => github.hosts().iter().any(|host| host == forge),
            ProviderKind::Oidc(_) => false,
        }
    }
}

impl GitHubSettings {
    /// Hosts by which its webhooks name it.
    pub(in super::super) fn hosts(&self) -> Vec<String> {
        let own = Forge::of_page(self.address.as_str()).map(|own| own.provider().to_owned());
        own.into_iter().chain(self.also_called.iter().cloned()).collect()
    }
}

impl OidcSettings {
    /// Scheme, host and port.
    pub(super) fn origin(&self) -> String {
        Url::parse(&self.issuer).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    providers: BTreeMap<String, Raw>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: Kind,
    client_id: String,
    client_secret_file: PathBuf,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    also_called: Vec<String>,
    #[serde(default)]
    api: Option<String>,
    #[serde(default)]
    token_file: Option<PathBuf>,
    #[serde(default)]
    app: bool,
    #[serde(default)]
    app_key_file: Option<PathBuf>,
    #[serde(default)]
    organisations: Vec<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    domains: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Github,
    Oidc,
}

/// Reads the file, and the secrets that it names; their paths are as seen from the file.
///
/// # Errors
/// What is wrong, and where.
pub fn read(path: &Path) -> Result<Vec<ProviderSettings>, SettingsError> {
    let text = text_of(path)?;
    let wrong = |because: String| SettingsError::Wrong {
        path: path.to_path_buf(),
        because,
    };
    let file: File = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let asked = file.providers.values().filter(|raw| raw.token_file.is_some());
    if asked.count() > 1 {
        return Err(wrong(
            "one GitHub is asked what people may do: only one has a `token_file`".to_owned(),
        ));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    file.providers
        .into_iter()
        .map(|(name, raw)| {
            let read = |file: &PathBuf| secret_of(&directory.join(file));
            let secrets = Secrets {
                client: read(&raw.client_secret_file)?,
                token: raw.token_file.as_ref().map(read).transpose()?,
                app_key: raw.app_key_file.as_ref().map(read).transpose()?,
            };
            settings(&name, raw, secrets).map_err(|because| wrong(format!("`{name}`: {because}")))
        })
        .collect()
}

pub(super) fn text_of(path: &Path) -> Result<String, SettingsError> {
    let failed = |source| SettingsError::Read {
        path: path.to_path_buf(),
        source,
    };
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
        return Err(SettingsError::TooLarge(path.to_path_buf()));
    }
    std::fs::read_to_string(path).map_err(failed)
}

pub(super) fn secret_of(path: &Path) -> Result<SecretString, SettingsError> {
    Ok(SecretString::from(text_of(path)?.trim()))
}

/// What is in the files that the file names.
struct Secrets {
    client: SecretString,
    token: Option<SecretString>,
    app_key: Option<SecretString>,
}

/// The key of an app, which belongs to none but an app.
fn app_key(is_app: bool, text: Option<&SecretString>) -> Result<Option<AppKey>, String> {
    match text {
        None => Ok(None),
        Some(_) if !is_app => Err("`app_key_file` is for a GitHub App: `app: true`".to_owned()),
        Some(text) => match AppKey::parse(text) {
            Some(key) => Ok(Some(key)),
            None => Err("`app_key_file` holds no private key of a GitHub App".to_owned()),
        },
    }
}

fn settings(name: &str, raw: Raw, secrets: Secrets) -> Result<ProviderSettings, String> {
    let token = secrets.token;
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_legal) {
        return Err("a name has lower-case letters, digits and `-`".to_owned());
    }
    let kind = match raw.kind {
        Kind::Github => {
            if raw.issuer.is_some() || !raw.domains.is_empty() {
                return Err("`issuer` and `domains` are for `kind: oidc`".to_owned());
            }
            if token.is_none() && !raw.organisations.is_empty() {
                return Err("`organisations` needs `token_file`, to ask who is a member".to_owned());
            }
            let address = safe("address", raw.address.as_deref().unwrap_or(GITHUB))?;
            let api = match &raw.api {
                Some(api) => safe("api", api)?,
                None => usual_api(&address),
            };
            ProviderKind::GitHub(GitHubSettings {
                address,
                also_called: raw.also_called.into_boxed_slice(),
                api,
                is_app: raw.app,
                app_key: app_key(raw.app, secrets.app_key.as_ref())?,
                token,
                organisations: raw.organisations,
            })
        }
        Kind::Oidc => {
            let is_github =
                raw.address.is_some() || raw.api.is_some() || raw.app || raw.app_key_file.is_some();
            let is_github = is_github || !raw.also_called.is_empty();
            if is_github || token.is_some() || !raw.organisations.is_empty() {
                return Err(
                    "`address`, `also_called`, `api`, `app`, `app_key_file`, `token_file` and `organisations` are for `kind: github`"
                        .to_owned(),
                );
            }
            let issuer = raw.issuer.ok_or("`issuer` is missing")?;
            safe("issuer", &issuer)?;
            ProviderKind::Oidc(OidcSettings {
                issuer,
                domains: raw.domains,
            })
        }
    };
    Ok(ProviderSettings {
        name: name.to_owned(),
        title: raw.title.unwrap_or_else(|| name.to_owned()),
        kind,
        client_id: raw.client_id,
        client_secret: secrets.client,
    })
}

fn safe(field: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(is_safe);
    url.ok_or_else(|| format!("`{field}` must be an https address"))
}

/// Whether secrets may be sent there: over TLS, or to the same computer.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain
        && match url.scheme() {
            "https" => url.has_host(),
            "http" => url.host_str().is_some_and(is_this_computer),
            _ => false,
        }
}

/// Where the API of a GitHub is.
fn usual_api(address: &Url) -> Url {
    let mut api = address.clone();
    if address.host_str() == Some("github.com") {
        return Url::parse("https://api.github.com/").unwrap_or(api);
    }
    api.set_path("/api/v3/");
    api
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(yaml: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret"), "canary\n").unwrap();
        let path = directory.path().join("sign-in.yaml");
        std::fs::write(&path, yaml).unwrap();
        match read(&path) {
            Ok(all) => format!("{all:?}"),
            Err(error) => error.to_string().replace(&path.display().to_string(), "FILE"),
        }
    }

    const OIDC: &str = "providers: {x: {kind: oidc, client_id: hub, client_secret_file: secret";

    #[test]
    fn providers_are_read_and_their_secrets_not_shown() {
        let github = said(
            "providers: {github: {kind: github, client_id: a, client_secret_file: secret, address: https://git.example.org}}",
        );
        assert!(
            github.contains("/api/v3/") && !github.contains("canary"),
            "{github}"
        );
        let oidc = said(&format!("{OIDC}, issuer: https://login.example.org}}}}"));
        assert!(oidc.contains("login.example.org"), "{oidc}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let typo = said("providers:\n  x:\n    kind: oidc\n    isuer: y\n");
        assert!(
            typo.contains("unknown field `isuer`") && typo.contains("line 4"),
            "{typo}"
        );
        assert_eq!(
            said(&format!("{OIDC}}}}}")),
            "FILE cannot be used: `x`: `issuer` is missing"
        );
        assert_eq!(
            said(&format!("{OIDC}, issuer: \"http://login.example.org\"}}}}")),
            "FILE cannot be used: `x`: `issuer` must be an https address"
        );
        assert_eq!(
            said(
                "providers: {x: {kind: github, client_id: a, client_secret_file: secret, organisations: [acme]}}"
            ),
            "FILE cannot be used: `x`: `organisations` needs `token_file`, to ask who is a member"
        );
        assert!(
            said("providers: {X: {kind: github, client_id: a, client_secret_file: secret}}")
                .contains("lower-case")
        );
        let with_key = "client_id: a, client_secret_file: secret, app_key_file: secret";
        assert_eq!(
            said(&format!("providers: {{x: {{kind: github, {with_key}}}}}")),
            "FILE cannot be used: `x`: `app_key_file` is for a GitHub App: `app: true`"
        );
        assert_eq!(
            said(&format!(
                "providers: {{x: {{kind: github, app: true, {with_key}}}}}"
            )),
            "FILE cannot be used: `x`: `app_key_file` holds no private key of a GitHub App"
        );
        assert!(
            said("providers: {x: {kind: github, client_id: a, client_secret_file: other}}")
                .starts_with("failed to read")
        );
    }
}
