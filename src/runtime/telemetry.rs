//! Operators see `tracing`: readable lines or JSON on standard error.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Starts logging for the whole process with a filter such as `info` or `sdm=debug`. A second call changes nothing.
pub fn start(filter: &str, format: Format) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_target(false);
    let started = match format {
        Format::Text => {
            let layer = layer.with_ansi(false).with_writer(|| Visible(io::stderr()));
            registry.with(layer).try_init()
        }
        Format::Json => registry.with(layer.with_writer(io::stderr).json()).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error = %error, "logging was started before");
    }
}

/// Writes each entry so that whoever named a directory or a branch cannot write into a terminal what looks like something else.
struct Visible<W>(W);

impl<W: Write> Write for Visible<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(visible(&String::from_utf8_lossy(entry)).as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters and those that turn the direction of writing become visible; lines within an entry are indented.
fn visible(entry: &str) -> String {
    let (text, end) = match entry.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (entry, ""),
    };
    let mut shown = String::with_capacity(entry.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push('\t'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.extend(character.escape_unicode());
            }
            other if other.is_control() => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    shown + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_holds_does_not_reach_the_terminal_as_it_is() {
        let mut written = Vec::new();
        let entry = "INFO watching repo=farm/esc\u{1b}[31m\nINFO forged \u{202e}\u{9b}2J\tcaf\u{e9}\n";
        Visible(&mut written).write_all(entry.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "INFO watching repo=farm/esc\\u{1b}[31m\n    INFO forged \\u{202e}\\u{9b}2J\tcaf\u{e9}\n"
        );
    }
}
