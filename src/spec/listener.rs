//! Listeners as people write them (semantics 6): an event, which of those events, and what is run.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::model::descriptor::Form;
use crate::model::event::{EVENTS, Shape};
use crate::model::rule_test::Mention;
use crate::model::trigger::{COMPLETIONS, is_completion};
use crate::model::{
    Diagnostic, EventFilter, EventType, Field, ListenerDefinition, Place, RunDefinition, ScheduleDefinition,
    StateName, ValueType,
};

use super::command::{RUN_FIELDS, Roots, astray};
use super::keys::Sorted;
use super::problems::listed;
use super::reader::Reader;
use super::schedule::Schedule;
use super::yaml::{Entry, Node};
use crate::model::suggest;

const STATES: &[&str] = &[
    "planned",
    "waiting_for_pre_approval",
    "pre_approved",
    "requested",
    "in_process",
    "waiting_for_approval",
    "approved",
    "success",
    "failure",
    "stopped",
    "canceled",
    "skipped",
];

/// Keys of a listener, beside those of what it runs.
pub const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what the listener is called").required(),
    Field::new("event", ValueType::Form(Form::Event), "what it waits for"),
    Field::new(
        "cron",
        ValueType::Text,
        "the moments of a timer, with five fields or six: seconds come first; of numbers, `*`, `,`, `-` and `/`, and of `JAN` and `MON` for months and weekdays",
    ),
    Field::new(
        "time_zone",
        ValueType::Text,
        "in which `cron` is meant, such as `Europe/Berlin`",
    )
    .aliases(&["timezone"])
    .default("UTC"),
    Field::new(
        "interval",
        ValueType::Duration,
        "how long after its last time a timer fires",
    )
    .aliases(&["every"]),
    Field::new("repo", ValueType::Regex, "a pattern on `owner/name`"),
    Field::new("branch", ValueType::Regex, "a pattern on the branch"),
    Field::new("tag", ValueType::Regex, "a pattern on the tag"),
    Field::new(
        "goal",
        ValueType::List(&ValueType::Text),
        "names of goals; any when absent",
    )
    .aliases(&["goals"])
    .not_empty(),
    Field::new(
        "state",
        ValueType::List(&ValueType::Choice(STATES)),
        "states of goals; any when absent",
    )
    .not_empty()
    .aliases(&["states"]),
    Field::new(
        "where",
        ValueType::Map(&ValueType::Regex),
        "patterns on other parts of the event, by their path",
    ),
    Field::new(
        "for_each",
        ValueType::Text,
        "the path of a list in the event, such as `push.authors`: it runs once for each item that is not null, which is `${item}`, and not at all where there is no list",
    ),
];

/// Most listeners of all files together.
const MAX_LISTENERS: usize = 1_000;
/// Longest name of an event.
const MAX_EVENT: usize = 100;
/// Shortest interval, in milliseconds.
const SHORTEST: u64 = 1_000;

impl Reader<'_, '_> {
    /// All listeners; those with problems are left out.
    pub(crate) fn listeners(&mut self, nodes: &[Rc<Node>]) -> Vec<ListenerDefinition> {
        if let Some(node) = nodes.get(MAX_LISTENERS) {
            let message = format!("there are more than {MAX_LISTENERS} listeners");
            self.problems().error("too_many", node, message);
        }
        let mut known: HashMap<String, Place> = HashMap::new();
        let mut listeners = Vec::new();
        let read: Vec<_> = nodes
            .iter()
            .take(MAX_LISTENERS)
            .filter_map(|node| self.listener(node))
            .collect();
        for listener in read {
            match known.insert(listener.name.clone(), listener.place.clone()) {
                None => listeners.push(listener),
                Some(earlier) => {
                    let message = format!("there is a listener `{}` already, at {earlier}", listener.name);
                    self.problems().add(
                        Diagnostic::error("duplicate_listener", listener.place, message)
                            .hint("rename one of them"),
                    );
                }
            }
        }
        listeners
    }

    fn listener(&mut self, node: &Node) -> Option<ListenerDefinition> {
        let Some(entries) = node.entries() else {
            let message = format!("a listener must be a map, and this is {}", node.what());
            let hint = "write `name`, `event` and `run` as its keys";
            self.problems().error_with_hint("wrong_type", node, message, hint);
            return None;
        };
        let sorted = Sorted::over(entries, &[FIELDS, RUN_FIELDS], self.checker.problems);
        let known: Vec<&str> = FIELDS.iter().chain(RUN_FIELDS).map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems().unknown_key(entry, "a listener", &known);
        }
        let fields = self.checker.sorted(FIELDS, &sorted, node, "a listener");
        let name = sorted
            .value("name")
            .and_then(|name| self.plain_name(name, "a listener"));
        let schedule = self.schedule(&sorted);
        let event = self.event(&sorted, node);
        let shape = event.as_deref().and_then(EventType::named);
        let items = self.for_each(&sorted, shape);
        let run = self.run_of_listener(&sorted, shape, items.as_ref(), node);
        let fits = self.filter_fits(&sorted, event.as_deref()) & self.patterns_fit(&sorted, shape);
        self.hear_of_goals(sorted.value("goal"));
        let definition = ListenerDefinition {
            name: name?,
            place: node.place.clone(),
            event: event?,
            filter: with_implied(filter(&fields?), sorted.value("event")),
            schedule: schedule?,
            for_each: items?.map(|(path, _)| path),
            run: run?,
        };
        Some(definition).filter(|_| fits && sorted.unknown.is_empty())
    }

    /// The canonical name of the event: that of the catalogue, or any other for what somebody emits.
    fn event(&mut self, sorted: &Sorted<'_>, node: &Node) -> Option<String> {
        let is_timer = sorted.get("cron").is_some() || sorted.get("interval").is_some();
        let Some(written) = sorted.value("event") else {
            if is_timer {
                return Some("Timer".to_owned());
            }
            let message = "a listener can't be used without 'event' property";
            let hint = "add `event`, or `cron` or `interval` for a timer";
            self.problems()
                .error_with_hint("missing_property", node, message, hint);
            return None;
        };
        let text = self.checker.plain_text(written, "`event`")?;
        let Some(event) = EventType::named(text) else {
            return self.custom_event(text, written);
        };
        if is_timer != (event.name == "Timer") {
            let (message, hint) = match is_timer {
                true => (
                    "`cron` and `interval` make a timer, and this listener has another event",
                    "remove `event`",
                ),
                false => (
                    "a timer needs to know when",
                    "add `cron: \"0 6 * * *\"` or `interval: 10m`",
                ),
            };
            self.problems()
                .error_with_hint("wrong_event", written, message, hint);
            return None;
        }
        Some(event.name.to_owned())
    }

    fn custom_event(&mut self, text: &str, node: &Node) -> Option<String> {
        if let Some(near) = suggest::nearest(text, EVENTS.iter().map(|event| event.name)) {
            let message = format!("there is no event `{text}`");
            let hint = format!("did you mean `{near}`? An event of your own needs a name further from it");
            self.problems()
                .error_with_hint("unknown_event", node, message, hint);
            return None;
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        if text.is_empty() || text.len() > MAX_EVENT || !text.chars().all(legal) {
            let message =
                format!("the name of an event has 1 to {MAX_EVENT} letters, digits, `_`, `-`, `.` and `/`");
            self.problems().error("invalid_name", node, message);
            return None;
        }
        Some(text.to_owned())
    }

    /// `Some(None)` for a listener that is no timer; `None` always comes with a problem.
    fn schedule(&mut self, sorted: &Sorted<'_>) -> Option<Option<ScheduleDefinition>> {
        let (cron, interval) = (sorted.value("cron"), sorted.value("interval"));
        if let (Some(_), Some(interval)) = (cron, interval) {
            let message = "a timer has `cron` or `interval`, and this one has both";
            self.problems()
                .error_with_hint("several_kinds", interval, message, "keep one of them");
            return None;
        }
        if let Some(entry) = sorted.get("time_zone").filter(|_| cron.is_none()) {
            let message = "`time_zone` is for `cron`, and there is none";
            self.problems()
                .error_with_hint("unknown_key", &entry.key, message, "remove it");
        }
        if let Some(interval) = interval {
            return self
                .interval(interval)
                .map(|interval| Some(ScheduleDefinition::Interval(interval)));
        }
        let Some(cron) = cron else { return Some(None) };
        let definition = ScheduleDefinition::Cron {
            expression: self.checker.plain_text(cron, "`cron`")?.to_owned(),
            time_zone: sorted
                .value("time_zone")
                .and_then(|zone| zone.text())
                .unwrap_or("UTC")
                .to_owned(),
        };
        match Schedule::new(&definition) {
            Ok(_) => Some(Some(definition)),
            Err(problem) => {
                let hint = match problem.is_about_zone {
                    true => "name it as the time zone database does, such as `Europe/Berlin`",
                    false => {
                        "minute hour day month weekday, such as `30 6 * * MON-FRI`; seconds may come first"
                    }
                };
                let node = sorted
                    .value("time_zone")
                    .filter(|_| problem.is_about_zone)
                    .unwrap_or(cron);
                self.problems()
                    .error_with_hint("invalid_cron", node, problem.message, hint);
                None
            }
        }
    }

    fn run_of_listener(
        &mut self,
        sorted: &Sorted<'_>,
        event: Option<&'static EventType>,
        items: Option<&Option<(String, Shape)>>,
        node: &Node,
    ) -> Option<RunDefinition> {
        let written = sorted.value("for_each").and_then(Node::text).unwrap_or_default();
        let items = match items {
            Some(items) => items.as_ref().map(|(path, shape)| (path.as_str(), *shape)),
            // What is wrong with the list is said; nothing is known of its items.
            None => Some((written, Shape::Open)),
        };
        self.run_definition(sorted, &Roots::of_listener(event, items), "a listener", node)
    }

    /// The list that it runs for, and what its items are; `Some(None)` for a listener that runs once for an event, and `None`
    /// always comes with a problem.
    fn for_each(
        &mut self,
        sorted: &Sorted<'_>,
        event: Option<&'static EventType>,
    ) -> Option<Option<(String, Shape)>> {
        let Some(node) = sorted.value("for_each") else {
            return Some(None);
        };
        let written = self.checker.plain_text(node, "`for_each`")?;
        let path = written.strip_prefix("event.").unwrap_or(written);
        let is_path = path.split('.').all(|part| !part.is_empty())
            && path
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !is_path {
            let message = format!("`{written}` is not the path of a list in the event");
            let hint = "write its parts with `.` between them, such as `push.authors`";
            self.problems()
                .error_with_hint("invalid_path", node, message, hint);
            return None;
        }
        let Some(event) = event else {
            return Some(Some((path.to_owned(), Shape::Open)));
        };
        let shape = self.shape_at(event, path, node)?;
        match shape {
            Shape::List(item) => Some(Some((path.to_owned(), *item))),
            Shape::Open => Some(Some((path.to_owned(), Shape::Open))),
            Shape::Value | Shape::Parts(_) => {
                self.no_list(event, path, shape, node);
                None
            }
        }
    }

    /// What stands at a path of an event; `None` comes with a problem.
    fn shape_at(&mut self, event: &EventType, path: &str, node: &Node) -> Option<Shape> {
        match event.shape().at(path) {
            Ok(shape) => Some(shape),
            Err(stray) => {
                let (message, hint) = astray(&format!("the event {}", event.name), None, path, &stray);
                self.problems()
                    .error_with_hint("unknown_placeholder", node, message, hint);
                None
            }
        }
    }

    fn no_list(&mut self, event: &EventType, path: &str, shape: Shape, node: &Node) {
        let message = format!(
            "`{path}` of the event {} is {}, not a list",
            event.name,
            shape.what()
        );
        let hint = match event.lists().as_slice() {
            [] => "remove `for_each`: the event has no list".to_owned(),
            lists => {
                let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
                format!("remove `for_each`, or name a list: {}", listed(&lists))
            }
        };
        self.problems().error_with_hint("wrong_type", node, message, hint);
    }

    /// A pattern on what an event does not have would never match.
    fn patterns_fit(&mut self, sorted: &Sorted<'_>, event: Option<&'static EventType>) -> bool {
        let patterns = sorted.value("where").and_then(Node::entries).unwrap_or_default();
        let Some(event) = event else { return true };
        let fits = |entry: &Entry| {
            let shape = self.shape_at(event, entry.name(), &entry.key);
            shape.is_some_and(|shape| self.is_one_value(event, shape, entry))
        };
        patterns.iter().map(fits).fold(true, |so_far, one| so_far & one)
    }

    /// A pattern is for one value; what is known to be a map has several.
    fn is_one_value(&mut self, event: &EventType, shape: Shape, entry: &Entry) -> bool {
        let Shape::Parts(_) = shape else { return true };
        let message = format!(
            "`{}` of the event {} is {}, and a pattern is for one value",
            entry.name(),
            event.name,
            shape.what()
        );
        let hint = format!("ask for one part of it: {}", listed(&shape.names()));
        self.problems()
            .error_with_hint("wrong_type", &entry.key, message, hint);
        false
    }

    /// Remembers goals that are named where any may be meant, as those that are waited for.
    pub(super) fn hear_of_goals(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        let single = node.text().map(|_| node);
        let many = node.items().unwrap_or_default().iter().map(|item| &**item);
        let heard = single.into_iter().chain(many).filter_map(|node| {
            Some(Mention {
                name: node.text()?.to_owned(),
                place: node.place.clone(),
                length: node.length,
            })
        });
        self.heard.extend(heard);
    }

    fn interval(&mut self, node: &Node) -> Option<u64> {
        let interval = self
            .checker
            .value(&ValueType::Duration, node, "`interval`")?
            .as_u64()?;
        if interval < SHORTEST {
            self.problems()
                .error("out_of_range", node, "`interval` is at least one second");
            return None;
        }
        Some(interval)
    }

    /// A filter on what an event does not have would never hold.
    fn filter_fits(&mut self, sorted: &Sorted<'_>, event: Option<&str>) -> bool {
        let Some(event) = event.and_then(EventType::named) else {
            return true;
        };
        let needs = [
            ("repo", "repo"),
            ("branch", "push"),
            ("tag", "tag"),
            ("goal", "goal"),
            ("state", "goal"),
        ];
        let mut fits = true;
        for (key, field) in needs {
            let Some(entry) = sorted.get(key).filter(|_| !event.has(field)) else {
                continue;
            };
            fits = false;
            let with: Vec<&str> = EVENTS
                .iter()
                .filter(|event| event.has(field))
                .map(|event| event.name)
                .collect();
            let message = format!("the event {} has no {key}", event.name);
            let hint = format!("it can be asked of {}", listed(&with));
            self.problems()
                .error_with_hint("unknown_key", &entry.key, message, hint);
        }
        fits & self.states_fit(sorted, event)
    }

    /// A completion in a state that is none is never told.
    fn states_fit(&mut self, sorted: &Sorted<'_>, event: &EventType) -> bool {
        let Some(node) = sorted.value("state").filter(|_| event.name == "GoalCompletion") else {
            return true;
        };
        let single = node.text().map(|_| node);
        let many = node.items().unwrap_or_default().iter().map(|item| &**item);
        let never = |node: &&Node| {
            let state = node.text().and_then(StateName::parse);
            state.is_some_and(|state| !is_completion(state))
        };
        let strange: Vec<&Node> = single.into_iter().chain(many).filter(never).collect();
        for node in &strange {
            let message = format!("no goal completes as `{}`", node.text().unwrap_or_default());
            let hint = format!(
                "wait for the event GoalState, or for one of {}",
                listed(COMPLETIONS)
            );
            self.problems()
                .error_with_hint("wrong_event", node, message, hint);
        }
        strange.is_empty()
    }
}

/// The filter with what the name of the event says as well.
fn with_implied(mut filter: EventFilter, event: Option<&Node>) -> EventFilter {
    let Some(implied) = event.and_then(Node::text).and_then(EventType::implied) else {
        return filter;
    };
    let patterns = implied.parts.iter();
    let patterns = patterns.map(|part| (part.path.to_owned(), part.pattern.to_owned()));
    filter.fields.extend(patterns);
    filter
}

fn filter(fields: &Map<String, Value>) -> EventFilter {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let texts = |key: &str| {
        let items = fields.get(key).and_then(Value::as_array).into_iter().flatten();
        items
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let patterns = fields
        .get("where")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    EventFilter {
        repo: text("repo"),
        branch: text("branch"),
        tag: text("tag"),
        goals: texts("goal"),
        states: texts("state")
            .iter()
            .filter_map(|name| StateName::parse(name))
            .collect(),
        fields: patterns
            .filter_map(|(path, pattern)| Some((path.clone(), pattern.as_str()?.to_owned())))
            .collect(),
    }
}
