//! Adapter: repositories by way of libgit2.
//!
//! Begin with [`adapter`], which puts the ports over the rest. The network half: [`address`], [`network`], [`transport`],
//! [`mirror`]. The local half: [`heads`], [`commits`], [`changes`], [`view`], [`workspace`], [`watch`], [`identity`];
//! [`push`] writes, [`working_copy`] commits what a goal changed; [`direct`] and [`snapshot`] answer for a repository without a mirror.

pub mod adapter;
pub mod address;
pub mod changes;
pub mod commits;
mod difference;
pub mod direct;
#[cfg(test)]
mod fixture;
pub mod heads;
pub mod history;
pub mod identity;
mod listing;
pub mod logins;
#[cfg(test)]
mod measure;
pub mod mirror;
pub mod network;
mod objects;
mod origin;
mod push;
pub mod remote;
pub mod snapshot;
mod tags;
pub mod transport;
mod tree;
pub mod view;
pub mod watch;
pub mod working_copy;
pub mod workspace;

pub use adapter::Git;
