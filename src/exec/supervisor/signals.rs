//! Signals as something to read, so that one wait covers them, the pipes and the clock.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals a supervisor acts on: an ended child, and everything that commonly asks a process to end.
pub(super) struct Signals(SignalFd);

impl Signals {
    /// Takes the signals out of their ordinary way. The command does not inherit this: its mask is emptied when it starts.
    pub(super) fn take() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [
            Signal::SIGCHLD,
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ] {
            set.add(signal);
        }
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(
            &set,
            SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
        )?))
    }

    /// For waiting.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Reads what has come; the name of the signal when one asked us to end.
    pub(super) fn read(&self) -> Option<&'static str> {
        let mut asked = None;
        while let Ok(Some(info)) = self.0.read_signal() {
            let signal = i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok());
            asked = signal
                .filter(|signal| *signal != Signal::SIGCHLD)
                .map(Signal::as_str)
                .or(asked);
        }
        asked
    }
}
