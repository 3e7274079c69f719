//! One layer of configuration: everything optional.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::containers::ContainerEntry;
use super::file_store::FileStoreEntry;
use super::forges::ForgeEntry;
use super::hub::HubText;
use super::running::{LimitsText, MockEntry};
use super::secrets::SecretText;
use super::signing::SigningEntry;
use super::sources::Sources;
use super::units::{DurationText, RoomText, SizeText};

/// What flags of the command line say; they win over every other layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`: read instead of `./sdm.yaml`, and trusted like the user's own file.
    pub config: Option<PathBuf>,
    /// `--name`.
    pub name: Option<String>,
    /// `--goals`.
    pub goals: Option<PathBuf>,
    /// `--socket`.
    pub socket: Option<PathBuf>,
    /// `--parallel`.
    pub parallel: Option<usize>,
}

/// Whether the goals of a repository run before its owner here has said so (threat J2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustPolicy {
    /// Each repository waits for `sdm trust`.
    #[default]
    Ask,
    /// Every repository named to the machine is trusted.
    All,
}

/// Whether commands of goals run in a sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxChoice {
    /// No.
    #[default]
    Off,
    /// As far as the computer offers one.
    Auto,
    /// Or not at all.
    Required,
}

impl SandboxChoice {
    /// As it is written.
    pub(super) const WORDS: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("auto", Self::Auto),
        ("required", Self::Required),
    ];

    pub(super) fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, choice)| *choice == self)
            .map_or("off", |(word, _)| word)
    }
}

/// How the daemon writes its own log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// What is known of one person who acts on goals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonEntry {
    /// Teams they are in.
    pub teams: Vec<String>,
    /// Addresses they commit with; compared for `not_author`.
    pub emails: Vec<String>,
    /// Other logins that are theirs.
    pub aliases: Vec<String>,
}

/// A user and where their secret is, for one origin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginEntry {
    /// The user; forges take any name with a token.
    #[serde(default = "LoginEntry::any_user")]
    pub user: String,
    /// A file with the password or token in its first line.
    pub secret_file: PathBuf,
}

impl LoginEntry {
    fn any_user() -> String {
        "x-access-token".to_owned()
    }
}

/// A file as written, or the environment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Layer {
    pub(super) name: Option<String>,
    pub(super) goals: Option<PathBuf>,
    pub(super) state_directory: Option<PathBuf>,
    pub(super) socket: Option<PathBuf>,
    pub(super) parallel: Option<usize>,
    pub(super) repositories: Option<Vec<PathBuf>>,
    pub(super) remotes: Option<Vec<String>>,
    pub(super) poll_interval: Option<DurationText>,
    pub(super) logins: Option<BTreeMap<String, LoginEntry>>,
    pub(super) hub: Option<HubText>,
    pub(super) forges: Option<BTreeMap<String, ForgeEntry>>,
    pub(super) values: Option<serde_json::Value>,
    pub(super) extra_ca_files: Option<Vec<PathBuf>>,
    pub(super) proxy: Option<String>,
    pub(super) ssh_command: Option<Vec<String>>,
    pub(super) fetch_timeout: Option<DurationText>,
    pub(super) log_limit: Option<SizeText>,
    pub(super) cache_limit: Option<RoomText>,
    #[serde(deserialize_with = "super::database::written")]
    pub(super) database: Option<SecretText>,
    pub(super) file_store: Option<FileStoreEntry>,
    pub(super) goal_limits: Option<LimitsText>,
    pub(super) mock: Option<Vec<MockEntry>>,
    pub(super) workspace_keep: Option<Vec<String>>,
    pub(super) retention_days: Option<u32>,
    pub(super) repository_hooks: Option<Vec<String>>,
    pub(super) trusted_owners: Option<Vec<String>>,
    pub(super) reference_address: Option<String>,
    pub(super) signing: Option<SigningEntry>,
    pub(super) people: Option<BTreeMap<String, PersonEntry>>,
    pub(super) secrets: Option<BTreeMap<String, SecretText>>,
    pub(super) secret_key_file: Option<PathBuf>,
    pub(super) trust: Option<TrustPolicy>,
    pub(super) engine: Option<String>,
    pub(super) containers: Option<ContainerEntry>,
    pub(super) sandbox: Option<SandboxChoice>,
    pub(super) sandbox_untrusted: Option<SandboxChoice>,
    pub(super) sandbox_readable: Option<Vec<PathBuf>>,
    pub(super) untrusted_network: Option<bool>,
    pub(super) otlp: Option<String>,
    pub(super) log_level: Option<String>,
    pub(super) log_format: Option<LogFormat>,
}

impl Layer {
    /// Makes its paths absolute: `~/` is the home directory, relative ones are below `base`.
    pub(super) fn anchored(mut self, sources: &Sources, base: &Path) -> Self {
        let resolve = |path: &mut PathBuf| *path = sources.resolve_path(base, path);
        let single = [
            &mut self.goals,
            &mut self.state_directory,
            &mut self.socket,
            &mut self.secret_key_file,
        ];
        single.into_iter().flatten().for_each(resolve);
        let lists = [
            &mut self.repositories,
            &mut self.extra_ca_files,
            &mut self.sandbox_readable,
        ];
        lists.into_iter().flatten().flatten().for_each(resolve);
        let logins = self.logins.iter_mut().flat_map(BTreeMap::values_mut);
        logins.map(|login| &mut login.secret_file).for_each(resolve);
        let of_hub = self.hub.iter_mut().filter_map(|hub| hub.key.as_mut());
        if let Some(signing) = &mut self.signing {
            let keys = std::iter::once(&mut signing.key_file).chain(signing.trusted.values_mut());
            keys.for_each(resolve);
        }
        let secrets = self.secrets.iter_mut().flat_map(BTreeMap::values_mut);
        secrets
            .chain(of_hub)
            .chain(&mut self.database)
            .filter_map(|secret| secret.file.as_mut())
            .for_each(resolve);
        let stores = self.file_store.iter_mut();
        stores
            .flat_map(|store| [&mut store.access_key_file, &mut store.secret_key_file])
            .filter(|file| !file.as_os_str().is_empty())
            .for_each(resolve);
        self
    }

    /// The first key that decides what may run here or who is believed. A project's own file may come from anybody who
    /// can write to the repository, so it may not have them.
    pub(super) fn key_not_for_projects(&self) -> Option<&'static str> {
        let decisive = [
            ("trust", self.trust.is_some()),
            ("repository_hooks", self.repository_hooks.is_some()),
            ("trusted_owners", self.trusted_owners.is_some()),
            ("reference_address", self.reference_address.is_some()),
            ("signing", self.signing.is_some()),
            ("mock", self.mock.is_some()),
            ("goal_limits", self.goal_limits.is_some()),
            ("people", self.people.is_some()),
            ("remotes", self.remotes.is_some()),
            ("logins", self.logins.is_some()),
            ("hub", self.hub.is_some()),
            ("forges", self.forges.is_some()),
            ("values", self.values.is_some()),
            ("secrets", self.secrets.is_some()),
            ("secret_key_file", self.secret_key_file.is_some()),
            ("database", self.database.is_some()),
            ("file_store", self.file_store.is_some()),
            ("ssh_command", self.ssh_command.is_some()),
            ("otlp", self.otlp.is_some()),
            ("proxy", self.proxy.is_some()),
            ("extra_ca_files", self.extra_ca_files.is_some()),
            ("state_directory", self.state_directory.is_some()),
            ("socket", self.socket.is_some()),
            ("engine", self.engine.is_some()),
            ("containers", self.containers.is_some()),
            ("sandbox", self.sandbox.is_some()),
            ("sandbox_untrusted", self.sandbox_untrusted.is_some()),
            ("sandbox_readable", self.sandbox_readable.is_some()),
            ("untrusted_network", self.untrusted_network.is_some()),
        ];
        decisive.into_iter().find(|(_, set)| *set).map(|(key, _)| key)
    }
}

impl From<&Flags> for Layer {
    fn from(flags: &Flags) -> Self {
        Self {
            name: flags.name.clone(),
            goals: flags.goals.clone(),
            socket: flags.socket.clone(),
            parallel: flags.parallel,
            ..Self::default()
        }
    }
}
