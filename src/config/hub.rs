//! The hub of a machine in team mode: where it is, with which key, for which workspaces.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::error::ConfigError;
use super::resolve::{Entry, Origin, Resolver};
use super::secrets::{self, SecretSource, SecretText};
use super::units::DurationText;
use crate::model::address::is_this_computer;

/// How long a machine that ends lets the hub take its last reports, unless configured otherwise.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest such time: less than what service managers usually grant.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);

/// `hub` in a file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HubText {
    pub(super) address: Option<String>,
    pub(super) key: Option<SecretText>,
    pub(super) workspaces: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) ephemeral: Option<bool>,
    pub(super) drain: Option<DurationText>,
    pub(super) pull_requests: Option<InWhoseName>,
    pub(super) forks: Option<bool>,
}

/// In whose name commands ask for branches to be merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InWhoseName {
    /// The machine's, by its token for the forge.
    #[default]
    Machine,
    /// That of the person at the hub who asked for the command; the hub does it (security model 15).
    Person,
}

/// The hub of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct HubEntry {
    /// Its address, without a slash at the end.
    pub address: String,
    /// Where the machine's key is.
    pub key: SecretSource,
    /// Workspaces the machine is for.
    pub workspaces: Vec<String>,
    /// Scopes it asks for; those of its key when absent.
    pub scopes: Option<Vec<String>>,
    /// Whether it is forgotten when it goes, and what happens meanwhile is not for it.
    pub ephemeral: bool,
    /// How long an end waits for the last reports.
    pub drain: Duration,
    /// In whose name commands ask for branches to be merged.
    pub pull_requests: InWhoseName,
    /// Whether pull requests of forks get goals, as pushes that are not trusted.
    pub forks: bool,
}

impl HubText {
    /// Fields that are not said here are said by a weaker layer.
    fn or(self, weaker: Self) -> Self {
        Self {
            address: self.address.or(weaker.address),
            key: self.key.or(weaker.key),
            workspaces: self.workspaces.or(weaker.workspaces),
            scopes: self.scopes.or(weaker.scopes),
            ephemeral: self.ephemeral.or(weaker.ephemeral),
            drain: self.drain.or(weaker.drain),
            pull_requests: self.pull_requests.or(weaker.pull_requests),
            forks: self.forks.or(weaker.forks),
        }
    }
}

impl Resolver<'_> {
    /// The hub; each field from the strongest layer that says it.
    pub(super) fn hub(&mut self) -> Result<Option<HubEntry>, ConfigError> {
        let mut said = self
            .layers
            .iter()
            .filter_map(|(origin, layer)| Some((origin, layer.hub.clone()?)));
        let Some((origin, strongest)) = said.next() else {
            self.entries.push(Entry {
                key: "hub",
                value: "none".to_owned(),
                origin: Origin::Default,
            });
            return Ok(None);
        };
        let origin = origin.of("hub");
        let text = said.fold(strongest, |text, (_, weaker)| text.or(weaker));
        let hub = read(text, self.sources);
        let shown = hub.as_ref().map(shown).unwrap_or_default();
        self.entries.push(Entry {
            key: "hub",
            value: shown,
            origin,
        });
        hub.map(Some).map_err(|message| self.origin_error("hub", message))
    }
}

fn shown(hub: &HubEntry) -> String {
    let (workspaces, source) = (hub.workspaces.join(", "), hub.key.word());
    format!("{} (workspaces: {workspaces}; key: {source})", hub.address)
}

fn read(text: HubText, sources: &super::Sources) -> Result<HubEntry, String> {
    let address = text
        .address
        .ok_or("has no `address`, such as `https://hub.example.com`")?;
    let key = text
        .key
        .ok_or("has no `key`: say where it is, such as `key: {file: /etc/sdm/hub.key}`")?;
    let workspaces = text.workspaces.unwrap_or_else(|| vec!["main".to_owned()]);
    if workspaces.is_empty() || workspaces.iter().any(|id| !is_word(id)) {
        return Err("has `workspaces` that are none: an id has letters, digits, `-`, `_` and `.`".to_owned());
    }
    let drain = text.drain.map_or(DRAIN, |text| text.0);
    if drain > LONGEST_DRAIN {
        return Err(format!(
            "has a `drain` of more than {} s",
            LONGEST_DRAIN.as_secs()
        ));
    }
    Ok(HubEntry {
        address: checked_address(&address)?,
        key: secrets::source(&key, sources).map_err(|problem| format!("has a `key` that {problem}"))?,
        workspaces,
        scopes: text.scopes,
        ephemeral: text.ephemeral.unwrap_or(false),
        drain,
        pull_requests: text.pull_requests.unwrap_or_default(),
        forks: text.forks.unwrap_or(false),
    })
}

fn is_word(id: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !id.is_empty() && id.len() <= 200 && !id.starts_with('.') && id.chars().all(legal)
}

/// The key goes to this address, so it must be beyond doubt: a host that is named, nothing hidden in it, and no plain text
/// beyond this computer.
fn checked_address(text: &str) -> Result<String, String> {
    let url =
        Url::parse(text).map_err(|_| "has an `address` that is none, such as `https://hub.example.com`")?;
    if url.username() != "" || url.password().is_some() {
        return Err("has an `address` with a login in it; the key belongs in `key`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has an `address` with `?` or `#` in it".to_owned());
    }
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_this_computer(host) => {}
        ("http", Some(_)) => {
            return Err(
                "has an `address` without encryption: the key would be readable on the way, so use `https://` (`http://` is \
                 for a hub on this computer)"
                    .to_owned(),
            );
        }
        _ => return Err("has an `address` that is neither `https://` nor `http://`".to_owned()),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, Sources, load};
    use super::*;

    fn hub_of(yaml: &str, variables: &[(&str, &str)]) -> Result<Option<HubEntry>, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        let sources = Sources {
            directory: "/".into(),
            home: Some("/nobody".into()),
            system: home.path().to_owned(),
            environment: variables.collect(),
        };
        load(&sources, &Flags::default())
            .map(|configuration| configuration.hub)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_hub_is_read_from_every_layer() {
        assert_eq!(hub_of("name: x", &[]), Ok(None));
        let yaml = "hub: {address: 'https://hub.example.com/', key: {file: hub.key}, workspaces: [A1, B2], drain: 10s}";
        let hub = hub_of(yaml, &[]).unwrap().unwrap();
        assert_eq!(hub.address, "https://hub.example.com");
        assert_eq!(
            (hub.workspaces.len(), hub.drain.as_secs(), hub.ephemeral),
            (2, 10, false)
        );
        assert!(
            matches!(&hub.key, SecretSource::File(path) if path.is_absolute() && path.ends_with("hub.key"))
        );
        let other = hub_of(
            yaml,
            &[
                ("SDM_HUB", "https://other.example.com"),
                ("SDM_HUB_WORKSPACES", "C3"),
            ],
        );
        let other = other.unwrap().unwrap();
        assert_eq!(
            (other.address.as_str(), other.workspaces),
            ("https://other.example.com", vec!["C3".to_owned()])
        );
        let is_file =
            |key: &SecretSource| matches!(key, SecretSource::File(path) if path.ends_with("hub.key"));
        assert!(
            is_file(&other.key),
            "what a variable does not say stands in the file"
        );
        let alone = hub_of(
            "",
            &[
                ("SDM_HUB", "http://127.0.0.1:8080"),
                ("SDM_HUB_KEY_FILE", "/run/key"),
            ],
        );
        assert_eq!(alone.unwrap().unwrap().workspaces, ["main"]);
    }

    #[test]
    fn pull_requests_are_the_machines_unless_the_configuration_says_otherwise() {
        let whose = |more: &str| {
            let yaml = format!("hub: {{address: 'https://h.example.com', key: {{file: k}}{more}}}");
            hub_of(&yaml, &[]).map(|hub| hub.unwrap().pull_requests)
        };
        assert_eq!(whose(""), Ok(InWhoseName::Machine));
        assert_eq!(whose(", pull_requests: person"), Ok(InWhoseName::Person));
        assert!(whose(", pull_requests: anybody").is_err());
    }

    #[test]
    fn pull_requests_of_forks_get_goals_only_where_the_configuration_says_so() {
        let has = |more: &str| {
            let yaml = format!("hub: {{address: 'https://h.example.com', key: {{file: k}}{more}}}");
            hub_of(&yaml, &[]).map(|hub| hub.unwrap().forks)
        };
        assert_eq!(has(""), Ok(false));
        assert_eq!(has(", forks: true"), Ok(true));
    }

    #[test]
    fn g1_the_key_goes_nowhere_that_is_in_doubt() {
        let problem = |address: &str| {
            hub_of(&format!("hub: {{address: '{address}', key: {{file: k}}}}"), &[]).unwrap_err()
        };
        assert!(problem("http://hub.example.com").contains("without encryption"));
        assert!(problem("http://127.0.0.1.example.com").contains("without encryption"));
        assert!(problem("https://me:CANARY@hub.example.com").contains("with a login"));
        assert!(!problem("https://me:CANARY@hub.example.com").contains("CANARY"));
        assert!(problem("ftp://hub.example.com").contains("neither"));
        assert!(problem("hub.example.com").contains("`address` that is none"));
        assert!(problem("https://hub.example.com/?a=b").contains('?'));
        for good in ["http://localhost:1", "http://[::1]:1", "http://127.0.0.2/base"] {
            assert!(
                hub_of(&format!("hub: {{address: '{good}', key: {{file: k}}}}"), &[]).is_ok(),
                "{good}"
            );
        }
        assert!(
            hub_of("hub: {address: 'https://h.example.com'}", &[])
                .unwrap_err()
                .contains("no `key`")
        );
        assert!(
            hub_of("hub: {key: {file: k}}", &[])
                .unwrap_err()
                .contains("no `address`")
        );
        let none = "hub: {address: 'https://h.example.com', key: {file: k}, workspaces: []}";
        assert!(hub_of(none, &[]).unwrap_err().contains("workspaces"));
    }
}
