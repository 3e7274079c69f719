//! Gives the files that containers left to the user who runs the machine, who must be able to remove them (threat I3).
//!
//! Root in a container may be another user outside of it. Where that has left files that are not ours, a last container
//! of one of the goal's own images runs `chown` over the directories that were exchanged; it has no network and no right but
//! that one. Where no image has that program the files stay, and the workspace is retired.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, StartContainerOptions};
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::exchange::Places;
use super::follow;
use super::labels::labels;
use super::remains::{self, Remain};
use super::shape::writable;
use crate::ports::containers::{Belonging, OUTPUT, PROJECT};

/// Most entries that are looked at before it is assumed that some are not ours.
const MOST_ENTRIES: usize = 200_000;

/// Whether anything in the exchanged directories belongs to somebody else.
pub(super) fn has_strangers(places: &Places) -> bool {
    let own = nix::unistd::geteuid();
    if own.is_root() {
        return false;
    }
    let mut left = MOST_ENTRIES;
    [&places.project, &places.output]
        .into_iter()
        .any(|path| is_anybody_elses(path, own.as_raw(), &mut left).unwrap_or(true))
}

/// Walks without following links; what cannot be read counts as somebody else's.
fn is_anybody_elses(top: &Path, own: u32, left: &mut usize) -> io::Result<bool> {
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            *left = left.saturating_sub(1);
            if metadata.uid() != own || *left == 0 {
                return Ok(true);
            }
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(false)
}

/// Who the files are given to, as seen inside: in a rootless engine, root there is the user outside.
fn owner_inside(is_rootless: bool) -> String {
    if is_rootless {
        return "0:0".to_owned();
    }
    format!("{}:{}", nix::unistd::geteuid(), nix::unistd::getegid())
}

/// Gives the files back with the `chown` of an image; whether that worked.
pub(super) async fn give_back(engine: &Engine, belonging: &Belonging, places: &Places, image: &str) -> bool {
    let body = container(belonging, places, image, &owner_inside(engine.is_rootless));
    let options = None::<CreateContainerOptions>;
    let making = engine.docker.create_container(options, body);
    let Ok(made) = engine
        .work("make a container that gives files back", making)
        .await
    else {
        return false;
    };
    let starting = engine
        .docker
        .start_container(&made.id, None::<StartContainerOptions>);
    let started = engine
        .work("start a container that gives files back", starting)
        .await;
    let ended = match started {
        Ok(()) => tokio::time::timeout(
            engine.patience * 4,
            follow::end_of(engine, &made.id, &CancellationToken::new()),
        )
        .await
        .ok(),
        Err(_) => None,
    };
    // The labels are those of the attempt: what is not removed now is found later.
    remains::remove(engine, &Remain::Container(made.id)).await.ok();
    matches!(ended, Some(Ok(exit)) if exit.code == 0)
}

fn container(belonging: &Belonging, places: &Places, image: &str, owner: &str) -> ContainerCreateBody {
    let words = ["-R", "-h", owner, PROJECT, OUTPUT];
    let list = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: list(&["chown"]),
        cmd: list(&words),
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        labels: Some(labels(belonging)),
        host_config: Some(HostConfig {
            mounts: Some(writable(places).to_vec()),
            network_mode: Some("none".to_owned()),
            cap_drop: list(&["ALL"]),
            cap_add: list(&["CHOWN", "DAC_READ_SEARCH", "FOWNER"]),
            security_opt: list(&["no-new-privileges"]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
