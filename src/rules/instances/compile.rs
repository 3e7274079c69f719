//! The expressions of a dynamic plan, made ready at load.

use serde_json::{Map, Value};

use crate::model::Diagnostic;
use crate::model::instances::{AxisValues, DynamicPlan, GroupDefinition, NamePart};
use crate::rules::expression::Expression;
use crate::rules::push_test::Refusal;

/// A dynamic plan, ready to be asked.
#[derive(Debug)]
pub(in crate::rules) enum CompiledPlan {
    Expression(Expression),
    Groups(Vec<CompiledGroup>),
}

/// A group, ready to be asked.
#[derive(Debug)]
pub(in crate::rules) struct CompiledGroup {
    pub(super) depends_on: Vec<usize>,
    pub(super) matrix: Vec<(String, CompiledValues)>,
    pub(super) exclude: Vec<Map<String, Value>>,
    pub(super) display_name: Option<Vec<NamePart>>,
    pub(super) in_order: bool,
    pub(super) parameters: Map<String, Value>,
}

#[derive(Debug)]
pub(super) enum CompiledValues {
    List(Vec<Value>),
    Expression(Expression),
}

impl CompiledPlan {
    /// Compiles every expression; `facts` are those attached before.
    pub(in crate::rules) fn compile(
        plan: &DynamicPlan,
        facts: &[String],
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        match plan {
            DynamicPlan::Expression { source, place } => match Expression::compile_value(source, facts) {
                Ok(expression) => Some(Self::Expression(expression)),
                Err(refusal) => {
                    problems.push(problem("plan", refusal, place));
                    None
                }
            },
            DynamicPlan::Groups(groups) => {
                let compiled: Vec<Option<CompiledGroup>> = groups
                    .iter()
                    .map(|group| self::group(group, groups, facts, problems))
                    .collect();
                compiled.into_iter().collect::<Option<Vec<_>>>().map(Self::Groups)
            }
        }
    }

    pub(in crate::rules) fn asks_project(&self) -> bool {
        match self {
            Self::Expression(expression) => expression.asks_project(),
            Self::Groups(groups) => {
                groups
                    .iter()
                    .flat_map(|group| &group.matrix)
                    .any(|(_, values)| match values {
                        CompiledValues::List(_) => false,
                        CompiledValues::Expression(expression) => expression.asks_project(),
                    })
            }
        }
    }
}

fn group(
    group: &GroupDefinition,
    all: &[GroupDefinition],
    facts: &[String],
    problems: &mut Vec<Diagnostic>,
) -> Option<CompiledGroup> {
    let mut matrix = Vec::new();
    let mut is_complete = true;
    for axis in &group.matrix {
        let values = match &axis.values {
            AxisValues::List(values) => CompiledValues::List(values.clone()),
            AxisValues::Expression(source) => match Expression::compile_value(source, facts) {
                Ok(expression) => CompiledValues::Expression(expression),
                Err(refusal) => {
                    problems.push(problem(&axis.name, refusal, &axis.place));
                    is_complete = false;
                    continue;
                }
            },
        };
        matrix.push((axis.name.clone(), values));
    }
    let index = |wanted: &String| all.iter().position(|group| group.name.as_ref() == Some(wanted));
    is_complete.then(|| CompiledGroup {
        depends_on: group.depends_on.iter().filter_map(index).collect(),
        matrix,
        exclude: group.exclude.clone(),
        display_name: group.display_name.clone(),
        in_order: group.in_order,
        parameters: group.parameters.clone(),
    })
}

fn problem(what: &str, refusal: Refusal, place: &crate::model::Place) -> Diagnostic {
    let mut problem = Diagnostic::error(
        "bad_expression",
        place.clone(),
        format!("{what}: {}", refusal.message),
    );
    problem.hint = refusal.hint;
    problem
}
