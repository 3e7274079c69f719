//! Completing a goal that is carried out elsewhere (semantics 4.11; ST-20).

use secrecy::{ExposeSecret, SecretString};

use super::{Refused, choose};
use crate::daemon::local::LocalDaemon;
use crate::model::goal_event::ExternalUrl;
use crate::model::{ExecutionResult, Goal, StateName};
use crate::ports::store::GoalSetRecord;
use crate::wire::control::{Completion, GoalChoice};

/// Longest text of a completion, in characters.
const MAX_TEXT: usize = 4_000;

/// Longest data of a completion, in bytes.
const MAX_DATA: usize = 48 * 1024;

/// Most links of a completion.
const MAX_LINKS: usize = 20;

impl LocalDaemon {
    pub(super) async fn complete(
        &self,
        choice: &GoalChoice,
        token: &SecretString,
        completion: Completion,
    ) -> Result<GoalSetRecord, Refused> {
        let result = result_of(completion)?;
        let is_in_process = |goal: &Goal| goal.state.name() == StateName::InProcess;
        let (record, goal) = choose::goal(self.engine(), choice, "is in process", is_in_process).await?;
        let set = self
            .engine()
            .complete(record.set.id, &goal, token.expose_secret(), result)
            .await?;
        Ok(GoalSetRecord { set, ..record })
    }
}

/// What was reported, within limits.
fn result_of(completion: Completion) -> Result<ExecutionResult, Refused> {
    use StateName::{Failure, InProcess, Skipped, Stopped, Success, WaitingForApproval};
    let state = completion.state;
    if ![Success, Failure, WaitingForApproval, Stopped, Skipped, InProcess].contains(&state) {
        return Err(Refused::new(format!("a goal cannot be completed as {state}"))
            .hint("say success, failure, waiting_for_approval, stopped, skipped, or in_process for news"));
    }
    if completion.data.as_ref().is_some_and(|data| data.len() > MAX_DATA) {
        return Err(Refused::new(format!("the data is longer than {MAX_DATA} bytes")));
    }
    let is_link = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if let Some(other) = completion.urls.iter().find(|url| !is_link(url)) {
        let shown: String = other.escape_debug().take(100).collect();
        return Err(Refused::new(format!("`{shown}` is not an http or https address")));
    }
    let cut = |text: String| text.chars().take(MAX_TEXT).collect::<String>();
    let link = |url: String| ExternalUrl {
        label: None,
        url: cut(url),
    };
    Ok(ExecutionResult {
        code: i32::from(state == Failure),
        state: Some(state).filter(|state| *state != Success),
        phase: completion.phase.map(cut),
        description: completion.description.map(cut),
        message: completion.message.map(cut),
        data: completion.data,
        external_urls: completion.urls.into_iter().take(MAX_LINKS).map(link).collect(),
        version: None,
    })
}
