//! The hub, as machines and forges meet it.

mod access;
mod authorizations;
mod browser;
mod commands;
mod consent;
mod crash;
mod custom;
pub mod events;
mod extensions;
mod forge;
mod forge_rights;
mod load;
mod logs;
mod machine;
mod machines;
mod original;
mod pages;
mod people;
mod people_store;
mod replicas;
mod restored;
mod rights;
mod safe;
mod sign_in;
mod store;
mod store_shared;
mod threats;
