//! For how many machines there is room: each has a connection, and a process may have only so many.

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::runtime::open_files;

/// Connections for everything else: forges, people, the database.
const RESERVE: u64 = 256;

/// Fewer machines than this are said at the start.
const FEW: usize = 2_000;

/// Pause in seconds after which a machine that finds no room is to ask again.
const PAUSE: u32 = 30;

/// Room for machines, as the limits of this process have it; said when it is little.
pub(in super::super) fn room() -> usize {
    let limit = open_files::raise_limit().unwrap_or(u64::MAX);
    // Of a process with very few there is half for machines.
    let room = usize::try_from(limit.saturating_sub(RESERVE.min(limit / 2))).unwrap_or(usize::MAX);
    if room < FEW {
        tracing::warn!(
            "there is room for {room} machines only, because this process may have {limit} files open: raise the limit \
             (`ulimit -n`, or `LimitNOFILE=` of the service)"
        );
    }
    room
}

impl Hub {
    /// Whether there is room for one more machine. Whoever finds none is told so before it opens its websocket (wire
    /// protocol 3.5).
    pub(super) fn has_room(&self) -> Result<(), Refusal> {
        match self.sessions().count() < self.room() {
            true => Ok(()),
            false => {
                tracing::warn!(
                    "there is no room for one more machine: raise the limit of open files (`LimitNOFILE=` of the service)"
                );
                Err(Refusal::busy("this hub has no room for one more machine", PAUSE))
            }
        }
    }
}
