//! Grants of a machine or an extension: a list, and a form that shows the effect of a grant before it is given.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::super::Hub;
use super::super::access::held::{Held, HeldGrant};
use super::super::addons::giving::{Given, Giver, Wanted, give, take};
use super::super::refusal::Refusal;
use super::addons::{editor, held, known, page, place};
use super::form::Form;
use super::layout::Refused;
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::access::policy::Difference;
use crate::access::snapshot::Right;
use crate::access::{AddonKey, Grant, Level, Principal, Selector};

/// Most characters of a note.
const LONGEST_NOTE: usize = 300;

/// Most places that are named at once.
const MOST_PLACES: usize = 100;

/// Most days that a grant may be given for.
const MOST_DAYS: u32 = 3_660;

/// Rights as they are chosen, the least first.
const RIGHTS: [Right; 4] = [
    Right::Allow(Level::Read),
    Right::Allow(Level::Write),
    Right::Allow(Level::Admin),
    Right::Deny,
];

/// The grants of an add-on.
pub(super) fn section(look: &Look, held: &Held, key: &AddonKey) -> Markup {
    let principal = Principal::Addon(key.clone());
    let grants: Vec<&HeldGrant> = held.grants_of(&principal).collect();
    html! {
        section.card aria-labelledby="where" {
            h2 #where { "Where" }
            @if grants.is_empty() { p.dim { "Nowhere: it has no grant." } }
            ul.rows { @for grant in &grants { li { (row(look, key, grant)) } } }
            (form(look, key))
        }
    }
}

fn row(look: &Look, key: &AddonKey, held: &HeldGrant) -> Markup {
    let is_denial = held.grant.right == Right::Deny;
    html! {
        div {
            @if is_denial { span.state.bad { "deny" } } @else { strong { (held.grant.right.word()) } }
            " on " code { (Name(&held.grant.selector.to_string())) }
            p.dim {
                "by " (Name(&held.given_by)) " " (time(Some(held.given)))
                @if let Some(ends) = held.grant.until { ", until " (time(Some(ends))) }
                @if let Some(note) = &held.grant.note { ": " (Shown(note)) }
            }
        }
        form.inline method="post" action={ (place(key)) "/grants/" (step(&held.id)) "/remove" } {
            (look.token())
            button.danger { "Take away" span.unseen { " " (Shown(&held.grant.sentence())) } }
        }
    }
}

fn form(look: &Look, key: &AddonKey) -> Markup {
    html! {
        form.grant method="post" action={ (place(key)) "/grants" } {
            (look.token())
            div.field {
                label for="selector" { "Where" }
                input #selector name="selector" required maxlength="300" placeholder="repo:owner/name" autocomplete="off" aria-describedby="selector-help";
                p.hint #selector-help { code { "repo:owner/*" } ", " code { "env:production" } ", " code { "channel:ops" } ", " code { "feed:Build" } ", " code { "workspace" } " or " code { "*" } "." }
            }
            div.field {
                label for="right" { "May" }
                select #right name="right" { @for right in RIGHTS { option value=(right.word()) { (right.word()) } } }
            }
            div.field { label for="days" { "Days, for good when empty" } input #days name="days" type="number" min="1" max="3660"; }
            div.field { label for="note" { "Why" } input #note name="note" maxlength="300" autocomplete="off"; }
            p { button.main { "Show the effect" } }
        }
    }
}

/// The first places of an add-on, chosen with the answer to what it asks for: all now and later, some, or none.
pub(super) fn first_places() -> Markup {
    html! {
        fieldset {
            legend { "Where" }
            div.field {
                label for="places" { "One place in each line" }
                textarea #places name="places" rows="3" spellcheck="false" autocomplete="off" aria-describedby="places-help"
                    placeholder="repo:owner/name" {}
                p.hint #places-help { code { "repo:owner/*" } " is all of an owner's now and later, " code { "*" } " is everywhere; without a line it may do nothing anywhere yet." }
            }
            div.field {
                label for="places-right" { "There it may" }
                select #places-right name="right" {
                    @for right in RIGHTS.into_iter().filter(|right| *right != Right::Deny) { option value=(right.word()) { (right.word()) } }
                }
            }
        }
    }
}

/// Grants that are given once something else was agreed to.
pub(super) struct Places {
    wanted: Vec<Wanted>,
    giver: Giver,
}

/// The places that were named, each of which could be given.
///
/// # Errors
/// One of them is none, or whoever names it may not give it.
pub(super) async fn places(look: &Look, key: &str, form: &Form) -> Result<Places, Refusal> {
    let key = known(&*held(look).await?, key)?;
    let giver = Giver {
        by: editor(look)?,
        caller: Some(look.caller.clone()),
        at: look.hub.now(),
    };
    let lines = form
        .text("places")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut wanted = Vec::new();
    for line in lines.take(MOST_PLACES) {
        wanted.push(Wanted {
            principal: Principal::Addon(key.clone()),
            grant: Grant::new(selector(line)?, right(form)?),
        });
    }
    let places = Places { wanted, giver };
    places.each(look, true).await?;
    Ok(places)
}

impl Places {
    /// Gives all of them.
    ///
    /// # Errors
    /// Something has changed since, so that one of them cannot be given.
    pub(super) async fn give(&self, look: &Look) -> Result<(), Refusal> {
        self.each(look, false).await?;
        let (store, now) = (look.hub.store(), look.hub.now());
        Ok(look.hub.rights().refresh(store, now).await?)
    }

    async fn each(&self, look: &Look, is_preview: bool) -> Result<(), Refusal> {
        for wanted in &self.wanted {
            let how = (look.hub.fresh_id(), is_preview);
            give(look.hub.store(), wanted.clone(), &self.giver, how).await?;
        }
        Ok(())
    }
}

fn selector(text: &str) -> Result<Selector, Refusal> {
    Selector::parse(text.trim()).map_err(|error| Refusal::bad("invalid_argument", error.to_string()))
}

fn right(form: &Form) -> Result<Right, Refusal> {
    let right = RIGHTS
        .into_iter()
        .find(|right| right.word() == form.text("right"));
    right.ok_or_else(|| Refusal::bad("invalid_argument", "there is no such right"))
}

/// Who gains and who loses what.
pub(super) fn effect(differences: &[Difference]) -> Markup {
    html! {
        @if differences.is_empty() { p { "Nobody gains or loses anything by it." } }
        ul {
            @for one in differences {
                li {
                    (Name(&one.principal.to_string())) " "
                    @if one.gains { span.state.good { "+ gains" } } @else { span.state.bad { "− loses" } }
                    " on " code { (Name(&one.resource.to_string())) } ": " (Shown(&one.operations.join(", ")))
                    " " span.dim { "(" (Shown(&one.rule)) ")" }
                }
            }
        }
    }
}

/// A grant as it is asked for.
fn wanted(look: &Look, key: &AddonKey, form: &Form) -> Result<Wanted, Refusal> {
    let (selector, right) = (selector(form.text("selector"))?, right(form)?);
    let until = match form.text("days").trim() {
        "" => None,
        text => {
            let days = text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
            let days =
                days.ok_or_else(|| Refusal::bad("invalid_argument", "a number of days is asked for"))?;
            Some(look.hub.now().plus(Duration::from_secs(24 * 3_600) * days))
        }
    };
    let note: String = form.text("note").trim().chars().take(LONGEST_NOTE).collect();
    Ok(Wanted {
        principal: Principal::Addon(key.clone()),
        grant: Grant {
            selector,
            right,
            until,
            note: (!note.is_empty()).then_some(note),
        },
    })
}

/// `POST /add-ons/{key}/grants`: what the grant would change, with a button to give it; and then gives it.
pub(super) async fn ask(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Grant).await?;
    let by = editor(&look)?;
    let before = held(&look).await?;
    let key = known(&before, &key)?;
    let form = Form::read(&body);
    let giver = Giver {
        by,
        caller: Some(look.caller.clone()),
        at: hub.now(),
    };
    let is_preview = form.text("sure") != "yes";
    let how = (hub.fresh_id(), is_preview);
    let given = give(hub.store(), wanted(&look, &key, &form)?, &giver, how)
        .await
        .map_err(Refusal::from)?;
    if !is_preview {
        return Ok(Redirect::to(&place(&key)).into_response());
    }
    let notice = preview(&look, &given, &format!("{}/grants", place(&key)), &form);
    Ok(page(&look, &before, &key, &notice).await?.into_response())
}

/// What would change, and a button to let it.
fn preview(look: &Look, given: &Given, address: &str, form: &Form) -> Markup {
    html! {
        div.notice #preview role="status" {
            h2 { "The effect of " code { (Name(&given.grant.grant.sentence())) } }
            (effect(&given.differences))
            form.inline method="post" action=(address) {
                (look.token())
                input type="hidden" name="sure" value="yes";
                @for field in ["selector", "right", "days", "note"] {
                    input type="hidden" name=(field) value=(form.text(field));
                }
                button.main { "Do it" }
            }
        }
    }
}

/// `POST /add-ons/{key}/grants/{id}/remove`: the effect first, here too.
pub(super) async fn remove(
    State(hub): State<Hub>,
    Path((key, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Ungrant).await?;
    let by = editor(&look)?;
    let before = held(&look).await?;
    let key = known(&before, &key)?;
    let owner = Principal::Addon(key.clone());
    if !before.grants_of(&owner).any(|grant| grant.id == id) {
        return Err(Refusal::missing_thing("there is no such grant").into());
    }
    let form = Form::read(&body);
    let is_preview = form.text("sure") != "yes";
    let giver = Giver {
        by,
        caller: Some(look.caller.clone()),
        at: hub.now(),
    };
    let taken = take(hub.store(), &id, &giver, is_preview)
        .await
        .map_err(Refusal::from)?;
    if !is_preview {
        return Ok(Redirect::to(&place(&key)).into_response());
    }
    let address = format!("{}/grants/{}/remove", place(&key), step(&id));
    let notice = preview(&look, &taken, &address, &form);
    Ok(page(&look, &before, &key, &notice).await?.into_response())
}
