//! Goal sets with their goals, newest first.

use std::fmt::Write as _;

use super::super::text::{cut, neutralise, pad, width, wrap};
use super::super::theme::{Role, Theme, duration, parse_time, role_of};
use super::goal_details::{INDENT, details};
use super::{name_column, push_line, tags_line};
use crate::model::Timestamp;
use crate::wire::views::{GoalSetView, GoalView};

/// That there are no goal sets; with what was asked for, as in `has the tag x`, where not all were.
pub fn no_goal_sets(asked_for: Option<&str>) -> String {
    match asked_for {
        None => "No goal sets. Goals are set when a commit is pushed to a watched repository.\n".to_owned(),
        Some(asked_for) => format!("No goal set {}.\n", neutralise(asked_for)),
    }
}

/// All sets as text; `verbose` adds what is known beyond the state, and the goals that were not set.
pub fn goal_sets(theme: &Theme, sets: &[GoalSetView], now: Timestamp, verbose: bool) -> String {
    if sets.is_empty() {
        return no_goal_sets(None);
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
    text.push_str(&heading(theme, set));
    if let Some(because) = &set.because {
        let line = cut(
            &format!("because of {}", neutralise(because)),
            theme.width.saturating_sub(2),
            theme.unicode,
        );
        let _ = writeln!(text, "  {}", theme.paint(Role::Dim, &line));
    }
    text.push_str(&tags_line(theme, &set.tags, "  "));
    let longest = set
        .goals
        .iter()
        .map(|goal| width(&neutralise(&goal.name)))
        .max()
        .unwrap_or(0);
    let column = name_column(theme, longest, 8);
    for goal in &set.goals {
        text.push_str(&goal_lines(theme, short(set), goal, column, now, verbose));
    }
    if verbose {
        text.push_str(&not_set(theme, set, column));
    }
    text
}

/// State, name and id of a set; when it was planned where there is room for that.
fn heading(theme: &Theme, set: &GoalSetView) -> String {
    let id = neutralise(short(set));
    let when = parse_time(&set.created_at).map(|at| theme.date_time(at));
    let when = when.unwrap_or_default();
    let name = neutralise(&set.name);
    let name = cut(&name, theme.width.saturating_sub(50).max(12), theme.unicode);
    let state = set.state.as_str();
    let taken = width(&name) + width(state) + width(&id) + 6;
    let when = match taken + 1 + width(&when) <= theme.width {
        true => format!("{id} {when}"),
        false => id,
    };
    format!(
        "{} {name}  {}  {}\n",
        theme.symbol(set.state),
        theme.paint(role_of(set.state), state),
        theme.paint(Role::Dim, &when)
    )
}

/// The beginning of a set's id, by which people name it.
fn short(set: &GoalSetView) -> &str {
    set.id.get(..7).unwrap_or(&set.id)
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
    let room = theme
        .width
        .saturating_sub(8 + column + width(&took) + width(&attempt));
    let mut words = said(goal, column, room);
    if let Some(phase) = goal.phase.as_deref().filter(|phase| !phase.is_empty()) {
        let _ = write!(words, " {} {}", theme.either("·", "-"), neutralise(phase));
    }
    let below = theme.width.saturating_sub(INDENT).max(10);
    let most = if verbose { 20 } else { 3 };
    let lines = wrap(&words, room.max(10), below, most, theme.unicode);
    let (first, rest) = lines.split_first().expect("text is one line at least");
    let tail = theme.paint(Role::Dim, format!("{attempt}  {took}").trim_end());
    let mut text = format!("  {} {name}  {first}{tail}\n", theme.symbol(goal.state));
    let indent = " ".repeat(INDENT);
    for line in rest.iter().chain(&details(theme, id, goal, verbose)) {
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

/// What a goal says of itself; without its name, which stands to the left in full, where there is no room to repeat that.
fn said(goal: &GoalView, column: usize, room: usize) -> String {
    let (words, name) = (neutralise(&goal.description), neutralise(&goal.name));
    match width(&words) > room && width(&name) <= column {
        true => words.replacen(&format!(": {name}"), "", 1),
        false => words,
    }
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

/// How long a goal has run, or ran; how long people think about its result is no time of its own.
pub fn elapsed(goal: &GoalView, now: Timestamp) -> Option<std::time::Duration> {
    let started = parse_time(goal.started_at.as_deref()?)?;
    let ended = match goal.done_at.as_deref().or(goal.ended_at.as_deref()) {
        Some(ended) => parse_time(ended)?,
        None => now,
    };
    Some(ended.since(started))
}
