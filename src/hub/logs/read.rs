//! Reading logs: whole lines from an offset on, wherever they are kept.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::{OriginalLine, Place, live, shown};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, LogContent, LogName, LogPart, LogState};
use crate::wire::hub::LoggedLine;

/// Most parts that are read for one answer.
const PARTS: u32 = 16;

/// Longest wait for something new.
const LONGEST_WAIT: u64 = 30;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Asked {
    /// From which offset on; the original's pages call it `from`.
    #[serde(alias = "offset")]
    pub(super) from: u64,
    /// Which attempt; the latest when absent.
    pub(super) attempt: Option<u32>,
    /// Seconds to wait while there is nothing new.
    wait: u64,
}

/// Some lines of a log, and where to go on.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) lines: Vec<LoggedLine>,
    pub(super) next: u64,
    /// Nothing follows.
    pub(super) is_complete: bool,
    /// There may be more already.
    is_full: bool,
}

/// How far somebody has read who reads all attempts of a goal, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Through {
    /// Which attempt; zero: the first.
    pub(in super::super) attempt: u32,
    /// How far in its log.
    pub(in super::super) offset: u64,
}

/// What comes next for them.
pub(in super::super) struct Further {
    pub(in super::super) lines: Vec<LoggedLine>,
    /// How far they have read then.
    pub(in super::super) until: Through,
    /// There may be more already.
    pub(in super::super) has_more: bool,
}

/// `GET /api/logs/{workspace}/{goal_set}/{environment}/{name}`: lines, and where to go on reading; as a stream for those who
/// accept one.
pub(in super::super) async fn read(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.may_read_log(&caller, &place).await?;
    let name = hub.log_named(&place, asked.attempt).await?;
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/event-stream")) {
        return live::stream(hub, caller.credential_id(), (place, name, asked.from), &headers);
    }
    let page = hub.page_in_time(&name, &asked).await?;
    if asked.wait > 0 {
        // Rights may have ended while they waited.
        hub.may_read_log(&hub.caller(&headers).await?, &place).await?;
    }
    let lines: Vec<Value> = page.lines.iter().map(shown).collect();
    Ok(Json(json!({
        "attempt": name.attempt, "lines": lines, "next": page.next, "complete": page.is_complete,
    }))
    .into_response())
}

impl Hub {
    /// Whether somebody may read the log of a goal. Who may not does not learn that it is there.
    pub(super) async fn may_read_log(&self, caller: &Caller, place: &Place) -> Result<(), Refusal> {
        caller.may_somewhere(Operation::ReadLog, &place.workspace)?;
        let graph = self.store().reader(&place.workspace);
        let goal = graph.nodes("SdmGoal", &[place.goal()]).await?;
        let sight = caller.sight(Operation::ReadLog, &*graph);
        let is_seen = match goal.first() {
            Some(goal) => sight.sees(goal).await?,
            None => caller.sees_everything(Operation::ReadLog),
        };
        match is_seen {
            true => Ok(()),
            false => Err(Refusal::missing_thing("there is no such goal")),
        }
    }

    /// What comes next of all attempts of a goal. Whose goal it is must be known to be seen.
    pub(in super::super) async fn log_through(
        &self,
        workspace: &str,
        goal: &str,
        from: Through,
    ) -> Result<Further, HubStoreError> {
        let attempts = self.store().logged_attempts(workspace, goal).await?;
        let mut further = Further {
            lines: Vec::new(),
            until: from,
            has_more: false,
        };
        for attempt in attempts.into_iter().filter(|attempt| *attempt >= from.attempt) {
            if !further.lines.is_empty() {
                further.has_more = true;
                break;
            }
            let offset = if attempt == from.attempt { from.offset } else { 0 };
            let name = LogName {
                workspace: workspace.to_owned(),
                goal: goal.to_owned(),
                attempt,
            };
            let page = self.log_page(&name, offset).await?;
            further.lines = page.lines;
            further.has_more = page.is_full;
            further.until = Through {
                attempt,
                offset: page.next,
            };
        }
        Ok(further)
    }

    async fn log_named(&self, place: &Place, attempt: Option<u32>) -> Result<LogName, Refusal> {
        let latest = match attempt {
            Some(attempt) => attempt,
            None => {
                let goal = place.goal();
                let attempts = self.store().logged_attempts(&place.workspace, &goal).await?;
                attempts.last().copied().unwrap_or(1)
            }
        };
        Ok(place.log(latest))
    }

    /// A page, once there is something in it or whoever asks has waited long enough.
    async fn page_in_time(&self, name: &LogName, asked: &Asked) -> Result<Page, Refusal> {
        let mut grown = self.whispers().logs();
        let until = tokio::time::Instant::now() + Duration::from_secs(asked.wait.min(LONGEST_WAIT));
        let stop = self.tasks().stop_token();
        loop {
            grown.mark_unchanged();
            let page = self.log_page(name, asked.from).await?;
            let is_over = tokio::time::Instant::now() >= until || stop.is_cancelled();
            if page.next > asked.from || page.is_complete || is_over {
                return Ok(page);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(until) => {}
                _ = grown.changed() => {}
            }
        }
    }

    /// What there is from an offset on.
    pub(super) async fn log_page(&self, name: &LogName, from: u64) -> Result<Page, HubStoreError> {
        // First how it stands, then the parts: it grows meanwhile, and never shrinks.
        let Some(state) = self.store().log_state(name).await? else {
            return Ok(Page {
                next: from,
                ..Page::default()
            });
        };
        let parts = self.store().log_parts(name, from, PARTS).await?;
        let is_all = parts.len() < PARTS as usize;
        let mut page = Page {
            next: from,
            ..Page::default()
        };
        for part in parts {
            let (start, end) = (part.start, part.end);
            let mut lines = self.lines_of(name, part).await;
            lines.retain(|line| line.offset >= from);
            page.lines.extend(lines);
            page.next = end.max(start);
        }
        page.is_full = !is_all;
        if is_all && state.is_complete {
            page.conclude(&state, self.now());
        }
        Ok(page)
    }

    async fn lines_of(&self, name: &LogName, part: LogPart) -> Vec<LoggedLine> {
        let content = match part.content {
            LogContent::Here(content) => Some(content),
            LogContent::InFile(place) => self.read_file(name, place).await,
        };
        match content {
            Some(content) => lines(&content, part.start),
            None => vec![LoggedLine {
                offset: part.start,
                at: self.now(),
                stream: "sdm".to_owned(),
                text: format!(
                    "{} bytes of this log are in a file that the hub cannot read",
                    part.end - part.start
                ),
            }],
        }
    }
}

impl Page {
    /// Nothing follows; what was too much is said once.
    fn conclude(&mut self, state: &LogState, now: Timestamp) {
        self.is_complete = true;
        if state.dropped > 0 && self.next <= state.end {
            self.lines.push(LoggedLine {
                offset: state.end,
                at: now,
                stream: "sdm".to_owned(),
                text: format!("{} bytes more were not kept: the log is too large", state.dropped),
            });
            self.next = state.end + 1;
        }
        self.next = self.next.max(state.end);
    }
}

/// Lines of a part: ours, or the original's, whose offsets are counted from the start of their part.
fn lines(content: &str, start: u64) -> Vec<LoggedLine> {
    if let Ok(lines) = serde_json::from_str::<Vec<LoggedLine>>(content) {
        return lines;
    }
    let originals: Vec<OriginalLine> = serde_json::from_str(content).unwrap_or_default();
    let line = |(number, line): (usize, OriginalLine)| LoggedLine {
        offset: start + number as u64,
        at: Timestamp::from_micros(line.timestamp_millis.unwrap_or(0).saturating_mul(1_000)),
        stream: if line.level == "error" { "err" } else { "out" }.to_owned(),
        text: line.message,
    };
    originals.into_iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_original_get_offsets_within_their_part() {
        let content =
            r#"[{"level":"info","message":"one","timestampMillis":7},{"level":"error","message":"two"}]"#;
        let read = lines(content, 100);
        let offsets: Vec<u64> = read.iter().map(|line| line.offset).collect();
        assert_eq!(offsets, [100, 101]);
        assert!(100 + content.len() as u64 > 101, "they stay within it");
        assert_eq!((read[1].stream.as_str(), read[0].at.as_micros()), ("err", 7_000));
        assert!(lines("no json", 0).is_empty());
    }

    #[test]
    fn e7_what_was_not_kept_is_said_once() {
        let state = LogState {
            end: 50,
            dropped: 30,
            is_complete: true,
            ..LogState::default()
        };
        let now = Timestamp::from_micros(1);
        let mut first = Page {
            next: 20,
            ..Page::default()
        };
        first.conclude(&state, now);
        assert!(first.lines[0].text.contains("30 bytes more"));
        let mut again = Page {
            next: first.next,
            ..Page::default()
        };
        again.conclude(&state, now);
        assert!(again.lines.is_empty() && again.is_complete);
    }
}
