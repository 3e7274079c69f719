//! The table of legal transitions (semantics 3.5), as one function.

use super::super::approval::Approval;
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange, GoalEvent};
use super::super::queue::ReleaseOn;
use super::InvalidTransition;

/// Where `event` takes `goal`.
pub(super) fn next_state(goal: &Goal, event: &GoalEvent) -> Result<GoalState, InvalidTransition> {
    let at = event.at;
    let requested = GoalState::Requested {
        since: at,
        not_before: event.not_before,
    };
    let next = match (&goal.state, &event.change) {
        (_, GoalChange::Planned { state }) if goal.version == 0 => born(*state, event),
        (GoalState::Planned | GoalState::PreApproved { .. }, GoalChange::Requested) => Some(requested),
        // Also when a goal is retried whose start nobody has confirmed (threat D6).
        (GoalState::Planned | GoalState::Failure, GoalChange::StartRequired) => {
            Some(GoalState::WaitingForPreApproval {
                approvals: Vec::new(),
            })
        }
        (_, GoalChange::Confirmed { approval }) => confirmed(&goal.state, approval),
        (GoalState::WaitingForPreApproval { approvals }, GoalChange::PreApproved { approval }) => {
            Some(GoalState::PreApproved {
                approvals: with(approvals, approval),
            })
        }
        (GoalState::WaitingForApproval { approvals }, GoalChange::Approved { approval }) => {
            Some(GoalState::Approved {
                approvals: with(approvals, approval),
            })
        }
        // Row 6 a moment later: nothing has begun, and what would run is not what was confirmed (threat D2).
        (GoalState::Requested { .. }, GoalChange::Denied) => {
            goal.definition()
                .pre_approval
                .as_ref()
                .map(|_| GoalState::WaitingForPreApproval {
                    approvals: Vec::new(),
                })
        }
        (state, GoalChange::Denied) => denied(state),
        (GoalState::Requested { .. }, GoalChange::Started { attempt, epoch })
            if *attempt == goal.attempt + 1 =>
        {
            Some(GoalState::InProcess {
                since: at,
                epoch: *epoch,
            })
        }
        (state @ GoalState::InProcess { .. }, GoalChange::Progressed) => Some(state.clone()),
        (state, GoalChange::Ended { state: end }) => ended(state, *end, &event.actor),
        (GoalState::Planned, GoalChange::Skipped { because_of }) => Some(GoalState::Skipped {
            because_of: Some(because_of.clone()),
        }),
        (state, GoalChange::Canceled) => (!state.is_terminal()).then_some(GoalState::Canceled),
        (GoalState::Failure, GoalChange::Retried { .. }) => Some(requested),
        (GoalState::Skipped { because_of: Some(_) }, GoalChange::Replanned) => Some(GoalState::Planned),
        // A set that goes on without its slot queues again, and what comes after the queue waits for that (hazard 7).
        (GoalState::Success, GoalChange::Replanned) => {
            ReleaseOn::of(&goal.definition().work).map(|_| GoalState::Planned)
        }
        (GoalState::Requested { .. }, GoalChange::Replanned) => Some(GoalState::Planned),
        (state, GoalChange::IgnoredResult { .. }) => Some(state.clone()),
        (
            _,
            GoalChange::Planned { .. }
            | GoalChange::Requested
            | GoalChange::StartRequired
            | GoalChange::PreApproved { .. }
            | GoalChange::Approved { .. }
            | GoalChange::Started { .. }
            | GoalChange::Progressed
            | GoalChange::Skipped { .. }
            | GoalChange::Retried { .. }
            | GoalChange::Replanned,
        ) => None,
    };
    next.filter(|_| goal.version > 0 || matches!(event.change, GoalChange::Planned { .. }))
        .ok_or_else(|| illegal(goal, event))
}

fn illegal(goal: &Goal, event: &GoalEvent) -> InvalidTransition {
    InvalidTransition::Illegal {
        goal: event.goal.clone(),
        from: goal.state.name(),
        change: event.change.word().to_owned(),
    }
}

fn with(approvals: &[Approval], approval: &Approval) -> Vec<Approval> {
    let mut all = approvals.to_vec();
    all.push(approval.clone());
    all
}

/// Row 1, and ends that planning already knows (no fulfillment).
fn born(state: StateName, event: &GoalEvent) -> Option<GoalState> {
    match state {
        StateName::Planned => Some(GoalState::Planned),
        StateName::WaitingForPreApproval => Some(GoalState::WaitingForPreApproval {
            approvals: Vec::new(),
        }),
        StateName::Requested => Some(GoalState::Requested {
            since: event.at,
            not_before: event.not_before,
        }),
        StateName::Failure => Some(GoalState::Failure),
        StateName::PreApproved
        | StateName::InProcess
        | StateName::WaitingForApproval
        | StateName::Approved
        | StateName::Success
        | StateName::Stopped
        | StateName::Canceled
        | StateName::Skipped => None,
    }
}

fn confirmed(state: &GoalState, approval: &Approval) -> Option<GoalState> {
    match state {
        GoalState::WaitingForPreApproval { approvals } => Some(GoalState::WaitingForPreApproval {
            approvals: with(approvals, approval),
        }),
        GoalState::WaitingForApproval { approvals } => Some(GoalState::WaitingForApproval {
            approvals: with(approvals, approval),
        }),
        _ => None,
    }
}

/// Rows 6 and 20: back to waiting, and whoever confirmed must do so again.
fn denied(state: &GoalState) -> Option<GoalState> {
    match state {
        GoalState::WaitingForPreApproval { .. } | GoalState::PreApproved { .. } => {
            Some(GoalState::WaitingForPreApproval {
                approvals: Vec::new(),
            })
        }
        GoalState::WaitingForApproval { .. } | GoalState::Approved { .. } => {
            Some(GoalState::WaitingForApproval {
                approvals: Vec::new(),
            })
        }
        _ => None,
    }
}

/// Rows 10, 12–17, 19, 24 and, for an administrator, row 28.
fn ended(from: &GoalState, end: StateName, actor: &Actor) -> Option<GoalState> {
    let legal = match (actor, from) {
        (Actor::Administrator { .. }, _) => matches!(
            end,
            StateName::Success | StateName::Failure | StateName::Canceled | StateName::WaitingForApproval
        ),
        (_, GoalState::InProcess { .. }) => end.is_terminal() || end == StateName::WaitingForApproval,
        (_, GoalState::Approved { .. }) => end == StateName::Success,
        (_, GoalState::Requested { .. }) => matches!(end, StateName::Failure | StateName::Canceled),
        _ => false,
    };
    let next = match end {
        StateName::Success => GoalState::Success,
        StateName::Failure => GoalState::Failure,
        StateName::Stopped => GoalState::Stopped,
        StateName::Canceled => GoalState::Canceled,
        StateName::Skipped => GoalState::Skipped { because_of: None },
        StateName::WaitingForApproval => GoalState::WaitingForApproval {
            approvals: Vec::new(),
        },
        StateName::Planned
        | StateName::WaitingForPreApproval
        | StateName::PreApproved
        | StateName::Requested
        | StateName::InProcess
        | StateName::Approved => return None,
    };
    legal.then_some(next)
}

/// The states an administrator may set this goal to (semantics 3.5, DECISION on row 28).
pub fn legal_states(goal: &Goal) -> Vec<StateName> {
    [StateName::Success, StateName::Failure, StateName::Canceled]
        .into_iter()
        .filter(|state| *state != goal.state.name())
        .collect()
}
