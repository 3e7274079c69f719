//! What the operator allows goals in containers (threats I4, I5).

use std::path::{Path, PathBuf};

use super::arguments::{Arguments, Network};
use crate::model::push::Trust;
use crate::model::{ImageReference, Push};
use crate::ports::containers::{ContainerOrder, NetworkAccess};

/// The operator's word, and where the engine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerPolicy {
    /// Sockets of engines; the first that is there is used.
    pub engines: Vec<PathBuf>,
    /// By what this machine's containers are told from those of every other machine on the same engine.
    pub owner: String,
    /// A file that is touched before containers are made.
    pub mark: PathBuf,
    /// Whether images must be named by digest.
    pub require_digest: bool,
    /// Whether containers of pushes that are not trusted reach more than each other.
    pub untrusted_network: bool,
    /// What single repositories may do beyond that.
    pub allow: Vec<Allowance>,
}

/// What some repositories may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
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

impl Allowance {
    fn is_for(&self, push: &Push) -> bool {
        let slug = &push.repo.slug;
        let fits = |pattern: &String| match pattern.split_once('/') {
            Some((owner, name)) => [(owner, &slug.owner), (name, &slug.name)]
                .into_iter()
                .all(|(pattern, part)| pattern == "*" || pattern == part),
            None => false,
        };
        self.repositories.iter().any(fits)
    }
}

impl ContainerPolicy {
    /// What the containers reach. A push that is not trusted has no say.
    pub(super) fn network(&self, asked: Option<Network>, push: &Push) -> NetworkAccess {
        let is_shut = push.trust == Trust::Untrusted && !self.untrusted_network;
        match asked {
            Some(Network::Host) => NetworkAccess::Host,
            Some(Network::Closed) => NetworkAccess::Closed,
            Some(Network::Open) | None if is_shut => NetworkAccess::Closed,
            Some(Network::Open) | None => NetworkAccess::Open,
        }
    }

    /// Whether the operator lets this repository have what it asks for. A push that is not trusted has none of it.
    ///
    /// # Errors
    /// What is not allowed, and what would allow it.
    pub(super) fn check(
        &self,
        arguments: &Arguments,
        order: &ContainerOrder,
        push: &Push,
    ) -> Result<(), String> {
        let asked = Asked::of(arguments);
        let given: Vec<&Allowance> = match push.trust {
            Trust::Untrusted => Vec::new(),
            Trust::Member => self
                .allow
                .iter()
                .filter(|allowance| allowance.is_for(push))
                .collect(),
        };
        for wish in asked.0 {
            if !given.iter().any(|allowance| wish.is_in(allowance)) {
                return Err(format!(
                    "{} is not allowed to {}: the machine's configuration would have to say so in `containers: allow`",
                    push.repo.slug,
                    wish.words()
                ));
            }
        }
        self.check_digests(order)
    }

    fn check_digests(&self, order: &ContainerOrder) -> Result<(), String> {
        for container in order.init_containers.iter().chain(&order.containers) {
            let reference = ImageReference::parse(&container.image)?;
            if self.require_digest && reference.digest.is_none() {
                return Err(format!(
                    "the image `{}` is not named by digest, and this machine requires that: write `{}@sha256:…`",
                    container.image, reference.name
                ));
            }
        }
        Ok(())
    }
}

/// One thing that needs the operator's word.
enum Wish<'a> {
    Privileged,
    HostNetwork,
    HostPath(&'a str),
    Capability(&'a str),
    Device(&'a str),
    Sysctl(&'a str),
}

/// All that a goal asks for.
struct Asked<'a>(Vec<Wish<'a>>);

impl<'a> Asked<'a> {
    fn of(arguments: &'a Arguments) -> Self {
        let mut wishes = Vec::new();
        for container in arguments.all() {
            wishes.extend(container.privileged.then_some(Wish::Privileged));
            wishes.extend(container.capabilities.iter().map(|name| Wish::Capability(name)));
            let options = &container.options;
            wishes.extend(options.devices.iter().map(|device| Wish::Device(&device.path)));
            wishes.extend(options.sysctls.keys().map(|name| Wish::Sysctl(name)));
        }
        wishes.extend((arguments.network == Some(Network::Host)).then_some(Wish::HostNetwork));
        let paths = arguments
            .volumes
            .iter()
            .filter_map(|volume| volume.host_path.as_ref());
        wishes.extend(paths.map(|host| Wish::HostPath(&host.path)));
        Self(wishes)
    }
}

impl Wish<'_> {
    fn is_in(&self, allowance: &Allowance) -> bool {
        match self {
            Self::Privileged => allowance.privileged,
            Self::HostNetwork => allowance.host_network,
            Self::HostPath(path) => is_below(path, &allowance.host_paths),
            Self::Device(path) => is_below(path, &allowance.devices),
            Self::Sysctl(name) => allowance.sysctls.iter().any(|allowed| is_meant(name, allowed)),
            Self::Capability(name) => allowance.capabilities.iter().any(|allowed| allowed == name),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Privileged => "run privileged containers".to_owned(),
            Self::HostNetwork => "use the computer's own network".to_owned(),
            Self::HostPath(path) => format!("mount `{path}` of the computer"),
            Self::Capability(name) => format!("have the capability `{}`", name.escape_debug()),
            Self::Device(path) => format!("use the device `{path}` of the computer"),
            Self::Sysctl(name) => format!("set the kernel parameter `{name}`"),
        }
    }
}

fn is_below(path: &str, allowed: &[PathBuf]) -> bool {
    allowed.iter().any(|allowed| Path::new(path).starts_with(allowed))
}

fn is_meant(name: &str, allowed: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(beginning) if beginning.ends_with('.') => name.starts_with(beginning),
        Some(_) | None => name == allowed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::fixtures::push_to;

    fn push(trust: Trust) -> Push {
        Push {
            trust,
            ..push_to("main")
        }
    }

    /// An order without containers: what a goal asks for is in its arguments.
    fn nothing() -> ContainerOrder {
        let attempt = json!({"goal_set": uuid::Uuid::nil(), "goal": {"unique_name": "a", "environment": "0-code"}, "attempt": 1, "epoch": 1});
        let no_time = json!({"secs": 0, "nanos": 0});
        let order = json!({
            "engines": [], "belonging": {"owner": "", "mark": "", "attempt": attempt, "name": "", "shown": []},
            "init_containers": [], "containers": [], "volumes": [], "network": "open",
            "grace": no_time, "patience": no_time, "notes": [],
        });
        serde_json::from_value(order).unwrap()
    }

    /// Whether the operator's word counts for a push.
    fn may(policy: &ContainerPolicy, goal: &Value, trust: Trust) -> bool {
        let arguments = Arguments::read(goal).unwrap();
        policy.check(&arguments, &nothing(), &push(trust)).is_ok()
    }

    #[test]
    fn b10_a_push_that_is_not_trusted_reaches_no_network_unless_the_operator_says_so() {
        let (usual, open) = (
            ContainerPolicy::default(),
            ContainerPolicy {
                untrusted_network: true,
                ..ContainerPolicy::default()
            },
        );
        for asked in [None, Some(Network::Open)] {
            assert_eq!(
                usual.network(asked, &push(Trust::Untrusted)),
                NetworkAccess::Closed
            );
            assert_eq!(usual.network(asked, &push(Trust::Member)), NetworkAccess::Open);
            assert_eq!(open.network(asked, &push(Trust::Untrusted)), NetworkAccess::Open);
        }
        let closed = usual.network(Some(Network::Closed), &push(Trust::Member));
        assert_eq!(closed, NetworkAccess::Closed);
    }

    #[test]
    fn b10_i4_what_the_operator_allows_a_repository_counts_for_those_who_may_write_to_it() {
        let allowed = |repositories: &str| ContainerPolicy {
            allow: vec![Allowance {
                repositories: vec![repositories.to_owned()],
                privileged: true,
                host_network: true,
                host_paths: vec!["/srv/cache".into()],
                capabilities: vec!["NET_ADMIN".to_owned()],
                devices: vec!["/dev/kvm".into(), "/dev/dri".into()],
                sysctls: vec!["net.*".to_owned(), "kernel.sem".to_owned()],
            }],
            ..ContainerPolicy::default()
        };
        let container = |more: Value| {
            let mut container = json!({"name": "main", "image": "a"});
            container
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            container
        };
        let device = |path: &str| json!({"path": path, "permissions": "rwm"});
        for goal in [
            json!({"containers": [container(json!({"privileged": true}))]}),
            json!({"containers": [container(json!({"capabilities": ["NET_ADMIN"]}))]}),
            json!({"containers": [container(json!({"devices": [device("/dev/kvm")]}))]}),
            json!({"containers": [container(json!({"devices": [device("/dev/dri/card0")]}))]}),
            json!({"containers": [container(json!({"sysctls": {"net.core.somaxconn": "1", "kernel.sem": "1"}}))]}),
            json!({"containers": [container(json!({}))], "network": "host"}),
            json!({
                "containers": [container(json!({}))],
                "volumes": [{"name": "v", "host_path": {"path": "/srv/cache/x"}}],
            }),
        ] {
            assert!(may(&allowed("acme/*"), &goal, Trust::Member), "{goal}");
            assert!(!may(&allowed("acme/*"), &goal, Trust::Untrusted), "{goal}");
            assert!(!may(&allowed("other/*"), &goal, Trust::Member), "{goal}");
            assert!(!may(&ContainerPolicy::default(), &goal, Trust::Member), "{goal}");
        }
        for wider in [
            json!({"devices": [device("/dev/kvm2")]}),
            json!({"devices": [device("/dev/mem")]}),
            json!({"sysctls": {"kernel.sem2": "1"}}),
            json!({"sysctls": {"network.x": "1"}}),
        ] {
            let goal = json!({ "containers": [container(wider)] });
            assert!(!may(&allowed("acme/*"), &goal, Trust::Member), "{goal}");
        }
        let modest = json!({"containers": [container(json!({"tmpfs": [{"path": "/x", "size": 4096}], "read_only": true}))]});
        assert!(may(&ContainerPolicy::default(), &modest, Trust::Untrusted));
    }
}
