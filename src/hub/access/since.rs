//! What has changed since a hub looked, for the audit log: whoever notices it first writes it down, whosesoever requests it were. Each
//! change is kept with the request that made it, so that of several that are noticed at once each is its own.

use super::super::console;
use super::audit::AuditLog;
use super::held::Held;
use super::noted::{Noted, noted};
use super::rights::Rights;
use crate::access::audit::{Details, Outcome};
use crate::access::{Operation, Resource};
use crate::model::Timestamp;
use crate::ports::rights::{StoredDeed, StoredNote};

/// What is kept of what somebody does, in the words of the audit log.
pub(super) fn kept(noted: &[Noted]) -> Vec<StoredNote> {
    let kept = |noted: &Noted| StoredNote {
        by: noted.by.clone(),
        operation: noted.operation.to_owned(),
        resource: noted.resource.to_string(),
        said: noted.said.clone(),
    };
    noted.iter().map(kept).collect()
}

/// The same, read again; `None` where the operation is none of this program's.
fn read(note: &StoredNote) -> Option<Noted> {
    Some(Noted {
        by: note.by.clone(),
        operation: Operation::find(&note.operation)?.name,
        resource: Resource::parse(&note.resource).unwrap_or(Resource::Workspace),
        outcome: Outcome::Done,
        said: note.said.clone(),
    })
}

/// One version of rights: by whose request it came to be, and what was done by it.
type Version<'h> = (i64, &'h StoredDeed, Vec<Noted>);

impl Held {
    /// The versions after an earlier one, if of each of them it is kept what was done.
    fn versions_since(&self, version: i64) -> Option<Vec<Version<'_>>> {
        let since = version + 1..=self.version;
        let of = |version: i64| -> Option<Version<'_>> {
            let deed = self.deeds.get(&version)?;
            let noted = deed.noted.as_ref()?.iter().map(read).collect::<Option<_>>()?;
            Some((version, deed, noted))
        };
        since.map(of).collect()
    }

    /// By whose request something came to be after an earlier version: the last one that says that it did this, or that did all of it.
    fn deed_of(&self, noted: &Noted, version: i64) -> Option<&StoredDeed> {
        let said_it = |deed: &&StoredDeed| {
            let mut notes = deed.noted.iter().flatten();
            notes.any(|note| note.operation == noted.operation && note.said == noted.said)
        };
        let since = self.deeds.range(version + 1..).map(|(_, deed)| deed);
        since.rev().find(said_it).or_else(|| self.deed_since(version))
    }
}

impl Rights {
    /// Writes down what has changed since this hub looked; what it finds at its start it has not seen change.
    pub(super) fn write_down(&self, (before, is_start): (&Held, bool), held: &Held, now: Timestamp) {
        let Some(audit) = self.audit().filter(|_| !is_start) else {
            return;
        };
        // What was done at the console alone says so itself.
        if held.all_since(before.version, console::is_at_console) {
            return;
        }
        match held.versions_since(before.version) {
            Some(versions) => {
                for version in versions {
                    self.write_version(audit, &version, now);
                }
            }
            None => self.write_difference(audit, (before, held), now),
        }
    }

    fn write_version(&self, audit: &AuditLog, (version, deed, noted): &Version<'_>, now: Timestamp) {
        if console::is_at_console(deed) {
            return;
        }
        let details = of_deed(*version, Some(*deed));
        for noted in noted {
            audit.note(&noted.clone().by_whom(named(Some(*deed))), &details, now);
        }
    }

    /// Writes what differs, where it is not kept of all of it who did it.
    fn write_difference(&self, audit: &AuditLog, (before, held): (&Held, &Held), now: Timestamp) {
        for noted in noted(before, held) {
            let deed = held.deed_of(&noted, before.version);
            let details = of_deed(held.version, deed);
            if !self.is_beside(&noted, details.policy_version, now) {
                audit.note(&noted.by_whom(named(deed)), &details, now);
            }
        }
    }
}

fn named(deed: Option<&StoredDeed>) -> Option<&str> {
    deed.map(|deed| deed.who.as_str()).filter(|who| !who.is_empty())
}

/// What the audit log says of a request.
fn of_deed(version: i64, deed: Option<&StoredDeed>) -> Details {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let policy_version = u64::try_from(version).unwrap_or(0);
    deed.map_or_else(
        || Details {
            policy_version,
            ..Details::default()
        },
        |deed| Details {
            policy_version,
            request_id: text(&deed.request),
            ip: deed.ip.parse().ok(),
            user_agent: text(&deed.user_agent),
            ..Details::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(who: &str, said: &str) -> StoredDeed {
        StoredDeed {
            who: who.to_owned(),
            noted: Some(kept(&[Noted::done(
                "anonymous",
                "addon.disable",
                said.to_owned(),
            )])),
            ..StoredDeed::default()
        }
    }

    fn held(deeds: &[(i64, StoredDeed)]) -> Held {
        Held {
            version: 3,
            deeds: deeds.iter().cloned().collect(),
            ..Held::default()
        }
    }

    #[test]
    fn of_several_that_are_noticed_at_once_each_is_its_own() {
        let both = held(&[(2, deed("person:ada", "one")), (3, deed("person:eve", "two"))]);
        let versions = both.versions_since(1).unwrap();
        let said: Vec<_> = versions
            .iter()
            .map(|(version, deed, noted)| (*version, deed.who.as_str(), noted[0].said.as_str()))
            .collect();
        assert_eq!(said, [(2, "person:ada", "one"), (3, "person:eve", "two")]);
    }

    #[test]
    fn where_one_of_them_is_not_kept_what_differs_is_of_whoever_says_so() {
        let earlier = StoredDeed {
            who: "person:old".to_owned(),
            ..StoredDeed::default()
        };
        let some = held(&[(2, deed("person:ada", "one")), (3, earlier)]);
        assert!(some.versions_since(1).is_none());
        let noted = |said: &str| Noted::done("anonymous", "addon.disable", said.to_owned());
        let who = |said: &str| some.deed_of(&noted(said), 1).map(|deed| deed.who.as_str());
        assert_eq!(who("one"), Some("person:ada"));
        assert_eq!(who("another"), None, "either may have done it");
        assert_eq!(
            some.deed_of(&noted("another"), 2).map(|deed| deed.who.as_str()),
            Some("person:old")
        );
    }
}
