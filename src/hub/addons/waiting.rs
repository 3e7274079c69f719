//! Room for registrations that wait for an administrator: so many of one registrant, and for a new one the oldest of theirs goes, so
//! that nobody fills the list for all.

use std::collections::BTreeMap;

use super::super::access::ending;
use super::super::access::held::{Held, HeldAddon};
use crate::access::AddonKey;
use crate::access::registration::{MOST_WAITING, Unchanged};
use crate::access::snapshot::AddonState;
use crate::model::Timestamp;
use crate::ports::hub::extensions::StoredExtension;
use crate::ports::rights::RightsChange;

/// Most registrations of one registrant that wait at once.
pub const MOST_OF_ONE: usize = 5;

/// Who registered what, as principals are written.
#[derive(Debug, Default)]
pub struct Registrants(BTreeMap<String, String>);

impl Registrants {
    /// Of extensions that are kept. Every other add-on has registered itself.
    pub fn of(extensions: &[StoredExtension]) -> Self {
        let said = extensions.iter().filter(|one| !one.registered_by.is_empty());
        Self(
            said.map(|one| (one.key.clone(), one.registered_by.clone()))
                .collect(),
        )
    }

    fn of_addon(&self, key: &AddonKey) -> String {
        let known = self.0.get(key.as_str()).cloned();
        known.unwrap_or_else(|| format!("addon:{}", key.as_str()))
    }

    /// What waits, by who registered it, the oldest first.
    fn waiting<'h>(&self, held: &'h Held) -> BTreeMap<String, Vec<&'h AddonKey>> {
        let waits = |addon: &HeldAddon| addon.registration.state == AddonState::Pending;
        let mut all: Vec<_> = held.addons.iter().filter(|(_, addon)| waits(addon)).collect();
        all.sort_by_key(|(_, addon)| addon.registration.since);
        let mut by: BTreeMap<String, Vec<&AddonKey>> = BTreeMap::new();
        for (key, _) in all {
            by.entry(self.of_addon(key)).or_default().push(key);
        }
        by
    }

    /// What goes so that one more of a registrant may wait: the oldest of their own where they have enough, and where the list is full
    /// that of whoever has most.
    fn gives_way(&self, held: &Held, by: &str) -> Result<Option<AddonKey>, Unchanged> {
        let waiting = self.waiting(held);
        let is_full = waiting.values().map(Vec::len).sum::<usize>() >= MOST_WAITING;
        let own = waiting.get(by).map_or(&[][..], Vec::as_slice);
        if own.len() < MOST_OF_ONE && !is_full {
            return Ok(None);
        }
        let most = || {
            waiting
                .values()
                .filter(|all| all.len() > 1)
                .max_by_key(|all| all.len())
        };
        let oldest = own.first().or_else(|| most().and_then(|all| all.first()));
        oldest
            .map(|key| Some((*key).clone()))
            .ok_or(Unchanged::TooManyWait)
    }

    /// The changes by which there is room for one more of a registrant.
    ///
    /// # Errors
    /// There is none: as many wait as may, each of somebody else.
    pub fn make_room(&self, held: &Held, by: &str, now: Timestamp) -> Result<Vec<RightsChange>, Unchanged> {
        let Some(key) = self.gives_way(held, by)? else {
            return Ok(Vec::new());
        };
        let known = held.addons.get(&key).ok_or(Unchanged::WrongState)?;
        let (registration, _) = known.registration.clone().give_way(now)?;
        let after = HeldAddon {
            registration,
            ..known.clone()
        };
        tracing::warn!(
            addon = key.as_str(),
            by,
            "a registration that waited has given way to a newer one"
        );
        Ok(ending::changes(held, &key, &after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ScopeSet;
    use crate::access::registration::{Declared, Registration};
    use crate::access::snapshot::AddonKind;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000 + second * 1_000_000)
    }

    /// Registrations that wait, each with who made it, one after the other.
    fn world(all: &[(&str, &str)]) -> (Held, Registrants) {
        let mut held = Held::default();
        let mut registrants = Registrants::default();
        for (second, (key, by)) in (0..).zip(all) {
            let declared = Declared {
                scopes: ScopeSet::EMPTY,
                digest: "d".to_owned(),
                addresses: String::new(),
            };
            let addon = HeldAddon {
                kind: AddonKind::Extension,
                registration: Registration::ask(declared, at(second), 0).unwrap().0,
                held_until: None,
            };
            held.addons.insert(AddonKey::parse(key).unwrap(), addon);
            registrants.0.insert((*key).to_owned(), (*by).to_owned());
        }
        (held, registrants)
    }

    fn gone(all: &[(&str, &str)], by: &str) -> Option<String> {
        let (held, registrants) = world(all);
        let changes = registrants.make_room(&held, by, at(99)).unwrap();
        let after = held.with(&changes).unwrap();
        assert_eq!(after.waiting() + usize::from(!changes.is_empty()), held.waiting());
        let is_gone = |key: &&AddonKey| after.addons[*key].registration.state == AddonState::Uninstalled;
        after
            .addons
            .keys()
            .find(is_gone)
            .map(|key| key.as_str().to_owned())
    }

    #[test]
    fn c7_one_registrant_fills_the_list_for_nobody_and_their_oldest_goes() {
        let own = [("z", "eve"), ("b", "eve"), ("c", "eve"), ("d", "eve")];
        assert_eq!(gone(&own, "eve"), None, "there is room");
        let five = [&own[..], &[("e", "eve")]].concat();
        assert_eq!(gone(&five, "eve").as_deref(), Some("z"), "the oldest of theirs");
        assert_eq!(gone(&five, "ada"), None, "others have room");
    }

    #[test]
    fn c7_where_the_list_is_full_whoever_has_most_gives_way() {
        let names: Vec<String> = (0..MOST_WAITING).map(|number| format!("x{number:02}")).collect();
        let of = |by: fn(usize) -> &'static str| -> Vec<(&str, &str)> {
            let each = names.iter().enumerate();
            each.map(|(number, name)| (name.as_str(), by(number))).collect()
        };
        let four = of(|number| ["ann", "bob", "cat", "dan"][number % 4]);
        assert!(
            gone(&four, "ada").is_some(),
            "of four who hold all of it one has one less"
        );
        assert_eq!(gone(&four, "bob").as_deref(), Some("x01"));
        let (held, _) = world(&four);
        let each = Registrants::default();
        assert_eq!(
            each.make_room(&held, "ada", at(99)).unwrap_err(),
            Unchanged::TooManyWait
        );
    }
}
