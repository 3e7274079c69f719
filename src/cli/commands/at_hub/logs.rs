//! `sdm logs --hub`: the log of a goal of any machine, also while it grows.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::doors::DoorError;
use super::super::super::error::{CommandError, ErrorKind};
use super::super::super::hub_asker::HubReader;
use super::super::logs::{Args, line};
use super::{hub, is_meant, repository, text};

const GOALS: &str = "query Goals($first: Int) { SdmGoal(_first: $first, _orderBy: \"ts\", _ordering: desc) { \
    goalSetId sha environment uniqueName name state repo { owner name } } }";

/// Most goals that are looked through.
const MOST: u32 = 500;

/// Seconds that the hub lets a question wait while nothing is new.
const WAIT: u32 = 20;

/// Pause while the hub is away, and how often.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 120;

/// A goal at the hub.
struct Found {
    goal_set: String,
    environment: String,
    unique_name: String,
    name: String,
}

/// Prints a log, and goes on while it grows when that is wanted.
pub(in super::super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let hub = hub(context)?;
    let (id, name) = args.id_and_name();
    let found = context.ui.while_waiting("asking the hub", || {
        find(&hub, id.as_deref(), name.as_deref(), args.repo())
    })?;
    let found = found.ok_or_else(|| {
        CommandError::new(ErrorKind::Bad, "the hub knows no such goal").hint("`sdm goals --hub` lists goals")
    })?;
    let workspace = hub.workspace().to_owned();
    let steps = [
        "api",
        "logs",
        &workspace,
        &found.goal_set,
        &found.environment,
        &found.unique_name,
    ];
    let (mut offset, mut attempt, mut lines) = (args.offset(), args.attempt(), 0_u64);
    let mut away = 0;
    loop {
        let mut query = vec![("offset", offset.to_string())];
        query.extend(attempt.map(|attempt| ("attempt", attempt.to_string())));
        if args.follows() {
            query.push(("wait", WAIT.to_string()));
        }
        let page = match hub.get(&steps, &query) {
            Ok(page) => page,
            Err(_) if args.follows() && away < PATIENCE => {
                if away == 0 {
                    context.ui.note("the hub does not answer; waiting for it");
                }
                away += 1;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        away = 0;
        // The same attempt from here on, whatever is the latest meanwhile.
        let read = page["attempt"]
            .as_u64()
            .and_then(|number| u32::try_from(number).ok());
        for one in page["lines"].as_array().into_iter().flatten() {
            lines += 1;
            print(context, args, (&found.name, read), one)?;
        }
        attempt = attempt.or(read.filter(|_| lines > 0));
        let next = page["next"].as_u64().unwrap_or(offset);
        let is_over = page["complete"] == true || (next == offset && !args.follows());
        offset = next;
        if is_over {
            break;
        }
    }
    if lines == 0 {
        context.ui.note("the log is empty");
    }
    Ok(Exit::Ok)
}

fn find(
    hub: &HubReader,
    id: Option<&str>,
    name: Option<&str>,
    repo: Option<&str>,
) -> Result<Option<Found>, DoorError> {
    let answer = hub.graph(GOALS, &json!({ "first": MOST }))?;
    let goals = answer["SdmGoal"].as_array().cloned().unwrap_or_default();
    let is_named = |goal: &Value| {
        name.is_none_or(|name| text(goal, "/name") == name || text(goal, "/uniqueName") == name)
    };
    let found = goals.iter().find(|goal| {
        is_meant(id, &text(goal, "/goalSetId"), &text(goal, "/sha"))
            && is_named(goal)
            && repo.is_none_or(|repo| repository(goal) == repo)
    });
    Ok(found.map(|goal| Found {
        goal_set: text(goal, "/goalSetId"),
        environment: text(goal, "/environment"),
        unique_name: text(goal, "/uniqueName"),
        name: text(goal, "/name"),
    }))
}

fn print(
    context: &mut Context,
    args: &Args,
    (goal, attempt): (&str, Option<u32>),
    one: &Value,
) -> Result<(), CommandError> {
    if context.ui.json {
        let shown = json!({"goal": goal, "attempt": attempt, "offset": one["offset"], "at": one["at"],
            "stream": one["stream"], "text": one["text"]});
        context.ui.object(&shown)?;
        return Ok(());
    }
    let (at, stream, words) = (text(one, "/at"), text(one, "/stream"), text(one, "/text"));
    let shown = line(&context.ui.theme, args.wants_times(), &at, &stream, &words);
    context.ui.data(&shown)?;
    Ok(())
}
