//! The built-in goals (semantics 4) in the real program on real repositories.

mod around;
mod autofix;
mod codes;
mod inspect;
mod others;
mod reports;
mod side_effects;
mod versions;

use serde_json::Value;

use crate::support::local::LocalMachine;

/// One goal of a set as `sdm goals --json` prints it.
fn goal<'a>(set: &'a Value, name: &str) -> &'a Value {
    let goals = set["goals"].as_array().unwrap();
    goals
        .iter()
        .find(|goal| goal["name"] == name)
        .unwrap_or_else(|| panic!("{name} in {set:#}"))
}

/// State and description of a goal.
fn said<'a>(set: &'a Value, name: &str) -> (&'a str, &'a str) {
    let goal = goal(set, name);
    (
        goal["state"].as_str().unwrap(),
        goal["description"].as_str().unwrap(),
    )
}

/// A machine whose only rule sets these goals, one after the other.
fn machine(goals: &str) -> LocalMachine {
    LocalMachine::new(&format!("rules:\n  - name: all\n    goals:\n{goals}"))
}
