//! What a machine is told of whoever decides about its goals: what else they are known as, so that nobody confirms their own work, or
//! the same twice, under another name (threat D1).
//!
//! It is told with the commands that decide about goals and with no other, to machines that say that they know what it is and that
//! may write goals.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::in_graph::addresses_made_up;
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError};
use crate::wire::hub::extensions;

/// What a machine must have that hears of it.
const SCOPE: &str = "goals:write";

impl Hub {
    /// A message on its way out with what else whoever asked is known as, where it is a decision and the machine may hear of that.
    pub(in super::super) async fn with_names(
        &self,
        delivery: &Delivery,
        machine: &Bearer,
        message: String,
    ) -> Result<String, HubStoreError> {
        let is_decision = delivery.what.kind == DeliveryKind::Command
            && extensions::DECIDING.contains(&delivery.what.operation.as_str());
        if !is_decision || !machine.has(SCOPE) {
            return Ok(message);
        }
        let Some(asked) = self.store().invocation(&delivery.what.correlation).await? else {
            return Ok(message);
        };
        let names = match asked.asked_by.strip_prefix("person:") {
            Some(person) => self.names_of(person).await?,
            None => BTreeSet::new(),
        };
        Ok(with(&message, &names))
    }

    /// Logins of a person at forges, and addresses that are proven to be theirs. What they are called in chats proves nothing.
    async fn names_of(&self, person: &str) -> Result<BTreeSet<String>, HubStoreError> {
        let forges = self.forges_of_people();
        let mut names = BTreeSet::new();
        for identity in self.store().identities(person).await? {
            if let Some(forge) = forges.get(&identity.provider) {
                names.extend(addresses_made_up(forge, &identity));
                names.insert(identity.login);
            }
            names.extend(identity.email);
        }
        names.retain(|name| !name.is_empty());
        Ok(names)
    }
}

fn with(message: &str, names: &BTreeSet<String>) -> String {
    match serde_json::from_str::<serde_json::Value>(message) {
        Ok(mut value) if value.is_object() => {
            value["known_as"] = json!(names);
            value.to_string()
        }
        Ok(_) | Err(_) => message.to_owned(),
    }
}
