//! Tells machines that settings have changed that all of a workspace share (wire protocol 18), so that they ask when there is something
//! new, and seldom otherwise. It is a hint: what is lost is found at a machine's next look.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::super::Hub;
use super::super::changes::Change;
use crate::ports::hub::Hint;
use crate::wire::hub::Control;
use crate::wire::hub::extensions::{SETTINGS, SHARED_SETTINGS};

/// Between two times that machines are told; changes meanwhile are one.
const PAUSE: Duration = Duration::from_millis(500);

/// Machines that are let ask within a second.
const A_SECOND: u64 = 500;

/// Workspaces whose settings have changed since their machines were told.
#[derive(Debug, Default)]
pub(in super::super) struct ChangedSettings(watch::Sender<BTreeSet<String>>);

impl ChangedSettings {
    /// Those of a workspace have, here or at another replica.
    pub(in super::super) fn of(&self, workspace: &str) {
        self.0.send_modify(|changed| {
            changed.insert(workspace.to_owned());
        });
    }
}

/// Whether a change is one of a setting that machines share.
pub(in super::super) fn is_shared_setting(change: &Change) -> bool {
    let name = change.node.id().strip_prefix(SHARED_SETTINGS);
    change.node.kind == "TeamConfiguration" && name.is_some_and(|name| name.starts_with('/'))
}

/// Over how long so many machines are spread.
fn spread(machines: usize) -> Duration {
    let machines = u64::try_from(machines).unwrap_or(u64::MAX);
    Duration::from_millis(machines.saturating_mul(1_000) / A_SECOND)
}

impl Hub {
    /// Settings of a workspace have changed: its machines are told soon, here and at the other replicas.
    pub(in super::super) fn tell_of_settings(&self, workspace: &str) {
        self.changed_settings().of(workspace);
        self.whispers().tell(Hint::Settings(workspace.to_owned()));
    }

    /// Tells machines of changes, until the hub stops.
    pub(in super::super) async fn tell_settings(&self) {
        let stop = self.tasks().stop_token();
        let mut changed = self.changed_settings().0.subscribe();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changed.wait_for(|changed| !changed.is_empty()) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            for workspace in self.changed_settings().0.send_replace(BTreeSet::new()) {
                self.tell_machines_of_settings(&workspace);
            }
        }
    }

    /// Tells those machines of a workspace that are connected here and want to know.
    fn tell_machines_of_settings(&self, workspace: &str) {
        let machines = self.known().machines();
        let here = machines.all().into_iter();
        let here = here.filter(|machine| machine.stored.workspace == workspace);
        let here: HashSet<&str> = here.map(|machine| machine.stored.id.as_str()).collect();
        let mut sessions = self.sessions().all();
        sessions.retain(|session| {
            let mut own = session.ticket.registrations.iter();
            session.knows(SETTINGS) && own.any(|id| here.contains(id.as_str()))
        });
        let millis = u64::try_from(spread(sessions.len()).as_millis()).unwrap_or(u64::MAX);
        let control = Control::named(SETTINGS)
            .with("workspace", workspace)
            .with("spread_millis", millis);
        let text = json!({ "control": control }).to_string();
        for session in sessions {
            session.try_say(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pf_01_only_settings_of_all_machines_are_told_of() {
        let of = |kind: &str, id: &str| is_shared_setting(&Change::gone(kind, id.to_owned()));
        assert!(of("TeamConfiguration", "@atomist.global/region"));
        assert!(!of("TeamConfiguration", "@atomist.global"));
        assert!(!of("TeamConfiguration", "@atomist.globally/region"));
        assert!(!of("TeamConfiguration", "own/region") && !of("Repo", "@atomist.global/region"));
    }

    #[test]
    fn g5_many_machines_do_not_ask_at_once() {
        assert_eq!(spread(1), Duration::from_millis(2));
        assert_eq!(spread(10_000), Duration::from_secs(20));
    }
}
