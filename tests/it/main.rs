//! The one integration binary: a topic per file. All is `cfg(test)`, so that helpers of tests may unwrap and print too.
#![expect(
    unreachable_pub,
    reason = "a binary has no outside; `pub` here means: for the other topics"
)]

#[cfg(test)]
mod author;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod builtin;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod errands;
#[cfg(test)]
mod example_runs;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod files;
#[cfg(test)]
mod generators;
#[cfg(test)]
mod generators_at_forges;
#[cfg(test)]
mod git_network;
#[cfg(test)]
mod hostile_input;
#[cfg(test)]
mod house;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod local;
#[cfg(test)]
mod local_doors;
#[cfg(test)]
mod local_hostile;
#[cfg(test)]
mod on_demand;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod pull_requests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod release;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod running;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod support;
#[cfg(test)]
mod team;
#[cfg(test)]
mod transforms;
#[cfg(test)]
mod warm_builds;
