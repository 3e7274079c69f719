//! Queues, as far as a goal set knows of them (semantics 4.9): a goal that has got its set a slot, and for how long.

use super::definition::Work;

/// The kind of goals that wait for a slot.
pub const QUEUE: &str = "queue";

/// The argument that says when a slot is given back.
pub const RELEASE_ON: &str = "release_on";

/// When a set gives its slot of a queue back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseOn {
    /// All of its goals have ended.
    Ended,
    /// Nothing of it goes on: what has not ended waits for people.
    Waiting,
}

impl ReleaseOn {
    /// As they are written.
    pub const NAMES: &'static [&'static str] = &["ended", "waiting"];

    /// When the slot is given back that this work gets; `None` of work that gets none.
    pub fn of(work: &Work) -> Option<Self> {
        let written = work.arguments.get(RELEASE_ON).and_then(|value| value.as_str());
        (work.kind == QUEUE).then_some(match written {
            Some("waiting") => Self::Waiting,
            Some(_) | None => Self::Ended,
        })
    }
}
