//! Which goal set and goal somebody means.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::model::suggest::nearest;
use crate::model::{Goal, GoalKey, RepoSlug};
use crate::ports::store::{GoalSetFilter, GoalSetRecord};
use crate::wire::control::GoalChoice;

use super::Refused;

/// How far back a beginning of an id is looked for.
const REACH: u32 = 500;

/// Goal sets whose id or commit begins with `id`, newest first; all of the repository without one.
pub(super) async fn sets(
    engine: &Engine,
    id: Option<&str>,
    repo: Option<&str>,
) -> Result<Vec<GoalSetRecord>, Refused> {
    let repo = repo.map(RepoSlug::parse).transpose()?;
    let filter = GoalSetFilter {
        repo: repo.filter(|_| id.is_none()),
        limit: REACH,
        ..GoalSetFilter::default()
    };
    let all = engine.store().goal_sets(&filter).await?;
    let Some(id) = id else { return Ok(all) };
    let fits = |record: &GoalSetRecord| {
        record.set.id.to_string().starts_with(id) || record.push.after.as_str().starts_with(id)
    };
    let found: Vec<_> = all.into_iter().filter(fits).collect();
    match found.is_empty() {
        true => Err(
            Refused::new(format!("no goal set and no commit begins with `{id}`")).hint("look at `sdm goals`"),
        ),
        false => Ok(found),
    }
}

/// The goal that is meant: the newest set in which exactly one goal fits.
pub(super) async fn goal(
    engine: &Engine,
    choice: &GoalChoice,
    what: &str,
    makes_sense: impl Fn(&Goal) -> bool,
) -> Result<(GoalSetRecord, GoalKey), Refused> {
    let candidates = sets(engine, choice.id.as_deref(), choice.repo.as_deref()).await?;
    match &choice.name {
        Some(name) => named(candidates, name, makes_sense),
        None => only(candidates, what, makes_sense),
    }
}

/// By name: the newest set that has the goal and in which the action makes sense, else the newest that has it.
fn named(
    candidates: Vec<GoalSetRecord>,
    name: &str,
    makes_sense: impl Fn(&Goal) -> bool,
) -> Result<(GoalSetRecord, GoalKey), Refused> {
    let (mut fallback, mut others) = (None, BTreeSet::new());
    for record in candidates {
        let Some(goal) = record.set.goal_named(name) else {
            others.extend(
                record
                    .set
                    .goals()
                    .iter()
                    .map(|goal| goal.definition().name.clone()),
            );
            continue;
        };
        let key = goal.key();
        if makes_sense(goal) {
            return Ok((record, key));
        }
        fallback.get_or_insert((record, key));
    }
    fallback.ok_or_else(|| {
        let close = nearest(name, others.iter().map(String::as_str));
        let hint = close.map_or("look at `sdm goals`".to_owned(), |close| {
            format!("did you mean `{close}`?")
        });
        Refused::new(format!("no goal set has a goal `{name}`")).hint(hint)
    })
}

/// The version of a goal as it was looked up: what somebody who names none looks at.
pub(super) fn version_of(record: &GoalSetRecord, goal: &GoalKey) -> Option<u32> {
    record.set.goal(goal).map(|goal| goal.version)
}

fn only(
    candidates: Vec<GoalSetRecord>,
    what: &str,
    makes_sense: impl Fn(&Goal) -> bool,
) -> Result<(GoalSetRecord, GoalKey), Refused> {
    for record in candidates {
        let fitting: Vec<&Goal> = record
            .set
            .goals()
            .iter()
            .filter(|goal| makes_sense(goal))
            .collect();
        match fitting.as_slice() {
            [] => {}
            [goal] => {
                let key = goal.key();
                return Ok((record, key));
            }
            several => {
                let names: Vec<&str> = several
                    .iter()
                    .map(|goal| goal.definition().name.as_str())
                    .collect();
                let message = format!("several goals {}: {}", of_several(what), names.join(", "));
                return Err(Refused::new(message).hint("name the one you mean"));
            }
        }
    }
    Err(Refused::new(format!("no goal {what}")).hint("look at `sdm goals`"))
}

/// What is said of one goal, said of several.
fn of_several(what: &str) -> String {
    let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
    let verb = match verb {
        "has" => "have",
        "is" => "are",
        "waits" => "wait",
        same => same,
    };
    format!("{verb} {rest}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_several_goals_is_a_sentence() {
        for (one, several) in [
            ("has a log", "have a log"),
            ("is active", "are active"),
            ("waits for a confirmation", "wait for a confirmation"),
            ("can be set", "can be set"),
        ] {
            assert_eq!(of_several(one), several);
        }
    }
}
