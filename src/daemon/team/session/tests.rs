//! A conversation with hubs of every kind, over a pipe in memory.

use std::sync::Mutex;

use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::*;
use crate::wire::hub::MAX_DOWNWARD;

const PATIENCE: Duration = Duration::from_secs(20);

/// Remembers what it was given.
#[derive(Default)]
struct Remembers {
    taken_in: Mutex<Vec<Downward>>,
    confirmed: Mutex<Vec<String>>,
    is_superseded: Mutex<bool>,
    changed: Mutex<Vec<(String, Duration)>>,
    token: Mutex<String>,
    unheard: Mutex<Vec<String>>,
    cannot_store: bool,
}

#[async_trait]
impl Partner for Remembers {
    async fn take(&self, message: Downward) -> Result<Option<Saying>, StoreError> {
        if self.cannot_store {
            return Err(StoreError::Conflict("disk"));
        }
        self.taken_in.lock().unwrap().push(message);
        let control = Control::named(extensions::ACK);
        Ok(Some(Saying::acknowledgement(&control, "d-1")))
    }

    async fn taken(&self, answers: &[String]) -> Result<(), StoreError> {
        self.confirmed.lock().unwrap().extend_from_slice(answers);
        Ok(())
    }

    async fn in_hand(&self) -> Vec<String> {
        vec!["c-1".to_owned()]
    }

    async fn is_waiting(&self) -> bool {
        false
    }

    fn may_resume(&self, token: &str) {
        *self.token.lock().unwrap() = token.to_owned();
    }

    fn unheard(&self, deliveries: Vec<String>) {
        *self.unheard.lock().unwrap() = deliveries;
    }

    fn superseded(&self) {
        *self.is_superseded.lock().unwrap() = true;
    }

    fn settings_changed(&self, workspace: &str, spread: Duration) {
        let mut changed = self.changed.lock().unwrap();
        changed.push((workspace.to_owned(), spread));
    }

    fn met_twin(&self) {}
}

struct Hub(WebSocketStream<DuplexStream>);

impl Hub {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next message that is no ping.
    async fn hears(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("the machine says something");
            match frame? {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message.get("ping").is_none() {
                        return Some(message);
                    }
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The number of the next ping.
    async fn hears_ping(&mut self) -> Value {
        loop {
            let frame = self.0.next().await.unwrap().unwrap();
            let message: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
            if let Some(number) = message.get("ping") {
                return number.clone();
            }
        }
    }
}

const QUICK: Rhythm = Rhythm {
    ping: Duration::from_millis(20),
    silence: Duration::from_secs(30),
    write: Duration::from_secs(5),
    drain: Duration::from_secs(5),
};

/// A machine in conversation with `hub`; how it ended, and whether its partner should still be looked at.
async fn ending_with<F: Future<Output = ()>>(
    partner: &Remembers,
    rhythm: Rhythm,
    hub: impl FnOnce(Hub, mpsc::Sender<Saying>, CancellationToken) -> F,
) -> Ending {
    ending_of(partner, (rhythm, None), hub).await
}

/// The same of one that goes on, with these stored.
async fn ending_of<F: Future<Output = ()>>(
    partner: &Remembers,
    (rhythm, resumed): (Rhythm, Option<Vec<String>>),
    hub: impl FnOnce(Hub, mpsc::Sender<Saying>, CancellationToken) -> F,
) -> Ending {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_DOWNWARD))
        .max_frame_size(Some(MAX_DOWNWARD));
    let socket = WebSocketStream::from_raw_socket(ours, Role::Client, Some(limits)).await;
    let hub_socket = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let (sender, sayings) = mpsc::channel(8);
    let (stop, again) = (CancellationToken::new(), Notify::new());
    let cues = Cues {
        stop: stop.clone(),
        again: &again,
        sayings,
        leases: true,
        resumed,
    };
    let session = Session::new(socket, partner, rhythm).run(cues);
    let (ending, ()) = tokio::join!(session, hub(Hub(hub_socket), sender, stop));
    ending
}

#[tokio::test]
async fn pings_go_both_ways_and_work_in_hand_is_renewed() {
    let partner = Remembers::default();
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, stop| async move {
        hub.say(r#"{"ping": "a"}"#).await;
        assert_eq!(hub.hears_ping().await, json!(0));
        hub.say(r#"{"pong": 0}"#).await;
        assert_eq!(hub.hears_ping().await, json!(1));
        loop {
            let message = hub.hears().await.unwrap();
            if message == json!({"control": {"name": "lease", "params": {"correlation_ids": ["c-1"], "millis": 30_000}}}) {
                break;
            }
        }
        stop.cancel();
        let mut is_drained = false;
        while let Some(message) = hub.hears().await {
            is_drained |= message["control"]["name"] == "drain";
        }
        assert!(is_drained);
    })
    .await;
    assert_eq!(ending, Ending::Stopped);
}

#[tokio::test]
async fn an_event_is_acknowledged_and_an_answer_counts_when_the_hub_has_read_on() {
    let partner = Remembers::default();
    let quiet = Rhythm {
        ping: Duration::from_secs(3600),
        ..QUICK
    };
    let watched = &partner;
    let ending = ending_with(&partner, quiet, |mut hub, sayings, stop| async move {
        hub.say(r#"{"data": {"Push": [{}]}, "extensions": {"team_id": "A", "operationName": "OnPush", "correlation_id": "e-1"}, "secrets": []}"#).await;
        assert_eq!(hub.hears().await.unwrap()["control"]["name"], "ack");
        let status = json!({"correlation_id": "e-1", "team": {"id": "A"}, "event": "OnPush", "status": {"code": 0, "reason": "done"}});
        let saying = Saying { text: status.to_string(), answers: Some("e-1".to_owned()), stored: None };
        sayings.send(saying).await.unwrap();
        assert_eq!(hub.hears().await.unwrap()["status"]["code"], 0);
        let number = hub.hears_ping().await;
        assert!(watched.confirmed.lock().unwrap().is_empty());
        hub.say(&json!({ "pong": number }).to_string()).await;
        stop.cancel();
        while hub.hears().await.is_some() {}
    })
    .await;
    assert_eq!(ending, Ending::Stopped);
    assert_eq!(*partner.confirmed.lock().unwrap(), ["e-1"]);
    assert_eq!(partner.taken_in.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_hub_may_not_have_heard_is_the_first_word_of_the_next_conversation() {
    let partner = Remembers::default();
    let quiet = Rhythm {
        ping: Duration::from_secs(3600),
        ..QUICK
    };
    let event = r#"{"data": {"Push": [{}]}, "extensions": {"team_id": "A", "operationName": "OnPush", "correlation_id": "e"}, "secrets": []}"#;
    let ended = ending_with(&partner, quiet, |mut hub, _sayings, _stop| async move {
        hub.say(r#"{"control": {"name": "resume", "params": {"resume_token": "one"}}}"#)
            .await;
        hub.say(event).await;
        assert_eq!(hub.hears().await.unwrap()["control"]["name"], "ack");
    })
    .await;
    assert!(matches!(ended, Ending::Lost(_)), "{ended:?}");
    assert_eq!(*partner.token.lock().unwrap(), "one");
    let unheard = partner.unheard.lock().unwrap().clone();
    assert_eq!(unheard, ["d-1"]);
    let resume = json!({"control": {"name": "resume", "params": {"delivery_ids": ["d-1"]}}});
    let ended = ending_of(
        &partner,
        (QUICK, Some(unheard)),
        |mut hub, _sayings, _stop| async move {
            assert_eq!(hub.hears().await.unwrap(), resume);
            hub.hears_ping().await;
        },
    )
    .await;
    assert!(matches!(ended, Ending::Lost(_)), "{ended:?}");
    assert_eq!(*partner.unheard.lock().unwrap(), ["d-1"], "it was not answered");
    let resumed = Some(vec!["d-1".to_owned()]);
    ending_of(
        &partner,
        (QUICK, resumed),
        |mut hub, _sayings, _stop| async move {
            let number = hub.hears_ping().await;
            hub.say(&json!({ "pong": number }).to_string()).await;
            // Whatever comes after that is said once the answer was heard.
            hub.say(r#"{"ping": "heard"}"#).await;
            while hub.hears().await.unwrap() != json!({"pong": "heard"}) {}
        },
    )
    .await;
    assert!(
        partner.unheard.lock().unwrap().is_empty(),
        "a ping after it was answered"
    );
}

#[tokio::test]
async fn c7_what_cannot_be_stored_ends_the_conversation_unacknowledged() {
    let partner = Remembers {
        cannot_store: true,
        ..Remembers::default()
    };
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, _stop| async move {
        hub.say(r#"{"data": {"Push": [{}]}, "extensions": {"team_id": "A", "operationName": "OnPush", "correlation_id": "e-1"}, "secrets": []}"#).await;
        while let Some(message) = hub.hears().await {
            assert_ne!(message["control"]["name"], "ack");
        }
    })
    .await;
    assert!(matches!(ending, Ending::Lost(because) if because.contains("could not be stored")));
}

#[tokio::test]
async fn g3_nonsense_is_put_up_with_for_a_while() {
    let partner = Remembers::default();
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, stop| async move {
        for nonsense in [
            "",
            "{",
            "[]",
            "{\"x\": 1}",
            "{\"control\": {\"name\": \"unheard_of\"}}",
        ] {
            hub.say(nonsense).await;
        }
        hub.say(r#"{"ping": 9}"#).await;
        while hub.hears().await.unwrap() != json!({"pong": 9}) {}
        stop.cancel();
        while hub.hears().await.is_some() {}
    })
    .await;
    assert_eq!(ending, Ending::Stopped);
    for flood in [
        "{\"ping\": 1}",
        "nonsense",
        "{\"pong\": 77}",
        "{\"control\": {\"name\": \"x\"}}",
    ] {
        let ending = ending_with(&partner, QUICK, |mut hub, _sayings, _stop| async move {
            // The machine stops reading at some point; then nothing can be said to it any more.
            for _ in 0..100_000 {
                let said = hub.0.send(Message::Text(flood.into()));
                if tokio::time::timeout(Duration::from_millis(200), said)
                    .await
                    .is_ok_and(|said| said.is_err())
                {
                    break;
                }
                while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::ZERO, hub.0.next()).await {}
            }
        })
        .await;
        assert!(matches!(ending, Ending::Lost(_)), "{flood}: {ending:?}");
    }
}

#[tokio::test]
async fn g3_a_message_beyond_the_limit_ends_the_conversation() {
    let partner = Remembers::default();
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, _stop| async move {
        let large = "x".repeat(MAX_DOWNWARD + 1);
        let said = hub.0.send(Message::Text(large.into()));
        tokio::time::timeout(PATIENCE, said).await.ok();
    })
    .await;
    assert_eq!(
        ending,
        Ending::Lost("it sent a message that is too large".to_owned())
    );
}

#[tokio::test]
async fn a_hub_that_goes_quiet_is_noticed_from_the_first_ping_on() {
    let partner = Remembers::default();
    let short = Rhythm {
        silence: Duration::from_millis(100),
        ..QUICK
    };
    let ending = ending_with(&partner, short, |mut hub, _sayings, _stop| async move {
        while hub.hears().await.is_some() {}
    })
    .await;
    assert!(matches!(ending, Ending::Lost(because) if because.contains("has not answered")));
}

#[tokio::test]
async fn a_hub_that_does_not_read_is_left() {
    let partner = Remembers::default();
    let short = Rhythm {
        write: Duration::from_millis(50),
        ..QUICK
    };
    let ending = ending_with(&partner, short, |hub, sayings, _stop| async move {
        let text = json!({"control": {"name": "x".repeat(1 << 16)}}).to_string();
        while sayings
            .send(Saying {
                text: text.clone(),
                answers: None,
                stored: None,
            })
            .await
            .is_ok()
        {}
        drop(hub);
    })
    .await;
    assert_eq!(
        ending,
        Ending::Lost("it does not read what is said to it".to_owned())
    );
}

#[tokio::test]
async fn a_hub_that_closes_for_a_while_says_how_long() {
    let partner = Remembers::default();
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, _stop| async move {
        hub.say(r#"{"control": {"name": "superseded", "params": {"version": "2.0.0"}}}"#)
            .await;
        hub.say(r#"{"control": {"name": "settings", "params": {"workspace": "w", "spread_millis": 250}}}"#)
            .await;
        hub.say(r#"{"control": {"name": "settings", "params": {"spread_millis": -1}}}"#)
            .await;
        hub.say(r#"{"control": {"name": "drain", "params": {"millis": 1500}}}"#)
            .await;
        hub.0.close(None).await.unwrap();
    })
    .await;
    assert_eq!(ending, Ending::Drained(Some(Duration::from_millis(1500))));
    assert!(*partner.is_superseded.lock().unwrap());
    let changed = [("w", 250), ("", 0)];
    let changed = changed.map(|(workspace, millis)| (workspace.to_owned(), Duration::from_millis(millis)));
    assert_eq!(*partner.changed.lock().unwrap(), changed);
}

#[tokio::test]
async fn a_hub_that_sends_the_machine_away_is_not_one_that_closes_for_a_while() {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let partner = Remembers::default();
    let ending = ending_with(&partner, QUICK, |mut hub, _sayings, _stop| async move {
        // A hub of an earlier version says this with every end.
        hub.say(r#"{"control": {"name": "drain", "params": {}}}"#).await;
        let frame = CloseFrame {
            code: 4403.into(),
            reason: "the registration was taken away".into(),
        };
        hub.0.close(Some(frame)).await.unwrap();
    })
    .await;
    assert_eq!(
        ending,
        Ending::Dismissed("the registration was taken away".to_owned())
    );
}
