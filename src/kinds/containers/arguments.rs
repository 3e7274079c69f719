//! A goal in containers as it is written, and what makes no sense beyond its shape (CO-03, CO-07).

use std::collections::HashSet;
use std::path::{Component, Path};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::tests_of_containers;
use crate::model::{ImageReference, TestExpression};
use crate::ports::containers::{INPUT, OUTPUT, PROJECT, Pull};
use crate::spec::placeholder::{Template, is_free_text};

/// Most containers of a goal, init containers included.
const MOST_CONTAINERS: usize = 50;

/// Longest name of a container: it is a name on a network.
const LONGEST_NAME: usize = 63;

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
    pub(super) privileged: bool,
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
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
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) host_path: Option<HostPath>,
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

impl Arguments {
    pub(in crate::kinds) fn read(arguments: &Value) -> Result<Self, String> {
        serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
            .map_or(Duration::from_secs(600), Duration::from_millis)
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace.map_or(Duration::from_secs(30), Duration::from_millis)
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
    ///
    /// # Errors
    /// The first of it, as a sentence.
    pub(in crate::kinds) fn check(&self) -> Result<(), String> {
        if self.containers.is_empty() {
            return Err("No containers defined".to_owned());
        }
        if self.all().count() > MOST_CONTAINERS {
            return Err(format!("a goal has at most {MOST_CONTAINERS} containers"));
        }
        let mut names = HashSet::new();
        for container in self.all() {
            let name = network_name(&container.name)?;
            if !names.insert(name.clone()) {
                return Err(format!("two containers are called `{name}`"));
            }
            container.check(&self.volumes)?;
        }
        self.check_volumes()?;
        tests_of_containers::check(self)
    }

    fn check_volumes(&self) -> Result<(), String> {
        let mut names = HashSet::new();
        for volume in &self.volumes {
            network_name(&volume.name)?;
            if !names.insert(&volume.name) {
                return Err(format!("two volumes are called `{}`", volume.name));
            }
            if let Some(host) = &volume.host_path {
                check_path("host_path", &host.path)?;
            }
        }
        Ok(())
    }
}

impl Container {
    fn check(&self, volumes: &[Volume]) -> Result<(), String> {
        let name = &self.name;
        if !self.image.contains("${") {
            ImageReference::parse(&self.image)?;
        }
        self.check_identity()?;
        millicpus(self.limits.cpu.as_deref())?;
        if let Some(directory) = self
            .working_dir
            .as_deref()
            .filter(|text| !text.is_empty() && !text.contains("${"))
        {
            check_path("working_dir", directory)?;
        }
        let mut paths = HashSet::from([PROJECT, INPUT, OUTPUT].map(str::to_owned));
        for mount in &self.volume_mounts {
            if !volumes.iter().any(|volume| volume.name == mount.name) {
                return Err(format!(
                    "container `{name}` mounts the volume `{}`, which the goal does not declare",
                    mount.name
                ));
            }
            check_path("mount_path", &mount.mount_path)?;
            if !paths.insert(mount.mount_path.clone()) {
                return Err(format!(
                    "container `{name}` has two mounts at `{}`",
                    mount.mount_path
                ));
            }
        }
        Ok(())
    }
}

impl Container {
    /// Which image runs, and as whom, is the author's to say: what a push says freely may only be a tag of the image (threat D9).
    fn check_identity(&self) -> Result<(), String> {
        let user = ("user", self.user.as_deref().unwrap_or_default());
        for (key, text) in [("image", name_of_image(&self.image)), user] {
            let template = Template::parse(text).ok();
            let said = template
                .as_ref()
                .and_then(|template| template.first_of(is_free_text));
            if let Some((_, path)) = said {
                return Err(format!(
                    "`{key}` of container `{}` cannot be `${{{path}}}`: whoever pushes would choose it; write it out, or \
                     give it as an argument or as the tag of the image",
                    self.name
                ));
            }
        }
        Ok(())
    }
}

/// An image without its tag and digest; colons of placeholders and of ports are no tags.
fn name_of_image(image: &str) -> &str {
    let mut depth = 0_usize;
    let mut end = image.len();
    for (at, c) in image.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '@' if depth == 0 => return &image[..at.min(end)],
            ':' if depth == 0 => end = at,
            '/' if depth == 0 => end = image.len(),
            _ => {}
        }
    }
    &image[..end]
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
            "`{}` is not a name for the network: use letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME}, \
             beginning with a letter or digit",
            name.escape_debug()
        )),
    }
}

fn check_path(key: &str, path: &str) -> Result<(), String> {
    let plain = |component: Component<'_>| matches!(component, Component::RootDir | Component::Normal(_));
    let is_plain = Path::new(path).is_absolute()
        && path != "/"
        && Path::new(path).components().all(plain)
        && !path.chars().any(|c| c.is_control() || c == ':');
    match is_plain {
        true => Ok(()),
        false => Err(format!(
            "`{key}: {}` is not an absolute path without `..` and `:`",
            path.escape_debug()
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
    use serde_json::json;

    use super::*;

    fn checked(arguments: &Value) -> Result<(), String> {
        Arguments::read(arguments).and_then(|arguments| arguments.check())
    }

    #[test]
    fn co_03_a_mount_of_an_undeclared_volume_is_refused() {
        let mount = json!([{"name": "v", "mount_path": "/v"}]);
        let container = json!([{"name": "main", "image": "a", "volume_mounts": mount}]);
        let refused = checked(&json!({ "containers": container })).unwrap_err();
        assert_eq!(
            refused,
            "container `main` mounts the volume `v`, which the goal does not declare"
        );
        assert_eq!(
            checked(&json!({"containers": container, "volumes": [{"name": "v"}]})),
            Ok(())
        );
    }

    #[test]
    fn d9_whoever_pushes_chooses_neither_image_nor_user() {
        let one = |image: &str, user: &str| {
            checked(&json!({"containers": [{"name": "main", "image": image, "user": user}]}))
        };
        for image in [
            "reg:5000/${repo.name}:${push.branch}",
            "reg/app@sha256:${push.branch}",
            "${parameters.image:reg/app:${sha}}",
        ] {
            assert_eq!(one(image, "1000"), Ok(()), "{image}");
        }
        for (image, user) in [
            ("${push.branch}", "1000"),
            ("reg/${push.after.author.name}:1", "1000"),
            ("${parameters.image:${branch}}", "1000"),
            ("${branch}@sha256:1", "1000"),
            ("app", "${push.branch}"),
        ] {
            let refused = one(image, user).unwrap_err();
            assert!(refused.contains("whoever pushes would choose it"), "{refused}");
        }
    }

    #[test]
    fn co_07_a_goal_without_containers_is_refused() {
        assert_eq!(
            checked(&json!({"containers": []})),
            Err("No containers defined".to_owned())
        );
    }

    #[test]
    fn names_paths_and_images_that_mean_something_else_are_refused() {
        let one = |extra: &Value| {
            let mut container = json!({"name": "main", "image": "a"});
            container
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            checked(&json!({"containers": [container], "volumes": [{"name": "v"}]}))
        };
        assert_eq!(one(&json!({})), Ok(()));
        assert_eq!(one(&json!({"name": "my container"})), Ok(()));
        for wrong in [
            json!({"name": "-x"}),
            json!({"name": "a/b"}),
            json!({"image": "-v /:/host"}),
            json!({"limits": {"cpu": "many"}}),
            json!({"working_dir": "../up"}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/a/../b"}]}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/atm/home"}]}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/x:rw"}]}),
        ] {
            assert!(one(&wrong).is_err(), "{wrong}");
        }
        let twice = json!([{"name": "a b", "image": "x"}, {"name": "a-b", "image": "x"}]);
        assert!(checked(&json!({ "containers": twice })).is_err());
    }

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
