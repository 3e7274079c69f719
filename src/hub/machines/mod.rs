//! Machines: how they register, talk over a websocket, and get what is for them.
//!
//! [`register`] takes an announcement and gives a ticket, [`session`] is the conversation of who comes with one,
//! [`deliver`] shares out what waits ([`known`] says among whom), and [`housekeeping`] sees to leases, keys and leavers.

mod all_machines;
mod carried;
mod crowds;
pub mod deliver;
mod frames;
mod heard;
pub mod housekeeping;
pub(super) mod kinds;
pub mod known;
mod leases;
pub mod list;
mod places;
pub mod register;
mod resume;
mod roll;
pub(super) mod room;
mod runs;
mod saying;
mod secrets;
pub mod session;
pub(super) mod settings;
mod shares;
pub mod standing;
mod steady;
pub mod tickets;
mod types;
mod unanswered;
mod whose_types;
