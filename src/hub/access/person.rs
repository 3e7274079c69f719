//! What a person who is signed in may do: by their role here, by what a policy gives or denies them, and on repositories by what
//! the forge says.

use std::sync::Arc;

use super::bearer::Bearer;
use super::rights::{ALWAYS, Rights};
use crate::access::request::Means;
use crate::access::snapshot::{Permission, Role};
use crate::access::{Identity, Level, Limit, Person, PersonId, Principal, Selector, Snapshot};
use crate::model::Timestamp;
use crate::ports::people::{PersonRole, PersonState, StoredPerson};

impl Rights {
    /// A person who is signed in in a browser.
    pub fn signed_in(&self, person: &StoredPerson, signed_in: Timestamp) -> Bearer {
        let mut snapshot = Snapshot::empty(ALWAYS);
        let principal = match PersonId::parse(&person.id) {
            Ok(id) => {
                let by_policy = self.by_policy();
                let named = by_policy.as_ref().and_then(|policy| policy.people.get(&id));
                let held = self.held();
                let of_held = u64::try_from(held.version).unwrap_or(0);
                snapshot.version = by_policy.as_ref().map_or(of_held, |policy| policy.version);
                let principal = Principal::Person(id.clone());
                let mut standing = standing(person, named, by_policy.is_some());
                let given = held.grants_of(&principal).map(|held| Arc::clone(&held.grant));
                standing.grants.extend(given);
                snapshot.people.insert(id, standing);
                principal
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
}

/// Where a person stands. A policy that names the person decides over the role; where there is none at all, nobody has divided the
/// repositories: administrators decide over all of them, members look.
fn standing(person: &StoredPerson, named: Option<&Person>, has_policy: bool) -> Person {
    let own = Person::new(role(person.role));
    let mut standing = named.cloned().unwrap_or(own);
    standing.is_suspended |= person.state == PersonState::Suspended;
    if !has_policy {
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
