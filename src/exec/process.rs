//! The daemon's side: starts supervisors and reads what they leave.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::attempt::AttemptDirectory;
use super::bell::Bell;
use super::fence::Fence;
use super::order::Order;
use super::watch::ProcessWatch;
use super::{earlier, launch, log, supervisor};
use crate::ports::executor::{ExecutionError, ExecutionWatch, LogPage, ProcessSpec};
use crate::ports::{AttemptRef, Executor};

/// How long a supervisor may take to go away after it has written its outcome.
const FAREWELL: Duration = Duration::from_secs(10);

/// Processes on this machine, each under a supervisor that outlives the daemon.
pub struct ProcessExecutor {
    root: PathBuf,
    program: PathBuf,
    /// By which a supervisor knows that it is one.
    argument: &'static str,
    bell: Arc<Bell>,
    /// By which processes are told to go on.
    fence: Option<Fence>,
}

impl ProcessExecutor {
    /// Keeps attempts below `root` (made when needed, mode 0700) and starts supervisors as `program supervise …`, where
    /// `program` is this binary, whose `main` begins with [`super::supervise_when_asked`].
    ///
    /// A second executor on the same root, also in another process, finds what the first one started.
    pub fn new(root: PathBuf, program: PathBuf) -> Self {
        if !cfg!(target_os = "linux") {
            tracing::warn!(
                "on this system goals are found by their process groups alone: what leaves its group escapes, and memory, \
                 processes and disk are not limited"
            );
        }
        Self {
            root,
            program,
            argument: supervisor::ARGUMENT,
            bell: Bell::new(),
            fence: None,
        }
    }

    /// The same with supervisors that use nothing but what every Unix has.
    #[must_use]
    pub fn portably(mut self) -> Self {
        self.argument = supervisor::PORTABLE_ARGUMENT;
        self
    }

    /// The same with processes that end unless they are told to go on ([`Executor::hold`]) at least once in so long a time.
    ///
    /// # Errors
    /// The directory of attempts cannot be used.
    pub fn fenced(mut self, patience: Duration) -> io::Result<Self> {
        crate::config::private_directory(&self.root)?;
        self.fence = Some(Fence::new(&self.root, patience));
        Ok(self)
    }

    fn directory(&self, attempt: &AttemptRef) -> AttemptDirectory {
        AttemptDirectory::of(&self.root, attempt)
    }

    /// The directory of an attempt that was started.
    fn known(&self, attempt: &AttemptRef) -> Result<AttemptDirectory, ExecutionError> {
        let directory = self.directory(attempt);
        if directory.exists() {
            Ok(directory)
        } else {
            Err(ExecutionError::Unknown)
        }
    }

    fn follow(&self, directory: AttemptDirectory) -> Box<dyn ExecutionWatch> {
        let subscription = self.bell.subscribe(&directory.news());
        Box::new(ProcessWatch::new(directory, subscription))
    }
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> ExecutionError {
    move |source| ExecutionError::Failed {
        doing: doing.to_owned(),
        source,
    }
}

/// Runs work on files on a thread where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[async_trait]
impl Executor for ProcessExecutor {
    /// Ends the goal's other attempts first, when there are any that run.
    async fn start(
        &self,
        attempt: &AttemptRef,
        spec: ProcessSpec,
    ) -> Result<Box<dyn ExecutionWatch>, ExecutionError> {
        let directory = self.directory(attempt);
        if directory.exists() {
            return Err(ExecutionError::AlreadyStarted(attempt.attempt));
        }
        earlier::end_others(&directory)
            .await
            .map_err(failed("end an earlier attempt of the goal"))?;
        let (program, argument) = (self.program.clone(), self.argument);
        let target = directory.clone();
        let mut order = Order::from(spec);
        order.fence.clone_from(&self.fence);
        match blocking(move || launch::launch(&program, argument, &target, &order)).await {
            Ok(()) => Ok(self.follow(directory)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(ExecutionError::AlreadyStarted(attempt.attempt))
            }
            Err(error) => Err(failed("start the supervisor of an attempt")(error)),
        }
    }

    async fn hold(&self, ago: Duration) -> Result<(), ExecutionError> {
        let Some(fence) = self.fence.clone() else {
            return Ok(());
        };
        let held = blocking(move || fence.hold(ago)).await;
        held.map_err(failed("tell processes to go on"))
    }

    async fn watch(&self, attempt: &AttemptRef) -> Result<Box<dyn ExecutionWatch>, ExecutionError> {
        Ok(self.follow(self.known(attempt)?))
    }

    async fn stop(&self, attempt: &AttemptRef, reason: &str) -> Result<(), ExecutionError> {
        let directory = self.known(attempt)?;
        let reason = reason.to_owned();
        blocking(move || {
            if directory.is_alive()? && !directory.outcome().exists() {
                earlier::ask_to_stop(&directory, &reason)?;
            }
            Ok(())
        })
        .await
        .map_err(failed("ask an attempt to end"))
    }

    async fn read_log(
        &self,
        attempt: &AttemptRef,
        offset: u64,
        limit: u64,
    ) -> Result<LogPage, ExecutionError> {
        let directory = self.known(attempt)?;
        blocking(move || {
            let has_ended = directory.outcome().exists() || !directory.is_alive()?;
            log::read_page(&directory.log(), offset, limit, has_ended)
        })
        .await
        .map_err(failed("read the log of an attempt"))
    }

    async fn forget(&self, attempt: &AttemptRef) -> Result<(), ExecutionError> {
        const DOING: &str = "forget an attempt";
        let directory = self.known(attempt)?;
        let is_gone = if directory.outcome().exists() {
            earlier::wait_until_gone(&directory, FAREWELL)
                .await
                .map_err(failed(DOING))?
        } else {
            !directory.is_alive().map_err(failed(DOING))?
        };
        if !is_gone {
            return Err(failed(DOING)(io::Error::new(
                ErrorKind::ResourceBusy,
                "it still runs",
            )));
        }
        blocking(move || {
            earlier::kill_remains(&directory);
            directory.remove()
        })
        .await
        .map_err(failed(DOING))
    }
}
