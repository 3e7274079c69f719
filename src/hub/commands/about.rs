//! Which repositories a command is about, and whether whoever asks for it may have it done there: people do no more by a machine's
//! commands than the forge lets them do themselves (security model 10.1, threat D5).

use regex::RegexBuilder;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::numbers::{numbered, repositories};
use super::super::access::operations::Operation;
use super::super::machines::known::Machine;
use super::super::refusal::Refusal;
use crate::access::{Resource, Selector};
use crate::ports::hub::HubStoreError;
use crate::wire::hub::uris::{REPOSITORY, REPOSITORY_OWNER};
use crate::wire::hub::{Command, CommandInvocation, NameValue};

/// Parameters by which people choose repositories (semantics 5.4).
const TARGET_OWNER: &str = "targets.owner";
const TARGET_REPO: &str = "targets.repo";
const TARGET_REPOS: &str = "targets.repos";

/// Most repositories of one command that the forge is asked about.
const MOST: usize = 50;

/// Longest pattern that is read, and most that one may take up; a larger one fits everything.
const LARGEST_PATTERN: usize = 256 << 10;

/// Repositories that a command is about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meant {
    /// Named one by one.
    named: Vec<Resource>,
    /// Chosen among all of them.
    chosen: Option<Choice>,
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
        let pattern = self.pattern.as_deref().map(|pattern| {
            let built = RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build();
            built.ok()
        });
        let fits = |owner: &str, name: &str| match &pattern {
            Some(Some(pattern)) => pattern.is_match(name) || pattern.is_match(&format!("{owner}/{name}")),
            Some(None) | None => true,
        };
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        let is_chosen = |one: &Resource| match one {
            Resource::Repository { owner, name } => {
                is(&self.owner, &owner.name) && is(&self.name, &name.name) && fits(&owner.name, &name.name)
            }
            Resource::Workspace | Resource::Channel(_) | Resource::Feed(_) | Resource::Environment(_) => {
                false
            }
        };
        all.into_iter().filter(is_chosen).collect()
    }
}

impl Meant {
    /// By what an invocation of a command says. Where several parameters are mapped to the same, each of their values is meant.
    fn by(command: &Command, invocation: &CommandInvocation) -> Self {
        let owners = mapped_to(command, &invocation.mapped_parameters, REPOSITORY_OWNER);
        let names = mapped_to(command, &invocation.mapped_parameters, REPOSITORY);
        let pairs = owners
            .iter()
            .flat_map(|owner| names.iter().map(move |name| Resource::repository(owner, name)));
        let mut meant = Self {
            named: pairs.collect(),
            chosen: None,
        };
        meant.add_targets(&invocation.parameters);
        meant.named.sort();
        meant.named.dedup();
        meant
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
            (Some((name, None)), None) => self.chosen = Some(chosen(Some(name))),
            (None, _) if owner.is_some() || pattern.is_some() => self.chosen = Some(chosen(None)),
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

/// What all parameters say that are mapped to an address.
fn mapped_to<'g>(command: &Command, given: &'g [NameValue], uri: &str) -> Vec<&'g str> {
    let mapped = command.mapped_parameters.iter();
    let names = mapped.filter(|one| one.uri.split('?').next() == Some(uri));
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

    /// The repositories that an invocation is about, by their numbers where the graph knows them. Where a choice fits none, it is about
    /// something that nobody here has heard of.
    async fn repositories_meant(
        &self,
        workspace: &str,
        command: &Command,
        invocation: &CommandInvocation,
    ) -> Result<Vec<Resource>, HubStoreError> {
        let meant = Meant::by(command, invocation);
        let workspaces = [workspace.to_owned()];
        let mut about = Vec::new();
        for named in meant.named {
            match numbered(self.store(), &workspaces, Selector::One(named)).await? {
                Selector::One(resource) => about.push(resource),
                Selector::Everything | Selector::Owner(_) => {}
            }
        }
        if let Some(choice) = meant.chosen {
            let chosen = choice.among(repositories(self.store(), &workspaces).await?);
            if chosen.is_empty() {
                about.push(Resource::repository("", ""));
            }
            about.extend(chosen);
        }
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
    fn d5_a_choice_is_about_all_that_it_fits_and_in_doubt_it_fits() {
        let known = || ["repo:acme/app#7", "repo:acme/payroll#8", "repo:other/app#9"];
        let chosen = |given: &Value| {
            let all = known().map(|text| Resource::parse(text).unwrap()).to_vec();
            said(&meant(&json!({}), given).chosen.expect("a choice").among(all))
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
