//! Commands that people give the machine by way of the hub: what is announced, and what becomes of an invocation.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::inbox::{answer, stored};
use super::pushes::named_id;
use super::{Inner, acts};
use crate::config::{HubEntry, InWhoseName};
use crate::engine::Machine;
use crate::engine::commands::ask::{Ask, AskError, AskedTargets};
use crate::engine::commands::bind::Given;
use crate::engine::commands::registry;
use crate::kinds::transform;
use crate::model::parameter::LONGEST_VALUE;
use crate::model::{
    CommandDefinition, CommandWork, ErrandId, GoalSet, Intent, JobId, JobTask, ParameterDefinition,
    ParameterSource, ParameterType, RepoSlug, StateName, TaskState, Timestamp,
};
use crate::ports::store::StoreError;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer};
use crate::runtime::causes::chain;
use crate::wire::hub::completion::COMPLETE;
use crate::wire::hub::{
    Choice, Command, CommandInvocation, Group, MappedParameter, NameValue, Parameter,
    ParameterType as WireType, SecretDeclaration, uris,
};

/// Parameters by which people choose repositories, as on the command line.
const TARGETS: &[(&str, &str)] = &[
    ("targets.owner", "all repositories of this owner"),
    ("targets.repo", "a repository: its name, or owner/name"),
    ("targets.repos", "repositories whose name matches this pattern"),
    (
        "targets.branch",
        "the branch; the default branch of each otherwise",
    ),
    ("targets.sha", "the commit; the head of the branch otherwise"),
];

/// How long the hub is waited for that gives a token; whatever else it says waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token of whoever asks, as the hub hears of it.
const USER_TOKEN: &str = "github://user_token";

/// What people must have granted for whom the hub opens pull requests.
const PULL_REQUESTS: &str = "repo";

/// The kind of goal that only looks.
const INSPECT: &str = "inspect";

/// What the hub fills in for every command: who asks, and the repository of the place where it was asked.
const WHO: &str = "sdm.who";
const OWNER: &str = "sdm.owner";
const REPO: &str = "sdm.repo";

/// What the surroundings fill in, as it is called here and at the hub (wire protocol 4.3).
const MAPPED: &[(&str, &str)] = &[
    ("repo_owner", uris::REPOSITORY_OWNER),
    ("repo_name", uris::REPOSITORY),
    ("user_login", uris::LOGIN),
    ("provider", uris::REPOSITORY_PROVIDER),
    ("api_url", uris::FORGE_API_URL),
    ("channel_id", uris::CHANNEL),
    ("channel_name", uris::CHANNEL_NAME),
    ("channel_type", uris::CHANNEL_TYPE),
    ("chat_user_id", uris::CHAT_USER),
    ("chat_user_name", uris::CHAT_USER_NAME),
    ("chat_team", uris::CHAT),
];

/// A token of whoever asks, or why there is none; `None` where nobody could give one.
type CallerToken = Option<Result<SecretString, String>>;

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

/// The commands of the goal files, and those by which people act on goals.
pub(super) fn announced(machine: &Machine, hub: &HubEntry) -> Vec<Command> {
    machine
        .commands
        .iter()
        .map(|definition| command(definition, acts_as_person(definition, hub)))
        .chain(acts::announced())
        .collect()
}

/// Whether a command asks a forge in the name of whoever asks for it.
fn acts_as_person(definition: &CommandDefinition, hub: &HubEntry) -> bool {
    let CommandWork::Goal(work) = &definition.work else {
        return false;
    };
    hub.pull_requests == InWhoseName::Person
        && work.kind == "transform"
        && transform::asks_to_merge(&work.arguments)
}

fn command(definition: &CommandDefinition, as_person: bool) -> Command {
    let given = definition
        .parameters
        .iter()
        .filter(|parameter| parameter.is_given());
    let targets = TARGETS.iter().filter(|_| definition.targets.is_some());
    let mapped = definition.parameters.iter().filter_map(|parameter| {
        let ParameterSource::Mapped(source) = &parameter.source else {
            return None;
        };
        let (_, uri) = MAPPED.iter().find(|(name, _)| name == source)?;
        Some(mapped(&parameter.name, uri, false))
    });
    let everywhere = [
        mapped_always(WHO, uris::LOGIN),
        mapped_always(OWNER, uris::REPOSITORY_OWNER),
        mapped_always(REPO, uris::REPOSITORY),
    ];
    Command {
        name: definition.name.clone(),
        description: (!definition.description.is_empty()).then(|| definition.description.clone()),
        tags: definition.tags.clone(),
        intent: definition.intents.iter().map(intent).collect(),
        auto_submit: true,
        question: None,
        parameters: given
            .map(parameter)
            .chain(targets.map(|(name, help)| optional(name, help)))
            .collect(),
        mapped_parameters: mapped.chain(everywhere).collect(),
        secrets: secrets(definition, as_person),
        only_reads: only_reads(definition),
    }
}

/// Whether a command only looks at repositories.
fn only_reads(definition: &CommandDefinition) -> bool {
    matches!(&definition.work, CommandWork::Goal(work) if work.kind == INSPECT)
}

/// What the hub asks people for before it passes the command on.
fn secrets(definition: &CommandDefinition, as_person: bool) -> Vec<SecretDeclaration> {
    let pull_requests = as_person.then(|| SecretDeclaration {
        uri: format!("{USER_TOKEN}?scopes={PULL_REQUESTS}"),
    });
    let tokens = definition.parameters.iter().filter_map(caller_token);
    tokens.chain(pull_requests).collect()
}

/// What a parameter declares that holds a token of whoever asks (wire protocol 4.4): the hub asks them before it passes the command on.
fn caller_token(definition: &ParameterDefinition) -> Option<SecretDeclaration> {
    let ParameterSource::CallerToken(scopes) = &definition.source else {
        return None;
    };
    let uri = match scopes.is_empty() {
        true => USER_TOKEN.to_owned(),
        false => format!("{USER_TOKEN}?scopes={}", scopes.join(",")),
    };
    Some(SecretDeclaration { uri })
}

fn mapped_always(name: &str, uri: &str) -> MappedParameter {
    mapped(name, uri, false)
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

/// A parameter that the hub fills in.
pub(super) fn mapped(name: &str, uri: &str, required: bool) -> MappedParameter {
    MappedParameter {
        name: name.to_owned(),
        uri: uri.to_owned(),
        required,
    }
}

/// Text that need not be given.
pub(super) fn optional(name: &str, help: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        description: Some(help.to_owned()),
        pattern: "^.*$".to_owned(),
        required: false,
        displayable: true,
        display_name: name.to_owned(),
        kind: None,
        default_value: None,
        min_length: None,
        max_length: None,
        valid_input: None,
        order: None,
        group: None,
        control: None,
    }
}

/// An expression is told from a phrase by how it begins and ends (wire protocol 2).
fn intent(intent: &Intent) -> String {
    match intent {
        Intent::Words(words) => words.clone(),
        Intent::Pattern(pattern) => {
            let begin = if pattern.starts_with('^') { "" } else { r"^[\s\S]*" };
            let end = if pattern.ends_with('$') { "" } else { r"[\s\S]*$" };
            format!("{begin}{pattern}{end}")
        }
    }
}

fn parameter(definition: &ParameterDefinition) -> Parameter {
    let any = if definition.multi_line {
        r"^[\s\S]*$"
    } else {
        "^.*$"
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Parameter {
        description: (!definition.description.is_empty()).then(|| definition.description.clone()),
        pattern: definition.pattern.clone().unwrap_or_else(|| any.to_owned()),
        required: definition.required && definition.default.is_none(),
        displayable: definition.displayable && !definition.is_secret(),
        display_name: definition.label().to_owned(),
        kind: kind(&definition.kind),
        default_value: definition.default.as_ref().map(text),
        min_length: (definition.min_length > 0).then_some(definition.min_length),
        max_length: definition.max_length,
        valid_input: definition.valid_input.clone(),
        order: definition.order,
        group: definition.group.clone().map(|name| Group {
            name,
            description: None,
        }),
        control: definition.multi_line.then(|| "textarea".to_owned()),
        ..optional(&definition.name, "")
    }
}

fn kind(kind: &ParameterType) -> Option<WireType> {
    match kind {
        ParameterType::String => None,
        ParameterType::Boolean => Some(WireType::Named("boolean".to_owned())),
        ParameterType::Number => Some(WireType::Named("number".to_owned())),
        ParameterType::Options { options, multiple } => Some(WireType::Choices {
            kind: if *multiple { "multiple" } else { "single" }.to_owned(),
            options: options
                .iter()
                .map(|value| Choice {
                    value: value.clone(),
                    description: None,
                })
                .collect(),
        }),
    }
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

    /// As the engine is asked.
    fn ask(mut self, command: &CommandDefinition, runs_as: uuid::Uuid, token: CallerToken) -> Ask {
        let targets = AskedTargets {
            owner: self.value("targets.owner"),
            repo: self.value("targets.repo"),
            repos: self.value("targets.repos"),
            branch: self.value("targets.branch"),
            sha: self.value("targets.sha"),
        };
        self.values
            .retain(|name, _| !TARGETS.iter().any(|(target, _)| target == name));
        let mut given = Given {
            caller_token: token,
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
            | ParameterSource::CallerToken(_) => None,
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
        let token = self.caller_token(invocation, &asked).await;
        self.begin(delivery, asked, token).await
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
    async fn begin(&self, delivery: &Delivery, asked: Asked, token: CallerToken) -> Result<(), StoreError> {
        let Delivered::Command { command, runs_as, .. } = &delivery.what else {
            return Ok(());
        };
        let machine = self.engine.machine();
        let Some(definition) = machine.commands.iter().find(|known| known.name == *command) else {
            let reason = format!("this machine has no command `{}`", super::client::plain(command));
            return self.settle(delivery.clone(), answer(1, reason)).await;
        };
        let ask = Ask {
            as_person: acts_as_person(definition, &self.hub),
            ..asked.ask(definition, *runs_as, token)
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
            let answer = self.act(command, &values, (&mapped, &known_as)).await?;
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
                self.begin(&delivery, asked, Some(Err(because))).await
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
