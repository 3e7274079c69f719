//! What waits for a version of a machine that another one has taken the place of (wire protocol 12).
//!
//! The last registration of a name is served and the others get nothing more, so that what waited for them would wait for ever. It goes
//! over to the one that is served where that has the same subscription to the same type, or the same command, and is given up where it
//! has not. What waits for a durable version stays while an ephemeral one is in its place: that is gone some day, and then the durable
//! one is served again.

use std::sync::Arc;

use serde_json::Value;

use super::super::Hub;
use super::all_machines::AllMachines;
use super::known::Machine;
use crate::ports::hub::{DeliveryKind, HubStoreError, NewDelivery};
use crate::wire::hub::PolicyName;
use crate::wire::hub::completion::COMPLETE;

/// Most of one registration in one round.
const AT_ONCE: u32 = 200;

/// Why something is given up.
const NOT_WAITED_FOR: &str = "the version of its machine that is served now does not wait for it";

/// The machine that is served in place of a registration, for good.
fn successor<'m>(machines: &'m AllMachines, registration: &str) -> Option<&'m Arc<Machine>> {
    let (before, served) = (
        machines.by_id(registration)?,
        machines.served_instead_of(registration)?,
    );
    let policies = (before.stored.policy, served.stored.policy);
    let comes_back = policies == (PolicyName::Durable, PolicyName::Ephemeral);
    (served.stored.id != registration && !comes_back).then_some(served)
}

/// Whether a machine waits for something like this.
fn waits_for(machine: &Machine, what: &NewDelivery) -> bool {
    match what.kind {
        DeliveryKind::Command => {
            let mut commands = machine.registration.commands.iter();
            // It is announced by no machine.
            what.operation == COMPLETE || commands.any(|command| command.name == what.operation)
        }
        DeliveryKind::Event => {
            let payload: Value = serde_json::from_str(&what.payload).unwrap_or_default();
            let mut standing = machine.standing.iter();
            standing
                .any(|one| one.operation == what.operation && payload["data"].get(&one.root.name).is_some())
        }
    }
}

fn ids<'w>(waiting: &[&'w NewDelivery]) -> Vec<&'w str> {
    waiting.iter().map(|what| what.id.as_str()).collect()
}

impl Hub {
    /// Lets what waits for versions that are served no more wait for those that are, or gives it up.
    pub(super) async fn carry_over(&self) -> Result<(), HubStoreError> {
        let machines = self.known().machines();
        let mut has_given_up = false;
        for registration in self.store().waited_for().await? {
            if let Some(served) = successor(&machines, &registration) {
                has_given_up |= self.carry_over_to(served, &registration).await?;
            }
        }
        match has_given_up {
            true => self.end_given_up_commands().await,
            false => Ok(()),
        }
    }

    /// The same from one registration; whether something was given up.
    async fn carry_over_to(&self, served: &Machine, from: &str) -> Result<bool, HubStoreError> {
        let waiting = self.store().what_waits_for(from, AT_ONCE).await?;
        let (fitting, others): (Vec<&NewDelivery>, Vec<&NewDelivery>) =
            waiting.iter().partition(|what| waits_for(served, what));
        let (fitting, others) = (ids(&fitting), ids(&others));
        let carried = self.store().carry_over(&fitting, from, &served.stored.id).await?;
        let given_up = self
            .store()
            .give_up_waiting(&others, from, NOT_WAITED_FOR)
            .await?;
        let (machine, version) = (&served.stored.name, &served.stored.version);
        tracing::info!(%machine, %version, carried, given_up, "what waited for another version of a machine waits for this one");
        self.ring();
        Ok(given_up > 0)
    }
}
