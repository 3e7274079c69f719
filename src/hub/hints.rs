//! What replicas of a hub tell each other, so that nobody waits for their next round. Many hints of a kind in a short time
//! are one; each waits only as long as the one before it is on its way.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

use super::Hub;
use super::said::{Waiters, Waiting};
use crate::ports::hub::{Hearing, Hint, HubStoreError};

/// Between two hints of this replica.
const PAUSE: Duration = Duration::from_millis(10);

/// Before a replica listens anew.
const AGAIN: Duration = Duration::from_secs(5);

/// Most hints that are told one by one; more about commands are told as one about any.
const MOST_DUE: usize = 200;

/// What is to be told, and what was heard.
#[derive(Debug)]
pub(super) struct Whispers {
    /// Hints to give.
    due: watch::Sender<BTreeSet<Hint>>,
    /// Counts times at which logs may have grown.
    logs: watch::Sender<u64>,
    /// Who waits for what machines say about commands.
    said: Waiters,
}

impl Default for Whispers {
    fn default() -> Self {
        Self {
            due: watch::Sender::default(),
            logs: watch::Sender::new(0),
            said: Waiters::default(),
        }
    }
}

impl Whispers {
    /// The others should know.
    pub(super) fn tell(&self, hint: Hint) {
        self.due.send_modify(|due| {
            if due.len() >= MOST_DUE {
                due.retain(|hint| !matches!(hint, Hint::Said(_)));
                due.insert(Hint::Said(String::new()));
            }
            due.insert(hint);
        });
    }

    /// To wait for logs that grow.
    pub(super) fn logs(&self) -> watch::Receiver<u64> {
        self.logs.subscribe()
    }

    /// A machine has said something about a command, here or elsewhere: about this invocation, or about any when it is empty.
    pub(super) fn something_was_said(&self, invocation: &str) {
        self.said.wake(invocation);
    }

    /// To wait for what machines say about an invocation.
    pub(super) fn said(&self, invocation: &str) -> Waiting {
        self.said.wait_for(invocation)
    }

    fn take(&self) -> BTreeSet<Hint> {
        self.due.send_replace(BTreeSet::new())
    }

    /// A log has grown, here or elsewhere.
    pub(super) fn logs_grew(&self) {
        self.logs.send_modify(|times| *times = times.wrapping_add(1));
    }
}

impl Hub {
    /// Tells the other replicas, until the hub stops.
    pub(super) async fn tell_replicas(&self) {
        let stop = self.tasks().stop_token();
        let mut due = self.whispers().due.subscribe();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = due.wait_for(|due| !due.is_empty()) => {}
            }
            for hint in self.whispers().take() {
                if let Err(error) = self.store().hint(&hint).await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "other replicas are not told"
                    );
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Hears what other replicas tell, until the hub stops.
    pub(super) async fn hear_replicas(&self) {
        let stop = self.tasks().stop_token();
        while !stop.is_cancelled() {
            let heard = async {
                let mut hearing = self.store().listen().await?;
                self.hear_all(&mut *hearing).await
            };
            tokio::select! {
                () = stop.cancelled() => return,
                heard = heard => if let Err(error) = heard {
                    tracing::warn!(error = &error as &dyn std::error::Error, "other replicas are not heard; they are looked after at intervals");
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn hear_all(&self, hearing: &mut dyn Hearing) -> Result<(), HubStoreError> {
        // Whatever happened before we listened.
        self.look();
        loop {
            match hearing.next().await? {
                None => {}
                Some(Hint::Deliveries) => self.look(),
                Some(Hint::Logs) => self.whispers().logs_grew(),
                Some(Hint::Said(invocation)) => self.whispers().something_was_said(&invocation),
                Some(Hint::Settings(workspace)) => self.changed_settings().of(&workspace),
                Some(Hint::Machines) => {
                    self.look_at_machines().await?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hints_of_a_kind_are_one_until_they_are_taken() {
        let whispers = Whispers::default();
        let mut due = whispers.due.subscribe();
        whispers.tell(Hint::Deliveries);
        whispers.tell(Hint::Logs);
        whispers.tell(Hint::Deliveries);
        due.wait_for(|due| !due.is_empty()).await.unwrap();
        assert_eq!(whispers.take(), BTreeSet::from([Hint::Deliveries, Hint::Logs]));
        assert!(whispers.take().is_empty());
        (0..5_000).for_each(|number| whispers.tell(Hint::Said(number.to_string())));
        let told = whispers.take();
        assert!(told.len() <= MOST_DUE && told.contains(&Hint::Said(String::new())));
        let mut logs = whispers.logs();
        whispers.logs_grew();
        logs.changed().await.unwrap();
    }
}
