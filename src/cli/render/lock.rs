//! What `sdm lock` would write: each reference with the difference of its content.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::text::neutralise;
use super::super::theme::{Role, Theme};
use super::diagnostics::DiagnosticView;
use crate::daemon::references::{LockChange, LockChanges};

/// Lines around a difference that are shown.
const AROUND: usize = 3;

/// The stable shape of `sdm lock --json`.
#[derive(Debug, Serialize)]
pub struct LockView<'a> {
    written: bool,
    unchanged: usize,
    references: Vec<ReferenceView<'a>>,
    diagnostics: Vec<DiagnosticView<'a>>,
}

#[derive(Debug, Serialize)]
struct ReferenceView<'a> {
    reference: &'a str,
    change: &'static str,
    address: Option<&'a str>,
    commit_before: Option<&'a str>,
    commit: Option<&'a str>,
    sha256: Option<&'a str>,
}

impl<'a> LockView<'a> {
    /// The view of these changes.
    pub fn of(changes: &'a LockChanges, written: bool) -> Self {
        Self {
            written,
            unchanged: changes.unchanged,
            references: changes.changes.iter().map(ReferenceView::of).collect(),
            diagnostics: changes.problems.iter().map(DiagnosticView::of).collect(),
        }
    }
}

impl<'a> ReferenceView<'a> {
    fn of(change: &'a LockChange) -> Self {
        let (was, now) = (change.was.as_ref(), change.now.as_ref());
        Self {
            reference: &change.by,
            change: kind(change),
            address: now.or(was).map(|locked| locked.address.as_str()),
            commit_before: was.map(|was| was.commit.as_str()),
            commit: now.map(|now| now.commit.as_str()),
            sha256: now.map(|now| now.sha256.as_str()),
        }
    }
}

fn kind(change: &LockChange) -> &'static str {
    match (&change.was, &change.now) {
        (None, _) => "added",
        (Some(_), None) => "removed",
        (Some(was), Some(now)) if was == now => "restored",
        (Some(_), Some(_)) => "changed",
    }
}

/// All changes for people.
pub fn lock(theme: &Theme, changes: &LockChanges) -> String {
    let mut text = String::new();
    for change in &changes.changes {
        let name = theme.paint(Role::Strong, &change.by);
        let _ = writeln!(text, "{name}  {}", headline(change));
        if change.now.is_some() {
            text.push_str(&difference(theme, &change.before, &change.after));
        }
    }
    text
}

fn headline(change: &LockChange) -> String {
    match (&change.was, &change.now) {
        (None, Some(now)) => format!("new, {} of {}", now.commit.short(), neutralise(&now.address)),
        (Some(was), Some(now)) if was == now => format!("as it is locked at {}", now.commit.short()),
        (Some(was), Some(now)) if was.commit == now.commit => {
            format!("{}, now of {}", now.commit.short(), neutralise(&now.address))
        }
        (Some(was), Some(now)) => format!("{} becomes {}", was.commit.short(), now.commit.short()),
        (_, None) => "nothing refers to it any more".to_owned(),
    }
}

/// The lines that differ, with some around them.
fn difference(theme: &Theme, before: &[u8], after: &[u8]) -> String {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(same)
        .count();
    if old == new {
        return "  the content is the same\n".to_owned();
    }
    let mut text = String::new();
    let mut line = |mark: char, role: Option<Role>, line: &str| {
        let shown = format!("{mark} {}", neutralise(line));
        let painted = role.map_or_else(|| shown.clone(), |role| theme.paint(role, &shown));
        let _ = writeln!(text, "  {painted}");
    };
    for same in &old[head.saturating_sub(AROUND)..head] {
        line(' ', None, same);
    }
    for gone in &old[head..old.len() - tail] {
        line('-', Some(Role::Bad), gone);
    }
    for come in &new[head..new.len() - tail] {
        line('+', Some(Role::Good), come);
    }
    for same in &new[new.len() - tail..(new.len() - tail + AROUND.min(tail))] {
        line(' ', None, same);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_some_lines_around_it() {
        let before = b"a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let after = b"a\nb\nc\nd\nE\nx\nf\ng\nh\ni\n";
        assert_eq!(
            difference(&Theme::plain(), before, after),
            "    b\n    c\n    d\n  - e\n  + E\n  + x\n    f\n    g\n    h\n"
        );
        assert_eq!(
            difference(&Theme::plain(), b"", b"a\n\x1b[2J\n"),
            "  + a\n  + \\u{1b}[2J\n"
        );
        assert_eq!(difference(&Theme::plain(), b"a\na\n", b"a\n"), "    a\n  - a\n");
        assert_eq!(
            difference(&Theme::plain(), b"a", b"a\n"),
            "  the content is the same\n"
        );
    }
}
