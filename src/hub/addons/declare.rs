//! What a machine says of itself when it registers: within what was chosen for its key it is at work at once, less takes effect
//! at once, and more waits for an administrator.

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::edit::{EditError, edit_unasked};
use super::super::access::ending;
use super::super::access::held::{Held, HeldAddon};
use super::super::access::operations::MACHINE_SCOPES;
use super::super::access::rights::scopes;
use super::super::refusal::Refusal;
use super::waiting::Registrants;
use crate::access::handed::digest_of;
use crate::access::registration::{Declared, Effect, Registration as Life, Unchanged};
use crate::access::snapshot::{AddonKind, AddonState};
use crate::access::{AddonKey, PersonId, Principal, Scope, ScopeSet};
use crate::model::Timestamp;
use crate::ports::hub::StoredKey;
use crate::wire::hub::Registration;

/// What a machine asks for with a key.
struct Asked {
    needed: ScopeSet,
    /// What was chosen for the key.
    allowed: ScopeSet,
    /// Whether the machine says itself what it needs, so that less is meant.
    is_said: bool,
}

impl Asked {
    /// What is asked for by an add-on that may do this already.
    fn declared(&self, approved: ScopeSet) -> Declared {
        let scopes = match self.is_said {
            true => self.needed,
            false => self.needed.with(approved),
        };
        Declared {
            digest: digest_of(&scopes.names().join(" ")),
            scopes,
            addresses: String::new(),
        }
    }
}

impl Hub {
    /// Takes in what a machine says that it needs; whether anything has changed.
    pub(in super::super) async fn declare(
        &self,
        caller: &Caller,
        registration: &Registration,
    ) -> Result<bool, Refusal> {
        let Principal::Addon(addon) = caller.principal() else {
            return Ok(false);
        };
        if self.rights().governing_file().is_some() {
            return Ok(false);
        }
        let (asked, now) = (self.asked(caller.key()?, registration), self.now());
        if next(&self.rights().held(), addon, &asked, now).is_ok_and(|next| next.is_none()) {
            return Ok(false);
        }
        let registrants = Registrants::of(&self.store().extensions().await?);
        let told = edit_unasked(self.store(), now, |held| -> Result<_, NotDeclared> {
            let room = match next(held, addon, &asked, now) {
                // Where the list is full, somebody who has several in it has one less.
                Err(Unchanged::TooManyWait) => registrants.make_room(held, caller.owner(), now)?,
                Ok(_) | Err(_) => Vec::new(),
            };
            let held = held.with(&room).map_err(EditError::from)?;
            Ok(match next(&held, addon, &asked, now)? {
                None => (Vec::new(), Vec::new()),
                Some((changed, effects)) => {
                    let own = ending::changes(&held, addon, &changed);
                    (room.into_iter().chain(own).collect(), effects)
                }
            })
        });
        let effects = told.await.map_err(NotDeclared::refusal)?;
        for effect in &effects {
            if let Effect::TellAdministrators(digest) = effect {
                tracing::warn!(
                    addon = addon.as_str(),
                    digest,
                    "an add-on asks for consent: `sdm hub addons`"
                );
            }
        }
        self.rights().refresh(self.store(), now).await?;
        Ok(true)
    }

    fn asked(&self, key: &StoredKey, registration: &Registration) -> Asked {
        let own = scopes(&key.scopes);
        let said = said_by(registration);
        let own_need = said.unwrap_or_else(|| match key.is_chosen {
            true => own,
            // Machines of the original say nothing of scopes: they need what such machines need.
            false => usual().both(own.closure()),
        });
        // Machines are many, and what they say and their keys few.
        let machines = self.known().machines();
        let own_keys = machines
            .said()
            .filter(|(with, _)| self.is_key_of(with, &key.owner));
        let others = own_keys.flat_map(|(_, said)| said);
        let others = others.filter(|said| said.is_of_another_than(&registration.name));
        let others: Vec<Option<ScopeSet>> = others
            .map(|said| needed(said.scopes.as_deref(), said.has_commands))
            .collect();
        Asked {
            // An add-on may be several machines; what one of them needs is not less because another needs less.
            is_said: said.is_some() && others.iter().all(Option::is_some),
            needed: others.into_iter().flatten().fold(own_need, ScopeSet::with),
            allowed: if key.is_chosen { own } else { ScopeSet::EMPTY },
        }
    }

    fn is_key_of(&self, key: &str, owner: &str) -> bool {
        self.rights().owner_of(key).as_deref() == Some(owner)
    }
}

fn usual() -> ScopeSet {
    let known = MACHINE_SCOPES.iter().filter_map(|word| Scope::parse(word).ok());
    known.collect()
}

/// What a machine says that it needs, with what its registration itself needs.
fn said_by(registration: &Registration) -> Option<ScopeSet> {
    needed(registration.scopes.as_deref(), !registration.commands.is_empty())
}

/// The same of what machines say alike.
fn needed(said: Option<&[String]>, has_commands: bool) -> Option<ScopeSet> {
    let mut said = scopes(said?).with(ScopeSet::of(&[Scope::EventsRead]));
    if has_commands {
        said = said.with(ScopeSet::of(&[Scope::CommandsRegister]));
    }
    Some(said)
}

/// Why a declaration is not taken in.
enum NotDeclared {
    Edit(EditError),
    Unchanged(Unchanged),
}

impl From<Unchanged> for NotDeclared {
    fn from(unchanged: Unchanged) -> Self {
        Self::Unchanged(unchanged)
    }
}

impl From<EditError> for NotDeclared {
    fn from(error: EditError) -> Self {
        Self::Edit(error)
    }
}

impl NotDeclared {
    fn refusal(self) -> Refusal {
        match self {
            Self::Edit(error) => error.into(),
            Self::Unchanged(unchanged) => Refusal::busy(unchanged.to_string(), 60),
        }
    }
}

/// What becomes of an add-on that says this of itself; none when nothing changes.
fn next(
    held: &Held,
    addon: &AddonKey,
    asked: &Asked,
    now: Timestamp,
) -> Result<Option<(HeldAddon, Vec<Effect>)>, Unchanged> {
    let by = PersonId::operator();
    let known = held.addons.get(addon);
    let there = known.filter(|known| known.registration.state != AddonState::Uninstalled);
    let approved = there.map_or(ScopeSet::EMPTY, |known| known.registration.approved());
    let declared = asked.declared(approved);
    let (life, effects) = match (known, there) {
        (_, Some(there)) => {
            let before = there.registration.clone();
            before.declare_with_key(declared, asked.allowed, &by, now)?
        }
        (Some(gone), None) if gone.registration.rejected.contains(&declared.digest) => return Ok(None),
        (gone, None) => {
            let rejected = gone.map(|gone| gone.registration.rejected.clone());
            let (mut life, effects) = Life::with_key(declared, asked.allowed, by, now, held.waiting())?;
            life.rejected = rejected.unwrap_or_default();
            (life, effects)
        }
    };
    if known.is_some_and(|known| known.registration == life) {
        return Ok(None);
    }
    let kind = known.map_or(AddonKind::Machine, |known| known.kind);
    let changed = HeldAddon::changed(known, kind, life, &effects);
    Ok(Some((changed, effects)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn words(text: &str) -> ScopeSet {
        ScopeSet::parse(text.split_whitespace()).unwrap()
    }

    fn asked(needed: &str, allowed: &str) -> Asked {
        Asked {
            needed: words(needed),
            allowed: words(allowed),
            is_said: true,
        }
    }

    fn addon() -> AddonKey {
        AddonKey::parse("build").unwrap()
    }

    /// Where the add-on stands, what it may, and what it waits for; what is kept afterwards.
    fn declared(held: &mut Held, asked: &Asked) -> String {
        if let Some((changed, _)) = next(held, &addon(), asked, NOW).unwrap() {
            held.addons.insert(addon(), changed);
        }
        let life = &held.addons[&addon()].registration;
        format!("{} [{}] [{}]", life.state.word(), life.approved(), life.asked())
    }

    #[test]
    fn within_its_key_a_machine_is_at_work_at_once_and_more_waits() {
        let mut held = Held::default();
        let within = asked("events:read goals:write", "events:read goals:write graph:read");
        assert_eq!(
            declared(&mut held, &within),
            "active [events:read goals:write] []"
        );
        assert!(
            next(&held, &addon(), &within, NOW).unwrap().is_none(),
            "the same again changes nothing"
        );
        let more = asked("events:read graph:read repo:write", "events:read graph:read");
        assert_eq!(
            declared(&mut held, &more),
            "active [events:read graph:read] [repo:write]",
            "less counts at once, what was chosen too, and the rest waits"
        );
        let beyond = asked("events:read goals:write", "events:read");
        assert_eq!(declared(&mut held, &beyond), "active [events:read] [goals:write]");
    }

    #[test]
    fn without_a_choice_everything_waits_and_a_rejected_wish_does_not_ask_again() {
        let mut held = Held::default();
        let nothing = asked("events:read", "");
        assert_eq!(declared(&mut held, &nothing), "pending [] [events:read]");
        let known = held.addons.get_mut(&addon()).unwrap();
        known.registration = known.registration.clone().reject(NOW).unwrap().0;
        assert_eq!(declared(&mut held, &nothing), "uninstalled [] []");
        let other = asked("events:read graph:read", "");
        assert_eq!(declared(&mut held, &other), "pending [] [events:read graph:read]");
    }

    #[test]
    fn a_machine_that_says_nothing_keeps_what_it_has() {
        let mut held = Held::default();
        let silent = Asked {
            is_said: false,
            ..asked("events:read graph:read", "events:read graph:read")
        };
        assert_eq!(declared(&mut held, &silent), "active [events:read graph:read] []");
        let narrower = Asked {
            is_said: false,
            ..asked("events:read", "events:read")
        };
        assert_eq!(
            declared(&mut held, &narrower),
            "active [events:read graph:read] []"
        );
    }
}
