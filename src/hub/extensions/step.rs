//! What is to be done with an extension next, told from how things stand and from nothing else: a hub that was killed in the
//! middle, or another one, finds the same.

use super::super::access::held::HeldAddon;
use crate::access::snapshot::AddonState;
use crate::model::Timestamp;
use crate::ports::hub::extensions::StoredExtension;
use crate::wire::connect::Event;

/// How often an extension is told something that it does not take.
pub const TRIES: u32 = 3;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing, or not yet.
    Nothing,
    /// What was agreed to is in force: its addresses are those that it was installed with.
    TakeOver,
    /// It is handed a secret at the addresses that were agreed to.
    Install,
    /// It is handed another secret at the addresses that are in force.
    Rotate,
    /// It is told of its life.
    Tell(Event),
    /// It was told often enough.
    GiveUp(Event),
    /// Its secrets and tokens are destroyed.
    Destroy,
}

/// What the wished descriptor is, if one waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wished<'a> {
    /// Its digest; empty when none waits.
    pub digest: &'a str,
    /// Its addresses.
    pub addresses: &'a str,
}

/// What is to be done next.
pub fn next_step(extension: &StoredExtension, addon: &HeldAddon, wished: Wished<'_>, now: Timestamp) -> Step {
    if extension.not_before.is_some_and(|moment| now < moment) {
        return Step::Nothing;
    }
    match addon.registration.state {
        AddonState::Pending => Step::Nothing,
        AddonState::Uninstalled => end(extension),
        AddonState::Active => {
            let approval = addon.registration.approval.as_ref();
            let is_agreed = approval
                .is_some_and(|approval| !wished.digest.is_empty() && approval.digest == wished.digest);
            if is_agreed && wished.addresses == extension.installed {
                Step::TakeOver
            } else if is_agreed {
                Step::Install
            } else if extension.installed.is_empty() {
                Step::Nothing
            } else if extension.wants_secret {
                Step::Rotate
            } else {
                tell(extension, Event::Enabled)
            }
        }
        AddonState::Disabled if extension.installed.is_empty() => Step::Nothing,
        AddonState::Disabled => tell(extension, Event::Disabled),
    }
}

fn tell(extension: &StoredExtension, event: Event) -> Step {
    if extension.told == event.word() {
        Step::Nothing
    } else if extension.attempts >= TRIES {
        Step::GiveUp(event)
    } else {
        Step::Tell(event)
    }
}

/// Secrets go first: nothing that was signed counts while it is told.
fn end(extension: &StoredExtension) -> Step {
    let has_secrets = [&extension.current, &extension.previous, &extension.next];
    if has_secrets.iter().any(|id| !id.is_empty()) {
        Step::Destroy
    } else if extension.installed.is_empty() {
        Step::Nothing
    } else {
        tell(extension, Event::Uninstalled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::registration::{Consent, Declared, Registration};
    use crate::access::snapshot::AddonKind;
    use crate::access::{PersonId, ScopeSet};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
    const WISHED: Wished<'static> = Wished {
        digest: "d",
        addresses: "a",
    };

    fn held(registration: Registration) -> HeldAddon {
        HeldAddon {
            kind: AddonKind::Extension,
            registration,
            held_until: None,
        }
    }

    fn pending() -> Registration {
        let declared = Declared {
            scopes: ScopeSet::EMPTY,
            digest: "d".to_owned(),
            addresses: "a".to_owned(),
        };
        Registration::ask(declared, NOW, 0).unwrap().0
    }

    fn active() -> Registration {
        let consent = Consent {
            by: PersonId::parse("root").unwrap(),
            at: NOW,
            shown: "d".to_owned(),
            scopes: ScopeSet::EMPTY,
            ticked: ScopeSet::EMPTY,
        };
        pending().approve(consent).unwrap().0
    }

    fn installed(told: &str) -> StoredExtension {
        StoredExtension {
            installed: "a".to_owned(),
            current: "s".to_owned(),
            told: told.to_owned(),
            ..StoredExtension::default()
        }
    }

    fn next(extension: &StoredExtension, registration: Registration, wished: Wished<'_>) -> Step {
        next_step(extension, &held(registration), wished, NOW)
    }

    #[test]
    fn an_extension_is_installed_once_it_was_agreed_to_and_then_told() {
        let new = StoredExtension::default();
        assert_eq!(next(&new, pending(), WISHED), Step::Nothing);
        assert_eq!(next(&new, active(), WISHED), Step::Install);
        let busy = StoredExtension {
            not_before: Some(NOW.plus(std::time::Duration::from_secs(1))),
            ..StoredExtension::default()
        };
        assert_eq!(next(&busy, active(), WISHED), Step::Nothing);
        assert_eq!(next(&installed(""), active(), WISHED), Step::TakeOver);
        let settled = Wished::default();
        assert_eq!(
            next(&installed(""), active(), settled),
            Step::Tell(Event::Enabled)
        );
        assert_eq!(next(&installed("enabled"), active(), settled), Step::Nothing);
        let rotating = StoredExtension {
            wants_secret: true,
            ..installed("enabled")
        };
        assert_eq!(next(&rotating, active(), settled), Step::Rotate);
    }

    #[test]
    fn f4_a_wish_that_nobody_agreed_to_changes_nothing() {
        let moved = Wished {
            digest: "other",
            addresses: "elsewhere",
        };
        assert_eq!(next(&installed("enabled"), active(), moved), Step::Nothing);
    }

    #[test]
    fn an_end_destroys_secrets_first_and_tells_three_times() {
        let gone = || active().uninstall(NOW).unwrap().0;
        let settled = Wished::default();
        assert_eq!(next(&installed("enabled"), gone(), settled), Step::Destroy);
        let mut bare = StoredExtension {
            current: String::new(),
            ..installed("enabled")
        };
        for attempts in 0..TRIES {
            bare.attempts = attempts;
            assert_eq!(next(&bare, gone(), settled), Step::Tell(Event::Uninstalled));
        }
        bare.attempts = TRIES;
        assert_eq!(next(&bare, gone(), settled), Step::GiveUp(Event::Uninstalled));
        assert_eq!(next(&StoredExtension::default(), gone(), settled), Step::Nothing);
        let off = active().disable(NOW).unwrap().0;
        assert_eq!(
            next(&installed("enabled"), off, settled),
            Step::Tell(Event::Disabled)
        );
    }
}
