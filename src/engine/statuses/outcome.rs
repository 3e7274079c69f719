//! How the goals of a commit stand, in a word and a line (semantics 6, "Commit status").

use std::collections::BTreeSet;

use crate::model::goal_set::set_state;
use crate::model::{BranchName, Goal, GoalSetId, StateName};
use crate::ports::forges::ReportState;
use crate::ports::store::{Cause, GoalSetRecord};

/// How they stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: ReportState,
    pub(super) text: String,
    /// The goal set that says so.
    pub(super) goal_set: GoalSetId,
}

/// A goal with its set.
type Placed<'a> = (&'a GoalSetRecord, &'a Goal);

/// How the goals of a commit stand by its goal sets, newest first; nothing where none counts.
pub(super) fn of(records: &[GoalSetRecord]) -> Option<Outcome> {
    let counting = counting(records);
    let newest = counting.first()?;
    let goals: Vec<Placed<'_>> = counting
        .iter()
        .flat_map(|record| record.set.goals().iter().map(|goal| (*record, goal)))
        .collect();
    let is_active = counting.iter().any(|record| record.set.is_active());
    let state = verdict(
        set_state(goals.iter().map(|(_, goal)| goal.state.name())),
        is_active,
    );
    let of_newest = |text: String| (newest.set.id, text);
    let (goal_set, text) = match state {
        ReportState::Pending => of_newest(pending(&counting, &goals)),
        ReportState::Success => of_newest(ended_well(&counting, &goals)),
        ReportState::Failure => first(&goals, StateName::Failure)?,
        ReportState::Stopped => no_verdict("Stopped", first(&goals, StateName::Stopped)?),
        ReportState::Canceled => no_verdict("Canceled", first(&goals, StateName::Canceled)?),
    };
    Some(Outcome {
        state,
        text,
        goal_set,
    })
}

/// A failure is told at once, everything else when all have ended.
fn verdict(state: StateName, is_active: bool) -> ReportState {
    if is_active && state != StateName::Failure {
        return ReportState::Pending;
    }
    match state {
        StateName::Failure => ReportState::Failure,
        StateName::Canceled => ReportState::Canceled,
        StateName::Stopped => ReportState::Stopped,
        StateName::Skipped | StateName::Success => ReportState::Success,
        StateName::InProcess
        | StateName::WaitingForPreApproval
        | StateName::WaitingForApproval
        | StateName::PreApproved
        | StateName::Approved
        | StateName::Requested
        | StateName::Planned => ReportState::Pending,
    }
}

fn no_verdict(word: &str, (goal_set, said): (GoalSetId, String)) -> (GoalSetId, String) {
    (goal_set, format!("{word}, no verdict: {said}"))
}

/// The sets that count: of each branch the last that a push or a person asked for, and those that goals triggered since. What
/// commands do on a commit is not its delivery.
pub(super) fn counting(records: &[GoalSetRecord]) -> Vec<&GoalSetRecord> {
    let mut complete: BTreeSet<&BranchName> = BTreeSet::new();
    let mut counting = Vec::new();
    for record in records {
        let branch = &record.push.branch;
        let counts = match record.cause {
            Cause::Command { .. } => false,
            Cause::Goal { .. } => !complete.contains(branch),
            Cause::Push | Cause::Again { .. } => complete.insert(branch),
        };
        if counts {
            counting.push(record);
        }
    }
    counting
}

/// What the first goal in a state says, and of how many it is the first.
fn first(goals: &[Placed<'_>], state: StateName) -> Option<(GoalSetId, String)> {
    let mut found = goals.iter().filter(|(_, goal)| goal.state.name() == state);
    let (record, goal) = found.next()?;
    let said = &goal.description;
    let text = match found.count() {
        0 => said.clone(),
        more => format!("{said} (and {more} more)"),
    };
    Some((record.set.id, text))
}

/// It changes when people are waited for and not with each goal: a forge takes so many statuses of a commit and no more.
fn pending(counting: &[&GoalSetRecord], goals: &[Placed<'_>]) -> String {
    let state = set_state(goals.iter().map(|(_, goal)| goal.state.name()));
    let waits = matches!(
        state,
        StateName::WaitingForPreApproval | StateName::WaitingForApproval
    );
    match first(goals, state).filter(|_| waits) {
        Some((_, text)) => text,
        None => format!("{}: {}", names(counting), number(goals.len(), "goal")),
    }
}

fn ended_well(counting: &[&GoalSetRecord], goals: &[Placed<'_>]) -> String {
    let skipped = goals
        .iter()
        .filter(|(_, goal)| goal.state.name() == StateName::Skipped)
        .count();
    let (name, well) = (names(counting), goals.len() - skipped);
    match (well, skipped) {
        (well, 0) => format!("{name}: {} ended well", number(well, "goal")),
        (0, skipped) => format!("{name}: {} skipped", number(skipped, "goal")),
        (well, skipped) => format!("{name}: {} ended well, {skipped} skipped", number(well, "goal")),
    }
}

/// The names of the sets, as people know them.
fn names(counting: &[&GoalSetRecord]) -> String {
    let mut names: Vec<&str> = counting.iter().map(|record| record.set.name.as_str()).collect();
    names.dedup();
    names.reverse();
    names.join(", ")
}

fn number(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::model::{
        Action, ExecutionResult, GoalKey, GoalSet, JobId, PlannedGoal, Timestamp, UniqueName,
    };
    use crate::rules::fixtures::{goal as definition, push_to};

    fn at(second: u64) -> Timestamp {
        Timestamp::from_micros(1_900_000_000_000_000).plus(Duration::from_secs(second))
    }

    fn set_id(number: u128) -> GoalSetId {
        GoalSetId(Uuid::from_u128(number))
    }

    fn key(name: &str) -> GoalKey {
        GoalKey::new(UniqueName::parse(name).unwrap(), &definition(name).environment)
    }

    fn goal(name: &str, after: &[&str]) -> PlannedGoal {
        PlannedGoal {
            definition: definition(name),
            preconditions: after.iter().map(|name| key(name)).collect(),
            rules: vec!["build".to_owned()],
            facts: serde_json::Map::new(),
            void: None,
        }
    }

    fn record(number: u128, goals: Vec<PlannedGoal>, cause: Cause) -> GoalSetRecord {
        let (set, _) = GoalSet::plan(set_id(number), "build", goals, at(1));
        GoalSetRecord {
            set,
            push: push_to("main"),
            cause,
            created_at: at(1),
            tags: Vec::new(),
        }
    }

    fn acted(mut record: GoalSetRecord, actions: &[Action]) -> GoalSetRecord {
        for action in actions {
            record.set = record.set.act(action, at(2)).unwrap().0;
        }
        record
    }

    fn ended(name: &str, result: ExecutionResult) -> [Action; 2] {
        let start = Action::Start {
            goal: key(name),
            epoch: 1,
        };
        let finish = Action::Finish {
            goal: key(name),
            epoch: 1,
            result,
        };
        [start, finish]
    }

    fn said(records: &[GoalSetRecord]) -> (ReportState, String) {
        let outcome = of(records).unwrap();
        (outcome.state, outcome.text)
    }

    fn one_of_two(state: StateName) -> GoalSetRecord {
        let result = ExecutionResult {
            state: Some(state),
            ..ExecutionResult::success()
        };
        let two = vec![goal("test", &[]), goal("publish", &["test"])];
        acted(record(1, two, Cause::Push), &ended("test", result))
    }

    #[test]
    fn semantics_6_pending_until_all_have_ended_and_failure_at_once() {
        let two = || vec![goal("test", &[]), goal("lint", &[])];
        let fresh = record(1, two(), Cause::Push);
        assert_eq!(
            said(std::slice::from_ref(&fresh)),
            (ReportState::Pending, "build: 2 goals".to_owned())
        );
        let one = acted(fresh.clone(), &ended("test", ExecutionResult::success()));
        assert_eq!(said(std::slice::from_ref(&one)).0, ReportState::Pending);
        let both = acted(one, &ended("lint", ExecutionResult::success()));
        assert_eq!(
            said(&[both]),
            (ReportState::Success, "build: 2 goals ended well".to_owned())
        );
        let failed = acted(fresh, &ended("lint", ExecutionResult::failure("no")));
        let (state, text) = said(&[failed]);
        assert_eq!(state, ReportState::Failure, "though `test` has not ended");
        assert!(text.contains("lint"), "{text}");
    }

    #[test]
    fn semantics_6_skipped_counts_as_success_stopped_and_canceled_as_no_verdict() {
        let skip = ExecutionResult {
            state: Some(StateName::Skipped),
            ..ExecutionResult::success()
        };
        let two = record(1, vec![goal("test", &[]), goal("lint", &[])], Cause::Push);
        let one = acted(two, &ended("test", skip));
        let both = acted(one, &ended("lint", ExecutionResult::success()));
        assert_eq!(
            said(&[one_of_two(StateName::Skipped)]),
            (ReportState::Success, "build: 2 goals skipped".to_owned())
        );
        assert_eq!(
            said(&[both]),
            (
                ReportState::Success,
                "build: 1 goal ended well, 1 skipped".to_owned()
            )
        );
        let (state, text) = said(&[one_of_two(StateName::Stopped)]);
        assert_eq!(state, ReportState::Stopped);
        assert!(
            text.starts_with("Stopped, no verdict: ") && text.contains("test"),
            "{text}"
        );
        let (state, text) = said(&[one_of_two(StateName::Canceled)]);
        assert_eq!(state, ReportState::Canceled);
        assert!(text.starts_with("Canceled, no verdict: "), "{text}");
    }

    #[test]
    fn of_a_commit_the_last_set_counts_with_what_it_triggered_and_no_command() {
        let failed = |number, cause| {
            let set = record(number, vec![goal("test", &[])], cause);
            acted(set, &ended("test", ExecutionResult::failure("no")))
        };
        let again = || record(2, vec![goal("test", &[])], Cause::Again { number: 1 });
        assert_eq!(said(&[again(), failed(1, Cause::Push)]).0, ReportState::Pending);
        let triggered = Cause::Goal {
            number: 2,
            goal_set: set_id(2),
            goal: key("test"),
            version: 4,
            chain: 1,
            depth: 0,
        };
        let sets = [failed(3, triggered), again()];
        let outcome = of(&sets).unwrap();
        assert_eq!(
            (outcome.state, outcome.goal_set),
            (ReportState::Failure, set_id(3))
        );
        let command = Cause::Command {
            job: JobId(Uuid::nil()),
            command: "bump".to_owned(),
            by: "ada".to_owned(),
            dry_run: false,
            depth: 0,
            as_person: false,
        };
        assert_eq!(of(&[failed(4, command)]), None);
        assert_eq!(of(&[]), None);
    }
}
