//! From matched rules to planned goals: steps become preconditions, equal goals become one.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::model::{GoalDefinition, GoalKey, PlannedGoal, RuleDefinition};

/// Goals in planned order, folded by key (semantics 2.7 DECISION): the first occurrence fixes position and definition,
/// preconditions and rules are united.
#[derive(Debug, Default)]
pub(super) struct PlannedGoals {
    goals: Vec<PlannedGoal>,
    positions: HashMap<GoalKey, usize>,
}

impl PlannedGoals {
    /// Adds the goals of a matched rule. Every goal of a step comes after all goals of the step before; the first step
    /// comes after all goals of the rules it depends on (semantics 7.2).
    /// What was attached so far goes with goals that are new.
    pub(super) fn add(
        &mut self,
        rule: &RuleDefinition,
        depends_on: &[&RuleDefinition],
        facts: &Map<String, Value>,
    ) {
        let mut before: Vec<GoalKey> = depends_on.iter().flat_map(|rule| keys(&rule.steps)).collect();
        for step in rule.steps.iter().filter(|step| !step.is_empty()) {
            for goal in step {
                self.add_goal(goal, &before, &rule.name, facts);
            }
            before = step.iter().map(GoalDefinition::key).collect();
        }
    }

    fn add_goal(
        &mut self,
        definition: &GoalDefinition,
        before: &[GoalKey],
        rule: &str,
        facts: &Map<String, Value>,
    ) {
        let key = definition.key();
        let position = *self.positions.entry(key.clone()).or_insert_with(|| {
            self.goals.push(PlannedGoal {
                definition: definition.clone(),
                preconditions: Vec::new(),
                rules: Vec::new(),
                facts: facts.clone(),
                void: None,
            });
            self.goals.len() - 1
        });
        let goal = &mut self.goals[position];
        for precondition in before {
            if *precondition != key && !goal.preconditions.contains(precondition) {
                goal.preconditions.push(precondition.clone());
            }
        }
        if !goal.rules.iter().any(|known| known == rule) {
            goal.rules.push(rule.to_owned());
        }
    }

    /// The goals, with only those preconditions that are in the set (semantics 2.9, step 1).
    ///
    /// # Errors
    /// The goals that wait for each other in a circle, in order; without this they would wait for ever.
    pub(super) fn finish(mut self) -> Result<Vec<PlannedGoal>, Vec<GoalKey>> {
        for goal in &mut self.goals {
            goal.preconditions.retain(|key| self.positions.contains_key(key));
        }
        match self.circle() {
            Some(circle) => Err(circle),
            None => Ok(self.goals),
        }
    }

    /// Takes away goals all of whose preconditions are gone until nothing is left, or only circles and what waits for them.
    fn circle(&self) -> Option<Vec<GoalKey>> {
        let mut waiting: Vec<usize> = self.goals.iter().map(|goal| goal.preconditions.len()).collect();
        let mut dependents = vec![Vec::new(); self.goals.len()];
        for (index, goal) in self.goals.iter().enumerate() {
            for precondition in &goal.preconditions {
                dependents[self.positions[precondition]].push(index);
            }
        }
        let mut ready: Vec<usize> = (0..self.goals.len())
            .filter(|index| waiting[*index] == 0)
            .collect();
        let mut done = 0;
        while let Some(index) = ready.pop() {
            done += 1;
            for dependent in &dependents[index] {
                waiting[*dependent] -= 1;
                if waiting[*dependent] == 0 {
                    ready.push(*dependent);
                }
            }
        }
        let first = (0..self.goals.len()).find(|index| done < self.goals.len() && waiting[*index] > 0)?;
        Some(self.walk_circle(first, &waiting))
    }

    /// Every goal left waits for another one left: following them must come round.
    fn walk_circle(&self, first: usize, waiting: &[usize]) -> Vec<GoalKey> {
        let mut path = vec![first];
        loop {
            let last = path[path.len() - 1];
            let next = self.goals[last]
                .preconditions
                .iter()
                .map(|key| self.positions[key])
                .find(|index| waiting[*index] > 0)
                .expect("a goal that is left waits for one that is left");
            if let Some(start) = path.iter().position(|index| *index == next) {
                path.push(next);
                return path[start..]
                    .iter()
                    .map(|index| self.goals[*index].key())
                    .collect();
            }
            path.push(next);
        }
    }
}

/// Keys of all goals of all steps.
pub(super) fn keys(steps: &[Vec<GoalDefinition>]) -> impl Iterator<Item = GoalKey> {
    steps.iter().flatten().map(GoalDefinition::key)
}

/// A goal that is in two different steps of one rule.
pub(super) fn repeated_goal(rule: &RuleDefinition) -> Option<GoalKey> {
    let mut seen = HashSet::new();
    for step in &rule.steps {
        let here: HashSet<GoalKey> = step.iter().map(GoalDefinition::key).collect();
        if let Some(key) = here.iter().find(|key| seen.contains(*key)) {
            return Some((*key).clone());
        }
        seen.extend(here);
    }
    None
}
