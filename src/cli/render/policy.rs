//! What a policy allows, and what a change of it does, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::text::{neutralise, pad};
use super::super::theme::{Role, Theme};
use crate::access::Principal;
use crate::access::effective::Line;
use crate::access::policy::{Difference, Outcome, Policy};
use crate::model::{Diagnostic, Severity};

/// Columns of the name of an operation.
const OPERATION: usize = 22;

/// `sdm policy compare --json`.
#[derive(Debug, Serialize)]
pub struct ComparisonView {
    differences: Vec<DifferenceView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    who: String,
    on: String,
    change: &'static str,
    operations: Vec<&'static str>,
    rule: String,
}

impl ComparisonView {
    /// The view of differences.
    pub fn of(differences: &[Difference]) -> Self {
        let view = |one: &Difference| DifferenceView {
            who: one.principal.to_string(),
            on: one.resource.to_string(),
            change: verb(one),
            operations: one.operations.clone(),
            rule: one.rule.clone(),
        };
        Self {
            differences: differences.iter().map(view).collect(),
        }
    }
}

/// `sdm policy explain --json`.
#[derive(Debug, Serialize)]
pub struct EffectiveView {
    who: String,
    operations: Vec<LineView>,
}

#[derive(Debug, Serialize)]
struct LineView {
    operation: &'static str,
    on: String,
    allowed: bool,
    reason: &'static str,
    rule: String,
}

impl EffectiveView {
    /// The view of somebody's rights.
    pub fn of(principal: &Principal, lines: &[Line]) -> Self {
        let view = |line: &Line| LineView {
            operation: line.operation,
            on: line.resource.to_string(),
            allowed: line.decision.is_allowed(),
            reason: line.decision.reason.code(),
            rule: line.decision.rule.to_string(),
        };
        Self {
            who: principal.to_string(),
            operations: lines.iter().map(view).collect(),
        }
    }
}

fn verb(difference: &Difference) -> &'static str {
    if difference.gains { "gains" } else { "loses" }
}

/// The last line of a check: `2 add-ons, 1 person, 3 tests: no problems`.
pub fn summary(theme: &Theme, policy: Option<&Policy>, outcomes: &[Outcome], found: &[Diagnostic]) -> String {
    let plural =
        |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let what = policy.map_or_else(
        || "the policy cannot be used".to_owned(),
        |policy| {
            let addons = plural(policy.addons.len(), "add-on", "add-ons");
            let people = plural(policy.people.len(), "person", "people");
            format!("{addons}, {people}, {}", plural(outcomes.len(), "test", "tests"))
        },
    );
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    let outcome = match (errors, found.len() - errors) {
        (0, 0) => theme.paint(Role::Good, "no problems"),
        (0, warnings) => theme.paint(Role::Waiting, &plural(warnings, "warning", "warnings")),
        (errors, _) => theme.paint(Role::Bad, &plural(errors, "error", "errors")),
    };
    format!("{what}: {outcome}")
}

/// Who gains and who loses what.
pub fn differences(theme: &Theme, differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "nobody gains or loses anything\n".to_owned();
    }
    let mut text = String::new();
    let mut before: Option<&Principal> = None;
    for one in differences {
        if before != Some(&one.principal) {
            let _ = writeln!(
                text,
                "{}",
                theme.paint(Role::Strong, &neutralise(&one.principal.to_string()))
            );
        }
        before = Some(&one.principal);
        let role = if one.gains { Role::Waiting } else { Role::Dim };
        let place = neutralise(&one.resource.to_string());
        let _ = writeln!(
            text,
            "  {} on {place} ({})",
            theme.paint(role, verb(one)),
            neutralise(&one.rule)
        );
        let _ = writeln!(text, "    {}", one.operations.join(" "));
    }
    text
}

/// Every operation by resource, what is allowed first.
pub fn effective(theme: &Theme, lines: &[Line]) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let same = rest
            .iter()
            .take_while(|line| line.resource == first.resource)
            .count();
        let (here, others) = rest.split_at(same);
        let place = neutralise(&first.resource.to_string());
        let _ = writeln!(text, "{}", theme.paint(Role::Strong, &place));
        let (allowed, denied): (Vec<&Line>, Vec<&Line>) =
            here.iter().partition(|line| line.decision.is_allowed());
        allowed
            .iter()
            .chain(&denied)
            .for_each(|line| text.push_str(&operation(theme, line)));
        rest = others;
    }
    text
}

fn operation(theme: &Theme, line: &Line) -> String {
    let (name, rule) = (
        pad(line.operation, OPERATION),
        neutralise(&line.decision.rule.to_string()),
    );
    if line.decision.is_allowed() {
        format!(
            "  {} {name} {rule}\n",
            theme.paint(Role::Good, theme.either("✓", "+"))
        )
    } else {
        let mark = theme.paint(Role::Dim, theme.either("·", "-"));
        format!("  {mark} {name} {} ({rule})\n", line.decision.reason.code())
    }
}
