//! The output of an attempt: what its commands write becomes log and phases.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use super::super::super::news::NewsRecord;
use super::super::command::Started;
use super::super::journal::Journal;
use super::super::lines::Lines;
use super::super::phases::Phases;
use crate::model::redact::Redactor;

/// Most bytes taken from a pipe at once, so that one stream cannot silence the other, a stop or the clock.
const PIECE: usize = 64 * 1024;

/// Looks that empty the largest pipe of what was in it at first, without waiting for who goes on writing.
const LOOKS_THAT_EMPTY: usize = 1024 * 1024 / PIECE + 1;

/// The news, which is standard output.
pub(super) struct News(pub(super) File);

impl News {
    /// Writes one record.
    pub(super) fn write(&mut self, record: &NewsRecord) -> io::Result<()> {
        let mut text = serde_json::to_vec(record)?;
        text.push(b'\n');
        self.0.write_all(&text)
    }
}

/// One stream of output.
struct Stream {
    name: &'static str,
    pipe: File,
    lines: Lines,
}

/// Where output goes.
pub(super) struct Output {
    /// The log.
    pub(super) journal: Journal,
    /// What whoever watches reads.
    pub(super) news: News,
    /// The phases it names.
    pub(super) phases: Phases,
    redactor: Rc<Redactor>,
    /// Those that have not ended, of all commands there were.
    streams: Vec<Stream>,
    piece: Vec<u8>,
}

impl Output {
    /// Without streams.
    pub(super) fn new(journal: Journal, news: News, phases: Phases, redactor: &Rc<Redactor>) -> Self {
        Self {
            journal,
            news,
            phases,
            redactor: Rc::clone(redactor),
            streams: Vec::new(),
            piece: vec![0; PIECE],
        }
    }

    /// Takes over the streams of a command.
    pub(super) fn connect(&mut self, started: Started) {
        for (name, pipe) in [("out", started.out), ("err", started.err)] {
            let lines = Lines::new(Rc::clone(&self.redactor));
            self.streams.push(Stream { name, pipe, lines });
        }
    }

    /// A line of the machine's own, masked.
    pub(super) fn say(&mut self, text: &str) {
        self.journal.own(&self.redactor.redact(text));
    }

    /// A step of this name begins.
    pub(super) fn enter(&mut self, step: &str) {
        if let Some(phase) = self.phases.enter(&self.redactor.redact(step)) {
            // A phase that cannot be told is no reason to end a goal (3.16).
            let _ = self.news.write(&NewsRecord::Phase(phase.to_owned()));
        }
    }

    /// Whether something may still come.
    pub(super) fn is_open(&self) -> bool {
        !self.streams.is_empty()
    }

    /// For waiting.
    pub(super) fn pipes(&self) -> impl Iterator<Item = &File> {
        self.streams.iter().map(|stream| &stream.pipe)
    }

    /// Takes what every stream has to give, at most a piece of each.
    pub(super) fn take(&mut self) {
        self.each(|output, stream| output.take_piece(stream) != Taken::End);
        self.journal.flush();
    }

    /// Takes what is there already, before the next command writes.
    pub(super) fn catch_up(&mut self) {
        self.each(|output, stream| output.empty(stream) != Taken::End);
        self.journal.flush();
    }

    /// Takes what is there and ends: who holds a pipe open without being of the family is not waited for.
    pub(super) fn finish(&mut self) {
        self.each(|output, stream| {
            output.empty(stream);
            false
        });
        self.journal.flush();
    }

    /// Goes through the streams; those that `take` does not keep have ended.
    fn each(&mut self, mut take: impl FnMut(&mut Self, &mut Stream) -> bool) {
        let mut streams = std::mem::take(&mut self.streams);
        streams.retain_mut(|stream| {
            let stays = take(self, stream);
            if !stays {
                let (journal, phases, news) = (&mut self.journal, &mut self.phases, &mut self.news);
                stream
                    .lines
                    .finish(&mut |line, written| note(journal, phases, news, stream.name, (line, written)));
            }
            stays
        });
        self.streams = streams;
    }

    fn empty(&mut self, stream: &mut Stream) -> Taken {
        for _ in 0..LOOKS_THAT_EMPTY {
            match self.take_piece(stream) {
                Taken::Something => {}
                last @ (Taken::Nothing | Taken::End) => return last,
            }
        }
        Taken::Something
    }

    fn take_piece(&mut self, stream: &mut Stream) -> Taken {
        match stream.pipe.read(&mut self.piece) {
            Ok(length) if length > 0 => {
                let (journal, phases, news) = (&mut self.journal, &mut self.phases, &mut self.news);
                stream.lines.push(&self.piece[..length], &mut |line, written| {
                    note(journal, phases, news, stream.name, (line, written));
                });
                Taken::Something
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Taken::Something,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Taken::Nothing,
            Ok(_) | Err(_) => Taken::End,
        }
    }
}

/// What a look at a stream brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Bytes; there may be more.
    Something,
    /// Nothing at the moment.
    Nothing,
    /// The stream has ended.
    End,
}

/// A line of output, and how many bytes it was there: into the log, and into the news when it changes the phase.
fn note(
    journal: &mut Journal,
    phases: &mut Phases,
    news: &mut News,
    stream: &str,
    (line, written): (&str, usize),
) {
    journal.output(stream, line, written);
    if let Some(phase) = phases.see(line) {
        // A phase that cannot be told is no reason to end a goal (3.16).
        let _ = news.write(&NewsRecord::Phase(phase.to_owned()));
    }
}
