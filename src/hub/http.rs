//! What can be asked over HTTP. A route is mounted by its row in the operation table, so that none is without one.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;

use super::Hub;
use super::access::open_doors;
use super::access::operations::Operation;
use super::addons;
use super::approvals;
use super::asked;
use super::badges;
use super::commands::{self, MAX_REQUEST};
use super::extensions;
use super::in_shape::in_shape;
use super::ingest::generic::{self, MAX_BODY};
use super::ingest::{self, MAX_WEBHOOK, application, image, status};
use super::lists;
use super::logs::{self, MAX_PART};
use super::machines::{list, register, session};
use super::metrics;
use super::pages;
use super::people;
use super::questions::{self, MAX_QUESTION};
use super::refusal::Refusal;
use super::serve;
use super::{refused, vitals, written_down};
use crate::wire::hub::MAX_REGISTRATION;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves until the hub stops.
pub(super) async fn serve(hub: Hub, listener: TcpListener) {
    serve::serve(hub.clone(), router(hub), listener).await;
}

fn router(hub: Hub) -> Router {
    let router = Router::new();
    let router = mount(router, Operation::Health, get(vitals::health));
    let router = mount(router, Operation::Ready, get(vitals::ready));
    let router = mount(
        router,
        Operation::Register,
        post(register::register).layer(DefaultBodyLimit::max(MAX_REGISTRATION)),
    );
    let router = mount(router, Operation::OpenSocket, get(session::open));
    let router = mount(
        router,
        Operation::Ask,
        post(questions::ask).layer(DefaultBodyLimit::max(MAX_QUESTION)),
    );
    let router = mount(
        router,
        Operation::GitHubWebhook,
        post(ingest::github).layer(DefaultBodyLimit::max(MAX_WEBHOOK)),
    );
    let router = mount(router, Operation::ListMachines, get(list::list));
    let router = mount(
        router,
        Operation::Invoke,
        post(commands::invoke).layer(DefaultBodyLimit::max(MAX_REQUEST)),
    );
    let router = mount(router, Operation::LookAtInvocation, get(commands::look));
    let router = mount(
        router,
        Operation::ContinueInvocation,
        post(commands::go_on).layer(DefaultBodyLimit::max(MAX_REQUEST)),
    );
    let router = mount(router, Operation::ReadMessages, get(commands::read_along));
    let router = mount(
        router,
        Operation::PressAction,
        post(commands::press).layer(DefaultBodyLimit::max(MAX_REQUEST)),
    );
    let router = mount(router, Operation::DecideGoal, post(approvals::decide));
    let router = mount(
        router,
        Operation::CompleteGoal,
        post(commands::complete).layer(DefaultBodyLimit::max(commands::MAX_RESULT)),
    );
    let router = mount(router, Operation::ProbeLogs, get(logs::probe));
    let router = mount(
        router,
        Operation::AppendLog,
        post(logs::append).layer(DefaultBodyLimit::max(MAX_PART)),
    );
    let router = mount(
        router,
        Operation::WriteLog,
        post(logs::append_own).layer(DefaultBodyLimit::max(MAX_PART)),
    );
    let router = mount(router, Operation::ReadLog, get(logs::read));
    let router = mount(
        router,
        Operation::IngestHook,
        post(generic::ingest).layer(DefaultBodyLimit::max(MAX_BODY)),
    );
    let router = mount(
        router,
        Operation::BuildHook,
        post(generic::build).layer(DefaultBodyLimit::max(MAX_BODY)),
    );
    let router = mount(
        router,
        Operation::StatusHook,
        post(status::take).layer(DefaultBodyLimit::max(MAX_BODY)),
    );
    let router = mount(
        router,
        Operation::ImageHook,
        post(image::take).layer(DefaultBodyLimit::max(MAX_BODY)),
    );
    let router = mount(
        router,
        Operation::ApplicationHook,
        post(application::take).layer(DefaultBodyLimit::max(MAX_BODY)),
    );
    let router = mount(router, Operation::Metrics, get(metrics::show));
    let router = mount(router, Operation::ListRepositories, get(lists::repositories));
    let router = mount(router, Operation::GetRepository, get(lists::repository));
    let router = mount(router, Operation::ListGoals, get(lists::goals));
    let router = mount(router, Operation::ReadBadge, get(badges::show));
    let router = people::routes(router);
    extensions::mounted(router)
        .merge(pages::routes())
        .merge(addons::routes())
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(hub.clone(), through_doors))
        .with_state(hub)
}

/// Everything that a request goes through before its route, the first outermost. It is one layer, because each that is one of its own
/// copies all those behind it for every request.
async fn through_doors(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let hub = &hub;
    let to_route = |request| next.run(request);
    let known = |request| open_doors::check(hub, request, to_route);
    let signed = |request| extensions::signed::check(hub, request, known);
    let meant = |request| people::guard::guard(hub, request, signed);
    let timely = |request| in_time(request, meant);
    let shaped = |request| in_shape(request, timely);
    let written = |request| written_down::written_down(hub, request, shaped);
    let counted = |request| refused::counted(hub, request, written);
    let readable = |request| pages::readable(request, counted);
    asked::named(hub, request, readable).await
}

/// Whoever sends a request byte by byte is not waited for, and what says itself that it is too much is not read (threat C7). Who
/// takes an answer so is the connection's to see to.
async fn in_time<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_WEBHOOK) {
        return Refusal::too_large(format!("nothing of more than {MAX_WEBHOOK} bytes is taken"))
            .into_response();
    }
    match tokio::time::timeout(PATIENCE, next(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::busy("the request took too long", 5).into_response(),
    }
}

pub(super) fn mount(router: Router<Hub>, operation: Operation, handler: MethodRouter<Hub>) -> Router<Hub> {
    let (_, path) = operation.row().route.expect("only routes are mounted");
    router.route(path, handler)
}

async fn nothing() -> Refusal {
    Refusal::missing_thing("there is nothing here")
}
