//! The stable shape of `sdm explain --predict --json`: what a push to a branch will or may set.

use serde::{Deserialize, Serialize};

use super::explain::ExplainedRule;
use crate::model::plan::RuleTrace;
use crate::model::{GoalDefinition, Repository};

/// What every push to a branch has in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionView {
    /// `owner/name`.
    pub repo: String,
    /// Branch.
    pub branch: String,
    /// In the order of the rules.
    pub goals: Vec<PredictedGoalView>,
    /// In the order of the goal files.
    pub rules: Vec<ExplainedRule>,
}

/// A goal that will or may be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictedGoalView {
    /// Display name.
    pub name: String,
    /// Key.
    pub unique_name: String,
    /// Environment.
    pub environment: String,
    /// What it does.
    pub kind: String,
    /// Whether every push to the branch sets it.
    pub certain: bool,
    /// Rules that set it.
    pub rules: Vec<String>,
}

impl PredictionView {
    /// Of this repository and branch, with the rules' outcomes.
    pub fn new(repo: &Repository, branch: &str, goals: Vec<PredictedGoalView>, rules: &[RuleTrace]) -> Self {
        Self {
            repo: repo.slug.to_string(),
            branch: branch.to_owned(),
            goals,
            rules: rules.iter().map(ExplainedRule::of).collect(),
        }
    }
}

impl PredictedGoalView {
    /// A goal as it is defined.
    pub fn of(definition: &GoalDefinition, certain: bool, rules: &[String]) -> Self {
        Self {
            name: definition.name.clone(),
            unique_name: definition.unique_name.to_string(),
            environment: definition.environment.clone(),
            kind: definition.work.kind.clone(),
            certain,
            rules: rules.to_vec(),
        }
    }
}
