//! What an engine can do for a container beside running it: names and addresses, memory that is a directory, devices, kernel
//! parameters, and when a service counts as there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::model::{ArgumentProblems, Field, FieldPath, ValueType};
use crate::ports::container_options::{ContainerOptions, DeviceSpec, Readiness, TmpfsSpec};
use crate::spec::placeholder::{Template, is_fact};

use super::arguments::network_name;
use super::sense::path_problems;

/// Most entries of each list.
const MOST: usize = 100;

const TMPFS: &[Field] = &[
    Field::new("path", ValueType::Verbatim, "where it appears").required(),
    Field::new("size", ValueType::Size, "how much it holds")
        .default("64MiB")
        .within(1 << 12, 1 << 40),
];

const DEVICE: &[Field] = &[
    Field::new("path", ValueType::Verbatim, "where the computer has it").required(),
    Field::new(
        "container_path",
        ValueType::Verbatim,
        "where it appears; there as well when absent",
    ),
    Field::new(
        "permissions",
        ValueType::Verbatim,
        "what may be done: some of `r`, `w` and `m`",
    )
    .default("rwm"),
];

const READY: &[Field] = &[
    Field::new(
        "run",
        ValueType::List(&ValueType::Verbatim),
        "the command; 0 means that it is there; no placeholders, but variables of the service",
    )
    .required(),
    Field::new(
        "retries",
        ValueType::Integer {
            min: 0,
            max: 1_000_000,
        },
        "how often it may say no before the goal fails",
    )
    .default("100"),
    Field::new("pause", ValueType::Duration, "between two tries")
        .default("1s")
        .within(10, 3_600_000),
];

pub(super) const READY_FIELD: Field = Field::new(
    "ready",
    ValueType::Fields(READY),
    "of a service: a command that is run in it until it ends with 0, before the first container is started",
);

pub(super) const HOSTNAME: Field =
    Field::new("hostname", ValueType::Verbatim, "what it calls itself; its name");

pub(super) const EXTRA_HOSTS: Field = Field::new(
    "extra_hosts",
    ValueType::Map(&ValueType::Verbatim),
    "further names, and the addresses that they mean inside",
);

pub(super) const DNS: Field = Field::new(
    "dns",
    ValueType::List(&ValueType::Verbatim),
    "addresses of the servers that it asks for names; left out where the network is closed",
);

pub(super) const TMPFS_FIELD: Field = Field::new(
    "tmpfs",
    ValueType::List(&ValueType::TextOr("path", TMPFS)),
    "directories in memory, which count as its memory",
);

pub(super) const READ_ONLY: Field = Field::new(
    "read_only",
    ValueType::Boolean,
    "whether nothing of its image can be written: volumes, `tmpfs` and the working copy can",
)
.default("false");

pub(super) const DROP_CAPABILITIES: Field = Field::new(
    "drop_capabilities",
    ValueType::List(&ValueType::Verbatim),
    "capabilities that it does without; `ALL` for all",
)
.not_empty();

pub(super) const DEVICES: Field = Field::new(
    "devices",
    ValueType::List(&ValueType::TextOr("path", DEVICE)),
    "devices of the computer, where the operator allows them",
);

pub(super) const SYSCTLS: Field = Field::new(
    "sysctls",
    ValueType::Map(&ValueType::Verbatim),
    "kernel parameters of its own, where the operator allows them",
);

/// The options as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    pub(super) hostname: Option<String>,
    pub(super) extra_hosts: BTreeMap<String, String>,
    pub(super) dns: Vec<String>,
    pub(super) tmpfs: Vec<Tmpfs>,
    pub(super) read_only: bool,
    pub(super) drop_capabilities: Vec<String>,
    pub(super) devices: Vec<Device>,
    pub(super) sysctls: BTreeMap<String, String>,
    pub(super) ready: Option<Ready>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tmpfs {
    pub(super) path: String,
    size: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Device {
    pub(super) path: String,
    container_path: Option<String>,
    permissions: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ready {
    run: Vec<String>,
    retries: u32,
    pause: u64,
}

impl Options {
    /// What the driver of the engine is told.
    ///
    /// # Errors
    /// What makes no sense, which was said before.
    pub(super) fn told(&self) -> Result<ContainerOptions, String> {
        let hosts = self.extra_hosts.iter();
        let hosts = hosts.map(|(name, text)| Ok((name.clone(), address(text)?)));
        Ok(ContainerOptions {
            hostname: self.hostname.clone(),
            extra_hosts: hosts.collect::<Result<_, String>>()?,
            dns: self
                .dns
                .iter()
                .map(|text| address(text))
                .collect::<Result<_, _>>()?,
            tmpfs: self.tmpfs.iter().map(Tmpfs::told).collect(),
            read_only: self.read_only,
            drop_capabilities: self.drop_capabilities.clone(),
            devices: self.devices.iter().map(Device::told).collect(),
            sysctls: self.sysctls.clone().into_iter().collect(),
            ready: self.ready.as_ref().map(Ready::told),
        })
    }

    /// What makes no sense of the options of one container, beyond their shape; a service is not waited for as the first one is.
    pub(super) fn problems(&self, at: &FieldPath, is_service: bool) -> ArgumentProblems {
        let mut problems = self.names_and_addresses(at);
        problems.extend(self.counts(at));
        problems.extend(self.what_is_mounted(at));
        problems.extend(self.parameters(at));
        if let Some(ready) = &self.ready {
            problems.extend(ready.problems(&at.key("ready"), is_service));
        }
        problems
    }

    fn names_and_addresses(&self, at: &FieldPath) -> ArgumentProblems {
        const NAME: &str = "write letters, digits, `-`, `_` and `.`, beginning with a letter or digit";
        const ADDRESS: &str = "write one such as `10.1.2.3`";
        let mut problems = ArgumentProblems::default();
        let named = self.hostname.iter().map(|name| (at.key("hostname"), name));
        let hosts = self.extra_hosts.keys();
        let hosts = hosts.map(|name| (at.key("extra_hosts").key(name), name));
        for (field, name) in named.chain(hosts) {
            if network_name(name).is_err() || name.contains(' ') {
                let message = format!("`{}` is not the name of a computer", name.escape_debug());
                problems.add(&field, "invalid_name", message, NAME);
            }
        }
        let hosts = self.extra_hosts.iter();
        let hosts = hosts.map(|(name, text)| (at.key("extra_hosts").key(name), text));
        let servers = self.dns.iter().enumerate();
        let servers = servers.map(|(index, text)| (at.key("dns").item(index), text));
        for (field, text) in hosts.chain(servers) {
            if let Err(why) = address(text) {
                problems.add(&field, "invalid_address", why, ADDRESS);
            }
        }
        problems
    }

    fn counts(&self, at: &FieldPath) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        for (key, count) in [
            ("extra_hosts", self.extra_hosts.len()),
            ("dns", self.dns.len()),
            ("tmpfs", self.tmpfs.len()),
            ("drop_capabilities", self.drop_capabilities.len()),
            ("devices", self.devices.len()),
            ("sysctls", self.sysctls.len()),
        ] {
            if count > MOST {
                let message = format!("{count} `{key}` are too many");
                problems.add(
                    &at.key(key),
                    "too_many",
                    message,
                    format!("a container has at most {MOST}"),
                );
            }
        }
        problems
    }

    fn what_is_mounted(&self, at: &FieldPath) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        for (index, tmpfs) in self.tmpfs.iter().enumerate() {
            let field = at.key("tmpfs").item(index).key("path");
            problems.extend(path_problems(&field, "path", &tmpfs.path));
        }
        for (index, device) in self.devices.iter().enumerate() {
            let field = at.key("devices").item(index);
            problems.extend(path_problems(&field.key("path"), "path", &device.path));
            if let Some(inside) = &device.container_path {
                let field = field.key("container_path");
                problems.extend(path_problems(&field, "container_path", inside));
            }
            if !device.has_permissions() {
                let message = format!(
                    "`permissions: {}` says nothing of a device",
                    device.permissions.escape_debug()
                );
                let hint = "write some of `r` to read, `w` to write and `m` to make it, such as `rw`";
                problems.add(&field.key("permissions"), "invalid_permissions", message, hint);
            }
        }
        problems
    }

    fn parameters(&self, at: &FieldPath) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        for (name, value) in &self.sysctls {
            let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let is_parameter = name.contains('.') && name.chars().all(legal);
            if !is_parameter || value.chars().any(char::is_control) {
                let message = format!("`{}` is not a kernel parameter", name.escape_debug());
                let hint = "write its name and its value, such as `net.core.somaxconn: 1024`";
                problems.add(&at.key("sysctls").key(name), "invalid_parameter", message, hint);
            }
        }
        problems
    }
}

impl Tmpfs {
    fn told(&self) -> TmpfsSpec {
        TmpfsSpec {
            path: self.path.clone(),
            size: self.size,
        }
    }
}

impl Device {
    fn has_permissions(&self) -> bool {
        let letters = &self.permissions;
        let is_once = |letter: char| letters.chars().filter(|other| *other == letter).count() == 1;
        !letters.is_empty()
            && letters
                .chars()
                .all(|letter| "rwm".contains(letter) && is_once(letter))
    }

    fn told(&self) -> DeviceSpec {
        DeviceSpec {
            path: self.path.clone(),
            container_path: self.container_path.clone().unwrap_or_else(|| self.path.clone()),
            permissions: self.permissions.clone(),
        }
    }
}

impl Ready {
    fn told(&self) -> Readiness {
        Readiness {
            run: self.run.iter().map(|word| word.replace("$${", "${")).collect(),
            retries: self.retries,
            pause: Duration::from_millis(self.pause),
        }
    }

    fn problems(&self, at: &FieldPath, is_service: bool) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        if !is_service {
            let message = "`ready` is for services, which are waited for, and this container is none";
            let hint = "write it at a container behind the first one, or use `wait_for` of the goal";
            problems.add(at, "misplaced_key", message, hint);
        }
        if self.run.first().is_none_or(|program| program.trim().is_empty()) {
            let hint = "write the program and each argument as an item, such as `[pg_isready, -U, postgres]`";
            problems.add(&at.key("run"), "empty_command", "`run` names no program", hint);
        }
        for (index, word) in self.run.iter().enumerate() {
            if let Some(path) = fact_in(word) {
                let message = format!("placeholders are not filled in `ready`, and `${{{path}}}` is one");
                let hint = "give the service a variable by its `env`, and read that: `[sh, -c, 'pg_isready -U \"$DB_USER\"']`";
                problems.add(
                    &at.key("run").item(index),
                    "placeholder_not_filled",
                    message,
                    hint,
                );
            }
        }
        problems
    }
}

/// The first fact that a word asks for; other names between `${` and `}` are variables of a shell.
fn fact_in(word: &str) -> Option<String> {
    let template = Template::parse(word).ok()?;
    let paths = template.paths().into_iter();
    paths.map(str::to_owned).find(|path| is_fact(path))
}

fn address(text: &str) -> Result<IpAddr, String> {
    let read = text.trim().parse();
    read.map_err(|_| format!("`{}` is not the address of a computer", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(written: Value, is_service: bool) -> String {
        let options: Options = serde_json::from_value(written).unwrap();
        let problems = options.problems(&FieldPath::whole(), is_service);
        problems
            .none_or(())
            .err()
            .map_or_else(String::new, |problems| problems.to_string())
    }

    #[test]
    fn semantics_4_5_options_that_make_sense_are_told_as_they_are_written() {
        let written = json!({
            "hostname": "db.local",
            "extra_hosts": {"registry.local": "10.1.2.3", "six": "fd00::1"},
            "dns": ["10.1.2.4"],
            "tmpfs": [{"path": "/scratch", "size": 4096}],
            "devices": [{"path": "/dev/kvm", "permissions": "rw"}],
            "sysctls": {"net.core.somaxconn": "1024"},
            "ready": {"run": ["sh", "-c", "pg_isready -U ${PGUSER} -p $${PGPORT:-5432}"], "retries": 3, "pause": 500},
        });
        assert_eq!(refused(written.clone(), true), "");
        let told = serde_json::from_value::<Options>(written)
            .unwrap()
            .told()
            .unwrap();
        assert_eq!(told.devices[0].container_path, "/dev/kvm");
        assert_eq!(told.extra_hosts[0].1.to_string(), "10.1.2.3");
        let ready = told.ready.unwrap();
        assert_eq!(ready.pause, Duration::from_millis(500));
        assert_eq!(ready.run[2], "pg_isready -U ${PGUSER} -p ${PGPORT:-5432}");
        assert!(Options::default().told().unwrap().is_empty());
    }

    #[test]
    fn d9_options_that_mean_something_else_are_refused() {
        let many: Vec<String> = (0..200)
            .map(|number| format!("10.0.0.{}", number % 250))
            .collect();
        for (written, part) in [
            (json!({"hostname": "-x"}), "not the name of a computer"),
            (
                json!({"hostname": "${push.branch}"}),
                "not the name of a computer",
            ),
            (
                json!({"extra_hosts": {"a:b": "10.0.0.1"}}),
                "not the name of a computer",
            ),
            (
                json!({"extra_hosts": {"a": "host-gateway"}}),
                "not the address of a computer",
            ),
            (json!({"dns": ["resolver"]}), "not the address of a computer"),
            (json!({"dns": many}), "200 `dns` are too many"),
            (
                json!({"tmpfs": [{"path": "../x", "size": 4096}]}),
                "not a path that can be there",
            ),
            (
                json!({"tmpfs": [{"path": "/x:rw", "size": 4096}]}),
                "not a path that can be there",
            ),
            (
                json!({"devices": [{"path": "/dev/../etc", "permissions": "r"}]}),
                "not a path that can be there",
            ),
            (
                json!({"devices": [{"path": "/dev/kvm", "permissions": "rr"}]}),
                "says nothing of a device",
            ),
            (
                json!({"devices": [{"path": "/dev/kvm", "permissions": ""}]}),
                "says nothing of a device",
            ),
            (json!({"sysctls": {"kernel": "1"}}), "not a kernel parameter"),
            (json!({"sysctls": {"net.a/../b": "1"}}), "not a kernel parameter"),
            (
                json!({"ready": {"run": [], "retries": 1, "pause": 1000}}),
                "names no program",
            ),
            (
                json!({"ready": {"run": ["x", "a ${values.user}"], "retries": 1, "pause": 1000}}),
                "placeholders are not filled in `ready`",
            ),
        ] {
            let said = refused(written.clone(), true);
            assert!(said.contains(part), "{written}: {said}");
        }
        let first = refused(
            json!({"ready": {"run": ["x"], "retries": 1, "pause": 1000}}),
            false,
        );
        assert!(first.contains("`ready` is for services"), "{first}");
    }
}
