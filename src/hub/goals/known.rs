//! What is known of what is written: it stays in the repository and with the owner that it was first said of, whatever a message
//! says (threats, rule 5). Whoever writes it again must reach what it is about as it is known.

use std::sync::Arc;

use serde_json::Value;

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::access::sight::Belongings;
use super::super::changes::Change;
use super::super::questions::Asking;
use super::super::refusal::Refusal;
use super::About;
use super::whose::{CARRIED_OUT_FOR, LOGS_WITH_KEY, SAID_BY, Whose, said_by};
use crate::access::Resource;
use crate::model::GoalSetId;
use crate::ports::graph::{Filter, Find, GraphError, GraphReader, Node};
use crate::wire::hub::extensions;

/// Types of what is of a repository, and of whoever said it first.
const KINDS: [&str; 3] = ["SdmGoal", "SdmGoalSet", "SdmVersion"];

/// The repository with the number that it had when something was first said of it (threat A8): a field of its body that nobody sends
/// and nobody is shown.
const SAID_OF: &str = "saidOf";

/// What is wrong with an id of a goal set that its machine reads as another one.
pub(in super::super) const NOT_PLAIN: &str =
    "the id of a goal set that is a UUID is written in lower case, with hyphens";

/// Whether an id of a goal set is written in the one form that counts: here it is a text, and to its machine a number.
pub(in super::super) fn is_plain_id(id: &str) -> bool {
    GoalSetId::parse(id).map_or(true, |read| read.0.to_string() == id)
}

fn is_kept(node: &Node) -> bool {
    KINDS.contains(&node.kind.as_str())
}

/// The repository that something was first said of, by its number.
pub(in super::super) fn repository_of(node: &Node) -> Option<Resource> {
    let said_of = node.body.get(SAID_OF)?.as_str()?;
    Resource::parse(said_of).ok().filter(|_| is_kept(node))
}

/// Whether something is said by another than the one whose it is; so it is where two say it first at once.
pub(in super::super) fn is_anothers(known: &Node, new: &Node) -> bool {
    is_kept(known) && said_by(known).is_some_and(|owner| said_by(new) != Some(owner))
}

/// Whether something is of another repository than what is known.
fn is_elsewhere(known: &Node, new: &Node) -> bool {
    let of = |node: &Node, field: &str| {
        let value = node.body.get("repo").and_then(|repo| repo.get(field));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let differs = |field: &str| of(known, field).is_some() && of(known, field) != of(new, field);
    // What a forge is called is not always told.
    let is_at_another = || of(new, "providerId").is_some() && differs("providerId");
    differs("owner") || differs("name") || is_at_another()
}

/// The number of a repository, as far as it is known, to be kept.
fn numbered(about: &[Resource]) -> Option<String> {
    let first = about.first()?;
    let is_numbered = matches!(first, Resource::Repository { name, .. } if name.id.is_some());
    is_numbered.then(|| first.to_string())
}

impl Hub {
    /// What something is about that is known: its repository, by the number it had when it was first said, and its environment.
    ///
    /// # Errors
    /// The memory.
    pub(in super::super) async fn about_known(
        &self,
        workspace: &str,
        node: &Node,
    ) -> Result<Vec<Resource>, GraphError> {
        let Some(about) = About::goal(&Value::Object(node.body.clone())) else {
            return Ok(vec![Resource::Workspace]);
        };
        let graph = self.store().reader(workspace);
        let mut resources = about.resources;
        if let (Some(found), Some(first)) = (
            Belongings::of(&*graph, self.rights().has_several_forges())
                .resource(node)
                .await?,
            resources.first_mut(),
        ) {
            *first = found;
        }
        Ok(resources)
    }
}

impl Asking<'_> {
    /// Makes sure that what is written is the caller's to write, and says in it whose it is. `about` is what it is about by its own words,
    /// which the caller may change.
    ///
    /// # Errors
    /// It is known to be of another repository, or somebody else's.
    pub(in super::super) async fn stand_by(
        &self,
        change: &mut Change,
        about: &[Resource],
    ) -> Result<(), Refusal> {
        if !is_kept(&change.node) {
            return Ok(());
        }
        self.has_plain_id(&change.node)?;
        let graph = self.hub.store().reader(self.workspace);
        let found = graph.nodes(&change.node.kind, &change.node.keys).await?;
        let known = found.into_iter().next();
        match &known {
            Some(known) if self.cancels_anothers(known, &change.node) => {
                self.may_cancel(known).await?;
                change.node = canceled(known, &change.node, self.hub.now().as_micros() / 1_000);
            }
            Some(known) => self.may_go_on_with(known, &change.node, about).await?,
            None => {
                if let Some(beside) = beside(&*graph, &change.node).await? {
                    self.may_go_on_with(&beside, &change.node, about).await?;
                }
            }
        }
        if change.node.kind == "SdmGoal" {
            self.may_confirm(known.as_deref(), &mut change.node)?;
        }
        self.sign(known.as_deref(), &mut change.node, about);
        Ok(())
    }

    /// The id of a goal begins with that of its set, which therefore is one step, and written as everybody writes it.
    fn has_plain_id(&self, node: &Node) -> Result<(), Refusal> {
        let goal_set = node.body.get("goalSetId").and_then(Value::as_str);
        match goal_set {
            Some(id) if id.contains('/') => Err(Refusal::bad("invalid_argument", "`goalSetId` has no `/`")),
            Some(id) if !is_plain_id(id) => Err(Refusal::bad("invalid_argument", NOT_PLAIN)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the caller may say something more of what is known.
    async fn may_go_on_with(&self, known: &Node, new: &Node, about: &[Resource]) -> Result<(), Refusal> {
        let mut own = self.hub.about_known(self.workspace, known).await?;
        if known.keys.first() != new.keys.first() {
            // A goal set is in no environment, and each of its goals in one of its own.
            own.truncate(1);
        }
        if own.iter().any(|resource| !about.contains(resource)) {
            let caller = self.caller.with_forge(Operation::WriteGoal, &own).await?;
            caller.may_on(Operation::WriteGoal, self.workspace, &own)?;
        }
        if is_elsewhere(known, new) {
            let message = "it is of another repository, and stays there";
            return Err(Refusal::forbidden("insufficient_permission", message));
        }
        if self.caller.is_person() {
            return Ok(());
        }
        // Of what was said before its owner was kept, none but its machines say more.
        let message = match (
            self.hub.whose(self.caller, self.workspace, known),
            known.kind.as_str(),
        ) {
            (Whose::Own, _) | (Whose::Nobodys, "SdmVersion") => return Ok(()),
            (Whose::Nobodys, _) => "none of its machines is there, and nobody knows whose it is",
            (Whose::Others, "SdmGoal") => "the goal is another machine's",
            (Whose::Others, _) => "it is another machine's",
        };
        Err(Refusal::forbidden("insufficient_permission", message))
    }

    /// Whether somebody who may cancel goals of others wants to end one.
    fn cancels_anothers(&self, known: &Node, new: &Node) -> bool {
        let state = |node: &Node| node.body.get("state").and_then(Value::as_str).map(str::to_owned);
        let ends = known.kind == "SdmGoal"
            && state(new).as_deref() == Some("canceled")
            && state(known).is_none_or(|state| !ENDED.contains(&state.as_str()));
        ends && !self.caller.is_person()
            && self.caller.has("goals:delete")
            && self.hub.whose(self.caller, self.workspace, known) != Whose::Own
    }

    /// Whether the caller may cancel a goal of others. Machines that are asked by commands decide about theirs themselves.
    async fn may_cancel(&self, known: &Node) -> Result<(), Refusal> {
        let own = self.hub.about_known(self.workspace, known).await?;
        let caller = self.caller.with_forge(Operation::CancelGoal, &own).await?;
        caller.may_on(Operation::CancelGoal, self.workspace, &own)?;
        match self.hub.is_asked_by(self.workspace, known, extensions::CANCEL) {
            false => Ok(()),
            true => Err(Refusal::conflict(format!(
                "the goal's machine decides about it by its own rules: ask it with the command `{}`",
                extensions::CANCEL
            ))),
        }
    }

    /// Says whose something is and of what, where that is not known already.
    fn sign(&self, known: Option<&Node>, node: &mut Node, about: &[Resource]) {
        let kept = |field: &str| known.and_then(|known| known.body.get(field)).cloned();
        let is_theirs = |known: &Node| self.hub.whose(self.caller, self.workspace, known) == Whose::Own;
        // What people write is its machines', as the goal itself names them.
        let is_owner = !self.caller.is_person() && known.is_none_or(is_theirs);
        let by = kept(SAID_BY).or_else(|| is_owner.then(|| Value::from(self.caller.owner())));
        let of = kept(SAID_OF).or_else(|| numbered(about).map(Value::from));
        let logs = kept(LOGS_WITH_KEY).or_else(|| {
            self.hub
                .logs_with_key(self.workspace, node)
                .then_some(Value::Bool(true))
        });
        let carried_out_for = self.hub.carried_out_for(self.workspace, known, node);
        let carried_out_for = carried_out_for.map(Value::from);
        for (field, value) in [
            (SAID_BY, by),
            (SAID_OF, of),
            (CARRIED_OUT_FOR, carried_out_for),
            (LOGS_WITH_KEY, logs),
        ] {
            if let Some(value) = value {
                node.body.insert(field.to_owned(), value);
            }
        }
    }
}

/// States in which a goal does not go on.
const ENDED: [&str; 5] = ["success", "failure", "stopped", "canceled", "skipped"];

/// A goal that somebody else has canceled: nothing else of it is theirs to say.
fn canceled(known: &Node, said: &Node, millis: i64) -> Node {
    let mut node = known.clone();
    let version = known.body.get("version").and_then(Value::as_i64).unwrap_or(0);
    node.body.insert("state".to_owned(), Value::from("canceled"));
    node.body.insert("version".to_owned(), Value::from(version + 1));
    node.body.insert("ts".to_owned(), Value::from(millis));
    if let Some(description) = said.body.get("description") {
        node.body.insert("description".to_owned(), description.clone());
    }
    node
}

/// What else is known of the goal set of something that is not known yet: the set of a goal, or a goal of the set.
async fn beside(graph: &dyn GraphReader, new: &Node) -> Result<Option<Arc<Node>>, GraphError> {
    let Some(goal_set) = new.body.get("goalSetId").and_then(Value::as_str) else {
        return Ok(None);
    };
    let found = match new.kind.as_str() {
        "SdmGoal" => match graph.nodes("SdmGoalSet", &[goal_set.to_owned()]).await? {
            found if found.is_empty() => graph.find(&a_goal_of(goal_set)).await?,
            found => found,
        },
        "SdmGoalSet" => graph.find(&a_goal_of(goal_set)).await?,
        _ => Vec::new(),
    };
    Ok(found.into_iter().next())
}

fn a_goal_of(goal_set: &str) -> Find {
    Find {
        kind: "SdmGoal".to_owned(),
        filters: vec![Filter {
            field: "goalSetId".to_owned(),
            any_of: vec![Value::from(goal_set)],
        }],
        first: 1,
        ..Find::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(body: &Value) -> Node {
        Node {
            kind: "SdmGoal".to_owned(),
            keys: vec!["s/e/g".to_owned()],
            body: body.as_object().cloned().unwrap_or_default(),
            ..Node::default()
        }
    }

    #[test]
    fn who_cancels_a_goal_of_others_says_nothing_else_of_it() {
        let known =
            node(&json!({"state": "in_process", "version": 3, "data": "theirs", "saidBy": "addon:m"}));
        let said = node(&json!({"state": "canceled", "version": 9, "data": "mine", "description": "enough"}));
        let canceled = canceled(&known, &said, 7);
        let expected = json!({
            "state": "canceled", "version": 4, "data": "theirs", "saidBy": "addon:m", "ts": 7, "description": "enough",
        });
        assert_eq!(Value::Object(canceled.body), expected);
    }

    #[test]
    fn what_is_written_again_is_of_the_same_repository() {
        let known = node(&json!({"repo": {"owner": "acme", "name": "app", "providerId": "p"}}));
        for same in [
            json!({"repo": {"owner": "acme", "name": "app", "providerId": "p"}}),
            json!({"repo": {"owner": "acme", "name": "app"}}),
            json!({"repo": {"owner": "acme", "name": "app", "providerId": null}}),
        ] {
            assert!(!is_elsewhere(&known, &node(&same)), "{same}");
        }
        for other in [
            json!({"repo": {"owner": "acme", "name": "payroll", "providerId": "p"}}),
            json!({"repo": {"owner": "evil", "name": "app", "providerId": "p"}}),
            json!({"repo": {"owner": "acme", "name": "app", "providerId": "q"}}),
            json!({}),
        ] {
            assert!(is_elsewhere(&known, &node(&other)), "{other}");
        }
        let nowhere = node(&json!({}));
        assert!(!is_elsewhere(&nowhere, &known), "it had none");
    }

    #[test]
    fn a8_a_repository_is_kept_by_its_number_and_read_back() {
        let app = Resource::parse("repo:acme/app#7").unwrap();
        assert_eq!(
            numbered(std::slice::from_ref(&app)).as_deref(),
            Some("repo:acme/app#7")
        );
        assert_eq!(
            numbered(&[app.without_numbers()]),
            None,
            "a name alone may be given again"
        );
        let mut goal = node(&json!({ "saidOf": "repo:acme/app#7" }));
        assert_eq!(repository_of(&goal), Some(app));
        goal.kind = "Deploy".to_owned();
        assert_eq!(
            repository_of(&goal),
            None,
            "what machines make up says nothing of it"
        );
    }
}
