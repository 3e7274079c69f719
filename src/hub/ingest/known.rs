//! What several events tell in the same words: forges, owners, repositories, people, commits.
//!
//! Keys begin with the forge's host. A repository is known by its number, so that a new one of the same name is another, and
//! by its present name, by which goals name it.

use chrono::{DateTime, SecondsFormat};
use reqwest::Url;
use serde_json::{Value, json};

use super::super::changes::Change;
use super::super::goals::{branch_key, commit_key, push_key};
use super::super::machines::register::THE_CHAT;
use super::naming::FullName;

/// What stands at a path of names such as `/repository/name`; names are plain, so that nothing of the path is to be unescaped.
pub(super) fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('/')
        .skip(1)
        .try_fold(value, |value, name| value.get(name))
}

/// Text at a path.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    find(value, path).and_then(Value::as_str)
}

/// A number at a path, as text.
pub(super) fn number(value: &Value, path: &str) -> Option<String> {
    find(value, path)
        .and_then(Value::as_u64)
        .map(|number| number.to_string())
}

/// The moment at a path. Forges say it as text or in seconds, of the same thing in different events.
pub(super) fn moment(value: &Value, path: &str) -> Value {
    let told = find(value, path);
    let seconds = told.and_then(Value::as_i64);
    match seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
        Some(moment) => Value::from(moment.to_rfc3339_opts(SecondsFormat::Secs, true)),
        None => told.cloned().unwrap_or(Value::Null),
    }
}

/// Fields of which something is said. What is absent says nothing, and `null` says that there is none.
pub(super) fn fields<const N: usize>(said: [(&str, Option<Value>); N]) -> Value {
    let said = said
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), value?)));
    Value::Object(said.collect())
}

/// Key of an author of whom a forge knows an address alone.
pub(in super::super) fn mail_key(provider: &str, address: &str) -> String {
    format!("{provider}/mail/{address}")
}

/// The same at any forge, and however the address is written.
pub(in super::super) fn address_key(address: &str) -> String {
    format!("mail/{}", address.to_lowercase())
}

/// Whether a key is of somebody of whom nothing but an address is known.
pub(in super::super) fn is_of_address(key: &str) -> bool {
    key.starts_with("mail/") || key.contains("/mail/")
}

/// Type of what is known of repositories that an installed app may see; it is in no schema.
pub(in super::super) const REACH: &str = "AppReach";

/// A forge, as addresses of its pages tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Forge {
    /// Its host, with the port when it is not the usual one.
    provider: String,
    scheme: String,
}

impl Forge {
    /// The forge that has a page.
    pub(in super::super) fn of_page(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        let host = url.host_str()?;
        let provider = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Self {
            provider,
            scheme: url.scheme().to_owned(),
        })
    }

    /// Its id: its host, with the port when it is not the usual one.
    pub(in super::super) fn provider(&self) -> &str {
        &self.provider
    }

    /// Its host.
    pub(in super::super) fn host(&self) -> &str {
        self.provider.split(':').next().unwrap_or_default()
    }

    /// Itself.
    pub(super) fn change(&self) -> Change {
        self.told("SCMProvider")
    }

    /// Itself, where an app is installed.
    pub(super) fn with_app(&self) -> Change {
        self.told("GitHubAppResourceProvider")
    }

    fn told(&self, kind: &str) -> Change {
        let is_public = self.provider == "github.com";
        let base = format!("{}://{}", self.scheme, self.provider);
        let body = json!({
            "providerId": self.provider, "name": self.provider,
            "providerType": if is_public { "github_com" } else { "ghe" },
            "apiUrl": if is_public { "https://api.github.com/".to_owned() } else { format!("{base}/api/v3") },
            "gitUrl": format!("git@{}:", self.host()),
            "url": base,
        });
        Change::merge(kind, vec![self.provider.clone()], body)
    }

    /// Key of an account, and of what belongs to it.
    pub(super) fn account_key(&self, login: &str) -> String {
        format!("{}/{login}", self.provider)
    }

    /// Somebody's repositories together, from an object with a `login`; `kind` is the type that the forge says.
    pub(super) fn organization(&self, owner: &str, kind: Option<&str>) -> Change {
        let kind = kind.map(|kind| match kind {
            "User" => "user",
            _ => "organization",
        });
        let body = fields([
            ("owner", Some(owner.into())),
            ("ownerType", kind.map(Value::from)),
        ]);
        // The original calls its provider by two names.
        Change::merge("Org", vec![self.account_key(owner)], body)
            .link("provider", [self.provider.clone()])
            .link("scmProvider", [self.provider.clone()])
            .link("chatTeam", [THE_CHAT.to_owned()])
            .link("team", [THE_CHAT.to_owned()])
    }

    /// An account, from an object with a `login`; and its key.
    pub(in super::super) fn account(&self, value: &Value) -> Option<(Change, String)> {
        let login = text(value, "/login")?;
        let key = self.account_key(login);
        let avatar = text(value, "/avatar_url").map(Value::from);
        let body = fields([("login", Some(login.into())), ("avatar", avatar)]);
        Some((Change::fact("ScmId", vec![key.clone()], body), key))
    }

    /// An account that is called otherwise now: it is found by both names.
    pub(super) fn renamed(&self, before: &str, now: &str, kind: Option<&str>) -> Change {
        let mut organization = self.organization(now, kind);
        organization.node.keys.push(self.account_key(before));
        organization
    }

    /// A repository of which little more than its name is told.
    pub(super) fn named_repository(&self, value: &Value) -> Option<Change> {
        let id = self.account_key(&number(value, "/id")?);
        let (owner, name) = text(value, "/full_name")?.split_once('/')?;
        let body = fields([
            ("owner", Some(owner.into())),
            ("name", Some(name.into())),
            ("private", value.get("private").cloned()),
        ]);
        let by_name = format!("{}/{name}", self.account_key(owner));
        Some(Change::beside("Repo", vec![id, by_name], body).link("org", [self.account_key(owner)]))
    }

    /// Whether an app that is installed may see a repository, as it was at a moment.
    pub(super) fn reach(&self, installation: &Value, repository: &Value, is_within: bool) -> Option<Change> {
        let (app, number) = (number(installation, "/id")?, number(repository, "/id")?);
        let key = format!("{}/{number}", self.installation_key(&app));
        let body = fields([
            ("isWithin", Some(is_within.into())),
            ("clientId", text(installation, "/client_id").map(Value::from)),
            ("timestamp", Some(moment(installation, "/updated_at"))),
        ]);
        Some(Change::dated(REACH, vec![key], body).link("repo", [self.account_key(&number)]))
    }

    /// Key of an installation of an app.
    pub(super) fn installation_key(&self, number: &str) -> String {
        format!("{}/installation/{number}", self.provider)
    }
}

/// A repository as a webhook tells of it.
#[derive(Debug, Clone)]
pub(super) struct Repository<'p> {
    forge: Forge,
    owner: String,
    name: String,
    called: FullName,
    id: String,
    value: &'p Value,
}

impl<'p> Repository<'p> {
    /// The `repository` of a payload.
    pub(super) fn of(payload: &'p Value) -> Option<Self> {
        let value = payload.get("repository")?;
        let forge = Forge::of_page(text(value, "/html_url")?)?;
        let (owner, name) = text(value, "/full_name")?.split_once('/')?;
        Some(Self {
            id: forge.account_key(&number(value, "/id")?),
            forge,
            called: FullName::new(owner, name),
            owner: owner.to_owned(),
            name: name.to_owned(),
            value,
        })
    }

    /// The forge that has it.
    pub(super) fn forge(&self) -> &Forge {
        &self.forge
    }

    /// What it is called.
    pub(super) fn full_name(&self) -> &FullName {
        &self.called
    }

    /// Key of the repository.
    pub(super) fn key(&self) -> String {
        self.id.clone()
    }

    /// Keys of a commit.
    pub(super) fn commit_keys(&self, sha: &str) -> Vec<String> {
        vec![
            format!("{}@{sha}", self.id),
            commit_key(&self.forge.provider, &self.owner, &self.name, sha),
        ]
    }

    /// Key of a commit.
    pub(super) fn commit_key(&self, sha: &str) -> String {
        format!("{}@{sha}", self.id)
    }

    /// Keys of the push that brought a branch to a commit.
    pub(super) fn push_keys(&self, branch: &str, before: &str, after: &str) -> Vec<String> {
        vec![
            format!("{}#{branch}@{before}..{after}", self.id),
            push_key(&self.forge.provider, &self.owner, &self.name, branch, after),
        ]
    }

    /// Key of a branch.
    pub(super) fn branch_key(&self, branch: &str) -> String {
        branch_key(&self.id, branch)
    }

    /// Key of a tag.
    pub(super) fn tag_key(&self, tag: &str) -> String {
        format!("{}~{tag}", self.id)
    }

    /// Key of a pull request.
    pub(super) fn pull_request_key(&self, number: &str) -> String {
        format!("{}!{number}", self.id)
    }

    /// Key of an issue.
    pub(super) fn issue_key(&self, number: &str) -> String {
        format!("{}?{number}", self.id)
    }

    /// Key of something that the forge has a number for.
    pub(super) fn numbered_key(&self, what: &str, number: &str) -> String {
        format!("{}/{what}/{number}", self.id)
    }

    /// Key by which the last push that brought a branch to a commit is found.
    pub(super) fn push_key(&self, branch: &str, sha: &str) -> String {
        push_key(&self.forge.provider, &self.owner, &self.name, branch, sha)
    }

    /// The forge, the owner and the repository. Of two tellings of one moment the one that is about the repository itself is the later
    /// one.
    pub(super) fn changes(&self, is_about_it: bool) -> Vec<Change> {
        let organization = self
            .forge
            .organization(&self.owner, text(self.value, "/owner/type"));
        let repository = self.repository().ranked(0, i64::from(is_about_it));
        vec![self.forge.change(), organization, repository]
    }

    fn repository(&self) -> Change {
        let of = |field: &str| self.value.get(field).cloned();
        let body = fields([
            ("owner", Some(self.owner.as_str().into())),
            ("name", Some(self.name.as_str().into())),
            ("url", of("html_url")),
            ("description", of("description")),
            ("defaultBranch", of("default_branch")),
            ("private", of("private")),
            ("archived", of("archived")),
            ("timestamp", Some(moment(self.value, "/updated_at"))),
        ]);
        Change::beside("Repo", self.keys(), body).link("org", [self.forge.account_key(&self.owner)])
    }

    fn keys(&self) -> Vec<String> {
        let by_name = format!("{}/{}", self.forge.account_key(&self.owner), self.name);
        vec![self.id.clone(), by_name]
    }

    /// That it is not there any more. What happened in it stays known, and its number is never another's.
    pub(super) fn deleted(&self) -> Change {
        Change::merge("Repo", vec![self.id.clone()], json!({"deleted": true}))
    }

    /// An account, from an object with a `login`; and its key.
    pub(super) fn account(&self, value: &Value) -> Option<(Change, String)> {
        self.forge.account(value)
    }

    /// Somebody as git knows them, from an object with `name`, `email` and if the forge knows them `username`.
    pub(super) fn author(&self, value: &Value) -> Option<(Change, String)> {
        let (name, email) = (text(value, "/name"), text(value, "/email"));
        let login = text(value, "/username");
        let keys = match (login, email) {
            (Some(login), _) => vec![self.forge.account_key(login)],
            (None, Some(email)) => vec![mail_key(&self.forge.provider, email), address_key(email)],
            (None, None) => return None,
        };
        let key = keys.first()?.clone();
        let body = fields([
            ("login", login.or(email).map(Value::from)),
            ("name", name.map(Value::from)),
            ("emails", email.map(|address| json!([{"address": address}]))),
        ]);
        Some((Change::fact("ScmId", keys, body), key))
    }

    /// A commit as pushes tell of it, with its people.
    pub(super) fn commit(&self, value: &Value) -> Vec<Change> {
        let Some(sha) = text(value, "/id") else {
            return Vec::new();
        };
        let of = |field: &str| value.get(field).cloned();
        let body = fields([
            ("sha", Some(sha.into())),
            ("url", of("url")),
            ("message", of("message")),
            ("timestamp", of("timestamp")),
        ]);
        let mut commit = Change::fact("Commit", self.commit_keys(sha), body).link("repo", [self.key()]);
        let mut changes = Vec::new();
        for role in ["author", "committer"] {
            if let Some((person, key)) = value.get(role).and_then(|value| self.author(value)) {
                changes.push(person);
                commit = commit.link(role, [key]);
            }
        }
        changes.push(commit);
        changes
    }

    /// A commit of which nothing but its id is known.
    pub(super) fn bare_commit(&self, sha: &str) -> Change {
        Change::fact("Commit", self.commit_keys(sha), json!({ "sha": sha })).link("repo", [self.key()])
    }
}
