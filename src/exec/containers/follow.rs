//! Following a container: its output until it ends, and how it ended, also when the engine goes away for a moment.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as BollardError;
use bollard::models::{ContainerState, ContainerStateStatusEnum};
use bollard::query_parameters::{
    AttachContainerOptions, EventsOptions, InspectContainerOptions, WaitContainerOptions,
};
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, EngineError};
use super::output::ContainerOutput;
use crate::runtime::clock::{Clock as _, SystemClock};

/// How often a container is looked at although the engine has not said that it ended.
const LOOK: Duration = Duration::from_secs(15);

/// Between two looks at a container that is about to end, or at an engine that is gone: doubled from the one to the other.
const SHORT_PAUSE: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_millis(500);

/// Seconds for which ends of containers are looked back at.
const LONGEST_GOAL: i64 = 7 * 24 * 3_600;

/// The output of a container as it comes.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<LogOutput, BollardError>> + Send>>;

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exit {
    /// Its exit code.
    pub(super) code: i64,
    /// It used more memory than it may.
    pub(super) out_of_memory: bool,
}

/// Connects to the output of a container, before it is started: nothing of it is kept elsewhere.
pub(super) async fn attach(engine: &Engine, doing: &str, id: &str) -> Result<Pieces, EngineError> {
    let options = AttachContainerOptions {
        stream: true,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let attaching = engine.docker.attach_container(id, Some(options));
    let attached = engine.work(doing, attaching).await?;
    Ok(attached.output)
}

/// Hands the output of a container on until it has ended. A connection that breaks is made again; `done` says the end.
pub(super) async fn hand_on(
    engine: Engine,
    id: String,
    mut pieces: Pieces,
    mut output: ContainerOutput,
    done: CancellationToken,
) {
    let mut pause = SHORT_PAUSE;
    loop {
        while let Some(Ok(piece)) = pieces.next().await {
            output.take(&piece);
            pause = SHORT_PAUSE;
        }
        // A connection that gives nothing is not asked for again at once.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
        match attach_again(&engine, &id).await {
            Some(more) => pieces = more,
            None => break,
        }
    }
    output.finish();
    done.cancel();
}

/// A new connection to a container that still runs.
async fn attach_again(engine: &Engine, id: &str) -> Option<Pieces> {
    let gone_since = Instant::now();
    let mut pause = SHORT_PAUSE;
    loop {
        match look(engine, id).await {
            Ok(None) => {
                if let Ok(pieces) = attach(engine, "connect to the output of a container", id).await {
                    return Some(pieces);
                }
            }
            Ok(Some(_)) => return None,
            Err(error) if error.may_pass() && gone_since.elapsed() < engine.patience => {}
            Err(_) => return None,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
    }
}

/// How a container ended, once it has. An engine may be gone for a while: a restart of it does not end containers. That its output has ended, as `silent` says, is a hint to look.
///
/// # Errors
/// It is gone, or the engine is, for longer than a restart of it takes.
pub(super) async fn end_of(
    engine: &Engine,
    id: &str,
    silent: &CancellationToken,
) -> Result<Exit, EngineError> {
    let mut gone_since: Option<Instant> = None;
    let mut pause = SHORT_PAUSE;
    loop {
        tokio::select! {
            () = silent.cancelled() => {}
            () = wait_a_while(engine, id) => {}
        }
        match look(engine, id).await {
            Ok(Some(exit)) => return Ok(exit),
            Ok(None) => gone_since = None,
            Err(error) if error.may_pass() => {
                if gone_since.get_or_insert_with(Instant::now).elapsed() >= engine.patience {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
    }
}

/// Until the engine says that the container has ended, or breaks off, or it is time to look.
async fn wait_a_while(engine: &Engine, id: &str) {
    let options = WaitContainerOptions {
        condition: "not-running".to_owned(),
    };
    let mut ended = Box::pin(engine.docker.wait_container(id, Some(options)));
    // Whatever it says, the container is looked at.
    let _ = tokio::time::timeout(LOOK, ended.next()).await;
}

/// How a container ended; none while it runs.
///
/// # Errors
/// The engine does not say.
pub(super) async fn look(engine: &Engine, id: &str) -> Result<Option<Exit>, EngineError> {
    let inspecting = engine
        .docker
        .inspect_container(id, None::<InspectContainerOptions>);
    let state = engine.ask("look at a container", inspecting).await?.state;
    let is_new = |state: &ContainerState| state.status == Some(ContainerStateStatusEnum::CREATED);
    match state.as_ref() {
        Some(state) if is_new(state) => Ok(death_of(engine, id).await),
        state => Ok(state.and_then(exit_of)),
    }
}

/// How a container ended that looks as if it had not begun: where one ends in the moment in which somebody connects to its output, some
/// engines make it ready to run again, and only the event of its end says how that was.
async fn death_of(engine: &Engine, id: &str) -> Option<Exit> {
    let now = SystemClock.now().as_micros() / 1_000_000;
    let filters = [
        ("container", vec![id.to_owned()]),
        ("event", vec!["die".to_owned(), "died".to_owned()]),
    ];
    let options = EventsOptions {
        since: Some(now.saturating_sub(LONGEST_GOAL).to_string()),
        until: Some((now + 1).to_string()),
        filters: Some(filters.map(|(name, values)| (name.to_owned(), values)).into()),
    };
    let mut events = Box::pin(engine.docker.events(Some(options)));
    let first = tokio::time::timeout(engine.patience, events.next()).await;
    let told = first.ok()??.ok()?.actor?.attributes?;
    let code = ["exitCode", "containerExitCode"]
        .iter()
        .find_map(|name| told.get(*name));
    Some(Exit {
        code: code?.parse().ok()?,
        out_of_memory: false,
    })
}

fn exit_of(state: &ContainerState) -> Option<Exit> {
    let has_ended = matches!(
        state.status,
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
    );
    has_ended.then(|| Exit {
        code: state.exit_code.unwrap_or(1),
        out_of_memory: state.oom_killed.unwrap_or(false),
    })
}
