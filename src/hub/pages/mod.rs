//! The hub's pages: made here, on the server, so that they work without script; with it they grow while somebody looks.
//!
//! [`operations`] has a row for each page, [`look`] is somebody who looks and asks the graph with their own rights, [`layout`]
//! the frame and the headers of every page, [`text`] what makes strangers' text harmless, [`stream`] how pages grow. Then
//! there is a file for each page.

mod activity;
mod addons;
mod assets;
mod audit;
mod changed_lines;
mod commands;
mod dead;
mod decide;
mod drawing;
mod entry;
mod extensions;
mod form;
mod goal;
mod goal_set;
mod grants;
mod keys;
mod layout;
mod log;
mod look;
mod machines;
mod object;
pub mod operations;
mod people;
mod policy;
mod query;
pub(super) mod stream;
mod text;
mod you;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::html;

use super::Hub;
use super::access::operations::Operation;
use super::http::mount;
use super::people::sign_in_place;
use super::refusal::Refusal;
use layout::{Document, Refused, first_page, guarded};
use look::Look;
use operations::Page;
use text::Shown;

/// All pages. Whatever they answer carries the headers that keep it safe.
pub(super) fn routes() -> Router<Hub> {
    let pages = [
        (Page::Home, get(home)),
        (Page::Asset, get(assets::show)),
        (Page::Activity, get(activity::show)),
        (Page::ActivityStream, get(activity::follow)),
        (Page::GoalSet, get(goal_set::show)),
        (Page::GoalSetStream, get(goal_set::follow)),
        (Page::Log, get(log::show)),
        (Page::LogStream, get(log::follow)),
        (Page::Machines, get(machines::show)),
        (Page::Graph, get(query::show)),
        (
            Page::AskGraph,
            post(query::ask).layer(DefaultBodyLimit::max(query::LONGEST)),
        ),
        (Page::GraphSchema, get(query::schema)),
        (
            Page::DecideGoal,
            post(decide::decide).layer(DefaultBodyLimit::max(decide::LONGEST)),
        ),
        (Page::Replay, post(dead::replay)),
        (Page::You, get(you::show)),
        (Page::EndSession, post(you::end_session)),
        (Page::Audit, get(audit::show)),
        (Page::Keys, get(keys::show)),
        (
            Page::MakeKey,
            post(keys::make).layer(DefaultBodyLimit::max(keys::LONGEST)),
        ),
        (Page::RevokeKey, post(keys::revoke)),
        (Page::GiveConsent, post(you::give_consent)),
        (Page::WithdrawConsent, post(you::withdraw_consent)),
        (Page::Addons, get(addons::show)),
        (Page::Addon, get(addons::show_one)),
        (Page::ApproveAddon, post(addons::approve)),
        (Page::RejectAddon, post(addons::reject)),
        (Page::DisableAddon, post(addons::disable)),
        (Page::EnableAddon, post(addons::enable)),
        (Page::UninstallAddon, post(addons::uninstall)),
        (
            Page::RegisterExtension,
            post(extensions::register).layer(DefaultBodyLimit::max(extensions::LONGEST)),
        ),
        (Page::ReadExtension, post(extensions::read_again)),
        (Page::RotateExtension, post(extensions::rotate)),
        (Page::Policy, get(policy::show)),
        (
            Page::ApplyPolicy,
            post(policy::change).layer(DefaultBodyLimit::max(policy::LONGEST)),
        ),
        (Page::Grant, post(grants::ask)),
        (Page::Ungrant, post(grants::remove)),
        (Page::RevokeAuthorization, post(you::revoke_authorization)),
        (Page::LinkChat, post(you::link_chat)),
        (Page::UnlinkChat, post(you::unlink_chat)),
        (Page::People, get(people::show)),
        (Page::Invite, post(people::invite)),
        (Page::TakeBack, post(people::take_back)),
        (Page::ChangeRole, post(people::change_role)),
        (Page::Suspend, post(people::suspend)),
        (Page::Restore, post(people::restore)),
    ];
    let router = pages.into_iter().fold(Router::new(), |router, (page, handler)| {
        mount(router, Operation::Page(page), handler)
    });
    router
        .layer(middleware::from_fn(led))
        .layer(middleware::map_response(guarded))
}

/// Leads whoever has to sign in first to where that is done, and back afterwards.
async fn led(request: Request, next: Next) -> Response {
    let is_person = request.method() == Method::GET && !request.headers().contains_key(AUTHORIZATION);
    let is_stream = request.uri().path().ends_with("/stream");
    let place = request
        .uri()
        .path_and_query()
        .map_or("/", |place| place.as_str())
        .to_owned();
    let response = next.run(request).await;
    match response.status() == StatusCode::UNAUTHORIZED && is_person && !is_stream {
        true => Redirect::to(&sign_in_place(&place)).into_response(),
        false => response,
    }
}

/// Lets people who look with a browser read every refusal as a page, whichever part of the hub it came from.
pub(super) async fn readable<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let accepted = request.headers().get(ACCEPT);
    let is_browser = accepted
        .and_then(|kinds| kinds.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    let mut response = next(request).await;
    match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) if is_browser => guarded(Refused::from(refusal).into_response()).await,
        _ => response,
    }
}

/// `GET /`.
async fn home(State(hub): State<Hub>, headers: HeaderMap) -> Result<Response, Refused> {
    let look = Look::at_all(&hub, &headers).await?;
    if !look.workspace.is_empty() {
        return Ok(Redirect::to(&first_page(&look.workspace)).into_response());
    }
    let address = hub.address_for(&headers);
    let content = html! {
        div.bar { h1 { "Nothing has come here yet" } }
        p { "Make a key for a machine with " code { "sdm hub key new NAME" } " and start the machine with it." }
        p { "Let your forge send its webhooks to " code { (Shown(&address)) "/webhooks/github/main" } ", signed with the secret of webhooks." }
    };
    Ok(Document::of(&look.frame(None), "Welcome", &content).into_response())
}
