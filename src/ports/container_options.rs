//! What else an engine is told of a container, beside what it runs and may use (semantics 4.5).

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Options of one container. Fields are only ever added, each with a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerOptions {
    /// What it calls itself; its name when none.
    pub hostname: Option<String>,
    /// Names, and the addresses that they mean inside.
    pub extra_hosts: Vec<(String, IpAddr)>,
    /// Servers that it asks for names.
    pub dns: Vec<IpAddr>,
    /// Directories in memory.
    pub tmpfs: Vec<TmpfsSpec>,
    /// Nothing of its image can be written.
    pub read_only: bool,
    /// Capabilities that it does without.
    pub drop_capabilities: Vec<String>,
    /// Devices of the computer; only where the operator allows them.
    pub devices: Vec<DeviceSpec>,
    /// Kernel parameters by name; only where the operator allows them.
    pub sysctls: Vec<(String, String)>,
    /// When it counts as there.
    pub ready: Option<Readiness>,
}

impl ContainerOptions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A directory in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmpfsSpec {
    /// Where it appears.
    pub path: String,
    /// Bytes that it holds at most.
    pub size: u64,
}

/// A device of the computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Where the computer has it.
    pub path: String,
    /// Where it appears.
    pub container_path: String,
    /// Some of `r`, `w` and `m`.
    pub permissions: String,
}

/// A command that is run inside of a service until it ends with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Program and arguments.
    pub run: Vec<String>,
    /// How often it may say no.
    pub retries: u32,
    /// Between two tries.
    pub pause: Duration,
}
