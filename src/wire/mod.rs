//! Messages between the daemon and those who talk to it. Versioned serde types only.

pub mod commands;
pub mod compare;
pub mod connect;
pub mod control;
pub mod explain;
pub mod hub;
pub mod oauth;
pub mod oidc;
pub mod prediction;
pub mod views;
