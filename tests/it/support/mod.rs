//! Whole fakes and real counterparts for the integration tests.

pub mod bad_wire;
pub mod browser;
pub mod expected;
pub mod fake_bucket;
pub mod fake_collector;
pub mod fake_executor;
pub mod fake_github;
pub mod fake_hook;
pub mod fake_hub;
pub mod fake_provider;
pub mod fake_registry;
pub mod fake_scm;
pub mod git_servers;
pub mod local;
pub mod machine;
pub mod podman;
pub mod postgres;
pub mod remains;
