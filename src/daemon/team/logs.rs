//! Sends logs of goals to the hub while they grow, from their first line on.
//!
//! What is to be sent is in the store and read from the logs themselves, so that a hub that is away, a restart or a kill
//! delays it and loses nothing. The hub says how far it has a log. Logs take turns, a page each, so that one that never ends
//! leaves room for the others; nothing waits for any of this.

use std::collections::HashMap;
use std::time::Duration;

use super::Inner;
use super::client::HubError;
use crate::model::Goal;
use crate::ports::executor::{AttemptRef, ExecutionError, LogPage};
use crate::ports::store::StoreError;
use crate::ports::team_logs::LogOnItsWay;
use crate::runtime::backoff::{Backoff, Setback};
use crate::runtime::causes::chain;
use crate::wire::hub::{LogPart, LoggedLine};

/// Bytes of a log that are sent at once; as JSON they are less than a part may have.
const PAGE: u64 = 256 * 1024;

/// Logs that take turns.
const AT_ONCE: u32 = 200;

/// Pause between two looks at logs that grow.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest pause after the hub did not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often in a row the hub may not want a log before it is put aside.
const OFFERS: u32 = 5;

/// Why logs wait.
enum Stuck {
    Hub(HubError),
    Store(StoreError),
}

impl From<StoreError> for Stuck {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How often in a row the hub did not want which log.
type Refused = HashMap<AttemptRef, u32>;

impl Inner {
    /// Sends logs until told to stop, and then what is left for as long as an end may take.
    pub(super) async fn run_logs(&self) {
        let stop = self.tasks.stop_token();
        let mut changes = self.engine.store().subscribe();
        let mut takes_logs = self.takes_logs.subscribe();
        let (mut refused, mut backoff) = (Refused::new(), Backoff::default());
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = takes_logs.wait_for(|takes| *takes) => {}
            }
            changes.mark_unchanged();
            let pause = match self.send_logs(&mut refused).await {
                Ok(Sent::Something) => {
                    backoff.reset();
                    Duration::ZERO
                }
                Ok(Sent::NothingNew) => PAUSE,
                Ok(Sent::NothingToSend) => LONGEST_PAUSE,
                Err(stuck) => {
                    let chance = self.engine.fresh_id().as_u64_pair().0;
                    backoff.next(note(&stuck), chance).min(LONGEST_PAUSE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
                // A log that begins to be sent comes with a change that was reported.
                _ = changes.changed(), if pause == LONGEST_PAUSE => tokio::time::sleep(PAUSE).await,
            }
        }
        if *takes_logs.borrow() {
            let rest = async { while let Ok(Sent::Something) = self.send_logs(&mut refused).await {} };
            tokio::time::timeout(self.hub.drain, rest).await.ok();
        }
    }

    /// A page of each log.
    async fn send_logs(&self, refused: &mut Refused) -> Result<Sent, Stuck> {
        let logs = self.engine.store().logs_on_their_way(AT_ONCE).await?;
        let mut sent = match logs.is_empty() {
            true => Sent::NothingToSend,
            false => Sent::NothingNew,
        };
        for log in logs {
            if self.send_page(log, refused).await? {
                sent = Sent::Something;
            }
        }
        Ok(sent)
    }

    /// A page of one log; whether there was one.
    async fn send_page(&self, log: LogOnItsWay, refused: &mut Refused) -> Result<bool, Stuck> {
        let attempt = AttemptRef::of_any_lease(log.goal_set, log.goal.clone(), log.attempt);
        let Some(part) = self.part(&log, &attempt).await? else {
            return Ok(false);
        };
        let is_last = part.complete;
        let answered = match self.key().await {
            Ok(key) => self.client.append_log(&key, &log, &part).await,
            Err(error) => Err(error),
        };
        let store = self.engine.store();
        match answered {
            Ok(next) => {
                refused.remove(&attempt);
                let has_moved = next != log.taken;
                match is_last && next >= part.next {
                    true => store.log_sent(&log).await?,
                    false => store.log_taken(&LogOnItsWay { taken: next, ..log }).await?,
                }
                Ok(has_moved)
            }
            Err(HubError::NotTaken(because)) => {
                let offers = refused.entry(attempt.clone()).or_default();
                *offers += 1;
                if *offers >= OFFERS {
                    refused.remove(&attempt);
                    tracing::warn!(goal = %log.goal, goal_set.id = %log.goal_set,
                        "the hub does not take a log, it stays here only: {because}");
                    store.log_sent(&log).await?;
                }
                Ok(false)
            }
            Err(error) => Err(Stuck::Hub(error)),
        }
    }

    /// What is to be sent next of a log; none while nothing is there.
    async fn part(&self, log: &LogOnItsWay, attempt: &AttemptRef) -> Result<Option<LogPart>, StoreError> {
        let page = match self.engine.executor().read_log(attempt, log.taken, PAGE).await {
            Ok(page) => page,
            Err(ExecutionError::Unknown) => return self.end_of(log).await,
            Err(error) => {
                tracing::warn!(goal = %log.goal, goal_set.id = %log.goal_set, "a log cannot be read: {}", chain(&error));
                return Ok(None);
            }
        };
        let is_empty = page.lines.is_empty() && page.next_offset == log.taken;
        Ok((!is_empty || page.complete).then(|| of_page(log.taken, page)))
    }

    /// What is said of a log that is not here: nothing yet while its attempt runs, and otherwise that it ends. A goal that runs
    /// no process has none; one whose rest is gone had one.
    async fn end_of(&self, log: &LogOnItsWay) -> Result<Option<LogPart>, StoreError> {
        let record = self.engine.store().goal_set(log.goal_set).await?;
        let goal = record.as_ref().and_then(|record| record.set.goal(&log.goal));
        let is_running = |goal: &Goal| goal.attempt == log.attempt && !goal.state.is_terminal();
        if goal.is_some_and(is_running) {
            return Ok(None);
        }
        Ok(Some(LogPart {
            from: log.taken,
            next: log.taken,
            lost: log.taken > 0 || goal.is_none(),
            complete: true,
            lines: Vec::new(),
        }))
    }
}

/// What came of a round.
enum Sent {
    Something,
    NothingNew,
    NothingToSend,
}

fn of_page(from: u64, page: LogPage) -> LogPart {
    let line = |line: crate::ports::executor::LogLine| LoggedLine {
        offset: line.offset,
        at: line.at,
        stream: line.stream,
        text: line.text,
    };
    LogPart {
        from,
        next: page.next_offset,
        lost: false,
        complete: page.complete,
        lines: page.lines.into_iter().map(line).collect(),
    }
}

fn note(stuck: &Stuck) -> Setback {
    match stuck {
        Stuck::Hub(error) => {
            tracing::debug!("logs wait: {error}");
            error.setback()
        }
        Stuck::Store(error) => {
            tracing::error!("logs wait for the store: {}", chain(error));
            Setback::Away(None)
        }
    }
}
