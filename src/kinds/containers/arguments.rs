//! A goal in containers as it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::options::Options;
use super::tests_of_containers;
use crate::kinds::read;
use crate::model::files::SecretUse;
use crate::model::running;
use crate::model::{ArgumentProblems, FieldPath, TestExpression};
use crate::ports::containers::Pull;

/// Longest name of a container: it is a name on a network.
const LONGEST_NAME: usize = 63;

/// What belongs to `containers` and makes no sense without them.
const BESIDE_CONTAINERS: &[&str] = &["init_containers", "volumes", "network"];

#[derive(Debug, Clone, Deserialize)]
pub(in crate::kinds) struct Arguments {
    pub(super) containers: Vec<Container>,
    #[serde(default)]
    pub(super) init_containers: Vec<Container>,
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
    pub(super) network: Option<Network>,
    timeout: Option<u64>,
    grace: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(default)]
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) env: Vec<Variable>,
    #[serde(default)]
    pub(super) ports: Vec<Port>,
    #[serde(default)]
    pub(super) volume_mounts: Vec<Mount>,
    pub(super) test: Option<TestExpression>,
    pub(super) working_dir: Option<String>,
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) pull: Pull,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) secrets: Vec<SecretUse>,
    #[serde(default)]
    pub(super) privileged: bool,
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
    #[serde(flatten)]
    pub(super) options: Options,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Port {
    pub(super) container_port: u16,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) mount_path: String,
    #[serde(default)]
    pub(super) read_only: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    pub(super) memory: Option<u64>,
    pub(super) cpu: Option<String>,
    pub(super) pids: Option<u64>,
    pub(super) shm: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) file_size: Option<u64>,
    pub(super) locked_memory: Option<u64>,
    pub(super) stack: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) host_path: Option<HostPath>,
    pub(super) empty_dir: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct HostPath {
    pub(super) path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Network {
    Open,
    Closed,
    Host,
}

impl Container {
    /// Its variables as they are written.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let all = self.env.iter();
        all.map(|one| (one.name.clone(), one.value.clone())).collect()
    }
}

impl Arguments {
    pub(in crate::kinds) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        read(arguments)
    }

    /// The containers among the keys of another kind, when there are any.
    ///
    /// # Errors
    /// What makes no sense of them.
    pub(in crate::kinds) fn among(arguments: &Value) -> Result<Option<Self>, ArgumentProblems> {
        if arguments
            .get("containers")
            .is_some_and(|written| !written.is_null())
        {
            let read = Self::read(arguments)?;
            return read.problems().none_or(Some(read));
        }
        let mut problems = ArgumentProblems::default();
        for key in BESIDE_CONTAINERS
            .iter()
            .filter(|key| arguments.get(key).is_some())
        {
            let message = format!("`{key}` belongs to `containers`, which is not there");
            let hint = "add `containers`, or remove it";
            problems.add(&FieldPath::to(key), "misplaced_key", message, hint);
        }
        problems.none_or(None)
    }

    pub(in crate::kinds) fn timeout(&self) -> Duration {
        running::timeout(self.timeout)
    }

    pub(in crate::kinds) fn grace(&self) -> Duration {
        running::grace(self.grace)
    }

    /// All containers, those that run before the others first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// Images by name, and when they are fetched.
    pub(in crate::kinds) fn images(&self) -> Vec<(String, Pull)> {
        let images = self
            .all()
            .map(|container| (container.image.clone(), container.pull));
        images.collect()
    }

    /// What is wrong, without a push.
    pub(in crate::kinds) fn problems(&self) -> ArgumentProblems {
        let mut problems = super::sense::of_containers(self);
        problems.extend(super::sense::of_volumes(&self.volumes));
        problems.extend(tests_of_containers::check(self));
        problems
    }
}

/// The name on the network: spaces become dashes (semantics 4.5).
pub(super) fn network_name(name: &str) -> Result<String, String> {
    let alias = name.trim().replace(' ', "-");
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_legal = alias.len() <= LONGEST_NAME
        && alias.starts_with(|c: char| c.is_ascii_alphanumeric())
        && alias.chars().all(legal);
    match is_legal {
        true => Ok(alias),
        false => Err(format!(
            "`{}` is not a name for the network of 1 to {LONGEST_NAME} characters",
            name.escape_debug()
        )),
    }
}

/// `1.5` and `500m` as thousandths of a core.
pub(super) fn millicpus(text: Option<&str>) -> Result<Option<u64>, String> {
    let Some(text) = text else { return Ok(None) };
    let thousandths = match text.strip_suffix('m') {
        Some(number) => number.parse::<u64>().ok(),
        None => cores(text),
    };
    match thousandths {
        Some(thousandths) if (1..=1_000_000).contains(&thousandths) => Ok(Some(thousandths)),
        Some(_) | None => Err(format!(
            "`cpu: {}` is not a number of cores: write `2`, `1.5` or `500m`",
            text.escape_debug()
        )),
    }
}

fn cores(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u64 = format!("{part:0<3}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_as_people_write_them() {
        let read = |text| millicpus(Some(text)).ok().flatten();
        assert_eq!(
            [read("2"), read("1.5"), read("500m"), read("0.001")],
            [Some(2000), Some(1500), Some(500), Some(1)]
        );
        for wrong in ["0", "-1", "1.2345", "1.", ".5x", "", "m", "9999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
