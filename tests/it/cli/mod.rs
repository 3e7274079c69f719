//! The program as people and scripts meet it: the real binary, real git, a whole small daemon.
mod audit;
mod conversation;
mod daemon;
mod hooks;
mod policy;
mod program;
mod sandbox;
mod trust;
