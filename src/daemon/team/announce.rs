//! What the machine says of itself when it registers.

use std::collections::BTreeMap;

use super::{commands, events};
use crate::config::HubEntry;
use crate::engine::Machine;
use crate::wire::hub::{API_VERSION, Metadata, Policy, PolicyName, Registration, extensions};

/// The registration of a machine of this name with these goal files.
pub(super) fn registration(name: &str, hub: &HubEntry, machine: &Machine) -> Registration {
    let policy = match hub.ephemeral {
        true => PolicyName::Ephemeral,
        false => PolicyName::Durable,
    };
    Registration {
        api_version: API_VERSION.to_owned(),
        name: name.to_owned(),
        version: version(policy),
        policy: Policy { name: policy },
        team_ids: hub.workspaces.clone(),
        groups: Vec::new(),
        commands: commands::announced(machine, hub),
        events: events::subscriptions(name, hub, machine),
        ingesters: Vec::new(),
        metadata: Metadata {
            labels: labels(machine),
        },
        accept_encoding: Some("gzip".to_owned()),
        capabilities: [
            extensions::ACK,
            extensions::LEASE,
            extensions::HEADER,
            extensions::LOGS,
            extensions::CONTEXT,
            extensions::IDENTITY,
            extensions::TRACE,
            extensions::FINGERPRINTS,
            extensions::PUSHES,
            extensions::RESUME,
            extensions::PROGRESS,
            extensions::SETTINGS,
        ]
        .map(str::to_owned)
        .to_vec(),
        scopes: hub.scopes.clone(),
        instance: None,
    }
}

/// A durable registration goes by its major version, so that what waits for it is found by the next one (wire protocol 2).
fn version(policy: PolicyName) -> String {
    let full = env!("CARGO_PKG_VERSION");
    match policy {
        PolicyName::Ephemeral => full.to_owned(),
        PolicyName::Durable => {
            let major = full.split('.').next().unwrap_or("0");
            format!("{major}.0.0")
        }
    }
}

fn labels(machine: &Machine) -> BTreeMap<String, String> {
    let labels = [
        ("sdm.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("sdm.rules", machine.rules.definitions().len().to_string()),
        ("sdm.system", std::env::consts::OS.to_owned()),
        ("sdm.architecture", std::env::consts::ARCH.to_owned()),
    ];
    labels
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
