//! Events that a machine has and does not answer for (wire protocol 12).
//!
//! After its time an event comes again, as the same delivery: the machine may have died over it and be back, or its answer may be
//! lost. It does not where it would visibly be done twice: a goal is told of again only while nobody has begun with it, a push while
//! the machine has set no goals on it, and a task of a job never.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Hub;
use super::super::goals::whose::set_by;
use crate::model::Timestamp;
use crate::ports::graph::{Filter, Find, Node};
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, NewDelivery};

/// Most that are looked at in one round.
const AT_ONCE: u32 = 200;

/// Names by which a goal is found, one of them at least: a machine need not ask for all.
const NAMES: [&str; 3] = ["goalSetId", "uniqueName", "name"];

/// What else it must be like.
const BESIDE: [&str; 5] = ["environment", "state", "sha", "branch", "goalSet"];

/// What a machine sets on a push.
const SET_ON_PUSHES: [&str; 2] = ["SdmGoalSet", "SdmGoal"];

/// Most of each that are looked at.
const MOST_SET: u32 = 200;

/// How far the clocks of machines may be behind. A branch may come back to a commit on which goals were set long before.
const BEHIND: Duration = Duration::from_secs(5 * 60);

impl Hub {
    /// Lets come again what was not answered in time, or gives it up.
    pub(super) async fn look_at_unanswered(&self, now: Timestamp) -> Result<(), HubStoreError> {
        let overdue = self.store().overdue_deliveries(now, AT_ONCE).await?;
        for Delivery { what, .. } in &overdue {
            if self.may_come_again(what).await? {
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

    /// Whether a machine that had this may be told of it again.
    pub(super) async fn may_come_again(&self, what: &NewDelivery) -> Result<bool, HubStoreError> {
        let payload: Value = serde_json::from_str(&what.payload).unwrap_or_default();
        let (goal, push) = (&payload["data"]["SdmGoal"][0], &payload["data"]["Push"][0]);
        match what.kind {
            DeliveryKind::Command => Ok(false),
            DeliveryKind::Event if !payload["data"]["AtmJobTask"].is_null() => Ok(false),
            DeliveryKind::Event if goal["state"] == json!("requested") => {
                self.is_still_requested(&what.workspace, goal).await
            }
            DeliveryKind::Event => Ok(!self.is_planned(what, push).await?),
        }
    }

    /// Whether nobody has begun with a goal: one that is as its machine was told of it, by whichever names that
    /// asks for, is still requested.
    async fn is_still_requested(&self, workspace: &str, goal: &Value) -> Result<bool, HubStoreError> {
        if NAMES.iter().all(|name| !goal[*name].is_string()) {
            return Ok(false);
        }
        let told = NAMES
            .iter()
            .chain(&BESIDE)
            .filter(|name| goal[**name].is_string());
        let filters = told.map(|name| Filter {
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

    /// Whether the machine that was told of a push has set goals on it since.
    async fn is_planned(&self, what: &NewDelivery, push: &Value) -> Result<bool, HubStoreError> {
        let machines = self.known().machines();
        let (Some(id), Some(machine)) = (push["id"].as_str(), machines.by_id(&what.registration)) else {
            return Ok(false);
        };
        let graph = self.store().reader(&what.workspace);
        let found = graph.nodes("Push", &[id.to_owned()]).await?;
        let Some(push) = found.first() else {
            return Ok(false);
        };
        let since = what.created.minus(BEHIND);
        for kind in SET_ON_PUSHES {
            let set = graph.linking(kind, "push", &push.keys, MOST_SET).await?;
            if set
                .iter()
                .any(|node| is_set_by(node, &machine.stored.name, since))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether this machine has set this, and not before then.
fn is_set_by(node: &Node, machine: &str, since: Timestamp) -> bool {
    let moment = node.body.get("ts").and_then(Value::as_i64);
    set_by(node) == Some(machine) && moment.is_none_or(|millis| millis >= since.as_micros() / 1_000)
}
