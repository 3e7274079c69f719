//! What the rules say about a push, with the reasons; the same code plans.

use std::cell::OnceCell;
use std::sync::Arc;

use super::machine::Machine;
use super::repository_goals::{Views, supplied};
use super::settings::Settings;
use crate::model::push::Trust;
use crate::model::{Plan, Push, Trace};
use crate::ports::Scm;
use crate::rules::view::{ProjectView, ViewError};
use crate::rules::{PlanningFacts, RuleSet};

/// A plan, or why there is none, with every reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The push asked about.
    pub push: Push,
    /// Its plan; without goals when planning failed.
    pub plan: Plan,
    /// Why planning failed.
    pub error: Option<String>,
}

/// Plans a push. Blocking: content is read from git objects when a test asks for it.
pub fn explain(machine: &Machine, settings: &Settings, scm: &Arc<dyn Scm>, push: &Push) -> Explanation {
    explain_with(machine, &settings.planning_facts(), scm, push)
}

/// The same with facts that the settings do not have.
pub fn explain_with(
    machine: &Machine,
    facts: &PlanningFacts,
    scm: &Arc<dyn Scm>,
    push: &Push,
) -> Explanation {
    let (plan, error) = plan_with(&machine.rules, facts, scm, push);
    Explanation {
        push: push.clone(),
        plan,
        error,
    }
}

/// What rules say about a push, or how far they came and why no further.
pub(super) fn plan_with(
    rules: &RuleSet,
    facts: &PlanningFacts,
    scm: &Arc<dyn Scm>,
    push: &Push,
) -> (Plan, Option<String>) {
    let view = LazyView {
        scm: Arc::clone(scm),
        push,
        opened: OnceCell::new(),
    };
    let base = base_of(push);
    let trusted = base.as_ref().map(|base| LazyView {
        scm: Arc::clone(scm),
        push: base,
        opened: OnceCell::new(),
    });
    match rules.plan(push, facts, &view) {
        Ok(plan) => {
            let views = Views {
                pushed: &view,
                trusted: trusted.as_ref().map(|view| view as &dyn ProjectView),
            };
            (supplied(plan, push, facts, &views), None)
        }
        Err(failed) => (without_goals(failed.trace), Some(failed.message)),
    }
}

/// What a push that is not trusted starts from: of the two sides, the one that is.
fn base_of(push: &Push) -> Option<Push> {
    let before = push.before.clone().filter(|_| push.trust == Trust::Untrusted)?;
    Some(Push {
        before: None,
        after: before,
        ..push.clone()
    })
}

fn without_goals(trace: Trace) -> Plan {
    Plan {
        name: None,
        goals: Vec::new(),
        tags: Vec::new(),
        trace,
    }
}

/// Opens the tree at the first question; a plan that needs no content opens nothing (PT-32).
struct LazyView<'a> {
    scm: Arc<dyn Scm>,
    push: &'a Push,
    opened: OnceCell<Box<dyn ProjectView>>,
}

impl LazyView<'_> {
    fn view(&self) -> Result<&dyn ProjectView, ViewError> {
        if let Some(view) = self.opened.get() {
            return Ok(view.as_ref());
        }
        let view = self.scm.view(self.push).map_err(|error| ViewError {
            what: format!("the tree of {}", self.push.after.short()),
            because: error.to_string(),
        })?;
        Ok(self.opened.get_or_init(|| view).as_ref())
    }
}

impl ProjectView for LazyView<'_> {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        self.view()?.has_file(path)
    }

    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        self.view()?.files()
    }

    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        self.view()?.content(path)
    }

    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        self.view()?.changed_files()
    }
}
