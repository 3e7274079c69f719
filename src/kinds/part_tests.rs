//! Push tests on parts of a goal: a container, a fix, an inspection, a reaction whose test does not hold is left out.
//!
//! They are asked as the tests of rules are, by the same code: each part becomes a rule that sets nothing.

use std::sync::Arc;

use super::{GoalContext, KindError};
use crate::model::plan::RuleOutcome;
use crate::model::trigger::{NO_GOAL, NO_GOAL_HINT};
use crate::model::{
    ArgumentProblem, ArgumentProblems, FieldPath, Place, Plan, RuleDefinition, TestExpression,
};
use crate::ports::scm::ScmError;
use crate::rules::view::ProjectView;
use crate::rules::{self, MemoryView, RuleSet};

/// A part with its test: name, and what must hold for it.
pub(super) type Part<'a> = (&'a str, Option<&'a TestExpression>);

/// What became of a part's test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether the part is for this push.
    pub(super) holds: bool,
    /// Why.
    pub(super) because: String,
}

/// What is wrong with the tests of the parts in a list: those that cannot be asked at all.
pub(super) fn check<'a>(list: &FieldPath, parts: impl Iterator<Item = Part<'a>>) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    for (index, part) in parts.enumerate() {
        let field = list.item(index).key("test");
        if let Some(place) = part.1.and_then(TestExpression::wait_for_goal) {
            problems.push(ArgumentProblem {
                field,
                place: Some(place.clone()).filter(|place| place.line > 0),
                code: "cannot_hold".to_owned(),
                message: NO_GOAL.to_owned(),
                hint: NO_GOAL_HINT.to_owned(),
            });
            continue;
        }
        let refused = rules::compile(&[as_rule(&part)]).err().unwrap_or_default();
        for found in refused {
            problems.push(ArgumentProblem {
                field: field.clone(),
                place: Some(found.place).filter(|place| place.line > 0),
                code: found.code,
                message: found.message,
                hint: found.hint.unwrap_or_default(),
            });
        }
    }
    problems
}

fn compiled(parts: &[Part<'_>]) -> Result<RuleSet, String> {
    let rules: Vec<RuleDefinition> = parts.iter().map(as_rule).collect();
    rules::compile(&rules).map_err(|problems| {
        let words = problems.first().map(|problem| problem.message.clone());
        words.unwrap_or_else(|| "a test cannot be asked".to_owned())
    })
}

fn as_rule((name, test): &Part<'_>) -> RuleDefinition {
    RuleDefinition {
        name: (*name).to_owned(),
        place: Place {
            file: Arc::from("goal"),
            line: 0,
            column: 0,
        },
        test: test.cloned().unwrap_or(TestExpression::AnyPush),
        depends_on: Vec::new(),
        steps: Vec::new(),
        locks: false,
        first_of: None,
        facts: Vec::new(),
        tags: Vec::new(),
    }
}

/// Asks the tests of all parts, in their order; nothing is read when there are none.
pub(super) async fn ask(context: &GoalContext<'_>, parts: &[Part<'_>]) -> Result<Vec<Asked>, KindError> {
    if parts.iter().all(|(_, test)| test.is_none()) {
        let holds = Asked {
            holds: true,
            because: String::new(),
        };
        return Ok(vec![holds; parts.len()]);
    }
    let rules = compiled(parts).map_err(KindError::Definition)?;
    let plan = plan(context, rules).await?;
    let asked = plan.trace.rules.into_iter().map(|rule| Asked {
        holds: rule.outcome == RuleOutcome::Matched,
        because: rule.because,
    });
    Ok(asked.collect())
}

/// Those of the items whose test holds, in their order.
pub(super) async fn that_hold<T>(
    context: &GoalContext<'_>,
    items: Vec<T>,
    part: impl for<'a> Fn(&'a T) -> Part<'a>,
) -> Result<Vec<T>, KindError> {
    let parts: Vec<Part<'_>> = items.iter().map(&part).collect();
    let asked = ask(context, &parts).await?;
    let holding = items.into_iter().zip(asked).filter(|(_, asked)| asked.holds);
    Ok(holding.map(|(item, _)| item).collect())
}

async fn plan(context: &GoalContext<'_>, rules: RuleSet) -> Result<Plan, KindError> {
    let push = context.record.push.clone();
    let unread = |error: ScmError| KindError::Definition(format!("the repository cannot be read: {error}"));
    let needs_content = rules.needs_content();
    if needs_content {
        context.scm.fetch(&push.repo, &push.after).await.map_err(unread)?;
    }
    let (scm, facts) = (Arc::clone(context.scm), context.policy.planning.clone());
    let asking = tokio::task::spawn_blocking(move || {
        let view: Box<dyn ProjectView> = match needs_content {
            true => scm.view(&push).map_err(unread)?,
            false => Box::new(MemoryView::new()),
        };
        let answered = rules.plan(&push, &facts, view.as_ref());
        answered.map_err(|error| KindError::Definition(error.message))
    });
    asking
        .await
        .expect("asking tests does not panic and is not aborted")
}
