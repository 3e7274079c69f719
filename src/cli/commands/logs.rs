//! `sdm logs`: what a goal has written.

use std::fmt::Write as _;

use serde_json::json;

use super::super::context::{CommandResult, Context, Exit};
use super::super::text::neutralise_log;
use super::super::theme::{Role, Theme, parse_time};
use super::choice::GoalWords;
use crate::wire::control::{Reply, Request};

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
    /// Begin at this byte of the log, as `--json` shows it
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    offset: u64,
}

/// `sdm logs`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let (client, status) = context.daemon()?;
    let request = Request::Log {
        goal: args.goal.choice(context, &status),
        attempt: args.attempt,
        offset: args.offset,
        follow: args.follow,
    };
    let mut lines = 0u64;
    for reply in client.ask(&request)? {
        let Reply::Log {
            goal,
            attempt,
            offset,
            at,
            stream,
            text,
        } = reply?
        else {
            continue;
        };
        lines += 1;
        if context.ui.json {
            context.ui.object(&json!({"goal": goal, "attempt": attempt, "offset": offset, "at": at, "stream": stream, "text": text}))?;
        } else {
            context
                .ui
                .data(&line(&context.ui.theme, args.timestamps, &at, &stream, &text))?;
        }
    }
    if lines == 0 {
        context.ui.note("the log is empty");
    }
    Ok(Exit::Ok)
}

/// One line. The machine's own words are set apart; both streams of the goal are its output and look the same.
fn line(theme: &Theme, timestamps: bool, at: &str, stream: &str, text: &str) -> String {
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
