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
use crate::ports::people::{PersonChange, PersonChanged, PersonRole, PersonState, StoredPerson};

/// The people that were looked at last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The count of changes at which they were looked at.
    version: i64,
    /// By their id; none before the first look.
    all: Option<BTreeMap<String, StoredPerson>>,
}

impl Rights {
    /// Looks at everybody when something has changed, and writes down what. Waits for whoever changes somebody, whose doing it is.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn look_at_people(
        &self,
        store: &dyn HubStore,
        now: Timestamp,
    ) -> Result<(), HubStoreError> {
        let _changing = self.changing_people().await;
        self.notice_people(store, now).await
    }

    /// Changes a person, and writes down by whose doing. Nobody looks in between and takes it for somebody else's.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn change_person(
        &self,
        store: &dyn HubStore,
        (id, change): (&str, &PersonChange),
        by: &str,
        now: Timestamp,
    ) -> Result<PersonChanged, HubStoreError> {
        let _changing = self.changing_people().await;
        // What the person was until now is noticed as that, and not with the change.
        self.notice_people(store, now).await?;
        let changed = store.change_person(id, change, &[]).await?;
        if changed == PersonChanged::Done {
            let person = store.person(id).await?;
            self.learn_people(person, Some(by), now);
        }
        Ok(changed)
    }

    /// To be done by whoever changes people or looks at them.
    async fn notice_people(&self, store: &dyn HubStore, now: Timestamp) -> Result<(), HubStoreError> {
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
    fn learn_people(&self, people: impl IntoIterator<Item = StoredPerson>, by: Option<&str>, now: Timestamp) {
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
        snapshot.only_forge = self.only_forge();
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

    /// Somebody who has not come in: a member of whom nothing else is known.
    pub(super) fn unseen(&self, id: &PersonId, asks_forge: bool) -> Bearer {
        let unseen = StoredPerson {
            id: id.as_str().to_owned(),
            name: String::new(),
            role: PersonRole::Member,
            state: PersonState::Active,
            created: ALWAYS,
        };
        self.signed_in(&unseen, ALWAYS, asks_forge)
    }

    /// The key of a person: it reaches what the person reaches, and where nobody of this name has come in, what a member does whom
    /// nobody knows, or whom the policy names.
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
        match person {
            None if self.governing_file().is_some() => named,
            None => named.under(&self.unseen(id, asks_forge)),
            Some(person) => named.under(&self.signed_in(person, key.created, asks_forge)),
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

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::path::Path;
    use std::pin::Pin;
    use std::task::Poll;

    use super::*;
    use crate::ports::people::{People as _, SignIn, SignIns as _, StoredSession};
    use crate::store::hub::{Place, SqlHub};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// A memory in which ada has come in.
    async fn memory(directory: &Path) -> SqlHub {
        let memory = SqlHub::open(&Place::File(directory.join("hub.db")))
            .await
            .unwrap();
        let ada = StoredPerson {
            id: "ada".to_owned(),
            name: "Ada".to_owned(),
            role: PersonRole::Member,
            state: PersonState::Active,
            created: NOW,
        };
        let session = StoredSession {
            digest: "d".to_owned(),
            id: "s".to_owned(),
            person: "ada".to_owned(),
            means: "link".to_owned(),
            user_agent: String::new(),
            signed_in: NOW,
            last_seen: NOW,
        };
        let sign_in = SignIn {
            link: None,
            makes: Some(ada),
            identity: None,
            session,
            replaces: None,
        };
        assert!(memory.sign_in(&sign_in).await.unwrap());
        memory
    }

    fn to_be(role: PersonRole) -> PersonChange {
        PersonChange {
            role: Some(role),
            ..PersonChange::default()
        }
    }

    /// Whether something waits, once it has begun.
    async fn waits<F: Future + ?Sized>(work: &mut Pin<Box<F>>) -> bool {
        poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn nobody_looks_at_people_between_a_change_of_one_and_whose_doing_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let (memory, log) = (
            memory(directory.path()).await,
            directory.path().join("audit.jsonl"),
        );
        let rights = Rights::open(None, Some(&log), NOW).unwrap();
        rights.look_at_people(&memory, NOW).await.unwrap();
        let written = || std::fs::read_to_string(&log).unwrap();
        let admin = to_be(PersonRole::Admin);
        let changing = rights.changing_people().await;
        memory.change_person("ada", &admin, &[]).await.unwrap();
        let mut looking = Box::pin(rights.look_at_people(&memory, NOW));
        assert!(waits(&mut looking).await);
        let ada = memory.person("ada").await.unwrap();
        rights.learn_people(ada, Some("person:root"), NOW);
        let owner = to_be(PersonRole::Owner);
        let mut change = Box::pin(rights.change_person(&memory, ("ada", &owner), "person:eve", NOW));
        assert!(waits(&mut change).await, "nor does anybody change one meanwhile");
        drop(changing);
        looking.await.unwrap();
        change.await.unwrap();
        rights.look_at_people(&memory, NOW).await.unwrap();
        let text = written();
        let by: Vec<&str> = text
            .lines()
            .map(|line| match line.contains("\"principal\":\"person:root\"") {
                true => "root",
                false if line.contains("\"principal\":\"person:eve\"") => "eve",
                false => "somebody else",
            })
            .collect();
        assert_eq!(by, ["root", "eve"], "{text}");
    }
}
