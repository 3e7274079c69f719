//! Guesses at keys, links, tokens and whatever else lets somebody in: counted for each thing and altogether, so that whoever tries
//! many is told to wait (threat F10). What is right is taken whoever guesses beside it: nobody shuts others out by guessing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::access::Credential;
use crate::access::request::BadCredential;
use crate::model::Timestamp;

/// What somebody guessed at who came with something that does not let them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guessed<'a> {
    /// A key of this id, which is empty where the text is no key at all.
    Key(&'a str),
    /// A link that signs somebody in.
    Link,
    /// The state of a sign-in with a provider.
    State,
    /// A session. Browsers send those that have ended again and again, so that they are counted altogether alone.
    Session,
    /// A token of an extension.
    Token,
    /// The signature of a call.
    Call,
    /// The signature of a webhook of this workspace.
    Webhook(&'a str),
    /// The token of a goal of this key.
    Completion(&'a str),
    /// The address of a websocket.
    Ticket,
    /// The code that links who somebody is in a chat.
    ChatCode(&'a str),
}

impl Guessed<'_> {
    /// Under which name it is counted, beside all together.
    fn counted_as(self) -> Option<String> {
        let name = match self {
            Self::Key(id) => format!("key {id}"),
            Self::Link => "link".to_owned(),
            Self::State => "state".to_owned(),
            Self::Session => return None,
            Self::Token => "token".to_owned(),
            Self::Call => "call".to_owned(),
            Self::Webhook(workspace) => format!("webhook {workspace}"),
            Self::Completion(goal) => format!("completion {goal}"),
            Self::Ticket => "ticket".to_owned(),
            Self::ChatCode(user) => format!("chat {user}"),
        };
        Some(name.chars().take(LONGEST_NAME).collect())
    }

    /// The operation that was tried.
    const fn operation(self) -> &'static str {
        match self {
            Self::Key(_) | Self::Link | Self::State | Self::Session | Self::Token | Self::Call => "sign_in",
            Self::Webhook(_) => "webhook.receive",
            Self::Completion(_) => "goal.complete",
            Self::Ticket => "events.receive",
            Self::ChatCode(_) => "chat.link",
        }
    }
}

impl Hub {
    /// Counts a guess and writes it down; the refusal that it gets, which is to wait when there were too many.
    pub(in super::super) fn guessed(&self, what: Guessed<'_>, refusal: Refusal) -> Refusal {
        self.note_stranger_at(what.operation(), Credential::Bad(BadCredential::Invalid));
        match self.rights().guesses().is_one_too_many(what, self.now()) {
            true => Refusal::too_often("this was tried too often without success; wait", WINDOW),
            false => refusal,
        }
    }
}

/// Guesses at one thing in a window, whether it is there or not.
const OF_ONE: u32 = 20;

/// Guesses altogether in a window.
const OF_ALL: u32 = 1_000;

/// How long guesses are counted.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Most things that are counted one by one.
const COUNTED: usize = 10_000;

/// Longest name of a thing that is counted, in characters: names are anybody's.
const LONGEST_NAME: usize = 100;

#[derive(Debug, Default)]
struct Counted {
    since: Option<Timestamp>,
    all: u32,
    by_name: HashMap<String, u32>,
}

/// What was guessed in the last window.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<Counted>);

impl Guesses {
    /// Counts a guess; whether it is one too many.
    pub fn is_one_too_many(&self, what: Guessed<'_>, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: Timestamp| now.since(since) >= WINDOW || now < since;
        if counted.since.is_none_or(is_over) {
            *counted = Counted {
                since: Some(now),
                ..Counted::default()
            };
        }
        counted.all = counted.all.saturating_add(1);
        let Some(name) = what.counted_as() else {
            return counted.all > OF_ALL;
        };
        if counted.by_name.len() >= COUNTED && !counted.by_name.contains_key(&name) {
            return true;
        }
        let of_one = counted.by_name.entry(name).or_insert(0);
        *of_one = of_one.saturating_add(1);
        *of_one > OF_ONE || counted.all > OF_ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_guesses_are_counted_for_each_key_and_altogether() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_micros(1_767_225_600_000_000));
        let many = |key: &str, count: u32| {
            (0..count)
                .filter(|_| guesses.is_one_too_many(Guessed::Key(key), now))
                .count()
        };
        assert_eq!(many("a", OF_ONE), 0);
        assert_eq!(many("a", 5), 5, "whatever else is guessed");
        assert_eq!(many("b", 1), 0, "another key is not meant");
        assert!(
            !guesses.is_one_too_many(Guessed::Link, now),
            "nor is anything else"
        );
        let spread = (0..OF_ALL)
            .filter(|key| guesses.is_one_too_many(Guessed::Key(&format!("k{key}")), now))
            .count();
        assert!(spread > 0, "spread over many keys it is too much all the same");
        assert!(guesses.is_one_too_many(Guessed::Session, now));
        assert!(
            !guesses.is_one_too_many(Guessed::Key("a"), now.plus(WINDOW)),
            "and it passes"
        );
    }
}
