//! Who asks for a command, as the hub knows them: at the forge, and in the chat in which they ask. What a message says of that is
//! anybody's word, and goes to no machine (wire protocol 4.3, general rule 5 of the threats).

use super::super::Hub;
use super::super::access::Caller;
use super::super::people::chats::chat_of;
use super::super::refusal::Refusal;
use super::facts::Facts;
use crate::ports::people::StoredIdentity;
use crate::wire::hub::uris::{CHAT_USER, CHAT_USER_NAME, LOGIN};
use crate::wire::hub::{ChatUser, Person, Source, Web};

/// What only the hub says.
pub(super) const OWN: [&str; 3] = [LOGIN, CHAT_USER, CHAT_USER_NAME];

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    /// Their id here.
    person: String,
    /// What they are called at the forge; their id here where nobody signs in at a forge.
    login: Option<String>,
    /// Who they are in the chat in which they ask.
    chat: Option<ChatUser>,
}

impl Asker {
    /// Somebody with these identities elsewhere, of which those at `forge` and in the chat `team` count.
    fn of(person: &str, identities: &[StoredIdentity], forge: Option<&str>, team: Option<&str>) -> Self {
        let at = |forge: &str| identities.iter().find(|identity| identity.provider == forge);
        let login = match forge {
            Some(forge) => at(forge).map(|identity| identity.login.clone()),
            None => Some(person.to_owned()),
        };
        let is_there = |identity: &&StoredIdentity| {
            let chat = chat_of(identity).map(|(_, team)| team);
            chat.is_some() && chat == team
        };
        let chat = identities.iter().find(is_there).map(|identity| ChatUser {
            id: Some(identity.subject.clone()),
            name: Some(identity.login.clone()).filter(|name| !name.is_empty()),
        });
        Self {
            person: person.to_owned(),
            login,
            chat,
        }
    }

    /// Puts what is known of them in the place of what a message says of the place where they ask.
    pub(super) fn put_into(&self, source: &mut Source) {
        source.identity = None;
        if let Some(chat) = &mut source.slack {
            chat.user.clone_from(&self.chat);
        }
        if source.web.is_some() {
            source.web = Some(Web {
                identity: Person {
                    sub: self.person.clone(),
                    pid: self.person.clone(),
                },
            });
        }
    }

    /// Tells what parameters are mapped to. Outside of chats people are called by their id here.
    pub(super) fn tell(&self, facts: &mut Facts, is_in_chat: bool) {
        facts.add(LOGIN, self.login.as_deref());
        let chat = self.chat.as_ref();
        facts.add(CHAT_USER, chat.and_then(|user| user.id.as_deref()));
        let name = chat.and_then(|user| user.name.as_deref());
        facts.add(CHAT_USER_NAME, name.or((!is_in_chat).then_some(&*self.person)));
    }
}

impl Hub {
    /// Who asks for something at this place.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn asker(&self, caller: &Caller, source: Option<&Source>) -> Result<Asker, Refusal> {
        let identities = self.store().identities(caller.name()).await?;
        let forge = self.providers().github().map(|provider| provider.name.as_str());
        let chat = source.and_then(|source| source.slack.as_ref());
        let team = chat.map(|chat| chat.team.id.as_str());
        Ok(Asker::of(caller.name(), &identities, forge, team))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Timestamp;

    fn identity(provider: &str, subject: &str, login: &str) -> StoredIdentity {
        StoredIdentity {
            provider: provider.to_owned(),
            subject: subject.to_owned(),
            login: login.to_owned(),
            email: None,
            person: "ada".to_owned(),
            linked: Timestamp::from_micros(1),
        }
    }

    #[test]
    fn who_asks_is_who_they_have_shown_to_be() {
        let all = [
            identity("github", "7", "ada-lovelace"),
            identity("chat:bridge:T1", "U1", "Ada"),
        ];
        let forged = json!({
            "user_agent": "slack", "identity": {"sub": "root"}, "web": {"identity": {"sub": "root", "pid": "root"}},
            "slack": {"team": {"id": "T1"}, "user": {"id": "U9", "name": "root"}}
        });
        let of = |team: &str| {
            let asker = Asker::of("ada", &all, Some("github"), Some(team));
            let mut source: Source = serde_json::from_value(forged.clone()).unwrap();
            source.slack.as_mut().unwrap().team.id = team.to_owned();
            asker.put_into(&mut source);
            (serde_json::to_value(source).unwrap(), asker)
        };
        let (there, asker) = of("T1");
        assert_eq!(there["slack"]["user"], json!({"id": "U1", "name": "Ada"}));
        assert_eq!(there["web"]["identity"], json!({"sub": "ada", "pid": "ada"}));
        let mut facts = Facts::default();
        asker.tell(&mut facts, true);
        assert_eq!(
            OWN.map(|uri| facts.of(uri).cloned()),
            ["ada-lovelace", "U1", "Ada"].map(|text| Some(json!(text)))
        );
        let (elsewhere, asker) = of("T2");
        assert!(!elsewhere.to_string().contains("root") && !elsewhere.to_string().contains("U1"));
        let mut facts = Facts::default();
        asker.tell(&mut facts, true);
        assert_eq!((facts.of(CHAT_USER), facts.of(CHAT_USER_NAME)), (None, None));
    }

    #[test]
    fn nobody_is_taken_for_the_account_of_their_name() {
        let login = |forge: Option<&str>| Asker::of("ada", &[], forge, None).login;
        assert_eq!(login(Some("github")), None);
        assert_eq!(
            login(None).as_deref(),
            Some("ada"),
            "where nobody signs in at a forge"
        );
    }
}
