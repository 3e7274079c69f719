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

    /// The person of this login, whichever of theirs it is.
    pub fn by_login(&self, login: &str) -> Person {
        let has_it = |entry: &&PersonEntry| entry.aliases.iter().any(|alias| alias == login);
        let by_alias = self.0.iter().find(|(_, entry)| has_it(entry));
        let (login, entry) = match by_alias.or_else(|| self.0.get_key_value(login)) {
            Some((login, entry)) => (login.clone(), entry.clone()),
            None => (login.to_owned(), PersonEntry::default()),
        };
        Person {
            login,
            teams: entry.teams,
            emails: entry.emails,
            aliases: entry.aliases,
            known_as: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_who_comes_with_another_login_of_theirs_is_the_same_person() {
        let entry = |aliases: &[&str]| PersonEntry {
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            ..PersonEntry::default()
        };
        // An entry of its own does not make somebody else of it.
        let entries = [("ada", entry(&["ada-2", "root"])), ("ada-2", entry(&[]))];
        let people = People::new(entries.map(|(login, entry)| (login.to_owned(), entry)).into());
        for login in ["ada", "ada-2", "root"] {
            assert_eq!(people.by_login(login).login, "ada", "{login}");
        }
        assert_eq!(people.by_login("bob").login, "bob");
    }
}
