//! The acceptance cases of goal sets (semantics 9.3) and what must hold for every history.

mod fixture;
mod people;
mod properties;
mod queueing;
mod settling;
mod states;
mod table;
mod threats;
