//! Adapters to places where code lives.

pub mod local;
