//! Whose a goal is: it belongs to whoever said it first, while their machine is away too. Of what was said before that was kept, the
//! machines that it names are asked.

use std::sync::Arc;

use serde_json::Value;

use super::super::Hub;
use super::super::access::Caller;
use super::super::machines::known::Machine;
use crate::ports::graph::Node;
use crate::wire::hub::extensions;

/// Who said something first: a field of its body that nobody sends and nobody is shown.
pub(in super::super) const SAID_BY: &str = "saidBy";

/// Whose the machine was that carries it out, when it was last there; the same.
pub(super) const CARRIED_OUT_FOR: &str = "carriedOutFor";

/// That its machine writes its logs with a key; the same.
pub(super) const LOGS_WITH_KEY: &str = "logsWithKey";

/// Whose a goal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Whose {
    /// Of whoever asks: they said it first, or a machine of theirs carries it out.
    Own,
    /// Of others.
    Others,
    /// Nobody knows who said it, and none of its machines is there.
    Nobodys,
}

/// Who said this first, where that was kept.
pub(in super::super) fn said_by(node: &Node) -> Option<&str> {
    node.body.get(SAID_BY)?.as_str()
}

/// The machine that set a goal, or a goal set.
pub(in super::super) fn set_by(node: &Node) -> Option<&str> {
    let named = |value: Option<&Value>| value.and_then(Value::as_str).is_some();
    let own = node.body.get("registration").filter(|own| named(Some(own)));
    let provenance = || node.body.get("provenance")?.get("registration");
    own.or_else(provenance)?.as_str()
}

/// The machine that carries a goal out.
fn carried_out_by(node: &Node) -> Option<&str> {
    node.body.get("fulfillment")?.get("registration")?.as_str()
}

impl Hub {
    /// The machines that set a goal and that carry it out, as far as they are there.
    fn machines_of(&self, workspace: &str, goal: &Node) -> Vec<Arc<Machine>> {
        let names = [set_by(goal), carried_out_by(goal)];
        self.machines_named(workspace, names.into_iter().flatten())
    }

    /// Whether the machine that carries a goal out is asked by this command.
    pub(super) fn is_asked_by(&self, workspace: &str, goal: &Node, command: &str) -> bool {
        let machines = self.machines_named(workspace, carried_out_by(goal).into_iter());
        let mut offered = machines.iter().flat_map(|machine| &machine.registration.commands);
        offered.any(|own| own.name == command)
    }

    /// The machines of these names, as far as they are there.
    fn machines_named<'n>(&self, workspace: &str, names: impl Iterator<Item = &'n str>) -> Vec<Arc<Machine>> {
        let workspace = self.known().machines().workspace(workspace);
        names.filter_map(|name| workspace.served(name).cloned()).collect()
    }

    /// Whether a machine of a goal writes its logs with its key, or did when it wrote the goal.
    pub(in super::super) fn logs_with_key(&self, workspace: &str, goal: &Node) -> bool {
        let kept = goal.body.get(LOGS_WITH_KEY).and_then(Value::as_bool);
        let machines = self.machines_of(workspace, goal);
        let mut machines = machines.iter();
        kept.unwrap_or(false) || machines.any(|machine| machine.registration.knows(extensions::LOGS))
    }

    /// Whose a goal is, for a caller.
    pub(in super::super) fn whose(&self, caller: &Caller, workspace: &str, goal: &Node) -> Whose {
        let Some(owner) = said_by(goal) else {
            return self.whose_are(caller, &self.machines_of(workspace, goal));
        };
        match owner == caller.owner() || self.carries_out(caller, workspace, goal) {
            true => Whose::Own,
            false => Whose::Others,
        }
    }

    /// Whether a machine of a caller carries out what another one has set. A name that is free again inherits nothing: it counts for
    /// whose machine had it, as far as that is known.
    fn carries_out(&self, caller: &Caller, workspace: &str, goal: &Node) -> bool {
        // The name of the machine that set it may be somebody else's by now.
        let other = carried_out_by(goal).filter(|name| set_by(goal) != Some(*name));
        let machines = self.machines_named(workspace, other.into_iter());
        let kept = goal.body.get(CARRIED_OUT_FOR).and_then(Value::as_str);
        kept.is_none_or(|owner| owner == caller.owner()) && self.whose_are(caller, &machines) == Whose::Own
    }

    /// Whose the machine is that carries a goal out: as it was known while it carried out the same, or else as it is now.
    pub(super) fn carried_out_for(
        &self,
        workspace: &str,
        known: Option<&Node>,
        goal: &Node,
    ) -> Option<String> {
        let name = carried_out_by(goal)?;
        let same = known.filter(|known| carried_out_by(known) == Some(name));
        let kept = same.and_then(|known| known.body.get(CARRIED_OUT_FOR)?.as_str());
        let now = || {
            let machine = self
                .machines_named(workspace, std::iter::once(name))
                .into_iter()
                .next()?;
            self.rights().owner_of(&machine.stored.principal)
        };
        kept.map(str::to_owned).or_else(now)
    }

    /// Whether a machine of a caller is there that a goal names.
    pub(super) fn is_there_for(&self, caller: &Caller, workspace: &str, goal: &Node) -> bool {
        self.whose_are(caller, &self.machines_of(workspace, goal)) == Whose::Own
    }

    /// Whose the machine of a name is, for a caller.
    pub(in super::super) fn whose_machine(&self, caller: &Caller, workspace: &str, name: &str) -> Whose {
        self.whose_are(caller, &self.machines_named(workspace, std::iter::once(name)))
    }

    /// Whose machines are, for a caller: theirs when one of them is.
    fn whose_are(&self, caller: &Caller, machines: &[Arc<Machine>]) -> Whose {
        let mut owners = machines
            .iter()
            .map(|machine| self.rights().owner_of(&machine.stored.principal))
            .peekable();
        if owners.peek().is_none() {
            return Whose::Nobodys;
        }
        match owners.flatten().any(|owner| owner == caller.owner()) {
            true => Whose::Own,
            false => Whose::Others,
        }
    }
}
