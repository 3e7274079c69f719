//! What a person who is signed in may do: by their role here, by what a policy gives or denies them, and on repositories by what
//! the forge says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bearer::Bearer;
use super::noted::of_person;
use super::rights::{ALWAYS, Rights};
use crate::access::request::Means;
use crate::access::snapshot::{Permission, Role};
use crate::access::{Identity, Level, Limit, Person, PersonId, Principal, Selector, Snapshot};
use crate::model::Timestamp;
use crate::ports::hub::{HubStore, HubStoreError, StoredKey};
use crate::ports::people::{PersonRole, PersonState, StoredPerson};

/// The people that were looked at last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The count of changes at which they were looked at.
    version: i64,
    /// By their id; none before the first look.
    all: Option<BTreeMap<String, StoredPerson>>,
}

impl Rights {
    /// Looks at everybody when something has changed, and writes down what.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn look_at_people(
        &self,
        store: &dyn HubStore,
        now: Timestamp,
    ) -> Result<(), HubStoreError> {
        let version = store.people_changed().await?;
        if self.people().all.is_some() && self.people().version == version {
            return Ok(());
        }
        let people = store.people().await?;
        self.people().version = version;
        if self.people().all.is_some() {
            self.hear_console(store, now).await?;
            self.learn_people(people, None, now);
        } else {
            let all = people.into_iter().map(|person| (person.id.clone(), person));
            self.people().all = Some(all.collect());
        }
        Ok(())
    }

    /// Writes down what has changed of people, as [`Rights::learn`] does of keys.
    pub(in super::super) fn learn_people(
        &self,
        people: impl IntoIterator<Item = StoredPerson>,
        by: Option<&str>,
        now: Timestamp,
    ) {
        for person in people {
            let mut seen = self.people();
            let all = seen.all.get_or_insert_default();
            let noted = of_person(all.get(&person.id), &person);
            all.insert(person.id.clone(), person);
            drop(seen);
            for noted in noted {
                self.note_by(noted, by, now);
            }
        }
    }

    /// Where a person stands whom somebody asks about.
    pub fn standing_of(&self, person: &StoredPerson, id: &PersonId, asks_forge: bool) -> Person {
        let by_policy = self.by_policy();
        let named = by_policy.as_ref().and_then(|policy| policy.people.get(id));
        let mut standing = standing(person, named, asks_forge || by_policy.is_some());
        let principal = Principal::Person(id.clone());
        let held = self.held();
        let given = held.grants_of(&principal).map(|held| Arc::clone(&held.grant));
        standing.grants.extend(given);
        standing
    }

    /// A person who is signed in in a browser.
    pub fn signed_in(&self, person: &StoredPerson, signed_in: Timestamp, asks_forge: bool) -> Bearer {
        let mut snapshot = Snapshot::empty(ALWAYS);
        let principal = match PersonId::parse(&person.id) {
            Ok(id) => {
                let of_held = u64::try_from(self.held().version).unwrap_or(0);
                snapshot.version = self.by_policy().map_or(of_held, |policy| policy.version);
                let standing = self.standing_of(person, &id, asks_forge);
                snapshot.people.insert(id.clone(), standing);
                Principal::Person(id)
            }
            Err(_) => Principal::Anonymous,
        };
        let identity = Identity {
            principal,
            means: Means::Session { signed_in },
            limit: Limit::default(),
        };
        Bearer::new(identity, Arc::new(snapshot))
    }

    /// The key of a person who has come in, or whom a forge knows: it reaches what the person reaches. Whoever has not come in yet is a
    /// member whom the forge does not know, or whom the policy names.
    pub(super) fn of_person(
        &self,
        key: &StoredKey,
        person: Option<&StoredPerson>,
        asks_forge: bool,
        now: Timestamp,
    ) -> Bearer {
        let named = self.bearer(key, now);
        let Principal::Person(id) = named.principal() else {
            return named;
        };
        let unknown = StoredPerson {
            id: id.as_str().to_owned(),
            name: String::new(),
            role: PersonRole::Member,
            state: PersonState::Active,
            created: key.created,
        };
        match person {
            None if self.governing_file().is_some() => named,
            _ => named.under(&self.signed_in(person.unwrap_or(&unknown), key.created, asks_forge)),
        }
    }
}

/// Where a person stands. A policy that names the person decides over the role. Where there is no policy and no forge is asked, nobody
/// has divided the repositories: administrators decide over all of them, members look.
fn standing(person: &StoredPerson, named: Option<&Person>, is_divided: bool) -> Person {
    let own = Person::new(role(person.role));
    let mut standing = named.cloned().unwrap_or(own);
    standing.is_suspended |= person.state == PersonState::Suspended;
    if !is_divided {
        standing.permissions.push(Permission {
            selector: Selector::Everything,
            level: match person.role.administers() {
                true => Level::Admin,
                false => Level::Read,
            },
            read_at: ALWAYS,
        });
    }
    standing
}

/// The role that the evaluation knows.
pub(in super::super) fn role(role: PersonRole) -> Role {
    match role {
        PersonRole::Member => Role::Member,
        PersonRole::Admin | PersonRole::Owner => Role::Admin,
    }
}
