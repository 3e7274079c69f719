//! What people read, as pure functions of views and a theme.

pub mod board;
pub mod compare;
pub mod diagnostics;
pub mod errands;
pub mod explain;
pub mod feed;
mod goal_details;
mod goal_findings;
pub mod goals;
pub mod graph;
pub mod lock;
pub mod machines;
pub mod policy;
pub mod prediction;
pub mod pushes;
pub mod reviews;
pub mod rule_tests;
#[cfg(test)]
mod tests;

use super::text::{cut, neutralise, width};
use super::theme::{Role, Theme};
use crate::model::set_tag::SetTag;

/// Columns for names of which the longest takes `longest`; long names are cut on terminals, and nowhere else.
pub(super) fn name_column(theme: &Theme, longest: usize, least: usize) -> usize {
    let most = 24.min(theme.width / 3).max(theme.width * 3 / 10);
    longest.clamp(least, most.max(least))
}

/// The tags of a goal set on a line of their own; nothing where there are none.
pub(super) fn tags_line(theme: &Theme, tags: &[SetTag], indent: &str) -> String {
    if tags.is_empty() {
        return String::new();
    }
    let tags: Vec<String> = tags.iter().map(|tag| neutralise(&tag.to_string())).collect();
    let room = theme.width.saturating_sub(width(indent));
    let line = cut(&tags.join(", "), room, theme.unicode);
    format!("{indent}{}\n", theme.paint(Role::Dim, &line))
}

/// `owner/repo/branch - sha7 title(50)` within `room` columns, painted; the title gives way first, then the branch.
pub(super) fn push_line(
    theme: &Theme,
    repo: &str,
    branch: &str,
    sha: &str,
    title: &str,
    room: usize,
) -> String {
    let sha = neutralise(sha.get(..7).unwrap_or(sha));
    let place = neutralise(&format!("{repo}/{branch}"));
    let fixed = width(" - ") + width(&sha);
    let place = cut(&place, room.saturating_sub(fixed).max(12), theme.unicode);
    let left = room.saturating_sub(fixed + width(&place) + 1);
    let title = cut(&neutralise(title), 50.min(left), theme.unicode);
    let mut line = format!(
        "{} - {}",
        theme.paint(Role::Strong, &place),
        theme.paint(Role::Active, &sha)
    );
    if left >= 4 && !title.is_empty() {
        line.push(' ');
        line.push_str(&title);
    }
    line
}
