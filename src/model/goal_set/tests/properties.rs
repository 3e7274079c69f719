//! What holds after any sequence of actions on any plan.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Action, CancelScope, GoalSet, set_state};
use super::fixture::{
    approval, at, cancel, confirm, deny, finish, goal, key, person, pre_approval, queue, retry, retry_of,
    set_to, start,
};
use crate::model::queue::ReleaseOn;
use crate::model::{
    Actor, ExecutionResult, Goal, GoalChange, GoalEvent, GoalSetId, GoalState, PlannedGoal, StateName,
    Timestamp,
};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn plans() -> impl Strategy<Value = Vec<PlannedGoal>> {
    let queues = select(vec![None, None, None, Some("ended"), Some("waiting")]);
    let one = (any::<u8>(), 0..3u32, 0..3u32, 0..4u32, any::<bool>(), queues);
    prop::collection::vec(one, 1..=NAMES.len()).prop_map(|goals| {
        let planned = goals.into_iter().enumerate();
        planned
            .map(
                |(index, (after, votes, pre_votes, retries, uncancelable, release_on))| {
                    let earlier = NAMES[..index].iter().enumerate();
                    let after: Vec<&str> = earlier
                        .filter(|(bit, _)| after & (1 << bit) != 0)
                        .map(|(_, name)| *name)
                        .collect();
                    let mut goal = goal(NAMES[index], &after);
                    goal.definition.uncancelable = uncancelable;
                    if let Some(release_on) = release_on {
                        goal = queue(goal, release_on);
                    }
                    if votes > 0 {
                        goal = approval(goal, votes);
                    }
                    if pre_votes > 0 {
                        goal = pre_approval(goal, pre_votes);
                    }
                    if retries > 0 {
                        goal = retry(goal, retries - 1);
                    }
                    goal
                },
            )
            .collect()
    })
}

fn results() -> impl Strategy<Value = ExecutionResult> {
    let state = prop::option::of(select(StateName::ALL.to_vec()));
    (0..3i32, state).prop_map(|(code, state)| ExecutionResult {
        code: (code - 1).max(0),
        state,
        ..ExecutionResult::default()
    })
}

fn actions() -> impl Strategy<Value = Action> {
    let name = || select(NAMES.to_vec());
    let login = || select(vec!["ada", "bob", "eve"]);
    let states = || prop::collection::vec(select(StateName::ALL.to_vec()), 1..6);
    prop_oneof![
        6 => (name(), 1..4u64).prop_map(|(name, epoch)| start(name, epoch)),
        6 => (name(), 1..4u64, results()).prop_map(|(name, epoch, result)| finish(name, epoch, result)),
        2 => (name(), 1..4u64).prop_map(|(name, epoch)| Action::Progress { goal: key(name), epoch, phase: "half".to_owned() }),
        1 => (name(), 1..4u64).prop_map(|(name, epoch)| Action::Lose { goal: key(name), epoch }),
        1 => name().prop_map(|name| Action::GiveUp { goal: key(name), phase: "timeout".to_owned(), error: "late".to_owned() }),
        4 => (name(), login()).prop_map(|(name, login)| confirm(name, login)),
        1 => (name(), login()).prop_map(|(name, login)| deny(name, login)),
        3 => name().prop_map(retry_of),
        1 => name().prop_map(|name| Action::VoidConfirmation { goal: key(name), because: "it changed".to_owned() }),
        1 => Just(cancel(CancelScope::All)),
        1 => name().prop_map(|name| cancel(CancelScope::Goal(key(name)))),
        1 => states().prop_map(|states| cancel(CancelScope::Superseded { goals: Vec::new(), states })),
        1 => (name(), select(StateName::ALL.to_vec())).prop_map(|(name, state)| set_to(name, state)),
    ]
}

/// A set with its whole log.
struct History {
    planned: Vec<PlannedGoal>,
    set: GoalSet,
    log: Vec<GoalEvent>,
}

impl History {
    fn begin(planned: Vec<PlannedGoal>) -> Self {
        let (set, log) = GoalSet::plan(GoalSetId(uuid::Uuid::nil()), "build", planned.clone(), at(0));
        Self { planned, set, log }
    }

    fn act(&mut self, action: &Action, moment: Timestamp) {
        let Ok((after, events)) = self.set.act(action, moment) else {
            return;
        };
        if is_late(&self.set, action) {
            assert_nothing_moved(&self.set, &after);
        }
        assert_requests_are_due(&after, &events);
        assert_slots_are_asked_for(&self.set, &after);
        self.log.extend(events);
        self.set = after;
    }

    fn assert_sound(&self) {
        let folded = GoalSet::fold(self.set.id, &self.set.name, self.planned.clone(), &self.log);
        assert_eq!(folded.as_ref(), Ok(&self.set));
        assert_eq!(self.set.events, self.log.len() as u64);
        for goal in self.set.goals() {
            self.assert_log_is_gapless(goal);
            assert_not_forgotten(&self.set, goal);
            assert_queues_are_passed(&self.set, goal);
            assert_confirmed(goal);
        }
        let states = self.set.goals().iter().map(|goal| goal.state.name());
        assert_eq!(self.set.state(), set_state(states));
    }

    fn assert_log_is_gapless(&self, goal: &Goal) {
        let own: Vec<&GoalEvent> = self.log.iter().filter(|event| event.goal == goal.key()).collect();
        let versions: Vec<u32> = own.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=goal.version).collect::<Vec<_>>());
        assert!(
            own.windows(2).all(|pair| pair[0].at < pair[1].at),
            "time stands still for {}",
            goal.key()
        );
        let attempts = own
            .iter()
            .filter(|event| matches!(event.change, GoalChange::Started { .. }))
            .count();
        assert_eq!(goal.attempt as usize, attempts);
        assert_eq!(goal.ended_at.is_some(), goal.state.is_terminal());
        if goal.state.name() == StateName::WaitingForApproval && goal.by_hand.is_none() {
            assert!(goal.done_at.is_some_and(|done| goal.started_at < Some(done)));
        }
    }
}

fn is_late(set: &GoalSet, action: &Action) -> bool {
    let Action::Finish { goal, epoch, .. } = action else {
        return false;
    };
    let holds =
        |goal: &Goal| matches!(goal.state, GoalState::InProcess { epoch: held, .. } if held == *epoch);
    !set.goal(goal).is_some_and(holds)
}

fn assert_nothing_moved(before: &GoalSet, after: &GoalSet) {
    for (now, then) in after.goals().iter().zip(before.goals()) {
        let recorded = Goal {
            version: now.version,
            changed_at: now.changed_at,
            ..then.clone()
        };
        assert_eq!(*now, recorded);
    }
}

/// Row 2: what the coordinator requests has every precondition fulfilled.
fn assert_requests_are_due(after: &GoalSet, events: &[GoalEvent]) {
    let due = |event: &&GoalEvent| {
        event.actor == Actor::Coordinator
            && matches!(event.change, GoalChange::Requested | GoalChange::StartRequired)
    };
    for event in events.iter().filter(due) {
        let goal = after.goal(&event.goal).unwrap();
        let mut preconditions = goal
            .planned
            .preconditions
            .iter()
            .filter_map(|key| after.goal(key));
        assert!(preconditions.all(|other| other.state == GoalState::Success));
    }
}

/// Hazards 1 and 3: whoever waits, waits for something that can still happen.
fn assert_not_forgotten(set: &GoalSet, goal: &Goal) {
    if goal.state == GoalState::Planned {
        let preconditions = goal.planned.preconditions.iter().filter_map(|key| set.goal(key));
        let mut states: Vec<StateName> = preconditions.map(|other| other.state.name()).collect();
        if states.iter().all(|state| *state == StateName::Success) {
            states = set
                .queues_before(goal)
                .iter()
                .map(|queue| queue.state.name())
                .collect();
        }
        let waits = states.iter().any(|state| !state.is_terminal());
        let in_vain = states
            .iter()
            .any(|state| state.is_terminal() && *state != StateName::Success);
        assert!(
            waits && !in_vain,
            "{} is planned and its preconditions are {states:?}",
            goal.key()
        );
    }
}

/// D7: nothing begins that comes after a queue which has not let the set go on.
fn assert_queues_are_passed(set: &GoalSet, goal: &Goal) {
    if goal.state.name() == StateName::Requested {
        let queues = set.queues_before(goal);
        assert!(queues.is_empty(), "{} begins before {queues:?}", goal.key());
    }
}

/// D7: a set that has ended gave its slots back, and asks for them again before it goes on.
fn assert_slots_are_asked_for(before: &GoalSet, after: &GoalSet) {
    if before.is_active() || !after.is_active() {
        return;
    }
    for (queue, then) in after.goals().iter().zip(before.goals()) {
        let had_slot = ReleaseOn::of(&queue.definition().work) == Some(ReleaseOn::Ended)
            && then.state == GoalState::Success;
        assert!(
            !had_slot || queue.state != GoalState::Success,
            "the slot of {} may be another's",
            queue.key()
        );
    }
}

/// D6: whatever happens, nothing runs and nothing ends well without the confirmations that it asks for.
fn assert_confirmed(goal: &Goal) {
    let definition = goal.definition();
    let goes_on = matches!(
        goal.state.name(),
        StateName::Requested | StateName::InProcess | StateName::Success
    );
    if definition.pre_approval.is_some() && goes_on {
        assert!(goal.start_confirmed, "{goal:?}");
    }
    if let (Some(policy), StateName::Success) = (&definition.approval, goal.state.name()) {
        assert_eq!(policy.missing(&goal.confirmations), 0, "{goal:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_sound(
        planned in plans(),
        script in prop::collection::vec((actions(), -20..20i64), 1..60),
    ) {
        let mut history = History::begin(planned);
        history.assert_sound();
        for (action, second) in script {
            history.act(&action, at(second));
            history.assert_sound();
        }
    }

    #[test]
    fn everything_can_be_ended(
        planned in plans(),
        script in prop::collection::vec((actions(), -20..20i64), 1..40),
    ) {
        let mut history = History::begin(planned);
        for (action, second) in script {
            history.act(&action, at(second));
        }
        history.act(&cancel(CancelScope::All), at(30));
        history.assert_sound();
        prop_assert!(!history.set.is_active());
    }

    #[test]
    fn events_survive_storing(
        planned in plans(),
        script in prop::collection::vec((actions(), -20..20i64), 1..40),
    ) {
        let mut history = History::begin(planned);
        for (action, second) in script {
            history.act(&action, at(second));
        }
        for event in &history.log {
            let text = serde_json::to_string(event).unwrap();
            prop_assert_eq!(&serde_json::from_str::<GoalEvent>(&text).unwrap(), event);
        }
        let text = serde_json::to_string(&history.planned).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<PlannedGoal>>(&text).unwrap(), history.planned);
    }
}

/// Kept beside the properties: the person of an action is part of what is stored.
#[test]
fn events_name_their_person() {
    let mut history = History::begin(vec![pre_approval(goal("a", &[]), 1)]);
    history.act(&confirm("a", "ada"), at(1));
    let expected = Actor::Person {
        person: person("ada"),
    };
    assert_eq!(history.log[1].actor, expected);
}
