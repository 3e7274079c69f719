//! What containers print, onto our own output: the supervisor above us makes the log of it, and masks what is secret.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::container::LogOutput;

use super::report::KeptOutput;

/// A line that is longer is handed on in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// Where lines go; one at a time, whole.
pub(super) trait Sink: Send {
    /// A line with its end, of standard error or standard output.
    fn line(&mut self, is_error: bool, line: &[u8]);
}

/// This process's own output. What nobody reads any more is nobody's loss.
pub(super) struct Own;

impl Sink for Own {
    fn line(&mut self, is_error: bool, line: &[u8]) {
        let _ = match is_error {
            true => std::io::stderr().write_all(line),
            false => std::io::stdout().write_all(line),
        };
        let _ = std::io::stdout().flush();
    }
}

/// Shared by all containers of a goal.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<dyn Sink>>);

impl Output {
    pub(super) fn new(sink: impl Sink + 'static) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    /// A line of ours.
    pub(super) fn say(&self, text: &str) {
        self.line(false, format!("{text}\n").as_bytes());
    }

    /// What is going on, as a phase of the goal (semantics 3.16).
    pub(super) fn phase(&self, phase: &str) {
        self.say(&format!("atm:phase={phase}"));
    }

    fn line(&self, is_error: bool, line: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(is_error, line);
    }

    /// The output of one container; lines of services begin with their name.
    pub(super) fn of_container(&self, prefix: Option<&str>) -> ContainerOutput {
        let stream = |is_error| Stream {
            is_error,
            prefix: prefix.map(|name| format!("{name} | ")).unwrap_or_default(),
            pending: Vec::new(),
        };
        ContainerOutput {
            output: self.clone(),
            streams: [stream(false), stream(true)],
            kept: None,
        }
    }
}

/// Makes lines of the pieces a container's output comes in.
pub(super) struct ContainerOutput {
    output: Output,
    streams: [Stream; 2],
    /// Takes standard output in the place of the log.
    kept: Option<KeptOutput>,
}

struct Stream {
    is_error: bool,
    prefix: String,
    pending: Vec<u8>,
}

impl ContainerOutput {
    /// The same, of which standard output is kept and not shown.
    pub(super) fn kept_in(self, kept: Option<KeptOutput>) -> Self {
        Self { kept, ..self }
    }

    /// Takes in a piece.
    pub(super) fn take(&mut self, piece: &LogOutput) {
        let (index, message) = match piece {
            LogOutput::StdErr { message } => (1, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => (0, message),
            LogOutput::StdIn { .. } => return,
        };
        if let Some(kept) = self.kept.as_mut().filter(|_| index == 0) {
            kept.take(message);
            return;
        }
        let stream = &mut self.streams[index];
        for part in message.split_inclusive(|byte| *byte == b'\n') {
            stream.pending.extend_from_slice(part);
            if part.ends_with(b"\n") || stream.pending.len() >= LONGEST_LINE {
                stream.hand_on(&self.output);
            }
        }
    }

    /// Hands on what has no line end.
    pub(super) fn finish(&mut self) {
        for stream in self
            .streams
            .iter_mut()
            .filter(|stream| !stream.pending.is_empty())
        {
            stream.pending.push(b'\n');
            stream.hand_on(&self.output);
        }
    }
}

impl Stream {
    fn hand_on(&mut self, output: &Output) {
        let line = [self.prefix.as_bytes(), &self.pending].concat();
        output.line(self.is_error, &line);
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<String>>);

    impl Sink for Seen {
        fn line(&mut self, is_error: bool, line: &[u8]) {
            let mark = if is_error { "!" } else { "" };
            self.0
                .lock()
                .unwrap()
                .push_str(&format!("{mark}{}", String::from_utf8_lossy(line)));
        }
    }

    fn out(text: &str) -> LogOutput {
        LogOutput::StdOut {
            message: text.to_owned().into(),
        }
    }

    #[test]
    fn lines_of_services_are_named_and_stay_whole() {
        let seen = Seen::default();
        let output = Output::new(seen.clone());
        let (mut main, mut service) = (output.of_container(None), output.of_container(Some("db")));
        main.take(&out("one\ntw"));
        service.take(&out("ready\nrest"));
        service.take(&LogOutput::StdErr {
            message: "oh\n".into(),
        });
        main.take(&out("o\n"));
        service.finish();
        main.finish();
        assert_eq!(
            *seen.0.lock().unwrap(),
            "one\ndb | ready\n!db | oh\ntwo\ndb | rest\n"
        );
    }

    #[test]
    fn e7_a_line_without_end_is_handed_on_in_pieces() {
        let seen = Seen::default();
        let mut main = Output::new(seen.clone()).of_container(None);
        for _ in 0..40 {
            main.take(&out(&"x".repeat(16 * 1024)));
            assert!(main.streams[0].pending.len() < LONGEST_LINE);
        }
        assert_eq!(seen.0.lock().unwrap().len(), 40 * 16 * 1024);
    }
}
