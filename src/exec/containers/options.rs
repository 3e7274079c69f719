//! The options of a container as the engine has them.

use std::collections::HashMap;

use bollard::models::DeviceMapping;

use crate::ports::container_options::ContainerOptions;
use crate::ports::containers::NetworkAccess;

/// Names with their addresses, as they stand in the container's own table of them.
pub(super) fn hosts(options: &ContainerOptions) -> impl Iterator<Item = String> {
    let hosts = options.extra_hosts.iter();
    hosts.map(|(name, address)| format!("{name}:{address}"))
}

/// Servers that are asked for names: none where the network is closed, or a question would be a way out (threat B10).
pub(super) fn dns(options: &ContainerOptions, network: NetworkAccess) -> Vec<String> {
    match network {
        NetworkAccess::Closed => Vec::new(),
        NetworkAccess::Open | NetworkAccess::Host => options.dns.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn devices(options: &ContainerOptions) -> Vec<DeviceMapping> {
    let devices = options.devices.iter().map(|device| DeviceMapping {
        path_on_host: Some(device.path.clone()),
        path_in_container: Some(device.container_path.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    });
    devices.collect()
}

pub(super) fn sysctls(options: &ContainerOptions) -> HashMap<String, String> {
    options.sysctls.iter().cloned().collect()
}

/// Builds run in them, so what lies there can be carried out; with the rights of somebody else, or as a device, nothing can.
pub(super) fn tmpfs(options: &ContainerOptions) -> HashMap<String, String> {
    let told = |size: u64| format!("rw,exec,nosuid,nodev,size={size}");
    let tmpfs = options.tmpfs.iter();
    tmpfs
        .map(|tmpfs| (tmpfs.path.clone(), told(tmpfs.size)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::container_options::TmpfsSpec;

    #[test]
    fn b10_a_closed_network_has_no_servers_that_are_asked_for_names() {
        let options = ContainerOptions {
            dns: vec!["10.0.0.1".parse().unwrap()],
            extra_hosts: vec![("six".to_owned(), "fd00::1".parse().unwrap())],
            ..ContainerOptions::default()
        };
        assert_eq!(dns(&options, NetworkAccess::Open), ["10.0.0.1"]);
        assert!(dns(&options, NetworkAccess::Closed).is_empty());
        assert_eq!(hosts(&options).collect::<Vec<_>>(), ["six:fd00::1"]);
    }

    #[test]
    fn i1_a_directory_in_memory_has_a_size() {
        let options = ContainerOptions {
            tmpfs: vec![TmpfsSpec {
                path: "/scratch".to_owned(),
                size: 4096,
            }],
            ..ContainerOptions::default()
        };
        assert_eq!(tmpfs(&options)["/scratch"], "rw,exec,nosuid,nodev,size=4096");
    }
}
