//! Goals in containers: with a real podman, and with a fake engine for what a real one rarely does.

mod autofix;
mod daemon;
mod driver;
mod fake_engine;
mod images;
mod inspect;
mod login;
mod nasty;
mod options;
mod react;
mod real;
mod registry;
mod rootless;
mod story;
