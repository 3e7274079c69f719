//! The life of an add-on's registration: consent, escalation, reduction, and its end (security model 14).
//!
//! A [`Registration`] changes only by its methods; each gives what must be done because of it, to be stored with the new state
//! and done afterwards. What was approved keeps working while more is asked for, and less takes effect at once.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;

use crate::model::Timestamp;

use super::principal::PersonId;
use super::scope::{SCOPES, Scope, ScopeSet, Sensitivity};
use super::snapshot::AddonState;

/// How long a registration waits for an administrator.
pub const WAITS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Most registrations that wait at once.
pub const MOST_WAITING: usize = 20;

/// How long events are held for an add-on that is disabled.
pub const EVENTS_HELD: Duration = Duration::from_secs(24 * 60 * 60);

/// What an add-on says of itself, as far as it needs consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Scopes that it asks for.
    pub scopes: ScopeSet,
    /// SHA-256 of its descriptor or registration.
    pub digest: String,
    /// Its base address and its hooks and how it authenticates, in one text that changes when any of them does.
    pub addresses: String,
}

/// What an administrator agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// What: these scopes and no others.
    pub scopes: ScopeSet,
    /// SHA-256 of what was shown.
    pub digest: String,
    /// Addresses that may be called.
    pub addresses: String,
    /// Counts changes of the approval.
    pub version: u64,
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where it stands.
    pub state: AddonState,
    /// Since when.
    pub since: Timestamp,
    /// What was agreed to; none while nobody has.
    pub approval: Option<Approval>,
    /// What it asks for and nobody has agreed to yet.
    pub wish: Option<Declared>,
    /// Digests of wishes that were rejected; they do not ask again.
    pub rejected: BTreeSet<String>,
}

/// What must be done because a registration changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Administrators are told of a wish, once for its digest.
    TellAdministrators(String),
    /// The install handshake is made with these addresses.
    Install(String),
    /// The add-on is told that it is at work again.
    Enabled,
    /// The add-on is told that it is switched off.
    Disabled,
    /// The add-on is told that it is gone: best effort, three tries.
    Uninstalled,
    /// Its tokens and connections end within five seconds.
    EndConnections,
    /// Events for it are held until then.
    HoldEvents(Timestamp),
    /// Its secrets are destroyed; its audit remains.
    DestroySecrets,
}

/// Why a registration does not change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unchanged {
    /// Something changed between the display and the click.
    #[error("the add-on has changed since this was shown; look at it again")]
    ShownOther,
    /// More was agreed to than was asked for.
    #[error("the add-on does not ask for {0}")]
    NotAsked(ScopeSet),
    /// A scope of high sensitivity has no tick of its own.
    #[error("{0} must be agreed to one by one")]
    NotTicked(ScopeSet),
    /// Nothing waits for an answer.
    #[error("nothing waits for an answer")]
    NothingAsked,
    /// It stands elsewhere.
    #[error("the add-on is not in a state in which this can be done")]
    WrongState,
    /// Too many wait already.
    #[error("{MOST_WAITING} registrations wait for an administrator already")]
    TooManyWait,
}

/// A change and what must be done because of it.
pub type Changed = Result<(Registration, Vec<Effect>), Unchanged>;

/// An administrator's answer to a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of what was shown.
    pub shown: String,
    /// What of it is agreed to; it may be less than was asked for.
    pub scopes: ScopeSet,
    /// Scopes of high sensitivity that have a tick of their own.
    pub ticked: ScopeSet,
}

impl Registration {
    /// A new registration, which waits for an administrator.
    ///
    /// # Errors
    /// Too many wait.
    pub fn ask(declared: Declared, now: Timestamp, waiting: usize) -> Changed {
        if waiting >= MOST_WAITING {
            return Err(Unchanged::TooManyWait);
        }
        let effects = vec![Effect::TellAdministrators(declared.digest.clone())];
        let registration = Self {
            state: AddonState::Pending,
            since: now,
            approval: None,
            wish: Some(declared),
            rejected: BTreeSet::new(),
        };
        Ok((registration, effects))
    }

    /// A new registration with a key for which an administrator chose `allowed`: within that it is at work at once, and what
    /// goes beyond waits.
    ///
    /// # Errors
    /// It is not within, and too many wait.
    pub fn with_key(
        declared: Declared,
        allowed: ScopeSet,
        by: PersonId,
        now: Timestamp,
        waiting: usize,
    ) -> Changed {
        let within = declared.scopes.closure().both(allowed.closure());
        let missing = declared.scopes.without(within);
        if within.is_empty() && !missing.is_empty() {
            return Self::ask(declared, now, waiting);
        }
        let approval = Approval {
            by,
            at: now,
            scopes: declared.scopes.both(within),
            digest: declared.digest.clone(),
            addresses: declared.addresses.clone(),
            version: 1,
        };
        let wish = (!missing.is_empty()).then_some(declared);
        let effects = wish
            .iter()
            .map(|wish| Effect::TellAdministrators(wish.digest.clone()));
        let effects = effects.collect();
        let registration = Self {
            state: AddonState::Active,
            since: now,
            approval: Some(approval),
            wish,
            rejected: BTreeSet::new(),
        };
        Ok((registration, effects))
    }

    /// Scopes that count.
    pub fn approved(&self) -> ScopeSet {
        self.approval
            .as_ref()
            .map_or(ScopeSet::EMPTY, |approval| approval.scopes)
    }

    /// Scopes that it asks for and does not have.
    pub fn asked(&self) -> ScopeSet {
        let wish = self.wish.as_ref().map_or(ScopeSet::EMPTY, |wish| wish.scopes);
        wish.without(self.approved().closure())
    }

    /// The add-on says something else of itself. Less takes effect at once; more, and other addresses, wait.
    ///
    /// # Errors
    /// It is gone.
    pub fn declare(mut self, declared: Declared) -> Changed {
        let Some(approval) = &mut self.approval else {
            return self.declare_while_waiting(declared);
        };
        if self.state == AddonState::Uninstalled {
            return Err(Unchanged::WrongState);
        }
        let kept = approval.scopes.both(declared.scopes.closure());
        if kept != approval.scopes {
            approval.scopes = kept;
            approval.version += 1;
        }
        let is_wider = !declared.scopes.without(approval.scopes.closure()).is_empty();
        let is_elsewhere = declared.addresses != approval.addresses;
        // Whoever agreed to less than this has answered it.
        let is_answered = self.wish.is_none() && declared.digest == approval.digest && !is_elsewhere;
        if is_answered || !(is_wider || is_elsewhere) {
            approval.digest = declared.digest;
            self.wish = None;
            return Ok((self, Vec::new()));
        }
        let is_new = self
            .wish
            .as_ref()
            .is_none_or(|wish| wish.digest != declared.digest);
        let asks = is_new && !self.rejected.contains(&declared.digest);
        let effects = asks.then(|| Effect::TellAdministrators(declared.digest.clone()));
        self.wish = (!self.rejected.contains(&declared.digest)).then_some(declared);
        Ok((self, effects.into_iter().collect()))
    }

    /// The same from a machine with a key for which an administrator chose `allowed`: what it asks for within that was agreed to
    /// when the key was made.
    ///
    /// # Errors
    /// It is gone.
    pub fn declare_with_key(
        self,
        declared: Declared,
        allowed: ScopeSet,
        by: &PersonId,
        now: Timestamp,
    ) -> Changed {
        let (mut after, mut effects) = self.declare(declared)?;
        let (Some(wish), Some(approval)) = (&after.wish, &mut after.approval) else {
            return Ok((after, effects));
        };
        let within = wish.scopes.both(allowed.closure());
        if !within.without(approval.scopes.closure()).is_empty() {
            approval.scopes = approval.scopes.with(within);
            approval.version += 1;
            approval.by = by.clone();
            approval.at = now;
        }
        let is_covered = wish.scopes.without(approval.scopes.closure()).is_empty();
        if is_covered && wish.addresses == approval.addresses {
            approval.digest.clone_from(&wish.digest);
            after.wish = None;
            effects.clear();
        }
        Ok((after, effects))
    }

    fn declare_while_waiting(mut self, declared: Declared) -> Changed {
        if self.state != AddonState::Pending {
            return Err(Unchanged::WrongState);
        }
        let is_new = self
            .wish
            .as_ref()
            .is_none_or(|wish| wish.digest != declared.digest);
        let effects = is_new.then(|| Effect::TellAdministrators(declared.digest.clone()));
        self.wish = Some(declared);
        Ok((self, effects.into_iter().collect()))
    }

    /// An administrator agrees, perhaps to less. Other addresses are called only after a new install handshake.
    ///
    /// # Errors
    /// Something else was shown, more was agreed to than asked for, or a tick is missing.
    pub fn approve(mut self, consent: Consent) -> Changed {
        let wish = self.wish.take().ok_or(Unchanged::NothingAsked)?;
        if self.state == AddonState::Uninstalled {
            return Err(Unchanged::WrongState);
        }
        if wish.digest != consent.shown {
            return Err(Unchanged::ShownOther);
        }
        let beyond = consent.scopes.without(wish.scopes);
        if !beyond.is_empty() {
            return Err(Unchanged::NotAsked(beyond));
        }
        let unticked = high(consent.scopes.without(self.approved())).without(consent.ticked);
        if !unticked.is_empty() {
            return Err(Unchanged::NotTicked(unticked));
        }
        let before = self.approval.as_ref();
        let is_elsewhere = before.is_none_or(|approval| approval.addresses != wish.addresses);
        let effects = is_elsewhere.then(|| Effect::Install(wish.addresses.clone()));
        if self.state == AddonState::Pending {
            self.state = AddonState::Active;
            self.since = consent.at;
        }
        self.approval = Some(Approval {
            version: before.map_or(0, |approval| approval.version) + 1,
            by: consent.by,
            at: consent.at,
            scopes: consent.scopes,
            digest: wish.digest,
            addresses: wish.addresses,
        });
        Ok((self, effects.into_iter().collect()))
    }

    /// The install handshake that an approval asked for was not taken: what was agreed to waits again. `before` are the addresses
    /// and the digest that were in force; a first approval never was.
    ///
    /// # Errors
    /// It is not at work.
    pub fn not_installed(
        mut self,
        wish: Declared,
        before: Option<(String, String)>,
        now: Timestamp,
    ) -> Changed {
        if self.state != AddonState::Active {
            return Err(Unchanged::WrongState);
        }
        match (before, &mut self.approval) {
            (Some((addresses, digest)), Some(approval)) => {
                approval.addresses = addresses;
                approval.digest = digest;
            }
            (_, approval) => {
                *approval = None;
                self.state = AddonState::Pending;
                self.since = now;
            }
        }
        self.wish = Some(wish);
        Ok((self, Vec::new()))
    }

    /// An administrator does not agree: all stays as it is, and the same wish does not ask again.
    ///
    /// # Errors
    /// Nothing is asked.
    pub fn reject(mut self, now: Timestamp) -> Changed {
        let wish = self.wish.take().ok_or(Unchanged::NothingAsked)?;
        self.rejected.insert(wish.digest);
        if self.state == AddonState::Pending {
            self.state = AddonState::Uninstalled;
            self.since = now;
        }
        Ok((self, Vec::new()))
    }

    /// Nobody answered for a week.
    ///
    /// # Errors
    /// It does not wait, or not so long.
    pub fn expire(mut self, now: Timestamp) -> Changed {
        if self.state != AddonState::Pending || now.since(self.since) < WAITS {
            return Err(Unchanged::WrongState);
        }
        self.state = AddonState::Uninstalled;
        self.since = now;
        self.wish = None;
        Ok((self, Vec::new()))
    }

    /// Another one waits in its place.
    ///
    /// # Errors
    /// It does not wait.
    pub fn give_way(mut self, now: Timestamp) -> Changed {
        if self.state != AddonState::Pending {
            return Err(Unchanged::WrongState);
        }
        self.state = AddonState::Uninstalled;
        self.since = now;
        self.wish = None;
        Ok((self, Vec::new()))
    }

    /// An administrator switches it off.
    ///
    /// # Errors
    /// It is not at work.
    pub fn disable(mut self, now: Timestamp) -> Changed {
        if self.state != AddonState::Active {
            return Err(Unchanged::WrongState);
        }
        self.state = AddonState::Disabled;
        self.since = now;
        let effects = vec![
            Effect::EndConnections,
            Effect::HoldEvents(now.plus(EVENTS_HELD)),
            Effect::Disabled,
        ];
        Ok((self, effects))
    }

    /// An administrator switches it on again.
    ///
    /// # Errors
    /// It is not switched off.
    pub fn enable(mut self, now: Timestamp) -> Changed {
        if self.state != AddonState::Disabled {
            return Err(Unchanged::WrongState);
        }
        self.state = AddonState::Active;
        self.since = now;
        Ok((self, vec![Effect::Enabled]))
    }

    /// An administrator removes it. The hook is signed before the secrets are destroyed, and the removal does not wait for it.
    ///
    /// # Errors
    /// It is gone already.
    pub fn uninstall(mut self, now: Timestamp) -> Changed {
        if self.state == AddonState::Uninstalled {
            return Err(Unchanged::WrongState);
        }
        let was_installed = self.approval.is_some();
        self.state = AddonState::Uninstalled;
        self.since = now;
        self.wish = None;
        let hook = was_installed.then_some(Effect::Uninstalled);
        let ends = [Effect::EndConnections, Effect::DestroySecrets];
        Ok((self, hook.into_iter().chain(ends).collect()))
    }
}

/// Those of high sensitivity.
fn high(scopes: ScopeSet) -> ScopeSet {
    scopes
        .iter()
        .filter(|scope| scope.row().sensitivity == Sensitivity::High)
        .collect()
}

/// What a consent screen says of a wish: sentences with their sensitivity, what is new first, and what the add-on cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Scopes that it does not have yet.
    pub new: Vec<Scope>,
    /// Scopes that it has and keeps.
    pub kept: Vec<Scope>,
    /// Scopes that it gives up.
    pub given_up: Vec<Scope>,
    /// Scopes that it would not have even then.
    pub never: Vec<Scope>,
}

impl Explained {
    /// What a wish means for who has `approved` already.
    pub fn of(approved: ScopeSet, wish: ScopeSet) -> Self {
        let list = |scopes: ScopeSet| {
            let mut list: Vec<Scope> = scopes.iter().collect();
            list.sort_by_key(|scope| std::cmp::Reverse(scope.row().sensitivity));
            list
        };
        let all: ScopeSet = SCOPES.iter().map(|row| row.scope).collect();
        Self {
            new: list(wish.without(approved)),
            kept: list(wish.both(approved)),
            given_up: list(approved.without(wish)),
            never: list(all.without(wish.closure())),
        }
    }
}

#[cfg(test)]
mod tests;
