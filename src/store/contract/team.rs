//! What a hub delivered, and how far the log was reported to it.

use serde_json::json;
use uuid::Uuid;

use super::Database;
use super::fixture::{at, carry_out, goal, key, planned, push, set_id};
use crate::model::Cursor;
use crate::ports::Store;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer};
use crate::ports::team_logs::LogOnItsWay;

const HUB: &str = "https://hub.example.com";

pub(crate) fn delivery(key: &str) -> Delivery {
    Delivery {
        key: key.to_owned(),
        workspace: "A1".to_owned(),
        correlation: key.to_owned(),
        what: Delivered::Event {
            operation: "OnPush".to_owned(),
            object: json!({"id": "push-1"}),
        },
        at: at(1),
        answer: None,
    }
}

fn answered(delivery: &Delivery) -> Delivery {
    Delivery {
        answer: Some(DeliveryAnswer {
            code: 0,
            reason: "done".to_owned(),
            message: None,
        }),
        ..delivery.clone()
    }
}

async fn open(store: &dyn Store) -> Vec<Delivery> {
    let open = store.open_deliveries(0, 10).await.unwrap();
    open.into_iter().map(|(_, delivery)| delivery).collect()
}

pub(super) async fn what_stands_in_line_holds_up_only_its_own_line(database: &dyn Database) {
    let store = database.open().await;
    for (key, line) in [
        ("a-1", Some("a")),
        ("a-2", Some("a")),
        ("b-1", Some("b")),
        ("c", None),
    ] {
        store.take_in(&delivery(key), line).await.unwrap();
    }
    let heads = async |after: u64, limit: u32| {
        let heads = store.heads_of_lines(after, limit).await.unwrap();
        let keys = heads
            .iter()
            .map(|head| format!("{} {}", head.line, head.key))
            .collect::<Vec<_>>();
        (keys, heads.last().map(|head| head.place))
    };
    assert_eq!(open(&*store).await, [delivery("c")]);
    let (keys, place) = heads(0, 1).await;
    assert_eq!(keys, ["a a-1"]);
    assert_eq!(heads(place.unwrap(), 10).await.0, ["b b-1"]);
    store.settle(&answered(&delivery("a-1"))).await.unwrap();
    assert_eq!(heads(0, 10).await.0, ["a a-2", "b b-1"]);
    assert_eq!(store.open_delivery("a-1").await.unwrap(), None);
    assert_eq!(store.open_delivery("a-2").await.unwrap(), Some(delivery("a-2")));
}

pub(super) async fn c3_a_delivery_is_taken_in_once_and_answered_as_often_as_it_comes(
    database: &dyn Database,
) {
    let store = database.open().await;
    let (one, other) = (delivery("e-1"), delivery("c-1"));
    let other = Delivery {
        what: Delivered::Command {
            command: "bump".to_owned(),
            runs_as: Uuid::from_u64_pair(1, 2),
            source: json!({"user_agent": "web"}),
            asked: Some(json!({"parameters": []})),
        },
        ..other
    };
    assert!(store.take_in(&one, None).await.unwrap());
    assert!(!store.take_in(&one, None).await.unwrap());
    assert!(store.take_in(&other, None).await.unwrap());
    assert_eq!(open(&*store).await, [one.clone(), other.clone()]);
    store.settle(&answered(&one)).await.unwrap();
    let store = database.open().await;
    assert_eq!(
        store.open_correlations().await.unwrap(),
        [one.correlation.as_str(), other.correlation.as_str()],
        "what the hub has no answer of"
    );
    assert_eq!(open(&*store).await, [other]);
    assert_eq!(store.unanswered(10).await.unwrap(), [answered(&one)]);
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.deliveries, waiting.answers, waiting.reports), (1, 1, 0));
    store
        .answered(&["e-1".to_owned(), "unknown".to_owned()])
        .await
        .unwrap();
    assert!(store.unanswered(10).await.unwrap().is_empty());
    assert!(!store.take_in(&one, None).await.unwrap());
    assert_eq!(
        store.unanswered(10).await.unwrap(),
        [answered(&one)],
        "whoever asks again is answered again"
    );
}

pub(super) async fn reports_begin_at_the_end_of_the_log_and_go_on_where_they_were(database: &dyn Database) {
    let store = database.open().await;
    store.record_push(&push(1), None).await.unwrap();
    let end = store.last_cursor().await.unwrap();
    assert_eq!(store.begin_reporting(HUB).await.unwrap(), end);
    let (near, far) = (Cursor(end.0 + 2), Cursor(end.0 + 5));
    assert!(store.reported(HUB, (end, far), &[]).await.unwrap());
    assert!(!store.reported(HUB, (end, near), &[]).await.unwrap());
    let store = database.open().await;
    assert_eq!(
        store.begin_reporting(HUB).await.unwrap(),
        Cursor(end.0 + 5),
        "a mark moves only from where it is"
    );
    assert_eq!(
        store.begin_reporting("https://other.example.com").await.unwrap(),
        end
    );
    assert_eq!(
        store.begin_reporting(HUB).await.unwrap(),
        end,
        "there is one hub at a time"
    );
}

pub(super) async fn logs_go_on_their_way_with_the_report_of_their_attempt(database: &dyn Database) {
    let store = database.open().await;
    let mark = store.begin_reporting(HUB).await.unwrap();
    let log = |name: &str, taken| LogOnItsWay {
        goal_set: set_id(1),
        goal: key(name),
        attempt: 1,
        workspace: "A1".to_owned(),
        taken,
    };
    let both = [log("lint", 0), log("test", 0)];
    assert!(store.reported(HUB, (mark, mark), &both).await.unwrap());
    assert_eq!(store.logs_on_their_way(10).await.unwrap(), both);
    store.log_taken(&log("test", 70)).await.unwrap();
    assert!(store.reported(HUB, (mark, mark), &both).await.unwrap());
    let store = database.open().await;
    assert_eq!(
        store.logs_on_their_way(10).await.unwrap(),
        [log("lint", 0), log("test", 70)],
        "one that is known goes on where it is"
    );
    store.log_sent(&log("lint", 0)).await.unwrap();
    assert_eq!(store.logs_on_their_way(10).await.unwrap(), [log("test", 70)]);
    store.begin_reporting("https://other.example.com").await.unwrap();
    assert!(
        store.logs_on_their_way(10).await.unwrap().is_empty(),
        "another hub is not told what was meant for the first"
    );
}

pub(super) async fn k4_a_hub_that_forgot_is_told_again_but_nothing_of_before_it(database: &dyn Database) {
    let store = database.open().await;
    let early = planned(&*store, 1, vec![goal("test", &[])]).await;
    carry_out(&*store, &early, "test", at(5)).await;
    let first = store.begin_reporting(HUB).await.unwrap();
    let set = planned(&*store, 2, vec![goal("test", &[])]).await;
    carry_out(&*store, &set, "test", at(50)).await;
    let middle = store.last_cursor().await.unwrap();
    let late = planned(&*store, 3, vec![goal("test", &[])]).await;
    carry_out(&*store, &late, "test", at(5_000)).await;
    let end = store.last_cursor().await.unwrap();
    assert!(store.reported(HUB, (first, end), &[]).await.unwrap());
    store.rewind_reports(HUB, Some(at(1_000_000))).await.unwrap();
    assert_eq!(
        store.begin_reporting(HUB).await.unwrap(),
        end,
        "nothing happened since"
    );
    store.rewind_reports(HUB, Some(at(4_999))).await.unwrap();
    let back = store.begin_reporting(HUB).await.unwrap();
    assert!(back >= middle && back < end, "{back:?} of {middle:?} to {end:?}");
    let stale = store.reported(HUB, (end, Cursor(end.0 + 1)), &[]).await.unwrap();
    assert!(!stale, "who was about to report further has to look again");
    store.rewind_reports(HUB, None).await.unwrap();
    assert_eq!(store.begin_reporting(HUB).await.unwrap(), first);
}

pub(super) async fn what_is_not_reported_is_not_forgotten(database: &dyn Database) {
    let store = database.open().await;
    let mark = store.begin_reporting(HUB).await.unwrap();
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    carry_out(&*store, &set, "test", at(5)).await;
    let waiting = store.waiting().await.unwrap();
    assert!(
        waiting.reports >= 3 && waiting.oldest_report.is_some(),
        "{waiting:?}"
    );
    store.prune(at(1_000_000)).await.unwrap();
    assert!(store.goal_set(set_id(1)).await.unwrap().is_some());
    assert!(!store.feed(mark, 100).await.unwrap().is_empty());
    let end = store.last_cursor().await.unwrap();
    assert!(store.reported(HUB, (mark, end), &[]).await.unwrap());
    assert_eq!(store.waiting().await.unwrap().reports, 0);
    store.prune(at(1_000_000)).await.unwrap();
    assert!(store.goal_set(set_id(1)).await.unwrap().is_none());
    store.stop_reporting().await.unwrap();
    assert_eq!(store.begin_reporting(HUB).await.unwrap(), end);
}

pub(super) async fn deliveries_that_are_over_are_forgotten(database: &dyn Database) {
    let store = database.open().await;
    for key in ["open", "settled", "over"] {
        store.take_in(&delivery(key), None).await.unwrap();
    }
    for key in ["settled", "over"] {
        store.settle(&answered(&delivery(key))).await.unwrap();
    }
    store.answered(&["over".to_owned()]).await.unwrap();
    store.prune(at(1_000_000)).await.unwrap();
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.deliveries, waiting.answers), (1, 1));
    assert!(store.take_in(&delivery("over"), None).await.unwrap());
    assert!(!store.take_in(&delivery("settled"), None).await.unwrap());
}
