//! Decisions about goals in the audit log: each by its own name, with who decided, about what, and why they say so. Whoever may make
//! one of them may make all (security model 11), so that they are decided by one row.

use serde_json::Value;

use super::super::Hub;
use super::super::asked as request;
use super::Caller;
use super::noted::Noted;
use crate::access::Resource;
use crate::access::audit::Outcome;
use crate::ports::hub::{Phase, StoredInvocation};
use crate::wire::hub::{CommandInvocation, NameValue, extensions};

/// Longest reason that is written down, in characters.
const LONGEST_REASON: usize = 200;

/// A decision about goals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Deciding {
    /// It may start, or its result counts.
    Approve,
    /// It must not start, or its result does not count.
    Deny,
    /// It must not go on.
    Cancel,
    /// It is to start again.
    Retry,
}

impl Deciding {
    /// All that can be decided.
    pub(in super::super) const ALL: [Self; 4] = [Self::Approve, Self::Deny, Self::Cancel, Self::Retry];

    /// As the operation table and the audit name it.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Approve => "goal.approve",
            Self::Deny => "goal.deny",
            Self::Cancel => "goal.cancel",
            Self::Retry => "goal.retry",
        }
    }

    /// The command by which machines of ours are asked.
    pub(in super::super) const fn command(self) -> &'static str {
        match self {
            Self::Approve => extensions::APPROVE,
            Self::Deny => extensions::DENY,
            Self::Cancel => extensions::CANCEL,
            Self::Retry => extensions::RETRY,
        }
    }

    /// What a command of ours decides; none decides nothing. To set goals anew is to start them again.
    pub(in super::super) fn by_command(command: &str) -> Option<Self> {
        match command {
            extensions::APPROVE => Some(Self::Approve),
            extensions::DENY => Some(Self::Deny),
            extensions::CANCEL => Some(Self::Cancel),
            extensions::RETRY | extensions::RESET => Some(Self::Retry),
            _ => None,
        }
    }
}

impl Caller {
    /// The same caller, of whom the audit says that they decide this.
    #[must_use]
    pub(in super::super) fn deciding(&self, what: Deciding) -> Self {
        request::decides(what.name());
        Self {
            decides: Some(what),
            ..self.clone()
        }
    }
}

impl Hub {
    /// Writes down what somebody has decided about a goal.
    pub(in super::super) fn note_decided(&self, caller: &Caller, resource: Resource, said: String) {
        let what = caller.decides.unwrap_or(Deciding::Approve);
        let noted = Noted {
            resource,
            ..Noted::done(caller.owner(), what.name(), said)
        };
        self.rights().note(&noted, self.now());
    }

    /// Writes down what somebody has asked a machine to decide, if its command decides anything.
    pub(in super::super) async fn note_asked(
        &self,
        caller: &Caller,
        machine: &str,
        invocation: &CommandInvocation,
    ) {
        if let Some(what) = Deciding::by_command(&invocation.command) {
            let about = self.first_decided_over(&invocation.team.id, &invocation.parameters);
            let about = about.await.unwrap_or(Resource::Workspace);
            let said = asked(machine, &invocation.parameters);
            self.note_decided(&caller.deciding(what), about, said);
        }
    }
}

impl Hub {
    /// Writes down what came of what a machine was asked to decide, if its command decides anything.
    pub(in super::super) async fn note_came_of(
        &self,
        asked_for: &StoredInvocation,
        phase: Phase,
        answer: &str,
    ) {
        let Some(what) = Deciding::by_command(&asked_for.command) else {
            return;
        };
        let Ok(invocation) = serde_json::from_str::<CommandInvocation>(&asked_for.request) else {
            return;
        };
        let about = self
            .first_decided_over(&asked_for.workspace, &invocation.parameters)
            .await;
        let machines = self.known().machines();
        let machine = machines.by_id(&asked_for.registration);
        let machine = machine.map_or("that is gone", |machine| machine.stored.name.as_str());
        let noted = Noted {
            resource: about.unwrap_or(Resource::Workspace),
            outcome: match phase {
                Phase::Success => Outcome::Done,
                Phase::Pending | Phase::Running | Phase::Asking | Phase::Failure => Outcome::NotTaken,
            },
            ..Noted::done(
                &asked_for.asked_by,
                what.name(),
                came_of(&asked(machine, &invocation.parameters), phase, answer),
            )
        };
        self.rights().note(&noted, self.now());
    }
}

/// For people: `deploy of 0f… by machine ship; the machine does not do it: it was denied before`.
fn came_of(asked: &str, phase: Phase, answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let reason = answer
        .pointer("/status/reason")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let reason: String = reason.chars().take(LONGEST_REASON).collect();
    let done = match phase {
        Phase::Success => "the machine has done it",
        Phase::Pending | Phase::Running | Phase::Asking | Phase::Failure => "the machine does not do it",
    };
    match reason.is_empty() {
        true => format!("{asked}; {done}"),
        false => format!("{asked}; {done}: {reason}"),
    }
}

/// For people: `deploy in 2-production/ of 0f… by machine ship: it is Friday`.
fn asked(machine: &str, parameters: &[NameValue]) -> String {
    let text = |name: &str| {
        let mut own = parameters.iter().filter(|parameter| parameter.name == name);
        own.find_map(|parameter| parameter.value.as_str())
            .filter(|text| !text.is_empty())
    };
    let goal = text("goal").unwrap_or("all goals");
    let environment =
        text("environment").map_or_else(String::new, |environment| format!(" in {environment}"));
    let set = text("goal_set").unwrap_or_default();
    let why = text("reason").map_or_else(String::new, |reason| {
        format!(": {}", reason.chars().take(LONGEST_REASON).collect::<String>())
    });
    format!("{goal}{environment} of {set} by machine {machine}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_decides_has_a_name_in_the_audit() {
        for command in extensions::DECIDING {
            let what = Deciding::by_command(command).expect("it decides");
            assert!(crate::access::Operation::find(what.name()).is_some(), "{command}");
        }
        assert_eq!(Deciding::by_command("Deploy"), None);
        for what in Deciding::ALL {
            assert_eq!(Deciding::by_command(what.command()), Some(what));
        }
    }

    #[test]
    fn what_was_asked_says_which_goal_and_why() {
        let given = |pairs: &[(&str, &str)]| -> Vec<NameValue> {
            let one = |(name, value): &(&str, &str)| NameValue {
                name: (*name).to_owned(),
                value: Value::from(*value),
            };
            pairs.iter().map(one).collect()
        };
        let all = [
            ("goal_set", "s"),
            ("goal", "g"),
            ("environment", "0-code"),
            ("reason", "it is red"),
        ];
        assert_eq!(
            asked("m", &given(&all)),
            "g in 0-code of s by machine m: it is red"
        );
        assert_eq!(asked("m", &given(&all[..1])), "all goals of s by machine m");
    }

    #[test]
    fn what_came_of_it_says_what_the_machine_says() {
        let answer = r#"{"status":{"code":1,"reason":"it waits for nothing"}}"#;
        assert_eq!(
            came_of("g of s by machine m", Phase::Failure, answer),
            "g of s by machine m; the machine does not do it: it waits for nothing"
        );
        assert_eq!(
            came_of("g of s by machine m", Phase::Success, "{}"),
            "g of s by machine m; the machine has done it"
        );
    }
}
