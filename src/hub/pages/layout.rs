//! What all pages share: the frame, the headers that keep them safe, and how a refusal looks to people.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::super::refusal::{Answered, Refusal};
use super::assets;
use super::look::Look;
use super::operations::Page;
use super::text::{Name, Shown, plain, step};

/// Nothing but what this hub sends itself, no script and no style within the markup, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer of a page.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Puts the headers on an answer; nothing is kept by a browser unless the answer says otherwise.
pub(super) async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Pages of a workspace, as the navigation names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    /// Pushes and what became of them.
    Activity,
    /// Machines.
    Machines,
    /// Asking the graph.
    Graph,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Activity, Self::Machines, Self::Graph];

    const fn word(self) -> &'static str {
        match self {
            Self::Activity => "Activity",
            Self::Machines => "Machines",
            Self::Graph => "Graph",
        }
    }

    /// Its address.
    pub(super) fn address(self, workspace: &str) -> String {
        let place = match self {
            Self::Activity => "activity",
            Self::Machines => "machines",
            Self::Graph => "graph",
        };
        format!("/workspaces/{}/{place}", step(workspace))
    }
}

/// Pages of the hub as a whole, as the navigation names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HubTab {
    /// Keys.
    Keys,
    /// Machines and extensions with what each may do.
    Addons,
    /// People.
    People,
    /// The policy as text.
    Policy,
    /// The audit log.
    Audit,
}

impl HubTab {
    const ALL: [Self; 5] = [Self::Keys, Self::Addons, Self::People, Self::Policy, Self::Audit];

    const fn word(self) -> &'static str {
        match self {
            Self::Keys => "Keys",
            Self::Addons => "Rights",
            Self::People => "People",
            Self::Policy => "Policy",
            Self::Audit => "Audit",
        }
    }

    const fn address(self) -> &'static str {
        match self {
            Self::Keys => super::keys::PLACE,
            Self::Addons => super::addons::PLACE,
            Self::People => super::people::PLACE,
            Self::Policy => super::policy::PLACE,
            Self::Audit => super::audit::PLACE,
        }
    }

    /// What somebody must be able to do for whom it is.
    const fn page(self) -> Page {
        match self {
            Self::Keys => Page::Keys,
            Self::Addons => Page::Addons,
            Self::People => Page::People,
            Self::Policy => Page::Policy,
            Self::Audit => Page::Audit,
        }
    }

    /// Those that are for somebody.
    pub(super) fn of(look: &Look) -> Vec<Self> {
        let is_for = |tab: &Self| look.could_at_hub(tab.page());
        Self::ALL.into_iter().filter(is_for).collect()
    }
}

/// The address of a workspace's first page.
pub(super) fn first_page(workspace: &str) -> String {
    Tab::Activity.address(workspace)
}

/// Who looks, and where.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The workspace.
    pub(super) workspace: String,
    /// Others that whoever looks may look at.
    pub(super) others: Vec<String>,
    /// Who looks.
    pub(super) who: String,
    /// What the form to sign out carries, in a browser.
    pub(super) sign_out: Option<Markup>,
    /// Where in the navigation.
    pub(super) tab: Option<Tab>,
    /// Pages of the hub as a whole that are for them.
    pub(super) hub_tabs: Vec<HubTab>,
    /// Where among these.
    pub(super) hub_tab: Option<HubTab>,
}

impl Frame {
    /// The same for a page of the hub as a whole.
    pub(super) fn with(self, tab: HubTab) -> Self {
        Self {
            hub_tab: Some(tab),
            ..self
        }
    }
}

/// A page.
#[derive(Debug)]
pub(super) struct Document {
    status: StatusCode,
    markup: Markup,
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        (self.status, kind, self.markup.into_string()).into_response()
    }
}

impl Document {
    /// A page of a workspace.
    pub(super) fn of(frame: &Frame, title: &str, content: &Markup) -> Self {
        Self {
            status: StatusCode::OK,
            markup: whole(Some(frame), title, content),
        }
    }

    /// A page without a workspace.
    pub(super) fn bare(status: StatusCode, title: &str, content: &Markup) -> Self {
        Self {
            status,
            markup: whole(None, title, content),
        }
    }
}

fn whole(frame: Option<&Frame>, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (plain(title)) " · sdm" }
                link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::address("hub.css"));
                script src=(assets::address("hub.js")) defer {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                (head(frame))
                main #content tabindex="-1" { (content) }
            }
        }
    }
}

fn head(frame: Option<&Frame>) -> Markup {
    let Some(frame) = frame else {
        return html! { header.top { a.mark href="/" { "sdm" } } };
    };
    html! {
        header.top {
            a.mark href="/" { "sdm" }
            nav aria-label="Pages" {
                ul {
                    @for tab in Tab::ALL.into_iter().filter(|_| !frame.workspace.is_empty()) {
                        li {
                            a href=(tab.address(&frame.workspace)) aria-current=[(frame.tab == Some(tab)).then_some("page")] {
                                (tab.word())
                            }
                        }
                    }
                    @for tab in &frame.hub_tabs {
                        li {
                            a href=(tab.address()) aria-current=[(frame.hub_tab == Some(*tab)).then_some("page")] { (tab.word()) }
                        }
                    }
                }
            }
            div.who {
                @if !frame.workspace.is_empty() { span.workspace title="workspace" { (Name(&frame.workspace)) } }
                @for other in &frame.others {
                    a.workspace href=(first_page(other)) { (Name(other)) }
                }
                @match &frame.sign_out {
                    Some(token) => {
                        a.person href=(super::you::PLACE) { (Shown(&frame.who)) }
                        form method="post" action="/sign-out" { (token) button.plain { "Sign out" } }
                    }
                    None => span.person { (Shown(&frame.who)) },
                }
            }
        }
    }
}

/// A refusal as people see it.
#[derive(Debug)]
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let told = self.0.to_json();
        let text = |field: &str| told.get(field).and_then(serde_json::Value::as_str);
        let content = html! {
            h1 { (headline(self.0.status())) }
            p { (Shown(text("message").unwrap_or_default())) }
            @if let Some(who) = text("who_can_fix") {
                p { "Who can help: " (Shown(who)) "." }
            }
            @if let Some(hint) = text("hint") {
                p { (Shown(hint)) }
            }
            p.dim { "code " code { (Shown(text("code").unwrap_or_default())) } }
            @if text("code") == Some("interactive_session_required") {
                p { "Sign in anew and come back: this is for people who signed in less than a quarter of an hour ago." }
                p { a href="/sign-in" { "Sign in anew" } }
            } @else if self.0.status() == StatusCode::UNAUTHORIZED {
                p { a href="/sign-in" { "Sign in" } }
            } @else {
                p { a href="/" { "To the first page" } }
            }
        };
        let page = Document::bare(self.0.status(), headline(self.0.status()), &content);
        let mut response = self.0.clone().into_response();
        let headers = std::mem::take(response.headers_mut());
        let mut response = page.into_response();
        response.extensions_mut().insert(Answered(self.0));
        for (name, value) in &headers {
            if name.as_str() == "retry-after" || name.as_str() == "www-authenticate" {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
        response
    }
}

fn headline(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Sign in first",
        403 => "You may not do this",
        404 => "There is nothing here",
        409 => "That does not fit to how things stand",
        413 => "That is too much",
        429 | 503 => "Not now",
        _ => "That does not work",
    }
}
