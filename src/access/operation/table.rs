//! The operation table: every route, field and message, with what it needs (security model 11). What is not here is closed.

use super::super::resource::{Kind, Level};
use super::super::scope::Scope;
use super::{Operation, Who};

use Kind::{Channel, Environment, Feed, Repository, Workspace};
use Level::{Admin, Read, Write};
use Scope as S;
use Who::{Addon, Anybody, FreshPerson, Open, Own, Person};

const fn row(
    name: &'static str,
    does: &'static str,
    who: Who,
    scopes: &'static [Scope],
    kinds: &'static [Kind],
    level: Level,
) -> Operation {
    Operation {
        name,
        does,
        who,
        scopes,
        kinds,
        keys: &[],
        level,
        needs_context: false,
        allows_page_tokens: false,
        needs_forge: false,
        reads_secrets: false,
        is_not_yet: false,
    }
}

/// Something that nothing at the hub does yet.
const fn not_yet(row: Operation) -> Operation {
    Operation {
        is_not_yet: true,
        ..row
    }
}

const WORKSPACE: &[Kind] = &[Workspace];
const REPOSITORY: &[Kind] = &[Repository];
const DELIVERY: &[Kind] = &[Repository, Environment];
/// A goal that names no repository is the workspace's.
const GOALS: &[Kind] = &[Workspace, Repository, Environment];
const CONTENT: &[Kind] = &[Workspace, Repository, Channel, Feed, Environment];

const fn open(name: &'static str, does: &'static str) -> Operation {
    row(name, does, Open, &[], WORKSPACE, Read)
}

const fn own(name: &'static str, does: &'static str) -> Operation {
    row(name, does, Own, &[], WORKSPACE, Read)
}

/// A right of members over what is theirs.
const fn member(name: &'static str, does: &'static str) -> Operation {
    row(name, does, Person, &[], WORKSPACE, Read)
}

/// Something of people that their keys do too, with one of these scopes.
const fn by_key(keys: &'static [Scope], row: Operation) -> Operation {
    Operation { keys, ..row }
}

/// A decision of people about goals.
const fn decides(name: &'static str, does: &'static str) -> Operation {
    by_key(&[S::GoalsWrite], row(name, does, Person, &[], DELIVERY, Write))
}

/// A decision of an administrator that makes rights.
const fn decide(name: &'static str, does: &'static str) -> Operation {
    row(name, does, FreshPerson, &[], WORKSPACE, Admin)
}

/// Every operation. A test of the hub fails when nothing there asks for one of them that is not said to come later.
pub const OPERATIONS: &[Operation] = &[
    // Without a credential.
    open("health", "ask whether the hub is well"),
    open("badge.read", "read badges of public repositories"),
    open("sign_in", "sign in"),
    open("install_key.read", "read public install keys"),
    open("token.exchange", "exchange a signed assertion for a token"),
    open("webhook.receive", "deliver signed webhooks"),
    open("goal.log.probe", "ask whether logs are kept"),
    open("goal.complete", "complete goals whose tokens they were given"),
    // An add-on about itself.
    own("self.get", "read its own registration"),
    own("self.heartbeat", "say that it is alive"),
    own("self.rotate", "ask for a new secret of its own"),
    not_yet(Operation {
        allows_page_tokens: true,
        ..own("page.context", "read where its page is shown")
    }),
    // Content.
    row(
        "events.subscribe",
        "subscribe to events",
        Anybody,
        &[S::EventsRead],
        CONTENT,
        Read,
    ),
    row(
        "events.receive",
        "receive events",
        Anybody,
        &[S::EventsRead],
        CONTENT,
        Read,
    ),
    row(
        "graph.query",
        "query the graph",
        Anybody,
        &[S::GraphRead],
        CONTENT,
        Read,
    ),
    row(
        "repo.list",
        "list repositories",
        Anybody,
        &[S::RepoMeta],
        REPOSITORY,
        Read,
    ),
    row(
        "repo.get",
        "read branches and settings of repositories",
        Anybody,
        &[S::RepoMeta],
        REPOSITORY,
        Read,
    ),
    not_yet(row(
        "repo.status",
        "set commit statuses and checks",
        Anybody,
        &[S::RepoStatus],
        REPOSITORY,
        Write,
    )),
    Operation {
        reads_secrets: true,
        ..row(
            "repo.token.read",
            "get a token to read code",
            Addon,
            &[S::RepoRead],
            REPOSITORY,
            Read,
        )
    },
    not_yet(Operation {
        reads_secrets: true,
        ..row(
            "repo.token.write",
            "get a token to push",
            Addon,
            &[S::RepoWrite],
            REPOSITORY,
            Write,
        )
    }),
    row(
        "goal.list",
        "list goals",
        Anybody,
        &[S::GoalsRead],
        DELIVERY,
        Read,
    ),
    row(
        "goal.log",
        "read logs of goals",
        Anybody,
        &[S::GoalsRead],
        DELIVERY,
        Read,
    ),
    row(
        "goal.update",
        "create and update goals",
        Anybody,
        &[S::GoalsWrite],
        GOALS,
        Write,
    ),
    row(
        "goal.log.write",
        "write logs of goals",
        Anybody,
        &[S::GoalsWrite],
        DELIVERY,
        Write,
    ),
    row(
        "goal.cancel",
        "cancel goals",
        Anybody,
        &[S::GoalsDelete],
        DELIVERY,
        Write,
    ),
    not_yet(row(
        "goal.delete",
        "delete goals",
        Anybody,
        &[S::GoalsDelete],
        DELIVERY,
        Write,
    )),
    decides("goal.approve", "approve goals"),
    decides("goal.deny", "deny goals"),
    decides("goal.retry", "retry goals"),
    row(
        "configuration.set",
        "change settings that machines share",
        Anybody,
        &[S::GoalsWrite],
        WORKSPACE,
        Write,
    ),
    not_yet(row(
        "deployment.record",
        "record deployments",
        Anybody,
        &[S::DeploymentsWrite],
        DELIVERY,
        Write,
    )),
    not_yet(row(
        "deployment.trigger",
        "trigger deployments",
        Anybody,
        &[S::DeploymentsWrite],
        DELIVERY,
        Write,
    )),
    not_yet(row(
        "deployment.approve",
        "approve deployments",
        Person,
        &[],
        DELIVERY,
        Write,
    )),
    not_yet(row(
        "environment.lock",
        "lock and unlock environments",
        Person,
        &[],
        &[Environment],
        Write,
    )),
    row(
        "message.read",
        "read messages of machines to channels",
        Anybody,
        &[S::MessagesRead],
        &[Channel, Workspace],
        Read,
    ),
    Operation {
        needs_context: true,
        ..row(
            "action.press",
            "press actions of messages for people",
            Addon,
            &[S::ActAsUser, S::MessagesRead],
            &[Workspace],
            Read,
        )
    },
    row(
        "message.post",
        "post and update messages",
        Anybody,
        &[S::MessagesWrite],
        &[Channel, Workspace],
        Write,
    ),
    row(
        "channel.link",
        "link channels to repositories",
        Anybody,
        &[S::MessagesWrite],
        &[Repository, Channel],
        Write,
    ),
    row(
        "command.register",
        "register commands",
        Anybody,
        &[S::CommandsRegister],
        WORKSPACE,
        Read,
    ),
    row(
        "job.write",
        "spread work over commands of machines of one's own",
        Anybody,
        &[S::CommandsRegister],
        WORKSPACE,
        Read,
    ),
    by_key(
        &[S::GraphRead, S::CommandsRegister],
        row("command.list", "list commands", Person, &[], WORKSPACE, Read),
    ),
    by_key(
        &[S::CommandsRegister],
        row(
            "command.invoke",
            "start commands",
            Person,
            &[],
            &[Workspace, Repository],
            Read,
        ),
    ),
    by_key(
        &[S::CommandsRegister],
        row(
            "command.change",
            "start commands that change repositories",
            Person,
            &[],
            REPOSITORY,
            Write,
        ),
    ),
    row(
        "push.tell",
        "tell of pushes that they found by themselves",
        Addon,
        &[S::IngestWrite],
        REPOSITORY,
        Write,
    ),
    row(
        "ingest.post",
        "send custom events",
        Anybody,
        &[S::IngestWrite],
        &[Feed, Repository],
        Write,
    ),
    Operation {
        needs_context: true,
        needs_forge: true,
        reads_secrets: true,
        ..row(
            "usertoken.get",
            "get a person's token of the forge",
            Addon,
            &[S::SecretsUserToken],
            REPOSITORY,
            Write,
        )
    },
    // Settings.
    row(
        "metrics.read",
        "read figures of the hub",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "settings.read",
        "read settings",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "settings.write",
        "write settings",
        Anybody,
        &[S::AdminWrite],
        WORKSPACE,
        Admin,
    ),
    row(
        "audit.read",
        "read the audit log",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "audit.export",
        "export the audit log",
        FreshPerson,
        &[],
        WORKSPACE,
        Admin,
    ),
    row(
        "policy.read",
        "read the policy",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "addon.list",
        "list add-ons",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "addon.effective",
        "ask what an add-on may do",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    row(
        "person.list",
        "list people",
        Anybody,
        &[S::AdminRead],
        WORKSPACE,
        Admin,
    ),
    // What makes rights: people only, and no scope reaches it.
    decide("policy.apply", "change the policy"),
    by_key(&[S::AdminWrite], member("addon.register", "register add-ons")),
    decide("addon.approve", "approve add-ons"),
    decide("addon.grant", "change grants of add-ons"),
    decide("addon.uninstall", "uninstall add-ons"),
    row("addon.disable", "disable add-ons", Person, &[], WORKSPACE, Admin),
    decide("addon.enable", "enable add-ons"),
    decide("addon.rotate", "give add-ons new secrets"),
    decide("addon.terms", "change on which terms add-ons are at work"),
    decide("trust.change", "change which issuers of job tokens are trusted"),
    decide("person.invite", "invite people"),
    decide("person.role", "change roles of people"),
    row("person.suspend", "suspend people", Person, &[], WORKSPACE, Admin),
    decide("credential.manage", "manage credentials of others"),
    decide(
        "consent.everybody",
        "agree for everybody that an add-on acts for them",
    ),
    row("key.create", "make keys", FreshPerson, &[], WORKSPACE, Read),
    member("key.list", "list their keys"),
    member("key.revoke", "revoke their keys"),
    member("session.list", "list their sessions"),
    member("session.end", "end their sessions"),
    member("authorization.list", "list their authorisations on the forge"),
    member("authorization.revoke", "revoke their authorisations on the forge"),
    row(
        "consent.give",
        "agree that an add-on acts for them",
        FreshPerson,
        &[],
        WORKSPACE,
        Read,
    ),
    member("consent.withdraw", "take back that an add-on acts for them"),
    row(
        "identity.link",
        "get a code that says in a chat who they are",
        FreshPerson,
        &[],
        WORKSPACE,
        Read,
    ),
    member("identity.unlink", "take back who they are in a chat"),
    row(
        "chat.link",
        "say who said a code in a chat",
        Addon,
        &[S::ActAsUser],
        WORKSPACE,
        Read,
    ),
    row(
        "chat.joined",
        "say who came into a channel of a chat",
        Addon,
        &[S::ActAsUser],
        WORKSPACE,
        Read,
    ),
];
