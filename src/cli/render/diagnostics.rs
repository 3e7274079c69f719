//! Problems in goal files the way compilers show them.

use std::collections::HashMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use super::super::doors::GoalFile;
use super::super::text::{cut_front, neutralise, neutralise_lines, width, wrapped};
use super::super::theme::{Role, Theme};
use crate::model::{Diagnostic, Severity};

/// Longest line of source that is shown, in characters; longer ones appear without their text.
const LONGEST_LINE: usize = 400;

/// Columns that words have on the narrowest terminal.
const NARROWEST: usize = 20;

/// The stable shape of `sdm check --json` (design 3).
#[derive(Debug, Serialize)]
pub struct CheckView<'a> {
    /// Number of files.
    pub files: usize,
    /// Which they are.
    pub looked_at: Vec<&'a str>,
    /// Those of the daemon that runs here, where they are others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_daemon: Option<&'a [String]>,
    /// Problems.
    pub diagnostics: Vec<DiagnosticView<'a>>,
}

/// One problem in that shape.
#[derive(Debug, Serialize)]
pub struct DiagnosticView<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    hint: Option<&'a str>,
}

impl<'a> CheckView<'a> {
    /// The view of what was found.
    pub fn of(files: &[&'a str], diagnostics: &'a [Diagnostic]) -> Self {
        Self {
            files: files.len(),
            looked_at: files.to_vec(),
            of_daemon: None,
            diagnostics: diagnostics.iter().map(DiagnosticView::of).collect(),
        }
    }
}

impl<'a> CheckView<'a> {
    /// The same beside a daemon that has other goal files.
    pub fn with_others(self, of_daemon: Option<&'a [String]>) -> Self {
        Self { of_daemon, ..self }
    }
}

impl<'a> DiagnosticView<'a> {
    /// The view of one.
    pub fn of(diagnostic: &'a Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            code: &diagnostic.code,
            message: &diagnostic.message,
            file: &diagnostic.place.file,
            line: diagnostic.place.line,
            column: diagnostic.place.column,
            hint: diagnostic.hint.as_deref(),
        }
    }
}

/// All problems as text, each with its line of source where that is at hand.
pub fn diagnostics(theme: &Theme, files: &[GoalFile], found: &[Diagnostic]) -> String {
    let sources: HashMap<&str, &str> = files
        .iter()
        .map(|file| (file.name.as_str(), file.text.as_str()))
        .collect();
    let mut text = String::new();
    for diagnostic in found {
        let source = sources.get(&*diagnostic.place.file).copied().unwrap_or_default();
        text.push_str(&one(theme, source, diagnostic));
        text.push_str("\n\n");
    }
    text
}

/// The last line: `2 files, 14 rules: 1 error, 2 warnings`.
pub fn summary(theme: &Theme, files: usize, rules: usize, found: &[Diagnostic]) -> String {
    let count = |severity| {
        found
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let mut text = plural(files, "file");
    if rules > 0 {
        let _ = write!(text, ", {}", plural(rules, "rule"));
    }
    let outcome = match (errors, warnings) {
        (0, 0) => theme.paint(Role::Good, "no problems"),
        (0, _) => theme.paint(Role::Waiting, &plural(warnings, "warning")),
        (_, 0) => theme.paint(Role::Bad, &plural(errors, "error")),
        (_, _) => format!(
            "{}, {}",
            theme.paint(Role::Bad, &plural(errors, "error")),
            theme.paint(Role::Waiting, &plural(warnings, "warning"))
        ),
    };
    format!("{text}: {outcome}")
}

fn one(theme: &Theme, source: &str, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let code = neutralise(&diagnostic.code);
    let words = Words::of(theme, diagnostic, &code);
    let Words { message, file, hint } = words;
    let title = level.primary_title(message.as_str()).id(code.as_str());
    let group = match excerpt(source, diagnostic) {
        Some((line, range)) => {
            let snippet = Snippet::source(line)
                .path(file.as_str())
                .line_start(diagnostic.place.line as usize)
                .annotation(AnnotationKind::Primary.span(range));
            title.element(snippet)
        }
        None => title.element(
            annotate_snippets::Origin::path(file.as_str())
                .line(diagnostic.place.line as usize)
                .char_column(diagnostic.place.column as usize),
        ),
    };
    let group = match &hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(hint.as_str())),
        None => group,
    };
    renderer(theme).render(&[group])
}

/// What is said of a problem, in lines that fit on the terminal.
struct Words {
    message: String,
    file: String,
    hint: Option<String>,
}

impl Words {
    fn of(theme: &Theme, diagnostic: &Diagnostic, code: &str) -> Self {
        let place = &diagnostic.place;
        let line = place.line.to_string().len();
        let level = match diagnostic.severity {
            Severity::Error => "error[]: ",
            Severity::Warning => "warning[]: ",
        };
        let room = |taken: usize| theme.width.saturating_sub(taken).max(NARROWEST);
        let message = wrapped(&neutralise(&diagnostic.message), room(level.len() + width(code)));
        let numbers = format!(":{}:{}", place.line, place.column).len();
        // Before it stand the room of the line's number and an arrow.
        let file = cut_front(&neutralise(&place.file), room(line + 4 + numbers), theme.unicode);
        let of_hint = |hint: &str| {
            let lines = neutralise_lines(hint);
            let lines = lines
                .lines()
                .map(|text| wrapped(text, room(line + 3 + "hint: ".len())));
            lines.collect::<Vec<_>>().join("\n")
        };
        Self {
            message,
            file,
            hint: diagnostic.hint.as_deref().map(of_hint),
        }
    }
}

fn renderer(theme: &Theme) -> Renderer {
    let renderer = if theme.colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let decor = if theme.unicode {
        annotate_snippets::renderer::DecorStyle::Unicode
    } else {
        annotate_snippets::renderer::DecorStyle::Ascii
    };
    renderer.term_width(theme.width.min(200)).decor_style(decor)
}

/// The line of source without anything that could act on a terminal, and the bytes of it that are meant.
fn excerpt(source: &str, diagnostic: &Diagnostic) -> Option<(String, std::ops::Range<usize>)> {
    let line = source
        .lines()
        .nth(diagnostic.place.line.checked_sub(1)? as usize)?;
    if line.chars().count() > LONGEST_LINE {
        return None;
    }
    let start = diagnostic.place.column.saturating_sub(1) as usize;
    let mut shown = String::new();
    let (mut from, mut to) = (None, None);
    for (index, c) in line.chars().enumerate() {
        if index == start {
            from = Some(shown.len());
        }
        if index == start + diagnostic.length as usize {
            to = Some(shown.len());
        }
        shown.push_str(&neutralise(c.encode_utf8(&mut [0; 4])));
    }
    let end = shown.len();
    let from = from.unwrap_or(end);
    Some((shown, from..to.unwrap_or(end).max(from)))
}
