//! What becomes of a node by what is said of it, also where that comes late or in another order.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::changes::{How, MOMENT};
use super::{goals, jobs};
use crate::ports::graph::Node;

/// What becomes of a node by what is said of it; `None` when it is as it was, or what is said came late.
pub(super) fn made_of(known: Option<&Node>, new: Node, how: How) -> Option<Node> {
    let Some(known) = known else {
        return (how != How::Next).then_some(new);
    };
    if goals::known::is_anothers(known, &new) {
        return None;
    }
    match how {
        How::Merge | How::Quiet => brings_news(known, &new).then(|| merged(known, new)),
        How::Unfinished => (!jobs::is_over(known) && brings_news(known, &new)).then(|| merged(known, new)),
        How::Dated => {
            let is_late = is_earlier(&new, known) || is_over_for_good(known);
            (!is_late && brings_news(known, &new)).then(|| merged(known, new))
        }
        How::Beside => {
            let is_late = is_earlier(&new, known) || (moment(&new).is_none() && moment(known).is_some());
            (!is_late && brings_news(known, &new)).then(|| merged(known, new))
        }
        How::Next => follows(&new, known).then(|| with_keys_of(known, new)),
        How::Newer => (!is_older(&new, known)).then(|| with_keys_of(known, new)),
        How::Version | How::Gone | How::Ended => Some(with_keys_of(known, new)),
    }
}

/// Whether merging would change anything.
fn brings_news(known: &Node, new: &Node) -> bool {
    new.keys.iter().any(|key| !known.keys.contains(key))
        || new
            .body
            .iter()
            .any(|(field, value)| known.body.get(field) != Some(value))
        || new
            .links
            .iter()
            .any(|(field, targets)| known.links.get(field) != Some(targets))
}

/// Whether merging has changed nothing but the moment of a node.
pub(super) fn is_only_later(known: Option<&Node>, merged: &Node) -> bool {
    known.is_some_and(|known| {
        let mut fields = merged.body.iter();
        known.keys == merged.keys
            && known.links == merged.links
            && fields.all(|(field, value)| field == MOMENT || known.body.get(field) == Some(value))
    })
}

/// Whether the forge says nothing of something any more that counts, and no later moment when it came to that: a comment that was
/// taken away, a review that was dismissed.
fn is_over_for_good(known: &Node) -> bool {
    let is = |field: &str, value: Value| known.body.get(field) == Some(&value);
    match known.kind.as_str() {
        "Comment" => is("deleted", Value::Bool(true)),
        "Review" => is("state", Value::from("dismissed")),
        _ => false,
    }
}

/// What is known of a node, with what is new of it. The keys that are said now come last: the last one is what it is called.
fn merged(known: &Node, new: Node) -> Node {
    let mut merged = known.clone();
    let (id, said) = (known.id(), &new.keys);
    merged.keys.retain(|key| key == id || !said.contains(key));
    merged.keys.extend(new.keys.into_iter().filter(|key| key != id));
    merged.body.extend(new.body);
    merged.links.extend(new.links);
    merged
}

/// A node that is whole, under the id by which it is known.
fn with_keys_of(known: &Node, mut new: Node) -> Node {
    let mut keys = known.keys.clone();
    keys.extend(new.keys.into_iter().filter(|key| !known.keys.contains(key)));
    new.keys = keys;
    new
}

/// The moment that a node is of.
fn moment(node: &Node) -> Option<DateTime<FixedOffset>> {
    let text = node.body.get(MOMENT).and_then(Value::as_str)?;
    DateTime::parse_from_rfc3339(text).ok()
}

/// Whether something is told of an earlier moment than is known. Moments are of one forge and of one form.
fn is_earlier(new: &Node, known: &Node) -> bool {
    match (moment(new), moment(known)) {
        (Some(new), Some(known)) => new < known,
        (_, _) => false,
    }
}

/// Whether a goal is the version after what is known.
fn follows(new: &Node, known: &Node) -> bool {
    let version = |node: &Node| node.body.get("version").and_then(Value::as_i64).unwrap_or(0);
    version(known).checked_add(1) == Some(version(new))
}

/// Whether a goal is an earlier version of what is known (wire protocol 10.3).
fn is_older(new: &Node, known: &Node) -> bool {
    let number = |node: &Node, field: &str| node.body.get(field).and_then(Value::as_i64).unwrap_or(0);
    let rank = |node: &Node| (number(node, "version"), number(node, "ts"));
    rank(new) < rank(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::Change;
    use super::*;

    fn node(keys: &[&str], body: Value) -> Node {
        Change::merge("Repo", keys.iter().map(ToString::to_string).collect(), body).node
    }

    #[test]
    fn what_is_told_twice_or_in_parts_comes_together() {
        let known = node(
            &["7", "p/acme/app"],
            json!({"id": "7", "name": "app", "url": "u"}),
        );
        let new = node(
            &["p/acme/app", "p/acme/old"],
            json!({"name": "app2", "owner": "acme"}),
        );
        let whole = merged(&known, new);
        assert_eq!(whole.keys, ["7", "p/acme/app", "p/acme/old"]);
        assert_eq!(
            Value::Object(whole.body),
            json!({"id": "7", "name": "app2", "url": "u", "owner": "acme"})
        );
    }

    #[test]
    fn c6_what_is_shown_beside_is_as_it_was_last() {
        let of = |body: Value| node(&["7", "p/acme/app"], body);
        let known = of(json!({"name": "app", "timestamp": "2026-01-02T00:00:00Z"}));
        let made = |body: Value| made_of(Some(&known), of(body), How::Beside);
        assert!(made(json!({"name": "old", "timestamp": "2026-01-01T00:00:00Z"})).is_none());
        assert!(made(json!({"name": "undated"})).is_none());
        let later = made(json!({"name": "app", "timestamp": "2026-01-03T00:00:00Z"})).unwrap();
        assert!(is_only_later(Some(&known), &later) && later != known);
        let renamed = made(json!({"name": "new", "timestamp": "2026-01-03T00:00:00Z"})).unwrap();
        assert!(!is_only_later(Some(&known), &renamed) && !is_only_later(None, &renamed));
        assert_eq!(
            moment(&Change::dated("Repo", vec![], json!({"timestamp": null})).node),
            None
        );
    }

    #[test]
    fn what_something_is_called_now_is_its_last_key() {
        let known = node(&["7", "p/acme/app", "p/acme/renamed"], json!({}));
        let back = merged(&known, node(&["7", "p/acme/app"], json!({})));
        assert_eq!(back.keys, ["7", "p/acme/renamed", "p/acme/app"]);
    }

    #[test]
    fn c6_a_comment_that_was_taken_away_does_not_come_back() {
        let comment = |body: Value| Change::dated("Comment", vec!["9".to_owned()], body).node;
        let at = "2026-01-01T00:00:00Z";
        let gone = comment(json!({"deleted": true, "timestamp": at}));
        assert!(
            made_of(
                Some(&gone),
                comment(json!({"deleted": false, "timestamp": at})),
                How::Dated
            )
            .is_none()
        );
    }

    #[test]
    fn what_comes_late_is_told_by_its_moment() {
        let told = |moment: &str| node(&["1"], json!({ "timestamp": moment }));
        assert!(is_earlier(
            &told("2026-01-01T00:00:00Z"),
            &told("2026-01-01T01:00:01+01:00")
        ));
        assert!(!is_earlier(
            &told("2026-01-01T00:00:00Z"),
            &told("2026-01-01T00:00:00Z")
        ));
        assert!(!is_earlier(&told("soon"), &told("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn the_newest_version_of_a_goal_counts_and_then_its_time() {
        let goal = |version: i64, ts: i64| node(&["g"], json!({"version": version, "ts": ts}));
        assert!(is_older(&goal(1, 9), &goal(2, 1)));
        assert!(is_older(&goal(2, 1), &goal(2, 2)));
        assert!(!is_older(&goal(2, 2), &goal(2, 2)) && !is_older(&goal(3, 0), &goal(2, 2)));
    }

    #[test]
    fn d3_a_decision_counts_for_the_version_that_was_looked_at() {
        let goal = |version: i64, state: &str| node(&["g"], json!({"version": version, "state": state}));
        let decided = |known: Option<&Node>| made_of(known, goal(3, "approved"), How::Next).is_some();
        assert!(decided(Some(&goal(2, "waiting_for_approval"))));
        for known in [goal(3, "canceled"), goal(1, "planned"), goal(4, "failure")] {
            assert!(!decided(Some(&known)), "{known:?}");
        }
        assert!(!decided(None), "it is gone");
    }
}
