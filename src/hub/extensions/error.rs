//! Why something is not done with an extension.

use thiserror::Error;

use super::super::access::edit::EditError;
use super::super::access::held::BadRow;
use super::super::addons::AddonError;
use super::super::safe::SafeError;
use super::outside::OutsideError;
use crate::access::ScopeSet;
use crate::access::principal::InvalidKey;
use crate::access::registration::Unchanged;
use crate::access::scope::UnknownScope;
use crate::ports::hub::HubStoreError;
use crate::wire::connect::{DescriptorProblem, KeyError};

/// Why something is not done with an extension.
#[derive(Debug, Error)]
pub enum ExtensionError {
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// The safe.
    #[error(transparent)]
    Safe(#[from] SafeError),
    /// What is kept of rights.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// Its address.
    #[error("the descriptor cannot be read")]
    Outside(#[from] OutsideError),
    /// What was found there.
    #[error("the descriptor cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Descriptor(Vec<DescriptorProblem>),
    /// One of its scopes.
    #[error("the descriptor asks for what there is not")]
    Scope(#[from] UnknownScope),
    /// One of its scopes gives nothing yet.
    #[error("{}", .0.not_yet_said())]
    NotYet(ScopeSet),
    /// It takes no part in signed calls.
    #[error("the descriptor says `authentication: none`: such an extension could do nothing here")]
    Unauthenticated,
    /// Its registration does not change like this.
    #[error(transparent)]
    Unchanged(#[from] Unchanged),
    /// Its key is not its own.
    #[error("`{0}` is the key of a machine")]
    OtherAddon(String),
    /// Somebody has registered it otherwise.
    #[error("`{0}` is registered already, with another address or for other workspaces")]
    IsThere(String),
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// There is no such extension.
    #[error("there is no extension `{0}`")]
    NotThere(String),
    /// Its descriptor names another.
    #[error("the descriptor is of `{found}` now, which is another extension than `{key}`")]
    OtherKey {
        /// The key that was asked for.
        key: String,
        /// The key that stands in the descriptor.
        found: String,
    },
    /// Somebody else changes it again and again.
    #[error("somebody else changes this extension at the moment")]
    Contended,
    /// Tests of the policy would fail.
    #[error("a test of the policy fails with it: {}", .0.join("; "))]
    Tests(Vec<String>),
    /// The library of keys.
    #[error("no key can be made")]
    Library(#[from] KeyError),
    /// It is not answered like this.
    #[error(transparent)]
    Answer(Box<AddonError>),
    /// The hub does what a file says.
    #[error("this hub is governed by a policy file, which extensions cannot be installed beside")]
    GovernedByFile,
}

impl From<EditError> for ExtensionError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Store(error) => Self::Store(error),
            EditError::Row(error) => Self::Row(error),
            EditError::Tests(failures) => Self::Tests(failures),
        }
    }
}

impl From<AddonError> for ExtensionError {
    fn from(error: AddonError) -> Self {
        match error {
            AddonError::Edit(error) => error.into(),
            AddonError::Unchanged(unchanged) => Self::Unchanged(unchanged),
            AddonError::NotThere { id, .. } => Self::NotThere(id),
            AddonError::NotYet(scopes) => Self::NotYet(scopes),
            other @ (AddonError::Selector(_)
            | AddonError::Unsaid(_)
            | AddonError::Untrustworthy(_)
            | AddonError::EmptyTrust
            | AddonError::TooManyTrusts
            | AddonError::Beyond(_)) => Self::Answer(Box::new(other)),
        }
    }
}

impl ExtensionError {
    /// What helps, where something does.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Safe(error) => error.hint(),
            Self::Outside(OutsideError::Refused { .. }) => {
                Some("an administrator can list that network: `sdm hub --extension-network 10.1.0.0/16`")
            }
            Self::Outside(OutsideError::Port(_)) => {
                Some("an administrator can name the port: `sdm hub --extension-port NUMBER`")
            }
            Self::Outside(OutsideError::Address(_)) => {
                Some("for an extension on this computer, in development: `sdm hub --development`")
            }
            Self::IsThere(_) => Some("whoever may approve extensions may change that"),
            Self::Contended => Some("try again"),
            Self::GovernedByFile => Some("start the hub without `--policy`"),
            Self::Store(_)
            | Self::Row(_)
            | Self::Outside(_)
            | Self::Descriptor(_)
            | Self::Scope(_)
            | Self::NotYet(_)
            | Self::Unauthenticated
            | Self::Unchanged(_)
            | Self::OtherAddon(_)
            | Self::Key(_)
            | Self::NotThere(_)
            | Self::OtherKey { .. }
            | Self::Tests(_)
            | Self::Answer(_)
            | Self::Library(_) => None,
        }
    }

    /// Whether it is the hub's own trouble rather than a wrong wish.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Row(_) | Self::Library(_))
    }
}
