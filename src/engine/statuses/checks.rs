//! What checks say of the goals of a commit: one for all of them, under the name of the machine, and one for each
//! (semantics 6, 7.1). Texts of goals are written by anybody, so they stand where nothing in them means anything.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::outcome::{self, Outcome};
use crate::model::deceptive::is_deceptive;
use crate::model::goal_event::ExternalUrl;
use crate::model::summary::one_line;
use crate::model::{DEFAULT_ENVIRONMENT, Goal, GoalKey, GoalSetId, StateName};
use crate::ports::checks::CheckState;
use crate::ports::forges::ReportState;
use crate::ports::store::GoalSetRecord;

/// Checks of a commit at most; of goals beyond only that for all of them tells.
const MOST_CHECKS: usize = 100;
/// Longest name of a check, in characters.
const LONGEST_NAME: usize = 200;
/// Longest text of a goal within a summary, in characters.
const LONGEST_TEXT: usize = 8_000;
/// Links of a goal that are told.
const MOST_LINKS: usize = 20;

/// A check, as far as the goals say what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) context: String,
    pub(super) state: CheckState,
    pub(super) title: String,
    pub(super) summary: String,
    /// The goal set that says so.
    pub(super) goal_set: GoalSetId,
}

/// The checks of a commit by its goal sets, newest first; none where none counts.
pub(super) fn of(records: &[GoalSetRecord], machine: &str) -> Vec<Draft> {
    let Some(outcome) = outcome::of(records) else {
        return Vec::new();
    };
    let goals = goals(records);
    let mut drafts = vec![of_all(machine, outcome, &goals)];
    let of_each = goals.iter().take(MOST_CHECKS - 1);
    drafts.extend(of_each.map(|(record, goal)| of_goal(machine, record, goal)));
    drafts
}

/// Every goal once, of the newest set that has it, in planned order.
fn goals(records: &[GoalSetRecord]) -> Vec<(&GoalSetRecord, &Goal)> {
    let mut known: BTreeSet<GoalKey> = BTreeSet::new();
    let mut goals = Vec::new();
    for record in outcome::counting(records) {
        let new = record.set.goals().iter().filter(|goal| known.insert(goal.key()));
        goals.extend(new.map(|goal| (record, goal)));
    }
    goals
}

fn of_all(machine: &str, outcome: Outcome, goals: &[(&GoalSetRecord, &Goal)]) -> Draft {
    let mut summary = String::new();
    for (_, goal) in goals {
        let (name, state) = (code(&goal.definition().name), goal.state.name());
        let said = code(&one_line(&goal.description, LONGEST_NAME));
        let _ = writeln!(summary, "- {name}: {state} {said}");
    }
    Draft {
        context: format!("sdm/{machine}"),
        state: of_report(outcome.state),
        title: outcome.text,
        summary,
        goal_set: outcome.goal_set,
    }
}

fn of_goal(machine: &str, record: &GoalSetRecord, goal: &Goal) -> Draft {
    let key = goal.key();
    let mut name = key.unique_name.to_string();
    if key.environment != DEFAULT_ENVIRONMENT {
        let _ = write!(name, " in {}", key.environment);
    }
    Draft {
        context: format!("sdm/{machine}/{}", one_line(&plain(&name), LONGEST_NAME)),
        state: of_state(goal.state.name()),
        title: goal.description.clone(),
        summary: summary(record, goal),
        goal_set: record.set.id,
    }
}

/// As the specification maps them: what waits for people is no verdict yet, and stays open.
const fn of_state(state: StateName) -> CheckState {
    match state {
        StateName::Planned | StateName::Requested => CheckState::Queued,
        StateName::InProcess
        | StateName::WaitingForPreApproval
        | StateName::PreApproved
        | StateName::WaitingForApproval
        | StateName::Approved => CheckState::InProgress,
        StateName::Success => CheckState::Success,
        StateName::Failure => CheckState::Failure,
        StateName::Stopped => CheckState::Neutral,
        StateName::Skipped => CheckState::Skipped,
        StateName::Canceled => CheckState::Canceled,
    }
}

const fn of_report(state: ReportState) -> CheckState {
    match state {
        ReportState::Pending => CheckState::InProgress,
        ReportState::Success => CheckState::Success,
        ReportState::Failure => CheckState::Failure,
        ReportState::Stopped => CheckState::Neutral,
        ReportState::Canceled => CheckState::Canceled,
    }
}

fn summary(record: &GoalSetRecord, goal: &Goal) -> String {
    let mut text = format!(
        "Goal {} of {} on {}",
        code(&goal.definition().name),
        code(&record.set.name),
        code(record.push.branch.as_str())
    );
    if goal.attempt > 1 {
        let _ = write!(text, ", attempt {}", goal.attempt);
    }
    text.push('\n');
    if let Some(phase) = &goal.phase {
        let _ = write!(text, "\nPhase: {}\n", code(&one_line(phase, LONGEST_NAME)));
    }
    if let Some(error) = goal.error.as_deref().filter(|error| !error.trim().is_empty()) {
        let _ = write!(text, "\n{}\n", fenced(error));
    }
    for url in goal
        .external_urls
        .iter()
        .filter(|url| is_page(url))
        .take(MOST_LINKS)
    {
        let _ = write!(text, "\n- {}", link(url));
    }
    text
}

/// A text in which nothing means anything in Markdown.
fn code(text: &str) -> String {
    let text = plain(text).replace('`', "'");
    match text.trim() {
        "" => "(nothing)".to_owned(),
        text => format!("`{text}`"),
    }
}

/// The same of several lines.
fn fenced(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|c| *c == '\n' || is_shown(*c))
        .take(LONGEST_TEXT)
        .collect();
    let ticks = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(ticks.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", shown.trim_end())
}

fn link(url: &ExternalUrl) -> String {
    let label = url.label.as_deref().unwrap_or(&url.url);
    format!("{}: <{}>", code(&one_line(label, LONGEST_NAME)), url.url)
}

/// An address of the web in which nothing ends what it stands in.
fn is_page(url: &ExternalUrl) -> bool {
    let is_web = url.url.starts_with("https://") || url.url.starts_with("http://");
    is_web
        && url
            .url
            .chars()
            .all(|c| is_shown(c) && !c.is_whitespace() && !"<>`".contains(c))
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| is_shown(*c)).collect()
}

fn is_shown(c: char) -> bool {
    !c.is_control() && !is_deceptive(c)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{Action, ExecutionResult, GoalSet, PlannedGoal, Timestamp, UniqueName};
    use crate::ports::store::Cause;
    use crate::rules::fixtures::{goal as definition, push_to};

    fn key(name: &str) -> GoalKey {
        GoalKey::new(UniqueName::parse(name).unwrap(), &definition(name).environment)
    }

    fn record(number: u128, goals: &[(&str, &[&str])], ended: &[(&str, ExecutionResult)]) -> GoalSetRecord {
        let planned = goals.iter().map(|(name, after)| PlannedGoal {
            definition: definition(name),
            preconditions: after.iter().map(|name| key(name)).collect(),
            rules: vec!["build".to_owned()],
            facts: serde_json::Map::new(),
            void: None,
        });
        let at = Timestamp::from_micros(1_900_000_000_000_000);
        let id = GoalSetId(Uuid::from_u128(number));
        let (mut set, _) = GoalSet::plan(id, "build", planned.collect(), at);
        for (name, result) in ended {
            let start = Action::Start {
                goal: key(name),
                epoch: 1,
            };
            set = set.act(&start, at).unwrap().0;
            let finish = Action::Finish {
                goal: key(name),
                epoch: 1,
                result: result.clone(),
            };
            set = set.act(&finish, at).unwrap().0;
        }
        GoalSetRecord {
            set,
            push: push_to("main"),
            cause: Cause::Push,
            created_at: at,
            tags: Vec::new(),
        }
    }

    fn with(state: StateName) -> ExecutionResult {
        ExecutionResult {
            state: Some(state),
            ..ExecutionResult::success()
        }
    }

    #[test]
    fn semantics_7_1_each_goal_is_a_check_and_all_of_them_are_one() {
        let goals: [(&str, &[&str]); 5] = [
            ("test", &[]),
            ("lint", &[]),
            ("fix", &[]),
            ("doc", &[]),
            ("ship", &["test"]),
        ];
        let ended = [
            ("lint", with(StateName::Stopped)),
            ("fix", with(StateName::Skipped)),
            ("doc", with(StateName::Canceled)),
        ];
        let drafts = of(&[record(1, &goals, &ended)], "build");
        let shown: Vec<(&str, CheckState)> = drafts
            .iter()
            .map(|draft| (draft.context.as_str(), draft.state))
            .collect();
        assert_eq!(
            shown,
            [
                ("sdm/build", CheckState::InProgress),
                ("sdm/build/test", CheckState::Queued),
                ("sdm/build/lint", CheckState::Neutral),
                ("sdm/build/fix", CheckState::Skipped),
                ("sdm/build/doc", CheckState::Canceled),
                ("sdm/build/ship", CheckState::Queued),
            ]
        );
        assert!(
            drafts[0].summary.contains("- `lint`: stopped "),
            "{}",
            drafts[0].summary
        );
        assert_eq!(of(&[], "build"), []);
    }

    #[test]
    fn semantics_7_1_a_goal_of_several_sets_is_one_check_by_the_newest() {
        let failed = [("test", ExecutionResult::failure("no"))];
        let mut newest = record(2, &[("test", &[])], &[]);
        newest.push = push_to("next");
        let drafts = of(&[newest, record(1, &[("test", &[])], &failed)], "build");
        assert_eq!(drafts.len(), 2);
        assert_eq!(drafts[0].state, CheckState::Failure, "of another branch");
        assert_eq!(drafts[1].state, CheckState::Queued);
        let waits = of_state(StateName::WaitingForApproval);
        assert!(!waits.is_completed(), "nobody has decided");
    }

    #[test]
    fn a4_what_goals_say_means_nothing_in_markdown() {
        let mut said = ExecutionResult::failure("```\n<img src=x>\u{202e}\n````");
        said.external_urls = vec![
            ExternalUrl {
                label: Some("a`b](x)".to_owned()),
                url: "https://example.com/1".to_owned(),
            },
            ExternalUrl {
                label: None,
                url: "javascript:alert(1)".to_owned(),
            },
        ];
        let drafts = of(&[record(1, &[("test", &[])], &[("test", said)])], "build");
        let summary = &drafts[1].summary;
        assert!(
            summary.contains("\n`````text\n```\n<img src=x>\n````\n`````\n"),
            "{summary}"
        );
        assert!(
            summary.contains("- `a'b](x)`: <https://example.com/1>"),
            "{summary}"
        );
        assert!(!summary.contains("javascript"), "{summary}");
        assert_eq!(code("a`b"), "`a'b`");
        assert_eq!(code("\u{202e}"), "(nothing)");
    }
}
