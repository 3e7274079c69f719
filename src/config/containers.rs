//! Where the container engine is, and what goals in containers may.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ConfigError;
use super::resolve::{Origin, Resolver};
use super::sources::Sources;

/// What goals in containers may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContainerEntry {
    /// Whether images must be named by digest.
    pub require_digest: bool,
    /// What single repositories may do beyond that.
    pub allow: Vec<AllowEntry>,
}

/// What some repositories may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AllowEntry {
    /// `owner/name`, each part perhaps `*`.
    pub repositories: Vec<String>,
    /// Privileged containers.
    pub privileged: bool,
    /// The computer's own network.
    pub host_network: bool,
    /// Directories of the computer, and what is below them.
    pub host_paths: Vec<PathBuf>,
    /// Capabilities, as the engine calls them.
    pub capabilities: Vec<String>,
    /// Devices of the computer, and those below a directory.
    pub devices: Vec<PathBuf>,
    /// Kernel parameters; with `.*` at its end, all that begin so.
    pub sysctls: Vec<String>,
}

impl ContainerEntry {
    /// What makes no sense beyond its shape.
    pub(super) fn check(&self) -> Result<(), String> {
        for allow in &self.allow {
            if allow.repositories.is_empty() {
                return Err("an entry of `allow` names no `repositories`".to_owned());
            }
            let is_name =
                |text: &&String| text.split('/').count() == 2 && text.split('/').all(|part| !part.is_empty());
            if let Some(wrong) = allow.repositories.iter().find(|text| !is_name(text)) {
                return Err(format!(
                    "`{}` is not `owner/name`, each part perhaps `*`",
                    wrong.escape_debug()
                ));
            }
            for (key, paths) in [("host_paths", &allow.host_paths), ("devices", &allow.devices)] {
                if let Some(path) = paths.iter().find(|path| !path.is_absolute()) {
                    return Err(format!("`{key}` has `{}`, which is not absolute", path.display()));
                }
            }
            if let Some(wrong) = allow.sysctls.iter().find(|name| !is_parameter(name)) {
                return Err(format!(
                    "`sysctls` has `{}`, which is neither a kernel parameter, such as `net.core.somaxconn`, nor all that begin alike, such as `net.*`",
                    wrong.escape_debug()
                ));
            }
        }
        Ok(())
    }

    pub(super) fn shown(&self) -> String {
        let repositories: Vec<&str> = self
            .allow
            .iter()
            .flat_map(|allow| &allow.repositories)
            .map(String::as_str)
            .collect();
        format!(
            "{{require_digest: {}, allow: [{}]}}",
            self.require_digest,
            repositories.join(", ")
        )
    }
}

fn is_parameter(text: &str) -> bool {
    let name = text.strip_suffix(".*").unwrap_or(text);
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && text.contains('.') && name.chars().all(legal)
}

/// The socket a text names: a path, or an address of a unix socket.
///
/// # Errors
/// It is an address of something else.
fn engine_socket(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    match Path::new(path).is_absolute() && !path.contains("://") {
        true => Ok(PathBuf::from(path)),
        false => Err(format!(
            "`{}` is not a container engine: write `unix:///path/of/its.sock`; engines are used over unix sockets only",
            text.escape_debug()
        )),
    }
}

/// Where engines usually listen, the nearest first: what other programs are told, one's own podman, the system's.
fn usual_engines(sources: &Sources) -> (Vec<PathBuf>, Origin) {
    if let Some(Ok(path)) = sources.variable("DOCKER_HOST").map(engine_socket) {
        return (vec![path], Origin::Variable("DOCKER_HOST".to_owned()));
    }
    let own = sources
        .directory_variable("XDG_RUNTIME_DIR")
        .map(|directory| directory.join("podman/podman.sock"));
    let systems = ["/run/podman/podman.sock", "/var/run/docker.sock"].map(PathBuf::from);
    (own.into_iter().chain(systems).collect(), Origin::Default)
}

impl Resolver<'_> {
    pub(super) fn engines(&mut self) -> Result<Vec<PathBuf>, ConfigError> {
        let usual = usual_engines(self.sources);
        let shown = |written: &Option<String>| match written {
            Some(text) => text.clone(),
            None => "the first that is there of the usual ones".to_owned(),
        };
        let origin = usual.1.clone();
        let written = self.pick(
            "engine",
            |layer| layer.engine.clone().map(Some),
            || (None, origin),
            shown,
        );
        let Some(text) = written else {
            return Ok(usual.0);
        };
        engine_socket(&text)
            .map(|socket| vec![socket])
            .map_err(|message| self.origin_error("engine", message))
    }

    pub(super) fn containers(&mut self) -> Result<ContainerEntry, ConfigError> {
        let nothing = || (ContainerEntry::default(), Origin::Default);
        let containers = self.pick(
            "containers",
            |layer| layer.containers.clone(),
            nothing,
            ContainerEntry::shown,
        );
        match containers.check() {
            Ok(()) => Ok(containers),
            Err(message) => Err(self.origin_error("containers", message)),
        }
    }
}
