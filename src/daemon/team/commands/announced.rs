//! Commands as a hub hears of them: their parameters, what it fills in, and what it asks people for.

use serde_json::Value;

use super::{OWNER, REPO, WHO, acts};
use crate::config::{HubEntry, InWhoseName};
use crate::engine::Machine;
use crate::engine::commands::ask::has_dry_run;
use crate::kinds::transform;
use crate::model::{
    CommandDefinition, CommandWork, Intent, ParameterDefinition, ParameterSource, ParameterType,
};
use crate::wire::hub::{
    Choice, Command, Group, MappedParameter, Parameter, ParameterType as WireType, SecretDeclaration, uris,
};

/// Parameters by which people choose repositories, as on the command line.
pub(super) const TARGETS: &[(&str, &str)] = &[
    ("targets.owner", "all repositories of this owner"),
    ("targets.repo", "a repository: its name, or owner/name"),
    ("targets.repos", "repositories whose name matches this pattern"),
    (
        "targets.branch",
        "the branch; the default branch of each otherwise",
    ),
    ("targets.sha", "the commit; the head of the branch otherwise"),
];

/// Whether a transform only shows what it would change (semantics 5.5).
pub(super) const DRY_RUN: &str = "dry-run";

/// The token of its forge that the hub has for all repositories, as it hears of it.
pub(super) const ORG_TOKEN: &str = "github://org_token";

/// A token of whoever asks, as the hub hears of it.
const USER_TOKEN: &str = "github://user_token";

/// What people must have granted for whom the hub opens pull requests.
const PULL_REQUESTS: &str = "repo";

/// The kind of goal that only looks.
const INSPECT: &str = "inspect";

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

/// The commands of the goal files, and those by which people act on goals.
pub(in crate::daemon::team) fn announced(machine: &Machine, hub: &HubEntry) -> Vec<Command> {
    machine
        .commands
        .iter()
        .map(|definition| command(definition, acts_as_person(definition, hub)))
        .chain(acts::announced())
        .collect()
}

/// Whether a command asks a forge in the name of whoever asks for it.
pub(super) fn acts_as_person(definition: &CommandDefinition, hub: &HubEntry) -> bool {
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
            .chain(has_dry_run(definition).then(|| dry_run(definition)))
            .collect(),
        mapped_parameters: mapped.chain(everywhere).collect(),
        secrets: secrets(definition, as_person),
        only_reads: only_reads(definition),
    }
}

fn dry_run(definition: &CommandDefinition) -> Parameter {
    Parameter {
        kind: kind(&ParameterType::Boolean),
        default_value: Some(definition.dry_run.to_string()),
        ..optional(DRY_RUN, "whether it only shows what it would change")
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
    let of_hub = takes_org_token(definition).then(|| SecretDeclaration {
        uri: ORG_TOKEN.to_owned(),
    });
    tokens.chain(of_hub).chain(pull_requests).collect()
}

/// Whether a parameter holds the token that the hub has for all repositories.
fn takes_org_token(definition: &CommandDefinition) -> bool {
    let mut parameters = definition.parameters.iter();
    parameters.any(|parameter| parameter.source == ParameterSource::OrgToken)
}

/// What a parameter declares that holds a token of whoever asks (wire protocol 4.4): the hub asks them before it passes the command on.
pub(super) fn caller_token(definition: &ParameterDefinition) -> Option<SecretDeclaration> {
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

/// A parameter that the hub fills in.
pub(in crate::daemon::team) fn mapped(name: &str, uri: &str, required: bool) -> MappedParameter {
    MappedParameter {
        name: name.to_owned(),
        uri: uri.to_owned(),
        required,
    }
}

/// Text that need not be given.
pub(in crate::daemon::team) fn optional(name: &str, help: &str) -> Parameter {
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
