//! All changes of the graph go through one task, and what is asked at the same time shares one commit: a disk takes as long
//! to make sure of one change as of many. Nobody is answered before it has.

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::Hub;
use super::changes::{Applied, Change, Origin, Wanted};
use super::remembered::Memory;
use crate::ports::hub::HubStoreError;
use crate::runtime::causes::chain;

/// Most askers that wait; more of them wait to be able to ask.
const WAITING: usize = 1_024;

/// Most askers that share a commit.
const SHARED: usize = 256;

/// Changes after which nobody joins.
const ENOUGH: usize = 5_000;

/// Somebody who wants changes.
pub(super) struct Asked {
    workspace: String,
    wanted: Wanted,
    answer: oneshot::Sender<Result<Applied, HubStoreError>>,
}

impl Asked {
    fn size(&self) -> usize {
        self.wanted.steps.iter().map(Vec::len).sum()
    }
}

/// Where to ask.
pub(super) type Asking = mpsc::Sender<Asked>;

/// Where to ask, and where it comes out.
pub(super) fn desk() -> (Asking, mpsc::Receiver<Asked>) {
    mpsc::channel(WAITING)
}

/// What came of changes that shared a commit with others.
#[derive(Debug, Error)]
#[error("{0}")]
struct Shared(String);

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
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            workspace: workspace.to_owned(),
            wanted: Wanted {
                origin: origin.id.map(|(source, id)| (source.to_owned(), id.to_owned())),
                names: origin.names.to_vec(),
                trace: origin.trace,
                steps,
            },
            answer,
        };
        let closing = |_| HubStoreError {
            doing: "change the graph",
            source: Box::new(Shared("the hub is closing".to_owned())),
        };
        self.desk().send(asked).await.map_err(|_| closing(()))?;
        answered.await.map_err(|_| closing(()))?
    }

    /// Sees to everybody who asks, until the hub stops.
    pub(super) async fn apply_all(&self, mut desk: mpsc::Receiver<Asked>) {
        let stop = self.tasks().stop_token();
        let mut memory = Memory::default();
        loop {
            let first = tokio::select! {
                // Who has asked before the end is still served.
                biased;
                asked = desk.recv() => asked,
                () = stop.cancelled() => return,
            };
            let Some(first) = first else {
                return;
            };
            for (workspace, askers) in together(first, &mut desk) {
                self.apply_together(&workspace, askers, &mut memory).await;
            }
        }
    }

    async fn apply_together(&self, workspace: &str, askers: Vec<Asked>, memory: &mut Memory) {
        let mut answers = Vec::with_capacity(askers.len());
        let mut wanted = Vec::with_capacity(askers.len());
        for asked in askers {
            answers.push(asked.answer);
            wanted.push(asked.wanted);
        }
        match self.apply_in_one(workspace, wanted, memory.of(workspace)).await {
            Ok(applied) => {
                for (answer, applied) in answers.into_iter().zip(applied) {
                    // Whoever has gone meanwhile will ask again and be told that it had come before.
                    let _ = answer.send(Ok(applied));
                }
            }
            Err(error) => {
                memory.forget(workspace);
                let because = chain(&error);
                for answer in answers {
                    let source = Box::new(Shared(because.clone()));
                    let _ = answer.send(Err(HubStoreError {
                        doing: "change the graph",
                        source,
                    }));
                }
            }
        }
    }
}

/// Who has asked by now, by workspace, in the order in which they did.
fn together(first: Asked, desk: &mut mpsc::Receiver<Asked>) -> Vec<(String, Vec<Asked>)> {
    let (mut count, mut changes) = (1, first.size());
    let mut groups: Vec<(String, Vec<Asked>)> = vec![(first.workspace.clone(), vec![first])];
    while count < SHARED && changes < ENOUGH {
        let Ok(next) = desk.try_recv() else {
            break;
        };
        count += 1;
        changes += next.size();
        match groups
            .iter_mut()
            .find(|(workspace, _)| *workspace == next.workspace)
        {
            Some((_, group)) => group.push(next),
            None => groups.push((next.workspace.clone(), vec![next])),
        }
    }
    groups
}
