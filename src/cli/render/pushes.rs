//! Pushes, newest first.

use super::super::text::width;
use super::super::theme::{Role, Theme, parse_time};
use super::push_line;
use crate::wire::views::PushView;

/// One line per push.
pub fn pushes(theme: &Theme, pushes: &[PushView]) -> String {
    if pushes.is_empty() {
        return "No pushes yet.\n".to_owned();
    }
    pushes.iter().map(|push| line(theme, push)).collect()
}

fn line(theme: &Theme, push: &PushView) -> String {
    let when = parse_time(&push.at)
        .map(|at| theme.date_time(at))
        .unwrap_or_default();
    let count = match push.commits {
        0 | 1 => String::new(),
        more => format!("  {more} commits"),
    };
    let room = theme.width.saturating_sub(width(&when) + 1 + width(&count));
    let what = push_line(theme, &push.repo, &push.branch, &push.after, &push.title, room);
    format!(
        "{} {what}{}\n",
        theme.paint(Role::Dim, &when),
        theme.paint(Role::Dim, &count)
    )
}
