//! Shows a command run: its output as it comes, and at the end what came of it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::super::client::ControlClient;
use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::error::CommandError;
use super::super::super::render::reviews::reviews;
use super::super::super::text::{neutralise, neutralise_log};
use super::super::super::theme::{Role, Theme};
use super::apply;
use super::said::Said;
use crate::kinds::inspect;
use crate::model::StateName;
use crate::wire::commands::{CommandView, ErrandView, JobView, TaskView};
use crate::wire::control::{GoalChoice, Reply, Request};
use crate::wire::views::ReviewView;

/// Says that an errand is on its way.
pub(super) fn told_errand(context: &mut Context, errand: &ErrandView) -> CommandResult {
    if context.ui.json {
        context.ui.object(&json!({ "errand": errand }))?;
    } else {
        let id = errand.id.get(..7).unwrap_or(&errand.id);
        context.ui.data(&format!("{id}\n"))?;
        context
            .ui
            .note(&format!("{} is on its way: `sdm logs -f {id}`", errand.name));
    }
    Ok(Exit::Ok)
}

/// Says that a job is on its way.
pub(super) fn told_job(context: &mut Context, job: &JobView) -> CommandResult {
    if context.ui.json {
        context.ui.object(&json!({ "job": job }))?;
    } else {
        let id = job.id.get(..7).unwrap_or(&job.id);
        context.ui.data(&format!("{id}\n"))?;
        context
            .ui
            .note(&format!("{} is on its way: `sdm show job {id}`", job.command));
    }
    Ok(Exit::Ok)
}

/// Follows an errand to its end.
pub(super) fn errand(context: &mut Context, client: &ControlClient, errand: &ErrandView) -> CommandResult {
    let choice = GoalChoice {
        id: Some(errand.id.clone()),
        ..GoalChoice::default()
    };
    show_log(context, client, choice, Output::Data)?;
    let request = Request::Errands {
        id: Some(errand.id.clone()),
        name: None,
        active: false,
        limit: 1,
    };
    let replies = context.ask(client, &request)?;
    let ended = replies.into_iter().find_map(|reply| match reply {
        Reply::Errands { errands } => errands.into_iter().next(),
        _ => None,
    });
    let ended = ended.unwrap_or_else(|| errand.clone());
    if context.ui.json {
        context.ui.object(&json!({ "errand": ended }))?;
    } else if let Some(message) = &ended.message {
        context.ui.note(&format!("{}: {message}", ended.name));
    }
    Ok(verdict(ended.state == StateName::Success))
}

/// Follows a job to its end: the log of a task that is alone, a line for each otherwise.
pub(super) fn job(
    context: &mut Context,
    client: &ControlClient,
    job: &JobView,
    command: &CommandView,
    said: &Said,
) -> CommandResult {
    let request = Request::Job {
        id: job.id.clone(),
        follow: true,
    };
    let is_alone = job.tasks.len() == 1;
    let inspects = command.does == inspect::NAME;
    let (mut told, mut last) = (HashSet::new(), job.clone());
    for reply in client.ask(&request)? {
        let Reply::Job { job } = reply? else { continue };
        last = *job;
        for (number, task) in last.tasks.iter().enumerate() {
            let has_begun = task.ended || task.state == StateName::InProcess.as_str();
            if is_alone && has_begun && told.insert((number, false)) {
                let output = match (last.dry_run, inspects) {
                    (true, _) => Output::Note,
                    (false, true) => Output::Repetition,
                    (false, false) => Output::Data,
                };
                show_task(context, client, &last, (task, output))?;
            }
            if task.ended && told.insert((number, true)) && !context.ui.json {
                conclude(context, task, is_alone, command, said)?;
                if inspects {
                    let said = reviews(&context.ui.theme, &reviews_of(client, task)?);
                    context.ui.data(&said)?;
                }
            }
        }
    }
    if context.ui.json {
        let mut object = json!({ "job": last });
        if inspects {
            let all: Result<Vec<_>, _> = last.tasks.iter().map(|task| reviews_of(client, task)).collect();
            object["reviews"] = json!(all?.concat());
        }
        context.ui.object(&object)?;
    }
    let is_good = |task: &TaskView| matches!(task.state.as_str(), "success" | "not_concerned");
    Ok(verdict(last.tasks.iter().all(is_good)))
}

fn verdict(is_good: bool) -> Exit {
    if is_good { Exit::Ok } else { Exit::Bad }
}

/// What inspections say of a repository.
fn reviews_of(client: &ControlClient, task: &TaskView) -> Result<Vec<ReviewView>, CommandError> {
    let Some(goal_set) = &task.goal_set else {
        return Ok(Vec::new());
    };
    let request = Request::Reviews {
        id: Some(goal_set.clone()),
        repo: None,
    };
    let mut found = Vec::new();
    for reply in client.ask(&request)? {
        if let Reply::Reviews { reviews } = reply? {
            found.extend(reviews);
        }
    }
    Ok(found)
}

/// What becomes of what the programs of a command write to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// It is the data.
    Data,
    /// Something else is, as the difference of a dry run.
    Note,
    /// It is what the comments of an inspection say again.
    Repetition,
}

fn show_task(
    context: &mut Context,
    client: &ControlClient,
    job: &JobView,
    (task, output): (&TaskView, Output),
) -> Result<(), CommandError> {
    let Some(goal_set) = &task.goal_set else {
        return Ok(());
    };
    let choice = GoalChoice {
        id: Some(goal_set.clone()),
        repo: None,
        name: Some(job.command.clone()),
    };
    show_log(context, client, choice, output)
}

/// The output of a process as it comes.
fn show_log(
    context: &mut Context,
    client: &ControlClient,
    goal: GoalChoice,
    output: Output,
) -> Result<(), CommandError> {
    let request = Request::Log {
        goal,
        attempt: None,
        offset: 0,
        follow: true,
    };
    for reply in client.ask(&request)? {
        let Reply::Log { stream, text, .. } = reply? else {
            continue;
        };
        let text = neutralise_log(&text, context.ui.theme.colour);
        match stream.as_str() {
            "sdm" if context.ui.verbosity > 0 => context.ui.note(&text),
            "sdm" => {}
            _ if context.ui.json => {}
            "out" if output == Output::Repetition && context.ui.verbosity == 0 => {}
            _ if output != Output::Data => context.ui.note(&text),
            _ => context.ui.data(&format!("{text}\n"))?,
        }
    }
    Ok(())
}

/// What came of one repository, as a line.
fn outcome(theme: &Theme, task: &TaskView) -> String {
    let symbol = StateName::parse(&task.state).map(|state| theme.symbol(state));
    format!(
        "{} {} {}: {}",
        symbol.as_deref().unwrap_or("-"),
        theme.paint(Role::Strong, &neutralise(&task.repo)),
        task.state.replace('_', " "),
        neutralise(task.message.as_deref().unwrap_or_default()),
    )
}

/// Says what came of one repository.
fn conclude(
    context: &mut Context,
    task: &TaskView,
    is_alone: bool,
    command: &CommandView,
    said: &Said,
) -> Result<(), CommandError> {
    match is_alone {
        // Notes are written without colour.
        true => {
            let theme = Theme {
                colour: false,
                ..context.ui.error_theme.clone()
            };
            context.ui.note(&outcome(&theme, task));
        }
        false => {
            let line = outcome(&context.ui.theme, task);
            context.ui.data(&format!("{line}\n"))?;
        }
    }
    let data: Option<Value> = task
        .data
        .as_deref()
        .and_then(|data| serde_json::from_str(data).ok());
    if let Some(diff) = data
        .as_ref()
        .and_then(|data| data["diff"].as_str())
        .filter(|diff| !diff.is_empty())
    {
        let shown: Vec<String> = diff.lines().map(|line| neutralise_log(line, false)).collect();
        context.ui.data(&format!("{}\n", shown.join("\n")))?;
        context
            .ui
            .note(&format!("to apply it: {}", apply::line(command, said, task)));
    }
    Ok(())
}
