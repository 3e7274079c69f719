//! What was done at the hub's computer, beside the hub, on its way into the audit log (security model 16).
//!
//! Each of it is kept with its change until a hub has written it down, and stands in the log under an id of its own, so that it
//! stands there once: a hub that runs finds by it whose doing a change is that it notices, and one that starts writes down what
//! was done meanwhile, but for what it had written when it ended.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::console::NOTICED;
use super::audit::AuditError;
use super::audit_search::written;
use super::noted::Noted;
use super::rights::Rights;
use crate::access::Resource;
use crate::access::audit::{Change, Details, Outcome};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{HubStore, HubStoreError};

/// What was done so long ago when it is written down says when it was.
const LATE: Duration = Duration::from_secs(60);

/// How far clocks may be apart where the log is searched.
const APART: Duration = Duration::from_secs(24 * 3_600);

/// What was done lately.
#[derive(Debug, Default)]
pub(super) struct Beside(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    deeds: Vec<ConsoleDeed>,
    /// Ids of those that this hub has dealt with.
    used: BTreeSet<String>,
    /// Ids of those that it has written down, and not said so yet.
    written: Vec<String>,
}

impl Heard {
    fn is_open(&self, deed: &ConsoleDeed) -> bool {
        !self.used.contains(&deed.id)
    }
}

impl Beside {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is new, and forgets what was written down before a moment. Whoever asked earlier may come later, and takes nothing away.
    fn hear(&self, deeds: Vec<ConsoleDeed>, forgotten: Timestamp) {
        let mut heard = self.lock();
        let Heard {
            deeds: known, used, ..
        } = &mut *heard;
        for deed in deeds {
            match known.iter_mut().find(|known| known.id == deed.id) {
                Some(known) => known.is_told |= deed.is_told,
                None => known.push(deed),
            }
        }
        known.retain(|deed| !deed.is_told || deed.done >= forgotten);
        known.sort_by(|one, other| (one.done, &one.id).cmp(&(other.done, &other.id)));
        used.retain(|id| known.iter().any(|deed| deed.id == *id));
    }

    /// Ids of those that are still to be dealt with.
    fn open(&self) -> BTreeSet<String> {
        let heard = self.lock();
        let open = heard.deeds.iter().filter(|deed| heard.is_open(deed));
        open.map(|deed| deed.id.clone()).collect()
    }

    /// Takes the one that is this, if somebody at the console has done it.
    fn take(&self, noted: &Noted) -> Option<ConsoleDeed> {
        self.take_first(|deed| deed.operation == noted.operation && deed.said == noted.said)
    }

    fn take_first(&self, is_it: impl Fn(&ConsoleDeed) -> bool) -> Option<ConsoleDeed> {
        let mut heard = self.lock();
        let mut open = heard.deeds.iter().filter(|deed| heard.is_open(deed));
        let found = open.find(|deed| is_it(deed)).cloned()?;
        heard.used.insert(found.id.clone());
        Some(found)
    }

    fn use_up(&self, ids: impl IntoIterator<Item = String>) {
        self.lock().used.extend(ids);
    }

    fn wrote(&self, id: String) {
        self.lock().written.push(id);
    }

    fn told(&self, ids: &[String]) {
        let mut heard = self.lock();
        heard.written.retain(|id| !ids.contains(id));
        let told = heard.deeds.iter_mut().filter(|deed| ids.contains(&deed.id));
        told.for_each(|deed| deed.is_told = true);
    }
}

impl Rights {
    /// Hears what was done at the console. To be heard after what it changes was read, and before that is noticed.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn hear_console(
        &self,
        store: &dyn HubStore,
        now: Timestamp,
    ) -> Result<(), HubStoreError> {
        if self.audit().is_some() {
            let forgotten = now.minus(NOTICED);
            let deeds = store.console_deeds(forgotten).await?;
            self.beside().hear(deeds, forgotten);
        }
        Ok(())
    }

    /// The same before what it changes is looked at: what of these is not noticed then is not to be noticed at all, because it was
    /// undone at once or was done while no hub ran.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn done_so_far(
        &self,
        store: &dyn HubStore,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, HubStoreError> {
        self.hear_console(store, now).await?;
        Ok(self.beside().open())
    }

    /// Writes something down, if somebody at the console has done it.
    pub(super) fn is_beside(&self, noted: &Noted, policy_version: u64, now: Timestamp) -> bool {
        match self.beside().take(noted) {
            Some(deed) => {
                self.write_deed(deed, policy_version, now);
                true
            }
            None => false,
        }
    }

    /// Writes down what is left of these and no other hub has written, and says of all that were written that they are.
    ///
    /// # Errors
    /// The memory does not answer, or the log cannot be written; then it is said the next time.
    pub(in super::super) async fn tell_rest(
        &self,
        store: &dyn HubStore,
        done: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<(), HubStoreError> {
        while let Some(deed) = self.beside().take_first(|deed| done.contains(&deed.id)) {
            if !deed.is_told {
                self.write_deed(deed, self.policy_version(), now);
            }
        }
        let written = self.beside().lock().written.clone();
        let Some(audit) = self.audit().filter(|_| !written.is_empty()) else {
            return Ok(());
        };
        audit.sync().map_err(|source| HubStoreError {
            doing: "write the audit log",
            source: Box::new(source),
        })?;
        store.console_deeds_told(&written, now.minus(NOTICED)).await?;
        self.beside().told(&written);
        Ok(())
    }

    /// What a hub that starts has written down before it ended is not written again, and what others have is not either.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(in super::super) fn know_what_was_written(&self) -> Result<(), AuditError> {
        let Some(audit) = self.audit() else {
            return Ok(());
        };
        let deeds = self.beside().lock().deeds.clone();
        let (told, open): (Vec<_>, Vec<_>) = deeds.into_iter().partition(|deed| deed.is_told);
        self.beside().use_up(told.into_iter().map(|deed| deed.id));
        let Some(oldest) = open.iter().map(|deed| deed.done).min() else {
            return Ok(());
        };
        let ids: BTreeSet<&str> = open.iter().map(|deed| deed.id.as_str()).collect();
        let path = audit.path();
        let found = written(&path, &ids, oldest.minus(APART));
        let found = found.map_err(|source| AuditError::Open { path, source })?;
        for id in found {
            self.beside().use_up([id.clone()]);
            self.beside().wrote(id);
        }
        Ok(())
    }

    fn write_deed(&self, deed: ConsoleDeed, policy_version: u64, now: Timestamp) {
        let Some(audit) = self.audit() else {
            return;
        };
        let said = match now.since(deed.done) > LATE {
            true => format!("{}: {}", deed.done.rfc3339(), deed.said),
            false => deed.said,
        };
        let resource = Resource::parse(&deed.resource).unwrap_or(Resource::Workspace);
        let change = Change {
            principal: &deed.who,
            operation: &deed.operation,
            resource: &resource,
            outcome: Outcome::Done,
            said: &said,
        };
        let details = Details {
            request_id: Some(deed.id.clone()),
            policy_version,
            done: Some(deed.done),
            ..Details::default()
        };
        if audit.note_change(&change, &details, now) {
            self.beside().wrote(deed.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(id: &str, said: &str, is_told: bool) -> ConsoleDeed {
        ConsoleDeed {
            id: id.to_owned(),
            operation: "person.role".to_owned(),
            resource: "workspace".to_owned(),
            said: said.to_owned(),
            who: "console:olga (uid 1000)".to_owned(),
            done: Timestamp::from_micros(5),
            is_told,
        }
    }

    #[test]
    fn what_was_done_is_taken_for_a_change_once_and_in_its_order() {
        let beside = Beside::default();
        let noted = Noted::done("anonymous", "person.role", "ada is admin".to_owned());
        let all = || {
            vec![
                deed("1", "ada is admin", false),
                deed("2", "ada is member", false),
                deed("3", "ada is admin", true),
            ]
        };
        let long_ago = Timestamp::from_micros(0);
        beside.hear(all(), long_ago);
        let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(beside.open(), ids(&["1", "2", "3"]));
        assert_eq!(beside.take(&noted).unwrap().id, "1");
        beside.hear(all(), long_ago);
        assert_eq!(beside.open(), ids(&["2", "3"]), "hearing it again is no news");
        beside.hear(Vec::new(), long_ago);
        assert_eq!(beside.open(), ids(&["2", "3"]), "nor is what others knew earlier");
        assert_eq!(
            beside.take(&noted).unwrap().id,
            "3",
            "another hub has written it in its own log"
        );
        assert_eq!(beside.take(&noted), None);
        beside.told(&["1".to_owned()]);
        beside.hear(Vec::new(), Timestamp::from_micros(10));
        assert_eq!(
            beside.open(),
            ids(&["2"]),
            "what was not written down is not forgotten"
        );
    }
}
