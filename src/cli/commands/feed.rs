//! `sdm feed`: what is happening, live.

use std::time::Duration;

use super::super::client::{ClientError, ControlClient};
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::CommandError;
use super::super::render::feed::FeedLines;
use super::feed_board;
use crate::wire::control::{Reply, Request};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A live board of goal sets
    #[arg(long = "goals")]
    board: bool,
    /// Show this many entries of the past first
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    back: u32,
    /// Everything after this cursor, as `--json` shows it
    #[arg(long, value_name = "CURSOR", conflicts_with = "back")]
    after: Option<u64>,
    /// End instead of waiting for what happens next
    #[arg(long)]
    no_follow: bool,
}

/// `sdm feed`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let (client, status) = context.daemon()?;
    if args.board && context.ui.is_terminal && !context.ui.json {
        return feed_board::run(context, &client, &status.name);
    }
    if args.board {
        context
            .ui
            .note("the board needs a terminal; this is the plain feed");
    }
    follow(context, &client, args)
}

fn follow(context: &mut Context, client: &ControlClient, args: &Args) -> CommandResult {
    let mut lines = FeedLines::new(context.ui.theme.clone(), context.ui.verbosity > 0);
    let mut after = args.after;
    loop {
        let request = Request::Feed {
            after,
            back: args.back,
            phases: context.ui.json || context.ui.verbosity > 0,
            follow: !args.no_follow,
        };
        match read(context, client, &request, &mut lines, &mut after)? {
            Ending::Complete => return Ok(Exit::Ok),
            Ending::Gone(error) if args.no_follow => return Err(error.into()),
            Ending::Gone(_) => wait_for_daemon(context, client),
        }
    }
}

/// How a conversation ended.
pub(super) enum Ending {
    /// As it should.
    Complete,
    /// In the middle, for this reason.
    Gone(ClientError),
}

/// Prints the entries of one connection; remembers the cursor, so that the next one goes on where this one broke.
fn read(
    context: &mut Context,
    client: &ControlClient,
    request: &Request,
    lines: &mut FeedLines,
    after: &mut Option<u64>,
) -> Result<Ending, CommandError> {
    for reply in client.ask(request)? {
        match reply {
            Ok(Reply::Feed { entry }) => {
                *after = Some(entry.cursor.0);
                if context.ui.json {
                    context.ui.object(&entry)?;
                } else {
                    context.ui.data(&lines.render(&entry))?;
                }
            }
            Ok(_) => {}
            Err(error @ (ClientError::WentAway | ClientError::Silent(_))) => return Ok(Ending::Gone(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ending::Complete)
}

/// Comes back when a daemon answers again.
pub(super) fn wait_for_daemon(context: &Context, client: &ControlClient) {
    context
        .ui
        .note("the daemon went away; waiting for it to come back (Ctrl-C ends)");
    while client.status().is_err() {
        std::thread::sleep(Duration::from_millis(500));
    }
    context.ui.note("the daemon is back");
}
