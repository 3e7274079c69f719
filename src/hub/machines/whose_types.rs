//! Whose a custom type is: whoever announced it first, for as long as a registration of theirs does. What others announce must be what it is
//! already, unless they may send its objects anyhow (security model 11, 12.1: `ingest:write`, and `feed:TYPE`).

use std::collections::BTreeMap;

use serde_json::json;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::register::unservable;
use crate::access::Resource;
use crate::graph::Schema;
use crate::ports::hub::HubStoreError;
use crate::wire::hub::Registration;

/// Owners of the machines that announce each type, in the order in which they registered.
type Announcers = BTreeMap<String, Vec<String>>;

/// Whose a type is that is noted as `noted`.
fn owner_of<'a>(name: &str, noted: Option<&'a str>, announcers: &'a Announcers) -> Option<&'a str> {
    let all = announcers.get(name)?;
    let is_there = |owner: &&str| all.iter().any(|other| other == owner);
    noted.filter(is_there).or_else(|| all.first().map(String::as_str))
}

/// A type is somebody else's.
fn anothers(name: &str) -> Refusal {
    let message = format!(
        "the custom type `{name}` is another add-on's, whose machine announced it first: announce it as it is, or under another name"
    );
    Refusal::forbidden("insufficient_permission", message).with(json!({
        "operation": Operation::Register.row().name,
        "required_permission": {"resource": format!("feed:{name}"), "level": "write"},
        "who_can_fix": "an administrator, by `ingest:write` and a grant on the feed",
    }))
}

impl Hub {
    /// Whether a registration changes only types that are its owner's, or that they may change; new ones are theirs from now on.
    ///
    /// # Errors
    /// A type is somebody else's, or the memory does not answer.
    pub(super) async fn may_define(
        &self,
        caller: &Caller,
        registration: &Registration,
    ) -> Result<(), Refusal> {
        for workspace in &registration.team_ids {
            let changed = self.known().types_changed_by(workspace, registration);
            let changed = changed.map_err(|problem| unservable(&problem))?;
            if !changed.is_empty() {
                self.may_change_types(caller, workspace, &changed).await?;
            }
        }
        Ok(())
    }

    async fn may_change_types(
        &self,
        caller: &Caller,
        workspace: &str,
        changed: &[String],
    ) -> Result<(), Refusal> {
        let announcers = self.announcers(workspace).await?;
        let mut noted = self.store().type_owners(workspace).await?;
        for name in changed {
            let before = noted.remove(name);
            match owner_of(name, before.as_deref(), &announcers) {
                Some(owner) if owner != caller.owner() => {
                    let feed = [Resource::Feed(name.clone())];
                    caller
                        .may_on(Operation::IngestCustom, workspace, &feed)
                        .map_err(|_| anothers(name))?;
                }
                Some(_) | None => {
                    self.take_type(caller, (workspace, name), before.as_deref())
                        .await?;
                }
            }
        }
        // What nobody announces any more is nobody's.
        for (name, owner) in noted {
            if !announcers.contains_key(&name) {
                self.store().disown_type((workspace, &name), &owner).await?;
            }
        }
        Ok(())
    }

    async fn take_type(
        &self,
        caller: &Caller,
        (workspace, name): (&str, &str),
        before: Option<&str>,
    ) -> Result<(), Refusal> {
        if before == Some(caller.owner()) {
            return Ok(());
        }
        let own = self.store().own_type((workspace, name), caller.owner(), before);
        match own.await? {
            true => Ok(()),
            false => Err(Refusal::busy(
                "another machine announces the same custom type now",
                1,
            )),
        }
    }

    async fn announcers(&self, workspace: &str) -> Result<Announcers, HubStoreError> {
        let machines = self.known().machines();
        let mut announcers = Announcers::new();
        for machine in machines.all() {
            let ingesters = &machine.registration.ingesters;
            if machine.stored.workspace != workspace || ingesters.is_empty() {
                continue;
            }
            // Another replica may be the only one that has seen its key.
            self.bearer_for(&machine.stored.principal, self.now()).await?;
            let Some(owner) = self.rights().owner_of(&machine.stored.principal) else {
                continue;
            };
            for name in ingesters.iter().flat_map(|text| Schema::named_in(text)) {
                announcers.entry(name).or_default().push(owner.clone());
            }
        }
        Ok(announcers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_its_first_announcers_for_as_long_as_they_announce_it() {
        let announcers: Announcers =
            [("T".to_owned(), vec!["addon:b".to_owned(), "addon:a".to_owned()])].into();
        assert_eq!(
            owner_of("T", Some("addon:a"), &announcers),
            Some("addon:a"),
            "it came again since"
        );
        assert_eq!(owner_of("T", Some("addon:gone"), &announcers), Some("addon:b"));
        assert_eq!(owner_of("T", None, &announcers), Some("addon:b"));
        assert_eq!(owner_of("U", Some("addon:a"), &announcers), None);
    }
}
