//! Add-ons through their life at this hub: what they say of themselves, what administrators answer, and what follows from it
//! (security model 12 and 14).
//!
//! [`declare`] is what a machine's registration changes, [`answers`] what an administrator decides over an add-on, [`giving`] what
//! one gives and takes, within what [`beyond`] leaves; all of them work on the memory alone, so that the operator's commands and the
//! routes are one. [`waiting`] is how many wait at once, and [`routes`] how they are asked over HTTP.

mod administration;
pub mod answers;
pub mod beyond;
mod declare;
pub mod giving;
pub mod operations;
pub mod policy;
mod routes;
pub mod tell;
pub mod terms;
mod trusting;
pub mod views;
pub mod waiting;

use thiserror::Error;

use super::access::edit::EditError;
use super::access::held::BadRow;
use super::access::numbers::{NotPlaced, Unsaid};
use crate::access::ScopeSet;
use crate::access::federation::UntrustworthyIssuer;
use crate::access::registration::Unchanged;
use crate::access::resource::InvalidSelector;
use crate::ports::hub::HubStoreError;

pub(super) use routes::routes;

/// Why something about an add-on is not done.
#[derive(Debug, Error)]
pub enum AddonError {
    /// What is kept does not change.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It does not fit to where the add-on stands.
    #[error(transparent)]
    Unchanged(#[from] Unchanged),
    /// Nothing of this name.
    #[error("there is no {what} `{}`", .id.escape_debug())]
    NotThere {
        /// What.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A selector that is none.
    #[error(transparent)]
    Selector(#[from] InvalidSelector),
    /// A place that says no forge.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// An issuer that would let in strangers.
    #[error("the issuer cannot be trusted so: {0}")]
    Untrustworthy(#[source] UntrustworthyIssuer),
    /// A trust that gives nothing.
    #[error("name what its jobs may do, and in which workspace")]
    EmptyTrust,
    /// Too much trust.
    #[error("{} issuers are trusted already; take one away first", terms::MOST_TRUSTS)]
    TooManyTrusts,
    /// An administrator gives what the forge does not give them.
    #[error("you do not have this on the forge yourself: {}", .0.join(", "))]
    Beyond(Vec<String>),
    /// What nothing here asks for yet.
    #[error("{}", .0.not_yet_said())]
    NotYet(ScopeSet),
}

impl From<HubStoreError> for AddonError {
    fn from(error: HubStoreError) -> Self {
        EditError::from(error).into()
    }
}

impl From<NotPlaced> for AddonError {
    fn from(error: NotPlaced) -> Self {
        match error {
            NotPlaced::Store(error) => error.into(),
            NotPlaced::Unsaid(error) => error.into(),
        }
    }
}

impl From<BadRow> for AddonError {
    fn from(error: BadRow) -> Self {
        EditError::from(error).into()
    }
}
