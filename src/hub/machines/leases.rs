//! What a machine says of deliveries that it has: that it has stored one, and that it is at work on some (wire protocol 18).

use std::time::Duration;

use serde_json::Value;

use super::super::Hub;
use super::deliver::Session;
use crate::ports::hub::{DeliveryKind, HubStoreError};
use crate::wire::hub::{Control, extensions};

/// Most correlations of one message.
const MOST: usize = 1_000;

/// Longest lease.
const LONGEST: Duration = Duration::from_secs(10 * 60);

impl Hub {
    /// A machine has stored a delivery and sees to it from now on. One that knows leases says from time to time that it does, or
    /// gets an event again.
    pub(super) async fn take_over(&self, session: &Session, correlation: &str) -> Result<(), HubStoreError> {
        let until = self.shared_now().plus(self.rhythm().lease);
        let is_leased = session.knows(extensions::LEASE);
        let stored = is_leased.then(|| (self.now(), until));
        let settled = self.settle_or_leave(session, correlation, stored).await?;
        if let Some(delivery) = settled.filter(|delivery| delivery.what.kind == DeliveryKind::Command)
            && let Some(invocation) = self.store().invocation(&delivery.what.correlation).await?
        {
            self.may_answer(session, &invocation).await?;
        }
        Ok(())
    }

    /// A machine is at work on these, and will say so again or answer.
    pub(super) async fn take_lease(&self, session: &Session, control: &Control) -> Result<(), HubStoreError> {
        let named = control.params.get("correlation_ids").and_then(Value::as_array);
        let named = named.into_iter().flatten().filter_map(Value::as_str).take(MOST);
        let correlations: Vec<String> = named.map(str::to_owned).collect();
        let correlations = self.may_be_at_work_on(session, correlations).await?;
        if correlations.is_empty() {
            return Ok(());
        }
        let millis = control.params.get("millis").and_then(Value::as_u64);
        let lease = millis
            .map_or(self.rhythm().lease, Duration::from_millis)
            .min(LONGEST);
        let (own, now) = (&session.ticket.registrations, self.now());
        let until = self.shared_now().plus(lease);
        self.store().at_work(own, &correlations, now, until).await?;
        let due = now.plus(self.rhythm().answer);
        self.store().prolong(own, &correlations, due).await
    }
}
