//! Goal sets with their goals, newest first.

use std::fmt::Write as _;

use super::super::text::{cut, neutralise, pad, width};
use super::super::theme::{Role, Theme, duration, parse_time, role_of};
use super::push_line;
use crate::model::{StateName, Timestamp, VoidConfirmation};
use crate::wire::views::{GoalSetView, GoalView};

/// All sets as text; `verbose` adds what is known beyond the state, and the goals that were not set.
pub fn goal_sets(theme: &Theme, sets: &[GoalSetView], now: Timestamp, verbose: bool) -> String {
    if sets.is_empty() {
        return "No goal sets. Goals are set when a commit is pushed to a watched repository.\n".to_owned();
    }
    let shown: Vec<String> = sets
        .iter()
        .map(|set| goal_set(theme, set, now, verbose))
        .collect();
    shown.join("\n")
}

/// One set as text.
pub fn goal_set(theme: &Theme, set: &GoalSetView, now: Timestamp, verbose: bool) -> String {
    let mut text = push_line(theme, &set.repo, &set.branch, &set.sha, &set.title, theme.width);
    text.push('\n');
    let id = set.id.get(..7).unwrap_or(&set.id);
    let when = parse_time(&set.created_at)
        .map(|at| theme.date_time(at))
        .unwrap_or_default();
    let state = theme.paint(role_of(set.state), set.state.as_str());
    let name = cut(
        &neutralise(&set.name),
        theme.width.saturating_sub(50).max(12),
        theme.unicode,
    );
    let _ = writeln!(
        text,
        "{} {name}  {state}  {}",
        theme.symbol(set.state),
        theme.paint(Role::Dim, &format!("{} {when}", neutralise(id)))
    );
    if let Some(because) = &set.because {
        let line = cut(
            &format!("because of {}", neutralise(because)),
            theme.width.saturating_sub(2),
            theme.unicode,
        );
        let _ = writeln!(text, "  {}", theme.paint(Role::Dim, &line));
    }
    let longest = set
        .goals
        .iter()
        .map(|goal| width(&neutralise(&goal.name)))
        .max()
        .unwrap_or(0);
    let column = longest.clamp(8, 24.min(theme.width / 3));
    for goal in &set.goals {
        text.push_str(&goal_lines(theme, id, goal, column, now, verbose));
    }
    if verbose {
        text.push_str(&not_set(theme, set, column));
    }
    text
}

fn goal_lines(
    theme: &Theme,
    id: &str,
    goal: &GoalView,
    column: usize,
    now: Timestamp,
    verbose: bool,
) -> String {
    let name = pad(&cut(&neutralise(&goal.name), column, theme.unicode), column);
    let took = elapsed(goal, now).map(duration).unwrap_or_default();
    let attempt = if goal.attempt > 1 {
        format!("  try {}", goal.attempt)
    } else {
        String::new()
    };
    let mut words = neutralise(&goal.description);
    if let Some(phase) = goal.phase.as_deref().filter(|phase| !phase.is_empty()) {
        let _ = write!(words, " {} {}", theme.either("·", "-"), neutralise(phase));
    }
    let room = theme
        .width
        .saturating_sub(8 + column + width(&took) + width(&attempt));
    let words = cut(&words, room.max(10), theme.unicode);
    let tail = theme.paint(Role::Dim, format!("{attempt}  {took}").trim_end());
    let mut text = format!("  {} {name}  {words}{tail}\n", theme.symbol(goal.state));
    for detail in details(theme, id, goal, verbose) {
        let _ = writeln!(text, "      {detail}");
    }
    text
}

/// What is not as it was when somebody last confirmed this goal.
fn since_confirmed(theme: &Theme, void: &VoidConfirmation, verbose: bool) -> Vec<String> {
    let shown = if verbose { usize::MAX } else { 3 };
    let room = theme.width.saturating_sub(6).max(10);
    let line = |text: String| cut(&neutralise(&text), room, theme.unicode);
    let mut lines: Vec<String> = void
        .differences
        .iter()
        .take(shown)
        .map(|difference| line(difference.to_string()))
        .collect();
    let more = void.differences.len().saturating_sub(shown) + void.more;
    if more > 0 {
        lines.push(theme.paint(
            Role::Dim,
            &format!("{more} more changed; `sdm goals --verbose` shows them"),
        ));
    }
    lines
}

fn details(theme: &Theme, id: &str, goal: &GoalView, verbose: bool) -> Vec<String> {
    let mut found = Vec::new();
    let error = goal.error.as_deref().filter(|_| goal.state == StateName::Failure);
    for line in error
        .unwrap_or_default()
        .lines()
        .take(if verbose { 20 } else { 3 })
    {
        found.push(theme.paint(
            Role::Bad,
            &cut(
                &neutralise(line),
                theme.width.saturating_sub(6).max(10),
                theme.unicode,
            ),
        ));
    }
    let word = neutralise(&goal.unique_name);
    match goal.state {
        StateName::Failure => {
            found.extend(
                goal.log
                    .iter()
                    .map(|log| theme.paint(Role::Hint, &format!("sdm {}", neutralise(log)))),
            );
            if goal.retry {
                found.push(theme.paint(Role::Hint, &format!("sdm retry {id} {word}")));
            }
        }
        StateName::WaitingForApproval | StateName::WaitingForPreApproval => {
            if !goal.confirmed_by.is_empty() {
                found.push(format!(
                    "confirmed by {}",
                    neutralise(&goal.confirmed_by.join(", "))
                ));
            }
            found.extend(
                goal.void
                    .iter()
                    .flat_map(|void| since_confirmed(theme, void, verbose)),
            );
            found.push(theme.paint(Role::Hint, &format!("sdm approve {id} {word}")));
        }
        StateName::Planned
        | StateName::PreApproved
        | StateName::Requested
        | StateName::InProcess
        | StateName::Approved
        | StateName::Success
        | StateName::Stopped
        | StateName::Canceled
        | StateName::Skipped => {}
    }
    if verbose {
        let after = if goal.after.is_empty() {
            String::new()
        } else {
            format!(", after {}", goal.after.join(", "))
        };
        let line = format!(
            "{} in {}, version {}, attempt {}{after}",
            goal.unique_name, goal.environment, goal.version, goal.attempt
        );
        found.push(theme.paint(Role::Dim, &neutralise(&line)));
    }
    found
}

fn not_set(theme: &Theme, set: &GoalSetView, column: usize) -> String {
    let mut text = String::new();
    for other in &set.not_set {
        let name = pad(&cut(&neutralise(&other.name), column, theme.unicode), column);
        let because = neutralise(&format!("not set by {}: {}", other.rule, other.because));
        let line = format!("  {} {name}  {because}", theme.either("–", "-"));
        let _ = writeln!(
            text,
            "{}",
            theme.paint(Role::Dim, &cut(&line, theme.width, theme.unicode))
        );
    }
    text
}

/// How long a goal has run, or ran.
pub fn elapsed(goal: &GoalView, now: Timestamp) -> Option<std::time::Duration> {
    let started = parse_time(goal.started_at.as_deref()?)?;
    let ended = match goal.ended_at.as_deref() {
        Some(ended) => parse_time(ended)?,
        None => now,
    };
    Some(ended.since(started))
}
