//! The push tests of containers: one whose test does not hold is left out (semantics 4.5, CO-14).
//!
//! They are asked as the tests of rules are, by the same code: each container becomes a rule that sets nothing.

use std::sync::Arc;

use super::arguments::{Arguments, Container};
use crate::kinds::{GoalContext, KindError};
use crate::model::plan::RuleOutcome;
use crate::model::{Place, Plan, RuleDefinition, TestExpression};
use crate::ports::scm::ScmError;
use crate::rules::view::ProjectView;
use crate::rules::{self, MemoryView, RuleSet};

/// Which containers a push has.
pub(super) enum Chosen {
    /// These; the first decides.
    These(Vec<Container>),
    /// None that could decide, for this reason.
    Nothing(String),
}

/// Whether the tests can be asked at all.
///
/// # Errors
/// What is wrong with the first that cannot.
pub(super) fn check(arguments: &Arguments) -> Result<(), String> {
    compiled(arguments).map(|_| ())
}

fn compiled(arguments: &Arguments) -> Result<RuleSet, String> {
    let rules: Vec<RuleDefinition> = arguments.containers.iter().map(as_rule).collect();
    rules::compile(&rules).map_err(|problems| {
        let words = problems.first().map(|problem| problem.message.clone());
        words.unwrap_or_else(|| "a container's test cannot be asked".to_owned())
    })
}

fn as_rule(container: &Container) -> RuleDefinition {
    RuleDefinition {
        name: container.name.clone(),
        place: Place {
            file: Arc::from("containers"),
            line: 0,
            column: 0,
        },
        test: container.test.clone().unwrap_or(TestExpression::AnyPush),
        depends_on: Vec::new(),
        steps: Vec::new(),
        locks: false,
        first_of: None,
        facts: Vec::new(),
    }
}

/// Asks the tests of all containers, when there are any.
pub(super) async fn choose(context: &GoalContext<'_>, arguments: &Arguments) -> Result<Chosen, KindError> {
    let containers = &arguments.containers;
    if containers.iter().all(|container| container.test.is_none()) {
        return Ok(Chosen::These(containers.clone()));
    }
    let rules = compiled(arguments).map_err(KindError::Definition)?;
    let plan = ask(context, rules).await?;
    let holds = |index: usize| {
        let rule = plan.trace.rules.get(index);
        rule.map(|rule| (rule.outcome == RuleOutcome::Matched, rule.because.as_str()))
    };
    if let Some((false, because)) = holds(0) {
        let name = containers.first().map_or("", |first| first.name.as_str());
        return Ok(Chosen::Nothing(format!(
            "container `{name}` is not for this push: {because}"
        )));
    }
    let left = containers
        .iter()
        .enumerate()
        .filter(|(index, _)| holds(*index).is_none_or(|(holds, _)| holds));
    Ok(Chosen::These(
        left.map(|(_, container)| container.clone()).collect(),
    ))
}

async fn ask(context: &GoalContext<'_>, rules: RuleSet) -> Result<Plan, KindError> {
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
