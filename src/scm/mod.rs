//! Adapters to places where code lives.

pub mod github;
pub mod local;
