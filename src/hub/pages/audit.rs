//! The audit log, newest first, for administrators who have just signed in.

use std::io::SeekFrom;
use std::path::Path;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::super::Hub;
use super::super::refusal::Refusal;
use super::layout::{Document, HubTab, Refused};
use super::look::Look;
use super::object::Object;
use super::operations::Page;
use super::text::{Name, Shown, plain, step};

/// The address of the page.
pub(super) const PLACE: &str = "/audit";

/// Bytes of the log that are looked through for one page.
const WINDOW: u64 = 512 * 1024;

/// Most entries of a page.
const MOST: usize = 200;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Part of who, what, where or why.
    #[serde(default)]
    text: String,
    /// Only what was refused.
    #[serde(default)]
    refused: Option<String>,
    /// Before this byte of the log.
    #[serde(default)]
    before: Option<u64>,
}

impl Wanted {
    fn admits(&self, line: &str, entry: Object<'_>) -> bool {
        let is_refused = entry.text("/decision") == "deny";
        (self.refused.is_none() || is_refused) && line.contains(self.text.as_str())
    }

    fn to_query(&self, before: u64) -> String {
        let refused = if self.refused.is_some() { "&refused=on" } else { "" };
        format!("?before={before}&text={}{refused}", step(&self.text))
    }
}

/// A piece of the log: whole lines, and where the first of them begins.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    lines: Vec<String>,
    begins: u64,
}

/// `GET /audit`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Audit).await?;
    let piece = match hub.audit_file() {
        Some(file) => Some(read(file, wanted.before).await.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the audit log cannot be read"
            );
            Refusal::busy("the audit log cannot be read", 30)
        })?),
        None => None,
    };
    let content = html! {
        div.bar {
            h1 { "Audit log" }
            form.filter method="get" action=(PLACE) {
                label for="text" { "Who, what or where" }
                input #text name="text" value=(wanted.text) autocomplete="off";
                input type="checkbox" #refused name="refused" checked[wanted.refused.is_some()];
                label for="refused" { "only what was refused" }
                button { "Show" }
            }
        }
        @match &piece {
            Some(piece) => (entries(&wanted, piece)),
            None => p.empty { "This hub keeps no audit log." },
        }
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::Audit),
        "Audit log",
        &content,
    ))
}

/// The lines before a byte of a file, its end when none is named.
async fn read(file: &Path, before: Option<u64>) -> std::io::Result<Piece> {
    let mut file = tokio::fs::File::open(file).await?;
    let length = file.metadata().await?.len();
    let end = before.unwrap_or(length).min(length);
    let start = end.saturating_sub(WINDOW);
    file.seek(SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(end - start).read_to_end(&mut bytes).await?;
    Ok(piece(&bytes, start))
}

/// The whole lines of bytes that begin at a byte of the file.
fn piece(bytes: &[u8], start: u64) -> Piece {
    let cut = match start {
        0 => 0,
        // The first line began before.
        _ => bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |at| at + 1),
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(cut, |at| at + 1);
    let text = String::from_utf8_lossy(&bytes[cut..whole.max(cut)]);
    Piece {
        lines: text.lines().map(str::to_owned).collect(),
        begins: start + u64::try_from(cut).unwrap_or(0),
    }
}

/// Entries, newest first; and where those before them begin.
fn entries(wanted: &Wanted, piece: &Piece) -> Markup {
    let (mut shown, mut end) = (Vec::new(), piece.begins);
    let mut behind = piece.lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>() + piece.begins;
    for line in piece.lines.iter().rev() {
        if shown.len() == MOST {
            end = behind;
            break;
        }
        behind -= line.len() as u64 + 1;
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        if wanted.admits(line, Object(&value)) {
            shown.push(value);
        }
    }
    html! {
        @if shown.is_empty() { p.empty { "Nothing in this part of the log." } }
        @else {
            div.table tabindex="0" role="region" aria-label="entries" {
                table {
                    thead { tr { th { "When" } th { "Who" } th { "What" } th { "Where" } th { "Outcome" } th { "Why" } } }
                    tbody { @for entry in &shown { (row(Object(entry))) } }
                }
            }
        }
        @if end > 0 { p.more { a href={ (PLACE) (wanted.to_query(end)) } { "Earlier entries" } } }
    }
}

fn row(entry: Object<'_>) -> Markup {
    let is_refused = entry.text("/decision") == "deny";
    html! {
        tr {
            td { (super::object::time(entry.moment("/time"))) }
            td title=(plain(entry.text("/user_agent"))) { (Name(entry.text("/principal"))) }
            td { code { (Name(entry.text("/operation"))) } }
            td { (Name(entry.text("/resource"))) }
            td {
                @if is_refused { span.state.bad { span.sign aria-hidden="true" { "⨯" } " refused" } }
                @else { span.state.good { span.sign aria-hidden="true" { "✓" } " allowed" } }
            }
            td { (Shown(entry.text("/reason"))) " " span.dim { (Shown(entry.text("/rule"))) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_of_whole_lines() {
        let whole = piece(b"one\ntwo\nthr", 0);
        assert_eq!(
            (whole.lines, whole.begins),
            (vec!["one".to_owned(), "two".to_owned()], 0)
        );
        let behind = piece(b"ne\ntwo\nthree\n", 1);
        assert_eq!(
            (behind.lines, behind.begins),
            (vec!["two".to_owned(), "three".to_owned()], 4)
        );
        assert!(piece(b"no end", 7).lines.is_empty() && piece(b"", 0).lines.is_empty());
    }

    #[test]
    fn entries_are_found_by_what_they_say() {
        let line = |number: u32, decision: &str| {
            format!("{{\"id\":{number},\"principal\":\"person:p{number}\",\"decision\":\"{decision}\"}}")
        };
        let lines = vec![line(1, "allow"), line(2, "deny"), line(3, "allow")];
        let piece = Piece { lines, begins: 0 };
        let all = entries(&Wanted::default(), &piece).into_string();
        assert!(
            all.find("person:p3") < all.find("person:p1") && !all.contains("Earlier"),
            "{all}"
        );
        let refused = Wanted {
            refused: Some("on".to_owned()),
            ..Wanted::default()
        };
        let found = entries(&refused, &piece).into_string();
        assert!(
            found.contains("person:p2") && !found.contains("person:p1"),
            "{found}"
        );
        let text = Wanted {
            text: "p3".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(entries(&text, &piece).into_string().matches("<tr>").count(), 2);
    }
}
