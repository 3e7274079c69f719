//! The operation table: every route, field and message of the hub with what it needs. What has no row does not exist,
//! because routes are mounted by their row and fields are found by theirs.

use super::super::addons::operations::Administering;
use super::super::pages::operations::Page;
use super::super::people::operations::PeopleOperation;

/// Something that can be done at the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Ask whether the hub is well.
    Health,
    /// Ask whether the hub takes requests.
    Ready,
    /// Announce a machine.
    Register,
    /// Offer commands, as part of a registration.
    RegisterCommands,
    /// Open a machine's websocket; the credential is the ticket of its registration.
    OpenSocket,
    /// Ask the graph anything, or write to it; each field has a row of its own.
    Ask,
    /// Query the graph.
    Query,
    /// Write goals and goal sets.
    WriteGoal,
    /// Write objects of custom types.
    IngestCustom,
    /// Change settings that machines share.
    Configure,
    /// Spread work over commands of one's own machines.
    WriteJob,
    /// Link a channel to a repository.
    LinkChannel,
    /// Tell of a push that a machine found by itself.
    TellPush,
    /// Decide about a goal of a machine of the original.
    DecideGoal,
    /// Say what came of a goal that somebody carries out for a machine; the credential is the token of the goal.
    CompleteGoal,
    /// List machines and their commands.
    ListMachines,
    /// Start a command.
    Invoke,
    /// Start one that changes a repository.
    InvokeChange,
    /// See what became of a command.
    LookAtInvocation,
    /// Give a command what it asked for.
    ContinueInvocation,
    /// Ask whether logs are kept here.
    ProbeLogs,
    /// Append to the log of a goal of one's own as machines of the original do.
    AppendLog,
    /// Append to the log of a goal of one's own.
    WriteLog,
    /// Read the log of a goal.
    ReadLog,
    /// Send an object of a custom type.
    IngestHook,
    /// Tell of a build.
    BuildHook,
    /// Tell of the status of a commit.
    StatusHook,
    /// Tell of the image of a commit.
    ImageHook,
    /// What runs somewhere says how it is.
    ApplicationHook,
    /// Read the hub's figures.
    Metrics,
    /// Deliver a webhook of GitHub; it is signed.
    GitHubWebhook,
    /// Look at a page, or do something on one.
    Page(Page),
    /// Decide over add-ons, or look at them.
    Administer(Administering),
    /// Post a message.
    PostMessage,
    /// Read what machines say to channels.
    ReadMessages,
    /// Press an action of a message in a channel.
    PressAction,
    /// Read the public half of a key that signs installs.
    ReadInstallKey,
    /// Exchange a signed assertion for a token.
    ExchangeToken,
    /// Exchange a signed assertion for a token that acts for a person.
    ExchangeUserToken,
    /// Register an extension by its descriptor.
    RegisterExtension,
    /// List extensions.
    ListExtensions,
    /// Read the descriptor of an extension again.
    ReadExtension,
    /// Give an extension another secret.
    RotateExtension,
    /// Read one's own registration.
    ReadSelf,
    /// Ask for another secret of one's own.
    RotateSelf,
    /// Agree that an add-on acts for oneself.
    GiveConsent,
    /// Take that back.
    WithdrawConsent,
    /// Agree for everybody.
    ConsentForEverybody,
    /// Take that back.
    WithdrawConsentForEverybody,
    /// Say that it is there, over a websocket.
    Heartbeat,
    /// Receive events, and answer for them, over a websocket.
    Receive,
    /// Get a secret of the hub with what one receives.
    HandOutSecret,
    /// List repositories.
    ListRepositories,
    /// Look at one.
    GetRepository,
    /// List goals.
    ListGoals,
    /// Cancel a goal of others, by writing it.
    CancelGoal,
    /// See the badge of a public repository.
    ReadBadge,
    /// Something about people.
    People(PeopleOperation),
}

/// What an operation needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name in refusals and in the audit log.
    pub name: &'static str,
    /// Method and path, when it is a route.
    pub route: Option<(&'static str, &'static str)>,
    /// Scopes, all of them.
    pub scopes: &'static [&'static str],
    /// Level on the resource.
    pub level: &'static str,
    /// Whether it needs no key. Such an operation checks what it is given by itself.
    pub open: bool,
    /// Whether only people may do it, whatever their scopes.
    pub person: bool,
}

pub(in super::super) const fn row(
    name: &'static str,
    route: (&'static str, &'static str),
    scopes: &'static [&'static str],
    level: &'static str,
) -> Row {
    Row {
        name,
        route: Some(route),
        scopes,
        level,
        open: false,
        person: false,
    }
}

/// Part of a route: a field or a message.
pub(in super::super) const fn part(
    name: &'static str,
    scopes: &'static [&'static str],
    level: &'static str,
) -> Row {
    Row {
        route: None,
        ..row(name, ("", ""), scopes, level)
    }
}

pub(in super::super) const fn open(name: &'static str, route: (&'static str, &'static str)) -> Row {
    Row {
        open: true,
        ..row(name, route, &[], "none")
    }
}

/// A route for people only.
pub(in super::super) const fn person(
    name: &'static str,
    route: (&'static str, &'static str),
    level: &'static str,
) -> Row {
    Row {
        person: true,
        ..row(name, route, &[], level)
    }
}

const HEALTH: Row = open("health", ("GET", "/health"));
const READY: Row = open("health", ("GET", "/health/ready"));
const REGISTER: Row = row(
    "events.subscribe",
    ("POST", "/registration"),
    &["events:read"],
    "read",
);
const REGISTER_COMMANDS: Row = part("command.register", &["commands:register"], "read");
const ASK: Row = row("graph.ask", ("POST", "/graphql/team/{workspace}"), &[], "none");
const QUERY: Row = part("graph.query", &["graph:read"], "read");
const WRITE_GOAL: Row = part("goal.update", &["goals:write"], "write");
const POST_MESSAGE: Row = part("message.post", &["messages:write"], "write");
const READ_MESSAGES: Row = row(
    "message.read",
    ("GET", "/messages/{workspace}"),
    &["messages:read"],
    "read",
);
const PRESS_ACTION: Row = row(
    "action.press",
    ("POST", "/messages/{workspace}/press"),
    &["messages:read", "act_as_user"],
    "read",
);
const INGEST_CUSTOM: Row = part("ingest.post", &["ingest:write"], "write");
const CONFIGURE: Row = part("configuration.set", &["goals:write"], "write");
const WRITE_JOB: Row = part("job.write", &["commands:register"], "read");
const LINK_CHANNEL: Row = part("channel.link", &["messages:write"], "write");
const TELL_PUSH: Row = part("push.tell", &["ingest:write"], "write");
const DECIDE_GOAL: Row = person(
    "goal.approve",
    (
        "POST",
        "/goals/{workspace}/{goal_set}/{environment}/{name}/{decision}",
    ),
    "write",
);
const COMPLETE_GOAL: Row = open(
    "goal.complete",
    (
        "POST",
        "/goals/{workspace}/{goal_set}/{environment}/{name}/result",
    ),
);
const LIST_MACHINES: Row = person("command.list", ("GET", "/machines/{workspace}"), "read");
const INVOKE: Row = person("command.invoke", ("POST", "/command"), "read");
const INVOKE_CHANGE: Row = Row {
    person: true,
    ..part("command.change", &[], "write")
};
const LOOK_AT_INVOCATION: Row = person(
    "command.invoke",
    ("GET", "/command/{command}/invocation/{id}"),
    "read",
);
const CONTINUE_INVOCATION: Row = person(
    "command.invoke",
    ("POST", "/command/{command}/invocation/{id}"),
    "read",
);
const PROBE_LOGS: Row = open("goal.log.probe", ("GET", "/api/logs"));
const APPEND_LOG: Row = row(
    "goal.log.write",
    (
        "POST",
        "/api/logs/{workspace}/{owner}/{repo}/{sha}/{environment}/{name}/{goal_set}/{correlation}",
    ),
    &["goals:write"],
    "write",
);
const WRITE_LOG: Row = row(
    "goal.log.write",
    (
        "POST",
        "/api/goal-logs/{workspace}/{goal_set}/{environment}/{name}/{attempt}",
    ),
    &["goals:write"],
    "write",
);
const READ_LOG: Row = row(
    "goal.log",
    ("GET", "/api/logs/{workspace}/{goal_set}/{environment}/{name}"),
    &["goals:read"],
    "read",
);
const INGEST_HOOK: Row = row(
    "ingest.post",
    ("POST", "/atomist/teams/{workspace}/ingestion/{kind}/{id}"),
    &["ingest:write"],
    "write",
);
const BUILD_HOOK: Row = row(
    "ingest.post",
    ("POST", "/atomist/build/teams/{workspace}"),
    &["ingest:write"],
    "write",
);
const STATUS_HOOK: Row = row(
    "ingest.post",
    ("POST", "/atomist/status/teams/{workspace}"),
    &["ingest:write"],
    "write",
);
const IMAGE_HOOK: Row = row(
    "ingest.post",
    ("POST", "/atomist/link-image/teams/{workspace}"),
    &["ingest:write"],
    "write",
);
const APPLICATION_HOOK: Row = row(
    "ingest.post",
    ("POST", "/atomist/application/teams/{workspace}"),
    &["ingest:write"],
    "write",
);
const METRICS: Row = row("metrics.read", ("GET", "/metrics"), &["admin:read"], "admin");
const GITHUB_WEBHOOK: Row = open("webhook.receive", ("POST", "/webhooks/github/{workspace}"));
const READ_INSTALL_KEY: Row = open("install_key.read", ("GET", "/connect/install-keys/{kid}"));
const EXCHANGE_TOKEN: Row = open("token.exchange", ("POST", "/auth/oauth2/token"));
const EXCHANGE_USER_TOKEN: Row = open("token.exchange", ("POST", "/oauth2/token"));
const REGISTER_EXTENSION: Row = person("addon.register", ("POST", "/admin/extensions"), "read");
const LIST_EXTENSIONS: Row = row(
    "addon.list",
    ("GET", "/admin/extensions"),
    &["admin:read"],
    "admin",
);
const READ_EXTENSION: Row = person("addon.register", ("POST", "/admin/extensions/{key}/read"), "read");
const ROTATE_EXTENSION: Row = person(
    "addon.rotate",
    ("POST", "/admin/extensions/{key}/rotate"),
    "admin",
);
const READ_SELF: Row = row("self.get", ("GET", "/self"), &[], "none");
const GIVE_CONSENT: Row = person("consent.give", ("POST", "/consents/{key}"), "read");
const WITHDRAW_CONSENT: Row = person("consent.withdraw", ("DELETE", "/consents/{key}"), "read");
const CONSENT_FOR_EVERYBODY: Row = person(
    "consent.everybody",
    ("POST", "/admin/extensions/{key}/consent"),
    "admin",
);
const WITHDRAW_CONSENT_FOR_EVERYBODY: Row = person(
    "consent.everybody",
    ("DELETE", "/admin/extensions/{key}/consent"),
    "admin",
);
const ROTATE_SELF: Row = row("self.rotate", ("POST", "/self/rotate"), &[], "none");
const HEARTBEAT: Row = part("self.heartbeat", &[], "none");
const RECEIVE: Row = part("events.receive", &["events:read"], "read");
const HAND_OUT_SECRET: Row = part("repo.token.read", &["repo:read"], "read");
const LIST_REPOSITORIES: Row = row(
    "repo.list",
    ("GET", "/repositories/{workspace}"),
    &["repo:meta"],
    "read",
);
const GET_REPOSITORY: Row = row(
    "repo.get",
    ("GET", "/repositories/{workspace}/{owner}/{name}"),
    &["repo:meta"],
    "read",
);
const LIST_GOALS: Row = row(
    "goal.list",
    ("GET", "/goals/{workspace}"),
    &["goals:read"],
    "read",
);
const CANCEL_GOAL: Row = part("goal.cancel", &["goals:delete"], "write");
const READ_BADGE: Row = open("badge.read", ("GET", "/badges/{workspace}/{owner}/{name}"));
const OPEN_SOCKET: Row = open("events.receive", ("GET", "/ws/{ticket}"));

impl Operation {
    /// Those that are nothing more particular.
    const PLAIN: &[Self] = &[
        Self::Health,
        Self::Ready,
        Self::Register,
        Self::RegisterCommands,
        Self::OpenSocket,
        Self::Ask,
        Self::Query,
        Self::WriteGoal,
        Self::IngestCustom,
        Self::Configure,
        Self::WriteJob,
        Self::LinkChannel,
        Self::TellPush,
        Self::DecideGoal,
        Self::CompleteGoal,
        Self::ListMachines,
        Self::Invoke,
        Self::InvokeChange,
        Self::LookAtInvocation,
        Self::ContinueInvocation,
        Self::ProbeLogs,
        Self::AppendLog,
        Self::WriteLog,
        Self::ReadLog,
        Self::IngestHook,
        Self::BuildHook,
        Self::StatusHook,
        Self::ImageHook,
        Self::ApplicationHook,
        Self::Metrics,
        Self::GitHubWebhook,
        Self::PostMessage,
        Self::ReadMessages,
        Self::PressAction,
        Self::ReadInstallKey,
        Self::ExchangeToken,
        Self::ExchangeUserToken,
        Self::RegisterExtension,
        Self::ListExtensions,
        Self::ReadExtension,
        Self::RotateExtension,
        Self::ReadSelf,
        Self::RotateSelf,
        Self::GiveConsent,
        Self::WithdrawConsent,
        Self::ConsentForEverybody,
        Self::WithdrawConsentForEverybody,
        Self::Heartbeat,
        Self::Receive,
        Self::HandOutSecret,
        Self::ListRepositories,
        Self::GetRepository,
        Self::ListGoals,
        Self::CancelGoal,
        Self::ReadBadge,
    ];

    /// Every operation there is.
    pub fn every() -> impl Iterator<Item = Self> {
        let pages = Page::ALL.into_iter().map(Self::Page);
        let administering = Administering::ALL.into_iter().map(Self::Administer);
        let people = PeopleOperation::ALL.iter().copied().map(Self::People);
        let plain = Self::PLAIN.iter().copied();
        plain.chain(pages).chain(administering).chain(people)
    }

    /// Its row.
    pub const fn row(self) -> &'static Row {
        match self {
            Self::Health => &HEALTH,
            Self::Ready => &READY,
            Self::Register => &REGISTER,
            Self::RegisterCommands => &REGISTER_COMMANDS,
            Self::OpenSocket => &OPEN_SOCKET,
            Self::Ask => &ASK,
            Self::Query => &QUERY,
            Self::WriteGoal => &WRITE_GOAL,
            Self::IngestCustom => &INGEST_CUSTOM,
            Self::Configure => &CONFIGURE,
            Self::WriteJob => &WRITE_JOB,
            Self::LinkChannel => &LINK_CHANNEL,
            Self::TellPush => &TELL_PUSH,
            Self::DecideGoal => &DECIDE_GOAL,
            Self::CompleteGoal => &COMPLETE_GOAL,
            Self::ListMachines => &LIST_MACHINES,
            Self::Invoke => &INVOKE,
            Self::InvokeChange => &INVOKE_CHANGE,
            Self::LookAtInvocation => &LOOK_AT_INVOCATION,
            Self::ContinueInvocation => &CONTINUE_INVOCATION,
            Self::ProbeLogs => &PROBE_LOGS,
            Self::AppendLog => &APPEND_LOG,
            Self::WriteLog => &WRITE_LOG,
            Self::ReadLog => &READ_LOG,
            Self::IngestHook => &INGEST_HOOK,
            Self::BuildHook => &BUILD_HOOK,
            Self::StatusHook => &STATUS_HOOK,
            Self::ImageHook => &IMAGE_HOOK,
            Self::ApplicationHook => &APPLICATION_HOOK,
            Self::Metrics => &METRICS,
            Self::GitHubWebhook => &GITHUB_WEBHOOK,
            Self::Page(page) => page.row(),
            Self::Administer(what) => what.row(),
            Self::PostMessage => &POST_MESSAGE,
            Self::ReadMessages => &READ_MESSAGES,
            Self::PressAction => &PRESS_ACTION,
            Self::ReadInstallKey => &READ_INSTALL_KEY,
            Self::ExchangeToken => &EXCHANGE_TOKEN,
            Self::ExchangeUserToken => &EXCHANGE_USER_TOKEN,
            Self::RegisterExtension => &REGISTER_EXTENSION,
            Self::ListExtensions => &LIST_EXTENSIONS,
            Self::ReadExtension => &READ_EXTENSION,
            Self::RotateExtension => &ROTATE_EXTENSION,
            Self::ReadSelf => &READ_SELF,
            Self::RotateSelf => &ROTATE_SELF,
            Self::GiveConsent => &GIVE_CONSENT,
            Self::WithdrawConsent => &WITHDRAW_CONSENT,
            Self::ConsentForEverybody => &CONSENT_FOR_EVERYBODY,
            Self::WithdrawConsentForEverybody => &WITHDRAW_CONSENT_FOR_EVERYBODY,
            Self::Heartbeat => &HEARTBEAT,
            Self::Receive => &RECEIVE,
            Self::HandOutSecret => &HAND_OUT_SECRET,
            Self::ListRepositories => &LIST_REPOSITORIES,
            Self::GetRepository => &GET_REPOSITORY,
            Self::ListGoals => &LIST_GOALS,
            Self::CancelGoal => &CANCEL_GOAL,
            Self::ReadBadge => &READ_BADGE,
            Self::People(operation) => operation.row(),
        }
    }
}

/// Scopes that a machine of the original needs; what a first key has.
pub const MACHINE_SCOPES: &[&str] = &[
    "events:read",
    "graph:read",
    "goals:write",
    "messages:write",
    "commands:register",
    "ingest:write",
    "repo:read",
];

/// All scopes that a key may have.
pub const SCOPES: &[&str] = &[
    "events:read",
    "graph:read",
    "repo:meta",
    "goals:read",
    "goals:write",
    "goals:delete",
    "messages:read",
    "messages:write",
    "commands:register",
    "ingest:write",
    "repo:status",
    "repo:read",
    "repo:write",
    "deployments:write",
    "act_as_user",
    "secrets:user_token",
    "admin:read",
    "admin:write",
];

#[cfg(test)]
mod tests;
