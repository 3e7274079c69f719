//! Who talks to the daemon: the owner of the process at the other end of the socket, with what the configuration says
//! of them.

use std::collections::BTreeMap;

use nix::unistd::{Uid, User};

use crate::config::PersonEntry;
use crate::model::Person;

/// People by login, as configured.
#[derive(Debug, Clone, Default)]
pub struct People(BTreeMap<String, PersonEntry>);

impl People {
    /// As configured.
    pub fn new(entries: BTreeMap<String, PersonEntry>) -> Self {
        Self(entries)
    }

    /// The person behind a user id of this system.
    pub fn by_uid(&self, uid: u32) -> Person {
        let login = match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.name,
            Ok(None) | Err(_) => format!("uid-{uid}"),
        };
        self.by_login(&login)
    }

    /// The person of this login.
    pub fn by_login(&self, login: &str) -> Person {
        let entry = self.0.get(login).cloned().unwrap_or_default();
        Person {
            login: login.to_owned(),
            teams: entry.teams,
            emails: entry.emails,
        }
    }
}
