//! Who may do what: one evaluation, one operation table, and the policy they read (security model 10 to 13 and 17).
//!
//! [`decide`] is the room: it takes what is known of a [`Request`], the row of its [`Operation`], and an immutable
//! [`Snapshot`] of approvals, grants and people, and gives a [`Decision`] with its reason and the rule that decided. It has
//! no clock, no store and no network. Begin with [`scope`] for what an add-on may ask for at all, [`resource`] for where,
//! and [`operation`] for the table that every route, field and message must be in. [`Refusal`] is what people and programs
//! are told, [`effective`] what an administrator asks, [`policy`] what administrators write, and [`audit`] what is kept of it.
//!
//! Rights are an intersection: scopes of the add-on, limit of the credential, grants of its add-on user, and the rights of
//! the person for whom it acts. Deny beats allow in any order, and what nobody allowed is denied.

pub mod audit;
pub mod decision;
pub mod effective;
mod evaluate;
pub mod federation;
pub mod forge;
pub mod handed;
pub mod narrow;
pub mod operation;
pub mod policy;
pub mod principal;
mod refusal;
pub mod registration;
pub mod request;
pub mod resource;
pub mod scope;
pub mod snapshot;
pub mod terms;

#[cfg(test)]
mod tests;

pub use decision::{Decision, Reason, Rule};
pub use evaluate::{Admitted, SNAPSHOT_COUNTS, admit, decide};
pub use operation::{OPERATIONS, Operation};
pub use principal::{AddonKey, PersonId, Principal};
pub use refusal::Refusal;
pub use request::{Context, Credential, Identity, Limit, Means, Request};
pub use resource::{Level, Resource, Selector};
pub use scope::{Scope, ScopeSet};
pub use snapshot::{Addon, Grant, Person, Right, Snapshot};
pub use terms::{Term, Terms};
