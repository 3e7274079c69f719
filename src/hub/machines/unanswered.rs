//! Events that a machine has and does not answer for (wire protocol 12).
//!
//! After its time an event comes again, as the same delivery: the machine may have died over it and be back, or its answer may be
//! lost. A goal is told of again only while nobody has begun with it, and a task of a job never: both would be done twice.

use serde_json::{Value, json};

use super::super::Hub;
use crate::model::Timestamp;
use crate::ports::graph::{Filter, Find};
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError};

/// Most that are looked at in one round.
const AT_ONCE: u32 = 200;

/// Names by which a goal is found.
const NAMES: [&str; 2] = ["goalSetId", "uniqueName"];

impl Hub {
    /// Lets come again what was not answered in time, or gives it up.
    pub(super) async fn look_at_unanswered(&self, now: Timestamp) -> Result<(), HubStoreError> {
        let overdue = self.store().overdue_deliveries(now, AT_ONCE).await?;
        for Delivery { what, .. } in &overdue {
            if self
                .may_come_again(&what.workspace, what.kind, &what.payload)
                .await?
            {
                let expires = now.plus(what.patience);
                let limits = self.limits();
                self.store().come_again(&what.id, now, expires, limits).await?;
            } else {
                let because = "no answer came in time";
                self.store().give_up(&what.id, now, because).await?;
            }
        }
        if !overdue.is_empty() {
            self.ring();
        }
        Ok(())
    }

    async fn may_come_again(
        &self,
        workspace: &str,
        kind: DeliveryKind,
        payload: &str,
    ) -> Result<bool, HubStoreError> {
        let payload: Value = serde_json::from_str(payload).unwrap_or_default();
        let (goal, task) = (&payload["data"]["SdmGoal"][0], &payload["data"]["AtmJobTask"]);
        match kind {
            DeliveryKind::Command => Ok(false),
            DeliveryKind::Event if !task.is_null() => Ok(false),
            DeliveryKind::Event if goal["state"] == json!("requested") => {
                self.is_still_requested(workspace, goal).await
            }
            DeliveryKind::Event => Ok(true),
        }
    }

    /// Whether nobody has begun with a goal.
    async fn is_still_requested(&self, workspace: &str, goal: &Value) -> Result<bool, HubStoreError> {
        if NAMES.iter().any(|name| !goal[*name].is_string()) {
            return Ok(false);
        }
        let known = NAMES.iter().chain(&["environment", "state"]);
        let known = known.filter(|name| goal[**name].is_string());
        let filters = known.map(|name| Filter {
            field: (*name).to_owned(),
            any_of: vec![goal[*name].clone()],
        });
        let find = Find {
            kind: "SdmGoal".to_owned(),
            filters: filters.collect(),
            first: 1,
            ..Find::default()
        };
        Ok(!self.store().reader(workspace).find(&find).await?.is_empty())
    }
}
