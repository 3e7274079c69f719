//! What the configuration says about the network, for the git transports.

use crate::config::Configuration;
use crate::git::address::AddressPolicy;
use crate::git::network::{NetworkOptions, ProxyChoice};

/// The options of every fetch of this machine.
pub(super) fn options(configuration: &Configuration) -> NetworkOptions {
    let proxy = match &configuration.proxy {
        Some(url) => ProxyChoice::Fixed {
            url: url.clone().into(),
            except: String::new(),
        },
        None => ProxyChoice::System,
    };
    NetworkOptions {
        proxy,
        extra_ca_files: configuration.extra_ca_files.clone(),
        ssh_command: configuration.ssh_command.clone(),
        deadline: configuration.fetch_timeout,
        policy: AddressPolicy::LOCAL,
        ..NetworkOptions::default()
    }
}
