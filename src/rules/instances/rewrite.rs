//! Instances put into the plan in the place of their goal (semantics 2.10).
//!
//! What held between goals must hold between all of their instances: a goal that came after the original comes after
//! every instance, and every instance comes after what the original came after. A goal without instances disappears, and
//! what came after it comes after what it came after, so that no order is lost with it (hazard 15).

use std::collections::{HashMap, HashSet};

use super::{Expansion, Group, Instance};
use crate::model::{ApprovalPolicy, GoalDefinition, GoalKey, PlannedGoal, UniqueName};

/// Most goals of a plan (threat D10).
const MAX_GOALS: usize = 5_000;

/// Most preconditions of all goals of a plan together.
const MAX_PRECONDITIONS: usize = 200_000;

/// Replaces goals by their instances. The goals do not wait for each other in a circle, and neither do the result's.
///
/// # Errors
/// The plan becomes too large; as a sentence.
pub(in crate::rules) fn expand(
    goals: &[PlannedGoal],
    expansions: &HashMap<GoalKey, Expansion>,
) -> Result<Vec<PlannedGoal>, String> {
    let added: usize = expansions.values().map(Expansion::count).sum();
    if goals.len() + added > MAX_GOALS {
        return Err(format!("the plan has more than {MAX_GOALS} goals"));
    }
    let mut expanded = Expanded::new(goals, expansions);
    let mut plan: Vec<PlannedGoal> = Vec::with_capacity(goals.len() + added);
    let mut preconditions = 0;
    for goal in goals {
        let first = plan.len();
        let before = expanded.instead_of_all(&goal.preconditions);
        match expansions.get(&goal.key()) {
            None => plan.push(PlannedGoal {
                preconditions: before,
                ..goal.clone()
            }),
            Some(expansion) => plan.extend(instances(goal, &before, expansion)),
        }
        preconditions += plan[first..]
            .iter()
            .map(|goal| goal.preconditions.len())
            .sum::<usize>();
        if preconditions > MAX_PRECONDITIONS {
            return Err(format!(
                "the goals of the plan have more than {MAX_PRECONDITIONS} preconditions; \
                 let fewer instances come after many others"
            ));
        }
    }
    Ok(plan)
}

/// What stands in the place of each goal.
struct Expanded<'a> {
    goals: HashMap<GoalKey, &'a PlannedGoal>,
    expansions: &'a HashMap<GoalKey, Expansion>,
    known: HashMap<GoalKey, Vec<GoalKey>>,
}

impl<'a> Expanded<'a> {
    fn new(goals: &'a [PlannedGoal], expansions: &'a HashMap<GoalKey, Expansion>) -> Self {
        Self {
            goals: goals.iter().map(|goal| (goal.key(), goal)).collect(),
            expansions,
            known: HashMap::new(),
        }
    }

    fn instead_of_all(&mut self, keys: &[GoalKey]) -> Vec<GoalKey> {
        let all = keys.iter().flat_map(|key| self.instead_of(key));
        let mut seen = HashSet::new();
        all.collect::<Vec<_>>()
            .into_iter()
            .filter(|key| seen.insert(key.clone()))
            .collect()
    }

    fn instead_of(&mut self, key: &GoalKey) -> Vec<GoalKey> {
        let Some(expansion) = self.expansions.get(key) else {
            return vec![key.clone()];
        };
        if let Some(known) = self.known.get(key) {
            return known.clone();
        }
        let count = expansion.count();
        let instead = match (count, self.goals.get(key).copied()) {
            (0, Some(goal)) => self.instead_of_all(&goal.preconditions),
            (_, _) => (0..count).map(|index| instance_key(key, index)).collect(),
        };
        self.known.insert(key.clone(), instead.clone());
        instead
    }
}

fn instance_key(key: &GoalKey, index: usize) -> GoalKey {
    GoalKey::new(instance_name(&key.unique_name, index), &key.environment)
}

fn instance_name(original: &UniqueName, index: usize) -> UniqueName {
    UniqueName::parse(&format!("{}#sdm:{index}", original.as_str()))
        .expect("a legal name stays one with a suffix that begins with #")
}

/// The instances of one goal, numbered over all groups.
fn instances(goal: &PlannedGoal, before: &[GoalKey], expansion: &Expansion) -> Vec<PlannedGoal> {
    let mut made: Vec<PlannedGoal> = Vec::with_capacity(expansion.count());
    let mut of_groups: Vec<Vec<GoalKey>> = Vec::new();
    for group in &expansion.groups {
        let after: Vec<GoalKey> = group
            .depends_on
            .iter()
            .flat_map(|earlier| of_groups[*earlier].clone())
            .collect();
        let first = made.len();
        add_group(goal, group, &[before, &after].concat(), &mut made);
        let own: Vec<GoalKey> = made[first..].iter().map(PlannedGoal::key).collect();
        // Who comes after an empty group comes after what that group comes after.
        of_groups.push(if own.is_empty() { after } else { own });
    }
    name_apart(&mut made, &goal.definition.name);
    made
}

fn add_group(goal: &PlannedGoal, group: &Group, before: &[GoalKey], made: &mut Vec<PlannedGoal>) {
    let mut previous: Vec<GoalKey> = Vec::new();
    for step in group.steps.iter().filter(|step| !step.is_empty()) {
        let first = made.len();
        for instance in step {
            let mut preconditions = Vec::new();
            for key in before.iter().chain(&previous) {
                if !preconditions.contains(key) {
                    preconditions.push(key.clone());
                }
            }
            made.push(PlannedGoal {
                definition: defined(&goal.definition, instance, made.len()),
                preconditions,
                ..goal.clone()
            });
        }
        previous = made[first..].iter().map(PlannedGoal::key).collect();
    }
}

fn defined(original: &GoalDefinition, instance: &Instance, index: usize) -> GoalDefinition {
    let mut definition = GoalDefinition {
        unique_name: instance_name(&original.unique_name, index),
        plan: None,
        ..original.clone()
    };
    if let Some(name) = &instance.name {
        definition.name.clone_from(name);
    }
    definition.descriptions.0.extend(instance.descriptions.clone());
    definition.parameters.extend(instance.parameters.clone());
    definition.approval = confirmed(definition.approval, instance.approval);
    definition.pre_approval = confirmed(definition.pre_approval, instance.pre_approval);
    definition.retry.feasible = instance.retry.unwrap_or(definition.retry.feasible);
    definition
}

fn confirmed(policy: Option<ApprovalPolicy>, wanted: Option<bool>) -> Option<ApprovalPolicy> {
    match wanted {
        None => policy,
        Some(true) => Some(policy.unwrap_or_default()),
        Some(false) => None,
    }
}

/// Several instances under the goal's own name get their number, so that people can name one.
fn name_apart(made: &mut [PlannedGoal], name: &str) {
    if made.len() < 2 {
        return;
    }
    for (index, instance) in made.iter_mut().enumerate() {
        if instance.definition.name == name {
            instance.definition.name = format!("{name} ({})", index + 1);
        }
    }
}
