//! Which of two tellings of one thing is the later one, whichever came first.
//!
//! A field of a node is as the latest telling has it that says anything of it. So a telling in part takes nothing away, and one that
//! comes late still fills in what nobody has told since. What is older than its node is noted beside it ([`EARLIER`]).

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::super::changes::MOMENT;
use crate::ports::graph::Node;

/// The field with what orders tellings of one moment: nothing where the moment is all. Nobody is shown it.
pub(in super::super) const RANK: &str = "toldAs";

/// The field with the ranks of the fields that are older than their node. Nobody is shown it.
const EARLIER: &str = "toldEarlier";

/// Fields of a node that are none of what is told of it.
const OWN: [&str; 3] = ["id", RANK, EARLIER];

/// Where a telling stands among all tellings of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// It is over for good with it.
    is_over: bool,
    /// Its attempt, where a later one takes the place of all that was told of those before.
    attempt: i64,
    /// Microseconds; what is of no moment is older than whatever is of one.
    moment: Option<i64>,
    /// What is further among what is told of one moment.
    further: i64,
}

impl Rank {
    /// The rank of what a node says last.
    pub(super) fn of(node: &Node) -> Self {
        let told = node.body.get(RANK).and_then(Value::as_array);
        let part = |place: usize| told.and_then(|told| told.get(place)?.as_i64());
        Self {
            is_over: is_over_for_good(node),
            attempt: part(0).unwrap_or_default(),
            moment: part(2).or_else(|| moment(node)),
            further: part(1).unwrap_or_default(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let part = |place: usize| value.get(place)?.as_i64();
        Some(Self {
            is_over: part(0)? == 1,
            attempt: part(1)?,
            moment: part(3),
            further: part(2)?,
        })
    }

    fn written(self) -> Value {
        json!([i64::from(self.is_over), self.attempt, self.further, self.moment])
    }

    /// Notes it on a node, as far as its moment does not tell it.
    fn note_on(self, node: &mut Node) {
        node.body.shift_remove(RANK);
        let is_told = self.moment == moment(node);
        let rank = match self.moment {
            Some(moment) if !is_told => json!([self.attempt, self.further, moment]),
            Some(_) | None if self.attempt != 0 || self.further != 0 => json!([self.attempt, self.further]),
            Some(_) | None => return,
        };
        node.body.insert(RANK.to_owned(), rank);
    }
}

/// The moment that a node is of.
pub(super) fn moment(node: &Node) -> Option<i64> {
    let text = node.body.get(MOMENT).and_then(Value::as_str)?;
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(moment.timestamp_micros())
}

/// Whether nothing that is told of something counts any more, whatever its moment, which for most of these is that of something before:
/// a comment, a release or an issue that was taken away, a review that was dismissed.
fn is_over_for_good(node: &Node) -> bool {
    let is = |field: &str, value: Value| node.body.get(field) == Some(&value);
    match node.kind.as_str() {
        "Comment" | "Release" => is("deleted", Value::Bool(true)),
        "Issue" => is("state", Value::from("deleted")),
        "Review" => is("state", Value::from("dismissed")),
        _ => false,
    }
}

/// Ranks of the fields that are not of the rank of their node.
struct Ranks {
    of_node: Rank,
    earlier: BTreeMap<String, Rank>,
}

impl Ranks {
    fn of(known: &Node) -> Self {
        let noted = known.body.get(EARLIER).and_then(Value::as_object);
        let noted = noted.into_iter().flatten();
        Self {
            of_node: Rank::of(known),
            earlier: noted
                .filter_map(|(field, rank)| Some((field.clone(), Rank::read(rank)?)))
                .collect(),
        }
    }

    /// Whether a field that is known stays as it is, whatever is told of it by a telling of this rank.
    fn is_later(&self, field: &str, rank: Rank) -> bool {
        *self.earlier.get(field).unwrap_or(&self.of_node) > rank
    }

    /// Notes of a node that a telling of this rank has changed in these fields.
    fn note_on(mut self, node: &mut Node, told: &[String], rank: Rank) {
        let latest = rank.max(self.of_node);
        let of_body = node.body.keys().filter(|field| !OWN.contains(&field.as_str()));
        let fields: Vec<String> = of_body.chain(node.links.keys()).cloned().collect();
        for field in fields {
            let own = match told.contains(&field) {
                true => rank,
                false => *self.earlier.get(&field).unwrap_or(&self.of_node),
            };
            match own < latest {
                true => self.earlier.insert(field, own),
                false => self.earlier.remove(&field),
            };
        }
        node.body.shift_remove(EARLIER);
        latest.note_on(node);
        if !self.earlier.is_empty() {
            let noted: Map<String, Value> = self
                .earlier
                .into_iter()
                .map(|(field, rank)| (field, rank.written()))
                .collect();
            node.body.insert(EARLIER.to_owned(), Value::Object(noted));
        }
    }
}

/// Whether a telling that says nothing new is later than some of what is known.
pub(super) fn raises(known: &Node, new: &Node) -> bool {
    known.body.contains_key(EARLIER) || Rank::of(new) > Rank::of(known)
}

/// What is known of a node with what is told of it, each field as it was told last. Its keys are those of the telling that names
/// it: what it is called is the last one.
pub(super) fn in_order(
    known: &Node,
    new: Node,
    keys: impl FnOnce(&Node, Vec<String>) -> Vec<String>,
) -> Node {
    let (ranks, rank) = (Ranks::of(known), Rank::of(&new));
    let mut made = known.clone();
    let mut told = Vec::new();
    for (field, value) in new.body {
        let is_late = known.body.contains_key(&field) && ranks.is_later(&field, rank);
        if !is_late && !OWN.contains(&field.as_str()) {
            told.push(field.clone());
            made.body.insert(field, value);
        }
    }
    for (field, targets) in new.links {
        let is_late = known.links.contains_key(&field) && ranks.is_later(&field, rank);
        if !is_late {
            told.push(field.clone());
            made.links.insert(field, targets);
        }
    }
    if rank >= ranks.of_node || told.iter().any(|field| field == "name") {
        made.keys = keys(known, new.keys);
    }
    ranks.note_on(&mut made, &told, rank);
    made
}

/// Whether a field is shown to nobody.
pub(super) fn is_hidden(field: &str) -> bool {
    [RANK, EARLIER].contains(&field)
}

#[cfg(test)]
mod tests {
    use super::super::super::changes::Change;
    use super::*;

    fn told(body: Value) -> Node {
        Change::dated("PullRequest", vec!["1".to_owned()], body).node
    }

    fn at(second: u32) -> String {
        format!("2026-01-01T00:00:{second:02}Z")
    }

    fn all_orders(tellings: &[Node]) -> Vec<Vec<Node>> {
        match tellings {
            [] => vec![Vec::new()],
            _ => (0..tellings.len())
                .flat_map(|first| {
                    let mut rest = tellings.to_vec();
                    let first = rest.remove(first);
                    all_orders(&rest).into_iter().map(move |mut order| {
                        order.insert(0, first.clone());
                        order
                    })
                })
                .collect(),
        }
    }

    fn made(order: Vec<Node>) -> Node {
        let mut order = order.into_iter();
        let first = order.next().unwrap();
        order.fold(first, |known, new| in_order(&known, new, |_, keys| keys))
    }

    #[test]
    fn c6_tellings_in_part_come_together_in_whatever_order() {
        let tellings = [
            told(json!({"a": 1, "b": 1, "timestamp": at(1)})),
            told(json!({"b": 2, "timestamp": at(2)})),
            told(json!({"a": 3, "timestamp": at(3)})),
            told(json!({"b": 0, "c": 0})),
            told(json!({"a": 4, "timestamp": at(2), "toldAs": [0, 1]})),
        ];
        for order in all_orders(&tellings) {
            let made = made(order);
            let fields = ["a", "b", "c", "timestamp"].map(|field| made.body[field].clone());
            assert_eq!(fields, [json!(3), json!(2), json!(0), json!(at(3))], "{made:?}");
        }
    }

    #[test]
    fn c6_a_later_attempt_counts_and_then_the_moment_and_then_what_is_further() {
        let tellings = [
            told(json!({"a": "first attempt", "timestamp": at(9), "toldAs": [1, 2]})),
            told(json!({"a": "begun", "timestamp": at(5), "toldAs": [2, 0]})),
            told(json!({"a": "done", "timestamp": at(5), "toldAs": [2, 1]})),
        ];
        for order in all_orders(&tellings) {
            let made = made(order);
            assert_eq!(
                (&made.body["a"], &made.body[RANK]),
                (&json!("done"), &json!([2, 1]))
            );
            assert!(!made.body.contains_key(EARLIER), "{made:?}");
        }
    }

    #[test]
    fn what_is_told_whole_is_noted_nowhere() {
        let made = made(vec![
            told(json!({"a": 1, "timestamp": at(1)})),
            told(json!({"a": 2, "timestamp": at(2)})),
            told(json!({"a": 1, "timestamp": at(1)})),
        ]);
        assert_eq!(Value::Object(made.body), json!({"a": 2, "timestamp": at(2)}));
    }
}
