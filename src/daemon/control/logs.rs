//! Lines of a goal's log, from any offset, and on until it ends.

use std::time::Duration;

use crate::daemon::local::LocalDaemon;
use crate::model::reused::{Reused, UNCHANGED};
use crate::model::{Errand, Goal, GoalKey, GoalSetId};
use crate::ports::executor::{AttemptRef, ExecutionError, LogLine, LogPage};
use crate::ports::store::GoalSetRecord;
use crate::wire::control::{GoalChoice, Reply};

use super::server::Answer;
use super::{Refused, choose};

/// Bytes of log read at once.
const PAGE: u64 = 256 * 1024;
/// Pause between two looks at a log that grows.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct LogRequest {
    pub(super) goal: GoalChoice,
    pub(super) attempt: Option<u32>,
    pub(super) offset: u64,
    pub(super) follow: bool,
}

pub(super) async fn send(
    daemon: &LocalDaemon,
    request: LogRequest,
    answer: &mut Answer,
) -> Result<(), Refused> {
    if let Some(errand) = daemon.errand_named(&request.goal).await? {
        return send_errand(daemon, errand, request, answer).await;
    }
    let has_log = |goal: &Goal| goal.attempt > 0;
    let (record, key) = choose::goal(daemon.engine(), &request.goal, "has a log", has_log).await?;
    let (name, latest) = record
        .set
        .goal(&key)
        .map(|goal| (goal.definition().name.clone(), goal.attempt))
        .unwrap_or_default();
    let number = request.attempt.unwrap_or(latest);
    if latest == 0 {
        return Err(Refused::new(format!(
            "{name} has not started yet, so it has no log"
        )));
    }
    if number == 0 || number > latest {
        return Err(Refused::new(format!(
            "{name} has no attempt {number}; it has had {latest}"
        )));
    }
    let attempt = AttemptRef::of_any_lease(record.set.id, key.clone(), number);
    let mut offset = request.offset;
    loop {
        let page = match daemon.engine().executor().read_log(&attempt, offset, PAGE).await {
            Err(ExecutionError::Unknown) => {
                let at = (number, offset);
                without_log(daemon, &record, &key, at).await?
            }
            page => page?,
        };
        send_lines(&name, Some(record.set.id), number, &page, answer).await?;
        let grew = page.next_offset > offset;
        offset = page.next_offset;
        if page.complete || (!request.follow && !grew) {
            return Ok(());
        }
        if !grew {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Lines of an errand's log; one that has not started yet is waited for when its log is followed.
async fn send_errand(
    daemon: &LocalDaemon,
    errand: Errand,
    request: LogRequest,
    answer: &mut Answer,
) -> Result<(), Refused> {
    let store = daemon.engine().store().clone();
    let mut changes = store.subscribe();
    let (mut errand, mut offset) = (errand, request.offset);
    loop {
        changes.mark_unchanged();
        errand = store.errand(errand.id).await?.unwrap_or(errand);
        let number = request.attempt.unwrap_or(errand.attempt);
        let attempt = AttemptRef::of_errand(errand.id, number);
        let page = match daemon.engine().executor().read_log(&attempt, offset, PAGE).await {
            Err(ExecutionError::Unknown) => LogPage {
                lines: Vec::new(),
                next_offset: offset,
                complete: errand.has_ended(),
            },
            page => page?,
        };
        send_lines(&errand.name, None, number, &page, answer).await?;
        let grew = page.next_offset > offset;
        offset = page.next_offset;
        if (page.complete && (errand.has_ended() || number < errand.attempt)) || (!request.follow && !grew) {
            return Ok(());
        }
        if !grew {
            tokio::time::timeout(PAUSE, changes.changed()).await.ok();
        }
    }
}

async fn send_lines(
    name: &str,
    goal_set: Option<GoalSetId>,
    attempt: u32,
    page: &LogPage,
    answer: &mut Answer,
) -> Result<(), Refused> {
    for line in &page.lines {
        let reply = Reply::Log {
            goal: name.to_owned(),
            attempt,
            offset: line.offset,
            at: line.at.rfc3339(),
            stream: line.stream.clone(),
            text: line.text.clone(),
            goal_set: goal_set.map(|id| id.to_string()),
        };
        answer.send(&reply).await?;
    }
    Ok(())
}

/// A goal that runs no process, or is about to start one; or one that took over what another did, and says where the log of
/// that is.
async fn without_log(
    daemon: &LocalDaemon,
    record: &GoalSetRecord,
    key: &GoalKey,
    (attempt, offset): (u32, u64),
) -> Result<LogPage, Refused> {
    let now = daemon.engine().store().goal_set(record.set.id).await?;
    let goal = now
        .as_ref()
        .and_then(|record| record.set.goal(key))
        .filter(|goal| goal.attempt == attempt);
    let lines: Vec<LogLine> = goal
        .and_then(where_it_is)
        .into_iter()
        .filter(|line| line.offset >= offset)
        .collect();
    Ok(LogPage {
        next_offset: offset + lines.len() as u64,
        lines,
        complete: goal.is_none_or(|goal| goal.state.is_terminal()),
    })
}

/// The one line in the log of a goal that did not run.
fn where_it_is(goal: &Goal) -> Option<LogLine> {
    let reused =
        Reused::in_data(goal.data.as_deref()).filter(|_| goal.phase.as_deref() == Some(UNCHANGED))?;
    let name = reused.goal.map_or_else(
        || goal.definition().name.clone(),
        |goal| goal.unique_name.as_str().to_owned(),
    );
    let (set, attempt) = (reused.goal_set.short(), reused.attempt);
    Some(LogLine {
        offset: 0,
        at: goal.changed_at,
        stream: "sdm".to_owned(),
        text: format!(
            "nothing ran, what it depends on is unchanged; the log: sdm logs {set} {name} --attempt {attempt}"
        ),
    })
}
