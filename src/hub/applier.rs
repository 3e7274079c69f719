//! All changes of the graph go through one task, and what is asked at the same time shares a unit of work.

use std::sync::Arc;

use super::Hub;
use super::changes::{Applied, Change, Origin, Wanted};
use super::desk::{Desk, Line, Over, Slip};
use super::remembered::Memory;
use crate::ports::hub::HubStoreError;

/// Changes after which nobody joins.
const ENOUGH: usize = 5_000;

/// Somebody who wants changes.
#[derive(Clone)]
pub(super) struct Asked {
    workspace: String,
    wanted: Arc<Wanted>,
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

/// Who has asked by now for changes of the same workspace as the first, and shares a unit of work with it. Nobody joins later: a unit that
/// waits for those who come one by one writes for each of them, and everybody waits for the last.
fn together(line: &mut Changes, first: Slip<Asked, Applied>) -> Vec<Slip<Asked, Applied>> {
    let (workspace, mut size) = (first.asked.workspace.clone(), first.asked.size());
    line.join(first, |asked| {
        let belongs = asked.workspace == workspace && size < ENOUGH;
        size += if belongs { asked.size() } else { 0 };
        belongs
    })
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
            wanted: Arc::new(Wanted {
                origin: origin.id.map(|(source, id)| (source.to_owned(), id.to_owned())),
                names: origin.names.to_vec(),
                trace: origin.trace,
                steps,
            }),
        };
        self.desks().changes.ask(asked).await
    }

    /// Sees to everybody who wants changes, until the hub stops.
    pub(super) async fn apply_all(&self, mut line: Changes) {
        let mut stopped: Over = Box::pin(self.tasks().stop_token().cancelled_owned());
        let mut memory = Memory::default();
        while let Some(first) = line.first(&mut stopped).await {
            let workspace = first.asked.workspace.clone();
            let slips = together(&mut line, first).into_iter();
            let (wanted, waits): (Vec<_>, _) = slips.map(|slip| (slip.asked.wanted, slip.waits)).unzip();
            let done = self
                .apply_in_one(&workspace, &wanted, memory.of(&workspace))
                .await;
            if done.is_err() {
                memory.forget(&workspace);
                self.forget_unkept_forges().await;
            }
            let done = self.together(done).await;
            line.tell(waits, done);
        }
    }
}
