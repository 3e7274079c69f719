//! From what is written to what the driver of the engine is told, for one push.

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest;

use super::arguments::{Arguments, Container, Limits, millicpus, network_name};
use crate::kinds::resolve::Placeholders;
use crate::kinds::{GoalContext, KindError};
use crate::model::limits::GoalLimits;
use crate::model::{GoalState, ImageReference};
use crate::ports::AttemptRef;
use crate::ports::containers::{
    Belonging, CHANGED_FILES, ContainerLimits, ContainerOrder, ContainerSpec, FileSpec, MountSpec,
    NetworkAccess, OwnSecrets, VolumeSpec,
};
use crate::spec::placeholder::name_of_image;

/// Beyond the grace of the containers, for removing what was made.
pub(in crate::kinds) const CLEARING: Duration = Duration::from_secs(60);

/// How long an engine may take to answer, and be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest part of a goal's name in the names of its containers.
const LONGEST_NAME: usize = 40;

/// The order for the containers of a goal.
pub(super) fn order(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    placeholders: &Placeholders,
) -> Result<ContainerOrder, KindError> {
    let policy = &context.policy.containers;
    let push = &context.record.push;
    let network = policy.network(arguments.network, push);
    let specs = |containers: &[Container]| -> Result<Vec<ContainerSpec>, KindError> {
        containers
            .iter()
            .map(|container| spec(container, &context.goal.definition().limits, placeholders))
            .collect()
    };
    let order = ContainerOrder {
        engines: policy.engines.clone(),
        belonging: belonging(context)?,
        init_containers: specs(&arguments.init_containers)?,
        containers: specs(&arguments.containers)?,
        volumes: arguments.volumes.iter().map(volume).collect(),
        network,
        grace: arguments.grace(),
        patience: PATIENCE,
        notes: notes(arguments, network),
        report: None,
        fixed: Vec::new(),
    };
    policy
        .check(arguments, &order, push)
        .map_err(KindError::Definition)?;
    Ok(order)
}

fn notes(arguments: &Arguments, network: NetworkAccess) -> Vec<String> {
    let is_closed = network == NetworkAccess::Closed;
    let is_shut = is_closed && arguments.network != Some(super::arguments::Network::Closed);
    let asks_others = arguments.all().any(|container| !container.options.dns.is_empty());
    let notes = [
        (is_shut, "the network is closed, because the push is not trusted"),
        (
            is_closed && asks_others,
            "`dns` is left out, because the network is closed",
        ),
    ];
    let said = notes.into_iter().filter(|(is_so, _)| *is_so);
    said.map(|(_, note)| note.to_owned()).collect()
}

/// Gives all containers the changed files, each ended by NUL, in a file of their own.
pub(super) fn tell_changes(order: &mut ContainerOrder, changed: &[String]) {
    let content: String = changed.iter().map(|path| format!("{path}\0")).collect();
    for container in order.init_containers.iter_mut().chain(&mut order.containers) {
        container.files.push(FileSpec {
            path: CHANGED_FILES.to_owned(),
            content: content.clone(),
        });
        let told = ("SDM_CHANGED_FILES".to_owned(), CHANGED_FILES.to_owned());
        container.environment.push(told);
    }
}

fn volume(volume: &super::arguments::Volume) -> VolumeSpec {
    VolumeSpec {
        name: volume.name.clone(),
        host_path: volume.host_path.as_ref().map(|host| PathBuf::from(&host.path)),
    }
}

fn belonging(context: &GoalContext<'_>) -> Result<Belonging, KindError> {
    let GoalState::InProcess { epoch, .. } = context.goal.state else {
        return Err(KindError::Definition("the goal is not in process".to_owned()));
    };
    let attempt = AttemptRef {
        goal_set: context.record.set.id,
        goal: context.goal.definition().key(),
        attempt: context.goal.attempt,
        epoch,
    };
    let shown = [
        ("repo", context.record.push.repo.slug.to_string()),
        ("branch", context.record.push.branch.to_string()),
        ("goal", context.goal.definition().name.clone()),
    ];
    Ok(Belonging {
        owner: context.policy.containers.owner.clone(),
        mark: context.policy.containers.mark.clone(),
        name: unique_name(&attempt),
        attempt,
        shown: shown.map(|(name, value)| (name.to_owned(), value)).to_vec(),
    })
}

/// Begins the names of all that belongs to the attempt: readable, and unique by the set, a digest of the goal, the number.
fn unique_name(attempt: &AttemptRef) -> String {
    let goal = attempt.goal.unique_name.as_str();
    let readable: String = goal
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(LONGEST_NAME)
        .collect();
    let digest = digest::digest(&digest::SHA256, attempt.goal.to_string().as_bytes());
    let digest = hex::encode(&digest.as_ref()[..3]);
    format!("sdm-{}-{readable}-{digest}-{}", attempt.goal_set, attempt.attempt)
}

/// One container with its placeholders resolved, and the goal's limits where it has none of its own. What comes from a push is
/// data wherever it stands.
fn spec(
    container: &Container,
    of_goal: &GoalLimits,
    placeholders: &Placeholders,
) -> Result<ContainerSpec, KindError> {
    let text = |text: &String| placeholders.text(text);
    let is_left_to_image = container.command.is_empty();
    let variables = container.variables();
    let resolved = match is_left_to_image {
        true => placeholders.arguments_of_image(&container.args, &variables)?,
        false => {
            let words = [&container.command[..], &container.args[..]].concat();
            placeholders.argv_beside(&words, &[&variables])?
        }
    };
    let mut words = resolved.argv.into_iter();
    let command = words.by_ref().take(usize::from(!is_left_to_image)).collect();
    let mut environment = resolved.environment;
    for variable in &container.env {
        let value = placeholders.variable(&variable.name, &variable.value)?;
        environment.extend(value.map(|value| (variable.name.clone(), value)));
    }
    Ok(ContainerSpec {
        name: network_name(&container.name).map_err(KindError::Definition)?,
        image: image(&container.image, placeholders)?,
        command,
        args: words.collect(),
        written_args: match is_left_to_image {
            true => resolved.written,
            false => Vec::new(),
        },
        environment,
        ports: container.ports.iter().map(|port| port.container_port).collect(),
        mounts: container.volume_mounts.iter().map(mount).collect(),
        files: Vec::new(),
        secrets: OwnSecrets {
            asked: container.secrets.clone(),
            ..OwnSecrets::default()
        },
        working_directory: container.working_dir.as_ref().map(text).transpose()?,
        user: container.user.as_ref().map(text).transpose()?,
        pull: container.pull,
        limits: limits(&container.limits, of_goal)?,
        privileged: container.privileged,
        capabilities: container.capabilities.clone(),
        options: container.options.told().map_err(KindError::Definition)?,
    })
}

/// An image with its placeholders filled in. What others say may be its tag, and never makes it an image of another registry: in
/// `app:${push.branch}` the branch `5000/x` would.
fn image(written: &str, placeholders: &Placeholders) -> Result<String, KindError> {
    let image = placeholders.text(written)?;
    let meant = placeholders.text(name_of_image(written))?;
    match (ImageReference::parse(&image), ImageReference::parse(&meant)) {
        (Ok(found), Ok(meant)) if found.name != meant.name => Err(KindError::Definition(format!(
            "`{image}` is not an image of `{}`, which is written",
            meant.name
        ))),
        _ => Ok(image), // What is no image at all is said by whoever looks for it.
    }
}

fn limits(own: &Limits, of_goal: &GoalLimits) -> Result<ContainerLimits, KindError> {
    Ok(ContainerLimits {
        memory: own.memory.or(of_goal.memory),
        millicpus: millicpus(own.cpu.as_deref()).map_err(KindError::Definition)?,
        pids: own.pids.or(of_goal.processes),
        open_files: own.open_files.or(of_goal.open_files),
        file_size: own.file_size.or(of_goal.file_size),
        shm: own.shm,
        locked_memory: own.locked_memory,
        stack: own.stack,
    })
}

fn mount(mount: &super::arguments::Mount) -> MountSpec {
    MountSpec {
        volume: mount.name.clone(),
        path: mount.mount_path.clone(),
        read_only: mount.read_only,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn d9_a_branch_in_a_tag_makes_no_other_image() {
        let at = |branch: &str, written: &str| {
            image(written, &Placeholders::from_facts(json!({"branch": branch})))
        };
        assert_eq!(at("main", "app:${branch}").unwrap(), "app:main");
        assert_eq!(at("main", "reg:5000/app:${branch}").unwrap(), "reg:5000/app:main");
        assert!(at("5000/evil", "app:${branch}").is_err());
    }

    #[test]
    fn i1_limits_of_a_goal_hold_in_its_containers_unless_they_have_their_own() {
        let of_goal = GoalLimits {
            memory: Some(1 << 30),
            processes: Some(100),
            open_files: Some(64),
            file_size: Some(1 << 20),
            ..GoalLimits::default()
        };
        let own = Limits {
            memory: Some(1 << 20),
            open_files: Some(128),
            locked_memory: Some(1 << 16),
            ..Limits::default()
        };
        let expected = ContainerLimits {
            memory: Some(1 << 20),
            pids: Some(100),
            open_files: Some(128),
            file_size: Some(1 << 20),
            locked_memory: Some(1 << 16),
            ..ContainerLimits::default()
        };
        assert_eq!(limits(&own, &of_goal).unwrap(), expected);
        let none = limits(&Limits::default(), &GoalLimits::default()).unwrap();
        assert_eq!(none, ContainerLimits::default());
    }
}
