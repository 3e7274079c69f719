//! Desks: who asks for the same kind of thing at the same time shares one commit, because a disk takes as long to make sure of one
//! change as of many. Nobody is answered before it has.
//!
//! Whoever spoils it for the others is found by letting everybody of a commit that failed come again, each alone.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::Hub;
use crate::ports::hub::HubStoreError;
use crate::runtime::causes::chain;

/// Most askers that wait in a line, and before it; more of them wait to be able to ask.
const WAITING: usize = 1_024;

/// Most askers that share a commit.
pub(super) const SHARED: usize = 256;

/// What came of something that was done for several.
#[derive(Debug, Error)]
#[error("{0}")]
struct Shared(String);

/// What an asker is told.
enum Told<B> {
    /// What came of it.
    Done(B),
    Failed(HubStoreError),
    /// It failed for several, and may go well for each alone.
    ComeAlone,
}

/// Where an asker waits for what it is told.
pub(super) struct Waits<B>(oneshot::Sender<Told<B>>);

/// Completes when nobody is served any more who has not asked before.
pub(super) type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Somebody who asks.
pub(super) struct Slip<A, B> {
    /// What is asked for.
    pub(super) asked: A,
    /// Where it waits.
    pub(super) waits: Waits<B>,
    /// It shares a commit with nobody.
    is_alone: bool,
}

/// Where to ask.
pub(super) struct Desk<A, B> {
    doing: &'static str,
    askers: mpsc::Sender<Slip<A, B>>,
}

/// Where who asks comes out.
pub(super) struct Line<A, B> {
    doing: &'static str,
    askers: mpsc::Receiver<Slip<A, B>>,
    /// Who has come, and has not been served yet.
    waiting: VecDeque<Slip<A, B>>,
}

/// A desk where somebody asks to do this, and its line.
pub(super) fn desk<A, B>(doing: &'static str) -> (Desk<A, B>, Line<A, B>) {
    let (sender, askers) = mpsc::channel(WAITING);
    let line = Line {
        doing,
        askers,
        waiting: VecDeque::new(),
    };
    let askers = sender;
    (Desk { doing, askers }, line)
}

impl<A: Clone, B> Desk<A, B> {
    /// Asks, and waits until it is done.
    ///
    /// # Errors
    /// The memory, or the hub is closing; nothing has happened then.
    pub(super) async fn ask(&self, asked: A) -> Result<B, HubStoreError> {
        match self.hand_in(asked.clone(), false).await? {
            Told::Done(done) => Ok(done),
            Told::Failed(error) => Err(error),
            Told::ComeAlone => match self.hand_in(asked, true).await? {
                Told::Done(done) => Ok(done),
                Told::Failed(error) => Err(error),
                Told::ComeAlone => Err(self.closed()),
            },
        }
    }

    async fn hand_in(&self, asked: A, is_alone: bool) -> Result<Told<B>, HubStoreError> {
        let (told, hears) = oneshot::channel();
        let slip = Slip {
            asked,
            waits: Waits(told),
            is_alone,
        };
        self.askers.send(slip).await.map_err(|_| self.closed())?;
        hears.await.map_err(|_| self.closed())
    }

    fn closed(&self) -> HubStoreError {
        HubStoreError {
            doing: self.doing,
            source: Box::new(Shared("the hub is closing".to_owned())),
        }
    }
}

impl<A, B> Line<A, B> {
    /// Who comes first; `None` when nobody waits and it is over.
    pub(super) async fn first(&mut self, over: &mut Over) -> Option<Slip<A, B>> {
        if let Some(slip) = self.waiting.pop_front() {
            return Some(slip);
        }
        tokio::select! {
            // Who has asked before the end is still served.
            biased;
            slip = self.askers.recv() => slip,
            () = over => None,
        }
    }

    /// The first with those who wait by now, as many as may share a commit with it and belong with it, in the order in which they came; the
    /// others stay.
    pub(super) fn join(&mut self, first: Slip<A, B>, mut belongs: impl FnMut(&A) -> bool) -> Vec<Slip<A, B>> {
        while self.waiting.len() < WAITING
            && let Ok(slip) = self.askers.try_recv()
        {
            self.waiting.push_back(slip);
        }
        let most = if first.is_alone { 1 } else { SHARED };
        let mut joined = vec![first];
        let mut others = VecDeque::with_capacity(self.waiting.len());
        for slip in self.waiting.drain(..) {
            let may_join = !slip.is_alone && joined.len() < most;
            match may_join && belongs(&slip.asked) {
                true => joined.push(slip),
                false => others.push_back(slip),
            }
        }
        self.waiting = others;
        joined
    }

    /// Tells those who shared a commit what came of it: to each its own, or that it failed.
    pub(super) fn tell(&self, waits: Vec<Waits<B>>, done: Result<Vec<B>, Failed>) {
        match done {
            Ok(done) => {
                for (Waits(told), done) in waits.into_iter().zip(done) {
                    // Whoever has gone meanwhile will ask again.
                    let _ = told.send(Told::Done(done));
                }
            }
            Err(failed) => self.tell_failed(waits, failed),
        }
    }

    fn tell_failed(&self, mut waits: Vec<Waits<B>>, Failed { error, is_of_all }: Failed) {
        if waits.len() == 1
            && let Some(Waits(told)) = waits.pop()
        {
            let _ = told.send(Told::Failed(error));
            return;
        }
        let because = chain(&error);
        for Waits(told) in waits {
            let error = HubStoreError {
                doing: self.doing,
                source: Box::new(Shared(because.clone())),
            };
            let _ = told.send(match is_of_all {
                true => Told::Failed(error),
                false => Told::ComeAlone,
            });
        }
    }
}

/// What was done for several has failed.
pub(super) struct Failed {
    error: HubStoreError,
    /// The memory is not there: it would fail for each alone.
    is_of_all: bool,
}

impl Hub {
    /// What came of something that was done for several.
    pub(super) async fn together<B>(&self, done: Result<Vec<B>, HubStoreError>) -> Result<Vec<B>, Failed> {
        match done {
            Ok(done) => Ok(done),
            Err(error) => {
                let is_of_all = self.store().ping().await.is_err();
                Err(Failed { error, is_of_all })
            }
        }
    }
}

/// Serves everybody in a line, as many at once as wait, until it is over.
pub(super) async fn serve<A, B, F>(
    mut line: Line<A, B>,
    over: impl Future<Output = ()> + Send + 'static,
    together: impl Fn(Vec<A>) -> F,
) where
    F: Future<Output = Result<Vec<B>, Failed>>,
{
    let mut over: Over = Box::pin(over);
    while let Some(first) = line.first(&mut over).await {
        let slips = line.join(first, |_| true).into_iter();
        let (asked, waits) = slips.map(|slip| (slip.asked, slip.waits)).unzip();
        let done = together(asked).await;
        line.tell(waits, done);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    fn failed(is_of_all: bool) -> Failed {
        let error = HubStoreError {
            doing: "count",
            source: Box::new(Shared("the number is odd".to_owned())),
        };
        Failed { error, is_of_all }
    }

    /// Serves numbers, of which odd ones spoil it for all; the groups in which they were served.
    async fn served(numbers: &[u32], is_of_all: bool) -> (Vec<Result<u32, String>>, Vec<Vec<u32>>) {
        let (desk, line) = desk::<u32, u32>("count");
        let (groups, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (noted, stop) = (Arc::clone(&groups), Arc::clone(&over));
        let serving = serve(
            line,
            async move { stop.notified().await },
            move |asked: Vec<u32>| {
                noted.lock().unwrap().push(asked.clone());
                async move {
                    match asked.iter().any(|number| number % 2 == 1) {
                        true => Err(failed(is_of_all)),
                        false => Ok(asked.iter().map(|number| number * 10).collect()),
                    }
                }
            },
        );
        let asking = async {
            let answers = join_all(numbers.iter().map(|number| desk.ask(*number))).await;
            over.notify_one();
            answers
        };
        // Everybody asks before the line is looked at.
        let (answers, ()) = tokio::join!(biased; asking, serving);
        let answers = answers
            .into_iter()
            .map(|answer| answer.map_err(|error| chain(&error)));
        let groups = groups.lock().unwrap().clone();
        (answers.collect(), groups)
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_is_served_together_and_gets_its_own() {
        let (answers, groups) = served(&[2, 4, 6], false).await;
        assert_eq!(answers, [Ok(20), Ok(40), Ok(60)]);
        assert_eq!(groups, [[2, 4, 6]]);
    }

    #[tokio::test]
    async fn c7_who_spoils_it_for_the_others_is_refused_alone() {
        let (answers, groups) = served(&[2, 3, 4], false).await;
        assert_eq!(answers[0], Ok(20));
        assert_eq!(answers[1], Err("failed to count: the number is odd".to_owned()));
        assert_eq!(answers[2], Ok(40));
        assert_eq!(groups, [vec![2, 3, 4], vec![2], vec![3], vec![4]]);
    }

    #[tokio::test]
    async fn while_the_memory_is_not_there_nobody_comes_again() {
        let (answers, groups) = served(&[2, 3], true).await;
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
        assert_eq!(groups.len(), 1);
    }

    #[tokio::test]
    async fn no_more_share_than_there_may() {
        let numbers: Vec<u32> = (0..600).map(|number| number * 2).collect();
        let (answers, groups) = served(&numbers, false).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
    }

    #[tokio::test]
    async fn who_belongs_elsewhere_keeps_its_place() {
        let (desk, mut line) = desk::<u32, u32>("count");
        let asking = join_all([1, 12, 3, 14, 5].map(|number| desk.ask(number)));
        let serving = async {
            let mut over: Over = Box::pin(std::future::pending());
            let first = line.first(&mut over).await.unwrap();
            let joined = line.join(first, |number| *number < 10).into_iter();
            let mut served: Vec<u32> = joined.map(|slip| told(&line, slip)).collect();
            while served.len() < 5 {
                let next = line.first(&mut over).await.unwrap();
                served.push(told(&line, next));
            }
            served
        };
        let (_, served) = tokio::join!(biased; asking, serving);
        assert_eq!(served, [1, 3, 5, 12, 14]);
    }

    fn told(line: &Line<u32, u32>, slip: Slip<u32, u32>) -> u32 {
        line.tell(vec![slip.waits], Ok(vec![slip.asked]));
        slip.asked
    }
}
