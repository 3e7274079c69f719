//! For how many machines there is room: each has a connection, and a process may have only so many.

use super::super::Hub;
use super::super::refusal::Refusal;
use crate::runtime::open_files;

/// Fewest and most files for everything else: forges, people, the database.
const RESERVE: (u64, u64) = (256, 8 * 1_024);

/// Fewer machines than this are said at the start.
const FEW: usize = 2_000;

/// Pause in seconds after which a machine that finds no room is to ask again.
const PAUSE: u32 = 30;

/// For how many connections there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Room {
    /// Conversations with machines.
    pub(in super::super) machines: usize,
    /// Connections of everybody else, and of machines until their conversation begins.
    pub(in super::super) others: usize,
}

impl Room {
    /// Of a process that may have so many files open.
    fn of(limit: u64) -> Self {
        let (fewest, most) = RESERVE;
        // Of a process with very few there is half for machines.
        let others = (limit / 4).clamp(fewest, most).min(limit / 2);
        let of = |files: u64| usize::try_from(files).unwrap_or(usize::MAX);
        Self {
            machines: of(limit - others),
            // The database and logs have files open, too.
            others: of(others - others / 8),
        }
    }
}

/// Room for machines and others, as the limits of this process have it; said when it is little.
pub(in super::super) fn room() -> Room {
    let limit = open_files::raise_limit().unwrap_or(u64::MAX);
    let room = Room::of(limit);
    let machines = room.machines;
    if machines < FEW {
        tracing::warn!(
            "there is room for {machines} machines only, because this process may have {limit} files open: raise the limit \
             (`ulimit -n`, or `LimitNOFILE=` of the service)"
        );
    }
    room
}

impl Hub {
    /// Whether there is room for one more machine. Whoever finds none is told so before it opens its websocket (wire
    /// protocol 3.5).
    pub(super) fn has_room(&self) -> Result<(), Refusal> {
        match self.sessions().count() < self.room_for_machines() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_the_room_is_for_machines() {
        let of = |limit: u64| {
            let room = Room::of(limit);
            (room.machines, room.others)
        };
        assert_eq!(of(100), (50, 44));
        assert_eq!(of(1_024), (768, 224));
        assert_eq!(of(20_000), (15_000, 4_375));
        assert_eq!(of(1_000_000), (991_808, 7_168));
    }
}
