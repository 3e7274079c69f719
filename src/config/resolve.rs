//! The layers become one configuration of plain values, each with its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::containers::ContainerEntry;
use super::directories::{default_socket, default_state_directory};
use super::error::ConfigError;
use super::file_store::FileStoreEntry;
use super::forges::ForgeEntry;
use super::hub::HubEntry;
use super::layer::{Layer, LogFormat, LoginEntry, PersonEntry, SandboxChoice, TrustPolicy};
use super::otlp::CollectorEntry;
use super::running::MockEntry;
use super::secrets::{self, SecretEntry, SecretSource};
use super::signing::SigningEntry;
use super::sources::Sources;
use crate::model::limits::GoalLimits;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => formatter.write_str(flag),
            Self::Variable(name) => write!(formatter, "${name}"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// One value as `sdm doctor --config` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key in configuration files.
    pub key: &'static str,
    /// Value for people; never a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes kept of one attempt's log.
    pub log: u64,
    /// Most bytes of all archives of files between goals.
    pub cache: u64,
}

/// When commands of goals run in a sandbox, and what they see there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandboxes {
    /// For pushes of people who may write to the repository.
    pub trusted: SandboxChoice,
    /// For all others.
    pub untrusted: SandboxChoice,
    /// What may be read beyond the system and one's tools.
    pub readable: Vec<PathBuf>,
}

/// What stays in pooled workspaces unless configured otherwise: directories that tools fill with what takes minutes to
/// make again and that they check themselves before they use it. In local mode pushes of a repository come from one person,
/// so nobody can lay something there for somebody else's goals.
const WORKSPACE_KEEP: &[&str] = &["**/target", "**/node_modules", "**/.venv", "**/.gradle"];

/// The configuration of a machine: plain values.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// Registration name: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Goal file or directory of goal files; `None` means those that ship with the program.
    pub goals: Option<PathBuf>,
    /// State directory; created private by those who use it.
    pub state_directory: PathBuf,
    /// Socket of the daemon.
    pub socket: PathBuf,
    /// Most goals at once; at least 1.
    pub parallel: usize,
    /// Repositories, or directories of them, to watch.
    pub repositories: Vec<PathBuf>,
    /// Addresses of repositories elsewhere, which are looked at every `poll_interval`.
    pub remotes: Vec<String>,
    /// Between two looks at a repository elsewhere; at least a second.
    pub poll_interval: Duration,
    /// Logins by origin, `https://host[:port]`.
    pub logins: BTreeMap<String, LoginEntry>,
    /// The hub of a machine in team mode.
    pub hub: Option<HubEntry>,
    /// Forges by origin.
    pub forges: BTreeMap<String, ForgeEntry>,
    /// Values for commands, a map.
    pub values: serde_json::Value,
    /// Further certificate authorities, PEM.
    pub extra_ca_files: Vec<PathBuf>,
    /// Proxy for http and https; none means what the system's environment says.
    pub proxy: Option<String>,
    /// `ssh` and its first arguments.
    pub ssh_command: Vec<String>,
    /// Longest fetch.
    pub fetch_timeout: Duration,
    /// Bounds of logs.
    pub limits: Limits,
    /// Where the URL of a database is that replicas of the machine share; a file of its own when absent.
    pub database: Option<SecretSource>,
    /// Where archives are kept beside the machine's own disk.
    pub file_store: Option<FileStoreEntry>,
    /// What goals may use unless they say otherwise.
    pub goal_limits: GoalLimits,
    /// Goals that are mocked; the first entry that applies.
    pub mock: Vec<MockEntry>,
    /// Globs of untracked directories that stay in pooled workspaces when those are cleaned.
    pub workspace_keep: Vec<String>,
    /// Days that ended goal sets and their logs are kept.
    pub retention_days: u32,
    /// Globs of `owner/name`: repositories whose own hooks run around goals.
    pub repository_hooks: Vec<String>,
    /// Owners of other repositories whose referenced goals may do more than run containers.
    pub trusted_owners: Vec<String>,
    /// Where repositories of references are, with `{owner}` and `{repo}` in it.
    pub reference_address: String,
    /// Keys that goals are signed with; none when they are not.
    pub signing: Option<SigningEntry>,
    /// People by login.
    pub people: BTreeMap<String, PersonEntry>,
    /// Secrets by name: where each is, and whom it is for.
    pub secrets: BTreeMap<String, SecretEntry>,
    /// The key that opens encrypted values.
    pub secret_key_file: Option<PathBuf>,
    /// Whether repositories wait to be trusted.
    pub trust: TrustPolicy,
    /// Sockets of container engines; the first that is there is used.
    pub engines: Vec<PathBuf>,
    /// What goals in containers may.
    pub containers: ContainerEntry,
    /// When commands of goals run in a sandbox.
    pub sandboxes: Sandboxes,
    /// Whether goals of pushes that are not trusted reach other computers.
    pub untrusted_network: bool,
    /// Where traces go.
    pub otlp: Option<CollectorEntry>,
    /// Filter of the daemon's own log.
    pub log_level: String,
    /// Format of the daemon's own log.
    pub log_format: LogFormat,
    /// Files of the user's git configuration, weakest first; only its credential helpers are used.
    pub git_configuration: Vec<PathBuf>,
    /// Configuration files that were read, strongest first.
    pub files: Vec<PathBuf>,
    entries: Vec<Entry>,
}

impl Configuration {
    /// Every value with its origin, in the order of the reference.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same for a machine that shares no database.
    #[must_use]
    pub fn with_memory_of_its_own(&self) -> Self {
        Self {
            database: None,
            ..self.clone()
        }
    }

    /// Where a value came from.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.origin)
    }
}

/// Layers, strongest first, with where each value of theirs comes from.
pub(super) struct Resolver<'a> {
    pub(super) sources: &'a Sources,
    pub(super) layers: Vec<(LayerOrigin, Layer)>,
    pub(super) entries: Vec<Entry>,
}

/// The origin of a layer; flags and variables have one name per value.
pub(super) enum LayerOrigin {
    Flags,
    Environment,
    File(PathBuf),
}

impl LayerOrigin {
    pub(super) fn of(&self, key: &'static str) -> Origin {
        match self {
            Self::Flags => Origin::Flag(match key {
                "name" => "--name",
                "goals" => "--goals",
                "socket" => "--socket",
                "parallel" => "--parallel",
                _ => "command line",
            }),
            Self::Environment => Origin::Variable(super::environment::variable_for(key)),
            Self::File(path) => Origin::File(path.clone()),
        }
    }
}

impl Resolver<'_> {
    /// The strongest layer's value, else the default; `show` prints it.
    pub(super) fn pick<T>(
        &mut self,
        key: &'static str,
        get: impl Fn(&Layer) -> Option<T>,
        default: impl FnOnce() -> (T, Origin),
        show: impl FnOnce(&T) -> String,
    ) -> T {
        let found = self
            .layers
            .iter()
            .find_map(|(origin, layer)| Some((get(layer)?, origin.of(key))));
        let (value, origin) = found.unwrap_or_else(default);
        self.entries.push(Entry {
            key,
            value: show(&value),
            origin,
        });
        value
    }

    fn text<T: ToString>(&mut self, key: &'static str, get: impl Fn(&Layer) -> Option<T>, default: T) -> T {
        self.pick(key, get, || (default, Origin::Default), T::to_string)
    }

    pub(super) fn list<T: Clone>(
        &mut self,
        key: &'static str,
        get: impl Fn(&Layer) -> Option<Vec<T>>,
        default: Vec<T>,
        show: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let show_all = |all: &Vec<T>| format!("[{}]", all.iter().map(show).collect::<Vec<_>>().join(", "));
        self.pick(key, get, || (default, Origin::Default), show_all)
    }

    pub(super) fn origin_error(&self, key: &str, message: String) -> ConfigError {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        let origin = entry.map_or_else(|| key.to_owned(), |entry| format!("{key} ({})", entry.origin));
        ConfigError::Value { origin, message }
    }

    fn name(&mut self) -> Result<String, ConfigError> {
        let name = self.text("name", |layer| layer.name.clone(), "sdm".to_owned());
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || name.starts_with(['.', '-']) || !name.chars().all(legal) {
            let message = format!(
                "`{}` is not a name: use letters, digits, `-`, `_` and `.`, at most 64",
                name.escape_debug()
            );
            return Err(self.origin_error("name", message));
        }
        Ok(name)
    }

    fn parallel(&mut self) -> Result<usize, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parallel = self.text("parallel", |layer| layer.parallel, cores);
        if parallel == 0 || parallel > 1024 {
            return Err(self.origin_error(
                "parallel",
                format!("{parallel} goals at once is not possible: 1 to 1024 are"),
            ));
        }
        Ok(parallel)
    }

    fn ssh_command(&mut self) -> Result<Vec<String>, ConfigError> {
        let command = self.list(
            "ssh_command",
            |layer| layer.ssh_command.clone(),
            vec!["ssh".to_owned()],
            String::clone,
        );
        match command.first() {
            Some(program) if !program.is_empty() && !program.starts_with('-') => Ok(command),
            _ => Err(self.origin_error("ssh_command", "the first word must be a program".to_owned())),
        }
    }

    /// Every look costs the server a request.
    fn poll_interval(&mut self) -> Result<Duration, ConfigError> {
        let interval = self.pick(
            "poll_interval",
            |layer| layer.poll_interval.map(|text| text.0),
            || (Duration::from_secs(60), Origin::Default),
            |duration| format!("{}s", duration.as_secs_f64()),
        );
        if interval < Duration::from_secs(1) || interval > Duration::from_secs(86_400) {
            let message = "look every second at the most often and once a day at least".to_owned();
            return Err(self.origin_error("poll_interval", message));
        }
        Ok(interval)
    }

    fn sandboxes(&mut self) -> Sandboxes {
        let default = |choice| move || (choice, Origin::Default);
        let shown = |choice: &SandboxChoice| choice.word().to_owned();
        Sandboxes {
            trusted: self.pick(
                "sandbox",
                |layer| layer.sandbox,
                default(SandboxChoice::Off),
                shown,
            ),
            untrusted: self.pick(
                "sandbox_untrusted",
                |layer| layer.sandbox_untrusted,
                // What strangers wrote does not run as the user of the machine unless its operator says so (threats B10, I2).
                default(SandboxChoice::Required),
                shown,
            ),
            readable: self.list(
                "sandbox_readable",
                |layer| layer.sandbox_readable.clone(),
                Vec::new(),
                |path| path.display().to_string(),
            ),
        }
    }

    fn secrets(&mut self) -> Result<BTreeMap<String, SecretEntry>, ConfigError> {
        let written = self.pick(
            "secrets",
            |layer| layer.secrets.clone(),
            || (BTreeMap::new(), Origin::Default),
            |secrets| format!("[{}]", secrets.keys().cloned().collect::<Vec<_>>().join(", ")),
        );
        secrets::entries(&written, self.sources).map_err(|message| self.origin_error("secrets", message))
    }

    fn goals(&mut self) -> Option<PathBuf> {
        let found = super::load::goals_beside(self.sources, &self.layers);
        let show = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => "those that ship with sdm".to_owned(),
        };
        self.pick("goals", |layer| layer.goals.clone().map(Some), || found, show)
    }

    /// Reads everything off the layers.
    pub(super) fn resolve(mut self, files: Vec<PathBuf>) -> Result<Configuration, ConfigError> {
        let path = |path: &PathBuf| path.display().to_string();
        let sources = self.sources;
        let name = self.name()?;
        let goals = self.goals();
        let state_directory = self.pick(
            "state_directory",
            |layer| layer.state_directory.clone(),
            || default_state_directory(sources),
            path,
        );
        let socket = self.pick(
            "socket",
            |layer| layer.socket.clone(),
            || default_socket(sources, &state_directory, &name),
            path,
        );
        let parallel = self.parallel()?;
        let repositories = self.list(
            "repositories",
            |layer| layer.repositories.clone(),
            Vec::new(),
            path,
        );
        let remotes = self.list(
            "remotes",
            |layer| layer.remotes.clone(),
            Vec::new(),
            |address| without_credentials(address),
        );
        let poll_interval = self.poll_interval()?;
        let show_logins = |logins: &BTreeMap<String, LoginEntry>| {
            let origins: Vec<String> = logins.keys().map(|origin| without_credentials(origin)).collect();
            format!("[{}]", origins.join(", "))
        };
        let logins = self.pick(
            "logins",
            |layer| layer.logins.clone(),
            || (BTreeMap::new(), Origin::Default),
            show_logins,
        );
        let hub = self.hub()?;
        let forges = self.forges();
        let values = self.values()?;
        let extra_ca_files = self.list(
            "extra_ca_files",
            |layer| layer.extra_ca_files.clone(),
            Vec::new(),
            path,
        );
        let show_proxy = |proxy: &Option<String>| {
            proxy
                .as_deref()
                .map_or_else(|| "as the system says".to_owned(), without_credentials)
        };
        let proxy = self.pick(
            "proxy",
            |layer| layer.proxy.clone().map(Some),
            || (None, Origin::Default),
            show_proxy,
        );
        let ssh_command = self.ssh_command()?;
        let fetch_timeout = self.pick(
            "fetch_timeout",
            |layer| layer.fetch_timeout.map(|text| text.0),
            || (Duration::from_secs(600), Origin::Default),
            |duration| format!("{}s", duration.as_secs_f64()),
        );
        let limits = Limits {
            log: self.text("log_limit", |layer| layer.log_limit.map(|text| text.0), 64 << 20),
            cache: self.text(
                "cache_limit",
                |layer| layer.cache_limit.map(|text| text.0),
                10 << 30,
            ),
        };
        let database = self.database()?;
        let file_store = self.file_store()?;
        let goal_limits = self.goal_limits()?;
        let mock = self.mock()?;
        let workspace_keep = self.list(
            "workspace_keep",
            |layer| layer.workspace_keep.clone(),
            WORKSPACE_KEEP.iter().map(ToString::to_string).collect(),
            String::clone,
        );
        let retention_days = self.text("retention_days", |layer| layer.retention_days, 30);
        let repository_hooks = self.list(
            "repository_hooks",
            |layer| layer.repository_hooks.clone(),
            Vec::new(),
            String::clone,
        );
        let trusted_owners = self.list(
            "trusted_owners",
            |layer| layer.trusted_owners.clone(),
            Vec::new(),
            String::clone,
        );
        let reference_address = self.reference_address()?;
        let signing = self.signing()?;
        let show_people = |people: &BTreeMap<String, PersonEntry>| {
            format!("[{}]", people.keys().cloned().collect::<Vec<_>>().join(", "))
        };
        let people = self.pick(
            "people",
            |layer| layer.people.clone(),
            || (BTreeMap::new(), Origin::Default),
            show_people,
        );
        let secrets = self.secrets()?;
        let secret_key_file = self.pick(
            "secret_key_file",
            |layer| layer.secret_key_file.clone().map(Some),
            || (None, Origin::Default),
            |path: &Option<PathBuf>| {
                path.as_deref()
                    .map_or_else(|| "none".to_owned(), |path| path.display().to_string())
            },
        );
        let trust = self.pick(
            "trust",
            |layer| layer.trust,
            || (TrustPolicy::Ask, Origin::Default),
            |trust| match trust {
                TrustPolicy::Ask => "ask".to_owned(),
                TrustPolicy::All => "all".to_owned(),
            },
        );
        let engines = self.engines()?;
        let containers = self.containers()?;
        let sandboxes = self.sandboxes();
        let untrusted_network = self.text("untrusted_network", |layer| layer.untrusted_network, false);
        let otlp = self.otlp()?;
        let log_level = self.text("log_level", |layer| layer.log_level.clone(), "info".to_owned());
        let log_format = self.pick(
            "log_format",
            |layer| layer.log_format,
            || (LogFormat::Text, Origin::Default),
            |format| match format {
                LogFormat::Text => "text".to_owned(),
                LogFormat::Json => "json".to_owned(),
            },
        );
        Ok(Configuration {
            name,
            goals,
            state_directory,
            socket,
            parallel,
            repositories,
            remotes,
            poll_interval,
            logins,
            hub,
            forges,
            values,
            extra_ca_files,
            proxy,
            ssh_command,
            fetch_timeout,
            limits,
            database,
            file_store,
            goal_limits,
            mock,
            workspace_keep,
            retention_days,
            repository_hooks,
            trusted_owners,
            reference_address,
            signing,
            people,
            secrets,
            secret_key_file,
            trust,
            engines,
            containers,
            sandboxes,
            untrusted_network,
            otlp,
            log_level,
            log_format,
            git_configuration: sources.git_configuration(),
            files,
            entries: self.entries,
        })
    }
}

/// A proxy address may carry a password; people see it without.
pub(super) fn without_credentials(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://***@{}", &address[..scheme], &address[at + 1..])
        }
        (None, Some(at)) => format!("***@{}", &address[at + 1..]),
        _ => address.to_owned(),
    }
}
