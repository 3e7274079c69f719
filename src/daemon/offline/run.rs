//! Planning one push and carrying it out in the foreground, with the same engine and a state directory of its own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{OfflineError, Question, Subject, leftovers, question};
use crate::config::Configuration;
use crate::daemon::local::{StartError, parts, settings};
use crate::daemon::state::{StateDirectory, StateError};
use crate::engine::Engine;
use crate::exec::attempt::AttemptDirectory;
use crate::kinds::Acts;
use crate::model::goal_set::CancelScope;
use crate::model::{
    Action, Actor, Cursor, FeedEntry, Goal, GoalKey, GoalSet, GoalSetId, News, Plan, Push, StateName, Trace,
};
use crate::ports::executor::{AttemptRef, LogLine};
use crate::ports::store::{Cause, GoalSetRecord};
use crate::runtime::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::runtime::tasks::Tasks;
use crate::wire::views::ReviewView;

/// Lines of a log that are shown.
const MOST_LINES: usize = 200;

/// What to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Of what.
    pub subject: Subject,
    /// Only these goals and what they come after; all when empty.
    pub goals: Vec<String>,
    /// What goals wrote that did not fail is wanted too.
    pub all_logs: bool,
    /// Variables every process gets beside the contract.
    pub environment: Vec<(String, String)>,
    /// Cancelled when the person wants an end; everything that runs is ended then.
    pub interrupt: CancellationToken,
}

/// What a goal wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalLog {
    /// Display name of the goal.
    pub goal: String,
    /// Its last lines.
    pub lines: Vec<LogLine>,
    /// Whether there are more.
    pub is_cut: bool,
    /// Where all of it is, a JSON record a line.
    pub path: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The push.
    pub push: Push,
    /// Why.
    pub trace: Trace,
    /// The set at its end; `None` when no goal was set.
    pub record: Option<GoalSetRecord>,
    /// Logs of failed goals, or of all when asked for.
    pub logs: Vec<GoalLog>,
    /// What inspections said of goals that did not fail; the logs of the others say it.
    pub reviews: Vec<ReviewView>,
    /// The person wanted an end.
    pub interrupted: bool,
}

/// Plans the subject and carries it out, telling `on_news` what happens, until every goal has ended. Goals that wait for
/// a person are canceled, with those after them: nobody confirms in a foreground run.
///
/// # Errors
/// It cannot be planned or the machine cannot be wired.
pub async fn run(
    configuration: &Configuration,
    path: &Path,
    options: RunOptions,
    mut on_news: impl FnMut(&FeedEntry) + Send,
) -> Result<RunOutcome, OfflineError> {
    let tasks = Tasks::new();
    // What is run here is nobody else's: replicas of the machine have no part in it.
    let configuration = &configuration.with_memory_of_its_own();
    let state = run_state(configuration)?;
    let machine = super::machine(configuration)?;
    let (repository_path, subject) = (path.to_owned(), options.subject.clone());
    let asked = tokio::task::spawn_blocking(move || question(&repository_path, &subject));
    let Question { mut push, scm } = asked.await.expect("asking does not panic")?;
    push.repo.address = scm.address();
    let parts = parts(configuration, &state, &tasks).await?;
    let mut settings = settings(configuration, &state, options.environment.clone())?;
    settings.trust_all = true;
    // One goal set is run; what it would trigger is for a machine that goes on.
    settings.heeds_goals = false;
    let attempts = state.beneath("attempts").map_err(StartError::from)?;
    let mut sweep = crate::daemon::containers::sweep(&settings.containers, &attempts);
    let engine = Engine::new(parts, settings, machine);
    leftovers::end(&engine).await?;
    crate::daemon::containers::look(&mut sweep).await;
    engine.parts.workspaces.reclaim(&[]).await?;
    engine.parts.scm.fetch(&push.repo, &push.after).await?;
    let outcome = carry_out(&engine, &tasks, push, &options, &attempts, &mut on_news).await;
    until_idle(&engine).await;
    tasks.shut_down(Duration::from_secs(5)).await;
    drop(scm);
    outcome
}

/// The first state directory for foreground runs that nobody uses.
fn run_state(configuration: &Configuration) -> Result<StateDirectory, StartError> {
    let mut number = 0;
    loop {
        let name = if number == 0 {
            "run".to_owned()
        } else {
            format!("run-{number}")
        };
        match StateDirectory::open(&configuration.state_directory.join(PathBuf::from(name))) {
            Err(StateError::InUse(_)) if number < 32 => number += 1,
            outcome => return Ok(outcome?),
        }
    }
}

async fn carry_out(
    engine: &Engine,
    tasks: &Tasks,
    push: Push,
    options: &RunOptions,
    attempts: &Path,
    on_news: &mut (impl FnMut(&FeedEntry) + Send),
) -> Result<RunOutcome, OfflineError> {
    let start = engine.store().last_cursor().await?;
    let explanation = engine.explain_blocking(push.clone()).await;
    if let Some(error) = explanation.error {
        return Err(OfflineError::Planning(error));
    }
    let plan = only(explanation.plan, &options.goals)?;
    let Some(name) = plan.name.clone().filter(|_| !plan.goals.is_empty()) else {
        return Ok(RunOutcome {
            push,
            trace: plan.trace,
            record: None,
            logs: Vec::new(),
            reviews: Vec::new(),
            interrupted: false,
        });
    };
    let at = SystemClock.now();
    let set = engine.plan_set(
        GoalSetId(RandomIds.fresh()),
        (&name, &plan),
        &push,
        &Cause::Push,
        at,
    )?;
    engine.store().record_replay(&push).await?;
    engine
        .store()
        .store_plan(&push, &Cause::Push, &plan, Some(&set), at)
        .await?;
    let scheduler = engine.clone();
    tasks.spawn_forever("scheduler", async move { scheduler.run().await });
    let record = until_ended(engine, tasks, set.id, start, &options.interrupt, on_news).await?;
    let logs = logs(engine, &record, attempts, options.all_logs).await;
    let reviews = reviews(engine, &record).await?;
    Ok(RunOutcome {
        push,
        trace: plan.trace,
        record: Some(record),
        logs,
        reviews,
        interrupted: options.interrupt.is_cancelled(),
    })
}

/// The named goals and everything they come after.
fn only(mut plan: Plan, names: &[String]) -> Result<Plan, OfflineError> {
    if names.is_empty() {
        return Ok(plan);
    }
    let mut wanted: HashSet<GoalKey> = HashSet::new();
    for name in names {
        let named = plan
            .goals
            .iter()
            .find(|goal| goal.definition.name == *name || goal.definition.unique_name.as_str() == name);
        let goals = || {
            plan.goals
                .iter()
                .map(|goal| goal.definition.name.clone())
                .collect()
        };
        let goal = named.ok_or_else(|| OfflineError::NoSuchGoal {
            name: name.clone(),
            goals: goals(),
        })?;
        wanted.insert(goal.key());
    }
    loop {
        let before = wanted.len();
        let needed = plan.goals.iter().filter(|goal| wanted.contains(&goal.key()));
        let needed: Vec<GoalKey> = needed.flat_map(|goal| goal.preconditions.clone()).collect();
        wanted.extend(needed);
        if wanted.len() == before {
            break;
        }
    }
    plan.goals.retain(|goal| wanted.contains(&goal.key()));
    Ok(plan)
}

async fn until_ended(
    engine: &Engine,
    tasks: &Tasks,
    id: GoalSetId,
    mut cursor: Cursor,
    interrupt: &CancellationToken,
    on_news: &mut (impl FnMut(&FeedEntry) + Send),
) -> Result<GoalSetRecord, OfflineError> {
    let mut changes = engine.store().subscribe();
    let mut interrupted = false;
    loop {
        changes.mark_unchanged();
        for entry in engine.store().feed(cursor, 500).await? {
            cursor = entry.cursor;
            if concerns(&entry, id) {
                on_news(&entry);
            }
        }
        let record = engine.store().goal_set(id).await?.ok_or(OfflineError::Crashed)?;
        if !record.set.is_active() && engine.store().last_cursor().await? == cursor {
            return Ok(record);
        }
        if waits_only_for_people(&record.set) {
            cancel(engine, id, "nobody confirms in a foreground run").await;
            continue;
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = interrupt.cancelled(), if !interrupted => {
                interrupted = true;
                cancel(engine, id, "interrupted").await;
            }
            () = tasks.crashed() => return Err(OfflineError::Crashed),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Ends everything that has not ended; that nothing is left is no error.
pub(super) async fn cancel(engine: &Engine, id: GoalSetId, reason: &str) {
    let action = Action::Cancel {
        scope: CancelScope::All,
        actor: Actor::Planner,
        reason: reason.to_owned(),
    };
    if let Err(error) = engine.act(id, &action).await {
        tracing::debug!(error = %error, "nothing was canceled");
    }
}

/// Processes that were told to end get their grace time before we go.
async fn until_idle(engine: &Engine) {
    let mut looks = 0;
    while engine.running() > 0 && looks < 450 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        looks += 1;
    }
}

fn concerns(entry: &FeedEntry, id: GoalSetId) -> bool {
    match &entry.news {
        News::Goal { goal_set, .. } => *goal_set == id,
        News::Planned { goal_set, .. } => *goal_set == Some(id),
        News::Push { .. }
        | News::PlanningFailed { .. }
        | News::Command { .. }
        | News::Errand { .. }
        | News::Event { .. } => false,
        News::Message { .. } => true,
    }
}

/// Nothing goes on by itself any more.
fn waits_only_for_people(set: &GoalSet) -> bool {
    let open = || set.goals().iter().filter(|goal| !goal.state.is_terminal());
    let waits = |state: StateName| {
        matches!(
            state,
            StateName::WaitingForPreApproval | StateName::WaitingForApproval
        )
    };
    let moves = |state: StateName| !waits(state) && state != StateName::Planned;
    open().any(|goal| waits(goal.state.name())) && !open().any(|goal| moves(goal.state.name()))
}

async fn reviews(engine: &Engine, record: &GoalSetRecord) -> Result<Vec<ReviewView>, OfflineError> {
    let kept = engine.store().reviews(record.set.id).await?;
    let mut views = Vec::new();
    for (key, review) in kept {
        let goal = record
            .set
            .goal(&key)
            .filter(|goal| goal.state.name() != StateName::Failure);
        if let Some(goal) = goal.filter(|_| review.count() > 0) {
            views.push(ReviewView::of(record.set.id, &record.push, goal, review));
        }
    }
    Ok(views)
}

async fn logs(engine: &Engine, record: &GoalSetRecord, attempts: &Path, all: bool) -> Vec<GoalLog> {
    let mut logs = Vec::new();
    let is_wanted = |goal: &&Goal| goal.attempt > 0 && (all || goal.state.name() == StateName::Failure);
    for goal in record.set.goals().iter().filter(is_wanted) {
        let attempt = AttemptRef::of_any_lease(record.set.id, goal.key(), goal.attempt);
        let (lines, is_cut) = last_lines(engine, &attempt).await;
        logs.push(GoalLog {
            goal: goal.definition().name.clone(),
            lines,
            is_cut,
            path: AttemptDirectory::of(attempts, &attempt).log(),
        });
    }
    logs
}

/// The last lines of a log, and whether there are more.
async fn last_lines(engine: &Engine, attempt: &AttemptRef) -> (Vec<LogLine>, bool) {
    let (mut lines, mut is_cut, mut offset) = (Vec::new(), false, 0);
    while let Ok(page) = engine.executor().read_log(attempt, offset, 1 << 20).await {
        lines.extend(page.lines);
        let keep_from = lines.len().saturating_sub(MOST_LINES);
        is_cut |= keep_from > 0;
        lines.drain(..keep_from);
        if page.complete || page.next_offset == offset {
            break;
        }
        offset = page.next_offset;
    }
    (lines, is_cut)
}
