//! Signals as something to read, so that one wait covers them, the pipes and the clock.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::system::System;

/// The signals a supervisor acts on: an ended child, and everything that commonly asks a process to end.
const SIGNALS: [Signal; 5] = [
    Signal::SIGCHLD,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// Where they can be read.
pub(super) enum Signals {
    /// The kernel keeps them for us.
    #[cfg(target_os = "linux")]
    Descriptor(nix::sys::signalfd::SignalFd),
    /// A handler writes their numbers into a pipe.
    Pipe(File),
}

impl Signals {
    /// Takes the signals out of their ordinary way. The command does not inherit this: its mask is emptied when it starts,
    /// and handlers end with the program they belong to.
    pub(super) fn take(system: System) -> io::Result<Self> {
        match system {
            #[cfg(target_os = "linux")]
            System::Linux => descriptor(),
            System::Portable => pipe(),
        }
    }

    /// For waiting.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Descriptor(descriptor) => descriptor.as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }

    /// Reads what has come; the name of the signal when one asked us to end.
    pub(super) fn read(&mut self) -> Option<&'static str> {
        let come: Vec<i32> = match self {
            #[cfg(target_os = "linux")]
            Self::Descriptor(descriptor) => std::iter::from_fn(|| descriptor.read_signal().ok().flatten())
                .filter_map(|info| i32::try_from(info.ssi_signo).ok())
                .collect(),
            Self::Pipe(pipe) => {
                let mut numbers = [0; 64];
                let length = pipe.read(&mut numbers).unwrap_or_default();
                numbers[..length]
                    .iter()
                    .map(|number| i32::from(*number))
                    .collect()
            }
        };
        let mut signals = come
            .into_iter()
            .filter_map(|number| Signal::try_from(number).ok());
        signals
            .rfind(|signal| *signal != Signal::SIGCHLD)
            .map(Signal::as_str)
    }
}

#[cfg(target_os = "linux")]
fn descriptor() -> io::Result<Signals> {
    use nix::sys::signalfd::{SfdFlags, SignalFd};
    let set: SigSet = SIGNALS.into_iter().collect();
    set.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(Signals::Descriptor(SignalFd::with_flags(&set, flags)?))
}

/// Where the handler writes; the end belongs to the process and is never closed.
static WRITTEN_TO: AtomicI32 = AtomicI32::new(-1);

fn pipe() -> io::Result<Signals> {
    let (read, write) = nix::unistd::pipe()?;
    for end in [&read, &write] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    WRITTEN_TO.store(write.into_raw_fd(), Ordering::Relaxed);
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
    SIGNALS
        .into_iter()
        .try_for_each(|signal| handle(signal, &action))?;
    Ok(Signals::Pipe(read.into()))
}

#[expect(
    unsafe_code,
    reason = "what runs when a signal comes is ours to keep harmless"
)]
fn handle(signal: Signal, action: &SigAction) -> nix::Result<()> {
    // SAFETY: the handler loads a number and makes one system call that may be made in a handler.
    unsafe { sigaction(signal, action) }.map(|_| ())
}

/// A full pipe says enough already.
#[expect(unsafe_code, reason = "a handler has no safe way to write")]
extern "C" fn note(signal: libc::c_int) {
    let errno = Errno::last_raw();
    let number = u8::try_from(signal).unwrap_or_default();
    // SAFETY: one byte of our stack is written to a descriptor that is never closed.
    unsafe { libc::write(WRITTEN_TO.load(Ordering::Relaxed), (&raw const number).cast(), 1) };
    Errno::set_raw(errno);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_can_be_read_the_portable_way() {
        let mut signals = pipe().unwrap();
        assert_eq!(signals.read(), None);
        nix::sys::signal::raise(Signal::SIGCHLD).unwrap();
        assert_eq!(signals.read(), None);
        nix::sys::signal::raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.read(), Some("SIGTERM"));
    }
}
