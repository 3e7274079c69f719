//! All changes of the graph go through one task, and what is asked at the same time shares a unit of work: who comes while others are
//! seen to joins it, until nobody waits any more.

use super::Hub;
use super::changes::{AT_ONCE, Applied, Change, Origin, Wanted};
use super::desk::{Desk, Line, Over, Slip, Waits};
use super::remembered::Memory;
use crate::ports::hub::HubStoreError;

/// Changes after which nobody joins.
const ENOUGH: usize = 5_000;

/// Somebody who wants changes.
#[derive(Clone)]
pub(super) struct Asked {
    workspace: String,
    wanted: Wanted,
}

impl Asked {
    fn size(&self) -> usize {
        self.wanted.steps.iter().map(Vec::len).sum()
    }
}

/// Where to ask for changes.
pub(super) type Changing = Desk<Asked, Applied>;

/// Where it comes out.
pub(super) type Changes = Line<Asked, Applied>;

/// Who shares a unit of work in one workspace.
pub(super) struct Party<'l> {
    line: &'l mut Changes,
    workspace: String,
    first: Option<Slip<Asked, Applied>>,
    /// How many more may join, and with how many changes.
    room: (usize, usize),
    /// Those who have come so far, and wait for what comes of it.
    waits: Vec<Waits<Applied>>,
}

impl<'l> Party<'l> {
    fn of(line: &'l mut Changes, first: Slip<Asked, Applied>) -> Self {
        Self {
            line,
            workspace: first.asked.workspace.clone(),
            room: (first.others(), ENOUGH),
            first: Some(first),
            waits: Vec::new(),
        }
    }

    /// What those want who have come since the last time; nothing when nobody has, or there are enough.
    pub(super) fn next(&mut self) -> Vec<Wanted> {
        let (most, enough) = self.room;
        let first = self.first.take();
        let (workspace, mut size) = (
            &self.workspace,
            first.as_ref().map_or(0, |first| first.asked.size()),
        );
        let most_now = most.min(AT_ONCE - usize::from(first.is_some()));
        let joined = self.line.join(most_now, |asked| {
            let belongs = asked.workspace == *workspace && size < enough;
            size += if belongs { asked.size() } else { 0 };
            belongs
        });
        self.room = (most - joined.len(), enough.saturating_sub(size));
        let mut wanted = Vec::with_capacity(joined.len() + 1);
        for slip in first.into_iter().chain(joined) {
            self.waits.push(slip.waits);
            wanted.push(slip.asked.wanted);
        }
        wanted
    }
}

impl Hub {
    /// Takes changes in, once for each origin, with everything they cause.
    ///
    /// # Errors
    /// The memory, or the hub is closing; nothing has happened then.
    pub(super) async fn apply(
        &self,
        workspace: &str,
        changes: Vec<Change>,
    ) -> Result<Applied, HubStoreError> {
        let unknown = Origin::default();
        self.apply_steps(workspace, unknown, vec![changes]).await
    }

    /// The same in steps that share a commit; what one causes is seen before the next.
    ///
    /// # Errors
    /// The memory, or the hub is closing; nothing has happened then.
    pub(super) async fn apply_steps(
        &self,
        workspace: &str,
        origin: Origin<'_>,
        steps: Vec<Vec<Change>>,
    ) -> Result<Applied, HubStoreError> {
        let asked = Asked {
            workspace: workspace.to_owned(),
            wanted: Wanted {
                origin: origin.id.map(|(source, id)| (source.to_owned(), id.to_owned())),
                names: origin.names.to_vec(),
                trace: origin.trace,
                steps,
            },
        };
        self.desks().changes.ask(asked).await
    }

    /// Sees to everybody who wants changes, until the hub stops.
    pub(super) async fn apply_all(&self, mut line: Changes) {
        let mut stopped: Over = Box::pin(self.tasks().stop_token().cancelled_owned());
        let mut memory = Memory::default();
        while let Some(first) = line.first(&mut stopped).await {
            let mut party = Party::of(&mut line, first);
            let workspace = party.workspace.clone();
            let done = self
                .apply_in_one(&workspace, &mut party, memory.of(&workspace))
                .await;
            let waits = party.waits;
            if done.is_err() {
                memory.forget(&workspace);
            }
            let done = self.together(done).await;
            line.tell(waits, done);
        }
    }
}
