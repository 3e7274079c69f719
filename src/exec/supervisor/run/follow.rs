//! Follows a running command: output to log and phases, wishes and clocks to its ending.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use super::super::super::attempt::AttemptDirectory;
use super::super::super::news::NewsRecord;
use super::super::super::order::Order;
use super::super::super::redact::Redactor;
use super::super::command::Started;
use super::super::journal::Journal;
use super::super::lines::Lines;
use super::super::outcome::Cause;
use super::super::phases::Phases;
use super::super::signals::Signals;
use super::super::tree;
use super::News;
use super::ending::{Ending, Standing, Step};

/// Most bytes taken from a pipe at once, so that one stream cannot silence the other, a stop or the clock.
const PIECE: usize = 64 * 1024;

/// Most bytes of a reason to stop.
const LONGEST_REASON: u64 = 4096;

/// Where wishes come from.
pub(super) struct Sources<'a> {
    /// The attempt.
    pub(super) directory: &'a AttemptDirectory,
    /// Signals to us.
    pub(super) signals: Signals,
    /// Wakes us for a stop.
    pub(super) control: File,
}

/// One stream of output.
struct Stream {
    name: &'static str,
    /// `None` once it has ended.
    pipe: Option<File>,
    lines: Lines,
}

/// A command being followed.
pub(super) struct Following<'a> {
    sources: Sources<'a>,
    journal: Journal,
    news: News,
    phases: Phases,
    redactor: Rc<Redactor>,
    ending: Ending,
    command: Pid,
    end: Option<WaitStatus>,
    has_family: bool,
}

/// What is left at the end.
pub(super) struct Finished {
    /// To be closed.
    pub(super) journal: Journal,
    /// To be closed.
    pub(super) news: News,
    /// The phase it was in.
    pub(super) last_phase: Option<String>,
}

impl<'a> Following<'a> {
    pub(super) fn new(
        sources: Sources<'a>,
        journal: Journal,
        news: News,
        phases: Phases,
        started: &Started,
        redactor: &Rc<Redactor>,
        order: &Order,
    ) -> Self {
        Self {
            sources,
            journal,
            news,
            phases,
            redactor: Rc::clone(redactor),
            ending: Ending::new(Instant::now(), order.timeout, order.grace),
            command: started.pid,
            end: None,
            has_family: true,
        }
    }

    /// Follows until the command and everything it started have ended, and their output is in the log.
    pub(super) fn follow_through(&mut self, started: Started) -> io::Result<(WaitStatus, Cause)> {
        let mut streams = [("out", started.out), ("err", started.err)].map(|(name, pipe)| Stream {
            name,
            pipe: Some(pipe),
            lines: Lines::new(Rc::clone(&self.redactor)),
        });
        let mut piece = vec![0; PIECE];
        self.look_for_stop();
        loop {
            self.note_ended();
            self.act(&streams);
            if self.ending.is_over(Instant::now(), self.standing(&streams)) {
                break;
            }
            self.wait(&streams)?;
            for stream in &mut streams {
                self.take(stream, &mut piece);
            }
            self.journal.flush();
            self.hear();
        }
        for stream in &mut streams {
            // What is in the pipe already; who holds it open without being of the family is not waited for.
            while self.take(stream, &mut piece) {}
            self.finish_lines(stream);
        }
        self.journal.flush();
        let end = self.end.unwrap_or(WaitStatus::StillAlive);
        Ok((end, self.ending.cause.clone()))
    }

    /// Gives back what was lent.
    pub(super) fn finish(self) -> Finished {
        Finished {
            journal: self.journal,
            news: self.news,
            last_phase: self.phases.into_last(),
        }
    }

    fn standing(&self, streams: &[Stream]) -> Standing {
        Standing {
            has_ended: self.end.is_some(),
            has_family: self.has_family,
            has_output: streams.iter().any(|stream| stream.pipe.is_some()),
        }
    }

    fn note_ended(&mut self) {
        let reaped = tree::reap(self.command);
        self.end = self.end.or(reaped.end);
        self.has_family = reaped.has_family;
    }

    fn act(&mut self, streams: &[Stream]) {
        let step = self.ending.step(Instant::now(), self.standing(streams));
        self.carry_out(step);
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Wait => return,
            Step::Ask => {
                let because = match &self.ending.cause {
                    Cause::Itself | Cause::Timeout => "its time is over".to_owned(),
                    Cause::Stop(reason) => self.redactor.redact(reason),
                };
                self.journal.own(&format!("asked to end: {because}"));
                tree::terminate(self.command.as_raw());
            }
            Step::AskLeftovers => {
                self.journal
                    .own(&format!("left running and ended by us: {}", left_behind()));
                tree::terminate(self.command.as_raw());
            }
            Step::Kill => tree::kill_all(),
            Step::GiveUp => self
                .journal
                .own(&format!("could not be killed: {}", left_behind())),
        }
        self.journal.flush();
    }

    /// Sleeps until something comes or it is time to decide.
    fn wait(&self, streams: &[Stream]) -> io::Result<()> {
        let mut watched = vec![
            PollFd::new(self.sources.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.sources.control.as_fd(), PollFlags::POLLIN),
        ];
        let pipes = streams.iter().filter_map(|stream| stream.pipe.as_ref());
        watched.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        let timeout = self.ending.next_moment().map_or(PollTimeout::NONE, |moment| {
            // Rounded up, so that the moment has come when we wake.
            let left = moment.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what one stream has to give, at most a piece; whether there may be more.
    fn take(&mut self, stream: &mut Stream, piece: &mut [u8]) -> bool {
        let Some(pipe) = &mut stream.pipe else {
            return false;
        };
        match pipe.read(piece) {
            Ok(length) if length > 0 => {
                let (journal, phases, news) = (&mut self.journal, &mut self.phases, &mut self.news);
                stream.lines.push(&piece[..length], &mut |line| {
                    note(journal, phases, news, stream.name, line);
                });
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Ok(_) | Err(_) => {
                stream.pipe = None;
                self.finish_lines(stream);
                false
            }
        }
    }

    fn finish_lines(&mut self, stream: &mut Stream) {
        let (journal, phases, news) = (&mut self.journal, &mut self.phases, &mut self.news);
        stream
            .lines
            .finish(&mut |line| note(journal, phases, news, stream.name, line));
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
        let step = self.ending.stop(Instant::now(), reason);
        self.carry_out(step);
    }
}

/// A line of output: into the log, and into the news when it changes the phase.
fn note(journal: &mut Journal, phases: &mut Phases, news: &mut News, stream: &str, line: &str) {
    journal.output(stream, line);
    if let Some(phase) = phases.see(line) {
        // A phase that cannot be told is no reason to end a goal (3.16).
        let _ = news.write(&NewsRecord::Phase(phase.to_owned()));
    }
}

/// Names what is left of the family, for the log.
fn left_behind() -> String {
    const MOST: usize = 10;
    let members = tree::members();
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let mut named: Vec<String> = members
        .iter()
        .take(MOST)
        .map(|process| format!("{} ({})", name(process.pid).trim(), process.pid))
        .collect();
    if members.len() > MOST {
        named.push(format!("and {} more", members.len() - MOST));
    }
    named.join(", ")
}
