//! People of the hub in its graph: who they are at a forge and in chats, and the addresses that are theirs (wire protocol 10.6).
//!
//! A person points at what commits and forges call them, so that it makes no difference which of the two is told first. What a
//! provider has not said of somebody is no sign of who they are: an address counts when their provider has verified it, or when the
//! forge made it up for their account. The graph follows what is kept of people; a hub looks whether that has changed when it keeps
//! house, and so finds out what was changed by another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::super::Hub;
use super::super::changes::Change;
use super::super::ingest::known::{Forge, address_key, mail_key};
use super::super::machines::register::{THE_CHAT, workspace_itself};
use super::chats::chat_of;
use super::providers::ProviderKind;
use crate::ports::hub::HubStoreError;
use crate::ports::people::{StoredIdentity, StoredPerson};

/// Changes that are made at once.
const TOGETHER: usize = 500;

/// What the graphs were told last; nothing before the first time.
#[derive(Debug, Default)]
pub(in super::super) struct Told(Mutex<Option<Arc<State>>>);

/// What a hub knows of people at a time.
#[derive(Debug)]
struct State {
    /// The number of the last change of people.
    change: i64,
    /// The workspaces.
    workspaces: BTreeSet<String>,
    /// People with who they are elsewhere.
    people: BTreeMap<String, Known>,
}

/// A person with who they are elsewhere.
type Known = (StoredPerson, Vec<StoredIdentity>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who is to be told of in a workspace, after what was told before.
    fn news(&self, workspace: &str, before: Option<&Self>) -> Vec<&Known> {
        let before = before.filter(|before| before.workspaces.contains(workspace));
        let known = |id: &String| before.and_then(|before| before.people.get(id));
        let news = self
            .people
            .iter()
            .filter(|(id, person)| known(id) != Some(*person));
        news.map(|(_, person)| person).collect()
    }
}

/// Forges that people sign in with, by the names of their providers.
pub(super) type Forges = BTreeMap<String, Forge>;

impl Hub {
    /// Tells the graph of every workspace what has changed of people.
    ///
    /// # Errors
    /// The memory; what was not told is told the next time.
    pub(in super::super) async fn tell_of_people(&self) -> Result<(), HubStoreError> {
        // Looked at before the people are: what changes in between is told again.
        let change = self.store().people_changed().await?;
        let workspaces = self.workspaces_that_changed().await?;
        let before = self.told_of_people().lock().clone();
        let is_told = |told: &Arc<State>| told.change == change && told.workspaces == workspaces;
        if before.as_ref().is_some_and(is_told) {
            return Ok(());
        }
        let state = State {
            change,
            workspaces,
            people: self.everybody().await?,
        };
        let live: BTreeSet<String> = state.people.values().flat_map(chats_of).collect();
        for workspace in &state.workspaces {
            let news = state.news(workspace, before.as_deref());
            self.tell_workspace(workspace, &news, &live).await?;
        }
        *self.told_of_people().lock() = Some(Arc::new(state));
        Ok(())
    }

    async fn everybody(&self) -> Result<BTreeMap<String, Known>, HubStoreError> {
        let people = self.store().people().await?.into_iter();
        let mut people: BTreeMap<_, Known> = people
            .map(|person| (person.id.clone(), (person, Vec::new())))
            .collect();
        for identity in self.store().every_identity().await? {
            if let Some((_, own)) = people.get_mut(&identity.person) {
                own.push(identity);
            }
        }
        Ok(people)
    }

    async fn tell_workspace(
        &self,
        workspace: &str,
        news: &[&Known],
        live: &BTreeSet<String>,
    ) -> Result<(), HubStoreError> {
        if news.is_empty() {
            return Ok(());
        }
        let forges = self.forges_of_people();
        let mut changes = workspace_itself(workspace);
        for (person, identities) in news {
            changes.extend(of_person(person, identities, &forges));
        }
        changes.extend(self.chats_that_are_over(workspace, news, live).await?);
        for together in changes.chunks(TOGETHER) {
            self.apply(workspace, together.to_vec()).await?;
        }
        Ok(())
    }

    /// What people were in chats and are no more.
    async fn chats_that_are_over(
        &self,
        workspace: &str,
        people: &[&Known],
        live: &BTreeSet<String>,
    ) -> Result<Vec<Change>, HubStoreError> {
        let keys: Vec<String> = people.iter().map(|(person, _)| person_key(person)).collect();
        let known = self.store().reader(workspace).nodes("Person", &keys).await?;
        let known = known
            .iter()
            .flat_map(|person| person.links.get("chatId").into_iter().flatten());
        let over = known.filter(|key| !live.contains(*key));
        Ok(over.map(|key| Change::gone("ChatId", key.clone())).collect())
    }

    /// Forges that people sign in with.
    pub(super) fn forges_of_people(&self) -> Forges {
        let all = self.providers().all().iter();
        let forges = all.filter_map(|provider| match &provider.kind {
            ProviderKind::GitHub(github) => {
                Some((provider.name.clone(), Forge::of_page(github.address.as_str())?))
            }
            ProviderKind::Oidc(_) => None,
        });
        forges.collect()
    }
}

fn person_key(person: &StoredPerson) -> String {
    format!("person/{}", person.id)
}

/// Keys of who somebody is in chats.
fn chats_of((_, identities): &Known) -> Vec<String> {
    identities.iter().filter_map(chat_key).collect()
}

/// The key of who somebody is in a chat, as one add-on says it.
fn chat_key(identity: &StoredIdentity) -> Option<String> {
    let (addon, chat) = chat_of(identity)?;
    Some(format!("chat/{addon}/{chat}/{}", identity.subject))
}

/// A person, with who they are elsewhere.
fn of_person(person: &StoredPerson, identities: &[StoredIdentity], forges: &Forges) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut accounts, mut chats, mut at_forge) = (Vec::new(), Vec::new(), Value::Null);
    for identity in identities {
        if let Some(forge) = forges.get(&identity.provider) {
            let Some((account, key)) = forge.account(&json!({"login": identity.login})) else {
                continue;
            };
            if at_forge.is_null() {
                at_forge =
                    json!({"id": key, "login": identity.login, "name": person.name, "credential": null});
            }
            accounts.push(key);
            accounts.extend(made_up(forge, identity));
            changes.push(account);
        } else if let Some(key) = chat_key(identity) {
            changes.push(in_chat(&key, identity));
            chats.push(key);
        }
    }
    let addresses: BTreeSet<&str> = identities
        .iter()
        .filter_map(|identity| identity.email.as_deref())
        .collect();
    for address in &addresses {
        accounts.push(address_key(address));
        accounts.extend(forges.values().map(|forge| mail_key(forge.provider(), address)));
    }
    let emails: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"address": address}))
        .collect();
    let body = json!({"name": person.name, "gitHubId": at_forge, "emails": emails});
    let person = Change::merge("Person", vec![person_key(person)], body)
        .link("scmId", accounts)
        .link("chatId", chats)
        .link("team", [THE_CHAT.to_owned()]);
    changes.push(person);
    changes
}

fn in_chat(key: &str, identity: &StoredIdentity) -> Change {
    let name = match identity.login.is_empty() {
        true => &identity.subject,
        false => &identity.login,
    };
    let body = json!({"userId": identity.subject, "screenName": name});
    Change::merge("ChatId", vec![key.to_owned()], body).link("chatTeam", [THE_CHAT.to_owned()])
}

/// Keys of authors who are known by an address that the forge made up for an account.
fn made_up(forge: &Forge, identity: &StoredIdentity) -> [String; 2] {
    addresses_made_up(forge, identity).map(|address| mail_key(forge.provider(), &address))
}

/// Addresses that a forge makes up for an account.
pub(super) fn addresses_made_up(forge: &Forge, identity: &StoredIdentity) -> [String; 2] {
    let (login, number) = (&identity.login, &identity.subject);
    let host = format!("users.noreply.{}", forge.host());
    [format!("{login}@{host}"), format!("{number}+{login}@{host}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::ports::people::{PersonRole, PersonState};

    fn identity(provider: &str, subject: &str, login: &str, email: Option<&str>) -> StoredIdentity {
        StoredIdentity {
            provider: provider.to_owned(),
            subject: subject.to_owned(),
            login: login.to_owned(),
            email: email.map(str::to_owned),
            person: "ada".to_owned(),
            linked: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn a_person_points_at_accounts_addresses_and_chats() {
        let person = StoredPerson {
            id: "ada".to_owned(),
            name: "Ada Lovelace".to_owned(),
            role: PersonRole::Member,
            state: PersonState::Active,
            created: Timestamp::from_micros(0),
        };
        let forge = Forge::of_page("https://github.com").unwrap();
        let forges = BTreeMap::from([("github".to_owned(), forge)]);
        let all = [
            identity("github", "42", "ada", None),
            identity("company", "s", "ada.l", Some("Ada@example.org")),
            identity("chat:bridge:T1", "U1", "", None),
        ];
        let changes = of_person(&person, &all, &forges);
        let of_kind = |kind: &str| {
            &changes
                .iter()
                .find(|change| change.node.kind == kind)
                .unwrap()
                .node
        };
        let told = of_kind("Person");
        assert_eq!(
            told.links["scmId"],
            [
                "github.com/ada",
                "github.com/mail/ada@users.noreply.github.com",
                "github.com/mail/42+ada@users.noreply.github.com",
                "mail/ada@example.org",
                "github.com/mail/Ada@example.org",
            ]
        );
        assert_eq!(told.links["chatId"], ["chat/bridge/T1/U1"]);
        assert_eq!(told.body["gitHubId"]["login"], "ada");
        assert_eq!(told.body["emails"], json!([{"address": "Ada@example.org"}]));
        assert_eq!(
            of_kind("ChatId").body["screenName"],
            "U1",
            "what is not said is the id"
        );
        assert_eq!(of_kind("ScmId").keys, ["github.com/ada"]);
    }

    #[test]
    fn only_who_has_changed_is_told_of_again_and_everybody_in_a_new_workspace() {
        let person = |name: &str| StoredPerson {
            id: "ada".to_owned(),
            name: name.to_owned(),
            role: PersonRole::Member,
            state: PersonState::Active,
            created: Timestamp::from_micros(0),
        };
        let state = |name: &str, workspaces: &[&str]| State {
            change: 0,
            workspaces: workspaces.iter().map(ToString::to_string).collect(),
            people: BTreeMap::from([("ada".to_owned(), (person(name), Vec::new()))]),
        };
        let (before, now) = (state("Ada", &["w"]), state("Ada", &["w", "new"]));
        assert_eq!(now.news("w", None).len(), 1);
        assert_eq!(now.news("w", Some(&before)).len(), 0);
        assert_eq!(now.news("new", Some(&before)).len(), 1);
        assert_eq!(state("Ada L.", &["w"]).news("w", Some(&before)).len(), 1);
    }
}
