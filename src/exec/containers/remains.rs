//! Removing what belongs to attempts, found by its labels.

use std::collections::HashMap;

use bollard::query_parameters::{
    KillContainerOptions, ListContainersOptions, ListNetworksOptions, ListVolumesOptions,
    RemoveContainerOptions, RemoveVolumeOptions,
};

use super::engine::{Engine, EngineError};
use super::labels::{attempt_of, is_of_owner, of_owner};
use crate::ports::AttemptRef;

/// Something an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remain {
    /// A container, by its id.
    Container(String),
    /// A network, by its id.
    Network(String),
    /// A volume, by its name.
    Volume(String),
}

/// All that belongs to an owner, with the attempt it says it belongs to; in an order in which it can be removed.
pub(super) async fn find(engine: &Engine, owner: &str) -> Result<Vec<(AttemptRef, Remain)>, EngineError> {
    let filter = of_owner(owner);
    let mut found = containers(engine, owner, &filter).await?;
    found.extend(networks(engine, owner, &filter).await?);
    found.extend(volumes(engine, owner, &filter).await?);
    Ok(found)
}

/// What something belongs to, when it is this owner's.
fn whose(labels: Option<&HashMap<String, String>>, owner: &str) -> Option<AttemptRef> {
    attempt_of(labels).filter(|_| is_of_owner(labels, owner))
}

async fn containers(
    engine: &Engine,
    owner: &str,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<(AttemptRef, Remain)>, EngineError> {
    let options = ListContainersOptions {
        all: true,
        filters: Some(filter.clone()),
        ..ListContainersOptions::default()
    };
    let doing = "list the containers of a goal";
    let all = engine
        .ask(doing, engine.docker.list_containers(Some(options)))
        .await?;
    let ours = |container: bollard::models::ContainerSummary| {
        let attempt = whose(container.labels.as_ref(), owner)?;
        Some((attempt, Remain::Container(container.id?)))
    };
    Ok(all.into_iter().filter_map(ours).collect())
}

async fn networks(
    engine: &Engine,
    owner: &str,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<(AttemptRef, Remain)>, EngineError> {
    let options = ListNetworksOptions {
        filters: Some(filter.clone()),
    };
    let doing = "list the networks of a goal";
    let all = engine
        .ask(doing, engine.docker.list_networks(Some(options)))
        .await?;
    let ours = |network: bollard::models::Network| {
        let attempt = whose(network.labels.as_ref(), owner)?;
        Some((attempt, Remain::Network(network.id?)))
    };
    Ok(all.into_iter().filter_map(ours).collect())
}

async fn volumes(
    engine: &Engine,
    owner: &str,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<(AttemptRef, Remain)>, EngineError> {
    let options = ListVolumesOptions {
        filters: Some(filter.clone()),
    };
    let doing = "list the volumes of a goal";
    let all = engine
        .ask(doing, engine.docker.list_volumes(Some(options)))
        .await?;
    let ours = |volume: bollard::models::Volume| {
        let attempt = whose(Some(&volume.labels), owner)?;
        Some((attempt, Remain::Volume(volume.name)))
    };
    Ok(all
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter_map(ours)
        .collect())
}

/// Removes one thing; that it is gone already is as good.
///
/// # Errors
/// It is still there.
pub(super) async fn remove(engine: &Engine, remain: &Remain) -> Result<(), EngineError> {
    let docker = &engine.docker;
    let removed = match remain {
        Remain::Container(id) => remove_container(engine, id).await,
        Remain::Network(id) => {
            engine
                .work("remove the network of a goal", docker.remove_network(id))
                .await
        }
        Remain::Volume(name) => {
            let options = RemoveVolumeOptions { force: true };
            engine
                .work(
                    "remove a volume of a goal",
                    docker.remove_volume(name, Some(options)),
                )
                .await
        }
    };
    match removed {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Killed first: some engines ask before they remove by force, and wait for an answer.
async fn remove_container(engine: &Engine, id: &str) -> Result<(), EngineError> {
    let kill = KillContainerOptions {
        signal: "SIGKILL".to_owned(),
    };
    match engine
        .work("kill a container", engine.docker.kill_container(id, Some(kill)))
        .await
    {
        Err(error) if error.is_gone() => return Err(error),
        // Not running is what we wanted.
        Ok(()) | Err(_) => {}
    }
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        link: false,
    };
    let removing = engine.docker.remove_container(id, Some(options));
    match engine.work("remove a container", removing).await {
        // Somebody is removing it already.
        Err(error) if error.is_conflict() => Ok(()),
        removed => removed,
    }
}
