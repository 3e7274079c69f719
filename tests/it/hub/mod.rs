//! The hub, as machines and forges meet it.

mod events;
mod machine;
mod machines;
mod store;
