//! `use: cancel`: ends the goals of older pushes on the same branch (semantics 4.8).
//!
//! Which push is older git says, and not the order in which they were told: a push that comes late makes way itself, so that
//! only the newest set stays active (CN-04).

use async_trait::async_trait;
use serde::Deserialize;

use super::{ActError, Begun, GoalContext, Kind, KindError};
use crate::model::descriptor::Form;
use crate::model::goal_set::CancelScope;
use crate::model::{
    Action, Actor, CommitSha, Descriptor, ExecutionResult, Field, Goal, GoalSetId, Push, Refusal, StateName,
    ValueType,
};
use crate::ports::store::{Cause, GoalSetFilter, GoalSetRecord};

pub(super) struct Cancel;

const STATES: &[&str] = &[
    "planned",
    "requested",
    "in_process",
    "waiting_for_pre_approval",
    "pre_approved",
    "waiting_for_approval",
    "approved",
];

static FIELDS: &[Field] = &[
    Field::new(
        "goals",
        ValueType::List(&ValueType::Form(Form::GoalName)),
        "names of the goals to cancel; all when left out",
    )
    .not_empty(),
    Field::new(
        "states",
        ValueType::List(&ValueType::Choice(STATES)),
        "states it cancels; all that have not ended when left out",
    )
    .not_empty(),
    Field::new(
        "include_waiting_for_approval",
        ValueType::Boolean,
        "also goals that wait for approval of their result",
    )
    .default("true"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "cancel",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Cancels the active goals of older pushes on the same branch.",
    example: "use: cancel",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    goals: Vec<String>,
    states: Vec<StateName>,
    include_waiting_for_approval: Option<bool>,
}

impl Arguments {
    fn states(&self) -> Vec<StateName> {
        let chosen = |state: &StateName| self.states.is_empty() || self.states.contains(state);
        let waiting = self.include_waiting_for_approval.unwrap_or(true);
        let all = STATES.iter().filter_map(|name| StateName::parse(name));
        all.filter(chosen)
            .filter(|state| waiting || *state != StateName::WaitingForApproval)
            .collect()
    }
}

#[async_trait]
impl Kind for Cancel {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments =
            serde_json::from_value(context.goal.definition().work.arguments.clone()).unwrap_or_default();
        let (older, newer) = others(context).await?;
        if let Some(newest) = newest(newer) {
            return make_way(context, &newest, &arguments).await;
        }
        if context.record.push.before.is_none() {
            return Ok(described("No goals canceled · first push on branch".to_owned()));
        }
        let reason = superseded_by(&context.record.push);
        let mut canceled = Vec::new();
        for older in older {
            if cancel(
                context,
                older.set.id,
                arguments.goals.clone(),
                &arguments,
                &reason,
            )
            .await?
            {
                canceled.push(older.set.id.short());
            }
        }
        let text = match canceled.is_empty() {
            true => "No goals canceled".to_owned(),
            false => format!("Canceled goals {}", canceled.join(", ")),
        };
        Ok(described(text))
    }
}

fn described(description: String) -> Begun {
    Begun::Ended(ExecutionResult {
        description: Some(description),
        ..ExecutionResult::success()
    })
}

/// How another push of the branch stands to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Older,
    Newer,
}

/// Active sets of older and of newer pushes on this branch; never one of the same push or of another trust, and none that
/// somebody asked for by a command: that is about the repository, and a push does not answer it.
async fn others(context: &GoalContext<'_>) -> Result<(Vec<GoalSetRecord>, Vec<GoalSetRecord>), KindError> {
    let push = &context.record.push;
    let filter = GoalSetFilter {
        repo: Some(push.repo.slug.clone()),
        branch: Some(push.branch.clone()),
        active: true,
        limit: 1000,
        ..GoalSetFilter::default()
    };
    let heads = context.store.branch_heads(&push.repo.key).await?;
    let head = heads.get(&push.branch);
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    for record in context.store.goal_sets(&filter).await? {
        let is_of_command = matches!(record.cause, Cause::Command { .. });
        let other = &record.push;
        let is_another = other.repo.key == push.repo.key && other.trust == push.trust && other.id != push.id;
        if is_of_command || !is_another {
            continue;
        }
        match standing(context, other, head).await {
            Standing::Older => older.push(record),
            Standing::Newer => newer.push(record),
        }
    }
    Ok((older, newer))
}

async fn standing(context: &GoalContext<'_>, other: &Push, head: Option<&CommitSha>) -> Standing {
    let push = &context.record.push;
    if let Some(told) = told(push, other, head) {
        return told;
    }
    if holds(context, &push.after, &other.after).await {
        return Standing::Older;
    }
    if holds(context, &other.after, &push.after).await {
        return Standing::Newer;
    }
    by_time(push, other)
}

/// What is to be said without looking into the history: where the branch is now, and which push begins where the other ends.
fn told(push: &Push, other: &Push, head: Option<&CommitSha>) -> Option<Standing> {
    if other.after == push.after {
        return Some(by_time(push, other));
    }
    if head == Some(&push.after) {
        return Some(Standing::Older);
    }
    if head == Some(&other.after) {
        return Some(Standing::Newer);
    }
    let follows = |later: &Push, earlier: &Push| later.before.as_ref() == Some(&earlier.after);
    match (follows(push, other), follows(other, push)) {
        (true, false) => Some(Standing::Older),
        (false, true) => Some(Standing::Newer),
        // There and back again.
        (true, true) => Some(by_time(push, other)),
        (false, false) => None,
    }
}

/// Where git says nothing, as of pushes that were forced: what came later is newer.
fn by_time(push: &Push, other: &Push) -> Standing {
    match (other.at, other.id) < (push.at, push.id) {
        true => Standing::Older,
        false => Standing::Newer,
    }
}

/// Whether a commit is in the history of another. What was forced away may not be there to look at: then it is not.
async fn holds(context: &GoalContext<'_>, history: &CommitSha, sha: &CommitSha) -> bool {
    let repo = &context.record.push.repo;
    for needed in [history, sha] {
        if context.scm.fetch(repo, needed).await.is_err() {
            return false;
        }
    }
    let beyond = context.scm.commits(repo, Some(history), sha).await;
    beyond.is_ok_and(|beyond| beyond.count == 0)
}

fn newest(sets: Vec<GoalSetRecord>) -> Option<GoalSetRecord> {
    sets.into_iter()
        .reduce(|one, other| match by_time(&one.push, &other.push) {
            Standing::Older => one,
            Standing::Newer => other,
        })
}

/// A newer push was told first, so what it supersedes is the set of this one: all that an older set would lose, but for this
/// goal itself, which says so.
async fn make_way(
    context: &GoalContext<'_>,
    newer: &GoalSetRecord,
    arguments: &Arguments,
) -> Result<Begun, KindError> {
    let own = context.goal.key();
    let is_meant = |name: &str, unique_name: &str| {
        arguments.goals.is_empty()
            || arguments
                .goals
                .iter()
                .any(|goal| goal == name || goal == unique_name)
    };
    let others = context.record.set.goals().iter().filter(|goal| goal.key() != own);
    let goals: Vec<String> = others
        .map(Goal::definition)
        .filter(|definition| is_meant(&definition.name, definition.unique_name.as_str()))
        .map(|definition| definition.unique_name.as_str().to_owned())
        .collect();
    let reason = superseded_by(&newer.push);
    if !goals.is_empty() {
        cancel(context, context.record.set.id, goals, arguments, &reason).await?;
    }
    Ok(described(format!(
        "Made way: {reason}, a newer push of the branch"
    )))
}

fn superseded_by(push: &Push) -> String {
    format!("superseded by {}", push.after.short())
}

async fn cancel(
    context: &GoalContext<'_>,
    set: GoalSetId,
    goals: Vec<String>,
    arguments: &Arguments,
    reason: &str,
) -> Result<bool, KindError> {
    let action = Action::Cancel {
        scope: CancelScope::Superseded {
            goals,
            states: arguments.states(),
        },
        actor: Actor::NewerPush,
        reason: reason.to_owned(),
    };
    match context.acts.act(set, &action).await {
        Ok(_) => Ok(true),
        Err(ActError::Refused(Refusal::NothingToCancel) | ActError::UnknownSet(_)) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PushId, Timestamp};
    use crate::rules::fixtures::push_to;

    fn sha(digit: char) -> CommitSha {
        CommitSha::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn push(number: u8, before: char, after: char) -> Push {
        Push {
            id: PushId(uuid::Uuid::from_u128(u128::from(number))),
            before: Some(sha(before)),
            after: sha(after),
            at: Timestamp::from_micros(i64::from(number)),
            ..push_to("main")
        }
    }

    #[test]
    fn cn_04_where_the_branch_is_and_what_follows_what_say_more_than_when_it_was_told() {
        let (told_first, told_late) = (push(1, 'b', 'c'), push(2, 'a', 'b'));
        let head = sha('c');
        for head in [Some(&head), None] {
            assert_eq!(told(&told_late, &told_first, head), Some(Standing::Newer));
            assert_eq!(told(&told_first, &told_late, head), Some(Standing::Older));
        }
    }

    #[test]
    fn cn_04_after_a_forced_push_the_head_decides_and_without_it_the_time() {
        let (old, forced) = (push(1, 'a', 'b'), push(2, 'b', 'a'));
        for head in [Some(&sha('a')), None] {
            assert_eq!(told(&forced, &old, head), Some(Standing::Older));
            assert_eq!(told(&old, &forced, head), Some(Standing::Newer));
        }
        let (one, other) = (push(1, 'a', 'b'), push(2, 'a', 'c'));
        assert_eq!(told(&one, &other, None), None, "git is asked");
        assert_eq!(by_time(&other, &one), Standing::Older);
        assert_eq!(by_time(&one, &other), Standing::Newer);
    }

    #[test]
    fn a_commit_that_is_pushed_again_supersedes_its_first_goals() {
        let (first, again) = (push(1, 'a', 'b'), push(2, 'a', 'b'));
        assert_eq!(told(&again, &first, Some(&sha('b'))), Some(Standing::Older));
        assert_eq!(told(&first, &again, Some(&sha('b'))), Some(Standing::Newer));
    }
}
