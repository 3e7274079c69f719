//! What every database under a hub must do: one list, on SQLite always and on a real Postgres.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sdm::graph::Schema;
use sdm::graph::schema::Holds;
use sdm::model::Timestamp;
use sdm::ports::graph::{Filter, Find, Node, Order};
use sdm::ports::hub::{
    Deliveries, DeliveryCounts, DeliveryKind, HubGraph, Invocations, Keys, Messages, NewDelivery, Phase,
    QueueLimits, Registrations, Revived, Room, StoredInvocation, StoredKey, StoredMessage,
    StoredRegistration, TypeOwners,
};
use sdm::store::hub::{Place, SqlHub};
use sdm::wire::hub::PolicyName;
use serde_json::{Value, json};

use super::arriving::registered;
use super::{store_answers, store_crowds, store_messages, store_searches, store_shared};
use crate::support::postgres::Postgres;

const LIMITS: QueueLimits = QueueLimits {
    waiting: 3,
    attempts: 2,
};

/// More than these tests say.
pub const ROOM: Room = Room {
    messages: 10,
    bytes: 1_000_000,
};

pub fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

pub fn node(kind: &str, keys: &[&str], body: &Value, links: &[(&str, &[&str])]) -> Arc<Node> {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    Arc::new(Node {
        kind: kind.to_owned(),
        keys: texts(keys),
        body: body.as_object().unwrap().clone(),
        links: links
            .iter()
            .map(|(field, to)| ((*field).to_owned(), texts(to)))
            .collect::<BTreeMap<_, _>>(),
    })
}

pub fn delivery(id: &str, registration: &str) -> NewDelivery {
    NewDelivery {
        id: id.to_owned(),
        workspace: "w".to_owned(),
        registration: registration.to_owned(),
        kind: DeliveryKind::Event,
        operation: "OnPush".to_owned(),
        correlation: format!("c-{id}"),
        payload: "{}".to_owned(),
        resource: String::new(),
        created: at(0),
        expires: at(1_000),
        patience: Duration::from_secs(900),
    }
}

pub fn registration(name: &str, version: &str, policy: PolicyName, body: &str) -> StoredRegistration {
    StoredRegistration {
        id: format!("{name}-{version}"),
        workspace: "w".to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        policy,
        body: body.to_owned(),
        principal: "key".to_owned(),
        position: 0,
        alive_until: at(60),
    }
}

pub fn find(kind: &str, filters: &[(&str, Value)]) -> Find {
    Find {
        kind: kind.to_owned(),
        filters: filters
            .iter()
            .map(|(field, value)| Filter {
                field: (*field).to_owned(),
                any_of: value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]),
            })
            .collect(),
        descending: true,
        first: 100,
        ..Find::default()
    }
}

pub fn by(field: &str, descending: bool, is_number: bool) -> Order {
    Order {
        field: field.to_owned(),
        descending,
        is_number,
    }
}

pub async fn ids(hub: &SqlHub, find: &Find) -> Vec<String> {
    let found = hub.reader("w").find(find).await.unwrap();
    found.iter().map(|node| node.id().to_owned()).collect()
}

async fn graph_is_read_as_written(hub: &SqlHub) {
    assert_eq!(hub.changes("w").await.unwrap(), 0, "nothing has ever changed");
    let work = hub.begin("w").await.unwrap();
    let repo = node(
        "Repo",
        &["7", "p/acme/app"],
        &json!({"id": "7", "name": "app"}),
        &[],
    );
    let branch = node(
        "Branch",
        &["branch-1"],
        &json!({"id": "branch-1", "branch": "main"}),
        &[("repo", &["p/acme/app"]), ("after", &["c-2"])],
    );
    work.put(&repo, None, false).await.unwrap();
    work.put(&branch, None, false).await.unwrap();
    let seen = work
        .graph()
        .nodes("Branch", &["branch-1".to_owned()])
        .await
        .unwrap();
    assert_eq!(seen[0], branch, "a unit of work sees what it did");
    work.commit().await.unwrap();
    let dropped = hub.begin("w").await.unwrap();
    dropped
        .put(&node("Repo", &["8"], &json!({"id": "8"}), &[]), None, false)
        .await
        .unwrap();
    drop(dropped);
    assert_eq!(
        hub.changes("w").await.unwrap(),
        1,
        "what never was does not count"
    );
    assert_eq!(hub.workspaces().await.unwrap(), ["w"]);
    let reader = hub.reader("w");
    let asked = ["p/acme/app".to_owned(), "8".to_owned(), "7".to_owned()];
    let found = reader.nodes("Repo", &asked).await.unwrap();
    assert_eq!(found.iter().map(|node| node.id()).collect::<Vec<_>>(), ["7", "7"]);
    let keys = repo.keys.clone();
    let linking = reader.linking("Branch", "repo", &keys, 10).await.unwrap();
    assert_eq!(linking[0], branch, "links may name any key");
    assert!(
        hub.reader("other")
            .nodes("Repo", &asked)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn changes_replace_and_history_stays(hub: &SqlHub) {
    let mut known: Option<Arc<Node>> = None;
    for (version, state) in [(1, "requested"), (2, "canceled"), (3, "success")] {
        let work = hub.begin("w").await.unwrap();
        let body =
            json!({"id": "g", "goalSetId": "s", "uniqueName": "build", "state": state, "version": version});
        let targets = [format!("push-{version}")];
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let goal = node("SdmGoal", &["g"], &body, &[("push", &targets)]);
        work.put(&goal, known.as_ref(), true).await.unwrap();
        known = Some(goal);
        work.commit().await.unwrap();
    }
    let by_state = |state: &str| {
        find(
            "SdmGoal",
            &[("goalSetId", json!(["s"])), ("state", json!([state]))],
        )
    };
    assert_eq!(ids(hub, &by_state("success")).await, ["g"]);
    assert_eq!(ids(hub, &by_state("canceled")).await, Vec::<String>::new());
    let mut history = by_state("canceled");
    history.history = true;
    assert_eq!(
        ids(hub, &history).await,
        ["g"],
        "an earlier version had that state"
    );
    let reader = hub.reader("w");
    let old = ["push-1".to_owned()];
    assert!(
        reader
            .linking("SdmGoal", "push", &old, 10)
            .await
            .unwrap()
            .is_empty(),
        "links are those of now"
    );
}

/// How many deliveries of a registration stand how.
async fn counts(hub: &SqlHub, registration: &str) -> DeliveryCounts {
    let counts = hub.counts(&["nobody", registration]).await.unwrap();
    assert!(!counts.contains_key("nobody"));
    counts.get(registration).copied().unwrap_or_default()
}

async fn searches_page_and_order(hub: &SqlHub) {
    let work = hub.begin("w").await.unwrap();
    for number in 0..5 {
        let id = format!("i-{number}");
        let body = json!({"id": id, "number": number, "title": format!("t{}", 9 - number), "state": if number < 3 { "open" } else { "closed" }});
        work.put(&node("Issue", &[&id], &body, &[]), None, false)
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
    let mut open = find("Issue", &[("state", json!("open"))]);
    assert_eq!(
        ids(hub, &open).await,
        ["i-2", "i-1", "i-0"],
        "the last change first"
    );
    (open.first, open.offset) = (1, 1);
    assert_eq!(ids(hub, &open).await, ["i-1"]);
    let mut titled = find("Issue", &[]);
    (titled.order_by, titled.first) = (vec![by("title", false, false)], 2);
    assert_eq!(ids(hub, &titled).await, ["i-4", "i-3"]);
    assert_eq!(
        ids(hub, &find("Issue", &[("title", json!("t9"))])).await,
        ["i-0"],
        "without an index too"
    );
    assert_eq!(
        ids(hub, &find("Issue", &[("number", json!(["1", 2]))])).await,
        ["i-2", "i-1"]
    );
    searches_go_on_in_parts(hub).await;
}

async fn searches_go_on_in_parts(hub: &SqlHub) {
    let graph = hub.reader("w");
    let part = async |find: &Find, from: Option<i64>| {
        let part = graph.part(find, from).await.unwrap();
        let ids: Vec<String> = part.nodes.iter().map(|node| node.id().to_owned()).collect();
        (ids, part.next)
    };
    let mut open = find("Issue", &[("state", json!("open"))]);
    open.first = 2;
    let (first, next) = part(&open, None).await;
    assert_eq!(first, ["i-2", "i-1"]);
    // What has changed meanwhile does not come again.
    let work = hub.begin("w").await.unwrap();
    let body = json!({"id": "i-2", "number": 2, "title": "new", "state": "open"});
    let known = work.graph().nodes("Issue", &["i-2".to_owned()]).await.unwrap();
    work.put(&node("Issue", &["i-2"], &body, &[]), known.first(), false)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(part(&open, next).await, (vec!["i-0".to_owned()], None));
    let mut all = find("Issue", &[]);
    (all.first, all.offset, all.descending) = (3, 1, false);
    let (first, next) = part(&all, None).await;
    assert_eq!(
        first,
        ["i-1", "i-3", "i-4"],
        "the offset counts for the first part, oldest first"
    );
    assert_eq!(part(&all, next).await.0, ["i-2"]);
    let mut titled = find("Issue", &[]);
    (titled.order_by, titled.first) = (vec![by("number", false, true)], 2);
    let (mut from, mut parts) = (None, Vec::new());
    loop {
        let (ids, next) = part(&titled, from).await;
        parts.push(ids);
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(parts, [vec!["i-0", "i-1"], vec!["i-2", "i-3"], vec!["i-4"]]);
}

async fn what_came_is_taken_once(hub: &SqlHub) {
    let work = hub.begin("w").await.unwrap();
    let came = [
        ("github", "d-1"),
        ("github", "d-2"),
        ("other", "d-1"),
        ("github", "d-1"),
    ];
    assert_eq!(
        work.take_in(&came, at(0)).await.unwrap(),
        [true, true, true, false]
    );
    drop(work);
    let work = hub.begin("w").await.unwrap();
    assert_eq!(
        work.take_in(&came[..1], at(0)).await.unwrap(),
        [true],
        "the first unit never was"
    );
    assert_eq!(work.take_in(&came[..2], at(0)).await.unwrap(), [false, true]);
    assert!(work.take_in(&[], at(0)).await.unwrap().is_empty());
    let many: Vec<String> = (0..700).map(|number| format!("m-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|id| ("github", id.as_str())).collect();
    assert!(
        work.take_in(&many, at(0))
            .await
            .unwrap()
            .iter()
            .all(|is_new| *is_new)
    );
    work.commit().await.unwrap();
}

async fn deliveries_go_once_in_order_and_come_back(hub: &SqlHub) {
    let work = hub.begin("w").await.unwrap();
    for id in ["b", "a", "c"] {
        work.deliver(&delivery(id, "r")).await.unwrap();
    }
    work.deliver(&delivery("a", "r")).await.unwrap();
    work.commit().await.unwrap();
    let claim = |limit| hub.claim("r", "s-1", limit, at(1), at(60));
    let names = |claimed: &[sdm::ports::hub::Delivery]| {
        claimed.iter().map(|one| one.what.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&claim(2).await.unwrap()),
        ["b", "a"],
        "in the order in which they came"
    );
    assert_eq!(names(&claim(9).await.unwrap()), ["c"]);
    // What was not said after all waits as if nobody had taken it.
    hub.unsaid("another", &["c"]).await.unwrap();
    assert!(claim(9).await.unwrap().is_empty(), "it is with this session");
    hub.unsaid("s-1", &["c", "unheard of"]).await.unwrap();
    assert!(hub.settle("r", "c-c").await.unwrap().is_none(), "nobody has it");
    let again = claim(9).await.unwrap();
    assert_eq!((names(&again), again[0].attempts), (vec!["c".to_owned()], 1));
    assert_eq!(hub.settle("r", "c-b").await.unwrap().unwrap().attempts, 1);
    assert!(
        hub.settle("r", "c-b").await.unwrap().is_none(),
        "an answer counts once"
    );
    assert!(
        hub.settle("other", "c-a").await.unwrap().is_none(),
        "and only from whom it was for"
    );
    assert_eq!(hub.release("s-1", at(5), LIMITS).await.unwrap(), 2);
    assert!(
        hub.claim("r", "s-2", 9, at(4), at(60)).await.unwrap().is_empty(),
        "not before its time"
    );
    assert_eq!(
        names(&hub.claim("r", "s-2", 9, at(5), at(60)).await.unwrap()),
        ["a", "c"]
    );
    hub.renew(&["s-1".to_owned(), "s-2".to_owned()], at(100))
        .await
        .unwrap();
    hub.tidy(at(99), LIMITS).await.unwrap();
    assert_eq!(counts(hub, "r").await.sent, 2, "the lease was prolonged");
    hub.tidy(at(101), LIMITS).await.unwrap();
    let dead = hub.dead("w", 10).await.unwrap();
    assert_eq!(names(&dead), ["c", "a"], "the second attempt was the last");
    assert_eq!(dead[0].because, "the machine was lost each time it had it");
    let (elsewhere, times) = (Some("other"), (at(102), at(2_000)));
    let revive = async |workspace: Option<&str>| hub.revive("a", workspace, times, &[]).await.unwrap();
    assert_eq!(revive(elsewhere).await, Revived::NotThere);
    assert_eq!(revive(Some("w")).await, Revived::Waits);
    assert_eq!(revive(None).await, Revived::NotThere);
    assert_eq!(counts(hub, "r").await.waiting, 1);
}

async fn queues_are_bounded(hub: &SqlHub) {
    for number in 0..5 {
        let mut one = delivery(&format!("q-{number}"), "full");
        one.created = at(number);
        hub.enqueue(&one).await.unwrap();
    }
    hub.tidy(at(6), LIMITS).await.unwrap();
    hub.cut(LIMITS).await.unwrap();
    let full = counts(hub, "full").await;
    assert_eq!((full.waiting, full.dead), (3, 2));
    hub.tidy(at(1_001), LIMITS).await.unwrap();
    let full = counts(hub, "full").await;
    assert_eq!((full.waiting, full.dead), (0, 5), "nobody came in time");
    hub.cut(LIMITS).await.unwrap();
    let full = counts(hub, "full").await;
    assert_eq!((full.waiting, full.dead), (0, 3), "nor are more of them kept");
    let dead = hub.dead("w", 100).await.unwrap();
    let dead = dead.iter().filter(|one| one.what.registration == "full");
    let newest: Vec<&str> = dead.map(|one| one.what.id.as_str()).collect();
    assert_eq!(newest, ["q-4", "q-3", "q-2"]);
    more_than_a_batch_goes(hub).await;
}

/// Of more than are dealt with in one transaction none is left out.
async fn more_than_a_batch_goes(hub: &SqlHub) {
    const MANY: usize = 2_500;
    let work = hub.begin("w").await.unwrap();
    for number in 0..MANY {
        work.deliver(&delivery(&format!("many-{number}"), "many"))
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
    hub.cut(LIMITS).await.unwrap();
    let many = counts(hub, "many").await;
    assert_eq!((many.waiting, many.dead), (3, 3));
    let work = hub.begin("w").await.unwrap();
    for number in 0..MANY {
        work.deliver(&delivery(&format!("late-{number}"), "late"))
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
    hub.tidy(at(1_001), LIMITS).await.unwrap();
    assert_eq!(counts(hub, "late").await.dead, MANY as u64);
    hub.tidy(at(1_000_000_000), LIMITS).await.unwrap();
    let late = hub.counts(&["late"]).await.unwrap();
    assert!(!late.contains_key("late"), "a month later: {late:?}");
}

/// Registers, as nobody in particular.
async fn kept(hub: &SqlHub, asked: &StoredRegistration) -> StoredRegistration {
    registered(hub, asked, "addon:a").await
}

async fn registrations_have_an_order(hub: &SqlHub) {
    let first = kept(hub, &registration("m", "1", PolicyName::Durable, "{}")).await;
    let second = kept(hub, &registration("m", "2", PolicyName::Ephemeral, "{}")).await;
    assert!(
        second.position > first.position,
        "the last that registers is served"
    );
    let again = kept(hub, &registration("m", "1", PolicyName::Durable, "{}")).await;
    assert_eq!(
        (again.position, &again.id),
        (first.position, &first.id),
        "the same that comes back is no newer"
    );
    let same = hub.registrations_changed().await.unwrap();
    let changed = kept(hub, &registration("m", "1", PolicyName::Durable, "{ }")).await;
    assert!(changed.position > second.position);
    assert_eq!(same.changed, second.position, "and nobody need look at it");
    hub.enqueue(&delivery("for-m2", &second.id)).await.unwrap();
    let before = hub.registrations_changed().await.unwrap();
    let since = hub.registrations_since(before.changed - 1).await.unwrap();
    assert_eq!(since, [changed], "only what changed last");
    assert_eq!(hub.registration_ids().await.unwrap().len(), 2);
    assert_eq!(hub.drop_vanished(at(0), at(59)).await.unwrap(), 0);
    let keep = |until| hub.keep_alive(std::slice::from_ref(&second.id), until);
    assert_eq!(keep(at(90)).await.unwrap(), 1);
    assert_eq!(hub.drop_vanished(at(0), at(80)).await.unwrap(), 0);
    assert_eq!(
        hub.drop_vanished(at(91), at(95)).await.unwrap(),
        0,
        "nobody could renew it before that"
    );
    assert_eq!(
        hub.drop_vanished(at(90), at(91)).await.unwrap(),
        1,
        "only what is ephemeral"
    );
    assert_eq!(keep(at(900)).await.unwrap(), 0, "whoever comes now learns that");
    let after = hub.registrations_changed().await.unwrap();
    assert!(after.changed > before.changed && after.gone > before.gone);
    assert_eq!(
        counts(hub, &second.id).await.waiting,
        0,
        "with what waited for it"
    );
    let left = hub.registrations().await.unwrap();
    assert_eq!(
        left.iter().map(|one| one.version.as_str()).collect::<Vec<_>>(),
        ["1"]
    );
    assert!(hub.drop_registration(&first.id).await.unwrap());
    assert!(!hub.drop_registration(&first.id).await.unwrap());
}

async fn types_have_one_owner(hub: &SqlHub) {
    let own =
        async |owner: &str, before: Option<&str>| hub.own_type(("w", "T"), owner, before).await.unwrap();
    assert!(own("addon:a", None).await);
    assert!(!own("addon:b", None).await, "somebody was faster");
    assert!(own("addon:b", Some("addon:a")).await && !own("addon:c", Some("addon:a")).await);
    hub.disown_type(("w", "T"), "addon:a").await.unwrap();
    let owners = hub.type_owners("w").await.unwrap();
    assert_eq!(owners, [("T".to_owned(), "addon:b".to_owned())].into());
    assert!(hub.type_owners("v").await.unwrap().is_empty());
    hub.disown_type(("w", "T"), "addon:b").await.unwrap();
    assert!(hub.type_owners("w").await.unwrap().is_empty());
}

async fn keys_are_kept(hub: &SqlHub) {
    let key = StoredKey {
        id: "abc".to_owned(),
        digest: "d".to_owned(),
        owner: "addon:sdm".to_owned(),
        workspaces: vec!["w".to_owned()],
        scopes: vec!["events:read".to_owned()],
        repositories: vec!["repo:acme/app#7".to_owned()],
        is_chosen: true,
        created: at(0),
        expires: at(100),
        revoked: None,
        last_used: None,
    };
    hub.add_key(&key, &[]).await.unwrap();
    hub.add_key(&key, &[]).await.unwrap_err();
    assert_eq!(hub.key("abc").await.unwrap().as_ref(), Some(&key));
    assert_eq!(hub.key("xyz").await.unwrap(), None);
    hub.key_used("abc", at(5)).await.unwrap();
    assert!(hub.revoke_key("abc", at(6), &[]).await.unwrap());
    assert!(!hub.revoke_key("abc", at(7), &[]).await.unwrap());
    let kept = hub.keys().await.unwrap().remove(0);
    assert_eq!((kept.last_used, kept.revoked), (Some(at(5)), Some(at(6))));
}

async fn invocations_end_once(hub: &SqlHub) {
    let asked = StoredInvocation {
        id: "i-1".to_owned(),
        workspace: "w".to_owned(),
        registration: "asked".to_owned(),
        command: "Greet".to_owned(),
        asked_by: "person:ada".to_owned(),
        asked_with: "abc".to_owned(),
        request: "{}".to_owned(),
        phase: Phase::Pending,
        answer: String::new(),
        created: at(0),
        due: at(900),
        ended: None,
    };
    let mut sent = delivery("d-i", "asked");
    sent.correlation = "i-1".to_owned();
    hub.invoke(&asked, &sent).await.unwrap();
    assert_eq!(hub.invocation("i-1").await.unwrap().as_ref(), Some(&asked));
    assert_eq!(
        counts(hub, "asked").await.waiting,
        1,
        "together with its delivery"
    );
    assert!(
        hub.answered("i-1", Phase::Asking, "{\"more\": 1}", at(1))
            .await
            .unwrap()
    );
    assert!(hub.answered("i-1", Phase::Success, "", at(2)).await.unwrap());
    assert!(!hub.answered("i-1", Phase::Failure, "late", at(3)).await.unwrap());
    let ended = hub.invocation("i-1").await.unwrap().unwrap();
    assert_eq!(
        (ended.phase, ended.answer.as_str(), ended.ended),
        (Phase::Success, "{\"more\": 1}", Some(at(2)))
    );
    assert_eq!(hub.invocation("i-2").await.unwrap(), None);
}

async fn messages_stand_once_at_a_place(hub: &SqlHub) {
    let message = |place: &str, body: &str| StoredMessage {
        workspace: "w".to_owned(),
        place: place.to_owned(),
        id: "m".to_owned(),
        invocation: "i-1".to_owned(),
        machine: "sdm".to_owned(),
        said_at: 7,
        ttl: 60,
        posted: at(1),
        body: body.to_owned(),
    };
    hub.post(&message("channel:general", "one")).await.unwrap();
    hub.post(&message("channel:general", "two")).await.unwrap();
    hub.post(&message("channel:other", "three")).await.unwrap();
    let found = hub.message("w", "channel:general", "m").await.unwrap();
    assert_eq!(found, Some(message("channel:general", "two")));
    assert_eq!(hub.messages_of("i-1", ROOM).await.unwrap().len(), 2);
    let one = Room { messages: 1, ..ROOM };
    assert_eq!(hub.messages("w", one).await.unwrap().len(), 1);
    let since = async |since: i64| {
        let changed = hub.changed_messages("w", "channel:", since, ROOM).await.unwrap();
        let shown = changed.iter().map(|one| {
            let (place, body) = (one.message.place.clone(), one.message.body.clone());
            (place, body, one.is_gone)
        });
        let last = changed.last().map_or(since, |last| last.change);
        (shown.collect::<Vec<_>>(), last)
    };
    let of = |place: &str, body: &str, is_gone: bool| (place.to_owned(), body.to_owned(), is_gone);
    let (all, last) = since(0).await;
    let expected = [
        of("channel:general", "two", false),
        of("channel:other", "three", false),
    ];
    assert_eq!(all, expected, "each as it is now, in the order of changes");
    hub.post(&message("person:ada", "for her")).await.unwrap();
    let other = ("w", "channel:other", "m");
    assert!(hub.take_back(other, "left").await.unwrap());
    assert!(!hub.take_back(other, "").await.unwrap());
    let (more, last) = since(last).await;
    assert_eq!(more, [of("channel:other", "left", true)]);
    assert_eq!(hub.message("w", "channel:other", "m").await.unwrap(), None);
    assert_eq!(
        hub.messages_of("i-1", ROOM).await.unwrap().len(),
        2,
        "not what is gone"
    );
    hub.post(&message("channel:other", "again")).await.unwrap();
    assert_eq!(since(last).await.0, [of("channel:other", "again", false)]);
    assert_eq!(since(last + 1).await.0, []);
    assert!(hub.take_back(other, "").await.unwrap());
    assert!(hub.take_back(("w", "person:ada", "m"), "").await.unwrap());
}

/// Every link that a type of every workspace is asked for backwards by is found backwards, and so are all links of other types.
async fn links_are_followed_backwards(hub: &SqlHub) {
    let schema = Schema::builtin();
    let reverse = schema.types().flat_map(|definition| &definition.fields);
    let mut links: Vec<(String, String)> = reverse
        .filter_map(|field| match &field.holds {
            Holds::Reverse { of, field } => Some((of.clone(), field.clone())),
            Holds::Scalar(_) | Holds::Embedded(_) | Holds::Link(_) => None,
        })
        .collect();
    links.push(("TypeOfSomebody".to_owned(), "anything".to_owned()));
    let target = ["the-target".to_owned()];
    for (kind, field) in &links {
        let pointing = node(kind, &["points"], &json!({}), &[(field, &["the-target"])]);
        let work = hub.begin("links").await.unwrap();
        work.put(&pointing, None, false).await.unwrap();
        work.commit().await.unwrap();
        let found = hub
            .reader("links")
            .linking(kind, field, &target, 10)
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{kind}.{field}");
        let elsewhere = node(kind, &["points"], &json!({}), &[(field, &["elsewhere"])]);
        let work = hub.begin("links").await.unwrap();
        work.put(&elsewhere, Some(&pointing), false).await.unwrap();
        work.commit().await.unwrap();
        let found = hub
            .reader("links")
            .linking(kind, field, &target, 10)
            .await
            .unwrap();
        assert!(found.is_empty(), "{kind}.{field} points elsewhere now");
    }
}

async fn what_is_gone_is_not_found(hub: &SqlHub) {
    let (one, other) = (
        node(
            "Branch",
            &["b-1", "main"],
            &json!({"name": "main"}),
            &[("repo", &["r"])],
        ),
        node(
            "Branch",
            &["b-2", "main"],
            &json!({"name": "main"}),
            &[("repo", &["r"])],
        ),
    );
    let work = hub.begin("gone").await.unwrap();
    work.put(&one, None, false).await.unwrap();
    work.put(&other, None, false).await.unwrap();
    work.remove("Branch", "b-1").await.unwrap();
    work.commit().await.unwrap();
    let reader = hub.reader("gone");
    let asked = ["b-1".to_owned(), "main".to_owned()];
    assert_eq!(
        reader.nodes("Branch", &asked).await.unwrap(),
        std::slice::from_ref(&other)
    );
    let repo = ["r".to_owned()];
    assert_eq!(
        reader.linking("Branch", "repo", &repo, 10).await.unwrap(),
        std::slice::from_ref(&other)
    );
    let mut by_name = find("Branch", &[("name", json!("main"))]);
    by_name.first = 5;
    assert_eq!(reader.find(&by_name).await.unwrap(), std::slice::from_ref(&other));
}

/// More of everything than one statement takes.
async fn much_is_written_and_found(hub: &SqlHub) {
    let id = |number: usize| format!("p-{number}");
    let work = hub.begin("much").await.unwrap();
    for number in 0..777 {
        let keys = [id(number), format!("also-{number}")];
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let branch = if number % 7 == 0 { "seventh" } else { "main" };
        let push = node("Push", &keys, &json!({"branch": branch}), &[("after", &["c"])]);
        work.put(&push, None, false).await.unwrap();
    }
    work.commit().await.unwrap();
    let reader = hub.reader("much");
    let asked: Vec<String> = (0..777).map(|number| format!("also-{number}")).collect();
    let found = reader.nodes("Push", &asked).await.unwrap();
    assert_eq!(found.len(), 777);
    assert!(
        found
            .iter()
            .enumerate()
            .all(|(number, node)| node.id() == id(number))
    );
    let commit = ["c".to_owned()];
    let linking = reader.linking("Push", "after", &commit, 500).await.unwrap();
    assert_eq!((linking.len(), linking[0].id()), (500, "p-0"), "the oldest first");
    let mut seventh = find("Push", &[("branch", json!("seventh"))]);
    (seventh.first, seventh.offset) = (3, 1);
    let found = reader.find(&seventh).await.unwrap();
    let names: Vec<&str> = found.iter().map(|node| node.id()).collect();
    assert_eq!(names, ["p-763", "p-756", "p-749"], "the last change first");
    // What changes again is the last that changed.
    let first = reader.nodes("Push", &[id(0)]).await.unwrap().remove(0);
    let mut again = (*first).clone();
    again.body.insert("more".to_owned(), json!(1));
    let work = hub.begin("much").await.unwrap();
    work.put(&Arc::new(again), Some(&first), false).await.unwrap();
    work.commit().await.unwrap();
    seventh.offset = 0;
    assert_eq!(reader.find(&seventh).await.unwrap()[0].id(), "p-0");
}

/// Units of one workspace follow one another, whoever begins them.
async fn units_of_work_take_turns(hub: &SqlHub) {
    let work = hub.begin("turns").await.unwrap();
    work.put(&node("Push", &["n"], &json!({"n": 0}), &[]), None, false)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let many = || async {
        for _ in 0..5 {
            one_turn(hub).await;
        }
    };
    tokio::join!(many(), many(), many());
    let counted = hub
        .reader("turns")
        .nodes("Push", &["n".to_owned()])
        .await
        .unwrap();
    assert_eq!(counted[0].body["n"], 15);
}

async fn one_turn(hub: &SqlHub) {
    let work = hub.begin("turns").await.unwrap();
    let counted = work.graph().nodes("Push", &["n".to_owned()]).await.unwrap();
    let before = counted[0].body["n"].as_i64().unwrap();
    let next = node("Push", &["n"], &json!({"n": before + 1}), &[]);
    work.put(&next, counted.first(), false).await.unwrap();
    work.commit().await.unwrap();
}

async fn contract(place: &Place) {
    let hub = SqlHub::open(place).await.unwrap();
    graph_is_read_as_written(&hub).await;
    changes_replace_and_history_stays(&hub).await;
    searches_page_and_order(&hub).await;
    what_came_is_taken_once(&hub).await;
    deliveries_go_once_in_order_and_come_back(&hub).await;
    queues_are_bounded(&hub).await;
    registrations_have_an_order(&hub).await;
    types_have_one_owner(&hub).await;
    keys_are_kept(&hub).await;
    super::rights::who_may_do_what_is_kept(&hub).await;
    invocations_end_once(&hub).await;
    messages_stand_once_at_a_place(&hub).await;
    store_messages::contract(&hub).await;
    store_shared::logs_grow_at_their_end_only(&hub).await;
    units_of_work_take_turns(&hub).await;
    super::safe::secrets_are_kept_in_their_rows(&hub).await;
    store_answers::contract(&hub).await;
    store_shared::tickets_are_used_once_and_in_time(&hub).await;
    store_shared::g6_one_run_of_a_machine_counts(&hub).await;
    store_shared::a_conversation_is_resumed_once_by_whose_it_was(&hub).await;
    store_shared::hints_reach_whoever_listens(&hub).await;
    store_crowds::contract(&hub).await;
    super::people_store::contract(&hub).await;
    super::extensions::stored::extensions_are_kept_under_their_version(&hub).await;
    super::extensions::stored::install_keys_stay_published_for_a_while(&hub).await;
    super::extensions::stored::what_was_handed_out_ends(&hub).await;
    links_are_followed_backwards(&hub).await;
    what_is_gone_is_not_found(&hub).await;
    much_is_written_and_found(&hub).await;
    super::store_forges::places_are_pinned(&hub).await;
    super::store_forges::dead_commands_are_looked_at(&hub).await;
    store_searches::contract(&hub, place).await;
    hub.close().await;
    let again = SqlHub::open(place).await.unwrap();
    assert!(
        again.key("abc").await.unwrap().is_some(),
        "what was committed is there after a restart"
    );
    again.close().await;
}

#[tokio::test]
async fn contract_on_sqlite() {
    let directory = crate::support::remains::directory();
    contract(&Place::File(directory.path().join("a % b?/hub.db"))).await;
}

#[tokio::test]
async fn a_copy_is_whole_and_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = crate::support::remains::directory();
    let hub = SqlHub::open(&Place::File(directory.path().join("hub.db")))
        .await
        .unwrap();
    keys_are_kept(&hub).await;
    let copy = directory.path().join("copies/it's.db");
    hub.copy_to(&copy).await.unwrap();
    hub.copy_to(&copy).await.unwrap_err();
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = SqlHub::open(&Place::File(copy)).await.unwrap();
    assert_eq!(again.keys().await.unwrap(), hub.keys().await.unwrap());
}

#[tokio::test]
async fn contract_on_postgres() {
    let Some(server) = Postgres::start() else {
        return;
    };
    contract(&Place::read(&server.url())).await;
}

#[tokio::test]
async fn postgres_knows_early_that_there_are_many_nodes() {
    use sqlx::Connection as _;
    let Some(server) = Postgres::start() else {
        return;
    };
    let hub = SqlHub::open(&Place::read(&server.url())).await.unwrap();
    for unit in 0..8 {
        let work = hub.begin("w").await.unwrap();
        for number in 0..100 {
            let id = format!("{unit}-{number}");
            work.put(&node("Commit", &[&id], &json!({ "sha": id }), &[]), None, false)
                .await
                .unwrap();
        }
        work.commit().await.unwrap();
    }
    let mut connection = sqlx::PgConnection::connect(&server.url()).await.unwrap();
    const PLAN: &str = "EXPLAIN SELECT * FROM hub_node WHERE workspace = 'w' AND kind = 'Commit' AND id IN ('0-1', '1-1', '2-2')";
    let plan: Vec<String> = sqlx::query_scalar(PLAN).fetch_all(&mut connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("hub_node_pkey") && !plan.contains("Filter"),
        "nodes are found by their ids, and not among all of their type:\n{plan}"
    );
}
