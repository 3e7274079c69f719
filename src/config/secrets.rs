//! The secrets of the machine, as its configuration names them: where each value is and whom it is for. Values of
//! variables apart, none is read here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::sources::Sources;
use super::units::DurationText;

/// Longest name of a secret.
const LONGEST_NAME: usize = 100;

/// A value whose debug form says nothing.
#[derive(Clone)]
pub struct Hidden(pub SecretString);

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl PartialEq for Hidden {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// Where the value of a secret is.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the machine's own environment.
    Variable {
        /// Its name.
        name: String,
        /// Its value when the machine started.
        value: Option<Hidden>,
    },
    /// A command prints it.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// How long it may take.
        timeout: Duration,
        /// How long its answer counts.
        keep: Duration,
    },
    /// Here, encrypted with the machine's key.
    Encrypted(String),
    /// Nowhere, for this reason.
    Missing(String),
}

impl SecretSource {
    /// The kind of source, for people.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Variable { .. } => "variable",
            Self::Command { .. } => "command",
            Self::Encrypted(_) => "encrypted",
            Self::Missing(_) => "missing",
        }
    }
}

/// A secret: where it is, and whom it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretEntry {
    /// Where its value is.
    pub source: SecretSource,
    /// Its type: `docker`, `npm`, `maven2`, or any other word.
    pub kind: String,
    /// Who logs in with it.
    pub login: Option<String>,
    /// Where it counts.
    pub url: Option<String>,
    /// Globs of `owner/name` of the repositories it is for; none means all.
    pub repositories: Vec<String>,
    /// Globs of the branches it is for; none means all.
    pub branches: Vec<String>,
    /// Globs of the unique names of the goals it is for; none means all.
    pub goals: Vec<String>,
    /// Whether pushes of lower trust get it too.
    pub untrusted: bool,
    /// Whether goals that a pushed repository brings along get it too.
    pub repository_goals: bool,
}

impl Default for SecretEntry {
    fn default() -> Self {
        Self {
            source: SecretSource::Missing("nothing says where it is".to_owned()),
            kind: String::new(),
            login: None,
            url: None,
            repositories: Vec::new(),
            branches: Vec::new(),
            goals: Vec::new(),
            untrusted: false,
            repository_goals: false,
        }
    }
}

/// A secret as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretText {
    pub(super) file: Option<PathBuf>,
    env: Option<String>,
    credential: Option<String>,
    command: Option<Vec<String>>,
    encrypted: Option<String>,
    timeout: Option<DurationText>,
    keep: Option<DurationText>,
    #[serde(rename = "type")]
    kind: Option<String>,
    login: Option<String>,
    url: Option<String>,
    repositories: Vec<String>,
    branches: Vec<String>,
    goals: Vec<String>,
    untrusted: bool,
    repository_goals: bool,
}

impl SecretText {
    /// One that stands in a file.
    pub(super) fn in_file(path: PathBuf) -> Self {
        Self {
            file: Some(path),
            ..Self::default()
        }
    }
}

/// Every secret that is written.
///
/// # Errors
/// What is wrong with one of them, as a sentence.
pub(super) fn entries(
    written: &BTreeMap<String, SecretText>,
    sources: &Sources,
) -> Result<BTreeMap<String, SecretEntry>, String> {
    let one = |(name, text): (&String, &SecretText)| {
        let entry =
            entry(name, text, sources).map_err(|problem| format!("`{}` {problem}", name.escape_debug()))?;
        Ok((name.clone(), entry))
    };
    written.iter().map(one).collect()
}

fn entry(name: &str, text: &SecretText, sources: &Sources) -> Result<SecretEntry, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(legal) {
        return Err(format!(
            "is not a name: use letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME}"
        ));
    }
    let globs = text.repositories.iter().chain(&text.branches).chain(&text.goals);
    for glob in globs {
        globset::Glob::new(glob)
            .map_err(|error| format!("is for `{glob}`, which is not a glob: {}", error.kind()))?;
    }
    Ok(SecretEntry {
        source: source(text, sources)?,
        kind: text.kind.clone().unwrap_or_default(),
        login: text.login.clone(),
        url: text.url.clone(),
        repositories: text.repositories.clone(),
        branches: text.branches.clone(),
        goals: text.goals.clone(),
        untrusted: text.untrusted,
        repository_goals: text.repository_goals,
    })
}

/// Where one secret is.
///
/// # Errors
/// It is nowhere or in two places, as a sentence without its subject.
pub(super) fn source(text: &SecretText, sources: &Sources) -> Result<SecretSource, String> {
    let mut found = Vec::new();
    found.extend(text.file.clone().map(SecretSource::File));
    found.extend(text.env.as_ref().map(|name| SecretSource::Variable {
        name: name.clone(),
        value: sources.variable(name).map(|value| Hidden(value.into())),
    }));
    found.extend(text.credential.as_ref().map(|name| credential(name, sources)));
    if let Some(argv) = &text.command {
        if argv.first().is_none_or(String::is_empty) {
            return Err("has a `command` that names no program".to_owned());
        }
        found.push(SecretSource::Command {
            argv: argv.clone(),
            timeout: text.timeout.map_or(Duration::from_secs(30), |text| text.0),
            keep: text.keep.map_or(Duration::from_secs(60), |text| text.0),
        });
    } else if text.timeout.is_some() || text.keep.is_some() {
        return Err("has `timeout` or `keep`, which belong to `command`".to_owned());
    }
    found.extend(text.encrypted.clone().map(SecretSource::Encrypted));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err("says nowhere where it is: write `file`, `env`, `credential`, `command` or `encrypted`".to_owned()),
        _ => Err("says more than once where it is: keep one of `file`, `env`, `credential`, `command` and `encrypted`".to_owned()),
    }
}

/// A credential that systemd has put into the service's private directory.
fn credential(name: &str, sources: &Sources) -> SecretSource {
    if name.contains('/') || name.is_empty() || name.starts_with('.') {
        return SecretSource::Missing(format!(
            "`{}` is not the name of a credential",
            name.escape_debug()
        ));
    }
    match sources.variable("CREDENTIALS_DIRECTORY") {
        Some(directory) => SecretSource::File(Path::new(directory).join(name)),
        None => SecretSource::Missing(
            "$CREDENTIALS_DIRECTORY is not set: systemd gives it to services with credentials".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str, variables: &[(&str, &str)]) -> Result<BTreeMap<String, SecretEntry>, String> {
        let written: BTreeMap<String, SecretText> =
            serde_yaml::from_str(yaml).map_err(|error| error.to_string())?;
        let environment = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        let sources = Sources {
            environment: environment.collect(),
            ..Sources::default()
        };
        entries(&written, &sources)
    }

    #[test]
    fn every_source_is_read() {
        let yaml = "a: {file: /run/a, type: npm, login: bob, url: x, repositories: [acme/*], goals: [publish], untrusted: true}
b: {env: TOKEN}
c: {credential: c}
d: {command: [pass, show, d], timeout: 5s, keep: 10m}
e: {encrypted: c2RtMQ==}
f: {env: NOT_SET}";
        let found = read(
            yaml,
            &[
                ("TOKEN", "hunter2"),
                ("CREDENTIALS_DIRECTORY", "/run/credentials/sdm"),
            ],
        )
        .unwrap();
        assert_eq!(found["a"].source, SecretSource::File("/run/a".into()));
        assert_eq!((found["a"].kind.as_str(), found["a"].untrusted), ("npm", true));
        assert_eq!(
            format!("{:?}", found["b"].source),
            r#"Variable { name: "TOKEN", value: Some(***) }"#
        );
        assert_eq!(
            found["c"].source,
            SecretSource::File("/run/credentials/sdm/c".into())
        );
        assert!(matches!(&found["d"].source, SecretSource::Command { keep, .. } if keep.as_secs() == 600));
        assert!(matches!(
            &found["f"].source,
            SecretSource::Variable { value: None, .. }
        ));
        let without = read("c: {credential: c}", &[]).unwrap();
        assert!(matches!(&without["c"].source, SecretSource::Missing(_)));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let problem = |yaml: &str| read(yaml, &[]).unwrap_err();
        assert!(problem("a: {}").contains("`a` says nowhere where it is"));
        assert!(problem("a: {file: x, env: Y}").contains("more than once"));
        assert!(problem("a: {command: []}").contains("names no program"));
        assert!(problem("a: {file: x, keep: 1m}").contains("belong to `command`"));
        assert!(problem("'a b': {file: x}").contains("`a b` is not a name"));
        assert!(problem("a: {file: x, branches: ['[']}").contains("which is not a glob"));
        assert!(problem("a: {fil: x}").contains("unknown field"));
    }
}
