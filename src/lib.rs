//! `sdm`: a self-hosted software delivery machine. This is the map of the house.
//!
//! A room may use rooms on lower floors, never a neighbour on its own floor and never upwards; adapters (floor 5) look
//! no higher than [`ports`]. `tests/it/house.rs` holds the floors as data and reads the code against them.
//!
//! | Floor | Room | Purpose |
//! |---|---|---|
//! | 0 | [`model`] | the domain, pure: ids, push, goal, goal set and their transitions, definitions, descriptors |
//! | 1 | [`runtime`] | clock, identity, tasks, lifecycle, telemetry |
//! | 1 | [`spec`] | goal files in; definitions or diagnostics out |
//! | 1 | [`rules`] | (push, project view) → plan plus the reasons |
//! | 1 | [`wire`] | messages between the daemon and those who talk to it |
//! | 1 | [`config`] | configuration: layered, strict, printable |
//! | 2 | [`ports`] | the doors outward, as small traits |
//! | 2 | [`access`] | who may do what: scopes, grants, the operation table and the one evaluation |
//! | 3 | [`kinds`] | what each goal kind does |
//! | 3 | [`graph`] | the event graph: questions and their answers |
//! | 4 | [`engine`] | ingest → plan → schedule → dispatch → report |
//! | 5 | [`store`], [`git`], [`scm`], [`exec`], [`files`], [`secrets`] | adapters |
//! | 6 | [`daemon`] | the processes: wirings of the engine |
//! | 6 | [`hub`] | the process that machines, forges and people share |
//! | 6 | [`own`] | what this program does as a step of a goal |
//! | 7 | [`cli`] | one file per command |
//!
//! A push walks down one line: trigger → ingest → view → rules → store → schedule → kind → exec → goal event →
//! store → report.

pub mod access;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod exec;
pub mod files;
pub mod git;
pub mod graph;
pub mod hub;
pub mod kinds;
pub mod model;
pub mod own;
pub mod ports;
pub mod rules;
pub mod runtime;
pub mod scm;
pub mod secrets;
pub mod spec;
pub mod store;
pub mod wire;
