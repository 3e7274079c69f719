//! What is told of a goal below its line: why it failed, who must do what about it, and with `--verbose` all else.

use super::super::text::{cut, neutralise, plural, wrap};
use super::super::theme::{Role, Theme, parse_time};
use super::goal_findings::{differences, images, links};
use crate::model::{ByHand, StateName, VoidConfirmation};
use crate::wire::views::{ConfirmationView, GoalView};

/// Columns to the left of it.
pub(super) const INDENT: usize = 6;

/// Lines that one text takes at most.
const MOST_LINES: usize = 20;

/// The lines, without what stands to their left; `id` is the beginning of the goal set's.
pub(super) fn details(theme: &Theme, id: &str, goal: &GoalView, verbose: bool) -> Vec<String> {
    let mut found = Vec::new();
    let word = neutralise(&goal.unique_name);
    let command = |words: String| theme.paint(Role::Hint, &words);
    match goal.state {
        StateName::Failure => {
            found.extend(why(theme, goal, verbose));
            found.extend(
                goal.log
                    .iter()
                    .map(|log| command(format!("sdm {}", neutralise(log)))),
            );
            found.extend(goal.retry.then(|| command(format!("sdm retry {id} {word}"))));
        }
        StateName::WaitingForApproval | StateName::WaitingForPreApproval => {
            found.extend(below(theme, &so_far(goal).unwrap_or_default()));
            let void = goal.void.iter();
            found.extend(void.flat_map(|void| since_confirmed(theme, void, verbose)));
            found.extend(differences(theme, goal, verbose));
            found.push(command(format!("sdm approve {id} {word}")));
        }
        StateName::Planned
        | StateName::PreApproved
        | StateName::Requested
        | StateName::InProcess
        | StateName::Approved
        | StateName::Success
        | StateName::Stopped
        | StateName::Canceled
        | StateName::Skipped => found.extend(differences(theme, goal, verbose)),
    }
    found.extend(images(goal, verbose));
    found.extend(links(theme, goal, verbose));
    found.extend(by_hand(theme, goal));
    if verbose {
        found.extend(all_else(theme, goal));
    }
    found
}

/// A text of strangers over as many lines as it takes.
fn below(theme: &Theme, text: &str) -> Vec<String> {
    let room = theme.width.saturating_sub(INDENT).max(10);
    let lines = wrap(&neutralise(text), room, room, MOST_LINES, theme.unicode);
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// On one line.
fn on_one_line(theme: &Theme, text: &str) -> String {
    let room = theme.width.saturating_sub(INDENT).max(10);
    cut(&neutralise(text), room, theme.unicode)
}

fn why(theme: &Theme, goal: &GoalView, verbose: bool) -> Vec<String> {
    let lines = goal.error.as_deref().unwrap_or_default().lines();
    let shown = lines.take(if verbose { MOST_LINES } else { 3 });
    shown
        .map(|line| theme.paint(Role::Bad, &on_one_line(theme, line)))
        .collect()
}

/// Who has confirmed what a goal waits for, and how many further people must, where that is more than one person's word.
fn so_far(goal: &GoalView) -> Option<String> {
    let by = goal.confirmed_by.join(", ");
    let people = plural(goal.missing, "person", "people");
    match (by.as_str(), goal.missing) {
        ("", 0 | 1) => None,
        ("", missing) => Some(format!("{missing} {people} must confirm it")),
        (by, 0) => Some(format!("confirmed by {by}")),
        (by, missing) => Some(format!(
            "confirmed by {by}; {missing} more {people} must confirm it"
        )),
    }
}

/// What is not as it was when somebody last confirmed this goal.
fn since_confirmed(theme: &Theme, void: &VoidConfirmation, verbose: bool) -> Vec<String> {
    let shown = if verbose { usize::MAX } else { 3 };
    let differences = void.differences.iter().take(shown);
    let mut lines: Vec<String> = differences
        .map(|difference| on_one_line(theme, &difference.to_string()))
        .collect();
    let more = void.differences.len().saturating_sub(shown) + void.more;
    if more > 0 {
        let words = format!("{more} more changed; `sdm goals --verbose` shows them");
        lines.push(theme.paint(Role::Dim, &words));
    }
    lines
}

/// Who set its state, where its text says something else by now.
fn by_hand(theme: &Theme, goal: &GoalView) -> Vec<String> {
    let is_news = |by_hand: &&ByHand| !goal.description.contains(&format!("set by @{}", by_hand.login));
    let words = goal.by_hand.as_ref().filter(is_news).map(ToString::to_string);
    words.map(|words| below(theme, &words)).unwrap_or_default()
}

fn all_else(theme: &Theme, goal: &GoalView) -> Vec<String> {
    let after = match goal.after.as_slice() {
        [] => String::new(),
        goals => format!(", after {}", goals.join(", ")),
    };
    let place = format!(
        "{} in {}, version {}, attempt {}{after}",
        goal.unique_name, goal.environment, goal.version, goal.attempt
    );
    let confirmations = goal.confirmations.iter().map(|one| confirmed(theme, one));
    let lines = confirmations.chain([place]).flat_map(|text| below(theme, &text));
    lines.map(|line| theme.paint(Role::Dim, &line)).collect()
}

fn confirmed(theme: &Theme, confirmation: &ConfirmationView) -> String {
    let at = parse_time(&confirmation.at).map(|at| theme.date_time(at));
    let said = confirmation.reason.as_ref().map(|reason| format!(": {reason}"));
    format!(
        "confirmed by {} {}{}",
        confirmation.by,
        at.unwrap_or_default(),
        said.unwrap_or_default()
    )
}
