//! Who says that somebody has confirmed a goal: a machine of its own that is there. People decide, and do not write that they did;
//! what the hub or another machine has noted down is nobody else's to say (threats D1, D5). How a goal goes on is its machines' to
//! say as well (D6), and a confirmation is of the work that was confirmed (D2).

use serde_json::{Map, Value};

use super::super::access::operations::Operation;
use super::super::questions::Asking;
use super::super::refusal::Refusal;
use super::whose::Whose;
use crate::ports::graph::Node;

/// What is noted down of who confirmed a goal.
const RECORDS: [&str; 2] = ["approval", "preApproval"];

/// What says that somebody has to.
const NEEDED: [&str; 2] = ["approvalRequired", "preApprovalRequired"];

/// States in which somebody has.
const CONFIRMED: [&str; 2] = ["approved", "pre_approved"];

/// States in which somebody has to, or has and nothing has begun.
const NOT_BEGUN: [&str; 4] = [
    "waiting_for_approval",
    "waiting_for_pre_approval",
    "approved",
    "pre_approved",
];

/// What says which work a goal is.
const WORK: [&str; 3] = ["sha", "branch", "fulfillment"];

/// What a machine may note down beside it, once it is at work.
const DATA: &str = "data";

/// What nobody but its machines changes of a goal.
const COURSE: [&str; 8] = [
    "state",
    "version",
    "sha",
    "branch",
    "fulfillment",
    DATA,
    "parameters",
    "preConditions",
];

/// The state in which a goal waits for others.
const PLANNED: &str = "planned";

/// Whose the records are that the hub notes down.
const THE_HUB: &str = "hub";

fn is_in(goal: &Node, states: &[&str]) -> bool {
    let state = goal.body.get("state").and_then(Value::as_str);
    state.is_some_and(|state| states.contains(&state))
}

fn is_confirmed(goal: &Node) -> bool {
    is_in(goal, &CONFIRMED)
}

/// Whether a value says nothing that is not known.
fn says_no_more(said: Option<&Value>, known: Option<&Value>) -> bool {
    match said {
        None | Some(Value::Null) => true,
        Some(Value::Object(record)) => is_known(record, known),
        said @ Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => said == known,
    }
}

/// Whether a goal is other work than what is known of it.
fn is_other_work(known: &Node, goal: &Node) -> bool {
    let data = is_in(known, &NOT_BEGUN).then_some(DATA);
    let mut of_work = WORK.into_iter().chain(data);
    of_work.any(|name| !says_no_more(goal.body.get(name), known.body.get(name)))
}

fn field<'n>(node: Option<&'n Node>, name: &str) -> Option<&'n Value> {
    node?.body.get(name).filter(|value| !value.is_null())
}

/// Whether a record says nothing that is not known: a client may leave out what it does not ask for.
fn is_known(record: &Map<String, Value>, known: Option<&Value>) -> bool {
    let known = known.and_then(Value::as_object);
    let mut said = record.iter().filter(|(_, value)| !value.is_null());
    said.all(|(name, value)| known.and_then(|known| known.get(name)) == Some(value))
}

/// Whether a goal says of its confirmations what is not known of them.
fn says_more(known: Option<&Node>, goal: &Node) -> bool {
    let is_new = |name: &&str| {
        let said = field(Some(goal), name).and_then(Value::as_object);
        said.is_some_and(|record| !is_known(record, field(known, name)))
    };
    let is_true = |node: Option<&Node>, name: &str| field(node, name).and_then(Value::as_bool) == Some(true);
    let is_lifted = |name: &&str| is_true(known, name) && !is_true(Some(goal), name);
    RECORDS.iter().any(is_new) || NEEDED.iter().any(is_lifted)
}

/// Whether a person may write this of a goal: a new one is planned, and how a known one goes on stays as it is.
fn may_write_as_person(known: Option<&Node>, goal: &mut Node) -> Result<(), Refusal> {
    if is_confirmed(goal) || says_more(known, &*goal) {
        return Err(Refusal::forbidden(
            "insufficient_permission",
            "that a goal is confirmed is not written: decide about it, on its page or by `sdm approve`",
        ));
    }
    let Some(known) = known else {
        return match is_in(goal, &[PLANNED]) {
            true => Ok(()),
            false => Err(not_to_begin()),
        };
    };
    for name in COURSE {
        if !says_no_more(goal.body.get(name), known.body.get(name)) {
            let message = format!("how a goal goes on is its machine's to say, and `{name}` stays as it is");
            return Err(Refusal::forbidden("insufficient_permission", message));
        }
        match known.body.get(name) {
            Some(kept) => drop(goal.body.insert(name.to_owned(), kept.clone())),
            None => drop(goal.body.shift_remove(name)),
        }
    }
    Ok(())
}

fn not_to_begin() -> Refusal {
    Refusal::forbidden(
        "insufficient_permission",
        "a goal that another machine carries out begins as `planned`",
    )
}

impl Asking<'_> {
    /// Whether whoever writes a goal may say what it says of confirmations. Records that are not theirs to make stay as they are known.
    ///
    /// # Errors
    /// They decide, or are no machine of the goal.
    pub(super) fn may_confirm(&self, known: Option<&Node>, goal: &mut Node) -> Result<(), Refusal> {
        if self.caller.is_person() {
            return may_write_as_person(known, goal);
        }
        if is_confirmed(goal) && !self.is_at_work_on(known.unwrap_or(&*goal)) {
            return Err(Refusal::person_required(Operation::DecideGoal));
        }
        let begins_others = || self.hub.whose(self.caller, self.workspace, goal) == Whose::Others;
        if known.is_none() && !is_in(goal, &[PLANNED]) && begins_others() {
            return Err(not_to_begin());
        }
        let is_other = known.is_some_and(|known| is_other_work(known, goal));
        if is_other && is_confirmed(goal) {
            let message = "what was confirmed was other work: another commit, fulfillment or data";
            return Err(Refusal::forbidden("insufficient_permission", message));
        }
        for name in RECORDS {
            match is_other {
                true => self.void_record(known, goal, name),
                false => self.keep_record(known, goal, name),
            }
        }
        Ok(())
    }

    /// Whether a goal is the caller's, and a machine of theirs that it names is there.
    fn is_at_work_on(&self, goal: &Node) -> bool {
        self.hub.whose(self.caller, self.workspace, goal) == Whose::Own
            && self.hub.is_there_for(self.caller, self.workspace, goal)
    }

    /// A record of other work than this counts no more; only a new one of the machine's own does.
    fn void_record(&self, known: Option<&Node>, goal: &mut Node, name: &str) {
        let said = field(Some(&*goal), name).and_then(Value::as_object);
        let is_new =
            said.is_some_and(|record| !is_known(record, field(known, name)) && self.may_note(record));
        if !is_new {
            goal.body.insert(name.to_owned(), Value::Null);
        }
    }

    fn keep_record(&self, known: Option<&Node>, goal: &mut Node, name: &str) {
        let known = field(known, name);
        let said = field(Some(&*goal), name).and_then(Value::as_object);
        let is_in_order = said.is_none_or(|record| is_known(record, known) || self.may_note(record));
        if !is_in_order {
            goal.body
                .insert(name.to_owned(), known.cloned().unwrap_or_default());
        }
    }

    /// Whether a machine may make a record: it is in the name of a machine, and not in that of the hub or of somebody else's.
    fn may_note(&self, record: &Map<String, Value>) -> bool {
        let by = record.get("registration").and_then(Value::as_str);
        by.is_some_and(|by| {
            by != THE_HUB && self.hub.whose_machine(self.caller, self.workspace, by) != Whose::Others
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn goal(body: &Value) -> Node {
        Node {
            kind: "SdmGoal".to_owned(),
            keys: vec!["s/e/g".to_owned()],
            body: body.as_object().cloned().unwrap_or_default(),
            ..Node::default()
        }
    }

    #[test]
    fn d5_what_is_said_of_a_confirmation_is_what_is_known_or_less() {
        let known = goal(
            &json!({"approvalRequired": true, "approval": {"userId": "ada", "ts": 1, "channelId": null}}),
        );
        for fine in [
            json!({"approvalRequired": true, "approval": {"userId": "ada", "ts": 1}}),
            json!({"approvalRequired": true, "approval": null, "preApprovalRequired": true}),
            json!({"approvalRequired": true}),
        ] {
            assert!(!says_more(Some(&known), &goal(&fine)), "{fine}");
        }
        for more in [
            json!({"approvalRequired": true, "approval": {"userId": "eve", "ts": 1}}),
            json!({"approvalRequired": true, "preApproval": {"userId": "ada"}}),
            json!({"approvalRequired": false}),
            json!({}),
        ] {
            assert!(says_more(Some(&known), &goal(&more)), "{more}");
        }
        assert!(says_more(None, &goal(&json!({"approval": {"userId": "ada"}}))));
        assert!(!says_more(None, &goal(&json!({"approvalRequired": true}))));
    }
}
