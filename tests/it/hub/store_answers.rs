//! What was sent and not answered, who may register, and what is forgotten. Part of the list in `store`.

use std::time::Duration;

use sdm::ports::hub::{
    Answers as _, Arrived, Bounds, CarriedOver as _, Crowds as _, Deliveries as _, DeliveryKind,
    Invocations as _, Keys as _, Messages as _, NewDelivery, Overdue, Phase, QueueLimits, Registrations as _,
    Retention as _, Settling, StoredInvocation, StoredKey, StoredMessage, StoredRegistration,
};
use sdm::store::hub::SqlHub;
use sdm::wire::hub::PolicyName;

use super::arriving::{registered, registers};
use super::store::{ROOM, at, delivery, registration};

const LIMITS: QueueLimits = QueueLimits {
    waiting: 3,
    attempts: 2,
};

pub async fn contract(hub: &SqlHub) {
    g2_of_two_owners_who_come_at_once_one_gets_the_name(hub).await;
    whoever_was_sent_away_is_refused_until_let_in(hub).await;
    what_is_not_answered_in_time_is_found(hub).await;
    what_is_taken_over_is_with_its_machine_while_it_says_so(hub).await;
    commands_that_nobody_answers_are_found(hub).await;
    what_was_asked_goes_on_once_and_only_when_asked_for(hub).await;
    only_so_many_of_one_asker_are_open(hub).await;
    labels_of_a_computer_make_no_other_machine(hub).await;
    what_waits_goes_over_to_another_version(hub).await;
    what_is_old_or_too_much_is_forgotten(hub).await;
}

pub async fn key(hub: &SqlHub, id: &str, owner: &str) {
    let key = StoredKey {
        id: id.to_owned(),
        digest: "d".to_owned(),
        owner: owner.to_owned(),
        workspaces: vec!["w".to_owned()],
        scopes: Vec::new(),
        repositories: Vec::new(),
        is_chosen: true,
        created: at(0),
        expires: at(100),
        revoked: None,
        last_used: None,
    };
    hub.add_key(&key, &[]).await.unwrap();
}

async fn g2_of_two_owners_who_come_at_once_one_gets_the_name(hub: &SqlHub) {
    for owner in ["a", "b"] {
        key(hub, &format!("key-{owner}"), &format!("addon:{owner}")).await;
    }
    for round in 0..5 {
        let wish = |owner: &str| {
            let mut wish = registration("contested", "1", PolicyName::Durable, "{}");
            wish.id = format!("{owner}-{round}");
            wish.name = format!("contested-{round}");
            wish.version = format!("1.0.0-{owner}");
            wish.principal = format!("key-{owner}");
            wish
        };
        let (one, other) = (wish("a"), wish("b"));
        let (one, other) = tokio::join!(registers(hub, &one, "addon:a"), registers(hub, &other, "addon:b"));
        let got: Vec<Arrived> = vec![one, other];
        let kept = got.iter().filter(|got| matches!(got, Arrived::Kept(_)));
        assert_eq!(kept.count(), 1, "{got:?}");
        let refused = got.iter().filter(|got| matches!(got, Arrived::OfSomebodyElse(_)));
        assert_eq!(refused.count(), 1, "{got:?}");
    }
    // A refused one leaves nothing behind, and another key of the owner is good.
    key(hub, "key-a2", "addon:a").await;
    let all = hub.registrations().await.unwrap();
    let of_round = all.iter().filter(|one| one.name == "contested-0");
    let kept: Vec<_> = of_round.collect();
    assert_eq!(kept.len(), 1);
    for one in all.iter().filter(|one| one.name.starts_with("contested")) {
        hub.drop_registration(&one.id).await.unwrap();
    }
}

async fn whoever_was_sent_away_is_refused_until_let_in(hub: &SqlHub) {
    let mut wish = registration("away", "1", PolicyName::Durable, "{}");
    wish.principal = "key-a".to_owned();
    let kept = registered(hub, &wish, "addon:a").await;
    assert!(hub.send_away(&kept.id, at(7), &[]).await.unwrap());
    assert!(!hub.send_away(&kept.id, at(8), &[]).await.unwrap());
    let Arrived::SentAway(away) = registers(hub, &wish, "addon:a").await else {
        panic!("it is away");
    };
    assert_eq!((away.id.as_str(), away.at), (kept.id.as_str(), at(7)));
    assert_eq!(hub.sent_away().await.unwrap(), [away]);
    let mut newer = wish.clone();
    newer.version = "2".to_owned();
    newer.id = "away-2".to_owned();
    let got = registers(hub, &newer, "addon:a").await;
    assert!(matches!(got, Arrived::Kept(_)), "{got:?}");
    assert!(hub.let_in(&kept.id, &[]).await.unwrap());
    assert!(!hub.let_in(&kept.id, &[]).await.unwrap());
    let got = registers(hub, &wish, "addon:a").await;
    assert!(matches!(got, Arrived::Kept(_)), "{got:?}");
    for one in hub.registrations().await.unwrap() {
        if one.name == "away" {
            hub.drop_registration(&one.id).await.unwrap();
        }
    }
}

fn patient(id: &str, registration: &str, seconds: u64) -> NewDelivery {
    NewDelivery {
        patience: Duration::from_secs(seconds),
        expires: at(100),
        ..delivery(id, registration)
    }
}

async fn overdue(hub: &SqlHub, second: u64) -> Vec<String> {
    let found = hub.overdue_deliveries(at(second), 10).await.unwrap();
    found.into_iter().map(|one| one.what.id).collect()
}

async fn what_is_not_answered_in_time_is_found(hub: &SqlHub) {
    for (id, seconds) in [("slow-1", 50), ("slow-2", 900)] {
        hub.enqueue(&patient(id, "slow", seconds)).await.unwrap();
    }
    let claimed = hub.claim("slow", "s", 9, at(1), at(5_000)).await.unwrap();
    assert_eq!(claimed[0].what.patience, Duration::from_secs(50));
    assert!(overdue(hub, 50).await.is_empty());
    assert_eq!(overdue(hub, 51).await, ["slow-1"]);
    hub.tidy(at(200), LIMITS).await.unwrap();
    assert_eq!(overdue(hub, 60).await, ["slow-1"], "what is sent does not expire");
    hub.come_again("slow-1", at(40), at(300), LIMITS).await.unwrap();
    assert_eq!(overdue(hub, 60).await, ["slow-1"], "not before its time");
    hub.come_again("slow-1", at(60), at(300), LIMITS).await.unwrap();
    hub.tidy(at(250), LIMITS).await.unwrap();
    let again = hub.claim("slow", "s", 9, at(250), at(5_000)).await.unwrap();
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    hub.come_again("slow-1", at(400), at(900), LIMITS).await.unwrap();
    hub.give_up("slow-2", at(10), "too early").await.unwrap();
    hub.give_up("slow-2", at(950), "no answer").await.unwrap();
    let dead = hub.dead("w", 100).await.unwrap();
    let because = |id: &str| {
        let one = dead.iter().find(|one| one.what.id == id).unwrap();
        one.because.clone()
    };
    assert!(
        because("slow-1").contains("however often"),
        "after its last attempt"
    );
    assert_eq!(because("slow-2"), "no answer");
}

async fn what_is_taken_over_is_with_its_machine_while_it_says_so(hub: &SqlHub) {
    for id in ["over-1", "over-2"] {
        hub.enqueue(&patient(id, "over", 100)).await.unwrap();
    }
    hub.claim("over", "s", 9, at(1), at(60)).await.unwrap();
    let take_over = |registration: &str, correlation: &str| Settling {
        registrations: vec![registration.to_owned()],
        correlation: correlation.to_owned(),
        stored: Some((at(2), at(62))),
    };
    let taken_over = [
        take_over("over", "c-over-1"),
        take_over("over", "c-guess"),
        take_over("other", "c-over-2"),
    ];
    let ended = hub.settle_all(&taken_over).await.unwrap();
    assert_eq!(ended, [None, None, None], "nothing is over by that");
    // Its session ends: only what was not taken over waits again.
    assert_eq!(hub.release("s", at(3), LIMITS).await.unwrap(), 1);
    let names = ["c-over-1".to_owned(), "c-nobody".to_owned()];
    let of = ["nobody".to_owned(), "over".to_owned()];
    hub.at_work(&of, &names, at(50), at(150)).await.unwrap();
    hub.tidy(at(140), QueueLimits { waiting: 9, ..LIMITS })
        .await
        .unwrap();
    assert!(overdue(hub, 149).await.is_empty());
    assert_eq!(
        overdue(hub, 150).await,
        ["over-1"],
        "its time begins with each word"
    );
    hub.tidy(at(151), LIMITS).await.unwrap();
    let again = hub.claim("over", "s-2", 9, at(151), at(300)).await.unwrap();
    let names: Vec<_> = again.iter().map(|one| one.what.id.as_str()).collect();
    assert_eq!(names, Vec::<&str>::new(), "they were too late: {names:?}");
    assert!(hub.settle("over", "c-over-1").await.unwrap().is_some());
}

fn asked(id: &str, due: u64) -> StoredInvocation {
    StoredInvocation {
        id: id.to_owned(),
        workspace: "w".to_owned(),
        registration: "late".to_owned(),
        command: "Greet".to_owned(),
        asked_by: "person:ada".to_owned(),
        asked_with: String::new(),
        request: "{}".to_owned(),
        phase: Phase::Pending,
        answer: String::new(),
        created: at(0),
        due: at(due),
        ended: None,
    }
}

async fn commands_that_nobody_answers_are_found(hub: &SqlHub) {
    for (id, due) in [("l-1", 20), ("l-2", 500)] {
        let mut command = delivery(&format!("d-{id}"), "late");
        command.correlation = id.to_owned();
        command.kind = sdm::ports::hub::DeliveryKind::Command;
        command.created = at(due);
        command.expires = at(40);
        hub.invoke(&asked(id, due), &command).await.unwrap();
    }
    let found = async |second| {
        let mut found = hub.overdue(at(second), at(0), 10).await.unwrap();
        found.retain(|one: &Overdue| one.invocation.registration == "late");
        found
    };
    assert!(found(19).await.is_empty());
    let late = found(21).await;
    assert_eq!((late.len(), late[0].invocation.phase), (1, Phase::Pending));
    assert!(late[0].because.is_empty());
    let own = ["late".to_owned()];
    hub.prolong(&own, &["l-1".to_owned()], at(30)).await.unwrap();
    hub.prolong(&own, &["l-1".to_owned()], at(10)).await.unwrap();
    assert!(found(29).await.is_empty(), "nobody's time gets shorter");
    assert!(
        !hub.unanswered(&late[0].invocation, "{}", at(31)).await.unwrap(),
        "something has come of it since"
    );
    let late = found(31).await;
    assert!(hub.unanswered(&late[0].invocation, "{}", at(31)).await.unwrap());
    let ended = hub.invocation("l-1").await.unwrap().unwrap();
    assert_eq!((ended.phase, ended.ended), (Phase::Failure, Some(at(31))));
    assert!(!hub.answered("l-1", Phase::Success, "", at(32)).await.unwrap());
    hub.claim("late", "s", 1, at(33), at(60)).await.unwrap();
    assert_eq!(
        hub.invocation("l-2").await.unwrap().unwrap().phase,
        Phase::Pending
    );
    hub.tidy(at(41), LIMITS).await.unwrap();
    let given_up = found(41).await;
    assert_eq!(given_up[0].because, "no machine was there in time");
}

/// A command's delivery.
fn command(id: &str, of: &str) -> NewDelivery {
    let mut command = delivery(&format!("d-{id}"), "going-on");
    command.correlation = of.to_owned();
    command.kind = sdm::ports::hub::DeliveryKind::Command;
    command
}

async fn what_was_asked_goes_on_once_and_only_when_asked_for(hub: &SqlHub) {
    let one = asked("on", 500);
    let go_on = async |id: &str| hub.invoke(&one, &command(id, "on")).await.unwrap();
    assert!(go_on("on-1").await);
    assert!(!go_on("on-2").await, "nobody asks for anything");
    let ask = async || hub.answered("on", Phase::Asking, "{}", at(1)).await.unwrap();
    assert!(ask().await);
    let both = tokio::join!(go_on("on-3"), go_on("on-4"));
    assert!(
        both.0 != both.1,
        "one of two who say it at once is first: {both:?}"
    );
    assert!(hub.answered("on", Phase::Failure, "{}", at(2)).await.unwrap());
    assert!(!go_on("on-5").await, "what has ended is over");
    assert_eq!(hub.invocation("on").await.unwrap().unwrap().phase, Phase::Failure);
    let counts = hub.counts(&["going-on"]).await.unwrap();
    assert_eq!(
        counts["going-on"].waiting, 2,
        "nothing waits for those that were not kept"
    );
}

async fn only_so_many_of_one_asker_are_open(hub: &SqlHub) {
    let of = |asker: &str, id: &str| StoredInvocation {
        asked_by: asker.to_owned(),
        ..asked(id, 500)
    };
    let mut kept = Vec::new();
    for number in 0..4 {
        let id = format!("few-{number}");
        let asked = of("goal:one", &id);
        kept.push(hub.invoke_among(&asked, &command(&id, &id), 2).await.unwrap());
    }
    assert_eq!(kept, [true, true, false, false]);
    let other = of("goal:other", "few-other");
    let is_kept = hub
        .invoke_among(&other, &command("few-other", "few-other"), 2)
        .await;
    assert!(is_kept.unwrap(), "others are not meant");
    assert!(hub.answered("few-0", Phase::Success, "", at(1)).await.unwrap());
    let next = of("goal:one", "few-5");
    assert!(
        hub.invoke_among(&next, &command("few-5", "few-5"), 2)
            .await
            .unwrap()
    );
}

async fn labels_of_a_computer_make_no_other_machine(hub: &SqlHub) {
    let on = |host: &str, version: &str, command: &str| {
        let body = serde_json::json!({
            "api_version": "1", "name": "group", "version": version, "policy": {"name": "durable"}, "team_ids": ["w"],
            "commands": [{"name": command, "intent": [], "tags": [], "parameters": [], "mapped_parameters": [], "secrets": []}],
            "metadata": {"labels": {"atomist.system.hostname": host}},
        });
        registration("group", version, PolicyName::Durable, &body.to_string())
    };
    let register = async |asked: StoredRegistration| registered(hub, &asked, "addon:a").await;
    let first = register(on("a", "1.0.0", "Greet")).await;
    let second = register(on("a", "2.0.0", "Greet")).await;
    let elsewhere = register(on("b", "1.0.0", "Greet")).await;
    assert_eq!((&elsewhere.id, elsewhere.position), (&first.id, first.position));
    let mut other_key = on("c", "1.0.0", "Greet");
    other_key.principal = "key-a2".to_owned();
    assert_eq!(register(other_key).await.position, first.position);
    let changed = register(on("b", "1.0.0", "Bye")).await;
    assert!(
        changed.position > second.position,
        "another announcement is newer"
    );
    for id in [&first.id, &second.id] {
        hub.drop_registration(id).await.unwrap();
    }
}

async fn what_waits_goes_over_to_another_version(hub: &SqlHub) {
    let command = |id: &str| NewDelivery {
        kind: DeliveryKind::Command,
        correlation: id.to_owned(),
        ..delivery(id, "late")
    };
    let open = StoredInvocation {
        id: "over-c".to_owned(),
        ..asked("over-c", 900)
    };
    assert!(hub.invoke(&open, &command("over-c")).await.unwrap());
    for id in ["over-e", "over-x", "over-s"] {
        hub.enqueue(&delivery(id, "late")).await.unwrap();
    }
    let waiting = hub.what_waits_for("late", 100).await.unwrap();
    let ours: Vec<&str> = waiting.iter().map(|what| what.id.as_str()).collect();
    for id in ["over-c", "over-e", "over-x", "over-s"] {
        assert!(ours.contains(&id), "{ours:?}");
    }
    let ids = ["over-c", "over-e", "nothing"];
    assert_eq!(hub.carry_over(&ids, "elsewhere", "later").await.unwrap(), 0);
    assert_eq!(hub.carry_over(&ids, "late", "later").await.unwrap(), 2);
    assert_eq!(hub.carry_over(&ids, "late", "later").await.unwrap(), 0);
    let asked = hub.invocation("over-c").await.unwrap().unwrap();
    assert_eq!(
        (asked.registration.as_str(), asked.phase),
        ("later", Phase::Pending)
    );
    let got = hub.claim("later", "s-over", 9, at(1), at(60)).await.unwrap();
    assert_eq!(got.len(), 2);
    let because = "nobody waits for it";
    assert_eq!(
        hub.give_up_waiting(&["over-x"], "late", because).await.unwrap(),
        1
    );
    let dead = hub.dead("w", 100).await.unwrap();
    let dead = dead.iter().find(|one| one.what.id == "over-x").unwrap();
    assert_eq!(dead.because, because);
    let left = hub.what_waits_for("late", 100).await.unwrap();
    let left: Vec<&str> = left.iter().map(|what| what.id.as_str()).collect();
    assert!(left.contains(&"over-s") && !left.contains(&"over-x"), "{left:?}");
    hub.give_up_waiting(&["over-s"], "late", because).await.unwrap();
    for correlation in ["over-c", "c-over-e"] {
        hub.settle("later", correlation).await.unwrap();
    }
    hub.answered("over-c", Phase::Success, "{}", at(2)).await.unwrap();
}

async fn what_is_old_or_too_much_is_forgotten(hub: &SqlHub) {
    let message = |id: &str, posted: u64| StoredMessage {
        workspace: "kept".to_owned(),
        place: "channel:general".to_owned(),
        id: id.to_owned(),
        invocation: String::new(),
        machine: "sdm".to_owned(),
        said_at: 0,
        ttl: 0,
        posted: at(posted),
        body: "{}".to_owned(),
    };
    for (id, posted) in [("m-1", 10), ("m-2", 20), ("m-3", 30), ("m-4", 40)] {
        hub.post(&message(id, posted)).await.unwrap();
    }
    for (id, end) in [("k-1", Some(15)), ("k-2", Some(25)), ("k-3", None)] {
        let mut one = asked(id, 10_000);
        one.workspace = "kept".to_owned();
        let mut command = delivery(&format!("d-{id}"), "kept");
        command.correlation = id.to_owned();
        hub.invoke(&one, &command).await.unwrap();
        if let Some(end) = end {
            assert!(hub.answered(id, Phase::Success, "", at(end)).await.unwrap());
        }
    }
    for number in 0..4 {
        let id = format!("dead-{number}");
        let mut one = patient(&id, "dead", 1);
        one.created = at(number);
        hub.enqueue(&one).await.unwrap();
    }
    hub.claim("dead", "s", 9, at(5), at(60)).await.unwrap();
    for number in 0..4 {
        hub.give_up(&format!("dead-{number}"), at(50), "over")
            .await
            .unwrap();
    }
    let bounds = |since, said| Bounds {
        since: at(since),
        said,
    };
    hub.forget(bounds(20, 100)).await.unwrap();
    hub.cut(QueueLimits { waiting: 2, ..LIMITS }).await.unwrap();
    let left: Vec<String> = hub
        .messages("kept", ROOM)
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(left, ["m-4", "m-3", "m-2"], "what is old is forgotten");
    assert!(hub.invocation("k-1").await.unwrap().is_none());
    let counts = hub.counts(&["dead"]).await.unwrap();
    assert_eq!(counts["dead"].dead, 2, "and what is too much");
    let dead = hub.dead("w", 100).await.unwrap();
    assert!(dead.iter().any(|one| one.what.id == "dead-3"), "the newest stay");
    hub.forget(bounds(0, 1)).await.unwrap();
    assert_eq!(hub.messages("kept", ROOM).await.unwrap().len(), 1);
    assert!(hub.invocation("k-2").await.unwrap().is_some());
    assert!(hub.invocation("k-3").await.unwrap().is_some(), "it has not ended");
}
