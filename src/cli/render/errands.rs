//! Errands and jobs as people read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::text::{cut, neutralise};
use super::super::theme::{Role, Theme, duration, parse_time};
use crate::model::StateName;
use crate::wire::commands::{ErrandView, JobView, TaskView};

/// A line for each errand.
pub fn errands(theme: &Theme, errands: &[ErrandView]) -> String {
    errands.iter().map(|errand| line(theme, errand)).collect()
}

fn line(theme: &Theme, errand: &ErrandView) -> String {
    let id = errand.id.get(..7).unwrap_or(&errand.id);
    let because = match errand.cause.as_str() {
        "command" => format!("by {}", errand.because_of),
        _ => format!("on {}", errand.because_of),
    };
    let mut text = format!(
        "{} {} {} {}",
        theme.symbol(errand.state),
        theme.paint(Role::Active, id),
        theme.paint(Role::Strong, &neutralise(&errand.name)),
        theme.paint(Role::Dim, &neutralise(&because)),
    );
    let moment = |text: &Option<String>| text.as_deref().and_then(parse_time);
    if let (Some(started), Some(ended)) = (moment(&errand.started_at), moment(&errand.ended_at)) {
        let _ = write!(
            text,
            "  {}",
            theme.paint(Role::Dim, &duration(ended.since(started)))
        );
    }
    let said = errand.message.as_ref().or(errand.phase.as_ref());
    if let Some(said) = said {
        let _ = write!(text, "  {}", cut(&neutralise(said), 80, theme.unicode));
    }
    text.push('\n');
    text
}

/// A line for each job, with how many repositories came to what.
pub fn jobs(theme: &Theme, jobs: &[JobView]) -> String {
    let line = |job: &JobView| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for task in &job.tasks {
            *counts.entry(&task.state).or_default() += 1;
        }
        let counts = counts
            .into_iter()
            .map(|(state, count)| format!("{count} {}", neutralise(&state.replace('_', " "))));
        let counts: Vec<String> = counts.collect();
        format!("{}  {}\n", heading(theme, job), counts.join(", "))
    };
    jobs.iter().map(line).collect()
}

/// A job with a line for each repository.
pub fn job(theme: &Theme, job: &JobView) -> String {
    let mut text = format!("{}\n", heading(theme, job));
    if let Some(description) = &job.description {
        let _ = writeln!(text, "  {}", theme.paint(Role::Dim, &neutralise(description)));
    }
    for task in &job.tasks {
        text.push_str(&task_line(theme, task));
    }
    text
}

/// Its id, what it is called and who asked for it.
fn heading(theme: &Theme, job: &JobView) -> String {
    let id = job.id.get(..7).unwrap_or(&job.id);
    let dry = if job.dry_run { ", dry run" } else { "" };
    let called = match &job.name {
        Some(name) => format!("{name} ({})", job.command),
        None => job.command.clone(),
    };
    format!(
        "{} {} {}",
        theme.paint(Role::Active, id),
        theme.paint(Role::Strong, &neutralise(&called)),
        theme.paint(Role::Dim, &neutralise(&format!("by {}{dry}", job.by))),
    )
}

fn task_line(theme: &Theme, task: &TaskView) -> String {
    let symbol = match StateName::parse(&task.state) {
        Some(state) => theme.symbol(state),
        None => theme.either("·", "-").to_owned(),
    };
    let mut text = format!(
        "  {symbol} {} {}",
        theme.paint(Role::Strong, &neutralise(&task.repo)),
        neutralise(&task.state.replace('_', " ")),
    );
    if let Some(goal_set) = &task.goal_set {
        let id = goal_set.get(..7).unwrap_or(goal_set);
        let _ = write!(text, " {}", theme.paint(Role::Dim, id));
    }
    if let Some(message) = &task.message {
        let _ = write!(text, "  {}", cut(&neutralise(message), 80, theme.unicode));
    }
    text.push('\n');
    text
}
