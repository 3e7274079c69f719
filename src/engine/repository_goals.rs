//! Goals that the pushed repository brings along (semantics 7.9), put in the place of `use: repository_goals` when a push is
//! planned. They never get names that the machine's own goals have, so that nothing waits for one of them by mistake.

use super::machine::catalogue;
use crate::kinds::repository_goals::{NAME, with_preview, with_problem};
use crate::model::plan::InstancesTrace;
use crate::model::push::Trust;
use crate::model::{Diagnostic, GoalKey, Plan, PlannedGoal, Push, UniqueName};
use crate::rules::view::ProjectView;
use crate::rules::{self, PlanningFacts};
use crate::spec::{self, SourceFile};

/// Where repositories keep them.
const DIRECTORY: &str = ".atomist/";
/// How their names end.
const ENDINGS: [&str; 2] = ["goals.yml", "goals.yaml"];
/// Files of one repository at most.
const MOST_FILES: usize = 20;
/// Goals that a preview names at most.
const MOST_NAMED: usize = 10;
/// Goals of one repository at most.
const MOST_GOALS: usize = 50;

/// Where a repository's goals are looked for.
pub(super) struct Views<'a> {
    /// The pushed commit.
    pub(super) pushed: &'a dyn ProjectView,
    /// What a push that is not trusted starts from.
    pub(super) trusted: Option<&'a dyn ProjectView>,
}

/// The plan with the repository's own goals in it.
pub(super) fn supplied(plan: Plan, push: &Push, facts: &PlanningFacts, views: &Views<'_>) -> Plan {
    let Some(at) = plan
        .goals
        .iter()
        .position(|goal| goal.definition.work.kind == NAME)
    else {
        return plan;
    };
    if push.trust == Trust::Untrusted {
        return previewed(plan, at, push, facts, views);
    }
    match found(push, facts, views.pushed) {
        Ok(goals) if goals.is_empty() => plan,
        Ok(goals) => in_place(plan, at, &goals),
        Err(problem) => {
            let mut plan = plan;
            plan.goals[at].definition.work.arguments = with_problem(&problem);
            plan
        }
    }
}

/// The plan with what the push would change of the repository's goals, as words: nothing of it is set (threat B9).
fn previewed(mut plan: Plan, at: usize, push: &Push, facts: &PlanningFacts, views: &Views<'_>) -> Plan {
    let base = views
        .trusted
        .map_or_else(|| Ok(Vec::new()), |view| found(push, facts, view));
    let words = match (base, found(push, facts, views.pushed)) {
        (Ok(base), Ok(pushed)) => difference(&base, &pushed),
        (Err(_), Ok(pushed)) => difference(&[], &pushed),
        (_, Err(problem)) => Some(format!("what it brings cannot be used: {problem}")),
    };
    let Some(words) = words else { return plan };
    let goal = &mut plan.goals[at];
    goal.definition.work.arguments = with_preview(&words);
    let rules = goal.rules.clone();
    if let Some(rule) = plan
        .trace
        .rules
        .iter_mut()
        .find(|rule| rules.contains(&rule.name))
    {
        rule.because = format!("{}; the push is not trusted, else {words}", rule.because);
    }
    plan
}

/// Goals that come, go and change by their names; `None` when nothing does.
fn difference(base: &[PlannedGoal], pushed: &[PlannedGoal]) -> Option<String> {
    let same_key =
        |one: &PlannedGoal, others: &[PlannedGoal]| others.iter().any(|other| other.key() == one.key());
    let is_changed = |one: &&PlannedGoal| {
        let other = base.iter().find(|other| other.key() == one.key());
        other.is_some_and(|other| {
            !other.definition.is_same_as(&one.definition) || other.preconditions != one.preconditions
        })
    };
    let new = pushed
        .iter()
        .filter(|goal| !same_key(goal, base))
        .map(|goal| ("+", goal));
    let gone = base
        .iter()
        .filter(|goal| !same_key(goal, pushed))
        .map(|goal| ("-", goal));
    let changed = pushed.iter().filter(is_changed).map(|goal| ("~", goal));
    let all: Vec<String> = new
        .chain(gone)
        .chain(changed)
        .map(|(sign, goal)| format!("{sign} {}", goal.definition.name))
        .collect();
    match all.len() {
        0 => None,
        count if count > MOST_NAMED => Some(format!(
            "goals would change: {} and {} more",
            all[..MOST_NAMED].join(", "),
            count - MOST_NAMED
        )),
        _ => Some(format!("goals would change: {}", all.join(", "))),
    }
}

/// What the repository's rules set for its push, or what is wrong with them.
fn found(push: &Push, facts: &PlanningFacts, view: &dyn ProjectView) -> Result<Vec<PlannedGoal>, String> {
    let files = files(view)?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let rules = spec::supplied_rules(&files, catalogue()).map_err(|problems| first(&problems))?;
    let rules = rules::compile(&rules).map_err(|problems| first(&problems))?;
    let facts = PlanningFacts {
        trigger: None,
        ..facts.clone()
    };
    let planned = rules.plan(push, &facts, view).map_err(|error| error.message)?;
    match planned.goals.len() {
        count if count > MOST_GOALS => Err(format!(
            "the repository brings {count} goals along, and {MOST_GOALS} are allowed"
        )),
        _ => Ok(planned.goals),
    }
}

fn files(view: &dyn ProjectView) -> Result<Vec<SourceFile>, String> {
    let unread = |error: rules::view::ViewError| error.to_string();
    let all = view.files().map_err(unread)?;
    let is_theirs = |path: &&String| {
        let name = path.strip_prefix(DIRECTORY);
        name.is_some_and(|name| !name.contains('/') && ENDINGS.iter().any(|ending| name.ends_with(ending)))
    };
    let paths: Vec<&String> = all.iter().filter(is_theirs).collect();
    if paths.len() > MOST_FILES {
        return Err(format!(
            "the repository has more than {MOST_FILES} files of goals"
        ));
    }
    let mut files = Vec::new();
    for path in paths {
        if let Some(content) = view.content(path).map_err(unread)? {
            files.push(SourceFile::new(path, content));
        }
    }
    Ok(files)
}

fn first(problems: &[Diagnostic]) -> String {
    let told = problems.first();
    told.map_or_else(String::new, |problem| {
        format!("{}: {}", problem.place, problem.message)
    })
}

/// The goals in the place of the one that stands for them.
fn in_place(mut plan: Plan, at: usize, goals: &[PlannedGoal]) -> Plan {
    let placeholder = plan.goals.remove(at);
    let old: Vec<GoalKey> = goals.iter().map(PlannedGoal::key).collect();
    let new: Vec<GoalKey> = (0..goals.len())
        .map(|index| key(&placeholder, &goals[index], index))
        .collect();
    let renamed = |key: &GoalKey| {
        old.iter()
            .position(|old| old == key)
            .map(|index| new[index].clone())
    };
    let goals: Vec<PlannedGoal> = goals
        .iter()
        .enumerate()
        .map(|(index, goal)| {
            let before: Vec<GoalKey> = goal.preconditions.iter().filter_map(renamed).collect();
            let mut own = goal.clone();
            own.definition.unique_name = new[index].unique_name.clone();
            own.definition.name = format!("{} (repository)", goal.definition.name);
            own.preconditions = match before.is_empty() {
                true => placeholder.preconditions.clone(),
                false => before,
            };
            own.definition.is_supplied = true;
            own.rules.clone_from(&placeholder.rules);
            own.facts.clone_from(&placeholder.facts);
            own
        })
        .collect();
    tell(&mut plan, &placeholder, &goals);
    wait_for(&mut plan, &placeholder.key(), &new);
    plan.goals.splice(at..at, goals);
    plan
}

fn key(placeholder: &PlannedGoal, goal: &PlannedGoal, index: usize) -> GoalKey {
    let name = format!("{}#sdm:{index}", placeholder.definition.unique_name.as_str());
    let name = UniqueName::parse(&name).expect("a suffix leaves a unique name legal");
    GoalKey::new(name, &goal.definition.environment)
}

/// What came after the goal comes after all of them.
fn wait_for(plan: &mut Plan, placeholder: &GoalKey, new: &[GoalKey]) {
    for goal in &mut plan.goals {
        if let Some(position) = goal.preconditions.iter().position(|key| key == placeholder) {
            goal.preconditions
                .splice(position..=position, new.iter().cloned());
        }
    }
}

fn tell(plan: &mut Plan, placeholder: &PlannedGoal, goals: &[PlannedGoal]) {
    let sets_it = |name: &String| placeholder.rules.contains(name);
    if let Some(rule) = plan.trace.rules.iter_mut().find(|rule| sets_it(&rule.name)) {
        rule.instances.push(InstancesTrace {
            goal: placeholder.definition.name.clone(),
            instances: goals.iter().map(|goal| goal.definition.name.clone()).collect(),
        });
    }
}
