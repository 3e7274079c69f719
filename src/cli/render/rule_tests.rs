//! What the author's tests of rules came to: each test, and for a failed one what is so instead and why.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::super::doors::TestRun;
use super::super::text::{cut, neutralise, width, wrapped};
use super::super::theme::{Role, Theme};
use super::diagnostics::{CheckView, DiagnosticView};
use super::explain::rule_lines;
use super::name_column;
use crate::model::Diagnostic;
use crate::model::plan::RuleOutcome;
use crate::rules::Failure;
use crate::wire::explain::ExplainedRule;

/// Rules explained below one failure; the others are in `sdm explain`.
const MOST_RULES: usize = 3;

/// Columns before what explains a failure.
const INDENT: usize = 4;

/// The stable shape of `sdm test --json` (design 3).
#[derive(Debug, Serialize)]
pub struct TestsView<'a> {
    passed: usize,
    failed: usize,
    tests: Vec<TestView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<DiagnosticView<'a>>,
}

#[derive(Debug, Serialize)]
struct TestView<'a> {
    name: &'a str,
    place: String,
    outcome: &'static str,
    because: Option<String>,
    failures: Vec<FailureView<'a>>,
}

#[derive(Debug, Serialize)]
struct FailureView<'a> {
    place: String,
    message: &'a str,
}

impl<'a> TestsView<'a> {
    /// The view of tests that were run.
    pub fn of(runs: &'a [TestRun]) -> Self {
        let failed = failed(runs);
        Self {
            passed: runs.len() - failed,
            failed,
            tests: runs.iter().map(TestView::of).collect(),
            diagnostics: Vec::new(),
        }
    }

    /// The view of goal files whose tests cannot be run.
    pub fn unusable(found: &'a [Diagnostic]) -> Self {
        Self {
            passed: 0,
            failed: 0,
            tests: Vec::new(),
            diagnostics: CheckView::of(&[], found).diagnostics,
        }
    }
}

impl<'a> TestView<'a> {
    fn of(run: &'a TestRun) -> Self {
        let failures = &run.verified.failures;
        let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        let view = |failure: &'a Failure| FailureView {
            place: failure.place.to_string(),
            message: &failure.message,
        };
        Self {
            name: &run.name,
            place: run.place.to_string(),
            outcome: if failures.is_empty() { "passed" } else { "failed" },
            because: (!failures.is_empty()).then(|| messages.join("; ")),
            failures: failures.iter().map(view).collect(),
        }
    }
}

fn failed(runs: &[TestRun]) -> usize {
    runs.iter()
        .filter(|run| !run.verified.failures.is_empty())
        .count()
}

/// Every test as text; only failed ones unless `shows_all`.
pub fn tests(theme: &Theme, runs: &[TestRun], shows_all: bool) -> String {
    let mut text = String::new();
    for run in runs {
        if !run.verified.failures.is_empty() {
            text.push_str(&failed_test(theme, run));
        } else if shows_all {
            let mark = theme.paint(Role::Good, theme.either("✓", "+"));
            let room = theme.width.saturating_sub(2);
            let _ = writeln!(
                text,
                "{mark} {}",
                cut(&neutralise(&run.name), room, theme.unicode)
            );
        }
    }
    text
}

/// The last line: `8 tests: 7 passed, 1 failed`.
pub fn totals(theme: &Theme, runs: &[TestRun]) -> String {
    let failed = failed(runs);
    let all = match runs.len() {
        0 => return "There are no tests in these goal files.".to_owned(),
        1 => "1 test".to_owned(),
        many => format!("{many} tests"),
    };
    let passed = theme.paint(Role::Good, &format!("{} passed", runs.len() - failed));
    match failed {
        0 => format!("{all}: {passed}"),
        failed => format!(
            "{all}: {passed}, {}",
            theme.paint(Role::Bad, &format!("{failed} failed"))
        ),
    }
}

fn failed_test(theme: &Theme, run: &TestRun) -> String {
    let mark = theme.paint(Role::Bad, theme.either("✗", "x"));
    let name = cut(
        &neutralise(&run.name),
        theme.width.saturating_sub(2),
        theme.unicode,
    );
    let mut text = format!("{mark} {}\n", theme.paint(Role::Strong, &name));
    let mut explained = HashSet::new();
    for failure in &run.verified.failures {
        let _ = writeln!(text, "  {}", indented(theme, &failure.message));
        let place = neutralise(&failure.place.to_string());
        let _ = writeln!(text, "  {}", theme.paint(Role::Dim, &place));
        let rules = failure.rules.iter().map(String::as_str);
        let rules = rules.filter(|rule| explained.insert(*rule)).collect();
        text.push_str(&reasons(theme, run, &rules));
    }
    text
}

/// What became of rules, as `sdm explain` says it; of those that did not match, every test.
fn reasons(theme: &Theme, run: &TestRun, names: &HashSet<&str>) -> String {
    let narrow = Theme {
        width: theme.width.saturating_sub(INDENT),
        ..theme.clone()
    };
    let rules = run.verified.plan.trace.rules.iter();
    let rules: Vec<ExplainedRule> = rules
        .filter(|rule| names.contains(rule.name.as_str()))
        .take(MOST_RULES)
        .map(ExplainedRule::of)
        .collect();
    let longest = rules.iter().map(|rule| width(&neutralise(&rule.name))).max();
    let column = name_column(theme, longest.unwrap_or(0), 0);
    let mut text = String::new();
    for rule in &rules {
        let all = rule.outcome != RuleOutcome::Matched;
        for line in rule_lines(&narrow, rule, column, all).lines() {
            let _ = writeln!(text, "{}{line}", " ".repeat(INDENT));
        }
    }
    text
}

/// On several lines where one is too short, all of them indented.
fn indented(theme: &Theme, message: &str) -> String {
    let room = theme.width.saturating_sub(2).max(20);
    wrapped(&neutralise(message), room).replace('\n', "\n  ")
}
