//! The policy as text, for administrators: what is in force, and an editor that says what a change would do before it is put in force.
//! Its own tests must pass, and nothing that somebody else has changed meanwhile is written over.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use maud::{Markup, html};

use super::super::Hub;
use super::super::addons::giving::Giver;
use super::super::addons::policy::{Applied, NotApplied, Proposed, apply};
use super::super::refusal::Refusal;
use super::addons::editor;
use super::changed_lines::{Changed, changed_lines};
use super::form::Form;
use super::grants::effect;
use super::layout::{Document, HubTab, Refused};
use super::look::Look;
use super::operations::Page;
use super::text::{Lines, Shown};
use crate::access::handed::digest_of;
use crate::model::Diagnostic;

/// The address of the page.
pub(super) const PLACE: &str = "/policy";

/// Longest form in bytes.
pub(super) const LONGEST: usize = 2 * 1024 * 1024;

/// Longest line of a policy that is shown among what has changed, in bytes.
const LONGEST_LINE: usize = 500;

/// `GET /policy`.
pub(super) async fn show(State(hub): State<Hub>, headers: HeaderMap) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Policy).await?;
    let text = hub.policy_text().await?;
    let draft = Draft {
        base: digest_of(&text),
        text: &text,
    };
    Ok(page(&look, &draft, &html! {}))
}

/// What stands in the editor.
struct Draft<'a> {
    /// SHA-256 of what was in force when somebody began to edit.
    base: String,
    text: &'a str,
}

fn page(look: &Look, draft: &Draft<'_>, notice: &Markup) -> Document {
    let governing = look.hub.rights().governing_file();
    let content = html! {
        div.bar { h1 { "Policy" } }
        (notice)
        @match governing {
            Some(_) => {
                p { "A policy in a file governs this hub, and nothing else changes who may do what: change the file." }
                pre.answer tabindex="0" { (Lines(draft.text, LONGEST)) }
            }
            None => (form(look, draft)),
        }
    };
    Document::of(&look.frame(None).with(HubTab::Policy), "Policy", &content)
}

fn form(look: &Look, draft: &Draft<'_>) -> Markup {
    html! {
        form.policy method="post" action=(PLACE) {
            (look.token())
            input type="hidden" name="base" value=(draft.base);
            div.field {
                label for="text" { "Who may do what, as text" }
                p.hint #text-help { "Nothing changes before you have seen the effect. Tests that stand in it must pass, now and with every later change." }
                textarea #text name="text" rows="28" spellcheck="false" autocomplete="off" aria-describedby="text-help" { (draft.text) }
            }
            p { button.main { "Show the effect" } }
        }
    }
}

/// `POST /policy`: what the text would change, with a button to put it in force; and then puts it in force.
pub(super) async fn change(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::ApplyPolicy).await?;
    let by = editor(&look)?;
    let form = Form::read(&body);
    let text = form.text("text").replace("\r\n", "\n");
    let draft = Draft {
        base: form.text("base").to_owned(),
        text: &text,
    };
    let before = hub.policy_text().await?;
    let giver = Giver {
        by,
        caller: Some(look.caller.clone()),
        at: hub.now(),
    };
    let people = hub.store().people().await.map_err(Refusal::from)?;
    let proposed = Proposed {
        text: text.as_bytes(),
        base: Some(&draft.base),
        is_preview: form.text("sure") != "yes",
    };
    let is_preview = proposed.is_preview;
    let applied = match apply(hub.store(), proposed, &people, &giver).await {
        Ok(applied) => applied,
        Err(NotApplied::Problems(problems)) => return Ok(page(&look, &draft, &refused(&problems))),
        Err(NotApplied::Addon(error)) => return Err(Refusal::from(error).into()),
    };
    if is_preview {
        let notice = preview(&look, &draft, &before, &applied);
        return Ok(page(&look, &draft, &notice));
    }
    let refreshed = hub.rights().refresh(hub.store(), hub.now()).await;
    refreshed.map_err(Refusal::from)?;
    let text = hub.policy_text().await?;
    let draft = Draft {
        base: digest_of(&text),
        text: &text,
    };
    let notice = html! { div.notice role="status" { p { "The policy is in force." } } };
    Ok(page(&look, &draft, &notice))
}

/// Why it cannot be put in force.
fn refused(problems: &[Diagnostic]) -> Markup {
    html! {
        div.notice.bad #preview role="alert" {
            h2 { "It cannot be put in force" }
            ul {
                @for problem in problems {
                    li {
                        code { (Shown(&problem.place.to_string())) } " " (Shown(&problem.message))
                        @if let Some(hint) = &problem.hint { p.dim { (Shown(hint)) } }
                    }
                }
            }
        }
    }
}

/// What would change: lines of the text, rights of people and add-ons, and what its tests say.
fn preview(look: &Look, draft: &Draft<'_>, before: &str, applied: &Applied) -> Markup {
    let tests = applied.outcomes.len();
    html! {
        div.notice #preview role="status" {
            h2 { "The effect" }
            (effect(&applied.differences))
            @if !applied.besides.is_empty() { ul { @for said in &applied.besides { li { (Shown(said)) } } } }
            @if tests > 0 { p { span.state.good { span.sign aria-hidden="true" { "✓" } " " (passed(tests)) } } }
            (lines(&changed_lines(before, draft.text)))
            form.inline method="post" action=(PLACE) {
                (look.token())
                input type="hidden" name="sure" value="yes";
                input type="hidden" name="base" value=(draft.base);
                input type="hidden" name="text" value=(draft.text);
                button.main { "Put it in force" }
            }
        }
    }
}

fn passed(tests: usize) -> String {
    match tests {
        1 => "1 test passes".to_owned(),
        several => format!("{several} tests pass"),
    }
}

fn lines(changed: &[Changed<'_>]) -> Markup {
    html! {
        @if !changed.is_empty() {
            h3 { "Lines that change" }
            pre.changes tabindex="0" {
                @for line in changed {
                    @match line {
                        Changed::Gone(text) => span.bad { "− " (Lines(text, LONGEST_LINE)) "\n" },
                        Changed::Come(text) => span.good { "+ " (Lines(text, LONGEST_LINE)) "\n" },
                    }
                }
            }
        }
    }
}
