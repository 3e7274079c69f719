//! Finds phases in output (semantics 3.16, EX-09, EX-16), and failures that only output tells of (semantics 3.11, EX-11).

use regex::{Captures, Regex, RegexBuilder};

use crate::model::definition::ProgressRule;

/// What a line of output says to name a phase.
const MARK: &str = "atm:phase=";

/// Longest phase in characters.
const LONGEST_PHASE: usize = 200;

/// Most changes that are reported; a goal that makes more of them only shows its last one at the end.
const MOST_CHANGES: usize = 10_000;

/// Largest compiled pattern in bytes.
const LARGEST_PATTERN: usize = 1024 * 1024;

/// The rules of a goal and the phase it is in.
#[derive(Default)]
pub(super) struct Phases {
    rules: Vec<Rule>,
    last: Option<String>,
    /// The last one that output named.
    said: Option<String>,
    /// The first line that is a failure.
    failure: Option<String>,
    changes: usize,
}

struct Rule {
    pattern: Regex,
    phase: String,
    fails: bool,
}

impl Phases {
    /// Compiles the rules; the complaints are about those that cannot be used.
    pub(super) fn new(rules: &[ProgressRule]) -> (Self, Vec<String>) {
        let mut complaints = Vec::new();
        let mut phases = Self::default();
        for rule in rules {
            match RegexBuilder::new(&rule.pattern)
                .size_limit(LARGEST_PATTERN)
                .build()
            {
                Ok(pattern) => phases.rules.push(Rule {
                    pattern,
                    phase: rule.phase.clone(),
                    fails: rule.fails,
                }),
                Err(error) => complaints.push(format!(
                    "progress pattern `{}` is not used: {error}",
                    rule.pattern
                )),
            }
        }
        (phases, complaints)
    }

    /// The new phase, when this line changes it.
    pub(super) fn see(&mut self, line: &str) -> Option<&str> {
        let (phase, fails) = self.phase_in(line)?;
        if fails && self.failure.is_none() {
            self.failure = cleaned(line);
        }
        let phase = cleaned(&phase)?;
        self.said = Some(phase.clone());
        self.change(phase)
    }

    /// A step of this name begins.
    pub(super) fn enter(&mut self, step: &str) -> Option<&str> {
        let phase = cleaned(step)?;
        self.change(phase)
    }

    fn change(&mut self, phase: String) -> Option<&str> {
        if self.last.as_ref() == Some(&phase) {
            return None;
        }
        self.last = Some(phase);
        self.changes += 1;
        self.last.as_deref().filter(|_| self.changes <= MOST_CHANGES)
    }

    /// What output said of a failure.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The last phase that output named: what a goal that has ended is left with. The name of a step is not one.
    pub(super) fn into_said(self) -> Option<String> {
        self.said
    }

    /// The phase that a line means, and whether the line is a failure.
    fn phase_in(&self, line: &str) -> Option<(String, bool)> {
        let said = line.find(MARK).map(|start| line[start + MARK.len()..].to_owned());
        said.map(|phase| (phase, false)).or_else(|| {
            let mut rules = self.rules.iter();
            let (rule, captures) = rules.find_map(|rule| Some((rule, rule.pattern.captures(line)?)))?;
            Some((filled_in(&rule.phase, &captures), rule.fails))
        })
    }
}

/// A phase as it may be shown; `None` when nothing is left of it.
fn cleaned(phase: &str) -> Option<String> {
    let phase: String = phase
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_PHASE)
        .collect();
    Some(phase).filter(|phase| !phase.is_empty())
}

/// Replaces `$1`… by what the groups matched; a group that is not there is empty.
fn filled_in(template: &str, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('$') {
        text.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        match after[..digits].parse::<usize>() {
            Ok(group) => text.push_str(captures.get(group).map_or("", |found| found.as_str())),
            Err(_) => text.push('$'),
        }
        rest = &after[digits..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(rules: &[(&str, &str)]) -> Phases {
        let rule = |(pattern, phase): &(&str, &str)| ProgressRule {
            pattern: (*pattern).to_owned(),
            phase: (*phase).to_owned(),
            fails: false,
        };
        Phases::new(&rules.iter().map(rule).collect::<Vec<_>>()).0
    }

    #[test]
    fn ex_09_groups_are_filled_in_and_the_first_rule_wins() {
        let mut phases = phases(&[
            (r"Compiling (\S+) v(\S+)", "compile $1@$2 for $$ $9."),
            ("Comp", "second"),
        ]);
        assert_eq!(
            phases.see("  Compiling serde v1.0"),
            Some("compile serde@1.0 for $$ .")
        );
        assert_eq!(phases.see("  Compiling serde v1.0"), None);
        assert_eq!(phases.see("Comp"), Some("second"));
        assert_eq!(phases.see("nothing"), None);
    }

    #[test]
    fn ex_16_a_line_names_the_phase() {
        let mut phases = phases(&[]);
        assert_eq!(phases.see("atm:phase=foo"), Some("foo"));
        assert_eq!(phases.see("atm:phase=\u{1b}[2J  "), Some("[2J"));
        assert_eq!(phases.see("atm:phase="), None);
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_told() {
        let rule = ProgressRule {
            pattern: "(".into(),
            phase: "x".into(),
            fails: false,
        };
        assert_eq!(Phases::new(&[rule]).1.len(), 1);
    }
}
