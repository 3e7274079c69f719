//! What other rules would have planned: each push that makes a difference, and all of it in sum.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::super::text::{cut, neutralise, pad, width};
use super::super::theme::{Role, Theme};
use super::{name_column, push_line};
use crate::wire::compare::{ComparedGoal, ComparedPush};

/// The stable shape of `sdm explain --replay --json`.
#[derive(Debug, Serialize)]
pub struct CompareView<'a> {
    pushes: &'a [ComparedPush],
    summary: Summary<'a>,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    pushes: usize,
    unchanged: usize,
    changed: usize,
    /// Pushes that could not be planned any more.
    failed: usize,
    added: BTreeMap<&'a str, usize>,
    removed: BTreeMap<&'a str, usize>,
    different: BTreeMap<&'a str, usize>,
    /// Estimated, over all pushes.
    minutes: f64,
    /// Goals of which no duration is recorded, so that they count nothing.
    without_duration: Vec<&'a str>,
}

impl<'a> CompareView<'a> {
    /// The view of compared pushes.
    pub fn of(pushes: &'a [ComparedPush]) -> Self {
        Self {
            pushes,
            summary: Summary::of(pushes),
        }
    }
}

impl<'a> Summary<'a> {
    fn of(pushes: &'a [ComparedPush]) -> Self {
        let unchanged = pushes.iter().filter(|push| push.is_unchanged()).count();
        let failed = pushes.iter().filter(|push| push.error.is_some()).count();
        let milliseconds: i64 = pushes
            .iter()
            .map(ComparedPush::milliseconds)
            .fold(0, i64::saturating_add);
        let goals = pushes
            .iter()
            .flat_map(|push| push.added.iter().chain(&push.removed));
        let mut without_duration: Vec<&str> = goals
            .filter(|goal| goal.milliseconds.is_none())
            .map(|goal| goal.name.as_str())
            .collect();
        without_duration.sort_unstable();
        without_duration.dedup();
        Self {
            pushes: pushes.len(),
            unchanged,
            failed,
            changed: pushes.len() - unchanged - failed,
            added: counted(pushes, |push| &push.added),
            removed: counted(pushes, |push| &push.removed),
            different: counted(pushes, |push| &push.changed),
            minutes: in_minutes(milliseconds),
            without_duration,
        }
    }
}

fn counted<'a>(
    pushes: &'a [ComparedPush],
    goals: fn(&'a ComparedPush) -> &'a Vec<ComparedGoal>,
) -> BTreeMap<&'a str, usize> {
    let mut counted = BTreeMap::new();
    for goal in pushes.iter().flat_map(goals) {
        *counted.entry(goal.name.as_str()).or_default() += 1;
    }
    counted
}

/// Minutes with one decimal.
fn in_minutes(milliseconds: i64) -> f64 {
    let tenths = milliseconds / 6_000;
    #[expect(
        clippy::cast_precision_loss,
        reason = "tenths of minutes of some pushes are small numbers"
    )]
    let minutes = tenths as f64 / 10.0;
    minutes
}

/// The comparison as text; pushes without a difference only when `verbose`.
pub fn comparison(theme: &Theme, pushes: &[ComparedPush], verbose: bool) -> String {
    let mut text = String::new();
    for push in pushes.iter().filter(|push| verbose || !push.is_unchanged()) {
        text.push_str(&one(theme, push));
        text.push('\n');
    }
    text.push_str(&sum(theme, &Summary::of(pushes)));
    text
}

fn one(theme: &Theme, compared: &ComparedPush) -> String {
    let push = &compared.push;
    let mut text = push_line(
        theme,
        &push.repo,
        &push.branch,
        &push.after,
        &push.title,
        theme.width,
    );
    text.push('\n');
    let errors = [
        ("would not be planned:", &compared.error),
        ("cannot be planned now:", &compared.error_now),
    ];
    for (what, error) in errors {
        if let Some(error) = error {
            let room = theme.width.saturating_sub(width(what) + 3).max(20);
            let error = cut(&neutralise(error), room, theme.unicode);
            let _ = writeln!(text, "  {} {error}", theme.paint(Role::Bad, what));
        }
    }
    let groups = [
        ("+", Role::Good, &compared.added),
        ("-", Role::Bad, &compared.removed),
        ("~", Role::Waiting, &compared.changed),
    ];
    let all = groups.iter().flat_map(|(_, _, goals)| goals.iter());
    let column = all.map(|goal| width(&neutralise(&goal.name))).max().unwrap_or(0);
    let column = name_column(theme, column, 6);
    for (mark, role, goals) in groups {
        for goal in goals {
            text.push_str(&goal_line(theme, &theme.paint(role, mark), goal, column));
        }
    }
    if compared.is_unchanged() {
        text.push_str("  the same goals\n");
    }
    text
}

fn goal_line(theme: &Theme, mark: &str, goal: &ComparedGoal, column: usize) -> String {
    let name = pad(&cut(&neutralise(&goal.name), column, theme.unicode), column);
    let usually = match goal.milliseconds {
        Some(milliseconds) => format!("{:>7}", duration(milliseconds)),
        None => " ".repeat(7),
    };
    let room = theme.width.saturating_sub(column + 15).max(20);
    let because = cut(&neutralise(&goal.because), room, theme.unicode);
    format!(
        "  {mark} {name} {}  {because}\n",
        theme.paint(Role::Dim, &usually)
    )
}

/// `850ms`, `42s`, `3m10s`.
fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds}ms"),
        1_000..60_000 => format!("{}s", milliseconds / 1_000),
        _ => format!("{}m{:02}s", milliseconds / 60_000, milliseconds / 1_000 % 60),
    }
}

fn sum(theme: &Theme, summary: &Summary<'_>) -> String {
    let plural =
        |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let mut text = format!(
        "{}: {} unchanged, {} changed",
        plural(summary.pushes, "push", "pushes"),
        summary.unchanged,
        summary.changed
    );
    if summary.failed > 0 {
        let failed = format!("{} would not be planned", summary.failed);
        let _ = write!(text, ", {}", theme.paint(Role::Bad, &failed));
    }
    text.push('\n');
    for (what, goals) in [
        ("added", &summary.added),
        ("removed", &summary.removed),
        ("different", &summary.different),
    ] {
        if !goals.is_empty() {
            let times = |(name, number): (&&str, &usize)| format!("{} {number}x", neutralise(name));
            let goals: Vec<String> = goals.iter().map(times).collect();
            let _ = writeln!(text, "{what}: {}", goals.join(", "));
        }
    }
    if !summary.added.is_empty() || !summary.removed.is_empty() {
        let _ = write!(text, "estimated: {:+.1} minutes of goals in all", summary.minutes);
        if !summary.without_duration.is_empty() {
            let _ = write!(
                text,
                "; nothing is recorded of {}",
                neutralise(&summary.without_duration.join(", "))
            );
        }
        text.push('\n');
    }
    text
}
