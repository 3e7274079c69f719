//! What replicas of a hub tell each other, so that nobody waits for their next round. Many hints of a kind in a short time
//! are one; each waits only as long as the one before it is on its way.

use std::time::Duration;

use tokio::sync::watch;

use super::Hub;
use crate::ports::hub::{Hearing, Hint, HubStoreError};

/// Between two hints of this replica.
const PAUSE: Duration = Duration::from_millis(10);

/// Before a replica listens anew.
const AGAIN: Duration = Duration::from_secs(5);

/// What is to be told, and what was heard of logs.
#[derive(Debug)]
pub(super) struct Whispers {
    /// Hints to give, as bits.
    due: watch::Sender<u8>,
    /// Counts times at which logs may have grown.
    logs: watch::Sender<u64>,
    /// Counts times at which machines may have said something about commands.
    said: watch::Sender<u64>,
}

impl Default for Whispers {
    fn default() -> Self {
        Self {
            due: watch::Sender::new(0),
            logs: watch::Sender::new(0),
            said: watch::Sender::new(0),
        }
    }
}

const fn bit(hint: Hint) -> u8 {
    match hint {
        Hint::Deliveries => 1,
        Hint::Machines => 2,
        Hint::Logs => 4,
        Hint::Said => 8,
    }
}

impl Whispers {
    /// The others should know.
    pub(super) fn tell(&self, hint: Hint) {
        self.due.send_modify(|due| *due |= bit(hint));
    }

    /// To wait for logs that grow.
    pub(super) fn logs(&self) -> watch::Receiver<u64> {
        self.logs.subscribe()
    }

    /// A machine has said something about a command, here or elsewhere.
    pub(super) fn something_was_said(&self) {
        self.said.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// To wait for what machines say about commands.
    pub(super) fn said(&self) -> watch::Receiver<u64> {
        self.said.subscribe()
    }

    fn take(&self) -> u8 {
        self.due.send_replace(0)
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
                _ = due.wait_for(|due| *due != 0) => {}
            }
            let hints = self.whispers().take();
            for hint in Hint::ALL {
                if hints & bit(hint) != 0
                    && let Err(error) = self.store().hint(hint).await
                {
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
                Some(Hint::Said) => self.whispers().something_was_said(),
                Some(Hint::Machines) => self.hear_of_machines().await?,
            }
        }
    }

    async fn hear_of_machines(&self) -> Result<(), HubStoreError> {
        if self.known().refresh(self.store()).await? {
            self.tell_superseded();
        }
        Ok(())
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
        due.wait_for(|due| *due != 0).await.unwrap();
        assert_eq!(whispers.take(), bit(Hint::Deliveries) | bit(Hint::Logs));
        assert_eq!(whispers.take(), 0);
        let mut logs = whispers.logs();
        whispers.logs_grew();
        logs.changed().await.unwrap();
    }
}
