//! What can be done at the hub, and what each such operation needs (security model 11); all of them are in [`OPERATIONS`].

mod table;

use super::resource::{Kind, Level};
use super::scope::{Scope, ScopeSet};

pub use table::OPERATIONS;

/// Who may do something at all, before scopes and grants are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everybody, without a credential. Such an operation checks what it is given by itself.
    Open,
    /// An add-on, about itself.
    Own,
    /// Whoever has the scopes and the right.
    Anybody,
    /// Add-ons; people have no use for it.
    Addon,
    /// People in a browser.
    Person,
    /// People in a browser who signed in less than a quarter of an hour ago.
    FreshPerson,
}

/// One row: an operation and what it needs.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// What it does, completing "may not …".
    pub does: &'static str,
    /// Who may do it at all.
    pub who: Who,
    /// Scopes, all of them.
    pub scopes: &'static [Scope],
    /// Sorts of resources it can be about.
    pub kinds: &'static [Kind],
    /// Scopes of which a key of a person must have one to stand for the person here; where there are none, no key does.
    pub keys: &'static [Scope],
    /// Level on the resources.
    pub level: Level,
    /// Whether it can only be done for a proven person.
    pub needs_context: bool,
    /// Whether a token for a page, with the fixed hash, is enough.
    pub allows_page_tokens: bool,
    /// Whether the person must have authorised the hub on the forge.
    pub needs_forge: bool,
    /// Whether it reads secrets, so that it is always recorded.
    pub reads_secrets: bool,
    /// Whether nothing at the hub does it yet: it is named so that policies can be written for it, and gives nothing.
    pub is_not_yet: bool,
}

impl Operation {
    /// The row of an operation; `None` is closed to everybody.
    pub fn find(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|row| row.name == name)
    }

    /// The scopes as a set.
    pub fn required(&self) -> ScopeSet {
        ScopeSet::of(self.scopes)
    }

    /// Whether it changes something, so that an old state of things must not decide over it.
    pub fn changes(&self) -> bool {
        self.level > Level::Read && !matches!(self.who, Who::Open | Who::Own)
    }

    /// Whether an allowed use stands in the audit log; what is not allowed always does (security model 16).
    pub fn is_recorded(&self) -> bool {
        let makes_rights = matches!(self.who, Who::Person | Who::FreshPerson);
        let registers = ["events.subscribe", "command.register", "chat.link"].contains(&self.name);
        self.changes() || self.reads_secrets || makes_rights || registers
    }
}

impl Scope {
    /// Whether nothing at the hub asks for it yet, so that it gives nothing itself: it is neither asked for nor given.
    pub fn is_not_yet(self) -> bool {
        let asks = |row: &&Operation| row.scopes.contains(&self) || row.keys.contains(&self);
        OPERATIONS.iter().filter(asks).all(|row| row.is_not_yet)
    }
}

impl ScopeSet {
    /// Those of its scopes that give nothing yet.
    pub fn not_yet(self) -> Self {
        self.iter().filter(|scope| scope.is_not_yet()).collect()
    }

    /// Why they are neither asked for nor given, where they give nothing yet: for people.
    ///
    /// ```
    /// let scopes = sdm::access::ScopeSet::parse(["deployments:write"])?;
    /// assert_eq!(scopes.not_yet_said(), "deployments:write is not available yet: nothing at this hub asks for it");
    /// # Ok::<(), sdm::access::scope::UnknownScope>(())
    /// ```
    pub fn not_yet_said(self) -> String {
        let names = self.names();
        let (are, them) = match names.len() {
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        let names = names.join(" and ");
        format!("{names} {are} not available yet: nothing at this hub asks for {them}")
    }
}

#[cfg(test)]
mod tests;
