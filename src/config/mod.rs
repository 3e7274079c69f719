//! Configuration of the processes: layered, strict, printable.
//!
//! [`load`] reads every layer once — flags, `SDM_*` environment, `./sdm.yaml`, the user's file, the system's file,
//! defaults — and gives one [`Configuration`] of plain values. Every value remembers where it came from
//! ([`Configuration::entries`]), so `sdm doctor --config` can say why something is as it is. What the process knows of
//! the outside (environment, working directory, home) enters through [`Sources`]; nothing else reads it.

mod containers;
mod database;
mod directories;
mod environment;
mod error;
mod file_store;
mod forges;
mod hub;
mod keys;
mod layer;
mod load;
mod otlp;
mod references;
mod resolve;
mod running;
mod secrets;
mod signing;
mod sources;
#[cfg(test)]
mod tests;
mod units;

pub use containers::{AllowEntry, ContainerEntry};
pub use directories::{create_private_directory, default_socket, default_state_directory, private_directory};
pub use environment::{VARIABLES, unknown_variables};
pub use error::ConfigError;
pub use file_store::FileStoreEntry;
pub use forges::{ForgeEntry, Statuses};
pub use hub::{HubEntry, InWhoseName};
pub use keys::keys;
pub use layer::{Flags, LogFormat, LoginEntry, PersonEntry, SandboxChoice, TrustPolicy};
pub use load::load;
pub use otlp::CollectorEntry;
pub use resolve::{Configuration, Entry, Limits, Origin, Sandboxes};
pub use running::MockEntry;
pub use secrets::{Hidden, SecretEntry, SecretSource};
pub use signing::{SigningChoice, SigningEntry};
pub use sources::Sources;
