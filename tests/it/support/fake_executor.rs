//! Processes that do what the test says, and outlive the machine as real ones do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sdm::model::ExecutionResult;
use sdm::ports::executor::{
    AttemptRef, ExecutionError, ExecutionNews, ExecutionWatch, Executor, LogPage, ProcessSpec,
};
use tokio::sync::watch;

type Key = (String, String, u32);

#[derive(Default)]
struct State {
    held: BTreeSet<String>,
    results: BTreeMap<String, Vec<ExecutionResult>>,
    attempts: BTreeMap<Key, watch::Sender<Option<ExecutionNews>>>,
    started: Vec<(String, ProcessSpec)>,
    stopped: Vec<String>,
}

/// Runs nothing. A goal succeeds at once unless it is held or told to end otherwise.
#[derive(Default)]
pub struct FakeExecutor(Arc<Mutex<State>>);

fn key(attempt: &AttemptRef) -> Key {
    (
        attempt.goal_set.to_string(),
        attempt.goal.unique_name.to_string(),
        attempt.attempt,
    )
}

impl FakeExecutor {
    /// Attempts of this goal go on until they are told to end.
    pub fn hold(&self, goal: &str) {
        self.0.lock().unwrap().held.insert(goal.to_owned());
    }

    /// The next attempts of this goal end like this, one each.
    pub fn will_end(&self, goal: &str, results: &[ExecutionResult]) {
        self.0
            .lock()
            .unwrap()
            .results
            .insert(goal.to_owned(), results.to_vec());
    }

    /// Ends every running attempt of this goal.
    pub fn end(&self, goal: &str, news: &ExecutionNews) {
        let mut state = self.0.lock().unwrap();
        state.held.remove(goal);
        for (_, attempt) in state.attempts.iter().filter(|((_, name, _), _)| name == goal) {
            end_once(attempt, news);
        }
    }

    /// Names of the goals whose processes were started, in order.
    pub fn started(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .started
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// What was started for a goal, latest last.
    pub fn specs(&self, goal: &str) -> Vec<ProcessSpec> {
        let state = self.0.lock().unwrap();
        state
            .started
            .iter()
            .filter(|(name, _)| name == goal)
            .map(|(_, spec)| spec.clone())
            .collect()
    }

    /// Names of the goals whose processes were asked to end.
    pub fn stopped(&self) -> Vec<String> {
        self.0.lock().unwrap().stopped.clone()
    }
}

/// The first end counts.
fn end_once(attempt: &watch::Sender<Option<ExecutionNews>>, news: &ExecutionNews) {
    attempt.send_if_modified(|current| {
        let open = current.is_none();
        if open {
            *current = Some(news.clone());
        }
        open
    });
}

struct FakeWatch {
    news: watch::Receiver<Option<ExecutionNews>>,
    told: bool,
}

#[async_trait]
impl ExecutionWatch for FakeWatch {
    async fn next(&mut self) -> Option<ExecutionNews> {
        if self.told {
            return None;
        }
        let news = self.news.wait_for(Option::is_some).await.ok()?.clone();
        self.told = true;
        news
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    async fn start(
        &self,
        attempt: &AttemptRef,
        spec: ProcessSpec,
    ) -> Result<Box<dyn ExecutionWatch>, ExecutionError> {
        let mut state = self.0.lock().unwrap();
        if state.attempts.contains_key(&key(attempt)) {
            return Err(ExecutionError::AlreadyStarted(attempt.attempt));
        }
        let name = attempt.goal.unique_name.to_string();
        let planned = state
            .results
            .get_mut(&name)
            .filter(|results| !results.is_empty())
            .map(|results| results.remove(0));
        let first = match state.held.contains(&name) {
            true => None,
            false => Some(ExecutionNews::Ended(planned.unwrap_or_default())),
        };
        let (sender, news) = watch::channel(first);
        state.attempts.insert(key(attempt), sender);
        state.started.push((name, spec));
        Ok(Box::new(FakeWatch { news, told: false }))
    }

    async fn watch(&self, attempt: &AttemptRef) -> Result<Box<dyn ExecutionWatch>, ExecutionError> {
        let state = self.0.lock().unwrap();
        let sender = state.attempts.get(&key(attempt)).ok_or(ExecutionError::Unknown)?;
        Ok(Box::new(FakeWatch {
            news: sender.subscribe(),
            told: false,
        }))
    }

    async fn stop(&self, attempt: &AttemptRef, _reason: &str) -> Result<(), ExecutionError> {
        let mut state = self.0.lock().unwrap();
        state.stopped.push(attempt.goal.unique_name.to_string());
        let running = state.attempts.get(&key(attempt)).ok_or(ExecutionError::Unknown)?;
        end_once(running, &ExecutionNews::Ended(ExecutionResult::failure("ended")));
        Ok(())
    }

    async fn read_log(
        &self,
        _attempt: &AttemptRef,
        offset: u64,
        _limit: u64,
    ) -> Result<LogPage, ExecutionError> {
        Ok(LogPage {
            lines: Vec::new(),
            next_offset: offset,
            complete: true,
        })
    }

    async fn forget(&self, attempt: &AttemptRef) -> Result<(), ExecutionError> {
        let mut state = self.0.lock().unwrap();
        state
            .attempts
            .remove(&key(attempt))
            .map(|_| ())
            .ok_or(ExecutionError::Unknown)
    }
}
