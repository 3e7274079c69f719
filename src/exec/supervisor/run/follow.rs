//! Follows the commands of an attempt: one after the other, wishes and clocks to their ending.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::super::super::attempt::AttemptDirectory;
use super::super::super::news::NewsRecord;
use super::super::super::order::Order;
use super::super::command::{self, Started};
use super::super::failing::StepEnd;
use super::super::limits::Looking;
use super::super::outcome::Cause;
use super::super::result_file::ResultFile;
use super::super::secrets::GivenSecrets;
use super::super::sequence::{Sequence, Verdict};
use super::super::signals::Signals;
use super::super::system::System;
use super::super::tree::Family;
use super::ending::{Act, Ending, Standing};
use super::identity;
use super::output::Output;
use crate::model::ExecutionResult;
use crate::ports::executor::When;

/// Most bytes of a reason to stop.
const LONGEST_REASON: u64 = 4096;

/// What a step that runs finally finds how it stands by.
const OUTCOME: &str = "SDM_OUTCOME";

/// Where wishes come from, and what is judged by.
pub(super) struct Sources<'a> {
    /// The attempt.
    pub(super) directory: &'a AttemptDirectory,
    /// What there is to watch it by.
    pub(super) system: System,
    /// What was ordered.
    pub(super) order: &'a Order,
    /// What the commands report.
    pub(super) result_file: &'a ResultFile,
    /// Signals to us.
    pub(super) signals: Signals,
    /// Wakes us for a stop.
    pub(super) control: File,
}

/// The first command, which was started before anything that it need not wait for.
pub(super) type First = Result<Started, Box<ExecutionResult>>;

/// Starts the command of a step; one that runs finally hears how it stands.
pub(super) fn start(order: &Order, index: usize, outcome: &str, system: System) -> First {
    let step = &order.steps[index];
    let outcome = (step.when == When::Finally).then_some((OUTCOME, outcome));
    command::start(step, &order.environment, outcome, order.limits, system)
}

/// An attempt being followed.
pub(super) struct Following<'a> {
    sources: Sources<'a>,
    output: Output,
    ending: Ending,
    looking: Looking,
    sequence: Sequence<'a>,
    /// The command that runs.
    command: Option<Pid>,
    /// What it is given in secret.
    secrets: GivenSecrets,
    family: Family,
    has_family: bool,
}

impl<'a> Following<'a> {
    pub(super) fn new(sources: Sources<'a>, output: Output) -> Self {
        let order = sources.order;
        Self {
            output,
            ending: Ending::new(Instant::now(), order.timeout, order.grace),
            looking: Looking::new(order, Instant::now(), sources.system),
            sequence: Sequence::new(&order.steps),
            command: None,
            secrets: GivenSecrets::default(),
            family: Family::new(sources.system, Vec::new()),
            has_family: true,
            sources,
        }
    }

    /// Follows until all commands and everything they started have ended, and their output is in the log.
    pub(super) fn follow_through(mut self, first: First) -> io::Result<(Verdict, Cause, Output)> {
        let index = self.sequence.due(Instant::now()).unwrap_or_default();
        self.announce(index);
        self.output.journal.flush();
        self.take_over(first);
        self.look_for_stop();
        loop {
            self.note_ended();
            self.start_due();
            self.act();
            self.look();
            if self.ending.is_over(Instant::now(), self.standing()) {
                break;
            }
            self.wait()?;
            self.output.take();
            self.hear();
        }
        self.output.finish();
        Ok((self.sequence.verdict(), self.ending.cause, self.output))
    }

    fn standing(&self) -> Standing {
        Standing {
            has_ended: self.sequence.is_over(),
            has_family: self.has_family,
            has_output: self.output.is_open(),
        }
    }

    fn note_ended(&mut self) {
        let reaped = self.family.reap(self.command);
        self.has_family = reaped.has_family;
        if let Some(end) = reaped.end {
            self.command = None;
            self.secrets = GivenSecrets::default();
            let heeds = self.sequence.current().is_some_and(|step| step.heeds_result);
            let is_final = heeds && self.sources.result_file.is_final();
            self.sequence.ended(Instant::now(), StepEnd::Ended(end), is_final);
        }
    }

    /// Starts what is due; a step that cannot be started may make the next one due.
    fn start_due(&mut self) {
        while let Some(index) = self.sequence.due(Instant::now()) {
            self.output.catch_up();
            self.remark();
            self.announce(index);
            let started = start(
                self.sources.order,
                index,
                self.outcome_so_far(),
                self.sources.system,
            );
            if let Ok(started) = &started {
                let record = NewsRecord::Step {
                    command: identity(started),
                    is_alone: !self.has_family,
                };
                // Only needed should we and the guard both be killed.
                let _ = self.output.news.write(&record);
            }
            self.take_over(started);
        }
        self.remark();
        self.output.journal.flush();
    }

    fn take_over(&mut self, started: First) {
        match started {
            Ok(mut started) => {
                self.secrets = std::mem::take(&mut started.secrets);
                self.command = Some(started.pid);
                self.family.add(started.pid);
                self.has_family = true;
                self.output.connect(started);
            }
            Err(result) => self
                .sequence
                .ended(Instant::now(), StepEnd::NotStarted(result), false),
        }
    }

    /// Says which step begins, where there are several.
    fn announce(&mut self, index: usize) {
        if self.sequence.is_plural() && self.sequence.is_first_try() {
            let label = self.sequence.label(index);
            self.output.say(&format!("step {}: {label}", index + 1));
            self.output.enter(&label);
        }
    }

    fn remark(&mut self) {
        for remark in self.sequence.take_remarks() {
            self.output.say(&remark);
        }
    }

    fn outcome_so_far(&self) -> &'static str {
        let is_well = self.sequence.is_well()
            && self.ending.cause == Cause::Itself
            && !self.sources.result_file.is_failure();
        if is_well { "success" } else { "failure" }
    }

    fn act(&mut self) {
        let act = self.ending.step(Instant::now(), self.standing());
        self.carry_out(act);
    }

    fn look(&mut self) {
        let now = Instant::now();
        if let Some(breach) = self.looking.look(now) {
            self.output.say(&format!("{}: {}", breach.phase, breach.message));
            let act = self.ending.break_off(now, breach);
            self.carry_out(act);
        }
    }

    fn carry_out(&mut self, act: Act) {
        match act {
            Act::Wait => return,
            Act::Ask => {
                let because = match &self.ending.cause {
                    Cause::Itself | Cause::Timeout | Cause::Breach(_) => "its time is over",
                    Cause::Stop(reason) => reason,
                };
                self.output.say(&format!("asked to end: {because}"));
                self.sequence.close();
                self.family.terminate(self.command);
            }
            Act::AskLeftovers => {
                let left = self.family.names();
                self.output.say(&format!("left running and ended by us: {left}"));
                self.family.terminate(self.command);
            }
            Act::Kill => {
                self.sequence.abandon();
                self.family.kill_all();
            }
            Act::GiveUp => {
                let left = self.family.names();
                self.output.say(&format!("could not be killed: {left}"));
            }
        }
        self.output.journal.flush();
    }

    /// Sleeps until something comes or it is time to decide.
    fn wait(&self) -> io::Result<()> {
        let mut watched = vec![
            PollFd::new(self.sources.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.sources.control.as_fd(), PollFlags::POLLIN),
        ];
        let pipes = self.output.pipes();
        watched.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        let now = Instant::now();
        let moments = [
            self.ending.next_moment(),
            self.sequence.next_moment(now),
            self.looking.next_moment(),
            self.family.next_look(now).filter(|_| self.sequence.is_over()),
        ];
        let timeout = moments
            .into_iter()
            .flatten()
            .min()
            .map_or(PollTimeout::NONE, |moment| until(moment, now));
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hears signals and the control FIFO.
    fn hear(&mut self) {
        if let Some(signal) = self.sources.signals.read() {
            self.stop(&format!("the supervisor was told to end ({signal})"));
        }
        let mut bytes = [0; 64];
        if self
            .sources
            .control
            .read(&mut bytes)
            .is_ok_and(|length| length > 0)
        {
            self.look_for_stop();
        }
    }

    fn look_for_stop(&mut self) {
        let Ok(file) = File::open(self.sources.directory.stop()) else {
            return;
        };
        let mut reason = Vec::new();
        let _ = file.take(LONGEST_REASON).read_to_end(&mut reason);
        self.stop(&String::from_utf8_lossy(&reason));
    }

    fn stop(&mut self, reason: &str) {
        let act = self.ending.stop(Instant::now(), reason);
        self.carry_out(act);
    }
}

/// How long to sleep; rounded up, so that the moment has come when we wake.
fn until(moment: Instant, now: Instant) -> PollTimeout {
    let left = moment.saturating_duration_since(now);
    if left.is_zero() {
        return PollTimeout::ZERO;
    }
    PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
}
