//! `sdm logs`: what a goal has written.

use std::fmt::Write as _;

use serde_json::json;

use super::super::client::{ClientError, ControlClient};
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::CommandError;
use super::super::text::neutralise_log;
use super::super::theme::{Role, Theme, parse_time};
use super::at_hub;
use super::choice::GoalWords;
use super::feed::{Ending, wait_for_daemon};
use crate::wire::control::{GoalChoice, Reply, Request};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal: GoalWords,
    /// Go on until the attempt has ended
    #[arg(short, long)]
    follow: bool,
    /// Which attempt; the latest when absent
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    /// The time before each line
    #[arg(short, long)]
    timestamps: bool,
    /// At the configured hub, of any machine there
    #[arg(long)]
    hub: bool,
    /// Begin at this byte of the log, as `--json` shows it
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    offset: u64,
}

impl Args {
    /// Id and name of the goal, as they were said.
    pub(super) fn id_and_name(&self) -> (Option<String>, Option<String>) {
        self.goal.id_and_name()
    }

    /// The repository that is named.
    pub(super) fn repo(&self) -> Option<&str> {
        self.goal.repo()
    }

    /// Where to begin.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Which attempt.
    pub(super) fn attempt(&self) -> Option<u32> {
        self.attempt
    }

    /// Whether to go on until the attempt has ended.
    pub(super) fn follows(&self) -> bool {
        self.follow
    }

    /// Whether the time stands before each line.
    pub(super) fn wants_times(&self) -> bool {
        self.timestamps
    }
}

/// `sdm logs`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    if args.hub {
        return at_hub::logs(context, args);
    }
    let (client, status) = context.daemon()?;
    let mut reading = Reading {
        goal: args.goal.choice(context, &status),
        attempt: args.attempt,
        offset: args.offset,
        lines: 0,
    };
    loop {
        match read(context, &client, args, &mut reading)? {
            Ending::Complete => break,
            Ending::Gone(error) if !args.follow => return Err(error.into()),
            Ending::Gone(_) => wait_for_daemon(context, &client),
        }
    }
    if reading.lines == 0 {
        context.ui.note("the log is empty");
    }
    Ok(Exit::Ok)
}

/// How far a log was read: what a further conversation goes on with.
struct Reading {
    goal: GoalChoice,
    attempt: Option<u32>,
    offset: u64,
    lines: u64,
}

/// Prints the lines of one conversation.
fn read(
    context: &mut Context,
    client: &ControlClient,
    args: &Args,
    reading: &mut Reading,
) -> Result<Ending, CommandError> {
    let request = Request::Log {
        goal: reading.goal.clone(),
        attempt: reading.attempt,
        offset: reading.offset,
        follow: args.follow,
    };
    for reply in client.ask(&request)? {
        let reply = match reply {
            Err(error @ (ClientError::WentAway | ClientError::Silent(_))) => return Ok(Ending::Gone(error)),
            reply => reply?,
        };
        let Reply::Log {
            goal,
            attempt,
            offset,
            at,
            stream,
            text,
            goal_set,
        } = reply
        else {
            continue;
        };
        reading.lines += 1;
        if context.ui.json {
            context.ui.object(&json!({"goal": goal, "attempt": attempt, "offset": offset, "at": at, "stream": stream, "text": text}))?;
        } else {
            context
                .ui
                .data(&line(&context.ui.theme, args.timestamps, &at, &stream, &text))?;
        }
        reading.is_behind(goal, goal_set, attempt, offset);
    }
    Ok(Ending::Complete)
}

impl Reading {
    /// The same goal, whatever is the newest meanwhile; an offset within a record means the next one.
    fn is_behind(&mut self, goal: String, goal_set: Option<String>, attempt: u32, offset: u64) {
        self.attempt = Some(attempt);
        self.offset = offset + 1;
        if goal_set.is_some() {
            self.goal = GoalChoice {
                id: goal_set,
                name: Some(goal),
                repo: None,
            };
        }
    }
}

/// One line. The machine's own words are set apart; both streams of the goal are its output and look the same.
pub(super) fn line(theme: &Theme, timestamps: bool, at: &str, stream: &str, text: &str) -> String {
    let mut shown = String::new();
    if timestamps && let Some(at) = parse_time(at) {
        let _ = write!(shown, "{} ", theme.paint(Role::Dim, &theme.date_time(at)));
    }
    let words = neutralise_log(text, theme.colour);
    if stream == "sdm" {
        shown.push_str(&theme.paint(Role::Dim, &format!("{} {words}", theme.either("·", "|"))));
    } else {
        shown.push_str(&words);
    }
    shown.push('\n');
    shown
}
