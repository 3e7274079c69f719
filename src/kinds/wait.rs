//! Wait rules: a command that must end with 0 before the work of a goal begins (semantics 3.13, EX-06).

use crate::ports::executor::Poll;

use super::resolve::Placeholders;
use super::{GoalContext, KindError, ProcessRequest, Step};

/// What the step that waits is called; the phase of the goal meanwhile.
const NAME: &str = "waiting";

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
