//! Adapter: the secrets of the configuration (semantics 3.20).
//!
//! A secret is read when a goal asks for it and forgotten afterwards; only what a command answered is kept for a short
//! while. Who may have which is decided in [`audience`], before anything is read. Values that stand encrypted in files
//! are opened by [`sealed`]; what a hub keeps in its database is encrypted by [`envelope`], with a [`master_key`] from outside.
//! [`jws`] signs goals.

mod audience;
pub mod envelope;
pub mod jws;
pub mod master_key;
pub mod sealed;
mod source;
mod vault;

pub use vault::Vault;
