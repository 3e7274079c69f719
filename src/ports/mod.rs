//! The doors outward, as small object-safe traits. The engine sees these and never an adapter.

pub mod authorizations;
pub mod chats;
pub mod checks;
pub mod container_options;
pub mod containers;
pub mod errands;
pub mod executor;
pub mod forges;
pub mod graph;
pub mod hub;
pub mod kept;
pub mod people;
pub mod replicas;
pub mod rights;
pub mod sandbox;
pub mod scm;
pub mod secrets;
pub mod signing;
pub mod statuses;
pub mod store;
pub mod team;
pub mod team_logs;
pub mod told_forges;
pub mod triggers;

pub use errands::{ErrandStore, JobStore, PreferenceStore};
pub use executor::{AttemptRef, Executor};
pub use forges::Forges;
pub use hub::HubStore;
pub use kept::Archives;
pub use replicas::ReplicaStore;
pub use scm::{Scm, Workspaces};
pub use secrets::Secrets;
pub use statuses::StatusStore;
pub use store::Store;
pub use team::TeamStore;
pub use triggers::TriggerStore;
