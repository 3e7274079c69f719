//! The two streams: standard output is data, everything else goes to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::text::neutralise_json;
use super::theme::{ColourChoice, Role, Theme};
use crate::config::Sources;

/// Columns of output that nobody looks at directly: nothing is cut.
const UNBOUNDED: usize = 100_000;

/// What a person sees of the program.
pub struct Ui {
    /// Look of standard output.
    pub theme: Theme,
    /// Look of standard error.
    pub error_theme: Theme,
    /// Programs read the output.
    pub json: bool,
    /// How much to say: negative is quiet, positive is verbose.
    pub verbosity: i8,
    /// Standard output is a terminal that can be drawn on.
    pub is_terminal: bool,
    errors_are_seen: bool,
    out: io::Stdout,
}

impl Ui {
    /// For this process.
    pub fn new(sources: &Sources, colour: ColourChoice, json: bool, verbosity: i8) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let theme = |is_terminal: bool| Theme {
            colour: uses_colour(sources, colour, is_terminal),
            unicode: is_utf8(sources),
            width: columns(sources, is_terminal),
            zone: None,
        };
        Self {
            theme: theme(out.is_terminal()),
            error_theme: theme(err.is_terminal()),
            json,
            verbosity,
            is_terminal: out.is_terminal() && sources.variable("TERM") != Some("dumb"),
            errors_are_seen: err.is_terminal(),
            out,
        }
    }

    /// Data, exactly as given.
    ///
    /// # Errors
    /// Standard output cannot be written; a closed pipe ends the program quietly.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// One value as a line of JSON.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn object(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = neutralise_json(&serde_json::to_string(value)?);
        line.push('\n');
        self.data(&line)
    }

    /// Something worth knowing, to standard error; silent when quiet. Nobody minds when it cannot be written.
    pub fn note(&self, text: &str) {
        if self.verbosity >= 0 {
            let _ = writeln!(io::stderr(), "{}", super::text::neutralise_lines(text));
        }
    }

    /// Whether somebody is there to answer a question.
    pub fn can_ask(&self) -> bool {
        self.errors_are_seen && io::stdin().is_terminal() && !self.json
    }

    /// A warning, to standard error, also when quiet.
    pub fn warn(&self, text: &str) {
        let label = self.error_theme.paint(Role::Waiting, "warning:");
        let _ = writeln!(io::stderr(), "{label} {}", super::text::neutralise_lines(text));
    }

    /// What is going on, on a line of a terminal that the next takes the place of; nothing where nobody looks.
    pub fn progress(&self, text: &str) {
        if self.errors_are_seen && self.verbosity >= 0 {
            let sign = self.error_theme.either("▸", "*");
            let sign = self.error_theme.paint(Role::Active, sign);
            let width = self.error_theme.width.saturating_sub(3);
            let text: String = super::text::neutralise(text).chars().take(width).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{sign} {text}");
        }
    }

    /// Takes that line away.
    pub fn progress_is_over(&self) {
        if self.errors_are_seen && self.verbosity >= 0 {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Does something that may take long: after a second, a terminal says what is going on, until it is done.
    pub fn while_waiting<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        if !self.errors_are_seen || self.verbosity < 0 {
            return work();
        }
        let (done, waiting) = mpsc::channel::<()>();
        let line = format!(
            "{} {what}…",
            self.error_theme
                .paint(Role::Active, self.error_theme.either("▸", "*"))
        );
        thread::scope(|scope| {
            scope.spawn(move || {
                if waiting.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                    let _ = write!(io::stderr(), "{line}");
                    let _ = waiting.recv();
                    let _ = write!(io::stderr(), "\r\x1b[K");
                }
            });
            let _ends_when_dropped = done;
            work()
        })
    }
}

/// Flag, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR`, `TERM`, then whether it is a terminal.
pub fn uses_colour(sources: &Sources, choice: ColourChoice, is_terminal: bool) -> bool {
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        ColourChoice::Auto if sources.variable("NO_COLOR").is_some() => false,
        ColourChoice::Auto
            if sources
                .variable("CLICOLOR_FORCE")
                .is_some_and(|value| value != "0") =>
        {
            true
        }
        ColourChoice::Auto if sources.variable("CLICOLOR") == Some("0") => false,
        ColourChoice::Auto => is_terminal && sources.variable("TERM") != Some("dumb"),
    }
}

/// Whether the locale can show more than ASCII.
fn is_utf8(sources: &Sources) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| sources.variable(name));
    locale.is_some_and(|locale| {
        let lower = locale.to_ascii_lowercase();
        lower.contains("utf-8") || lower.contains("utf8")
    })
}

fn columns(sources: &Sources, is_terminal: bool) -> usize {
    let told = sources
        .variable("COLUMNS")
        .and_then(|columns| columns.parse().ok());
    let measured = || {
        crossterm::terminal::size()
            .ok()
            .map(|(columns, _)| usize::from(columns))
    };
    match is_terminal {
        true => measured()
            .or(told)
            .filter(|columns| *columns > 0)
            .unwrap_or(80)
            .max(20),
        false => told.filter(|columns| *columns >= 20).unwrap_or(UNBOUNDED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(environment: &[(&str, &str)]) -> Sources {
        Sources {
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Sources::default()
        }
    }

    #[test]
    fn colour_follows_flag_environment_and_terminal_in_this_order() {
        let auto = |environment: &[(&str, &str)], terminal| {
            uses_colour(&sources(environment), ColourChoice::Auto, terminal)
        };
        assert!(auto(&[], true) && !auto(&[], false));
        assert!(!auto(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(auto(&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")], false));
        assert!(!auto(&[("CLICOLOR", "0")], true));
        assert!(!auto(&[("TERM", "dumb")], true));
        assert!(uses_colour(
            &sources(&[("NO_COLOR", "1")]),
            ColourChoice::Always,
            false
        ));
    }

    #[test]
    fn the_locale_decides_about_symbols() {
        assert!(is_utf8(&sources(&[("LANG", "de_DE.UTF-8")])));
        assert!(!is_utf8(&sources(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")])));
        assert!(!is_utf8(&sources(&[])));
    }

    #[test]
    fn output_that_nobody_looks_at_is_not_cut() {
        assert_eq!(columns(&sources(&[]), false), UNBOUNDED);
        assert_eq!(columns(&sources(&[("COLUMNS", "60")]), false), 60);
    }
}
