//! `own containers`: drives a container engine for a goal (semantics 4.5).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{complain, read_order};
use crate::exec::containers::{Carried, carry_out, handed_over};
use crate::ports::containers::{ContainerOrder, RegistryLogin};

/// Carries out the order; TERM and its like end the containers with grace.
pub(super) fn run(path: &Path) -> ExitCode {
    let order: ContainerOrder = match read_order(path) {
        Ok(order) => order,
        Err(error) => return complain(&format!("failed to read which containers to run: {error}")),
    };
    match Driver::new() {
        Ok(mut driver) => ExitCode::from(u8::try_from(driver.carry_out(&order).code).unwrap_or(u8::MAX)),
        Err(error) => complain(&format!("failed to begin: {error}")),
    }
}

/// Drives an engine, for one order after the other.
pub(super) struct Driver {
    runtime: Runtime,
    /// Heard from the beginning on, so that none is missed while nobody waits.
    signals: Vec<Signal>,
    contract: BTreeMap<String, String>,
    logins: Vec<RegistryLogin>,
}

impl Driver {
    /// With what this process was started with.
    ///
    /// # Errors
    /// Signals cannot be heard, or what was handed over cannot be read.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let signals = {
            let _inside = runtime.enter();
            signals()?
        };
        let contract: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            logins: handed_over(&contract)?,
            runtime,
            signals,
            contract,
        })
    }

    /// Carries out an order, until it has ended or we are told to end.
    pub(super) fn carry_out(&mut self, order: &ContainerOrder) -> Carried {
        let told = (&self.contract, self.logins.as_slice());
        let carrying_out = carry_out(order, told, any_of(&mut self.signals));
        self.runtime.block_on(carrying_out)
    }
}

fn signals() -> io::Result<Vec<Signal>> {
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

async fn any_of(signals: &mut [Signal]) {
    let waiting = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(waiting).await;
}
