//! Follows one attempt by what its supervisor leaves in the directory.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::attempt::AttemptDirectory;
use super::bell::Subscription;
use super::earlier;
use super::news::{self, NewsRecord};
use super::pace::Pace;
use super::process_table;
use crate::model::ExecutionResult;
use crate::ports::executor::{ExecutionNews, ExecutionWatch};

/// How often a watch looks by itself although it is rung: a lost ring then costs seconds and not for ever.
const SWEEP: Duration = Duration::from_secs(5);

/// How often it looks where nobody rings, and when something must change any moment.
const QUICK_SWEEP: Duration = Duration::from_millis(100);

/// After a ring: the kernel tells of the last close just before it gives the lock back.
const AFTERTHOUGHT: Duration = Duration::from_millis(1);

/// The story of one attempt, from its beginning.
pub(super) struct ProcessWatch {
    directory: AttemptDirectory,
    bell: Subscription,
    /// News read so far, in bytes.
    position: u64,
    pending: VecDeque<ExecutionNews>,
    /// Phases read and not passed on.
    phases: Pace,
    /// Process id of the supervisor, once it is known.
    supervisor: Option<u32>,
    /// How long to wait for a ring the next time; grows while nothing is found.
    patience: Duration,
    /// Something of the command may have run.
    has_begun: bool,
    is_over: bool,
}

/// What one look at the directory found.
struct Sight {
    records: Vec<NewsRecord>,
    position: u64,
    outcome: Option<ExecutionResult>,
    is_alive: bool,
}

impl ProcessWatch {
    /// Subscribe first, then look: nothing can happen unnoticed in between.
    pub(super) fn new(directory: AttemptDirectory, bell: Subscription) -> Self {
        Self {
            directory,
            bell,
            position: 0,
            pending: VecDeque::new(),
            phases: Pace::new(Instant::now()),
            supervisor: None,
            patience: AFTERTHOUGHT,
            has_begun: false,
            is_over: false,
        }
    }

    async fn look(&mut self) {
        let (directory, position, supervisor) = (self.directory.clone(), self.position, self.supervisor);
        let sight = tokio::task::spawn_blocking(move || look(&directory, position, supervisor)).await;
        match sight.map_err(io::Error::other).and_then(|sight| sight) {
            Ok(sight) => self.take_in(sight),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.end(ExecutionNews::Lost),
            Err(error) => {
                tracing::warn!(%error, attempt = %self.directory.path().display(), "failed to read the news of an attempt");
            }
        }
    }

    fn take_in(&mut self, sight: Sight) {
        self.position = sight.position;
        for record in sight.records {
            match record {
                NewsRecord::Running(command) => {
                    self.supervisor = Some(command.supervisor);
                    self.pending.push_back(ExecutionNews::Running {
                        pid: command.pid,
                        at: command.at,
                    });
                }
                NewsRecord::Phase(phase) => self.phases.take_in(phase),
                NewsRecord::Beginning {} => self.has_begun = true,
                NewsRecord::Step { .. } | NewsRecord::Ended {} => {}
            }
        }
        match sight.outcome {
            Some(outcome) => self.end(ExecutionNews::Ended(outcome)),
            None if !sight.is_alive && self.has_begun => self.end(ExecutionNews::Lost),
            None if !sight.is_alive => self.end(ExecutionNews::NeverBegan),
            None => {}
        }
    }

    fn end(&mut self, last: ExecutionNews) {
        let rest = self.phases.rest().into_iter().map(ExecutionNews::Phase);
        self.pending.extend(rest);
        self.pending.push_back(last);
        self.is_over = true;
    }

    /// Waits for a ring, or for the patience to run out, which is short after a ring and then grows.
    async fn wait(&mut self) {
        let longest = if self.bell.is_watched { SWEEP } else { QUICK_SWEEP };
        let until_due = self.phases.until_due(Instant::now());
        let patience = until_due.map_or(self.patience, |until| until.min(self.patience));
        match tokio::time::timeout(patience, self.bell.rung()).await {
            Ok(()) => self.patience = AFTERTHOUGHT,
            Err(_) => self.patience = (self.patience * 4).min(longest),
        }
    }
}

/// The order matters: whoever is dead before the outcome is looked for will not write one, and all news were written
/// before the outcome. A lost attempt has its remains killed before anybody hears that it is lost, and a supervisor that was
/// halted goes on.
fn look(directory: &AttemptDirectory, position: u64, supervisor: Option<u32>) -> io::Result<Sight> {
    let is_alive = directory.is_alive()?;
    let outcome = directory.read_outcome()?;
    let (records, position) = news::read_from(&directory.news(), position)?;
    if !is_alive && outcome.is_none() {
        earlier::kill_remains(directory);
    }
    if let Some(supervisor) = supervisor.filter(|_| is_alive) {
        process_table::wake_supervisor(supervisor);
    }
    Ok(Sight {
        records,
        position,
        outcome,
        is_alive,
    })
}

#[async_trait]
impl ExecutionWatch for ProcessWatch {
    async fn next(&mut self) -> Option<ExecutionNews> {
        let mut has_looked = false;
        loop {
            if let Some(news) = self.pending.pop_front() {
                return Some(news);
            }
            if self.is_over {
                return None;
            }
            if let Some(phase) = self.phases.due(Instant::now()) {
                return Some(ExecutionNews::Phase(phase));
            }
            if has_looked {
                self.wait().await;
            } else {
                self.look().await;
            }
            has_looked = !has_looked;
        }
    }
}
