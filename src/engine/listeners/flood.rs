//! How often one listener acts on one thing. A listener that causes its own event without a trace of it — it commits, and
//! the commit is a push — is found by that (threat D10).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Event, ListenerDefinition, Timestamp};

/// How often within [`WINDOW`].
pub(super) const MOST: usize = 100;
/// In which time.
const WINDOW: Duration = Duration::from_secs(60);
/// Things remembered; when there are more, those that are quiet are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct Flood(Mutex<HashMap<(String, String), Acts>>);

#[derive(Default)]
struct Acts {
    at: VecDeque<Timestamp>,
    is_refused: bool,
}

/// Whether a listener acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does.
    Admitted,
    /// It does not, and that was not said yet.
    RefusedFirst,
    /// It does not.
    Refused,
}

impl Flood {
    pub(super) fn admit(&self, listener: &ListenerDefinition, event: &Event, now: Timestamp) -> Verdict {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > REMEMBERED {
            all.retain(|_, acts| acts.at.back().is_some_and(|last| now.since(*last) < WINDOW));
        }
        let acts = all.entry((listener.name.clone(), subject(event))).or_default();
        while acts.at.front().is_some_and(|first| now.since(*first) >= WINDOW) {
            acts.at.pop_front();
        }
        if acts.at.len() < MOST {
            acts.at.push_back(now);
            acts.is_refused = false;
            return Verdict::Admitted;
        }
        match std::mem::replace(&mut acts.is_refused, true) {
            false => Verdict::RefusedFirst,
            true => Verdict::Refused,
        }
    }
}

/// What the event is about, so that many different things at once are no loop.
fn subject(event: &Event) -> String {
    let part = |path: &str| {
        event
            .payload
            .pointer(path)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let paths = [
        "/repo/owner",
        "/repo/name",
        "/push/branch",
        "/tag",
        "/goal/unique_name",
        "/goal/environment",
        "/goal/state",
    ];
    paths.map(part).join("\u{0}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{EventFilter, Place, RunDefinition};

    fn listener() -> ListenerDefinition {
        ListenerDefinition {
            name: "l".to_owned(),
            place: Place {
                file: "a.yaml".into(),
                line: 1,
                column: 1,
            },
            event: "Push".to_owned(),
            filter: EventFilter::default(),
            schedule: None,
            for_each: None,
            run: RunDefinition {
                argv: vec!["true".to_owned()],
                environment: std::collections::BTreeMap::new(),
                timeout: 1,
                grace: 1,
            },
        }
    }

    fn push(branch: &str) -> Event {
        Event {
            key: String::new(),
            name: "Push".to_owned(),
            at: Timestamp::from_micros(0),
            depth: 0,
            payload: json!({"push": {"branch": branch}, "repo": {"owner": "a", "name": "b"}}),
        }
    }

    #[test]
    fn d10_a_listener_that_acts_on_one_thing_all_the_time_is_stopped_and_goes_on_later() {
        let (flood, listener) = (Flood::default(), listener());
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        for _ in 0..MOST {
            assert_eq!(flood.admit(&listener, &push("main"), at(0)), Verdict::Admitted);
        }
        assert_eq!(
            flood.admit(&listener, &push("main"), at(1)),
            Verdict::RefusedFirst
        );
        assert_eq!(flood.admit(&listener, &push("main"), at(2)), Verdict::Refused);
        assert_eq!(flood.admit(&listener, &push("other"), at(2)), Verdict::Admitted);
        assert_eq!(flood.admit(&listener, &push("main"), at(61)), Verdict::Admitted);
    }
}
