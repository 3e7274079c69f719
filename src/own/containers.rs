//! `own containers`: drives a container engine for a goal (semantics 4.5).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{complain, read_order};
use crate::exec::containers::carry_out;
use crate::ports::containers::ContainerOrder;

/// Carries out the order; TERM and its like end the containers with grace.
pub(super) fn run(path: &Path) -> ExitCode {
    let order: ContainerOrder = match read_order(path) {
        Ok(order) => order,
        Err(error) => return complain(&format!("failed to read which containers to run: {error}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("failed to begin: {error}")),
    };
    let contract: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let code = runtime.block_on(async {
        match signals() {
            Ok(signals) => Ok(carry_out(&order, &contract, any_of(signals)).await),
            Err(error) => Err(error),
        }
    });
    match code {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => complain(&format!("failed to hear signals: {error}")),
    }
}

/// Heard from here on, so that none is missed while nobody waits yet.
fn signals() -> std::io::Result<Vec<Signal>> {
    [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ]
    .into_iter()
    .map(signal)
    .collect()
}

async fn any_of(signals: Vec<Signal>) {
    let waiting = signals
        .into_iter()
        .map(|mut signal| Box::pin(async move { signal.recv().await }));
    futures_util::future::select_all(waiting).await;
}
