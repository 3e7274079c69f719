//! Commands that nobody answers: a machine that was away, or that had one and died, must not leave whoever asked waiting for ever
//! (wire protocol 3.5, 12).

use std::time::Duration;

use super::super::Hub;
use super::super::machines::deliver::Session;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, DeliveryKind, Hint, HubStoreError, Overdue, Phase, StoredInvocation};
use crate::wire::hub::{Envelope, Status, StatusReport, Team};

/// Most that are ended at once.
const AT_ONCE: u32 = 200;

impl Hub {
    /// Whoever should say something about an invocation of this conversation has so long from now on.
    pub(in super::super) async fn give_time(
        &self,
        session: &Session,
        invocation: &str,
        time: Duration,
    ) -> Result<(), HubStoreError> {
        let (own, due) = (&session.ticket.registrations, self.now().plus(time));
        self.store().prolong(own, &[invocation.to_owned()], due).await
    }

    /// Commands among these deliveries are with their machine now, which has its time from here on.
    pub(in super::super) async fn commands_are_sent(
        &self,
        session: &Session,
        sent: &[&Delivery],
    ) -> Result<(), HubStoreError> {
        let commands = sent
            .iter()
            .filter(|delivery| delivery.what.kind == DeliveryKind::Command);
        for command in commands {
            let invocation = &command.what.correlation;
            self.give_time(session, invocation, self.rhythm().answer).await?;
            self.tell_whoever_waits(invocation);
        }
        Ok(())
    }

    /// Whoever waits for news of this looks again.
    pub(in super::super) fn tell_whoever_waits(&self, of: &str) {
        self.whispers().something_was_said(of);
        self.whispers().tell(Hint::Said(of.to_owned()));
    }

    /// Ends commands whose time is over by then, or whose delivery was given up. An answer that comes later changes nothing.
    pub(in super::super) async fn end_unanswered_commands(
        &self,
        over: Timestamp,
    ) -> Result<(), HubStoreError> {
        let old = over.minus(self.rhythm().answer);
        self.end_all(self.store().overdue(over, old, AT_ONCE).await?)
            .await
    }

    /// Ends commands whose delivery was given up, and no others.
    pub(in super::super) async fn end_given_up_commands(&self) -> Result<(), HubStoreError> {
        let never = Timestamp::from_micros(0);
        self.end_all(self.store().overdue(never, never, AT_ONCE).await?)
            .await
    }

    async fn end_all(&self, all: Vec<Overdue>) -> Result<(), HubStoreError> {
        for overdue in all {
            let (invocation, because) = (&overdue.invocation, reason(&overdue));
            if self.end_because(invocation, &because).await? {
                tracing::info!(invocation = %invocation.id, command = %invocation.command, "{because}");
            }
        }
        Ok(())
    }

    /// Ends a command as if its machine had said that it fails because of this; whether it had not ended before.
    pub(super) async fn end_because(
        &self,
        invocation: &StoredInvocation,
        because: &str,
    ) -> Result<bool, HubStoreError> {
        let answer = failure_because(invocation, because.to_owned());
        self.forget_told(invocation).await?;
        let has_ended = self.store().unanswered(invocation, &answer, self.now()).await?;
        if has_ended {
            self.note_came_of(invocation, Phase::Failure, &answer).await;
            self.tell_whoever_waits(&invocation.id);
        }
        Ok(has_ended)
    }
}

/// The answer of a command that its machine never hears of.
fn failure_because(invocation: &StoredInvocation, because: String) -> String {
    serde_json::to_string(&failure(invocation, because)).expect("a status has text keys only")
}

/// As if the machine had said it.
fn failure(invocation: &StoredInvocation, reason: String) -> StatusReport {
    StatusReport {
        envelope: Envelope {
            correlation_id: invocation.id.clone(),
            team: Team {
                id: invocation.workspace.clone(),
                ..Team::default()
            },
            command: Some(invocation.command.clone()),
            ..Envelope::default()
        },
        status: Status { code: 1, reason },
    }
}

fn reason(overdue: &Overdue) -> String {
    if !overdue.because.is_empty() {
        return overdue.because.clone();
    }
    let reason = match overdue.invocation.phase {
        Phase::Pending => "no machine was there in time",
        Phase::Asking => "nobody said in time what the machine asked for",
        Phase::Running | Phase::Success | Phase::Failure => {
            "the machine has not answered in time; what it was asked for may have happened"
        }
    };
    reason.to_owned()
}
