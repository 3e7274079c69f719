//! How things look: colours, symbols, width, local time. A value, so that rendering is a pure function of it.

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, FixedOffset, Local, Utc};

pub use crate::model::time::duration;
use crate::model::{StateName, Timestamp};

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It went well.
    Good,
    /// It went badly.
    Bad,
    /// It is going on.
    Active,
    /// It waits for a person.
    Waiting,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// An instruction.
    Hint,
}

/// The look of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Whether to use colour.
    pub colour: bool,
    /// Whether symbols beyond ASCII can be shown.
    pub unicode: bool,
    /// Columns; very large when the output is no terminal.
    pub width: usize,
    /// Time zone; the computer's own when absent.
    pub zone: Option<FixedOffset>,
}

impl Theme {
    /// 80 columns without colour, in UTC: what tests and documentation use.
    pub fn plain() -> Self {
        Self {
            colour: false,
            unicode: true,
            width: 80,
            zone: FixedOffset::east_opt(0),
        }
    }

    /// Text in the colour of its role.
    pub fn paint(&self, role: Role, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = style_of(role);
        format!("{style}{text}{style:#}")
    }

    /// The symbol of a state (semantics 8.5), in its colour.
    pub fn symbol(&self, state: StateName) -> String {
        self.paint(role_of(state), symbol(state, self.unicode))
    }

    /// Whichever of two spellings can be shown.
    pub fn either<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }

    /// `14:03:07`.
    pub fn clock_time(&self, at: Timestamp) -> String {
        self.format(at, "%H:%M:%S")
    }

    /// `2026-08-02 14:03:07`.
    pub fn date_time(&self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S")
    }

    fn format(&self, at: Timestamp, pattern: &str) -> String {
        let utc: DateTime<Utc> = at.to_utc();
        match self.zone {
            Some(zone) => utc.with_timezone(&zone).format(pattern).to_string(),
            None => utc.with_timezone(&Local).format(pattern).to_string(),
        }
    }
}

const fn style_of(role: Role) -> Style {
    match role {
        Role::Good => AnsiColor::Green.on_default(),
        Role::Bad => AnsiColor::Red.on_default().bold(),
        Role::Active => AnsiColor::Cyan.on_default(),
        Role::Waiting => AnsiColor::Yellow.on_default(),
        Role::Dim => Style::new().dimmed(),
        Role::Strong => Style::new().bold(),
        Role::Hint => AnsiColor::Cyan.on_default().bold(),
    }
}

/// The role of a goal in this state.
pub const fn role_of(state: StateName) -> Role {
    match state {
        StateName::Success => Role::Good,
        StateName::Failure => Role::Bad,
        StateName::InProcess => Role::Active,
        StateName::WaitingForPreApproval | StateName::WaitingForApproval => Role::Waiting,
        StateName::Planned | StateName::Skipped | StateName::Canceled | StateName::Stopped => Role::Dim,
        StateName::Requested | StateName::PreApproved | StateName::Approved => Role::Strong,
    }
}

/// The symbol of a state, one column wide.
pub const fn symbol(state: StateName, unicode: bool) -> &'static str {
    let (wide, ascii) = match state {
        StateName::Planned => ("▫", "."),
        StateName::WaitingForPreApproval | StateName::WaitingForApproval => ("॥", "?"),
        StateName::PreApproved | StateName::Approved | StateName::Requested => ("▹", ">"),
        StateName::InProcess => ("▸", "*"),
        StateName::Success => ("✓", "+"),
        StateName::Failure => ("⨯", "x"),
        StateName::Stopped => ("▪", "#"),
        StateName::Canceled => ("⁃", "-"),
        StateName::Skipped => ("⬩", "~"),
    };
    if unicode { wide } else { ascii }
}

/// A moment as the daemon writes it; `None` when it is not RFC 3339.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|moment| moment.with_timezone(&Utc).into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_are_short() {
        let shown: Vec<String> = [5, 2_900, 59_999, 72_000, 11_100_000, 187_200_000]
            .into_iter()
            .map(|ms| duration(Duration::from_millis(ms)))
            .collect();
        assert_eq!(shown, ["5ms", "2.9s", "59s", "1m 12s", "3h 5m", "2d 4h"]);
    }

    #[test]
    fn every_symbol_is_one_column_wide() {
        for state in StateName::ALL {
            assert_eq!(super::super::text::width(symbol(state, true)), 1, "{state}");
            assert!(symbol(state, false).is_ascii());
        }
    }
}
