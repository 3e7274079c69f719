//! Confirmations of people: of the start of a goal and of its result (semantics 3.5 rows 4, 5, 18 and 19; 3.7).

use super::super::approval::{Approval, ApprovalPolicy};
use super::super::authors::Authors;
use super::super::by_hand::ByHand;
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{Draft, Extras};
use super::by_hand::after;
use super::refusal::Refusal;

impl Draft {
    pub(super) fn confirm(
        &mut self,
        key: &GoalKey,
        approval: Approval,
        authors: &Authors,
        seen: Option<u32>,
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let wait = wait_of(goal)?;
        still_seen(goal, seen)?;
        let (missing, starts) = (wait.missing_after(&approval, authors)?, wait.starts);
        match (missing, starts) {
            (0, true) => self.confirm_start(key, approval),
            (0, false) => self.confirm_result(key, approval),
            (missing, _) => self.confirm_in_part(key, approval, missing),
        }
    }

    /// Further people must confirm.
    fn confirm_in_part(&mut self, key: &GoalKey, approval: Approval, missing: u32) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let extras = Extras::described(format!("{} · {missing} more", goal.text(goal.state.name())));
        let actor = person_of(&approval);
        self.emit(key, actor, GoalChange::Confirmed { approval }, extras);
        Ok(())
    }

    /// No voters are registered in the machine itself, so a full count grants at once (semantics 3.7).
    pub(super) fn confirm_start(&mut self, key: &GoalKey, approval: Approval) -> Result<(), Refusal> {
        let text = self.goal(key)?.text(StateName::PreApproved);
        let extras = Extras::described(format!("{text} · by {}", approval.words()));
        let actor = person_of(&approval);
        self.emit(key, actor, GoalChange::PreApproved { approval }, extras);
        self.emit(key, Actor::Votes, GoalChange::Requested, Extras::default());
        Ok(())
    }

    /// The same for the result, which ends the goal.
    fn confirm_result(&mut self, key: &GoalKey, approval: Approval) -> Result<(), Refusal> {
        self.approve(key, approval)?;
        self.end_approved(key, Actor::Votes)
    }

    /// The last confirmation of a result; the goal is to be ended then.
    pub(super) fn approve(&mut self, key: &GoalKey, approval: Approval) -> Result<(), Refusal> {
        let text = self.goal(key)?.text(StateName::Approved);
        let extras = Extras::described(format!("{text} · by {}", approval.words()));
        let actor = person_of(&approval);
        self.emit(key, actor, GoalChange::Approved { approval }, extras);
        Ok(())
    }

    /// Ends what was approved, and says by whom.
    pub(super) fn end_approved(&mut self, key: &GoalKey, actor: Actor) -> Result<(), Refusal> {
        let (goal, state) = (self.goal(key)?, StateName::Success);
        let words = match ByHand::of(&actor) {
            Some(by_hand) => after(Some(&by_hand)),
            None => format!(
                "{} · approved by {}",
                after(goal.by_hand.as_ref()),
                names(&goal.confirmations)
            ),
        };
        let extras = Extras::described(format!("{}{words}", goal.text(state)));
        self.emit(key, actor, GoalChange::Ended { state }, extras);
        Ok(())
    }
}

/// Who has confirmed, and what the last of them said.
fn names(approvals: &[Approval]) -> String {
    let Some((last, earlier)) = approvals.split_last() else {
        return String::new();
    };
    let earlier: String = earlier
        .iter()
        .map(|approval| format!("@{}, ", approval.by.login))
        .collect();
    format!("{earlier}{}", last.words())
}

fn person_of(approval: &Approval) -> Actor {
    Actor::Person {
        person: approval.by.clone(),
    }
}

/// Confirmations that a goal waits for.
pub(super) struct Wait<'a> {
    pub(super) policy: ApprovalPolicy,
    pub(super) approvals: &'a [Approval],
    /// Whether they are for its start.
    pub(super) starts: bool,
}

/// What a goal waits for, if people.
pub(super) fn wait_of(goal: &Goal) -> Result<Wait<'_>, Refusal> {
    let (policy, approvals, starts) = match &goal.state {
        GoalState::WaitingForPreApproval { approvals } => (&goal.definition().pre_approval, approvals, true),
        GoalState::WaitingForApproval { approvals } => (&goal.definition().approval, approvals, false),
        _ => return Err(not_waiting(goal)),
    };
    Ok(Wait {
        policy: policy.clone().unwrap_or_default(),
        approvals,
        starts,
    })
}

impl Wait<'_> {
    /// How many people must confirm now.
    fn missing(&self) -> u32 {
        self.policy.missing(self.approvals)
    }

    /// How many further people must confirm after this one; `authors` wrote the push.
    pub(super) fn missing_after(&self, approval: &Approval, authors: &Authors) -> Result<u32, Refusal> {
        self.policy
            .admits(&approval.by, authors)
            .map_err(Refusal::NotAdmitted)?;
        let mut all = self.approvals.to_vec();
        if all.iter().any(|earlier| earlier.by.is_same(&approval.by)) {
            return Err(Refusal::AlreadyConfirmed {
                login: approval.by.login.clone(),
                missing: self.missing(),
            });
        }
        all.push(approval.clone());
        Ok(self.policy.missing(&all))
    }
}

impl Goal {
    /// How many people must still confirm it; 0 when it does not wait for people.
    pub fn missing_confirmations(&self) -> u32 {
        wait_of(self).map_or(0, |wait| wait.missing())
    }
}

/// Says who was faster, so that whoever comes second knows how it stands (threat D3).
pub(super) fn not_waiting(goal: &Goal) -> Refusal {
    let confirmed = goal.confirmations.iter();
    Refusal::NotWaiting {
        name: goal.definition().name.clone(),
        state: goal.state.name(),
        confirmed: confirmed
            .map(|approval| (approval.by.login.clone(), approval.at))
            .collect(),
    }
}

/// What somebody looked at still waits: other confirmations of the same wait change nothing, a denial or another run does.
pub(super) fn still_seen(goal: &Goal, seen: Option<u32>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen < goal.waits_since || seen > goal.version => Err(Refusal::Stale {
            name: goal.definition().name.clone(),
            current: goal.version,
            seen,
        }),
        Some(_) | None => Ok(()),
    }
}
