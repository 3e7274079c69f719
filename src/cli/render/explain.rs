//! Why a push sets the goals it sets: the rules with the test that decided, then the plan in steps.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::text::{cut, cut_front, neutralise, pad, width, wrapped};
use super::super::theme::{Role, Theme};
use super::{name_column, push_line, tags_line};
use crate::model::ApprovalPolicy;
use crate::model::plan::{RuleOutcome, TestOutcome};
use crate::wire::explain::{ExplainView, ExplainedGoal, ExplainedRule, ExplainedTest};

/// An explanation as text; `verbose` shows the tests of every rule, otherwise only those of rules that matched or failed.
pub fn explanation(theme: &Theme, view: &ExplainView, verbose: bool) -> String {
    let push = &view.push;
    let mut text = push_line(
        theme,
        &push.repo,
        &push.branch,
        &push.after,
        &push.title,
        theme.width,
    );
    text.push('\n');
    if let Some(because) = &view.because {
        let line = cut(
            &format!("because of {}", neutralise(because)),
            theme.width,
            theme.unicode,
        );
        let _ = writeln!(text, "{}", theme.paint(Role::Dim, &line));
    }
    text.push('\n');
    text.push_str(&rules(theme, &view.rules, verbose));
    text.push('\n');
    if let Some(error) = &view.error {
        let _ = writeln!(
            text,
            "{} {}",
            theme.paint(Role::Bad, "planning failed:"),
            wrapped(&neutralise(error), theme.width.saturating_sub(17).max(20)).replace('\n', "\n  ")
        );
        return text;
    }
    text.push_str(&plan_lines(theme, view));
    text
}

/// The rules with what became of them, rules of a `first_of` indented below the rule that holds it.
pub(super) fn rules(theme: &Theme, rules: &[ExplainedRule], verbose: bool) -> String {
    if rules.is_empty() {
        return "There are no rules.\n".to_owned();
    }
    let longest = rules
        .iter()
        .map(|rule| width(&rule_name(rule)))
        .max()
        .unwrap_or(0);
    let column = name_column(theme, longest, 6);
    let lines = rules.iter().map(|rule| rule_lines(theme, rule, column, verbose));
    lines.collect()
}

fn rule_name(rule: &ExplainedRule) -> String {
    format!(
        "{}{}",
        "  ".repeat(rule.depth.min(10) as usize),
        neutralise(&rule.name)
    )
}

fn mark(theme: &Theme, outcome: RuleOutcome) -> String {
    match outcome {
        RuleOutcome::Matched => theme.paint(Role::Good, theme.either("✓", "+")),
        RuleOutcome::NotMatched => theme.paint(Role::Dim, theme.either("✗", "x")),
        RuleOutcome::LockedOut | RuleOutcome::NotReached => theme.paint(Role::Dim, theme.either("–", "-")),
        RuleOutcome::Possible => theme.paint(Role::Active, "?"),
        RuleOutcome::Error => theme.paint(Role::Bad, "!"),
    }
}

pub(super) fn rule_lines(theme: &Theme, rule: &ExplainedRule, column: usize, verbose: bool) -> String {
    let name = pad(&cut(&rule_name(rule), column, theme.unicode), column);
    let name = match rule.outcome {
        RuleOutcome::Matched => theme.paint(Role::Strong, &name),
        RuleOutcome::Possible => name,
        RuleOutcome::NotMatched | RuleOutcome::LockedOut | RuleOutcome::NotReached => {
            theme.paint(Role::Dim, &name)
        }
        RuleOutcome::Error => theme.paint(Role::Bad, &name),
    };
    let because = cut(
        &neutralise(&rule.because),
        theme.width.saturating_sub(column + 4).max(20),
        theme.unicode,
    );
    let mut text = format!("{} {name}  {because}\n", mark(theme, rule.outcome));
    let indent = " ".repeat(column + 4);
    text.push_str(&computed_lines(theme, rule, &indent));
    let place = |place: &str| theme.paint(Role::Dim, &place_in(theme, place, column + 4));
    if verbose || rule.outcome == RuleOutcome::Error {
        for test in &rule.tests {
            text.push_str(&test_line(theme, test, &indent));
        }
    } else if let Some(test) = deciding_test(rule) {
        let _ = writeln!(text, "{indent}{}", place(&test.place));
    }
    if verbose && rule.tests.is_empty() {
        let _ = writeln!(text, "{indent}{}", place(&rule.place));
    }
    text
}

/// Where something is written, behind so many columns.
fn place_in(theme: &Theme, place: &str, taken: usize) -> String {
    let room = theme.width.saturating_sub(taken).max(20);
    cut_front(&neutralise(place), room, theme.unicode)
}

/// What the rule computed for this push: its facts, and what its dynamic goals became.
fn computed_lines(theme: &Theme, rule: &ExplainedRule, indent: &str) -> String {
    let room = theme.width.saturating_sub(width(indent)).max(20);
    let facts = rule
        .facts
        .iter()
        .map(|(name, value)| format!("facts.{name} is {value}"));
    let instances = rule
        .instances
        .iter()
        .map(|computed| match computed.instances.len() {
            0 => format!("{} has no instance for this push", computed.goal),
            1 => format!("{} became {}", computed.goal, computed.instances[0]),
            many => format!(
                "{} became {many} goals: {}",
                computed.goal,
                computed.instances.join(", ")
            ),
        });
    let line = |words: String| format!("{indent}{}\n", cut(&neutralise(&words), room, theme.unicode));
    facts.chain(instances).map(line).collect()
}

/// The test that made the rule what it is: the last one that was asked and agrees with the outcome.
fn deciding_test(rule: &ExplainedRule) -> Option<&ExplainedTest> {
    let wanted = match rule.outcome {
        RuleOutcome::Matched => TestOutcome::True,
        RuleOutcome::NotMatched => TestOutcome::False,
        RuleOutcome::Error => TestOutcome::Error,
        RuleOutcome::Possible => TestOutcome::Unknown,
        RuleOutcome::LockedOut | RuleOutcome::NotReached => return None,
    };
    let leaf = |test: &&ExplainedTest| !matches!(test.test.as_str(), "not" | "and" | "or");
    let agreeing = || rule.tests.iter().filter(move |test| test.outcome == wanted);
    agreeing()
        .rfind(leaf)
        .or_else(|| agreeing().next_back())
        .or_else(|| rule.tests.first())
}

fn test_line(theme: &Theme, test: &ExplainedTest, indent: &str) -> String {
    let (mark, role) = match test.outcome {
        TestOutcome::True => (theme.either("✓", "+"), Role::Good),
        TestOutcome::False => (theme.either("✗", "x"), Role::Dim),
        TestOutcome::NotEvaluated => (theme.either("–", "-"), Role::Dim),
        TestOutcome::Unknown => ("?", Role::Active),
        TestOutcome::Error => ("!", Role::Bad),
    };
    let inner = "  ".repeat(test.depth.min(20) as usize);
    let used = width(indent) + width(&inner) + 2;
    let words = cut(
        &neutralise(&test.test),
        theme.width.saturating_sub(used).max(20),
        theme.unicode,
    );
    let because = cut(
        &neutralise(&test.because),
        theme.width.saturating_sub(used + 2).max(20),
        theme.unicode,
    );
    let place = place_in(theme, &test.place, used + 2);
    let mut text = format!("{indent}{inner}{} {words}\n", theme.paint(role, mark));
    if !because.is_empty() {
        let _ = writeln!(text, "{indent}{inner}    {because}");
    }
    let _ = writeln!(text, "{indent}{inner}    {}", theme.paint(Role::Dim, &place));
    text
}

fn plan_lines(theme: &Theme, view: &ExplainView) -> String {
    let Some(name) = view.goal_set.as_deref().filter(|_| !view.goals.is_empty()) else {
        return "No goals are set.\n".to_owned();
    };
    let title = cut(&format!("Plan: {}", neutralise(name)), theme.width, theme.unicode);
    let mut text = format!("{}\n", theme.paint(Role::Strong, &title));
    text.push_str(&tags_line(theme, &view.tags, "  "));
    let depths = depths(&view.goals);
    let last = depths.iter().copied().max().unwrap_or(0);
    let longest = view
        .goals
        .iter()
        .map(|goal| width(&neutralise(&goal.name)))
        .max()
        .unwrap_or(0);
    let column = name_column(theme, longest, 6);
    for step in 0..=last {
        let members = view
            .goals
            .iter()
            .zip(&depths)
            .filter(|(_, depth)| **depth == step)
            .map(|(goal, _)| goal);
        for (index, goal) in members.enumerate() {
            let number = if index == 0 {
                format!("{:>3}", step + 1)
            } else {
                "   ".to_owned()
            };
            text.push_str(&goal_line(theme, goal, &number, column, &view.goals));
        }
    }
    text
}

fn goal_line(
    theme: &Theme,
    goal: &ExplainedGoal,
    number: &str,
    column: usize,
    all: &[ExplainedGoal],
) -> String {
    let name = pad(&cut(&neutralise(&goal.name), column, theme.unicode), column);
    let mut words = vec![neutralise(&goal.kind)];
    if !goal.after.is_empty() {
        let display = |unique: &String| {
            all.iter()
                .find(|other| other.unique_name == *unique)
                .map_or(unique.clone(), |other| other.name.clone())
        };
        let after: Vec<String> = goal
            .after
            .iter()
            .map(|unique| neutralise(&display(unique)))
            .collect();
        words.push(format!("after {}", after.join(", ")));
    }
    if goal.retry {
        words.push("retry".to_owned());
    }
    let separator = format!(" {} ", theme.either("·", "-"));
    let words = cut(
        &words.join(&separator),
        theme.width.saturating_sub(column + 6).max(20),
        theme.unicode,
    );
    let mut text = format!("{} {name}  {words}\n", theme.paint(Role::Dim, number));
    let confirmations = [("start", &goal.pre_approval), ("result", &goal.approval)];
    for (what, policy) in confirmations
        .into_iter()
        .filter_map(|(what, policy)| Some((what, policy.as_ref()?)))
    {
        let line = cut(
            &format!("{what} needs {}", approval(policy)),
            theme.width.saturating_sub(column + 6).max(20),
            theme.unicode,
        );
        let _ = writeln!(
            text,
            "{}{}",
            " ".repeat(column + 6),
            theme.paint(Role::Waiting, &line)
        );
    }
    text
}

/// Who must confirm: `1 of team:release, not an author`.
fn approval(policy: &ApprovalPolicy) -> String {
    let by = if policy.by.is_empty() {
        "anybody".to_owned()
    } else {
        policy.by.join(", ")
    };
    let author = if policy.not_author { ", not an author" } else { "" };
    neutralise(&format!("{} of {by}{author}", policy.count))
}

/// The step of each goal: one after the last of those it comes after.
pub(super) fn depths(goals: &[ExplainedGoal]) -> Vec<usize> {
    let index: HashMap<&str, usize> = goals
        .iter()
        .enumerate()
        .map(|(index, goal)| (goal.unique_name.as_str(), index))
        .collect();
    let mut depths = vec![0; goals.len()];
    // A plan has no cycles; the bound keeps a damaged one from looping for ever.
    for _ in 0..goals.len() {
        let mut changed = false;
        for (at, goal) in goals.iter().enumerate() {
            let after = goal.after.iter().filter_map(|unique| index.get(unique.as_str()));
            let depth = after
                .map(|other| depths[*other] + 1)
                .max()
                .unwrap_or(0)
                .min(goals.len());
            changed |= std::mem::replace(&mut depths[at], depth) != depth;
        }
        if !changed {
            break;
        }
    }
    depths
}
