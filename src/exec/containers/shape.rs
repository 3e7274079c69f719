//! What the engine is told to make: pure translations of the order (CO-01, CO-02).

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    NetworkCreateRequest, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum, VolumeCreateRequest,
};

use super::exchange::Places;
use super::labels::labels;
use super::options;
use crate::model::variables::VariableMeaning;
use crate::ports::containers::{
    Belonging, ContainerLimits, ContainerOrder, ContainerSpec, INPUT, MountSpec, NetworkAccess, OUTPUT,
    PROJECT,
};

/// Processes and threads of a container unless its limits say otherwise: enough for builds, too few for a fork bomb.
const PROCESSES: u64 = 4096;

/// What is decided while the containers of a goal start.
pub(super) struct Setting<'a> {
    pub(super) order: &'a ContainerOrder,
    pub(super) places: &'a Places,
    /// The id of the image.
    pub(super) image: &'a str,
    /// Containers that run already, by name and address.
    pub(super) neighbours: &'a [(String, String)],
    /// Files with secrets: where they lie, and where they appear.
    pub(super) files: &'a [(String, String)],
    /// Whether the engine can limit processes.
    pub(super) limits_processes: bool,
    /// Whether the container works on the project: the first one and those before it do.
    pub(super) is_at_home: bool,
}

/// The full name of something that belongs to an attempt.
pub(super) fn full_name(belonging: &Belonging, name: &str) -> String {
    format!("{}-{name}", belonging.name)
}

/// The network of an attempt, when it has one of its own.
pub(super) fn network_name(order: &ContainerOrder) -> Option<&str> {
    match order.network {
        NetworkAccess::Host => None,
        NetworkAccess::Closed if order.containers.len() + order.init_containers.len() == 1 => None,
        NetworkAccess::Closed | NetworkAccess::Open => Some(&order.belonging.name),
    }
}

pub(super) fn network(order: &ContainerOrder, name: &str) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        internal: Some(order.network == NetworkAccess::Closed),
        labels: Some(labels(&order.belonging)),
        ..NetworkCreateRequest::default()
    }
}

pub(super) fn volume(belonging: &Belonging, name: &str) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(full_name(belonging, name)),
        labels: Some(labels(belonging)),
        ..VolumeCreateRequest::default()
    }
}

/// A container, to be made and not yet started.
pub(super) fn container(spec: &ContainerSpec, setting: &Setting<'_>) -> ContainerCreateBody {
    let (entrypoint, arguments) = command_line(spec);
    // The machine's own word comes last and counts, whatever a definition says (threat D9).
    let told = &setting.places.environment;
    let is_told = |name: &String| told.iter().any(|(told, _)| told == name);
    let is_own = |(name, _): &&(String, String)| !is_told(name) || !is_contract(name);
    let secret = setting.places.secret_variables(&spec.secrets);
    let environment = told
        .iter()
        .chain(spec.environment.iter().filter(is_own))
        .chain(&secret);
    let exposed: Vec<String> = spec.ports.iter().map(port).collect();
    let network = network_name(setting.order);
    ContainerCreateBody {
        hostname: hostname(spec, setting.order),
        image: Some(setting.image.to_owned()),
        entrypoint,
        cmd: (!arguments.is_empty()).then_some(arguments),
        env: Some(
            environment
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        working_dir: working_directory(spec, setting.is_at_home),
        user: spec.user.clone(),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: (!exposed.is_empty()).then_some(exposed),
        labels: Some(labels(&setting.order.belonging)),
        host_config: Some(host_config(spec, setting)),
        networking_config: network.map(|network| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network.to_owned(),
                EndpointSettings {
                    aliases: Some(vec![spec.name.clone()]),
                    ..EndpointSettings::default()
                },
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// On the computer's own network a container is called as the computer is.
fn hostname(spec: &ContainerSpec, order: &ContainerOrder) -> Option<String> {
    let own = spec.options.hostname.as_ref().unwrap_or(&spec.name);
    (order.network != NetworkAccess::Host).then(|| own.clone())
}

fn is_contract(name: &str) -> bool {
    VariableMeaning::of(name) == VariableMeaning::Contract
}

/// The entry point is the first word of the command; its other words are the first arguments.
fn command_line(spec: &ContainerSpec) -> (Option<Vec<String>>, Vec<String>) {
    match spec.command.split_first() {
        None => (None, spec.args.clone()),
        Some((program, rest)) => (
            Some(vec![program.clone()]),
            rest.iter().chain(&spec.args).cloned().collect(),
        ),
    }
}

fn working_directory(spec: &ContainerSpec, is_at_home: bool) -> Option<String> {
    match &spec.working_directory {
        Some(directory) if directory.is_empty() => None,
        Some(directory) => Some(directory.clone()),
        None => is_at_home.then(|| PROJECT.to_owned()),
    }
}

fn port(port: &u16) -> String {
    format!("{port}/tcp")
}

fn host_config(spec: &ContainerSpec, setting: &Setting<'_>) -> HostConfig {
    let limits = spec.limits;
    let memory = limits.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let processes = limits.pids.unwrap_or(PROCESSES);
    let processes = i64::try_from(processes).ok().filter(|_| setting.limits_processes);
    HostConfig {
        mounts: Some(mounts(spec, setting)),
        network_mode: Some(network_mode(setting.order)),
        port_bindings: (!spec.ports.is_empty()).then(|| port_bindings(&spec.ports)),
        extra_hosts: Some(hosts(spec, setting)).filter(|hosts| !hosts.is_empty()),
        memory,
        // The same number: no swap beside it.
        memory_swap: memory,
        nano_cpus: limits
            .millicpus
            .and_then(|thousandths| i64::try_from(thousandths).ok()?.checked_mul(1_000_000)),
        pids_limit: processes,
        ulimits: Some(ulimits(&limits)).filter(|ulimits| !ulimits.is_empty()),
        shm_size: limits.shm.and_then(|bytes| i64::try_from(bytes).ok()),
        privileged: Some(spec.privileged),
        cap_add: (!spec.capabilities.is_empty()).then(|| spec.capabilities.clone()),
        cap_drop: Some(spec.options.drop_capabilities.clone()).filter(|names| !names.is_empty()),
        devices: Some(options::devices(&spec.options)).filter(|devices| !devices.is_empty()),
        dns: Some(options::dns(&spec.options, setting.order.network)).filter(|servers| !servers.is_empty()),
        readonly_rootfs: spec.options.read_only.then_some(true),
        sysctls: Some(options::sysctls(&spec.options)).filter(|sysctls| !sysctls.is_empty()),
        tmpfs: Some(options::tmpfs(&spec.options)).filter(|tmpfs| !tmpfs.is_empty()),
        security_opt: (!spec.privileged).then(|| vec!["no-new-privileges".to_owned()]),
        // A goal is started once (SC-07), and its output is kept once: by us, without its secrets.
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        auto_remove: Some(false),
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        ..HostConfig::default()
    }
}

/// What the kernel limits for each process.
fn ulimits(limits: &ContainerLimits) -> Vec<ResourcesUlimits> {
    let all = [
        ("nofile", limits.open_files),
        ("fsize", limits.file_size),
        ("memlock", limits.locked_memory),
        ("stack", limits.stack),
    ];
    let ulimit = |(name, limit): (&str, Option<u64>)| {
        let limit = i64::try_from(limit?).ok();
        Some(ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: limit,
            hard: limit,
        })
    };
    all.into_iter().filter_map(ulimit).collect()
}

fn network_mode(order: &ContainerOrder) -> String {
    match (order.network, network_name(order)) {
        (NetworkAccess::Host, _) => "host".to_owned(),
        (NetworkAccess::Open | NetworkAccess::Closed, Some(name)) => name.to_owned(),
        (NetworkAccess::Open | NetworkAccess::Closed, None) => "none".to_owned(),
    }
}

/// Names that mean an address. Some engines have no names on their networks: those that run already are told by address too.
fn hosts(spec: &ContainerSpec, setting: &Setting<'_>) -> Vec<String> {
    let neighbours = setting.neighbours.iter();
    let neighbours = neighbours.map(|(name, address)| format!("{name}:{address}"));
    neighbours.chain(options::hosts(&spec.options)).collect()
}

/// On the loopback of the computer only, by a number the engine chooses.
fn port_bindings(ports: &[u16]) -> PortMap {
    let binding = |number: &u16| {
        let chosen = PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(String::new()),
        };
        (port(number), Some(vec![chosen]))
    };
    ports.iter().map(binding).collect()
}

fn mounts(spec: &ContainerSpec, setting: &Setting<'_>) -> Vec<Mount> {
    let same_inside = setting.places.borrowed.iter();
    let exchanged = [bind(&setting.places.input, INPUT, true)]
        .into_iter()
        .chain(same_inside.map(|path| bind(path, &path.to_string_lossy(), true)))
        .chain(writable(setting.places));
    let volumes = spec.mounts.iter().map(|mount| volume_mount(mount, setting.order));
    let files = setting
        .files
        .iter()
        .map(|(from, to)| bind(Path::new(from), to, true));
    exchanged.chain(volumes).chain(files).collect()
}

/// The directories that containers write into.
pub(super) fn writable(places: &Places) -> [Mount; 2] {
    [
        bind(&places.project, PROJECT, false),
        bind(&places.output, OUTPUT, false),
    ]
}

fn volume_mount(mount: &MountSpec, order: &ContainerOrder) -> Mount {
    let declared = order.volumes.iter().find(|volume| volume.name == mount.volume);
    match declared.and_then(|volume| volume.host_path.as_deref()) {
        Some(path) => bind(path, &mount.path, mount.read_only),
        None => Mount {
            typ: Some(MountType::VOLUME),
            source: Some(full_name(&order.belonging, &mount.volume)),
            target: Some(mount.path.clone()),
            read_only: Some(mount.read_only),
            ..Mount::default()
        },
    }
}

fn bind(from: &Path, to: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_string_lossy().into_owned()),
        target: Some(to.to_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::model::{GoalKey, GoalSetId, UniqueName};
    use crate::ports::AttemptRef;
    use crate::ports::container_options::ContainerOptions;
    use crate::ports::containers::{OwnSecrets, Pull, VolumeSpec};

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn main(command: &[&str], args: &[&str]) -> ContainerSpec {
        ContainerSpec {
            name: "main".to_owned(),
            image: "app".to_owned(),
            command: texts(command),
            args: texts(args),
            written_args: Vec::new(),
            environment: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            files: Vec::new(),
            secrets: OwnSecrets::default(),
            working_directory: None,
            user: None,
            pull: Pull::Missing,
            limits: ContainerLimits::default(),
            privileged: false,
            capabilities: Vec::new(),
            options: ContainerOptions::default(),
        }
    }

    fn order(spec: &ContainerSpec, volumes: &[(&str, Option<&str>)]) -> ContainerOrder {
        let attempt = AttemptRef {
            goal_set: GoalSetId(uuid::Uuid::nil()),
            goal: GoalKey::new(UniqueName::parse("test").unwrap(), ""),
            attempt: 1,
            epoch: 1,
        };
        let volume = |(name, host_path): &(&str, Option<&str>)| VolumeSpec {
            name: (*name).to_owned(),
            host_path: host_path.map(PathBuf::from),
        };
        ContainerOrder {
            engines: Vec::new(),
            belonging: Belonging {
                owner: "owner".to_owned(),
                mark: PathBuf::from("/state/mark"),
                attempt,
                name: "sdm-1".to_owned(),
                shown: Vec::new(),
            },
            init_containers: Vec::new(),
            containers: vec![spec.clone()],
            volumes: volumes.iter().map(volume).collect(),
            network: NetworkAccess::Open,
            grace: Duration::from_secs(1),
            patience: Duration::from_secs(1),
            notes: Vec::new(),
            report: None,
            fixed: Vec::new(),
        }
    }

    /// What the engine is told of a container whose goal declares these volumes.
    fn told(spec: &ContainerSpec, volumes: &[(&str, Option<&str>)]) -> ContainerCreateBody {
        let contract = [
            ("ATOMIST_PROJECT_DIR", "/w/1"),
            ("ATOMIST_INPUT_DIR", "/x/input"),
            ("ATOMIST_OUTPUT_DIR", "/x/output"),
            ("OF_ONE_CONTAINER_0", "canary"),
        ];
        let contract = contract.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let places = Places::of_contract(&BTreeMap::from(contract)).unwrap();
        let order = order(spec, volumes);
        let setting = Setting {
            order: &order,
            places: &places,
            image: "sha256:1",
            neighbours: &[],
            files: &[],
            limits_processes: true,
            is_at_home: true,
        };
        container(spec, &setting)
    }

    #[test]
    fn e2_a_secret_of_one_container_reaches_that_one_alone() {
        let mut spec = main(&[], &[]);
        let without = told(&spec, &[]).env.unwrap();
        assert!(!without.concat().contains("canary"), "{without:?}");
        spec.secrets.variables = vec![("TOKEN".to_owned(), "OF_ONE_CONTAINER_0".to_owned())];
        let with = told(&spec, &[]).env.unwrap();
        assert!(with.contains(&"TOKEN=canary".to_owned()), "{with:?}");
        assert!(!with.concat().contains("OF_ONE_CONTAINER"), "{with:?}");
    }

    #[test]
    fn co_01_the_first_word_of_a_command_is_the_entry_point_and_the_others_lead_the_arguments() {
        let told = |command: &[&str], args: &[&str]| {
            let body = told(&main(command, args), &[]);
            (body.entrypoint, body.cmd)
        };
        let some = |list: &[&str]| Some(texts(list));
        assert_eq!(told(&[], &[]), (None, None), "the image's own");
        assert_eq!(told(&[], &["a"]), (None, some(&["a"])));
        assert_eq!(told(&["sh"], &[]), (some(&["sh"]), None));
        assert_eq!(
            told(&["sh", "-c", "x"], &["a", "b"]),
            (some(&["sh"]), some(&["-c", "x", "a", "b"]))
        );
    }

    #[test]
    fn co_02_variables_and_ports_are_told_one_by_one_in_order() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let spec = ContainerSpec {
            environment: vec![pair("Z", "1"), pair("A", "b=c d"), pair("EMPTY", "")],
            ports: vec![8080, 53],
            ..main(&[], &[])
        };
        let body = told(&spec, &[]);
        let own: Vec<String> = body.env.unwrap().into_iter().skip(3).collect();
        assert_eq!(own, ["Z=1", "A=b=c d", "EMPTY="]);
        assert_eq!(body.exposed_ports.unwrap(), ["8080/tcp", "53/tcp"]);
        let bindings = body.host_config.unwrap().port_bindings.unwrap();
        for port in ["8080/tcp", "53/tcp"] {
            let binding = &bindings[port].as_ref().unwrap()[0];
            assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.1"), "{port}");
            assert_eq!(
                binding.host_port.as_deref(),
                Some(""),
                "the engine chooses: {port}"
            );
        }
    }

    #[test]
    fn i1_limits_are_told_to_the_engine() {
        let spec = ContainerSpec {
            limits: ContainerLimits {
                open_files: Some(64),
                file_size: Some(1 << 20),
                locked_memory: Some(1 << 16),
                stack: Some(1 << 23),
                ..ContainerLimits::default()
            },
            ..main(&[], &[])
        };
        let ulimits = told(&spec, &[]).host_config.unwrap().ulimits.unwrap();
        let shown = |limit: &ResourcesUlimits| (limit.name.clone().unwrap(), limit.soft, limit.hard);
        let shown: Vec<_> = ulimits.iter().map(shown).collect();
        let same = |name: &str, limit: i64| (name.to_owned(), Some(limit), Some(limit));
        let expected = [
            same("nofile", 64),
            same("fsize", 1 << 20),
            same("memlock", 1 << 16),
            same("stack", 1 << 23),
        ];
        assert_eq!(shown, expected);
        assert_eq!(told(&main(&[], &[]), &[]).host_config.unwrap().ulimits, None);
    }

    #[test]
    fn co_02_volumes_are_found_by_their_name_in_whatever_order_they_are_declared() {
        let mount = |volume: &str, path: &str, read_only: bool| MountSpec {
            volume: volume.to_owned(),
            path: path.to_owned(),
            read_only,
        };
        let spec = ContainerSpec {
            mounts: vec![mount("cache", "/c", false), mount("etc", "/e", true)],
            ..main(&[], &[])
        };
        let shown = |volumes: &[(&str, Option<&str>)]| {
            let mounts = told(&spec, volumes).host_config.unwrap().mounts.unwrap();
            let shown = mounts.iter().skip(3).map(|mount| {
                let part = |part: &Option<String>| part.clone().unwrap();
                let kind = mount.typ.unwrap();
                let (from, to) = (part(&mount.source), part(&mount.target));
                format!("{kind} {from} {to} {}", mount.read_only.unwrap())
            });
            shown.collect::<Vec<_>>()
        };
        let expected = ["volume sdm-1-cache /c false", "bind /srv/etc /e true"];
        assert_eq!(shown(&[("etc", Some("/srv/etc")), ("cache", None)]), expected);
        assert_eq!(shown(&[("cache", None), ("etc", Some("/srv/etc"))]), expected);
    }
}
