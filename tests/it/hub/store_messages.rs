//! What is read at once of what is said between people and machines. Part of the list in `store`.

use sdm::model::Timestamp;
use sdm::ports::hub::{Invocations as _, Messages as _, Phase, Room, StoredInvocation, StoredMessage};
use sdm::store::hub::SqlHub;

use super::store::{at, delivery};

pub async fn contract(hub: &SqlHub) {
    messages_are_read_as_many_as_have_room(hub).await;
    what_somebody_asked_lately_is_found(hub).await;
}

async fn what_somebody_asked_lately_is_found(hub: &SqlHub) {
    let ask = async |id: &str, workspace: &str, asked_by: &str, created: Timestamp, answer: Option<&str>| {
        let asked = StoredInvocation {
            id: id.to_owned(),
            workspace: workspace.to_owned(),
            registration: "lately".to_owned(),
            command: "Greet".to_owned(),
            asked_by: asked_by.to_owned(),
            asked_with: String::new(),
            request: "{\"parameters\": []}".to_owned(),
            phase: Phase::Pending,
            answer: String::new(),
            created,
            due: at(9_000),
            ended: None,
        };
        let mut sent = delivery(&format!("d-{id}"), "lately");
        sent.correlation = id.to_owned();
        hub.invoke(&asked, &sent).await.unwrap();
        if let Some(answer) = answer {
            let ended = created.plus(std::time::Duration::from_secs(10));
            assert!(hub.answered(id, Phase::Success, answer, ended).await.unwrap());
        }
    };
    ask("before", "l", "person:lea", at(90), None).await;
    ask("over", "l", "person:lea", at(110), Some("{}")).await;
    ask("open", "l", "person:lea", at(120), None).await;
    ask("short", "l", "person:lea", at(130), Some("{\"status\": {}}")).await;
    ask("long", "l", "person:lea", at(140), Some(&"ä".repeat(40_000))).await;
    ask("elsewhere", "k", "person:lea", at(140), None).await;
    ask("hers", "l", "person:ada", at(140), None).await;
    let lately = async |limit: u32| {
        let who = ("l", "person:lea");
        let found = hub.asked_lately(who, at(100), at(125), limit).await.unwrap();
        assert!(found.iter().all(|one| one.request.is_empty()));
        let shown = found.into_iter().map(|one| (one.id, one.phase, one.answer));
        shown.collect::<Vec<_>>()
    };
    let one = |id: &str, phase: Phase, answer: &str| (id.to_owned(), phase, answer.to_owned());
    let expected = [
        one("long", Phase::Success, ""),
        one("short", Phase::Success, "{\"status\": {}}"),
        one("open", Phase::Pending, ""),
    ];
    assert_eq!(lately(9).await, expected);
    assert_eq!(lately(2).await, expected[..2]);
}

/// What is read of messages at once has so many bytes, and the first message whatever it has.
async fn messages_are_read_as_many_as_have_room(hub: &SqlHub) {
    for (number, body) in ["ä".repeat(50), "b".repeat(100), "c".repeat(300)]
        .into_iter()
        .enumerate()
    {
        let message = StoredMessage {
            workspace: "roomy".to_owned(),
            place: "channel:general".to_owned(),
            id: format!("m-{number}"),
            invocation: "i-roomy".to_owned(),
            machine: "sdm".to_owned(),
            said_at: 0,
            ttl: 0,
            posted: at(u64::try_from(number).unwrap()),
            body,
        };
        hub.post(&message).await.unwrap();
    }
    let ids = |messages: Vec<StoredMessage>| -> Vec<String> {
        messages.into_iter().map(|message| message.id).collect()
    };
    for (messages, bytes, oldest, newest) in [
        (9, 500, &["m-0", "m-1", "m-2"][..], &["m-2", "m-1", "m-0"][..]),
        (9, 499, &["m-0", "m-1"], &["m-2", "m-1"]),
        (9, 199, &["m-0"], &["m-2"]),
        (9, 1, &["m-0"], &["m-2"]),
        (2, 500, &["m-0", "m-1"], &["m-2", "m-1"]),
    ] {
        let room = Room { messages, bytes };
        assert_eq!(
            ids(hub.messages_of("i-roomy", room).await.unwrap()),
            oldest,
            "{room:?}"
        );
        assert_eq!(
            ids(hub.messages("roomy", room).await.unwrap()),
            newest,
            "{room:?}"
        );
        let changed = hub.changed_messages("roomy", "channel:", 0, room).await.unwrap();
        let changed = changed.into_iter().map(|changed| changed.message).collect();
        assert_eq!(ids(changed), oldest, "{room:?}");
    }
}
