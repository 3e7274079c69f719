//! The `SDM_*` variables as a layer.

use std::path::PathBuf;

use super::error::ConfigError;
use super::hub::HubText;
use super::layer::{Layer, LogFormat, SandboxChoice, TrustPolicy};
use super::running::MockEntry;
use super::secrets::SecretText;
use super::sources::Sources;
use super::units::{DurationText, RoomText, SizeText, Unit};
use crate::model::suggest::nearest;
use crate::model::variables::PARAMETERS;

/// Every variable the program reads, with one line about it.
pub const VARIABLES: &[(&str, &str)] = &[
    ("SDM_CONFIG", "configuration file, as --config"),
    ("SDM_NAME", "name of the machine"),
    ("SDM_GOALS", "goal file or directory of them, as --goals"),
    ("SDM_HOME", "state directory"),
    ("SDM_SOCKET", "socket of the daemon, as --socket"),
    ("SDM_PARALLEL", "goals that run at once"),
    (
        "SDM_REPOSITORIES",
        "repositories or directories of them, separated by `:`",
    ),
    (
        "SDM_REMOTES",
        "addresses of repositories elsewhere (http, https, ssh, git), separated by spaces",
    ),
    (
        "SDM_POLL_INTERVAL",
        "between two looks at a repository elsewhere, such as `30s`",
    ),
    (
        "SDM_HUB",
        "address of the hub that a machine in team mode works with",
    ),
    ("SDM_HUB_KEY_FILE", "file with the machine's key for the hub"),
    (
        "SDM_HUB_WORKSPACES",
        "workspaces of the hub that the machine is for, separated by `:`",
    ),
    (
        "SDM_DATABASE_FILE",
        "file with the URL of a Postgres database that holds the machine's memory",
    ),
    (
        "SDM_EXTRA_CA_FILES",
        "further certificate authorities (PEM), separated by `:`",
    ),
    ("SDM_PROXY", "proxy for http and https"),
    (
        "SDM_SSH_COMMAND",
        "ssh program and its arguments, separated by spaces",
    ),
    ("SDM_FETCH_TIMEOUT", "longest fetch, such as `2m`"),
    (
        "SDM_LOG_LIMIT",
        "bytes kept of one attempt's log, such as `64MiB`",
    ),
    (
        "SDM_CACHE_LIMIT",
        "bytes kept of files between goals and of caches, such as `20GiB`",
    ),
    (
        "SDM_MOCK",
        "goals whose work is not done while 5 seconds pass instead: globs over their names, separated by `:`",
    ),
    (
        "SDM_WORKSPACE_KEEP",
        "globs of untracked directories that stay in pooled workspaces, separated by `:`; `:` alone for none",
    ),
    ("SDM_RETENTION_DAYS", "days that ended goal sets are kept"),
    (
        "SDM_REPOSITORY_HOOKS",
        "globs of `owner/name`, separated by `:`: repositories whose `.atomist/hooks` run around goals; none",
    ),
    (
        "SDM_TRUSTED_OWNERS",
        "owners of other repositories whose referenced goals may run commands on this computer, separated by `:`; none",
    ),
    (
        "SDM_REFERENCE_ADDRESS",
        "where `sdm lock` finds the repositories of references: an address with `{owner}` and `{repo}`",
    ),
    (
        "SDM_SECRET_KEY_FILE",
        "the key that opens what `sdm secret encrypt` has encrypted",
    ),
    (
        "SDM_TRUST",
        "whether repositories that were only found wait for `sdm trust`: `ask`, or `all` for no",
    ),
    (
        "SDM_ENGINE",
        "socket of the container engine, as `unix:///path`; the first that is there",
    ),
    (
        "SDM_SANDBOX",
        "whether commands of goals run in a sandbox: `off`, `auto` as far as there is one, `required` or not at all",
    ),
    (
        "SDM_SANDBOX_UNTRUSTED",
        "the same for pushes that are not trusted",
    ),
    (
        "SDM_SANDBOX_READABLE",
        "what may be read there beyond the system and your tools, separated by `:`",
    ),
    (
        "SDM_UNTRUSTED_NETWORK",
        "whether goals of pushes that are not trusted reach other computers: `true` or `false`",
    ),
    (
        "SDM_OTLP",
        "collector that is told how long things take (OTLP over HTTP), such as `http://localhost:4318`; as `OTEL_EXPORTER_OTLP_ENDPOINT`",
    ),
    (
        "SDM_LOG_LEVEL",
        "the daemon's own log: `info`, `debug`, or a filter",
    ),
    ("SDM_LOG_FORMAT", "the daemon's own log: `text` or `json`"),
];

/// Variables that look like ours and are not, each with the one that was probably meant.
pub fn unknown_variables(sources: &Sources) -> Vec<(String, Option<&'static str>)> {
    let known = || VARIABLES.iter().map(|(name, _)| *name);
    sources
        .environment
        .keys()
        .filter(|name| {
            name.starts_with("SDM_")
                && !OF_GOALS.iter().any(|own| name.starts_with(own))
                && *name != "SDM_GOAL"
        })
        .filter(|name| !known().any(|known| known == name.as_str()))
        .map(|name| (name.clone(), nearest(name, known())))
        .collect()
}

/// Beginnings of names that the machine gives to what it runs, or that belong to tests.
const OF_GOALS: &[&str] = &[
    "SDM_TEST_",
    PARAMETERS,
    "SDM_VALUE_",
    "SDM_GOAL_SET",
    "SDM_ATTEMPT",
    "SDM_BEFORE",
    "SDM_ERRAND",
    "SDM_FACTS",
];

/// The name of the variable for a key of the configuration.
pub(super) fn variable_for(key: &str) -> String {
    match key {
        "state_directory" => "SDM_HOME".to_owned(),
        "database" => "SDM_DATABASE_FILE".to_owned(),
        other => format!("SDM_{}", other.to_uppercase()),
    }
}

impl Layer {
    /// What the environment says.
    ///
    /// # Errors
    /// A variable with a value that cannot be used, by name.
    pub(super) fn of_environment(sources: &Sources) -> Result<Self, ConfigError> {
        let text = |name: &str| sources.variable(name).map(str::to_owned);
        let path = |name: &str| sources.variable(name).map(PathBuf::from);
        let paths =
            |name: &str| list(sources, name, ':').map(|all| all.into_iter().map(PathBuf::from).collect());
        let layer = Self {
            name: text("SDM_NAME"),
            goals: path("SDM_GOALS"),
            state_directory: one_place(sources, "SDM_HOME")?,
            socket: path("SDM_SOCKET"),
            parallel: number(sources, "SDM_PARALLEL")?,
            repositories: paths("SDM_REPOSITORIES"),
            remotes: list(sources, "SDM_REMOTES", ' '),
            poll_interval: unit::<DurationText>(sources, "SDM_POLL_INTERVAL")?,
            hub: hub(sources),
            database: path("SDM_DATABASE_FILE").map(SecretText::in_file),
            extra_ca_files: paths("SDM_EXTRA_CA_FILES"),
            proxy: text("SDM_PROXY"),
            ssh_command: list(sources, "SDM_SSH_COMMAND", ' '),
            fetch_timeout: unit::<DurationText>(sources, "SDM_FETCH_TIMEOUT")?,
            log_limit: unit::<SizeText>(sources, "SDM_LOG_LIMIT")?,
            cache_limit: unit::<RoomText>(sources, "SDM_CACHE_LIMIT")?,
            mock: list(sources, "SDM_MOCK", ':').map(|goals| vec![MockEntry::of(goals)]),
            workspace_keep: list(sources, "SDM_WORKSPACE_KEEP", ':'),
            retention_days: number(sources, "SDM_RETENTION_DAYS")?,
            repository_hooks: list(sources, "SDM_REPOSITORY_HOOKS", ':'),
            trusted_owners: list(sources, "SDM_TRUSTED_OWNERS", ':'),
            reference_address: text("SDM_REFERENCE_ADDRESS"),
            secret_key_file: path("SDM_SECRET_KEY_FILE"),
            trust: choice(
                sources,
                "SDM_TRUST",
                &[("ask", TrustPolicy::Ask), ("all", TrustPolicy::All)],
            )?,
            engine: text("SDM_ENGINE"),
            sandbox: choice(sources, "SDM_SANDBOX", SandboxChoice::WORDS)?,
            sandbox_untrusted: choice(sources, "SDM_SANDBOX_UNTRUSTED", SandboxChoice::WORDS)?,
            sandbox_readable: paths("SDM_SANDBOX_READABLE"),
            untrusted_network: choice(
                sources,
                "SDM_UNTRUSTED_NETWORK",
                &[("true", true), ("false", false)],
            )?,
            otlp: text("SDM_OTLP").or_else(|| text("OTEL_EXPORTER_OTLP_ENDPOINT")),
            log_level: text("SDM_LOG_LEVEL"),
            log_format: choice(
                sources,
                "SDM_LOG_FORMAT",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )?,
            // The others stand in files only.
            ..Self::default()
        };
        Ok(layer.anchored(sources, &sources.directory))
    }
}

/// The hub, when a variable says anything about it.
fn hub(sources: &Sources) -> Option<HubText> {
    let hub = HubText {
        address: sources.variable("SDM_HUB").map(str::to_owned),
        key: sources
            .variable("SDM_HUB_KEY_FILE")
            .map(|path| SecretText::in_file(path.into())),
        workspaces: list(sources, "SDM_HUB_WORKSPACES", ':'),
        ..HubText::default()
    };
    (hub != HubText::default()).then_some(hub)
}

fn invalid(name: &str, message: String) -> ConfigError {
    ConfigError::Value {
        origin: name.to_owned(),
        message,
    }
}

/// A path that is the same wherever somebody stands: else each directory would have a machine of its own.
fn one_place(sources: &Sources, name: &str) -> Result<Option<PathBuf>, ConfigError> {
    let read = |text: &str| match text.starts_with('/') || text == "~" || text.starts_with("~/") {
        true => Ok(PathBuf::from(text)),
        false => Err(invalid(
            name,
            format!("`{text}` would be another directory wherever you stand; write it from `/` on"),
        )),
    };
    sources.variable(name).map(read).transpose()
}

fn list(sources: &Sources, name: &str, separator: char) -> Option<Vec<String>> {
    let parts = |value: &str| {
        value
            .split(separator)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    sources.variable(name).map(parts)
}

fn number<N: std::str::FromStr>(sources: &Sources, name: &str) -> Result<Option<N>, ConfigError> {
    let read = |value: &str| {
        value
            .trim()
            .parse()
            .map_err(|_| invalid(name, format!("`{value}` is not a whole number")))
    };
    sources.variable(name).map(read).transpose()
}

fn unit<U: Unit>(sources: &Sources, name: &str) -> Result<Option<U>, ConfigError> {
    let read = |value: &str| U::parse(value).map_err(|message| invalid(name, message));
    sources.variable(name).map(read).transpose()
}

fn choice<C: Copy>(sources: &Sources, name: &str, choices: &[(&str, C)]) -> Result<Option<C>, ConfigError> {
    let read = |value: &str| {
        let found = choices
            .iter()
            .find(|(word, _)| *word == value)
            .map(|(_, choice)| *choice);
        let words = || {
            choices
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or ")
        };
        found.ok_or_else(|| invalid(name, format!("`{value}` is not {}", words())))
    };
    sources.variable(name).map(read).transpose()
}
