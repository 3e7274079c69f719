//! `sdm emit`: somebody says that something happened.

use regex::Regex;
use serde_json::{Map, Value};

use super::Refused;
use crate::daemon::local::LocalDaemon;
use crate::model::event::{EVENTS, Implied, LARGEST_PAYLOAD};
use crate::model::{Event, EventType, suggest};

/// Events that only the machine itself can know of.
const OWN: [&str; 2] = ["Startup", "Timer"];
/// Longest name of an event.
const LONGEST_NAME: usize = 100;

impl LocalDaemon {
    pub(super) async fn emit(&self, name: &str, payload: Value, within: Option<&str>) -> Result<(), Refused> {
        let depth = self.depth_within(within).await?.unwrap_or(0);
        let machine = self.engine().machine();
        let heard: Vec<&str> = machine.listeners.iter().map(|one| one.event.as_str()).collect();
        let event = meant(name, payload, &heard)?;
        let event = Event {
            key: format!("{}:{}", event.name, self.engine().fresh_id()),
            name: event.name,
            at: self.engine().now(),
            depth,
            payload: Value::Object(event.payload),
        };
        Ok(self.engine().store().raise(&[event]).await?)
    }
}

/// An event as its listeners know it.
#[derive(Debug)]
struct Meant {
    name: String,
    payload: Map<String, Value>,
}

/// What is meant by a name and what comes with it; `heard` are the events that somebody listens to.
fn meant(name: &str, payload: Value, heard: &[&str]) -> Result<Meant, Refused> {
    check_name(name)?;
    let Value::Object(mut payload) = payload else {
        return Err(Refused::new("an event carries a JSON object").hint("such as '{\"name\": \"value\"}'"));
    };
    let known = EventType::named(name).map(|event| event.name);
    let heard_of = || heard.iter().copied().find(|event| *event == name);
    let Some(canonical) = known.or_else(heard_of) else {
        return Err(unknown(name, heard));
    };
    if OWN.contains(&canonical) {
        return Err(Refused::new(format!("{canonical} is the machine's own event")));
    }
    if let Some(implied) = EventType::implied(name) {
        narrow(&mut payload, name, implied)?;
    }
    check_size(&payload)?;
    Ok(Meant {
        name: canonical.to_owned(),
        payload,
    })
}

fn check_name(name: &str) -> Result<(), Refused> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    match !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(legal) {
        true => Ok(()),
        false => Err(Refused::new(format!(
            "the name of an event has 1 to {LONGEST_NAME} letters, digits, `_`, `-`, `.` and `/`"
        ))),
    }
}

fn check_size(payload: &Map<String, Value>) -> Result<(), Refused> {
    let size = serde_json::to_string(payload)?.len();
    match size <= LARGEST_PAYLOAD {
        true => Ok(()),
        false => Err(Refused::new(format!(
            "an event carries at most {LARGEST_PAYLOAD} bytes"
        ))),
    }
}

/// A name for some of the events it names says what they have in common: it is filled in, and nothing else may stand there.
fn narrow(payload: &mut Map<String, Value>, name: &str, implied: &Implied) -> Result<(), Refused> {
    for part in implied.parts {
        let place = place(payload, part.path);
        let is_meant = |text: &str| Regex::new(part.pattern).is_ok_and(|pattern| pattern.is_match(text));
        match place {
            Some(place) if place.is_null() => *place = Value::from(part.usual),
            Some(Value::String(text)) if is_meant(text) => {}
            Some(_) | None => {
                let message = format!("`{}` is something else than {name} says", part.path);
                let hint = format!(
                    "leave it out, and it is `{}`, or emit the event by its general name",
                    part.usual
                );
                return Err(Refused::new(message).hint(hint));
            }
        }
    }
    Ok(())
}

/// Where a dotted path leads, made as far as it is not there; nothing where something else is in its way.
fn place<'p>(payload: &'p mut Map<String, Value>, path: &str) -> Option<&'p mut Value> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let found = payload.entry(first).or_insert(Value::Null);
    let Some(rest) = rest else { return Some(found) };
    if found.is_null() {
        *found = Value::Object(Map::new());
    }
    place(found.as_object_mut()?, rest)
}

/// Nobody listens to it, and it is none that others tell of.
fn unknown(name: &str, heard: &[&str]) -> Refused {
    let all = EVENTS
        .iter()
        .flat_map(|event| std::iter::once(event.name).chain(event.aliases.iter().copied()))
        .filter(|event| !OWN.contains(event));
    let hint = match suggest::nearest(name, heard.iter().copied().chain(all)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a listener for it under `on:` in the goal files".to_owned(),
    };
    Refused::new(format!("no listener waits for an event `{name}`")).hint(hint)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn emitted(name: &str, payload: Value) -> Result<(String, Value), (String, Option<String>)> {
        let heard = ["Ping", "Issue", "deploy/done"];
        let meant = meant(name, payload, &heard).map_err(|refused| (refused.message, refused.hint))?;
        Ok((meant.name, Value::Object(meant.payload)))
    }

    #[test]
    fn semantics_6_a_name_for_some_events_says_what_they_are() {
        assert_eq!(
            emitted("NewIssue", json!({"issue": {"title": "x"}})),
            Ok((
                "Issue".to_owned(),
                json!({"issue": {"title": "x"}, "action": "opened"})
            ))
        );
        assert_eq!(
            emitted("closed_issue", json!({})),
            Ok(("Issue".to_owned(), json!({"action": "closed"})))
        );
        assert_eq!(
            emitted("UpdatedIssue", json!({"action": "labeled"})),
            Ok(("Issue".to_owned(), json!({"action": "labeled"})))
        );
        assert_eq!(
            emitted("GoalExecution", json!({"goal": {"name": "a"}})),
            Ok((
                "GoalState".to_owned(),
                json!({"goal": {"name": "a", "execution": "ends"}})
            ))
        );
        assert_eq!(
            emitted("GoalExecution", json!({})),
            Ok(("GoalState".to_owned(), json!({"goal": {"execution": "ends"}})))
        );
        for (name, payload) in [
            ("NewIssue", json!({"action": "closed"})),
            ("ClosedIssue", json!({"action": 1})),
            ("GoalExecution", json!({"goal": "a"})),
        ] {
            let (message, hint) = emitted(name, payload).unwrap_err();
            assert!(message.contains(name) && hint.is_some(), "{message}");
        }
        assert_eq!(
            emitted("Issue", json!({"action": "closed"})),
            Ok(("Issue".to_owned(), json!({"action": "closed"})))
        );
    }

    #[test]
    fn events_that_nobody_knows_are_refused_and_own_ones_are_fine() {
        for name in ["Ping", "deploy/done", "repo_created"] {
            assert!(emitted(name, json!({})).is_ok(), "{name}");
        }
        let refused = |name: &str| emitted(name, json!({})).unwrap_err();
        assert_eq!(
            refused("Pign"),
            (
                "no listener waits for an event `Pign`".to_owned(),
                Some("did you mean `Ping`?".to_owned())
            )
        );
        assert_eq!(refused("NewIsue").1, Some("did you mean `NewIssue`?".to_owned()));
        assert!(refused("Holiday").1.unwrap().contains("under `on:`"));
        assert_eq!(refused("Timer").0, "Timer is the machine's own event");
        assert!(refused("a b").0.contains("1 to 100 letters"));
        let long = json!({"text": "a".repeat(LARGEST_PAYLOAD)});
        assert!(emitted("Ping", long).unwrap_err().0.contains("at most"));
        assert!(emitted("Ping", json!([1])).unwrap_err().0.contains("JSON object"));
    }
}
