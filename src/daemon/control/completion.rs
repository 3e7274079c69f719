//! Completing a goal that is carried out elsewhere (semantics 4.11; ST-20).

use secrecy::{ExposeSecret, SecretString};

use super::super::completion::{Unfit, result_of};
use super::{Refused, choose};
use crate::daemon::local::LocalDaemon;
use crate::engine::attempt::Proof;
use crate::model::{Goal, StateName};
use crate::ports::store::GoalSetRecord;
use crate::wire::control::{Completion, GoalChoice};

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
        let proof = Proof::Token(token.expose_secret());
        let set = self
            .engine()
            .complete(record.set.id, &goal, proof, result)
            .await?;
        Ok(GoalSetRecord { set, ..record })
    }
}

impl From<Unfit> for Refused {
    fn from(unfit: Unfit) -> Self {
        let refused = Self::new(unfit.message);
        match unfit.hint {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    }
}
