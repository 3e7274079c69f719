//! Signals in, service manager out: ready, reloading, stopping, and a sign of life for its watchdog.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the outside wants of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// TERM or INT.
    Stop,
    /// HUP.
    Reload,
}

/// The signals a long-running process listens to.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// The next wish.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.term.recv() => Wish::Stop,
            _ = self.int.recv() => Wish::Stop,
            _ = self.hup.recv() => Wish::Reload,
        }
    }
}

/// Tells the service manager that the process works; without one, nothing happens.
pub fn notify_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells the service manager that the process is ending.
pub fn notify_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells the service manager what the process is about.
pub fn notify_status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// One sign of life for the watchdog.
pub fn notify_alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often the service manager wants a sign of life: half of its limit, when it has one.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = %error, "the service manager could not be told");
    }
}
