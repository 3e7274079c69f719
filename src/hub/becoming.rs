//! What becomes of a node by what is said of it, also where that comes late or in another order.

pub(super) mod moves;
pub(super) mod rank;

use serde_json::Value;

use super::changes::{How, MOMENT};
use super::ingest::known::is_of_address;
use super::{goals, jobs};
use crate::ports::graph::Node;

/// Most values of a list that only grows.
const MOST_VALUES: usize = 100;

/// What becomes of a node by what is said of it; `None` when it is as it was, or what is said came late.
pub(super) fn made_of(known: Option<&Node>, new: &Node, how: How) -> Option<Node> {
    let Some(known) = known else {
        return (how != How::Next).then(|| new.clone());
    };
    if goals::known::is_anothers(known, new) {
        return None;
    }
    match how {
        How::Merge | How::Quiet => brings_news(known, new).then(|| merged(known, new)),
        How::Unfinished => (!jobs::is_over(known) && brings_news(known, new)).then(|| merged(known, new)),
        How::Fact => brings_news(known, new)
            .then(|| fullest(known, new.clone()))
            .filter(|made| made != known),
        How::Dated | How::Beside => (brings_news(known, new) || rank::raises(known, new))
            .then(|| in_order(known, new.clone()))
            .flatten(),
        How::Next => follows(new, known).then(|| with_keys_of(known, new.clone())),
        How::Newer => (!is_older(new, known)).then(|| with_keys_of(known, new.clone())),
        How::Version | How::Gone | How::Ended => Some(with_keys_of(known, new.clone())),
    }
}

/// What is known of a node as it was told last; `None` when all that is said came late.
fn in_order(known: &Node, new: Node) -> Option<Node> {
    let new = moves::after_all(known, new);
    let made = rank::in_order(known, new, keys_with);
    (made != *known).then_some(made)
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

/// Whether a node looks as it did to whoever may look at it.
pub(super) fn is_same_to_see(known: Option<&Node>, made: &Node) -> bool {
    known.is_some_and(|known| is_same_but(known, made, rank::is_hidden))
}

/// Whether nothing of a node has changed but its moment, and what nobody is shown.
pub(super) fn is_only_later(known: Option<&Node>, made: &Node) -> bool {
    let is_left_out = |field: &str| field == MOMENT || rank::is_hidden(field);
    known.is_some_and(|known| is_same_but(known, made, is_left_out))
}

fn is_same_but(known: &Node, made: &Node, is_left_out: impl Fn(&str) -> bool) -> bool {
    let mut fields = made.body.iter();
    known.keys == made.keys
        && known.links == made.links
        && fields.all(|(field, value)| {
            is_left_out(field) || field == moves::MOVES || known.body.get(field) == Some(value)
        })
}

/// What is known of a node, with what is new of it. The keys that are said now come last: the last one is what it is called.
fn merged(known: &Node, new: &Node) -> Node {
    let mut merged = known.clone();
    merged.keys = keys_with(known, new.keys.clone());
    merged.body.extend(new.body.clone());
    merged.links.extend(new.links.clone());
    merged
}

/// The keys of a node, those last that are said now.
fn keys_with(known: &Node, said: Vec<String>) -> Vec<String> {
    let id = known.id();
    let mut keys = known.keys.clone();
    keys.retain(|key| key == id || !said.contains(key));
    keys.extend(said.into_iter().filter(|key| key != id));
    keys
}

/// What is known of something that never changes, with what is said of it: of each field what says more.
fn fullest(known: &Node, new: Node) -> Node {
    let mut made = known.clone();
    made.keys = with_keys_of(
        known,
        Node {
            keys: new.keys,
            ..Node::default()
        },
    )
    .keys;
    for (field, value) in new.body {
        let fuller = match made.body.get(&field) {
            Some(own) => fuller(own, value),
            None => value,
        };
        made.body.insert(field, fuller);
    }
    for (field, targets) in new.links {
        let says_more = |own: &Vec<String>| weight_of_links(own) >= weight_of_links(&targets);
        if !made.links.get(&field).is_some_and(says_more) {
            made.links.insert(field, targets);
        }
    }
    made
}

/// Of two values the one that says more; of two lists what is in either.
fn fuller(own: &Value, other: Value) -> Value {
    match (own, other) {
        (Value::Array(own), Value::Array(other)) => {
            let mut all = own.clone();
            all.extend(other);
            all.sort_by_key(Value::to_string);
            all.dedup();
            all.truncate(MOST_VALUES);
            Value::Array(all)
        }
        (own, other) if weight(own) >= weight(&other) => own.clone(),
        (_, other) => other,
    }
}

/// How much a value says: nothing, something, or a longer text. Which of two texts of one length counts must not hang on which came first.
fn weight(value: &Value) -> (bool, usize, String) {
    let text = value.to_string();
    (!value.is_null(), text.len(), text)
}

/// How much links say: an account says more of somebody than an address.
fn weight_of_links(targets: &[String]) -> (bool, bool, &[String]) {
    let has_accounts = !targets.iter().any(|target| is_of_address(target));
    (!targets.is_empty(), has_accounts, targets)
}

/// A node that is whole, under the id by which it is known.
fn with_keys_of(known: &Node, mut new: Node) -> Node {
    let mut keys = known.keys.clone();
    keys.extend(new.keys.into_iter().filter(|key| !known.keys.contains(key)));
    new.keys = keys;
    new
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
        let whole = merged(&known, &new);
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
        let made = |body: Value| made_of(Some(&known), &of(body), How::Beside);
        assert!(made(json!({"name": "old", "timestamp": "2026-01-01T00:00:00Z"})).is_none());
        assert!(made(json!({"name": "undated"})).is_none());
        let filled = made(json!({"name": "undated", "url": "u"})).unwrap();
        assert_eq!(
            (&filled.body["name"], &filled.body["url"]),
            (&json!("app"), &json!("u"))
        );
        let later = made(json!({"name": "app", "timestamp": "2026-01-03T00:00:00Z"})).unwrap();
        assert!(is_only_later(Some(&known), &later) && later != known);
        let renamed = made(json!({"name": "new", "timestamp": "2026-01-03T00:00:00Z"})).unwrap();
        assert!(!is_only_later(Some(&known), &renamed) && !is_only_later(None, &renamed));
        let undated = Change::dated("Repo", vec![], json!({"timestamp": null})).node;
        assert_eq!(rank::moment(&undated), None);
    }

    #[test]
    fn what_something_is_called_now_is_its_last_key() {
        let known = node(&["7", "p/acme/app", "p/acme/renamed"], json!({}));
        let back = merged(&known, &node(&["7", "p/acme/app"], json!({})));
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
                &comment(json!({"deleted": false, "timestamp": at})),
                How::Dated
            )
            .is_none()
        );
    }

    #[test]
    fn what_comes_late_is_told_by_its_moment() {
        let moment = |moment: &str| rank::moment(&node(&["1"], json!({ "timestamp": moment })));
        assert!(moment("2026-01-01T00:00:00Z") < moment("2026-01-01T01:00:01+01:00"));
        assert_eq!(
            moment("2026-01-01T00:00:00Z"),
            moment("2026-01-01T01:00:00+01:00")
        );
        assert!(moment("soon") < moment("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn c6_of_what_never_changes_what_says_more_stays_whichever_came_first() {
        let pushed = Change::fact(
            "Commit",
            vec!["7@b".to_owned()],
            json!({"sha": "b", "url": "u", "message": "m"}),
        )
        .link("author", ["github.com/ada".to_owned()]);
        let suite = Change::fact(
            "Commit",
            vec!["7@b".to_owned()],
            json!({"sha": "b", "url": null, "message": "m"}),
        )
        .link("author", ["github.com/mail/ada@example.org".to_owned()]);
        for (first, then) in [(&pushed, &suite), (&suite, &pushed)] {
            let made = made_of(Some(&first.node), &then.node, How::Fact);
            let made = made.unwrap_or_else(|| first.node.clone());
            assert_eq!(made.body["url"], json!("u"));
            assert_eq!(made.links["author"], ["github.com/ada"]);
        }
        let of =
            |address: &str| Change::fact("ScmId", vec!["a".to_owned()], json!({"emails": [address]})).node;
        let both = made_of(Some(&of("b")), &of("a"), How::Fact).unwrap();
        assert_eq!(both.body["emails"], json!(["a", "b"]));
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
        let decided = |known: Option<&Node>| made_of(known, &goal(3, "approved"), How::Next).is_some();
        assert!(decided(Some(&goal(2, "waiting_for_approval"))));
        for known in [goal(3, "canceled"), goal(1, "planned"), goal(4, "failure")] {
            assert!(!decided(Some(&known)), "{known:?}");
        }
        assert!(!decided(None), "it is gone");
    }
}
