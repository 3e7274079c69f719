//! Goals that are computed for each push: what replaces a goal, as its author wrote it (semantics 2.10).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::diagnostic::Place;

/// How the instances of a goal are computed for a push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DynamicPlan {
    /// A CEL expression whose value is one instance, a list of steps, nested lists for parallel instances, a map of
    /// named groups, or null to leave the goal alone.
    Expression {
        /// The expression.
        source: String,
        /// Where it is written.
        place: Place,
    },
    /// Groups in the order written; one without a name when the author named none.
    Groups(Vec<GroupDefinition>),
}

/// Instances over every combination of some values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupDefinition {
    /// Its name, where there are several.
    pub name: Option<String>,
    /// Groups all of whose instances come first.
    pub depends_on: Vec<String>,
    /// What is combined; nothing means one instance.
    pub matrix: Vec<Axis>,
    /// Combinations left out: those that have all values of one of these.
    pub exclude: Vec<Map<String, Value>>,
    /// Display name of an instance; none means the goal's with the values in brackets.
    pub display_name: Option<Vec<NamePart>>,
    /// One instance after the other instead of all at once.
    pub in_order: bool,
    /// Further parameters of each instance.
    pub parameters: Map<String, Value>,
}

/// One parameter and the values it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Name of the parameter.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Its values.
    pub values: AxisValues,
}

/// The values of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisValues {
    /// As written.
    List(Vec<Value>),
    /// A CEL expression whose value is a list.
    Expression(String),
}

/// A stretch of an instance's display name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamePart {
    /// Text.
    Text(String),
    /// The value of a parameter of the instance.
    Parameter(String),
}

impl DynamicPlan {
    /// The same as if it were written elsewhere, to compare what is meant.
    pub(super) fn without_places(&self) -> Self {
        let nowhere = || Place {
            file: "".into(),
            line: 0,
            column: 0,
        };
        let mut plan = self.clone();
        match &mut plan {
            Self::Expression { place, .. } => *place = nowhere(),
            Self::Groups(groups) => {
                let axes = groups.iter_mut().flat_map(|group| &mut group.matrix);
                axes.for_each(|axis| axis.place = nowhere());
            }
        }
        plan
    }
}
