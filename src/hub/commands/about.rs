//! Which repositories a command is about, and whether whoever asks for it may have it done there: people do no more by a machine's
//! commands than the forge lets them do themselves (security model 10.1, threat D5).

use std::collections::BTreeSet;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::numbers::{MOST_KNOWN, called, repositories};
use super::super::access::operations::Operation;
use super::super::machines::known::Machine;
use super::super::refusal::Refusal;
use super::pattern::Pattern;
use crate::access::Resource;
use crate::ports::hub::HubStoreError;
use crate::wire::hub::uris::{REPOSITORY, REPOSITORY_OWNER};
use crate::wire::hub::{Command, CommandInvocation, NameValue};

/// Parameters by which people choose repositories (semantics 5.4).
const TARGET_OWNER: &str = "targets.owner";
const TARGET_REPO: &str = "targets.repo";
const TARGET_REPOS: &str = "targets.repos";

/// Most repositories of one command that the forge is asked about.
const MOST: usize = 50;

/// What machines of ours have filled in with the repository of the place where it was asked: it counts where none is chosen.
const HERE: [&str; 2] = ["sdm.owner", "sdm.repo"];

/// Repositories that a command is about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meant {
    /// Named one by one.
    named: Vec<Resource>,
    /// Chosen among all of them.
    chosen: Vec<Choice>,
}

/// A choice of repositories.
#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    owner: Option<String>,
    name: Option<String>,
    pattern: Option<String>,
}

impl Choice {
    /// Those that are chosen. In doubt a repository is.
    fn among(&self, all: Vec<Resource>) -> Vec<Resource> {
        let pattern = self.pattern.as_deref().map(Pattern::read);
        let fits = |owner: &str, name: &str| pattern.as_ref().is_none_or(|pattern| pattern.fits(owner, name));
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        let is_chosen = |one: &Resource| match one {
            Resource::Repository { owner, name } => {
                let owner = &owner.named.name;
                is(&self.owner, owner) && is(&self.name, &name.name) && fits(owner, &name.name)
            }
            Resource::Workspace | Resource::Channel(_) | Resource::Feed(_) | Resource::Environment(_) => {
                false
            }
        };
        all.into_iter().filter(is_chosen).collect()
    }
}

impl Meant {
    /// By what an invocation of a command says.
    fn by(command: &Command, invocation: &CommandInvocation) -> Self {
        let mut meant = Self::default();
        meant.add_targets(&invocation.parameters);
        let has_targets = meant != Self::default();
        let counts = |name: &str| !(has_targets && HERE.contains(&name));
        meant.add_mapped(command, &invocation.mapped_parameters, counts);
        meant.named.sort();
        meant.named.dedup();
        meant
    }

    /// Where several parameters are mapped to the same, each of their values is meant. A name without an owner, or an owner alone, is
    /// a choice among all.
    fn add_mapped(&mut self, command: &Command, given: &[NameValue], counts: impl Fn(&str) -> bool) {
        let owners = mapped_to(command, given, REPOSITORY_OWNER, &counts);
        let names = mapped_to(command, given, REPOSITORY, &counts);
        let chosen = |owner: Option<&&str>, name: Option<&&str>| Choice {
            owner: owner.map(|owner| (*owner).to_owned()),
            name: name.map(|name| (*name).to_owned()),
            pattern: None,
        };
        match (owners.as_slice(), names.as_slice()) {
            ([], names) => self
                .chosen
                .extend(names.iter().map(|name| chosen(None, Some(name)))),
            (owners, []) => self
                .chosen
                .extend(owners.iter().map(|owner| chosen(Some(owner), None))),
            (owners, names) => {
                let of = |owner: &&str| {
                    names
                        .iter()
                        .map(|name| Resource::repository(owner, name))
                        .collect::<Vec<_>>()
                };
                self.named.extend(owners.iter().flat_map(of));
            }
        }
    }

    fn add_targets(&mut self, parameters: &[NameValue]) {
        let owner = texts(parameters, TARGET_OWNER).next();
        let pattern = texts(parameters, TARGET_REPOS).next();
        let repo = texts(parameters, TARGET_REPO).next();
        let chosen = |name: Option<&str>| Choice {
            owner: owner.map(str::to_owned),
            name: name.map(str::to_owned),
            pattern: pattern.map(str::to_owned),
        };
        match (repo.map(|repo| (repo, repo.split_once('/'))), owner) {
            (Some((_, Some((owner, name)))), _) | (Some((name, None)), Some(owner)) => {
                self.named.push(Resource::repository(owner, name));
            }
            (Some((name, None)), None) => self.chosen.push(chosen(Some(name))),
            (None, _) if owner.is_some() || pattern.is_some() => self.chosen.push(chosen(None)),
            (None, _) => {}
        }
    }
}

/// What parameters of this name say.
fn texts<'g>(given: &'g [NameValue], name: &str) -> impl Iterator<Item = &'g str> {
    let own = given.iter().filter(move |one| one.name == name);
    own.filter_map(|one| one.value.as_str())
        .filter(|text| !text.is_empty())
}

/// What all parameters say that count and are mapped to an address.
fn mapped_to<'g>(
    command: &Command,
    given: &'g [NameValue],
    uri: &str,
    counts: impl Fn(&str) -> bool,
) -> Vec<&'g str> {
    let mapped = command.mapped_parameters.iter();
    let names = mapped.filter(|one| one.uri.split('?').next() == Some(uri));
    let names = names.filter(|one| counts(&one.name));
    names.flat_map(|one| texts(given, &one.name)).collect()
}

impl Hub {
    /// Whether somebody may have a command done: with the goal that it decides about, and on the repositories that it names.
    ///
    /// # Errors
    /// They may not.
    pub(super) async fn may_have_done(
        &self,
        caller: &Caller,
        command: &Command,
        invocation: &CommandInvocation,
    ) -> Result<(), Refusal> {
        let workspace = &invocation.team.id;
        self.may_decide_by(caller, (workspace, &command.name), &invocation.parameters)
            .await?;
        let about = self.repositories_meant(workspace, command, invocation).await?;
        if about.is_empty() {
            return Ok(());
        }
        if self.asks_forge() && about.len() > MOST {
            let because = format!("this is about more than {MOST} repositories; choose fewer");
            return Err(Refusal::bad("invalid_parameters", because));
        }
        let operation = match command.only_reads {
            true => Operation::Invoke,
            false => Operation::InvokeChange,
        };
        let caller = caller.with_forge(operation, &about).await?;
        caller.may_on(operation, workspace, &about)
    }

    /// The same of a command that goes on with more parameters.
    ///
    /// # Errors
    /// They may not, or the machine does not offer it any more.
    pub(super) async fn may_go_on(
        &self,
        caller: &Caller,
        machine: &Machine,
        invocation: &CommandInvocation,
    ) -> Result<(), Refusal> {
        let mut commands = machine.registration.commands.iter();
        let command = commands.find(|command| command.name == invocation.command);
        let command = command.ok_or_else(|| Refusal::conflict("the machine does not offer this any more"))?;
        self.may_have_done(caller, command, invocation).await
    }

    /// The workspaces in which those are at work whose machines have this command here.
    fn workspaces_of_machines(&self, workspace: &str, command: &str) -> Vec<String> {
        let machines = self.known().machines();
        let owner = |machine: &Machine| self.rights().owner_of(&machine.stored.principal);
        let offers = |machine: &Machine| {
            machine.stored.workspace == workspace
                && machine
                    .registration
                    .commands
                    .iter()
                    .any(|own| own.name == command)
        };
        let all = machines.all();
        let owners: BTreeSet<Option<String>> = all
            .iter()
            .filter(|machine| offers(machine))
            .map(|machine| owner(machine))
            .collect();
        let theirs = all.iter().filter(|machine| owners.contains(&owner(machine)));
        let mut workspaces: BTreeSet<String> =
            theirs.map(|machine| machine.stored.workspace.clone()).collect();
        workspaces.insert(workspace.to_owned());
        workspaces.into_iter().collect()
    }

    /// The repositories that an invocation is about, by their numbers where the graph knows them. Where a choice fits none, it is about
    /// something that nobody here has heard of.
    pub(in super::super) async fn repositories_meant(
        &self,
        workspace: &str,
        command: &Command,
        invocation: &CommandInvocation,
    ) -> Result<Vec<Resource>, HubStoreError> {
        let meant = Meant::by(command, invocation);
        let workspaces = [workspace.to_owned()];
        let mut about = Vec::new();
        for named in meant.named {
            // Several forges may have one that is called so, and nothing says which is meant.
            match called(self.store(), &workspaces, &named).await? {
                none if none.is_empty() => about.push(named),
                all => about.extend(all),
            }
        }
        if meant.chosen.is_empty() {
            return Ok(about);
        }
        // A machine chooses among all that it has heard of, in whichever workspace.
        let all = repositories(
            self.store(),
            &self.workspaces_of_machines(workspace, &command.name),
        )
        .await?;
        let knows_all = all.len() < MOST_KNOWN;
        for choice in meant.chosen {
            let chosen = choice.among(all.clone());
            if chosen.is_empty() || !knows_all {
                about.push(Resource::repository("", ""));
            }
            about.extend(chosen);
        }
        about.sort();
        about.dedup();
        Ok(about)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn meant(mapped: &Value, given: &Value) -> Meant {
        let command = json!({"name": "Deploy", "mapped_parameters": [
            {"name": "owner", "uri": REPOSITORY_OWNER}, {"name": "repo", "uri": format!("{REPOSITORY}?all=true")},
            {"name": "sdm.owner", "uri": REPOSITORY_OWNER}, {"name": "sdm.repo", "uri": REPOSITORY},
            {"name": "other", "uri": REPOSITORY}, {"name": "who", "uri": "atomist://github/username"},
        ]});
        let values = |of: &Value| -> Vec<Value> {
            let pairs = of.as_object().unwrap().iter();
            pairs
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect()
        };
        let invocation = json!({
            "api_version": "1", "correlation_id": "c", "command": "Deploy", "team": {"id": "w"},
            "parameters": values(given), "mapped_parameters": values(mapped),
        });
        Meant::by(
            &serde_json::from_value(command).unwrap(),
            &serde_json::from_value(invocation).unwrap(),
        )
    }

    fn said(resources: &[Resource]) -> Vec<String> {
        resources.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn d5_whatever_names_a_repository_is_meant() {
        let none = json!({});
        let named = |mapped: &Value, given: &Value| said(&meant(mapped, given).named);
        let app = json!({"owner": "acme", "repo": "app", "who": "ada"});
        assert_eq!(named(&app, &none), ["repo:acme/app"]);
        let two = json!({"owner": "acme", "repo": "app", "other": "payroll"});
        assert_eq!(named(&two, &none), ["repo:acme/app", "repo:acme/payroll"]);
        assert_eq!(
            named(&app, &json!({"targets.repo": "acme/payroll"})),
            ["repo:acme/app", "repo:acme/payroll"]
        );
        assert_eq!(
            named(&none, &json!({"targets.owner": "acme", "targets.repo": "app"})),
            ["repo:acme/app"]
        );
        assert!(meant(&none, &json!({"env": "acme/app"})) == Meant::default());
    }

    #[test]
    fn d5_a_repository_is_weighed_in_whatever_form_it_is_named() {
        let chosen = |mapped: &Value| meant(mapped, &json!({})).chosen;
        let choice = |owner: Option<&str>, name: Option<&str>| Choice {
            owner: owner.map(str::to_owned),
            name: name.map(str::to_owned),
            pattern: None,
        };
        assert_eq!(
            chosen(&json!({"repo": "payroll"})),
            [choice(None, Some("payroll"))]
        );
        assert_eq!(chosen(&json!({"owner": "acme"})), [choice(Some("acme"), None)]);
        assert_eq!(
            chosen(&json!({"repo": "app", "other": "payroll"})),
            [choice(None, Some("app")), choice(None, Some("payroll"))]
        );
        assert_eq!(chosen(&json!({"owner": "acme", "repo": "payroll"})), []);
    }

    #[test]
    fn what_a_place_is_linked_to_counts_where_nothing_is_chosen() {
        let here = json!({"sdm.owner": "acme", "sdm.repo": "here", "owner": "acme", "repo": "app"});
        let both = ["repo:acme/app", "repo:acme/here"];
        let named = |given: &Value| said(&meant(&here, given).named);
        let pairs = named(&json!({}));
        assert!(
            both.iter().all(|one| pairs.iter().any(|pair| pair == one)),
            "{pairs:?}"
        );
        assert_eq!(
            named(&json!({"targets.repo": "acme/payroll"})),
            ["repo:acme/app", "repo:acme/payroll"]
        );
    }

    #[test]
    fn d5_a_choice_is_about_all_that_it_fits_and_in_doubt_it_fits() {
        let known = || ["repo:acme/app#7", "repo:acme/payroll#8", "repo:other/app#9"];
        let chosen = |given: &Value| {
            let all = known().map(|text| Resource::parse(text).unwrap()).to_vec();
            said(
                &meant(&json!({}), given)
                    .chosen
                    .first()
                    .expect("a choice")
                    .among(all),
            )
        };
        for (given, fits) in [
            (
                json!({"targets.owner": "acme"}),
                vec!["repo:acme/app#7", "repo:acme/payroll#8"],
            ),
            (
                json!({"targets.repo": "app"}),
                vec!["repo:acme/app#7", "repo:other/app#9"],
            ),
            (json!({"targets.repos": "^pay"}), vec!["repo:acme/payroll#8"]),
            (
                json!({"targets.owner": "acme", "targets.repos": "(?=look-ahead)"}),
                vec!["repo:acme/app#7", "repo:acme/payroll#8"],
            ),
            (json!({"targets.repos": "nothing"}), vec![]),
        ] {
            assert_eq!(chosen(&given), fits, "{given}");
        }
    }
}
