//! What is refused at the hub's doors: counted by door and reason, and said in the log now and then, however much of it comes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;

use super::Hub;
use super::refusal::Answered;
use crate::model::Timestamp;

/// What is refused in the same way is said again after this.
const QUIET: Duration = Duration::from_secs(60);

/// Statuses that refuse what somebody sends, with what is wrong where nobody says it better.
const REFUSING: [(u16, &str); 5] = [
    (400, "malformed"),
    (401, "unauthorized"),
    (403, "forbidden"),
    (413, "too_large"),
    (429, "rate_limited"),
];

/// Where something comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// A connection, before anything is asked.
    Connection,
    /// What a forge tells.
    Webhook,
    /// What other systems tell.
    Ingest,
    /// Machines that announce themselves.
    Registration,
    /// The conversation with a machine.
    Websocket,
    /// The graph.
    Graph,
    /// Commands.
    Command,
    /// Everything else.
    Other,
}

impl Door {
    /// The door that a path leads to.
    fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "webhooks" => Self::Webhook,
            "atomist" => Self::Ingest,
            "registration" => Self::Registration,
            "ws" => Self::Websocket,
            "graphql" => Self::Graph,
            "command" => Self::Command,
            _ => Self::Other,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Webhook => "webhook",
            Self::Ingest => "ingest",
            Self::Registration => "registration",
            Self::Websocket => "websocket",
            Self::Graph => "graph",
            Self::Command => "command",
            Self::Other => "other",
        }
    }
}

#[derive(Debug, Default)]
struct Counted {
    all: u64,
    /// Those since it was said last.
    unsaid: u64,
    said: Option<Timestamp>,
}

/// What was refused since the hub began, by door and reason.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<BTreeMap<(Door, &'static str), Counted>>);

impl Refused {
    /// Counts one; how many are to be said, when it is time for that.
    fn count(&self, door: Door, reason: &'static str, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = all.entry((door, reason)).or_default();
        counted.all += 1;
        counted.unsaid += 1;
        let is_quiet = |said: Timestamp| said <= now && now.since(said) < QUIET;
        if counted.said.is_some_and(is_quiet) {
            return None;
        }
        counted.said = Some(now);
        Some(std::mem::take(&mut counted.unsaid))
    }

    /// How many were refused at a door.
    pub(super) fn at(&self, door: Door) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = all.iter().filter(|((at, _), _)| *at == door);
        there.map(|(_, counted)| counted.all).sum()
    }

    /// As Prometheus reads it.
    pub(super) fn write(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "# HELP sdm_hub_refused_total What was refused, by door and reason.\n# TYPE sdm_hub_refused_total counter"
        );
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((door, reason), Counted { all, .. }) in &*all {
            let door = door.word();
            let _ = writeln!(
                text,
                "sdm_hub_refused_total{{door=\"{door}\",reason=\"{reason}\"}} {all}"
            );
        }
    }
}

impl Hub {
    /// Notes that something was refused.
    pub(super) fn count_refused(&self, door: Door, reason: &'static str) {
        if let Some(count) = self.counters().refused.count(door, reason, self.now()) {
            let door = door.word();
            tracing::warn!(
                door,
                reason,
                count,
                "something was refused; more of it is only counted for a while"
            );
        }
    }
}

/// Counts answers that refuse.
pub(super) async fn counted<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let door = Door::of(request.uri().path());
    let response = next(request).await;
    let status = response.status().as_u16();
    if let Some((_, usual)) = REFUSING.iter().find(|(refusing, _)| *refusing == status) {
        let said = response.extensions().get::<Answered>();
        hub.count_refused(door, said.map_or(usual, |Answered(refusal)| refusal.code()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_and_little_of_it_said() {
        let (refused, now) = (Refused::default(), Timestamp::from_micros(1_767_225_600_000_000));
        let said = |at: Timestamp| refused.count(Door::Webhook, "bad_signature", at);
        assert_eq!(said(now), Some(1));
        assert_eq!([said(now), said(now)], [None, None]);
        assert_eq!(
            refused.count(Door::Graph, "malformed", now),
            Some(1),
            "of its own"
        );
        assert_eq!(said(now.plus(QUIET)), Some(3));
        assert_eq!(refused.at(Door::Webhook), 4);
        let mut text = String::new();
        refused.write(&mut text);
        assert!(
            text.contains("sdm_hub_refused_total{door=\"webhook\",reason=\"bad_signature\"} 4\n"),
            "{text}"
        );
    }

    #[test]
    fn doors_are_told_by_paths() {
        for (path, door) in [
            ("/webhooks/github/w", Door::Webhook),
            ("/atomist/build/teams/w", Door::Ingest),
            ("/ws/ticket", Door::Websocket),
            ("/", Door::Other),
            ("", Door::Other),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }
}
