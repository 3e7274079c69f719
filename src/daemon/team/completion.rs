//! Goals that whoever carries them out completes at the hub (semantics 4.11; D4). The hub was shown the token and tells its digest.

use serde_json::{Map, Value};

use super::super::completion::result_of;
use super::Inner;
use super::acts::goal_key;
use super::inbox::answer;
use crate::engine::attempt::{CompletionError, Proof};
use crate::kinds::{ActError, side_effect};
use crate::model::{ExecutionResult, GoalKey, GoalSetId, StateName};
use crate::ports::store::StoreError;
use crate::ports::team::DeliveryAnswer;
use crate::wire::control::Completion;
use crate::wire::hub::completion::{self, Completed};

impl Inner {
    /// By what the hub tells whoever has the token of a goal that they carry out from somebody who guesses.
    pub(super) async fn told_by(
        &self,
        (set, goal): (GoalSetId, &GoalKey),
        state: StateName,
        attempt: u32,
    ) -> Result<Option<String>, StoreError> {
        if state != StateName::InProcess {
            return Ok(None);
        }
        let kept = self.engine.store().completion(set, goal).await?;
        let kept = kept.filter(|(of, _)| of.attempt == attempt);
        Ok(kept.map(|(_, digest)| side_effect::told_by(&digest)))
    }

    /// Completes a goal; what to answer.
    pub(super) async fn complete(&self, values: &Map<String, Value>) -> Result<DeliveryAnswer, StoreError> {
        let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or_default();
        let result = match result(text(completion::RESULT)) {
            Ok(result) => result,
            Err(because) => return Ok(refused(Completed::Unfit, &because)),
        };
        let Ok(id) = GoalSetId::parse(text("goal_set")) else {
            return Ok(refused(
                Completed::Unfit,
                &"`goal_set` is not the id of a goal set",
            ));
        };
        let Some(record) = self.engine.store().goal_set(id).await? else {
            return Ok(refused(Completed::WrongToken, &CompletionError::WrongToken));
        };
        let Ok(goal) = goal_key(&record, text("goal"), text("environment")) else {
            return Ok(refused(Completed::WrongToken, &CompletionError::WrongToken));
        };
        let proof = Proof::Digest(text(completion::PROOF));
        let completed = self.engine.complete(id, &goal, proof, result).await;
        match completed {
            Ok(set) => Ok(answer(0, format!("done; the goal set is {}", set.state()))),
            Err(CompletionError::Store(error) | CompletionError::Act(ActError::Store(error))) => Err(error),
            // Whether there is such a goal is told to nobody who has no token for it.
            Err(CompletionError::WrongToken | CompletionError::NotElsewhere(_)) => {
                Ok(refused(Completed::WrongToken, &CompletionError::WrongToken))
            }
            Err(error @ (CompletionError::TooLate(_) | CompletionError::Act(_))) => {
                Ok(refused(Completed::TooLate, &error))
            }
        }
    }
}

fn result(text: &str) -> Result<ExecutionResult, String> {
    let completion: Completion =
        serde_json::from_str(text).map_err(|error| format!("the result cannot be read: {error}"))?;
    result_of(completion).map_err(|unfit| unfit.message)
}

fn refused(how: Completed, because: &dyn std::fmt::Display) -> DeliveryAnswer {
    answer(how.code(), because.to_string())
}
