//! Pages that grow: what a page shows is rendered again when something may have changed, and its reader is sent the parts that
//! are not as they were. The reader says what it has, so coming back after a break and going on are the same.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::Hub;
use super::super::access::Caller;
use super::super::people::BY_ITSELF;
use super::super::refusal::Refusal;
use super::super::streams::Held;
use super::entry::Entry;

/// Most readers at a time; more are told to come again, and their pages have a link to refresh.
const MOST_READERS: usize = 500;

/// Longest that a reader's rights are taken for granted, between two looks: a page never outlives them by five seconds.
const RIGHTS: Duration = Duration::from_secs(3);

/// Longest list of marks that a reader may send, in bytes.
const LONGEST_LIST: usize = 8_000;

/// What pages share of a hub.
#[derive(Debug)]
pub(in super::super) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_READERS)))
    }
}

/// What the reader has, as it says when it comes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    seen: String,
}

impl Seen {
    /// The mark of the last event that the reader got, or of the page that it has.
    pub(super) fn last(self, headers: &HeaderMap) -> String {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let mut last = last.map_or(self.seen, str::to_owned);
        if last.len() > LONGEST_LIST {
            last.clear();
        }
        last
    }

    /// The same where it is a list of marks.
    pub(super) fn marks(self, headers: &HeaderMap) -> Vec<String> {
        let last = self.last(headers);
        last.split('.')
            .filter(|mark| !mark.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The same headers, of a request that nobody has made with their own hands.
pub(super) fn by_itself(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(BY_ITSELF, HeaderValue::from_static("yes"));
    headers
}

/// Something that is sent to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Name of the event, by which the script knows what to do.
    pub(super) event: &'static str,
    /// What the reader has once it has this.
    pub(super) id: String,
    /// Markup.
    pub(super) data: String,
}

/// What one reader follows.
#[async_trait]
pub(super) trait Follow: Send {
    /// The workspace whose changes may be news.
    fn workspace(&self) -> &str;

    /// What is new for the reader, who sent these headers; refused when they may not look any more.
    async fn look(&mut self, hub: &Hub, headers: &HeaderMap) -> Result<Vec<Said>, Refusal>;

    /// Whether news come without a change of the graph.
    fn is_restless(&self) -> bool {
        false
    }
}

/// The parts that the reader does not have, oldest first, as events; `seen` becomes what it has then.
pub(super) fn news(seen: &mut Vec<String>, parts: Vec<Entry>) -> Vec<Said> {
    let mut had = std::mem::take(seen);
    had.retain(|mark| parts.iter().any(|part| part.mark == *mark));
    let mut said = Vec::new();
    for part in parts.into_iter().rev() {
        if had.contains(&part.mark) {
            continue;
        }
        had.push(part.mark);
        said.push(Said {
            event: "part",
            id: had.join("."),
            data: part.markup.into_string(),
        });
    }
    *seen = had;
    said
}

/// One reader.
struct Reader {
    hub: Hub,
    headers: HeaderMap,
    follow: Box<dyn Follow>,
    /// The workspace's number of changes when it was last looked at.
    changes: i64,
    /// When it was.
    looked: Option<crate::model::Timestamp>,
    waiting: std::collections::VecDeque<Said>,
    _permit: OwnedSemaphorePermit,
    _held: Held,
}

/// Opens a stream of news.
///
/// # Errors
/// There are too many readers, or too many of theirs.
pub(super) fn open(
    hub: &Hub,
    caller: &Caller,
    headers: HeaderMap,
    follow: Box<dyn Follow>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Refusal> {
    let too_many = || Refusal::busy("too many pages are open; refresh this one instead", 30);
    // Nobody takes the places of all others.
    let held = hub.streams().open(caller.owner()).ok_or_else(too_many)?;
    let readers = Arc::clone(&hub.readers().0);
    let permit = readers.try_acquire_owned().map_err(|_| too_many())?;
    let reader = Reader {
        hub: hub.clone(),
        headers,
        follow,
        changes: -1,
        looked: None,
        waiting: std::collections::VecDeque::new(),
        _permit: permit,
        _held: held,
    };
    let said = unfold(reader, |mut reader| async move {
        let said = reader.next().await?;
        let event = Event::default().event(said.event).id(said.id).data(said.data);
        Some((Ok(event), reader))
    });
    Ok(Sse::new(said).keep_alive(KeepAlive::default()))
}

impl Reader {
    /// The next thing to say; `None` at the end, when the hub stops or the reader may not look any more.
    async fn next(&mut self) -> Option<Said> {
        let stop = self.hub.tasks().stop_token();
        loop {
            if let Some(said) = self.waiting.pop_front() {
                return Some(said);
            }
            if self.looked.is_some() {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep(self.hub.rhythm().look) => {}
                }
            }
            if let Err(refusal) = self.look().await {
                tracing::debug!(code = %refusal.status(), "a page is not followed any more");
                return None;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Refusal> {
        let changes = self.hub.store().changes(self.follow.workspace()).await?;
        let now = self.hub.now();
        let is_due = self.looked.is_none_or(|looked| now.since(looked) >= RIGHTS);
        if changes == self.changes && !is_due && !self.follow.is_restless() {
            return Ok(());
        }
        let said = self.follow.look(&self.hub, &self.headers).await?;
        (self.changes, self.looked) = (changes, Some(now));
        self.waiting.extend(said);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    fn part(text: &str) -> Entry {
        Entry::of(html! { p { (text) } })
    }

    #[test]
    fn a_reader_gets_what_it_does_not_have_and_nothing_twice() {
        let mut seen = vec![part("old").mark, "of-something-gone".to_owned()];
        let said = news(&mut seen, vec![part("newest"), part("new"), part("old")]);
        let texts: Vec<&str> = said.iter().map(|said| said.data.as_str()).collect();
        assert_eq!(texts, ["<p>new</p>", "<p>newest</p>"], "oldest first");
        assert_eq!(seen.len(), 3);
        assert!(news(&mut seen, vec![part("newest"), part("new"), part("old")]).is_empty());
        // Whoever comes back with the id of an event gets the rest.
        let mut again: Vec<String> = said[0].id.split('.').map(str::to_owned).collect();
        let rest = news(&mut again, vec![part("newest"), part("new"), part("old")]);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].data, "<p>newest</p>");
    }

    #[test]
    fn what_a_reader_sends_is_bounded() {
        let mut headers = HeaderMap::new();
        let seen = Seen {
            seen: "a.b".to_owned(),
        };
        assert_eq!(seen.marks(&headers), ["a", "b"]);
        headers.insert("last-event-id", "c".parse().unwrap());
        let seen = Seen {
            seen: "a.b".to_owned(),
        };
        assert_eq!(
            seen.marks(&headers),
            ["c"],
            "the last event is newer than the page"
        );
        let seen = Seen {
            seen: "a.".repeat(5_000),
        };
        assert!(seen.marks(&HeaderMap::new()).is_empty());
    }
}
