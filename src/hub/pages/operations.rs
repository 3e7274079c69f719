//! The pages' rows in the operation table: what each page shows or does, by the operation that it is for everybody else.

use super::super::access::operations::{Row, open, part, person, row};

/// A page, or something that is done on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Page {
    /// Go to the first page of whoever looks.
    Home,
    /// Styles and script, the same for everybody.
    Asset,
    /// Pushes and what became of them.
    Activity,
    /// The same, as it grows.
    ActivityStream,
    /// A goal set.
    GoalSet,
    /// The same, as it goes on.
    GoalSetStream,
    /// The log of a goal.
    Log,
    /// The same, as it grows.
    LogStream,
    /// Machines, with what they do and hear.
    Machines,
    /// A form to ask the graph.
    Graph,
    /// Ask it.
    AskGraph,
    /// Its types, for the script.
    GraphSchema,
    /// Approve, deny, cancel or start again a goal.
    DecideGoal,
    /// See deliveries that were given up; a part of the machines' page.
    Dead,
    /// Let one of them wait again.
    Replay,
    /// See where one is signed in.
    You,
    /// End one of these.
    EndSession,
    /// Read the audit log.
    Audit,
    /// See keys.
    Keys,
    /// Make a key of one's own.
    MakeKey,
    /// Revoke a key of one's own.
    RevokeKey,
    /// See, make and revoke keys of machines and of others; a part of these.
    OthersKeys,
    /// Agree that an add-on acts for oneself.
    GiveConsent,
    /// Take that back.
    WithdrawConsent,
    /// See people and invitations.
    People,
    /// Invite somebody.
    Invite,
    /// Take an invitation back.
    TakeBack,
    /// Give a person another role.
    ChangeRole,
    /// Let a person in no more.
    Suspend,
    /// Let a person in again.
    Restore,
    /// Take back what one lets the hub do elsewhere.
    RevokeAuthorization,
    /// Get a code that says in a chat who one is.
    LinkChat,
    /// Take back who one is in a chat.
    UnlinkChat,
    /// See machines and extensions with what each may do.
    Addons,
    /// See one of them.
    Addon,
    /// Agree to what one asks for, or to less.
    ApproveAddon,
    /// Reject it.
    RejectAddon,
    /// Switch one off.
    DisableAddon,
    /// Switch it on again.
    EnableAddon,
    /// Take it away.
    UninstallAddon,
    /// Register an extension by its descriptor.
    RegisterExtension,
    /// Read the descriptor of one again.
    ReadExtension,
    /// Give one another secret.
    RotateExtension,
    /// Read the policy as text.
    Policy,
    /// See the effect of another one, and put it in force.
    ApplyPolicy,
    /// See the effect of a grant, and give it.
    Grant,
    /// See the effect of taking a grant away, and take it.
    Ungrant,
}

const HOME: Row = open("sign_in", ("GET", "/"));
const ASSET: Row = open("sign_in", ("GET", "/assets/{version}/{name}"));
const ACTIVITY: Row = read("/workspaces/{workspace}/activity");
const ACTIVITY_STREAM: Row = read("/workspaces/{workspace}/activity/stream");
const GOAL_SET: Row = read("/workspaces/{workspace}/goals/{goal_set}");
const GOAL_SET_STREAM: Row = read("/workspaces/{workspace}/goals/{goal_set}/stream");
const LOG: Row = log("/workspaces/{workspace}/goals/{goal_set}/logs/{environment}/{name}");
const LOG_STREAM: Row = log("/workspaces/{workspace}/goals/{goal_set}/logs/{environment}/{name}/stream");
const MACHINES: Row = person(
    "command.list",
    ("GET", "/workspaces/{workspace}/machines"),
    "read",
);

const GRAPH: Row = read("/workspaces/{workspace}/graph");
const ASK_GRAPH: Row = row(
    "graph.query",
    ("POST", "/workspaces/{workspace}/graph"),
    &["graph:read"],
    "read",
);
const GRAPH_SCHEMA: Row = read("/workspaces/{workspace}/graph/schema");

const DECIDE_GOAL: Row = person(
    "goal.approve",
    ("POST", "/workspaces/{workspace}/goals/{goal_set}/decide"),
    "write",
);
const DEAD: Row = part("settings.read", &["admin:read"], "admin");
const REPLAY: Row = row(
    "settings.write",
    ("POST", "/workspaces/{workspace}/machines/dead/{id}"),
    &["admin:write"],
    "admin",
);
const YOU: Row = person("session.list", ("GET", "/you"), "read");
const END_SESSION: Row = person("session.end", ("POST", "/you/sessions/{id}/end"), "read");

const AUDIT: Row = person("audit.export", ("GET", "/audit"), "admin");

const KEYS: Row = person("key.list", ("GET", "/keys"), "read");
const MAKE_KEY: Row = person("key.create", ("POST", "/keys"), "read");
const REVOKE_KEY: Row = person("key.revoke", ("POST", "/keys/{id}/revoke"), "read");
const OTHERS_KEYS: Row = Row {
    person: true,
    ..part("credential.manage", &[], "admin")
};

const GIVE_CONSENT: Row = person("consent.give", ("POST", "/you/consents/{key}/give"), "read");
const WITHDRAW_CONSENT: Row = person(
    "consent.withdraw",
    ("POST", "/you/consents/{key}/withdraw"),
    "read",
);

const PEOPLE: Row = row("person.list", ("GET", "/people"), &["admin:read"], "admin");
const INVITE: Row = person("person.invite", ("POST", "/people/invite"), "admin");
const TAKE_BACK: Row = person(
    "person.invite",
    ("POST", "/people/invitations/{id}/take-back"),
    "admin",
);
const CHANGE_ROLE: Row = person("person.role", ("POST", "/people/{person}/role"), "admin");
const SUSPEND: Row = person("person.suspend", ("POST", "/people/{person}/suspend"), "admin");
const RESTORE: Row = person("person.role", ("POST", "/people/{person}/restore"), "admin");
const REVOKE_AUTHORIZATION: Row = person(
    "authorization.revoke",
    ("POST", "/you/authorizations/{provider}/revoke"),
    "read",
);

const LINK_CHAT: Row = person("identity.link", ("POST", "/you/chats"), "read");
const UNLINK_CHAT: Row = person(
    "identity.unlink",
    ("POST", "/you/chats/{provider}/unlink"),
    "read",
);

const ADDONS: Row = row("addon.list", ("GET", "/add-ons"), &["admin:read"], "admin");
const ADDON: Row = row("addon.list", ("GET", "/add-ons/{key}"), &["admin:read"], "admin");
const APPROVE_ADDON: Row = person("addon.approve", ("POST", "/add-ons/{key}/approve"), "admin");
const REJECT_ADDON: Row = person("addon.approve", ("POST", "/add-ons/{key}/reject"), "admin");
const DISABLE_ADDON: Row = person("addon.disable", ("POST", "/add-ons/{key}/disable"), "admin");
const ENABLE_ADDON: Row = person("addon.enable", ("POST", "/add-ons/{key}/enable"), "admin");
const UNINSTALL_ADDON: Row = person("addon.uninstall", ("POST", "/add-ons/{key}/uninstall"), "admin");
const REGISTER_EXTENSION: Row = person("addon.register", ("POST", "/add-ons"), "read");
const READ_EXTENSION: Row = person("addon.register", ("POST", "/add-ons/{key}/read"), "read");
const ROTATE_EXTENSION: Row = person("addon.rotate", ("POST", "/add-ons/{key}/rotate"), "admin");
const POLICY: Row = row("policy.read", ("GET", "/policy"), &["admin:read"], "admin");
const APPLY_POLICY: Row = person("policy.apply", ("POST", "/policy"), "admin");
const GRANT: Row = person("addon.grant", ("POST", "/add-ons/{key}/grants"), "admin");
const UNGRANT: Row = person(
    "addon.grant",
    ("POST", "/add-ons/{key}/grants/{id}/remove"),
    "admin",
);

/// A page that shows what is in the graph.
const fn read(path: &'static str) -> Row {
    row("graph.query", ("GET", path), &["graph:read"], "read")
}

/// A page that shows a log.
const fn log(path: &'static str) -> Row {
    row("goal.log", ("GET", path), &["goals:read"], "read")
}

impl Page {
    /// Every page.
    pub const ALL: [Self; 47] = [
        Self::Home,
        Self::Asset,
        Self::Activity,
        Self::ActivityStream,
        Self::GoalSet,
        Self::GoalSetStream,
        Self::Log,
        Self::LogStream,
        Self::Machines,
        Self::Graph,
        Self::AskGraph,
        Self::GraphSchema,
        Self::DecideGoal,
        Self::Dead,
        Self::Replay,
        Self::You,
        Self::EndSession,
        Self::Audit,
        Self::Keys,
        Self::MakeKey,
        Self::RevokeKey,
        Self::OthersKeys,
        Self::GiveConsent,
        Self::WithdrawConsent,
        Self::People,
        Self::Invite,
        Self::TakeBack,
        Self::ChangeRole,
        Self::Suspend,
        Self::Restore,
        Self::RevokeAuthorization,
        Self::LinkChat,
        Self::UnlinkChat,
        Self::Addons,
        Self::Addon,
        Self::ApproveAddon,
        Self::RejectAddon,
        Self::DisableAddon,
        Self::EnableAddon,
        Self::UninstallAddon,
        Self::RegisterExtension,
        Self::ReadExtension,
        Self::RotateExtension,
        Self::Policy,
        Self::ApplyPolicy,
        Self::Grant,
        Self::Ungrant,
    ];

    /// Its row.
    pub const fn row(self) -> &'static Row {
        match self {
            Self::Home => &HOME,
            Self::Asset => &ASSET,
            Self::Activity => &ACTIVITY,
            Self::ActivityStream => &ACTIVITY_STREAM,
            Self::GoalSet => &GOAL_SET,
            Self::GoalSetStream => &GOAL_SET_STREAM,
            Self::Log => &LOG,
            Self::LogStream => &LOG_STREAM,
            Self::Machines => &MACHINES,
            Self::Graph => &GRAPH,
            Self::AskGraph => &ASK_GRAPH,
            Self::GraphSchema => &GRAPH_SCHEMA,
            Self::DecideGoal => &DECIDE_GOAL,
            Self::Dead => &DEAD,
            Self::Replay => &REPLAY,
            Self::You => &YOU,
            Self::EndSession => &END_SESSION,
            Self::Audit => &AUDIT,
            Self::Keys => &KEYS,
            Self::MakeKey => &MAKE_KEY,
            Self::RevokeKey => &REVOKE_KEY,
            Self::OthersKeys => &OTHERS_KEYS,
            Self::GiveConsent => &GIVE_CONSENT,
            Self::WithdrawConsent => &WITHDRAW_CONSENT,
            Self::People => &PEOPLE,
            Self::Invite => &INVITE,
            Self::TakeBack => &TAKE_BACK,
            Self::ChangeRole => &CHANGE_ROLE,
            Self::Suspend => &SUSPEND,
            Self::Restore => &RESTORE,
            Self::RevokeAuthorization => &REVOKE_AUTHORIZATION,
            Self::LinkChat => &LINK_CHAT,
            Self::UnlinkChat => &UNLINK_CHAT,
            Self::Addons => &ADDONS,
            Self::Addon => &ADDON,
            Self::ApproveAddon => &APPROVE_ADDON,
            Self::RejectAddon => &REJECT_ADDON,
            Self::DisableAddon => &DISABLE_ADDON,
            Self::EnableAddon => &ENABLE_ADDON,
            Self::UninstallAddon => &UNINSTALL_ADDON,
            Self::RegisterExtension => &REGISTER_EXTENSION,
            Self::ReadExtension => &READ_EXTENSION,
            Self::RotateExtension => &ROTATE_EXTENSION,
            Self::Policy => &POLICY,
            Self::ApplyPolicy => &APPLY_POLICY,
            Self::Grant => &GRANT,
            Self::Ungrant => &UNGRANT,
        }
    }

    /// Whether what is shown or decided on is looked at one by one, so that somebody who may do it anywhere may come.
    pub(super) const fn is_filtered(self) -> bool {
        match self {
            Self::Activity
            | Self::ActivityStream
            | Self::GoalSet
            | Self::GoalSetStream
            | Self::Log
            | Self::LogStream
            | Self::Graph
            | Self::AskGraph
            | Self::GraphSchema
            | Self::DecideGoal => true,
            Self::Home
            | Self::Asset
            | Self::Machines
            | Self::Dead
            | Self::Replay
            | Self::You
            | Self::EndSession
            | Self::Audit
            | Self::Keys
            | Self::MakeKey
            | Self::RevokeKey
            | Self::OthersKeys
            | Self::GiveConsent
            | Self::WithdrawConsent
            | Self::People
            | Self::Invite
            | Self::TakeBack
            | Self::ChangeRole
            | Self::Suspend
            | Self::Restore
            | Self::RevokeAuthorization
            | Self::LinkChat
            | Self::UnlinkChat
            | Self::Addons
            | Self::Addon
            | Self::ApproveAddon
            | Self::RejectAddon
            | Self::DisableAddon
            | Self::EnableAddon
            | Self::UninstallAddon
            | Self::RegisterExtension
            | Self::ReadExtension
            | Self::RotateExtension
            | Self::Policy
            | Self::ApplyPolicy
            | Self::Grant
            | Self::Ungrant => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::access;

    #[test]
    fn every_page_is_in_the_one_table_with_the_same_scopes() {
        let routes: Vec<_> = Page::ALL.iter().filter_map(|page| page.row().route).collect();
        let different: BTreeSet<_> = routes.iter().collect();
        assert_eq!(routes.len(), different.len(), "each has a route of its own");
        for page in Page::ALL {
            let row = page.row();
            let decided = access::Operation::find(row.name).expect(row.name);
            let scopes = decided.required().names();
            assert!(row.open || scopes == row.scopes, "{}: {scopes:?}", row.name);
        }
    }
}
