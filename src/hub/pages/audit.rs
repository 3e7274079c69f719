//! The audit log, newest first, for administrators who have just signed in.

use std::io::SeekFrom;
use std::path::Path;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::super::Hub;
use super::super::access::audit::{full_files, number_of};
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
#[serde(default)]
pub(super) struct Wanted {
    /// Part of who, whom it was for, or from where it came.
    who: String,
    /// Part of what was done, or of why.
    what: String,
    /// Part of where.
    place: String,
    /// `allow` or `deny`; both when empty.
    outcome: String,
    /// The first day, such as `2026-11-26`.
    from: String,
    /// The last day.
    until: String,
    /// Number of the first entry of a file that is full; the one that is written to when absent.
    file: Option<u64>,
    /// Before this byte of the file.
    before: Option<u64>,
}

/// Fields of an entry in which each of the texts is looked for.
const WHO: [&str; 4] = ["/principal", "/context_user", "/credential_id", "/ip"];
const WHAT: [&str; 4] = ["/operation", "/reason", "/rule", "/request_id"];
const PLACES: [&str; 1] = ["/resource"];

impl Wanted {
    fn admits(&self, entry: Object<'_>) -> bool {
        let has = |text: &str, fields: &[&str]| {
            let text = text.trim();
            text.is_empty() || fields.iter().any(|field| entry.text(field).contains(text))
        };
        let day = entry.text("/time").get(..DAY).unwrap_or_default();
        let is_then = (self.from.is_empty() || day >= self.from.as_str())
            && (self.until.is_empty() || day <= self.until.as_str());
        let is_so = self.outcome.is_empty() || entry.text("/decision") == self.outcome;
        is_then && is_so && has(&self.who, &WHO) && has(&self.what, &WHAT) && has(&self.place, &PLACES)
    }

    /// The address at which the search goes on.
    fn address(&self, file: Option<u64>, before: Option<u64>) -> String {
        let texts = [
            ("who", &self.who),
            ("what", &self.what),
            ("place", &self.place),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("until", &self.until),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let numbers = [("file", file), ("before", before)].into_iter();
        let numbers = numbers.filter_map(|(name, number)| Some(format!("{name}={}", number?)));
        let fields: Vec<String> = texts
            .map(|(name, text)| format!("{name}={}", step(text)))
            .chain(numbers)
            .collect();
        format!("{PLACE}?{}", fields.join("&"))
    }
}

/// Letters of a day.
const DAY: usize = 10;

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
    let found = match hub.audit_file() {
        Some(file) => Some(find(file, &wanted).await.map_err(|error| unreadable(&error))?),
        None => None,
    };
    let content = html! {
        div.bar { h1 { "Audit log" } }
        (form(&wanted))
        @match &found {
            Some((piece, earlier)) => (entries(&wanted, piece, *earlier)),
            None => p.empty { "This hub keeps no audit log." },
        }
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::Audit),
        "Audit log",
        &content,
    ))
}

fn unreadable(error: &std::io::Error) -> Refusal {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "the audit log cannot be read");
    Refusal::busy("the audit log cannot be read", 30)
}

fn form(wanted: &Wanted) -> Markup {
    let field = |name: &str, label: &str, value: &str| {
        html! { div.field { label for=(name) { (label) } input #(name) name=(name) value=(value) autocomplete="off"; } }
    };
    let day = |name: &str, label: &str, value: &str| {
        html! { div.field { label for=(name) { (label) } input #(name) name=(name) type="date" value=(value); } }
    };
    let outcomes = [("", "both"), ("allow", "allowed"), ("deny", "refused")];
    html! {
        form.find method="get" action=(PLACE) role="search" {
            (field("who", "Who", &wanted.who))
            (field("what", "What or why", &wanted.what))
            (field("place", "Where", &wanted.place))
            div.field {
                label for="outcome" { "Outcome" }
                select #outcome name="outcome" {
                    @for (value, label) in outcomes { option value=(value) selected[value == wanted.outcome] { (label) } }
                }
            }
            (day("from", "From", &wanted.from))
            (day("until", "Until", &wanted.until))
            p { button.main { "Show" } }
        }
    }
}

/// The piece of the log in which to look, and the file before it, which is named by its first entry.
async fn find(log: &Path, wanted: &Wanted) -> std::io::Result<(Piece, Option<u64>)> {
    let full = full_files(log)?;
    let numbers: Vec<u64> = full.iter().filter_map(|file| number_of(file)).collect();
    let at = wanted
        .file
        .and_then(|number| numbers.iter().position(|own| *own == number));
    let file = at.map_or(log, |at| full[at].as_path());
    let earlier = at.unwrap_or(full.len()).checked_sub(1).map(|at| numbers[at]);
    Ok((read(file, wanted.before).await?, earlier))
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

/// Entries, newest first; and where those before them begin, in this file or the one before it.
fn entries(wanted: &Wanted, piece: &Piece, earlier: Option<u64>) -> Markup {
    let (mut shown, mut end) = (Vec::new(), piece.begins);
    let mut behind = piece.lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>() + piece.begins;
    for line in piece.lines.iter().rev() {
        if shown.len() == MOST {
            end = behind;
            break;
        }
        behind -= line.len() as u64 + 1;
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        if wanted.admits(Object(&value)) {
            shown.push(value);
        }
    }
    let next = match (end, earlier) {
        (0, Some(file)) => Some(wanted.address(Some(file), None)),
        (0, None) => None,
        (end, _) => Some(wanted.address(wanted.file, Some(end))),
    };
    html! {
        @if shown.is_empty() { p.empty { "Nothing in this part of the log." } }
        @else {
            div.table.entries tabindex="0" role="region" aria-label="entries" {
                table {
                    thead { tr { th { "When" } th { "Who" } th { "What" } th { "Where" } th { "Outcome" } th { "Why" } } }
                    tbody { @for entry in &shown { (row(Object(entry))) } }
                }
            }
        }
        @if let Some(next) = next { p.more { a href=(next) { "Earlier entries" } } }
    }
}

fn row(entry: Object<'_>) -> Markup {
    let is_refused = entry.text("/decision") == "deny";
    html! {
        tr {
            td {
                (super::object::time(entry.moment("/time")))
                @if !entry.text("/done").is_empty() { p.dim { "done " (super::object::time(entry.moment("/done"))) } }
            }
            td title=(plain(entry.text("/user_agent"))) {
                (Name(entry.text("/principal")))
                @if !entry.text("/context_user").is_empty() { span.dim { " for " (Name(entry.text("/context_user"))) } }
                @if !entry.text("/ip").is_empty() { p.dim { (Name(entry.text("/ip"))) } }
            }
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

    fn entry(number: u32, decision: &str) -> String {
        format!(
            "{{\"id\":{number},\"time\":\"2026-11-0{number}T10:00:00Z\",\"principal\":\"person:p{number}\",\
             \"operation\":\"o{number}\",\"resource\":\"repo:acme/r{number}\",\"decision\":\"{decision}\"}}"
        )
    }

    fn found(wanted: &Wanted) -> Vec<u32> {
        let lines = vec![entry(1, "allow"), entry(2, "deny"), entry(3, "allow")];
        let shown = entries(wanted, &Piece { lines, begins: 0 }, None).into_string();
        let mut all: Vec<(usize, u32)> = (1..=3)
            .filter_map(|number| Some((shown.find(&format!("person:p{number}"))?, number)))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn entries_are_found_by_what_they_say() {
        let all = Wanted::default();
        assert_eq!(found(&all), [3, 2, 1], "the newest first");
        let text = |text: &str| text.to_owned();
        let refused = Wanted {
            outcome: text("deny"),
            ..Wanted::default()
        };
        assert_eq!(found(&refused), [2]);
        let who = Wanted {
            who: text("p3"),
            ..Wanted::default()
        };
        assert_eq!(found(&who), [3]);
        let place = Wanted {
            place: text("acme/r1"),
            what: text("o1"),
            ..Wanted::default()
        };
        assert_eq!(found(&place), [1]);
        let days = Wanted {
            from: text("2026-11-02"),
            until: text("2026-11-02"),
            ..Wanted::default()
        };
        assert_eq!(found(&days), [2]);
    }

    #[test]
    fn a_search_goes_on_where_it_ended_and_then_in_the_file_before() {
        let wanted = Wanted {
            who: "a&b".to_owned(),
            ..Wanted::default()
        };
        let lines = || vec![entry(1, "allow")];
        let shown = |begins: u64, earlier: Option<u64>| {
            entries(
                &wanted,
                &Piece {
                    lines: lines(),
                    begins,
                },
                earlier,
            )
            .into_string()
        };
        assert!(!shown(0, None).contains("Earlier"));
        let within = shown(70, Some(5));
        assert!(within.contains("?who=a%26b&amp;before=70\""), "{within}");
        let before = shown(0, Some(5));
        assert!(before.contains("?who=a%26b&amp;file=5\""), "{before}");
    }
}
