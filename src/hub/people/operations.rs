//! The rows of what can be done about people.

use super::super::access::operations::{Row, open, person, row};

/// Something about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeopleOperation {
    /// See how to sign in.
    SignInPage,
    /// See who is signed in by a link.
    SignInLinkPage,
    /// Sign in by a link.
    SignInByLink,
    /// Sign out.
    SignOut,
    /// See who is there.
    ListPeople,
    /// See who somebody is elsewhere, and where they are signed in.
    ShowPerson,
    /// Give a person another role.
    ChangeRole,
    /// Let a person in no more.
    SuspendPerson,
    /// Let a person in again.
    RestorePerson,
    /// End all sessions of a person.
    EndSessions,
    /// Invite somebody.
    InvitePerson,
    /// See invitations that were not used yet.
    ListInvitations,
    /// Take an invitation back.
    TakeBackInvitation,
    /// See who is signed in.
    ShowMe,
    /// See where one is signed in.
    ListMySessions,
    /// End a session of one's own.
    EndMySession,
    /// Begin to sign in with a provider.
    GoToProvider,
    /// Come back from a provider.
    ComeFromProvider,
    /// See what a link to authorise the hub asks for.
    LookAtAuthorization,
    /// Authorise the hub at a provider.
    Authorize,
    /// See what one has authorised.
    ListAuthorizations,
    /// Revoke what one has authorised.
    RevokeAuthorization,
    /// See whether something may be done as the person for whom an add-on acts.
    CheckAsPerson,
    /// Ask for a branch to be merged as the person for whom an add-on acts.
    AskToMergeAsPerson,
    /// Publish a release as the person for whom an add-on acts.
    PublishAsPerson,
    /// Get a short token of the person for whom an add-on acts.
    GetUserToken,
    /// Say who said a code in a chat.
    LinkChatUser,
    /// Say who came into a channel of a chat.
    TellOfChatMember,
    /// See with what programs sign in.
    ListLogins,
    /// See which program wants a key.
    LookAtLogin,
    /// Let a program have a key.
    AllowLogin,
    /// Show, as a program, that one is who asked.
    ProveLogin,
    /// Ask who one is, or for the key.
    AskAboutOneself,
}

const SIGN_IN_PAGE: Row = open("sign_in", ("GET", "/sign-in"));
const SIGN_IN_LINK_PAGE: Row = open("sign_in", ("GET", "/sign-in/link/{link}"));
const SIGN_IN_BY_LINK: Row = open("sign_in", ("POST", "/sign-in/link/{link}"));
const SIGN_OUT: Row = person("session.end", ("POST", "/sign-out"), "read");
const LIST_PEOPLE: Row = row("person.list", ("GET", "/api/people"), &["admin:read"], "admin");
const SHOW_PERSON: Row = row(
    "person.list",
    ("GET", "/api/people/{person}"),
    &["admin:read"],
    "admin",
);
const CHANGE_ROLE: Row = person("person.role", ("PUT", "/api/people/{person}/role"), "admin");
const SUSPEND_PERSON: Row = person(
    "person.suspend",
    ("POST", "/api/people/{person}/suspend"),
    "admin",
);
const RESTORE_PERSON: Row = person("person.role", ("POST", "/api/people/{person}/restore"), "admin");
const END_SESSIONS: Row = person(
    "credential.manage",
    ("DELETE", "/api/people/{person}/sessions"),
    "admin",
);
const INVITE_PERSON: Row = person("person.invite", ("POST", "/api/invitations"), "admin");
const LIST_INVITATIONS: Row = row(
    "person.list",
    ("GET", "/api/invitations"),
    &["admin:read"],
    "admin",
);
const TAKE_BACK_INVITATION: Row = person("person.invite", ("DELETE", "/api/invitations/{id}"), "admin");
const SHOW_ME: Row = person("session.list", ("GET", "/api/me"), "read");
const LIST_MY_SESSIONS: Row = person("session.list", ("GET", "/api/me/sessions"), "read");
const END_MY_SESSION: Row = person("session.end", ("DELETE", "/api/me/sessions/{id}"), "read");
const GO_TO_PROVIDER: Row = open("sign_in", ("POST", "/sign-in/with/{provider}"));
const COME_FROM_PROVIDER: Row = open("sign_in", ("GET", "/sign-in/back/{provider}"));
const LOOK_AT_AUTHORIZATION: Row = open("sign_in", ("GET", "/authorize/{link}"));
const AUTHORIZE: Row = open("sign_in", ("POST", "/authorize/{link}"));
const LIST_AUTHORIZATIONS: Row = person("authorization.list", ("GET", "/api/me/authorizations"), "read");
const REVOKE_AUTHORIZATION: Row = person(
    "authorization.revoke",
    ("DELETE", "/api/me/authorizations/{provider}"),
    "read",
);
const CHECK_AS_PERSON: Row = row(
    "usertoken.get",
    ("GET", "/api/as-person/{workspace}/{owner}/{repo}"),
    &["secrets:user_token"],
    "write",
);
const ASK_TO_MERGE_AS_PERSON: Row = as_person("/api/as-person/{workspace}/{owner}/{repo}/pull-request");
const PUBLISH_AS_PERSON: Row = as_person("/api/as-person/{workspace}/{owner}/{repo}/release");
const GET_USER_TOKEN: Row = as_person("/api/user-tokens/{workspace}/{owner}/{repo}");

/// Something that an add-on does with the rights of the person for whom it acts.
const fn as_person(path: &'static str) -> Row {
    row("usertoken.get", ("POST", path), &["secrets:user_token"], "write")
}

const LINK_CHAT_USER: Row = row(
    "chat.link",
    ("POST", "/chat/identities"),
    &["act_as_user"],
    "read",
);

const TELL_OF_CHAT_MEMBER: Row = row(
    "chat.joined",
    ("POST", "/chat/members/{workspace}"),
    &["act_as_user"],
    "read",
);

const LIST_LOGINS: Row = open("sign_in", ("GET", "/v2/auth/providers"));
const LOOK_AT_LOGIN: Row = open("sign_in", ("GET", "/v2/auth/login"));
const ALLOW_LOGIN: Row = person("key.create", ("POST", "/v2/auth/login"), "read");
const PROVE_LOGIN: Row = open("sign_in", ("POST", "/v2/auth/token"));
const ASK_ABOUT_ONESELF: Row = open("sign_in", ("POST", "/graphql"));

impl PeopleOperation {
    /// Every one of them.
    pub const ALL: &[Self] = &[
        Self::SignInPage,
        Self::SignInLinkPage,
        Self::SignInByLink,
        Self::SignOut,
        Self::ListPeople,
        Self::ShowPerson,
        Self::ChangeRole,
        Self::SuspendPerson,
        Self::RestorePerson,
        Self::EndSessions,
        Self::InvitePerson,
        Self::ListInvitations,
        Self::TakeBackInvitation,
        Self::ShowMe,
        Self::ListMySessions,
        Self::EndMySession,
        Self::GoToProvider,
        Self::ComeFromProvider,
        Self::LookAtAuthorization,
        Self::Authorize,
        Self::ListAuthorizations,
        Self::RevokeAuthorization,
        Self::CheckAsPerson,
        Self::AskToMergeAsPerson,
        Self::PublishAsPerson,
        Self::GetUserToken,
        Self::LinkChatUser,
        Self::TellOfChatMember,
        Self::ListLogins,
        Self::LookAtLogin,
        Self::AllowLogin,
        Self::ProveLogin,
        Self::AskAboutOneself,
    ];

    /// Its row.
    pub const fn row(self) -> &'static Row {
        match self {
            Self::SignInPage => &SIGN_IN_PAGE,
            Self::SignInLinkPage => &SIGN_IN_LINK_PAGE,
            Self::SignInByLink => &SIGN_IN_BY_LINK,
            Self::SignOut => &SIGN_OUT,
            Self::ListPeople => &LIST_PEOPLE,
            Self::ShowPerson => &SHOW_PERSON,
            Self::ChangeRole => &CHANGE_ROLE,
            Self::SuspendPerson => &SUSPEND_PERSON,
            Self::RestorePerson => &RESTORE_PERSON,
            Self::EndSessions => &END_SESSIONS,
            Self::InvitePerson => &INVITE_PERSON,
            Self::ListInvitations => &LIST_INVITATIONS,
            Self::TakeBackInvitation => &TAKE_BACK_INVITATION,
            Self::ShowMe => &SHOW_ME,
            Self::ListMySessions => &LIST_MY_SESSIONS,
            Self::EndMySession => &END_MY_SESSION,
            Self::GoToProvider => &GO_TO_PROVIDER,
            Self::ComeFromProvider => &COME_FROM_PROVIDER,
            Self::LookAtAuthorization => &LOOK_AT_AUTHORIZATION,
            Self::Authorize => &AUTHORIZE,
            Self::ListAuthorizations => &LIST_AUTHORIZATIONS,
            Self::RevokeAuthorization => &REVOKE_AUTHORIZATION,
            Self::CheckAsPerson => &CHECK_AS_PERSON,
            Self::AskToMergeAsPerson => &ASK_TO_MERGE_AS_PERSON,
            Self::PublishAsPerson => &PUBLISH_AS_PERSON,
            Self::GetUserToken => &GET_USER_TOKEN,
            Self::LinkChatUser => &LINK_CHAT_USER,
            Self::TellOfChatMember => &TELL_OF_CHAT_MEMBER,
            Self::ListLogins => &LIST_LOGINS,
            Self::LookAtLogin => &LOOK_AT_LOGIN,
            Self::AllowLogin => &ALLOW_LOGIN,
            Self::ProveLogin => &PROVE_LOGIN,
            Self::AskAboutOneself => &ASK_ABOUT_ONESELF,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::access;

    #[test]
    fn everything_is_in_the_one_table_with_the_same_scopes_and_for_the_same_people() {
        let all = PeopleOperation::ALL;
        let routes: BTreeSet<_> = all.iter().map(|operation| operation.row().route).collect();
        assert_eq!(routes.len(), all.len(), "each has a route of its own");
        for operation in all {
            let row = operation.row();
            let decided = access::Operation::find(row.name).expect(row.name);
            let is_persons = matches!(
                decided.who,
                access::operation::Who::Person | access::operation::Who::FreshPerson
            );
            assert!(
                row.open || decided.required().names() == row.scopes,
                "{}",
                row.name
            );
            assert_eq!(row.person, is_persons, "{}", row.name);
        }
    }
}
