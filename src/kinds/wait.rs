//! Wait rules: a command that must end with 0 before the work of a goal begins (semantics 3.13, EX-06).
//!
//! The work of a goal with a process follows as further steps of it. Any other goal has a process only to wait in, and its
//! work begins when that has ended well.

use std::time::Duration;

use crate::model::ExecutionResult;
use crate::ports::executor::Poll;

use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError, ProcessRequest, Step};

/// What the step that waits is called; the phase of the goal meanwhile.
const NAME: &str = "waiting";

/// How long the tries themselves may take together, where no work follows in the same process.
const TRIES: Duration = Duration::from_secs(600);

/// The request behind the wait rule of its goal, when it has one. The time that the rule may take is added to the time
/// limit, so that waiting does not use up the time for the work.
///
/// # Errors
/// The command of the rule has no value for this push.
pub async fn behind(
    context: &GoalContext<'_>,
    mut request: ProcessRequest,
) -> Result<ProcessRequest, KindError> {
    let definition = context.goal.definition();
    let Some(rule) = &definition.wait_for else {
        return Ok(request);
    };
    let resolved = Placeholders::of(context).await?.argv(&rule.run)?;
    if let [only] = request.steps.as_mut_slice()
        && only.name.is_empty()
    {
        only.name.clone_from(&definition.name);
    }
    request.timeout = request
        .timeout
        .saturating_add(rule.pause.saturating_mul(rule.retries));
    request.steps.insert(
        0,
        Step {
            environment: resolved.environment,
            poll: Some(Poll {
                retries: rule.retries,
                pause: rule.pause,
            }),
            ..Step::program(NAME, resolved.argv)
        },
    );
    Ok(request)
}

/// The process in which a goal waits that has none of its own.
///
/// # Errors
/// As for [`behind`].
pub async fn alone(context: &GoalContext<'_>) -> Result<ProcessRequest, KindError> {
    // A step in the place of the work, so that the phases are those of any goal that waits.
    let nothing = ProcessRequest {
        steps: vec![Step::program("", vec!["true".to_owned()])],
        environment: Vec::new(),
        timeout: TRIES,
        grace: Duration::from_secs(10),
    };
    behind(context, nothing).await
}

/// What becomes of a goal that waited [alone], now that this has ended: its work is done, or it never begins.
///
/// # Errors
/// Those of its kind.
pub async fn work_after(
    kind: &dyn Kind,
    context: &GoalContext<'_>,
    waited: ExecutionResult,
) -> Result<ExecutionResult, KindError> {
    if waited.code != 0 || waited.state.is_some() {
        return Ok(waited);
    }
    match kind.begin(context).await? {
        Begun::Ended(result) => Ok(result),
        Begun::Process(_) | Begun::Waiting { .. } => {
            let message = "it has waited already, and cannot go on in another process";
            Err(KindError::Definition(message.to_owned()))
        }
    }
}
