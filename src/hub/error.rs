//! Why a hub cannot run.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::access::rights::RightsError;
use super::addons::AddonError;
use super::extensions::ExtensionError;
use crate::ports::hub::HubStoreError;

/// Why a hub cannot run.
#[derive(Debug, Error)]
pub enum HubError {
    /// Its memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// Who may do what.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// What is kept of that.
    #[error(transparent)]
    Edit(#[from] AddonError),
    /// What it needs for extensions.
    #[error("extensions cannot be reached")]
    Extensions(#[from] ExtensionError),
    /// Another hub has its memory.
    #[error("another hub runs on {}", .0.display())]
    InUse(PathBuf),
    /// Nothing can be made beside its memory.
    #[error("failed to use the place of the hub's memory")]
    Place(#[source] std::io::Error),
    /// Its place to listen.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}
