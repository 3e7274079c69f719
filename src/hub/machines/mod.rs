//! Machines: how they register, talk over a websocket, and get what is for them.
//!
//! [`register`] takes an announcement and gives a ticket, [`session`] is the conversation of who comes with one,
//! [`deliver`] shares out what waits ([`known`] says among whom), and [`housekeeping`] sees to leases, keys and leavers.

pub mod deliver;
mod frames;
pub mod housekeeping;
pub mod known;
mod leases;
pub mod list;
mod places;
pub mod register;
pub(super) mod room;
mod runs;
mod secrets;
pub mod session;
pub mod tickets;
mod types;
mod unanswered;
