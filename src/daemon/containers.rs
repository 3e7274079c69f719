//! Goals in containers: what the configuration allows them, and looking for what a killed driver left.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{AllowEntry, Configuration};
use crate::exec::containers::{Sweep, mark_in, owner_of};
use crate::kinds::ContainerPolicy;
use crate::kinds::containers::policy::Allowance;
use crate::runtime::clock::RandomIds;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(60);

/// What goals in containers may, on a machine that keeps its attempts in this directory.
///
/// # Errors
/// The directory cannot be used.
pub(super) fn policy(configuration: &Configuration, attempts: &Path) -> std::io::Result<ContainerPolicy> {
    let written = &configuration.containers;
    Ok(ContainerPolicy {
        engines: configuration.engines.clone(),
        owner: owner_of(attempts, &RandomIds)?,
        mark: mark_in(attempts),
        require_digest: written.require_digest,
        untrusted_network: configuration.untrusted_network,
        allow: written.allow.iter().map(allowance).collect(),
    })
}

fn allowance(entry: &AllowEntry) -> Allowance {
    Allowance {
        repositories: entry.repositories.clone(),
        privileged: entry.privileged,
        host_network: entry.host_network,
        host_paths: entry.host_paths.clone(),
        capabilities: entry.capabilities.clone(),
        devices: entry.devices.clone(),
        sysctls: entry.sysctls.clone(),
    }
}

/// A look for what containers of this machine left.
pub(super) fn sweep(policy: &ContainerPolicy, attempts: &Path) -> Sweep {
    Sweep::new(policy.engines.clone(), policy.owner.clone(), attempts.to_owned())
}

/// Looks now, and says what was found.
pub(super) async fn look(sweep: &mut Sweep) {
    match sweep.look().await {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "removed what containers of ended goals had left"),
        Err(error) => tracing::debug!(error, "the container engine could not be asked what was left"),
    }
}

/// Looks at the start and again and again.
pub(super) async fn look_again_and_again(mut sweep: Sweep, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = look(&mut sweep) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
