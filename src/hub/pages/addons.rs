//! Machines and extensions, for administrators: what each may do and where, what it asks for and nobody has agreed to yet, and the
//! effect of a grant before it is given.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::access::held::{Held, HeldAddon};
use super::super::addons::answers::{Answer, Answering, answer};
use super::super::extensions::is_extension;
use super::super::refusal::Refusal;
use super::form::Form;
use super::keys::sentence;
use super::layout::{Document, HubTab, Refused};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, counted, step};
use crate::access::registration::Explained;
use crate::access::scope::{Scope, Sensitivity};
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, PersonId, Principal, ScopeSet};

/// The address of the page.
pub(super) const PLACE: &str = "/add-ons";

/// Everything that is kept of rights, as it is now.
///
/// # Errors
/// The memory.
pub(super) async fn held(look: &Look) -> Result<Arc<Held>, Refusal> {
    look.hub
        .rights()
        .refresh(look.hub.store(), look.hub.now())
        .await?;
    Ok(look.hub.rights().held())
}

/// Whoever changes rights; not at a hub that is governed by a file.
///
/// # Errors
/// A file governs, or it is nobody.
pub(super) fn editor(look: &Look) -> Result<PersonId, Refusal> {
    if look.hub.rights().governing_file().is_some() {
        let message =
            "a policy in a file governs this hub, and nothing else changes who may do what: change the file";
        return Err(Refusal::conflict(message));
    }
    PersonId::parse(look.caller.name()).map_err(|error| Refusal::bad("invalid_id", error.to_string()))
}

/// `GET /add-ons`.
pub(super) async fn show(State(hub): State<Hub>, headers: HeaderMap) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Addons).await?;
    let held = held(&look).await?;
    let content = html! {
        div.bar { h1 { "Machines and extensions" } }
        @if held.addons.is_empty() {
            p.empty { "Nothing is registered yet. Make a key for a machine: what it may do is chosen there." }
        }
        @for (key, addon) in &held.addons {
            article.card {
                h2 { a href=(place(key)) { (Name(key.as_str())) } " " span.version { (addon.kind.word()) } }
                p.standing { (standing(addon)) }
                p.dim { (summary(&held, key, addon)) }
            }
        }
        (super::extensions::register_form(&look))
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::Addons),
        "Machines and extensions",
        &content,
    ))
}

/// The address of one of them.
pub(super) fn place(key: &AddonKey) -> String {
    format!("{PLACE}/{}", step(key.as_str()))
}

fn standing(addon: &HeldAddon) -> Markup {
    let (role, sign, word) = match addon.registration.state {
        AddonState::Pending => ("waiting", "‖", "waits for an administrator"),
        AddonState::Active => ("good", "✓", "active"),
        AddonState::Disabled => ("bad", "⨯", "disabled"),
        AddonState::Uninstalled => ("quiet", "–", "uninstalled"),
    };
    html! {
        span.state.(role) { span.sign aria-hidden="true" { (sign) } " " (word) }
        " since " (time(Some(addon.registration.since)))
        @if addon.registration.state == AddonState::Active && addon.registration.wish.is_some() {
            " · " span.state.waiting { span.sign aria-hidden="true" { "‖" } " asks for more" }
        }
    }
}

fn summary(held: &Held, key: &AddonKey, addon: &HeldAddon) -> Markup {
    let principal = Principal::Addon(key.clone());
    let grants = held.grants_of(&principal).count();
    let scopes = addon.registration.approved().iter().count();
    html! { (counted(scopes, "scope")) " approved, " (counted(grants, "grant")) }
}

/// `GET /add-ons/{key}`.
pub(super) async fn show_one(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Addon).await?;
    let held = held(&look).await?;
    page(&look, &held, &known(&held, &key)?, &html! {}).await
}

/// The add-on of this name.
pub(super) fn known(held: &Held, key: &str) -> Result<AddonKey, Refusal> {
    let found = AddonKey::parse(key)
        .ok()
        .filter(|key| held.addons.contains_key(key));
    found.ok_or_else(|| Refusal::missing_thing("there is no such add-on"))
}

/// The page of one of them, with what has just been said.
pub(super) async fn page(
    look: &Look,
    held: &Held,
    key: &AddonKey,
    notice: &Markup,
) -> Result<Document, Refused> {
    let addon = held
        .addons
        .get(key)
        .ok_or_else(|| Refusal::missing_thing("there is no such add-on"))?;
    let about = super::extensions::about(look, held, key).await?;
    let content = html! {
        div.heading {
            p { a href=(PLACE) { "Machines and extensions" } }
            h1 { (Name(key.as_str())) }
            p.standing { (standing(addon)) }
        }
        (notice)
        (about)
        (consent(look, held, key))
        (scopes(addon))
        (super::grants::section(look, held, key))
        (switches(look, key, addon))
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::Addons),
        key.as_str(),
        &content,
    ))
}

fn scopes(addon: &HeldAddon) -> Markup {
    let approved: Vec<Scope> = addon.registration.approved().iter().collect();
    html! {
        section.card aria-labelledby="may" {
            h2 #may { "What it may do" }
            @if approved.is_empty() { p.dim { "Nothing but read its own registration." } }
            ul { @for scope in &approved { li { (sentence(*scope)) } } }
            @if let Some(approval) = &addon.registration.approval {
                p.dim { "agreed to by " (Name(approval.by.as_str())) " " (time(Some(approval.at))) }
            }
        }
    }
}

/// What waits for an answer: what is new first, each with a tick of its own; what is of high sensitivity is not ticked before.
fn consent(look: &Look, held: &Held, key: &AddonKey) -> Markup {
    let Some(addon) = held.addons.get(key) else {
        return html! {};
    };
    let Some(wish) = &addon.registration.wish else {
        return html! {};
    };
    let is_anywhere = held.grants_of(&Principal::Addon(key.clone())).next().is_some();
    let explained = Explained::of(addon.registration.approved(), wish.scopes);
    html! {
        section.card.asks aria-labelledby="asks" {
            h2 #asks { "What it asks for" }
            p.dim { "What it says of itself is not verified. Agree to less if you like: it must live with that." }
            form method="post" action={ (place(key)) "/approve" } {
                (look.token())
                input type="hidden" name="shown" value=(wish.digest);
                (ticks("New", &explained.new, true))
                (ticks("As before", &explained.kept, false))
                @if !explained.given_up.is_empty() {
                    h3 { "It gives up" }
                    ul { @for scope in &explained.given_up { li { (sentence(*scope)) } } }
                }
                (never(&explained.never))
                @if !wish.addresses.is_empty() { p { "Address: " code { (Shown(&wish.addresses)) } } }
                @if !is_anywhere { (super::grants::first_places()) }
                div.actions {
                    button.main { "Approve what is ticked" }
                    button.danger formaction={ (place(key)) "/reject" } { "Reject" }
                }
            }
        }
    }
}

fn ticks(title: &str, scopes: &[Scope], is_new: bool) -> Markup {
    html! {
        @if !scopes.is_empty() {
            fieldset {
                legend { (title) }
                ul.ticks {
                    @for scope in scopes {
                        @let id = format!("scope-{}", scope.row().name.replace(':', "-"));
                        li {
                            @if scope.is_not_yet() {
                                (sentence(*scope))
                            } @else {
                                input type="checkbox" #(id) name="scope" value=(scope.row().name)
                                    checked[!is_new || scope.row().sensitivity != Sensitivity::High];
                                label for=(id) { (sentence(*scope)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn never(scopes: &[Scope]) -> Markup {
    html! {
        @if !scopes.is_empty() {
            details {
                summary { "What it could not do even then" }
                ul { @for scope in scopes { li { "It could not " (scope.row().allows) "." } } }
            }
        }
    }
}

fn switches(look: &Look, key: &AddonKey, addon: &HeldAddon) -> Markup {
    let offered: &[(&str, &str)] = match addon.registration.state {
        AddonState::Active => &[("disable", "Disable"), ("uninstall", "Uninstall")],
        AddonState::Disabled => &[("enable", "Enable"), ("uninstall", "Uninstall")],
        AddonState::Pending | AddonState::Uninstalled => &[],
    };
    html! {
        @if !offered.is_empty() {
            section.card aria-labelledby="switches" {
                h2 #switches { "Whether it is at work" }
                p.dim { "Disabled, its connections end within seconds and its events are held for a day. Uninstalled, its secrets are destroyed." }
                div.actions {
                    @for (act, label) in offered.iter().copied() {
                        form.inline method="post" action={ (place(key)) "/" (act) } {
                            (look.token())
                            button.danger[act != "enable"] { (label) }
                        }
                    }
                }
            }
        }
    }
}

/// What is done with an add-on.
async fn done(look: &Look, key: &str, given: &Answer) -> Result<Redirect, Refused> {
    let by = editor(look)?;
    let held = held(look).await?;
    let key = known(&held, key)?;
    let at = look.hub.now();
    answer(look.hub.store(), &key, given, Answering { by: &by, at })
        .await
        .map_err(Refusal::from)?;
    look.hub
        .rights()
        .refresh(look.hub.store(), at)
        .await
        .map_err(Refusal::from)?;
    if is_extension(&held, &key) {
        // What follows for an extension is done while somebody waits for it; its page says what came of it.
        look.hub
            .see_to_extension(key.as_str())
            .await
            .map_err(Refusal::from)?;
    }
    Ok(Redirect::to(&place(&key)))
}

/// `POST /add-ons/{key}/approve`: what is ticked, of what was shown.
pub(super) async fn approve(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::ApproveAddon).await?;
    let form = Form::read(&body);
    let ticked = ScopeSet::parse(form.all("scope"));
    let ticked = ticked.map_err(|error| Refusal::bad("invalid_scopes", error.to_string()))?;
    let agreed = Answer::Approve {
        shown: form.text("shown").to_owned(),
        scopes: Some(ticked),
        ticked,
    };
    let places = super::grants::places(&look, &key, &form).await?;
    let answered = done(&look, &key, &agreed).await?;
    places.give(&look).await?;
    Ok(answered)
}

/// `POST /add-ons/{key}/reject`.
pub(super) async fn reject(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::RejectAddon).await?;
    done(&look, &key, &Answer::Reject).await
}

/// `POST /add-ons/{key}/disable`.
pub(super) async fn disable(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::DisableAddon).await?;
    done(&look, &key, &Answer::Disable).await
}

/// `POST /add-ons/{key}/enable`.
pub(super) async fn enable(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::EnableAddon).await?;
    done(&look, &key, &Answer::Enable).await
}

/// `POST /add-ons/{key}/uninstall`.
pub(super) async fn uninstall(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::UninstallAddon).await?;
    done(&look, &key, &Answer::Uninstall).await
}
