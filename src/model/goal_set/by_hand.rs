//! States that administrators set by hand (semantics 3.5 row 28). They stand for no confirmation that a goal asks for: whoever
//! ends a goal well that waits for one must be somebody whose confirmation counts, and it is on record as theirs (threat D6).

use super::super::approval::Approval;
use super::super::goal::{GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{Draft, Extras};
use super::legal_states;
use super::people::wait_of;
use super::refusal::Refusal;

impl Draft {
    /// Sets a state. `by` says who does, and why; `authors` wrote the push.
    pub(super) fn override_state(
        &mut self,
        key: &GoalKey,
        wanted: StateName,
        by: Approval,
        authors: &[String],
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        if by.reason.as_deref().unwrap_or_default().trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        let legal = legal_states(goal);
        if !legal.contains(&wanted) {
            let (name, state) = (goal.definition().name.clone(), goal.state.name());
            return Err(Refusal::IllegalState {
                name,
                state,
                wanted,
                legal,
            });
        }
        match (wanted, &goal.state) {
            (StateName::Success, GoalState::WaitingForApproval { .. }) => {
                self.confirm_by_hand(key, by, authors)
            }
            (StateName::Success, GoalState::WaitingForPreApproval { .. }) => {
                self.confirm_by_hand(key, by.clone(), authors)?;
                self.set_by_hand(key, wanted, by)
            }
            (StateName::Success, _) if !goal.start_confirmed => {
                Err(Refusal::StartNotConfirmed(goal.definition().name.clone()))
            }
            (_, _) => self.set_by_hand(key, wanted, by),
        }
    }

    /// Counts as the last confirmation, from somebody who may give it.
    fn confirm_by_hand(&mut self, key: &GoalKey, by: Approval, authors: &[String]) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let wait = wait_of(goal)?;
        let (missing, starts) = (wait.missing_after(&by, authors)?, wait.starts);
        if missing > 0 {
            return Err(Refusal::OthersMustConfirm {
                name: goal.definition().name.clone(),
                missing,
            });
        }
        self.record_confirmation(key, by, 0, starts);
        Ok(())
    }

    /// A goal whose result must be confirmed waits for that, whoever says that it is good.
    fn set_by_hand(&mut self, key: &GoalKey, wanted: StateName, by: Approval) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let state = match wanted {
            StateName::Success if goal.definition().approval.is_some() => StateName::WaitingForApproval,
            wanted => wanted,
        };
        let reason = by.reason.unwrap_or_default();
        let description = format!("{} · set by @{}: {reason}", goal.text(state), by.by.login);
        let extras = Extras {
            description: Some(description),
            ..Extras::default()
        };
        let actor = Actor::Administrator {
            person: by.by,
            reason,
        };
        self.emit(key, actor, GoalChange::Ended { state }, extras);
        if wanted == StateName::Success {
            self.replan_skipped_after(key);
        }
        Ok(())
    }
}
