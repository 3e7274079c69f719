//! Our own smart transports under libgit2: `http(s)` over reqwest, `ssh` through the user's `ssh`, `git` over TCP.
//!
//! libgit2 knows one address, `sdm://remote`, and one factory for it ([`register`]). Where it really leads is in the
//! [`Session`] that the calling thread has entered: libgit2 calls transports on the thread that fetches, so a session is
//! bound to one operation, and neither a configuration file nor an address rewritten by one can lead it elsewhere.
//!
//! Begin with [`session`]: it owns deadline, cancellation, limits and the precise cause of a failure. Then [`smart`],
//! which hands libgit2 either an http conversation ([`http`]) or a pair of pipes ([`duplex`]).

mod advertisements;
mod capabilities;
mod client;
mod duplex;
mod early;
mod git;
mod http;
mod http_stream;
mod register;
mod resolver;
mod session;
mod smart;
mod ssh;

pub use client::{Network, http1_client};
pub(crate) use register::install;
pub(crate) use session::{Session, failed};
pub(crate) use smart::ANY_REMOTE;
