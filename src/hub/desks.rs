//! The hub's desks, and who serves at them.

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Hub;
use super::applier::{Changes, Changing};
use super::desk::{Desk, Line, desk, serve};
use crate::ports::hub::{Arrival, Arrived, Delivery, Life, Opened, Opening, Parting, Settling};

/// What came of an arrival, and the life of the memory that it is kept in.
pub(super) type Come = (Arrived, Option<Life>);

/// Where to ask.
pub(super) struct Desks {
    /// For changes of the graph.
    pub(super) changes: Changing,
    /// To register.
    pub(super) arrivals: Desk<Arrival, Come>,
    /// For a conversation, with a ticket.
    pub(super) openings: Desk<Opening, Option<Opened>>,
    /// To give back what a machine had.
    pub(super) partings: Desk<Parting, ()>,
    /// To take in that a machine has answered.
    pub(super) settlings: Desk<Settling, Option<Delivery>>,
    /// Conversations, which need some of these until their end.
    conversations: TaskTracker,
}

/// Where who asks comes out.
pub(super) struct Lines {
    changes: Changes,
    arrivals: Line<Arrival, Come>,
    openings: Line<Opening, Option<Opened>>,
    partings: Line<Parting, ()>,
    settlings: Line<Settling, Option<Delivery>>,
}

/// All desks, and their lines.
pub(super) fn desks() -> (Desks, Lines) {
    let (changes, changes_line) = desk("change the graph");
    let (arrivals, arrivals_line) = desk("take in a registration");
    let (openings, openings_line) = desk("take a ticket");
    let (partings, partings_line) = desk("take back what a machine had");
    let (settlings, settlings_line) = desk("acknowledge a delivery");
    let desks = Desks {
        changes,
        arrivals,
        openings,
        partings,
        settlings,
        conversations: TaskTracker::new(),
    };
    let lines = Lines {
        changes: changes_line,
        arrivals: arrivals_line,
        openings: openings_line,
        partings: partings_line,
        settlings: settlings_line,
    };
    (desks, lines)
}

impl Desks {
    /// A conversation begins, and lasts until this is dropped.
    pub(super) fn conversation(&self) -> TaskTrackerToken {
        self.conversations.token()
    }
}

impl Hub {
    /// Serves at all desks, until the hub stops; where conversations need it, until they have ended.
    pub(super) fn serve_at_desks(&self, lines: Lines) {
        let Lines {
            changes,
            arrivals,
            openings,
            partings,
            settlings,
        } = lines;
        let tasks = self.tasks().clone();
        let hub = self.clone();
        // Every webhook waits for it.
        tasks.spawn_forever_apart("changes", async move { hub.apply_all(changes).await });
        let stopped = || self.tasks().stop_token().cancelled_owned();
        let (hub, over) = (self.clone(), stopped());
        let arrivals = serve(arrivals, over, move |asked| {
            let hub = hub.clone();
            async move { hub.together(hub.arrive_together(asked).await).await }
        });
        tasks.spawn_forever("registrations", arrivals);
        let (hub, over) = (self.clone(), stopped());
        let openings = serve(openings, over, move |asked| {
            let hub = hub.clone();
            async move { hub.together(hub.open_together(asked).await).await }
        });
        tasks.spawn_forever("openings", openings);
        let (hub, over) = (self.clone(), self.clone());
        let partings = serve(partings, async move { over.all_parted().await }, move |asked| {
            let hub = hub.clone();
            async move { hub.together(hub.part_together(asked).await).await }
        });
        tasks.spawn_forever("partings", partings);
        let (hub, over) = (self.clone(), self.clone());
        let settlings = serve(settlings, async move { over.all_parted().await }, move |asked| {
            let hub = hub.clone();
            async move { hub.together(hub.store().settle_all(&asked).await).await }
        });
        tasks.spawn_forever("answers", settlings);
    }

    /// Completes when the hub stops and all conversations have ended.
    async fn all_parted(&self) {
        self.tasks().stop_token().cancelled().await;
        let conversations = &self.desks().conversations;
        conversations.close();
        conversations.wait().await;
    }
}
