//! What can be asked about people over HTTP, each route by its row.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::http::mount;
use super::brokering::{self, MAX_WISH};
use super::operations::PeopleOperation as About;
use super::{api, authorizations, chats, joined, login, login_graph, sign_in, with_provider};

/// Mounts all of them.
pub(in super::super) fn routes(router: Router<Hub>) -> Router<Hub> {
    let small = || DefaultBodyLimit::max(MAX_WISH);
    let routes = [
        (About::SignInPage, get(sign_in::sign_in_page)),
        (About::SignInLinkPage, get(sign_in::link_page)),
        (About::SignInByLink, post(sign_in::sign_in_by_link)),
        (About::SignOut, post(sign_in::sign_out)),
        (About::GoToProvider, post(with_provider::go)),
        (About::ComeFromProvider, get(with_provider::back)),
        (About::ListPeople, get(api::list)),
        (About::ShowPerson, get(api::show)),
        (About::ChangeRole, put(api::change_role)),
        (About::SuspendPerson, post(api::suspend)),
        (About::RestorePerson, post(api::restore)),
        (About::EndSessions, delete(api::end_all)),
        (About::InvitePerson, post(api::invite)),
        (About::ListInvitations, get(api::invitations)),
        (About::TakeBackInvitation, delete(api::take_back)),
        (About::ShowMe, get(api::me)),
        (About::ListMySessions, get(api::my_sessions)),
        (About::EndMySession, delete(api::end_mine)),
        (About::LookAtAuthorization, get(authorizations::look)),
        (About::Authorize, post(authorizations::go)),
        (About::ListAuthorizations, get(authorizations::list)),
        (About::RevokeAuthorization, delete(authorizations::revoke)),
        (About::CheckAsPerson, get(brokering::may)),
        (
            About::AskToMergeAsPerson,
            post(brokering::ask_to_merge).layer(small()),
        ),
        (About::PublishAsPerson, post(brokering::publish).layer(small())),
        (About::GetUserToken, post(brokering::give).layer(small())),
        (
            About::LinkChatUser,
            post(chats::link).layer(DefaultBodyLimit::max(chats::LARGEST)),
        ),
        (
            About::TellOfChatMember,
            post(joined::tell).layer(DefaultBodyLimit::max(chats::LARGEST)),
        ),
        (About::ListLogins, get(login::list)),
        (About::LookAtLogin, get(login::look)),
        (
            About::AllowLogin,
            post(login::allow).layer(DefaultBodyLimit::max(login::LARGEST)),
        ),
        (
            About::ProveLogin,
            post(login::prove).layer(DefaultBodyLimit::max(login::LARGEST)),
        ),
        (
            About::AskAboutOneself,
            post(login_graph::ask).layer(DefaultBodyLimit::max(login::LARGEST)),
        ),
    ];
    routes.into_iter().fold(router, |router, (operation, handler)| {
        mount(router, Operation::People(operation), handler)
    })
}
