//! One run of a machine at a time: a copied state directory is refused as long as the other one is there, and both are told
//! (threat G6).

use std::time::Duration;

use serde_json::json;

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::ports::hub::Run;
use crate::wire::hub::{Control, Instance, extensions};

/// How long a run that has registered keeps others away until it opens its websocket. One that was killed in between delays its next
/// start by no more.
pub(super) const OPENING: Duration = Duration::from_secs(15);

/// Longest id.
const LONGEST: usize = 64;

/// The run that a machine says it is.
///
/// # Errors
/// There can be no such run.
pub(super) fn run_of(owner: &str, instance: &Instance) -> Result<Run, Refusal> {
    if instance.id.len() > LONGEST || instance.run.len() > LONGEST {
        return Err(Refusal::bad(
            "invalid_registration",
            "there can be no such instance",
        ));
    }
    Ok(Run {
        owner: owner.to_owned(),
        instance: instance.id.clone(),
        id: instance.run.clone(),
    })
}

impl Hub {
    /// Another run of a machine is there; both are told.
    pub(super) fn is_twin(&self, run: &Run, machine: &str) -> Refusal {
        let owner = &run.owner;
        tracing::warn!(%machine, %owner, "a second machine with the same state directory has tried to register; it is refused");
        self.tell_twin(run);
        let message = "another machine with a copy of this state directory is there";
        Refusal::conflict(message).with(json!({"code": extensions::SAME_IDENTITY}))
    }

    /// Tells those who are there that somebody else has come as them.
    fn tell_twin(&self, run: &Run) {
        let is_twin = |other: &Run| other.owner == run.owner && other.instance == run.instance;
        for session in self.sessions().all() {
            if session.ticket.run.as_ref().is_some_and(is_twin) {
                let control = Control::named(extensions::TWIN);
                session.try_say(json!({ "control": control }).to_string());
            }
        }
    }
}
