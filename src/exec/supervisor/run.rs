//! The supervisor: from the order to the outcome.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::sys::prctl;

use super::super::attempt::{AttemptDirectory, write_durably};
use super::super::news::{CommandIdentity, NewsRecord};
use super::super::order::{KeptOrder, Order};
use super::super::process_table;
use super::super::redact::Redactor;
use super::command::{self, Started};
use super::journal::Journal;
use super::phases::Phases;
use super::result_file::ResultFile;
use super::signals::Signals;
use super::{TAKEN_OVER, outcome};
use crate::model::ExecutionResult;
use crate::runtime::clock::{Clock, SystemClock};

mod ending;
mod follow;

/// Largest order in bytes.
const LARGEST_ORDER: u64 = 64 * 1024 * 1024;

/// Runs the command that is ordered on standard input; standard output is the news.
///
/// The command is started before anything that it need not wait for.
///
/// # Errors
/// What keeps us from supervising; the daemon hears of it before the attempt is taken over, the guard cleans up after it.
pub(super) fn supervise(directory: &AttemptDirectory) -> io::Result<()> {
    let order = read_order()?;
    prctl::set_child_subreaper(true)?;
    let signals = Signals::take()?;
    let control = open_control(directory)?;
    let mut news = News(io::stdout().as_fd().try_clone_to_owned()?.into());
    let mut journal = Journal::create(&directory.log(), order.log_limit)?;
    let result_file = ResultFile::prepare(&order.result_file);
    news.write(&NewsRecord::Beginning {})?;
    let started = command::start(&order);
    if let Ok(started) = &started {
        news.write(&NewsRecord::Running(identity(started)))?;
    }
    take_over()?;
    let redactor = Rc::new(Redactor::new(&order.redact));
    keep_order(directory, &order, &redactor);
    for line in &order.header {
        journal.own(&redactor.redact(line));
    }
    let (phases, complaints) = Phases::new(&order.progress);
    complaints.iter().for_each(|complaint| journal.own(complaint));
    journal.flush();
    let result = match started {
        Ok(started) => {
            let sources = follow::Sources {
                directory,
                signals,
                control,
            };
            let mut following =
                follow::Following::new(sources, journal, news, phases, &started, &redactor, &order);
            let (end, cause) = following.follow_through(started)?;
            let mut result = outcome::of(end, &cause, &result_file, order.timeout);
            let finished = following.finish();
            (journal, news) = (finished.journal, finished.news);
            result.phase = result.phase.or(finished.last_phase);
            result
        }
        Err(result) => *result,
    };
    let result = outcome::shown(result, &redactor);
    journal.own(&farewell(&result));
    journal.account();
    journal.flush();
    write_durably(&directory.outcome(), &serde_json::to_vec(&result)?)?;
    news.write(&NewsRecord::Ended {})
}

/// The news, which is standard output.
struct News(File);

impl News {
    fn write(&mut self, record: &NewsRecord) -> io::Result<()> {
        let mut text = serde_json::to_vec(record)?;
        text.push(b'\n');
        self.0.write_all(&text)
    }
}

fn read_order() -> io::Result<Order> {
    let mut text = Vec::new();
    io::stdin().lock().take(LARGEST_ORDER).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Opened for writing too, so that it always has a writer and never ends.
fn open_control(directory: &AttemptDirectory) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK.bits();
    File::options()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(directory.control())
}

/// Tells the daemon that we are responsible now, and cuts the last thread to it.
fn take_over() -> io::Result<()> {
    // The daemon may be gone already; that changes nothing.
    let _ = io::stderr().write_all(TAKEN_OVER);
    let nowhere = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stderr(&nowhere)?;
    nix::unistd::dup2_stdin(&nowhere)?;
    Ok(())
}

fn identity(started: &Started) -> CommandIdentity {
    let pid = started.pid.as_raw();
    CommandIdentity {
        pid: pid.unsigned_abs(),
        at: SystemClock.now(),
        supervisor: std::process::id(),
        started: process_table::look_up(pid).map_or(0, |process| process.started),
        boot: process_table::boot(),
    }
}

/// Leaves what was ordered, for people; the attempt does not depend on it.
fn keep_order(directory: &AttemptDirectory, order: &Order, redactor: &Redactor) {
    let kept = KeptOrder {
        argv: order
            .argv
            .iter()
            .map(|argument| redactor.redact(argument))
            .collect(),
        directory: order.directory.clone(),
        environment: order.environment.iter().map(|(name, _)| name.clone()).collect(),
        timeout: order.timeout,
        grace: order.grace,
    };
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(directory.spec());
    if let (Ok(mut file), Ok(text)) = (file, serde_json::to_vec(&kept)) {
        let _ = file.write_all(&text);
    }
}

fn farewell(result: &ExecutionResult) -> String {
    match &result.message {
        Some(message) => format!("ended with code {}: {message}", result.code),
        None => format!("ended with code {}", result.code),
    }
}
