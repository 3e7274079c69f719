//! The live board: every goal set with how far it is.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::text::{cut, neutralise, width};
use super::super::theme::{Role, Theme, duration, parse_time, role_of, symbol};
use super::goals::elapsed;
use crate::model::{StateName, Timestamp};
use crate::wire::views::{GoalSetView, GoalView};

/// What is on the board.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Name of the machine.
    pub machine: String,
    /// Newest first.
    pub sets: Vec<GoalSetView>,
    /// What keeps the board from being current.
    pub problem: Option<String>,
    /// First set shown.
    pub scroll: usize,
}

/// Share of the way a goal has gone (semantics 8.5), in quarters.
const fn quarters(state: StateName) -> u32 {
    match state {
        StateName::Planned => 0,
        StateName::Requested => 1,
        StateName::InProcess => 2,
        StateName::WaitingForPreApproval
        | StateName::PreApproved
        | StateName::WaitingForApproval
        | StateName::Approved => 3,
        StateName::Success
        | StateName::Failure
        | StateName::Stopped
        | StateName::Canceled
        | StateName::Skipped => 4,
    }
}

/// Share of the way a goal set has gone, from 0 to 1; a set without goals is done.
pub fn progress(set: &GoalSetView) -> f64 {
    let all = u32::try_from(set.goals.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(4);
    let gone: u32 = set.goals.iter().map(|goal| quarters(goal.state)).sum();
    if all == 0 {
        1.0
    } else {
        f64::from(gone) / f64::from(all)
    }
}

/// Draws the board over the whole frame.
pub fn draw(frame: &mut Frame<'_>, board: &Board, theme: &Theme, now: Timestamp) {
    let area = frame.area();
    let columns = usize::from(area.width);
    let mut lines = vec![header(board, theme, columns), Line::default()];
    if board.sets.is_empty() {
        lines.push(Line::from(
            "No goal sets yet. Commit something in a watched repository.",
        ));
    }
    for set in board.sets.iter().skip(board.scroll) {
        if lines.len() >= usize::from(area.height) {
            break;
        }
        lines.extend(set_lines(set, theme, columns, now));
        lines.push(Line::default());
    }
    lines.truncate(usize::from(area.height.saturating_sub(1)));
    frame.render_widget(
        Paragraph::new(lines),
        Rect {
            height: area.height.saturating_sub(1),
            ..area
        },
    );
    let foot = Rect {
        y: area.bottom().saturating_sub(1),
        height: area.height.min(1),
        ..area
    };
    frame.render_widget(Paragraph::new(footer(board, theme, columns)), foot);
}

fn style(theme: &Theme, role: Role) -> Style {
    if !theme.colour {
        return match role {
            Role::Strong | Role::Bad => Style::new().add_modifier(Modifier::BOLD),
            Role::Good | Role::Active | Role::Waiting | Role::Dim | Role::Hint => Style::new(),
        };
    }
    match role {
        Role::Good => Style::new().fg(Color::Green),
        Role::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Role::Active | Role::Hint => Style::new().fg(Color::Cyan),
        Role::Waiting => Style::new().fg(Color::Yellow),
        Role::Dim => Style::new().add_modifier(Modifier::DIM),
        Role::Strong => Style::new().add_modifier(Modifier::BOLD),
    }
}

fn header(board: &Board, theme: &Theme, columns: usize) -> Line<'static> {
    let active = board.sets.iter().filter(|set| set.active).count();
    let goals = board.sets.iter().flat_map(|set| &set.goals);
    let running = goals.filter(|goal| goal.state == StateName::InProcess).count();
    let name = cut(&neutralise(&board.machine), columns / 2, theme.unicode);
    let counts = format!("  {active} active, {running} running");
    Line::from(vec![
        Span::styled(name, style(theme, Role::Strong)),
        Span::styled(counts, style(theme, Role::Dim)),
    ])
}

fn footer(board: &Board, theme: &Theme, columns: usize) -> Line<'static> {
    match &board.problem {
        Some(problem) => Line::styled(
            cut(&neutralise(problem), columns, theme.unicode),
            style(theme, Role::Bad),
        ),
        None => Line::styled(
            cut("q quit   j/k scroll", columns, theme.unicode),
            style(theme, Role::Dim),
        ),
    }
}

fn set_lines(set: &GoalSetView, theme: &Theme, columns: usize, now: Timestamp) -> Vec<Line<'static>> {
    let mut lines = vec![title_line(set, theme, columns, now)];
    lines.extend(goal_lines(set, theme, columns, now));
    lines
}

fn title_line(set: &GoalSetView, theme: &Theme, columns: usize, now: Timestamp) -> Line<'static> {
    let bar_width = if columns >= 60 { 12 } else { 6 };
    let percent = progress(set);
    let took = took(set, now).map(duration).unwrap_or_default();
    let tail = format!(" {:>3.0}% {took:>7}", percent * 100.0);
    let room = columns.saturating_sub(bar_width + width(&tail) + 1);
    let sha = neutralise(set.sha.get(..7).unwrap_or(&set.sha));
    let place = neutralise(&format!("{}/{}", set.repo, set.branch));
    let place = cut(&place, room.saturating_sub(12).max(8), theme.unicode);
    let left = room.saturating_sub(width(&place) + width(&sha) + 6);
    let title = if left >= 6 {
        cut(&neutralise(&set.title), 50.min(left), theme.unicode)
    } else {
        String::new()
    };
    let used = width(&place) + 3 + width(&sha) + 1 + width(&title);
    Line::from(vec![
        Span::styled(place, style(theme, Role::Strong)),
        Span::raw(" - "),
        Span::styled(sha, style(theme, Role::Active)),
        Span::raw(format!(" {title}{}", " ".repeat((room + 1).saturating_sub(used)))),
        Span::styled(bar(theme, percent, bar_width), style(theme, role_of(set.state))),
        Span::styled(tail, style(theme, Role::Dim)),
    ])
}

fn bar(theme: &Theme, share: f64, columns: usize) -> String {
    let step = 1.0 / f64::from(u32::try_from(columns).unwrap_or(1));
    let filled = (1..=columns)
        .zip(1u32..)
        .filter(|(_, cell)| f64::from(*cell) * step <= share + 1e-9)
        .count();
    theme.either("█", "#").repeat(filled) + &theme.either("░", ".").repeat(columns - filled)
}

fn took(set: &GoalSetView, now: Timestamp) -> Option<Duration> {
    let begun = parse_time(&set.created_at)?;
    let ends: Option<Vec<Timestamp>> = set
        .goals
        .iter()
        .map(|goal| parse_time(goal.ended_at.as_deref()?))
        .collect();
    let end = ends.and_then(|ends| ends.into_iter().max()).unwrap_or(now);
    Some(if set.active { now } else { end }.since(begun))
}

/// The goals one after the other, as many on a line as fit.
fn goal_lines(set: &GoalSetView, theme: &Theme, columns: usize, now: Timestamp) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for goal in &set.goals {
        let words = cut(
            &goal_words(goal, theme, now),
            columns.saturating_sub(6).max(8),
            theme.unicode,
        );
        let needed = width(&words) + 4;
        if used + needed > columns && !spans.is_empty() {
            lines.push(Line::from(std::mem::take(&mut spans)));
            used = 0;
        }
        used += needed;
        spans.push(Span::styled(
            format!("  {} ", symbol(goal.state, theme.unicode)),
            style(theme, role_of(goal.state)),
        ));
        spans.push(Span::raw(words));
    }
    if !spans.is_empty() {
        lines.push(Line::from(spans));
    }
    lines
}

fn goal_words(goal: &GoalView, theme: &Theme, now: Timestamp) -> String {
    let name = cut(&neutralise(&goal.name), 30, theme.unicode);
    let took = elapsed(goal, now).map(duration);
    let phase = goal
        .phase
        .as_deref()
        .filter(|phase| !phase.is_empty())
        .map(neutralise);
    match goal.state {
        StateName::InProcess => {
            let parts: Vec<String> = took.into_iter().chain(phase).collect();
            if parts.is_empty() {
                name
            } else {
                format!("{name} ({})", parts.join(" "))
            }
        }
        StateName::WaitingForApproval | StateName::WaitingForPreApproval => waits(goal, &name),
        _ => match (took, &goal.by_hand) {
            (_, Some(by_hand)) => {
                let why = cut(&neutralise(&by_hand.to_string()), 50, theme.unicode);
                format!("{name} ({why})")
            }
            (Some(took), None) if goal.state == StateName::Failure => {
                format!("{name} (failed after {took})")
            }
            (_, None) => name,
        },
    }
}

/// A goal that people must confirm; how many, where one is not enough.
fn waits(goal: &GoalView, name: &str) -> String {
    match (goal.confirmed_by.len(), goal.missing) {
        (_, 0) | (0, 1) => format!("{name} (sdm approve)"),
        (0, missing) => format!("{name} (sdm approve, {missing} people)"),
        (_, missing) => format!("{name} (sdm approve, {missing} more)"),
    }
}
