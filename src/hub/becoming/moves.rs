//! Where a branch or a tag is after several moves of one moment: forges say moments in seconds, and each move says from where it was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rank::Rank;
use crate::ports::graph::Node;

/// The field with the moves of the moment that a branch or a tag is of. Nobody is shown it.
pub(in super::super) const MOVES: &str = "movedBy";

/// Most moves of one moment that are put in order; of more, the one that is told last counts.
const MOST: usize = 50;

/// A move as it is noted: from where, to where, nothing for nowhere, and the commit that is there.
pub(in super::super) fn noted(from: Option<&str>, to: Option<&str>, commit: Option<&str>) -> Value {
    json!([[from, to, commit]])
}

fn moves(node: &Node) -> Option<&Vec<Value>> {
    node.body.get(MOVES)?.as_array()
}

/// What is told of a move, as it is after all moves of its moment that are known.
pub(super) fn after_all(known: &Node, mut new: Node) -> Node {
    let (Some(before), Some(told)) = (moves(known), moves(&new)) else {
        return new;
    };
    if Rank::of(known) != Rank::of(&new) || before.len() >= MOST {
        return new;
    }
    let mut all = before.clone();
    all.extend(told.iter().filter(|one| !before.contains(one)).cloned());
    all.sort_by_key(Value::to_string);
    if let Some(last) = last_of(&all) {
        let commit = last.get(2).and_then(Value::as_str).map(str::to_owned);
        let is_there = last.get(1).is_some_and(Value::is_string);
        new.body.insert("deleted".to_owned(), Value::Bool(!is_there));
        new.links
            .insert("commit".to_owned(), commit.into_iter().collect());
    }
    new.body.insert(MOVES.to_owned(), Value::Array(all));
    new
}

/// The move that goes where none goes on from; none where they go round, or one between them has not been told of yet.
fn last_of(moves: &[Value]) -> Option<&Value> {
    let mut arrivals: BTreeMap<Option<&str>, i32> = BTreeMap::new();
    for one in moves {
        let place = |number: usize| one.get(number).and_then(Value::as_str);
        *arrivals.entry(place(1)).or_default() += 1;
        *arrivals.entry(place(0)).or_default() -= 1;
    }
    let mut ends = arrivals.iter().filter(|(_, arrivals)| **arrivals > 0);
    let (end, None) = (ends.next()?, ends.next()) else {
        return None;
    };
    moves
        .iter()
        .find(|one| one.get(1).and_then(Value::as_str) == *end.0)
}

#[cfg(test)]
mod tests {
    use super::super::super::changes::{Change, How};
    use super::super::made_of;
    use super::*;

    fn moved(from: Option<&str>, to: Option<&str>) -> Node {
        let body = json!({
            "deleted": to.is_none(), "timestamp": "2026-01-01T00:00:00Z", "toldAs": [0, 1], "movedBy": noted(from, to, to),
        });
        let change = Change::dated("Branch", vec!["7#main".to_owned()], body);
        change.link("commit", to.map(str::to_owned)).node
    }

    fn after(moves: &[(Option<&str>, Option<&str>)]) -> Node {
        let mut moves = moves.iter().map(|(from, to)| moved(*from, *to));
        let first = moves.next().unwrap();
        moves.fold(first, |known, new| {
            made_of(Some(&known), &new, How::Dated).unwrap_or(known)
        })
    }

    #[test]
    fn c6_moves_of_one_second_lead_where_the_last_one_does_in_whatever_order() {
        let (ab, bc, cd) = (
            (Some("a"), Some("b")),
            (Some("b"), Some("c")),
            (Some("c"), Some("d")),
        );
        for order in [
            [ab, bc, cd],
            [cd, bc, ab],
            [cd, ab, bc],
            [bc, cd, ab],
            [bc, ab, cd],
            [ab, cd, bc],
        ] {
            assert_eq!(after(&order).links["commit"], ["d"], "{order:?}");
        }
        let (gone, again) = ((Some("d"), None), (None, Some("e")));
        for order in [[cd, gone, again], [again, gone, cd], [gone, again, cd]] {
            let made = after(&order);
            assert_eq!(
                (&made.links["commit"][0], &made.body["deleted"]),
                (&"e".to_owned(), &json!(false))
            );
        }
        let made = after(&[gone, cd]);
        assert!(
            made.links["commit"].is_empty() && made.body["deleted"] == json!(true),
            "{made:?}"
        );
    }

    #[test]
    fn where_moves_go_round_the_one_that_is_told_last_counts() {
        let there_and_back = [(Some("a"), Some("b")), (Some("b"), Some("a"))];
        assert_eq!(after(&there_and_back).links["commit"], ["a"]);
    }
}
