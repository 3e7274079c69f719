//! The supervisor: from the order to the outcome.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;

use nix::fcntl::OFlag;

use super::super::attempt::AttemptDirectory;
use super::super::fence::LOST;
use super::super::news::{CommandIdentity, NewsRecord};
use super::super::order::{KeptOrder, Order};
use super::super::process_table;
use super::command::Started;
use super::journal::Journal;
use super::outcome::Cause;
use super::phases::Phases;
use super::reserve::Reserve;
use super::result_file::ResultFile;
use super::signals::Signals;
use super::system::System;
use super::{TAKEN_OVER, outcome};
use crate::model::ExecutionResult;
use crate::model::redact::Redactor;
use crate::runtime::clock::{Clock, SystemClock};

mod ending;
mod follow;
mod output;

use follow::{Following, Sources};
use output::{News, Output};

/// Largest order in bytes.
const LARGEST_ORDER: u64 = 64 * 1024 * 1024;

/// Runs the commands that are ordered on standard input; standard output is the news.
///
/// The first one is started before anything that it need not wait for.
///
/// # Errors
/// What keeps us from supervising; the daemon hears of it before the attempt is taken over, the guard cleans up after it.
pub(super) fn supervise(directory: &AttemptDirectory, system: System) -> io::Result<()> {
    let order = read_order()?;
    system.adopt_orphans()?;
    let signals = Signals::take(system)?;
    let control = open_control(directory)?;
    let mut news = News(io::stdout().as_fd().try_clone_to_owned()?.into());
    let mut journal = Journal::create(&directory.log(), order.log_limit)?;
    let result_file = ResultFile::prepare(&order.result_file);
    news.write(&NewsRecord::Beginning {})?;
    let first = follow::start(&order, 0, "success", system);
    if let Ok(started) = &first {
        news.write(&NewsRecord::Running(identity(started)))?;
    }
    take_over()?;
    let reserve = Reserve::take(directory);
    let redactor = Rc::new(Redactor::new(&order.redact));
    keep_order(directory, &order, &redactor);
    for line in &order.header {
        journal.own(&redactor.redact(line));
    }
    let (phases, complaints) = Phases::new(&order.progress);
    complaints.iter().for_each(|complaint| journal.own(complaint));
    let sources = Sources {
        directory,
        system,
        order: &order,
        result_file: &result_file,
        signals,
        control,
    };
    let output = Output::new(journal, news, phases, &redactor);
    let (verdict, cause, output) = Following::new(sources, output).follow_through(first)?;
    if !order.redact.is_empty() {
        order
            .beside
            .iter()
            .for_each(|name| result_file.mask_beside(name, &redactor));
    }
    if matches!(&cause, Cause::Breach(breach) if breach.phase == LOST) {
        // Whoever finds no outcome knows that it is lost.
        return leave_lost(output.journal);
    }
    let result = outcome::of(verdict, &cause, &result_file, order.timeout);
    let mut result = outcome::with_finding(result, output.phases.failure());
    result.phase = result.phase.or(output.phases.into_said());
    finish(
        reserve,
        &outcome::shown(result, &redactor),
        output.journal,
        output.news,
    )
}

/// Leaves no outcome.
fn leave_lost(mut journal: Journal) -> io::Result<()> {
    journal.own("ended without a result");
    journal.account();
    journal.flush();
    Ok(())
}

/// Leaves the outcome, after everything else is in the log.
fn finish(
    reserve: Reserve<'_>,
    result: &ExecutionResult,
    mut journal: Journal,
    mut news: News,
) -> io::Result<()> {
    journal.own(&farewell(result));
    journal.account();
    journal.flush();
    reserve.leave(&serde_json::to_vec(result)?)?;
    // Only a ring: whoever watches finds the outcome without it too.
    let _ = news.write(&NewsRecord::Ended {});
    Ok(())
}

fn read_order() -> io::Result<Order> {
    let mut text = Vec::new();
    io::stdin().lock().take(LARGEST_ORDER).read_to_end(&mut text)?;
    Order::read(&text)
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
    let kept = KeptOrder::of(order, redactor);
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
