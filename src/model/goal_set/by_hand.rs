//! States that administrators set by hand (semantics 3.5 row 28). They stand for no confirmation that a goal asks for: whoever
//! ends a goal well that waits for one must be somebody whose confirmation counts, and it is on record as theirs (threat D6).

use super::super::approval::Approval;
use super::super::authors::Authors;
use super::super::by_hand::ByHand;
use super::super::goal::{GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{Draft, Extras};
use super::confirming::wait_of;
use super::legal_states;
use super::refusal::Refusal;

impl Draft {
    /// Sets a state. `by` says who does, and why; `authors` wrote the push.
    pub(super) fn override_state(
        &mut self,
        key: &GoalKey,
        wanted: StateName,
        by: Approval,
        authors: &Authors,
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
                self.is_last(key, &by, authors)?;
                self.approve(key, by.clone())?;
                self.end_approved(key, administrator(by))
            }
            (StateName::Success, GoalState::WaitingForPreApproval { .. }) => {
                self.is_last(key, &by, authors)?;
                self.confirm_start(key, by.clone())?;
                self.set_by_hand(key, wanted, by)
            }
            (StateName::Success, _) if !goal.start_confirmed => {
                Err(Refusal::StartNotConfirmed(goal.definition().name.clone()))
            }
            (_, _) => self.set_by_hand(key, wanted, by),
        }
    }

    /// Counts as the last confirmation, from somebody who may give it.
    fn is_last(&self, key: &GoalKey, by: &Approval, authors: &Authors) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let wait = wait_of(goal)?;
        match wait.missing_after(by, authors)? {
            0 => Ok(()),
            missing => Err(Refusal::OthersMustConfirm {
                name: goal.definition().name.clone(),
                asked: wait.policy.count,
                given: wait
                    .approvals
                    .iter()
                    .map(|approval| approval.by.login.clone())
                    .collect(),
                missing,
            }),
        }
    }

    /// A goal whose result must be confirmed waits for that, whoever says that it is good.
    fn set_by_hand(&mut self, key: &GoalKey, wanted: StateName, by: Approval) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let state = match wanted {
            StateName::Success if goal.definition().approval.is_some() => StateName::WaitingForApproval,
            wanted => wanted,
        };
        let (text, actor) = (goal.text(state), administrator(by));
        let extras = Extras::described(format!("{text}{}", after(ByHand::of(&actor).as_ref())));
        self.emit(key, actor, GoalChange::Ended { state }, extras);
        if wanted == StateName::Success {
            self.replan_skipped_after(key);
        }
        Ok(())
    }
}

fn administrator(by: Approval) -> Actor {
    Actor::Administrator {
        person: by.by,
        reason: by.reason.unwrap_or_default(),
    }
}

/// What stands in the text of a goal behind its state.
pub(super) fn after(by_hand: Option<&ByHand>) -> String {
    by_hand.map(|by_hand| format!(" · {by_hand}")).unwrap_or_default()
}
