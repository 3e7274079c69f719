//! `sdm approve`, `deny`, `retry`, `cancel` and `set`: what people do to goals.

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use serde_json::json;

use super::super::render::errands::{errands, job};
use super::super::render::goals::goal_sets;
use super::choice::{GoalWords, id_and_name, repository};
use crate::model::StateName;
use crate::model::suggest::nearest;
use crate::runtime::clock::{Clock, SystemClock};
use crate::wire::control::{Act, GoalChoice, Reply, Request};

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    goal: GoalWords,
    /// What to say with it
    #[arg(short, long)]
    reason: Option<String>,
    /// Only if the goal is still at this version
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

/// Arguments of `deny`.
#[derive(Debug, clap::Args)]
pub struct DenyArgs {
    #[command(flatten)]
    goal: GoalWords,
    /// What to say with it
    #[arg(short, long)]
    reason: Option<String>,
}

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    #[command(flatten)]
    goal: GoalWords,
}

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    #[command(flatten)]
    goal: GoalWords,
}

/// Arguments of `set`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "sdm set [OPTIONS] --reason <REASON> [ID] GOAL STATE")]
pub struct SetArgs {
    /// Goal and state, after the goal set where several are meant: `GOAL STATE` or `ID GOAL STATE`
    #[arg(value_name = "[ID] GOAL STATE", num_args = 2..=3, required = true)]
    words: Vec<String>,
    /// Why; kept with the goal
    #[arg(short, long)]
    reason: String,
    /// Repository owner/name, instead of the one we stand in
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
}

/// `sdm approve`.
pub(super) fn approve(context: &mut Context, args: &ApproveArgs) -> CommandResult {
    act(
        context,
        &args.goal,
        Act::Approve {
            reason: args.reason.clone(),
            version: args.version,
        },
    )
}

/// `sdm deny`.
pub(super) fn deny(context: &mut Context, args: &DenyArgs) -> CommandResult {
    act(
        context,
        &args.goal,
        Act::Deny {
            reason: args.reason.clone(),
        },
    )
}

/// `sdm retry`.
pub(super) fn retry(context: &mut Context, args: &RetryArgs) -> CommandResult {
    act(context, &args.goal, Act::Retry)
}

/// `sdm cancel`.
pub(super) fn cancel(context: &mut Context, args: &CancelArgs) -> CommandResult {
    act(context, &args.goal, Act::Cancel)
}

/// `sdm set`.
pub(super) fn set(context: &mut Context, args: &SetArgs) -> CommandResult {
    let (state, goal) = args.words.split_last().expect("clap asks for two words");
    let state = state_named(state)?;
    let (id, name) = match goal {
        [name] => (None, Some(name.clone())),
        other => id_and_name(other),
    };
    let (client, status) = context.daemon()?;
    let repo = repository(context, &status, args.repo.as_deref(), id.as_deref());
    let request = Request::Act {
        goal: GoalChoice { id, repo, name },
        act: Act::Set {
            state,
            reason: args.reason.clone(),
        },
    };
    let sets = context.goal_sets(&client, &request)?;
    show(context, &sets)
}

fn state_named(word: &str) -> Result<StateName, CommandError> {
    let known = || StateName::ALL.into_iter().map(StateName::as_str);
    StateName::parse(&word.replace('-', "_")).ok_or_else(|| {
        let hint = nearest(word, known()).map_or_else(
            || format!("states are {}", known().collect::<Vec<_>>().join(", ")),
            |found| format!("did you mean `{found}`?"),
        );
        CommandError::new(ErrorKind::Usage, format!("`{word}` is not a state of a goal")).hint(hint)
    })
}

fn act(context: &mut Context, words: &GoalWords, act: Act) -> CommandResult {
    let (client, status) = context.daemon()?;
    let request = Request::Act {
        goal: words.choice(context, &status),
        act,
    };
    let mut sets = Vec::new();
    for reply in context.ask(&client, &request)? {
        match reply {
            Reply::GoalSets { goal_sets } => sets.extend(goal_sets),
            // Its id was that of an errand or a job.
            Reply::Errand { errand: changed } if context.ui.json => {
                context.ui.object(&json!({ "errand": changed }))?;
            }
            Reply::Errand { errand: changed } => context.ui.data(&errands(&context.ui.theme, &[*changed]))?,
            Reply::Job { job: changed } if context.ui.json => {
                context.ui.object(&json!({ "job": changed }))?;
            }
            Reply::Job { job: changed } => context.ui.data(&job(&context.ui.theme, &changed))?,
            _ => {}
        }
    }
    match sets.is_empty() {
        true => Ok(Exit::Ok),
        false => show(context, &sets),
    }
}

/// The sets as they are now.
pub(super) fn show(context: &mut Context, sets: &[crate::wire::views::GoalSetView]) -> CommandResult {
    if context.ui.json {
        context.ui.object(&json!({ "goal_sets": sets }))?;
    } else {
        let text = goal_sets(
            &context.ui.theme,
            sets,
            SystemClock.now(),
            context.ui.verbosity > 0,
        );
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}
