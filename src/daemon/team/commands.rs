//! Commands that people give the machine by way of the hub: what is announced, and what becomes of an invocation.

mod announced;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::inbox::{answer, stored};
use super::pushes::named_id;
use super::{Inner, acts};
use crate::engine::Machine;
use crate::engine::commands::ask::{Ask, AskError, AskedTargets, has_dry_run};
use crate::engine::commands::bind::Given;
use crate::engine::commands::registry;
use crate::model::parameter::LONGEST_VALUE;
use crate::model::{
    CommandDefinition, ErrandId, GoalSet, JobId, JobLabel, JobTask, ParameterDefinition, ParameterSource,
    RepoSlug, StateName, TaskState, Timestamp,
};
use crate::ports::secrets::SHORTEST_SECRET;
use crate::ports::store::StoreError;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer};
use crate::runtime::causes::chain;
use crate::wire::hub::completion::COMPLETE;
use crate::wire::hub::{CommandInvocation, NameValue};
use announced::{DRY_RUN, ORG_TOKEN, TARGETS, acts_as_person, caller_token};
pub(super) use announced::{announced, mapped, optional};

/// How long the hub is waited for that gives a token; whatever else it says waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the hub fills in for every command: who asks, and the repository of the place where it was asked.
const WHO: &str = "sdm.who";
const OWNER: &str = "sdm.owner";
const REPO: &str = "sdm.repo";

/// A token of whoever asks, or why there is none; `None` where nobody could give one.
type CallerToken = Option<Result<SecretString, String>>;

/// Tokens that a command is given by way of the hub. They are nowhere but in memory.
#[derive(Default)]
struct Tokens {
    of_caller: CallerToken,
    of_hub: Option<SecretString>,
}

/// What is needed to ask the machine for a command; what is secret is not in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Asked {
    values: Map<String, Value>,
    mapped: BTreeMap<String, String>,
    #[serde(default)]
    said: Option<String>,
    /// What else whoever asked is known as.
    #[serde(default)]
    known_as: Vec<String>,
}

/// What the goals of a command say of what they did, a link of a pull request among it.
fn said(set: &GoalSet) -> String {
    let goals = set.goals().iter();
    let told = goals.filter_map(|goal| match (&goal.error, goal.description.is_empty()) {
        (Some(error), _) => Some(error.clone()),
        (None, false) => Some(goal.description.clone()),
        (None, true) => None,
    });
    told.map(|text| format!("; {text}")).collect()
}

/// An invocation as it is stored: without what is secret, and without what would be needed to run it if something was.
pub(super) fn delivery(
    key: String,
    invocation: &CommandInvocation,
    machine: &Machine,
    at: Timestamp,
) -> Delivery {
    let definition = machine
        .commands
        .iter()
        .find(|command| command.name == invocation.command);
    let is_secret = |name: &str| {
        definition.is_some_and(|command| {
            command
                .parameter(name)
                .is_some_and(ParameterDefinition::is_secret)
        })
    };
    let has_secrets = invocation.parameters.iter().any(|given| is_secret(&given.name));
    let asked = (!has_secrets).then(|| json!(asked(invocation)));
    Delivery {
        workspace: invocation.team.id.clone(),
        correlation: invocation.correlation_id.clone(),
        what: Delivered::Command {
            command: invocation.command.clone(),
            runs_as: named_id("command", &[&key]),
            source: stored(invocation.source.as_ref()),
            asked,
        },
        key,
        at,
        answer: None,
    }
}

/// The token that the hub has for all repositories, where it gives one with a command.
fn org_token(invocation: &CommandInvocation) -> Option<SecretString> {
    let mut given = invocation.secrets.iter();
    let found = given.find(|secret| secret.uri == ORG_TOKEN)?;
    let is_one = found.value != "null" && found.value.trim().chars().count() >= SHORTEST_SECRET;
    is_one.then(|| found.value.trim().into())
}

fn asked(invocation: &CommandInvocation) -> Asked {
    let text = |given: &NameValue| Some((given.name.clone(), given.value.as_str()?.to_owned()));
    Asked {
        values: invocation
            .parameters
            .iter()
            .filter(|given| given.value.to_string().len() <= 2 * LONGEST_VALUE)
            .map(|given| (given.name.clone(), given.value.clone()))
            .collect(),
        mapped: invocation.mapped_parameters.iter().filter_map(text).collect(),
        said: invocation.raw_message.clone(),
        known_as: invocation.known_as.clone(),
    }
}

impl Asked {
    fn value(&self, name: &str) -> Option<String> {
        let text = self.values.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Whether nothing is to be changed, where that is said.
    fn take_dry_run(&mut self, command: &CommandDefinition) -> Result<Option<bool>, String> {
        if !has_dry_run(command) {
            return Ok(None);
        }
        let text = match self.values.remove(DRY_RUN) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(said)) => return Ok(Some(said)),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        };
        match text.trim() {
            "" => Ok(None),
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(format!("`{DRY_RUN}` is `true` or `false`")),
        }
    }

    /// What the job is called, as callers of the original say it (semantics 5.4).
    fn take_label(&mut self) -> JobLabel {
        let mut take = |name: &str| self.values.remove(name);
        let text = |value: Option<Value>| Some(value?.as_str()?.to_owned()).filter(|text| !text.is_empty());
        JobLabel {
            name: text(take("job.name")),
            description: text(take("job.description")),
            is_required: match take("job.required") {
                Some(Value::Bool(is_required)) => is_required,
                other => text(other).as_deref() == Some("true"),
            },
        }
    }

    /// As the engine is asked.
    fn ask(mut self, command: &CommandDefinition, runs_as: uuid::Uuid, tokens: Tokens) -> Ask {
        let targets = AskedTargets {
            owner: self.value("targets.owner"),
            repo: self.value("targets.repo"),
            repos: self.value("targets.repos"),
            branch: self.value("targets.branch"),
            sha: self.value("targets.sha"),
        };
        let label = self.take_label();
        self.values
            .retain(|name, _| !TARGETS.iter().any(|(target, _)| target == name));
        let mut given = Given {
            caller_token: tokens.of_caller,
            org_token: tokens.of_hub,
            ..Given::default()
        };
        for (name, value) in std::mem::take(&mut self.values) {
            let is_secret = command
                .parameter(&name)
                .is_some_and(ParameterDefinition::is_secret);
            match (is_secret, value.as_str()) {
                (true, Some(text)) => {
                    given.secrets.insert(name, text.to_owned().into());
                }
                (true, None) => {}
                (false, _) => {
                    given.values.insert(name, value);
                }
            }
        }
        let here = match (self.mapped.get(OWNER), self.mapped.get(REPO)) {
            (Some(owner), Some(name)) => Some(RepoSlug::new(owner, name)),
            _ => None,
        };
        Ask {
            command: command.name.clone(),
            given,
            matches: self.matches(command),
            targets,
            label,
            here,
            dry_run: None,
            by: self
                .mapped
                .get(WHO)
                .cloned()
                .unwrap_or_else(|| "somebody at the hub".to_owned()),
            depth: 0,
            runs_as: Some(runs_as),
            mapped: self.surroundings(command),
            as_person: false,
        }
    }

    /// Groups of the pattern that was said.
    fn matches(&self, command: &CommandDefinition) -> Vec<String> {
        let Some(said) = &self.said else {
            return Vec::new();
        };
        let words: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
        registry::find(std::slice::from_ref(command), &words, said)
            .map(|meant| meant.matches)
            .unwrap_or_default()
    }

    /// What the hub filled in, by the names of the goal files.
    fn surroundings(&self, command: &CommandDefinition) -> BTreeMap<String, String> {
        let of_parameter = |parameter: &ParameterDefinition| match &parameter.source {
            ParameterSource::Mapped(source) => {
                Some((source.clone(), self.mapped.get(&parameter.name)?.clone()))
            }
            ParameterSource::Person
            | ParameterSource::Secret
            | ParameterSource::Value(_)
            | ParameterSource::CallerToken(_)
            | ParameterSource::OrgToken => None,
        };
        command.parameters.iter().filter_map(of_parameter).collect()
    }
}

impl Inner {
    /// Begins a command that has just come, while its secrets are at hand.
    pub(super) async fn begin_command(
        &self,
        delivery: &Delivery,
        invocation: &CommandInvocation,
    ) -> Result<(), StoreError> {
        if let (Delivered::Command { runs_as, .. }, Some(context)) = (&delivery.what, &invocation.context) {
            let now = self.engine.now();
            self.proofs
                .keep(JobId(*runs_as), &invocation.team.id, context, now);
        }
        let asked = asked(invocation);
        let tokens = Tokens {
            of_caller: self.caller_token(invocation, &asked).await,
            of_hub: org_token(invocation),
        };
        self.begin(delivery, asked, tokens).await
    }

    /// The token of whoever asks, if the command wants one and the hub has said who that is. It is asked for now, while the proof
    /// counts, and kept with the secrets of the command: in memory and nowhere else.
    async fn caller_token(&self, invocation: &CommandInvocation, asked: &Asked) -> CallerToken {
        let machine = self.engine.machine();
        let mut commands = machine.commands.iter();
        let command = commands.find(|command| command.name == invocation.command)?;
        command.parameters.iter().find_map(caller_token)?;
        let Some(context) = &invocation.context else {
            return Some(Err("the hub does not say who asks".to_owned()));
        };
        let (Some(owner), Some(repo)) = (asked.mapped.get(OWNER), asked.mapped.get(REPO)) else {
            return Some(Err("it is asked for no repository".to_owned()));
        };
        let place = [invocation.team.id.as_str(), owner, repo];
        let handle = SecretString::from(context.handle.as_str());
        let asking = self.ask_for_token(&handle, place);
        let given = tokio::time::timeout(PATIENCE, asking).await;
        let given = given.unwrap_or_else(|_| Err("the hub does not answer".to_owned()));
        if let Err(because) = &given {
            let command = invocation.command.as_str();
            tracing::info!(command, "the hub gives no token of whoever asks: {because}");
        }
        Some(given)
    }

    async fn ask_for_token(&self, handle: &SecretString, place: [&str; 3]) -> Result<SecretString, String> {
        let key = self.key().await.map_err(|error| chain(&error))?;
        let given = self.client.user_token(&key, handle, place).await;
        given.map_err(|error| chain(&error))
    }

    /// Asks the machine for it; a refusal is the answer.
    async fn begin(&self, delivery: &Delivery, mut asked: Asked, tokens: Tokens) -> Result<(), StoreError> {
        let Delivered::Command { command, runs_as, .. } = &delivery.what else {
            return Ok(());
        };
        let machine = self.engine.machine();
        let Some(definition) = machine.commands.iter().find(|known| known.name == *command) else {
            let reason = format!("this machine has no command `{}`", super::client::plain(command));
            return self.settle(delivery.clone(), answer(1, reason)).await;
        };
        let dry_run = match asked.take_dry_run(definition) {
            Ok(dry_run) => dry_run,
            Err(because) => return self.settle(delivery.clone(), answer(1, because)).await,
        };
        let ask = Ask {
            dry_run,
            as_person: acts_as_person(definition, &self.hub),
            ..asked.ask(definition, *runs_as, tokens)
        };
        match self.engine.ask(ask).await {
            Ok(_) => Ok(()),
            Err(AskError::Store(error)) => Err(error),
            Err(refused) => {
                let words = chain(&refused);
                let answer = DeliveryAnswer {
                    message: Some(words.clone()),
                    ..answer(1, words.lines().next().unwrap_or_default())
                };
                self.settle(delivery.clone(), answer).await
            }
        }
    }

    /// Writes the answer of a command that has ended; begins one that a restart left behind.
    pub(super) async fn follow_command(&self, delivery: Delivery) -> Result<(), StoreError> {
        let Delivered::Command {
            command,
            runs_as,
            asked,
            ..
        } = &delivery.what
        else {
            return Ok(());
        };
        let asked: Option<Asked> = asked.clone().and_then(|asked| serde_json::from_value(asked).ok());
        if acts::is_one(command) {
            let Asked {
                values,
                mapped,
                known_as,
                ..
            } = asked.unwrap_or_default();
            let answer = self
                .act(command, &values, (&mapped, &known_as), delivery.at)
                .await?;
            return self.settle(delivery, answer).await;
        }
        if command == COMPLETE {
            let values = asked.map(|asked| asked.values).unwrap_or_default();
            let answer = self.complete(&values).await?;
            return self.settle(delivery, answer).await;
        }
        let store = self.engine.store();
        if let Some(errand) = store.errand(ErrandId(*runs_as)).await? {
            if !errand.has_ended() {
                return Ok(());
            }
            let code = i64::from(errand.state != StateName::Success);
            let answer = DeliveryAnswer {
                code,
                reason: format!("{}: {}", errand.state.default_text(), errand.name),
                message: errand.message.clone(),
            };
            return self.settle(delivery, answer).await;
        }
        if let Some((_, tasks)) = store.job(JobId(*runs_as)).await? {
            return match self.job_answer(command, &tasks).await? {
                Some(answer) => self.settle(delivery, answer).await,
                None => Ok(()),
            };
        }
        match asked {
            Some(asked) => {
                // Who asked was proven to the machine that was stopped.
                let because = "the machine was restarted before it began".to_owned();
                let tokens = Tokens {
                    of_caller: Some(Err(because)),
                    of_hub: None,
                };
                self.begin(&delivery, asked, tokens).await
            }
            None => {
                let reason =
                    "the machine was restarted before it began, and what is secret is not kept; ask again";
                self.settle(delivery, answer(1, reason)).await
            }
        }
    }

    /// What became of a command on repositories; nothing while it goes on.
    async fn job_answer(
        &self,
        command: &str,
        tasks: &[JobTask],
    ) -> Result<Option<DeliveryAnswer>, StoreError> {
        let mut lines = Vec::new();
        let mut code = 0;
        for task in tasks {
            let line = match (task.state, task.goal_set) {
                (TaskState::Waiting, _) => return Ok(None),
                (TaskState::Begun, Some(id)) => match self.engine.store().goal_set(id).await? {
                    Some(record) if record.set.is_active() => return Ok(None),
                    Some(record) => {
                        let state = record.set.state();
                        code = code.max(i64::from(state != StateName::Success));
                        format!(
                            "{state} (goal set {}){}",
                            record.set.id.short(),
                            said(&record.set)
                        )
                    }
                    None => "over".to_owned(),
                },
                (TaskState::Begun, None) => "over".to_owned(),
                (TaskState::NotConcerned, _) => "not concerned".to_owned(),
                (state @ (TaskState::Failed | TaskState::Canceled), _) => {
                    code = 1;
                    format!(
                        "{}: {}",
                        state.as_str(),
                        task.message.as_deref().unwrap_or_default()
                    )
                }
            };
            lines.push(format!("{}: {line}", task.repo.slug));
        }
        let word = if code == 0 { "Complete" } else { "Failed" };
        Ok(Some(DeliveryAnswer {
            code,
            reason: format!("{word}: {command} on {} repositories", tasks.len()),
            message: Some(lines.join("\n")),
        }))
    }
}
