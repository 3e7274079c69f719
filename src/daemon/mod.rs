//! The long-running processes: wirings of the engine, and nothing else.
//!
//! Begin with [`local`]: it builds each adapter in the order in which things depend on each other and hands them to
//! the engine; [`team`] is what a hub adds to that. Nothing below this room knows a concrete adapter.

pub mod collector;
mod completion;
mod containers;
pub mod control;
pub mod database;
pub mod environment;
pub mod files;
pub mod goal_files;
pub mod goal_lock;
pub mod local;
mod network;
pub mod offline;
pub mod people;
pub mod references;
pub mod repositories;
mod shipped;
mod signing;
pub mod state;
pub mod team;
mod traces;
