//! One run of a machine at a time: a copied state directory is refused as long as the other one is there, and both are told
//! (threat G6).

use std::time::Duration;

use serde_json::json;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::deliver::Session;
use crate::ports::hub::{HubStoreError, Run};
use crate::wire::hub::{Control, Instance, extensions};

/// How long a run that has registered keeps others away until it opens its websocket. One that was killed in between delays its next
/// start by no more.
const OPENING: Duration = Duration::from_secs(15);

/// Longest id.
const LONGEST: usize = 64;

impl Hub {
    /// Makes a run the one that counts.
    ///
    /// # Errors
    /// Another one of the same machine is there.
    pub(super) async fn claim(
        &self,
        owner: &str,
        instance: &Instance,
        machine: &str,
    ) -> Result<Run, Refusal> {
        if instance.id.len() > LONGEST || instance.run.len() > LONGEST {
            return Err(Refusal::bad(
                "invalid_registration",
                "there can be no such instance",
            ));
        }
        let run = Run {
            owner: owner.to_owned(),
            instance: instance.id.clone(),
            id: instance.run.clone(),
        };
        let now = self.shared_now();
        if self.store().claim_run(&run, now, now.plus(OPENING)).await? {
            return Ok(run);
        }
        tracing::warn!(%machine, %owner, "a second machine with the same state directory has tried to register; it is refused");
        self.tell_twin(&run);
        let message = "another machine with a copy of this state directory is there";
        Err(Refusal::conflict(message).with(json!({"code": extensions::SAME_IDENTITY})))
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

    /// A conversation has begun.
    pub(super) async fn run_lives(&self, session: &Session) -> Result<(), HubStoreError> {
        match &session.ticket.run {
            Some(run) => {
                let until = self.shared_now().plus(self.rhythm().linger);
                self.store().keep_run(run, &session.id, until).await
            }
            None => Ok(()),
        }
    }
}
