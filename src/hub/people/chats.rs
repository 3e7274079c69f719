//! Who people are in chats (security model 10.7 and 15, threat H5). An add-on is in a chat and the hub is not, so that whoever writes
//! there is nobody until they have shown who they are: a person gets a code on a page of theirs and says it in the chat, and the add-on
//! that hears it tells the hub who said it. From then on that add-on may name this person by what they are in that chat, where a person
//! is named anyway; what it may do for them is what they agreed to. What somebody is called there changes nothing, and neither does what
//! another add-on says.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::access::key::random_text;
use super::super::access::noted::Noted;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::Viewer;
use super::operations::PeopleOperation as About;
use crate::access::handed::digest_of;
use crate::access::{AddonKey, Principal};
use crate::ports::chats::{ChatCode, ChatLinked, ChatUser};
use crate::ports::people::StoredIdentity;

/// Largest message about a chat in bytes.
pub(super) const LARGEST: usize = 4 * 1024;

/// How long a code counts.
const CODE_COUNTS: Duration = Duration::from_secs(10 * 60);

/// Characters of a code: 59 bits, guessed at twenty times a minute at most.
const CODE: usize = 10;

/// Most codes of one person at a time.
const MOST_CODES: u32 = 5;

/// Longest id that a chat gives, and longest name.
const LONGEST: usize = 80;

/// What stands before the add-on and the chat in the name of a provider, and before the chat where a person is named.
const CHAT: &str = "chat:";

/// Somebody in a chat who said a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// The code.
    code: String,
    /// Id of the chat.
    team: String,
    /// Id of whoever said it.
    user: String,
    /// What they are called there, for people.
    #[serde(default)]
    name: Option<String>,
}

/// Under which name identities in a chat are kept: what one add-on says of a chat binds no other.
pub(in super::super) fn provider(addon: &AddonKey, team: &str) -> String {
    format!("{CHAT}{}:{team}", addon.as_str())
}

/// The add-on and the chat of an identity; none of one that is of no chat.
pub(in super::super) fn chat_of(identity: &StoredIdentity) -> Option<(&str, &str)> {
    identity.provider.strip_prefix(CHAT)?.split_once(':')
}

/// The chat and the user by which an add-on names a person; none where it names one by their id here.
pub(in super::super) fn named_in_chat(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(CHAT)?.split_once(':')
}

/// Ids of chats and their users hold nothing that could be taken for the end of one.
pub(super) fn is_id(text: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    (1..=LONGEST).contains(&text.len()) && text.chars().all(is_legal)
}

/// `POST /chat/identities`: an add-on that is in a chat says who said a code there.
pub(super) async fn link(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::People(About::LinkChatUser))?;
    let Principal::Addon(addon) = caller.principal().clone() else {
        return Err(Refusal::forbidden("addon_required", "add-ons alone are in chats"));
    };
    let said: Said = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("what was said cannot be read: {error}")))?;
    if !is_id(&said.team) || !is_id(&said.user) {
        return Err(Refusal::bad(
            "invalid_argument",
            "ids of chats and users have at most 80 letters, digits, `.`, `_`, `-` and `@`",
        ));
    }
    let who = ChatUser {
        provider: provider(&addon, &said.team),
        subject: said.user,
        login: said.name.unwrap_or_default().chars().take(LONGEST).collect(),
    };
    let linked = hub
        .store()
        .link_chat(&digest_of(said.code.trim()), &who, hub.now())
        .await?;
    match linked {
        ChatLinked::Done { person } => {
            let said = format!("person:{person} is {} in {}", who.subject, who.provider);
            let noted = Noted::done(caller.owner(), "chat.link", said);
            hub.rights().note(&noted, hub.now());
            Ok(Json(json!({ "person": person })))
        }
        ChatLinked::NoCode => {
            let message =
                "the code was used, has ended, or never was one; ask for another on your page of the hub";
            let refusal = Refusal::forbidden("invalid_code", message);
            Err(hub.guessed(Guessed::ChatCode(addon.as_str()), refusal))
        }
        ChatLinked::SomebodyElse => Err(Refusal::conflict(
            "this user of the chat is somebody else here; they must take that back first",
        )),
    }
}

impl Hub {
    /// A code by which a person says in a chat who they are; it is shown now or never.
    ///
    /// # Errors
    /// They signed in too long ago, or have too many codes.
    pub(in super::super) async fn chat_code(&self, viewer: &Viewer) -> Result<SecretString, Refusal> {
        let (text, now) = (random_text(CODE), self.now());
        let code = ChatCode {
            digest: digest_of(&text),
            person: viewer.person.id.clone(),
            expires: now.plus(CODE_COUNTS),
        };
        match self.store().add_chat_code(&code, MOST_CODES, now).await? {
            true => Ok(SecretString::from(text)),
            false => Err(Refusal::too_often(
                "you have asked for many codes; use one of them, or wait",
                CODE_COUNTS,
            )),
        }
    }

    /// A person is not who they were in a chat any more, and what its add-on has for them ends.
    ///
    /// # Errors
    /// They were nobody there.
    pub(in super::super) async fn unlink_chat(&self, viewer: &Viewer, provider: &str) -> Result<(), Refusal> {
        let person = &viewer.person.id;
        let own = self.store().identities(person).await?;
        let known = own.iter().find(|identity| identity.provider == provider);
        let chat = known.and_then(|identity| Some((identity, chat_of(identity)?)));
        let Some((identity, (addon, _))) = chat else {
            return Err(Refusal::missing_thing("you are nobody in such a chat"));
        };
        self.store().unlink_identity(person, provider).await?;
        self.store()
            .revoke_tokens(addon, Some(person), self.now())
            .await?;
        let said = format!("person:{person} is {} in {provider} no more", identity.subject);
        let noted = Noted::done(viewer.caller().owner(), "identity.unlink", said);
        self.rights().note(&noted, self.now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn h5_what_is_said_of_a_chat_is_kept_apart_for_each_add_on_and_chat() {
        let addon = |key: &str| AddonKey::parse(key).unwrap();
        let identity = StoredIdentity {
            provider: provider(&addon("com.example.bridge"), "T1"),
            subject: "U1".to_owned(),
            login: String::new(),
            email: None,
            person: "ada".to_owned(),
            linked: Timestamp::from_micros(0),
        };
        assert_eq!(chat_of(&identity), Some(("com.example.bridge", "T1")));
        assert_ne!(provider(&addon("other"), "T1"), identity.provider);
        assert_eq!(named_in_chat("chat:T1:U1"), Some(("T1", "U1")));
        assert_eq!(named_in_chat("ada"), None);
        assert!(is_id("U1.a-b_c@d") && !is_id("") && !is_id("a:b") && !is_id(&"x".repeat(81)));
    }
}
