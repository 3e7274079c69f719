//! The hub's pages: made here, on the server, so that they work without script; with it they grow while somebody looks.
//!
//! [`operations`] has a row for each page, [`look`] is somebody who looks and asks the graph with their own rights, [`layout`]
//! the frame and the headers of every page, [`text`] what makes strangers' text harmless, [`stream`] how pages grow. Then
//! there is a file for each page.

mod activity;
mod assets;
mod drawing;
mod entry;
mod form;
mod goal;
mod goal_set;
mod layout;
mod log;
mod look;
mod machines;
mod object;
pub(super) mod operations;
mod query;
pub(super) mod stream;
mod text;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::Hub;
use super::access::operations::Operation;
use super::http::mount;
use super::refusal::Refusal;
use layout::{Refused, first_page, guarded};
use operations::Page;

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
    ];
    let router = pages.into_iter().fold(Router::new(), |router, (page, handler)| {
        mount(router, Operation::Page(page), handler)
    });
    router.layer(middleware::map_response(guarded))
}

/// `GET /`.
async fn home(State(hub): State<Hub>, headers: HeaderMap) -> Result<Redirect, Refused> {
    let caller = hub.caller(&headers).await?;
    let workspaces = look::workspaces_of(&hub, &caller).await?;
    let first = workspaces
        .first()
        .ok_or_else(|| Refusal::missing_thing("this hub has no workspace yet"))?;
    Ok(Redirect::to(&first_page(first)))
}
