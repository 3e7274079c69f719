//! Goals that become several on a push (semantics 2.10): [`compile`] makes their expressions ready, [`compute`] asks
//! them about a push, [`rewrite`] puts the instances into the plan.

mod compile;
mod compute;
mod rewrite;
#[cfg(test)]
mod tests;

pub(super) use compile::CompiledPlan;
pub(super) use compute::compute;
pub(super) use rewrite::expand;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::StateName;

/// Most instances of one goal (threat D10).
pub(super) const MAX_INSTANCES: usize = 256;

/// Everything that takes the place of one goal. Groups come in an order in which each depends only on earlier ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Expansion {
    pub(super) groups: Vec<Group>,
}

/// Steps of parallel instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Group {
    /// Indexes of groups that come first.
    pub(super) depends_on: Vec<usize>,
    pub(super) steps: Vec<Vec<Instance>>,
}

/// What differs from the goal's own definition.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Instance {
    pub(super) name: Option<String>,
    pub(super) descriptions: BTreeMap<StateName, String>,
    pub(super) approval: Option<bool>,
    pub(super) pre_approval: Option<bool>,
    pub(super) retry: Option<bool>,
    pub(super) parameters: Map<String, Value>,
}

impl Expansion {
    pub(super) fn count(&self) -> usize {
        let steps = self.groups.iter().flat_map(|group| &group.steps);
        steps.map(Vec::len).sum()
    }
}
