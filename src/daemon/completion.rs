//! What whoever carries a goal out says of it, within limits (semantics 4.11; ST-20).

use crate::model::goal_event::{ExternalUrl, UsedImages};
use crate::model::{ExecutionResult, StateName};
use crate::wire::control::Completion;

/// Longest text of a completion, in characters.
const MAX_TEXT: usize = 4_000;

/// Longest data of a completion, in bytes.
const MAX_DATA: usize = 48 * 1024;

/// Most links of a completion.
const MAX_LINKS: usize = 20;

/// Something that no goal can be completed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Why.
    pub(super) message: String,
    /// What to say instead.
    pub(super) hint: Option<&'static str>,
}

impl Unfit {
    fn new(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// What was reported, as a result of the goal.
///
/// # Errors
/// It is nothing that a goal can be completed with.
pub(super) fn result_of(completion: Completion) -> Result<ExecutionResult, Unfit> {
    use StateName::{Failure, InProcess, Skipped, Stopped, Success, WaitingForApproval};
    let state = completion.state;
    if ![Success, Failure, WaitingForApproval, Stopped, Skipped, InProcess].contains(&state) {
        return Err(Unfit {
            message: format!("a goal cannot be completed as {state}"),
            hint: Some(
                "say success, failure, waiting_for_approval, stopped, skipped, or in_process for news",
            ),
        });
    }
    if completion.data.as_ref().is_some_and(|data| data.len() > MAX_DATA) {
        return Err(Unfit::new(format!("the data is longer than {MAX_DATA} bytes")));
    }
    let is_link = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if let Some(other) = completion.urls.iter().find(|url| !is_link(url)) {
        let shown: String = other.escape_debug().take(100).collect();
        return Err(Unfit::new(format!("`{shown}` is not an http or https address")));
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
        images: UsedImages::new(),
    })
}
