//! Logs of goals: sent by offsets, read live, put into files, bounded, and only by those who may (threats E7, E8, G8).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use sdm::files::BucketAddress;
use sdm::files::logs::LogBucket;
use sdm::hub::administration::KeyWish;
use sdm::hub::logs::LogOptions;
use sdm::hub::{HubOptions, RunningHub, start};
use sdm::ports::hub::RestedLogs;
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::machine::{PATIENCE, TestHub, quick, registration, wish};
use crate::support::fake_bucket::{Answering, FakeBucket};

const LOG: &str = "/api/goal-logs/w/s/0-code/g/1";
const READ: &str = "/api/logs/w/s/0-code/g";

async fn hub_with(logs: LogOptions) -> (TestHub, crate::support::remains::Remains) {
    let directory = crate::support::remains::directory();
    let hub = run(&directory, logs).await;
    let administration = sdm::hub::administration::Administration::of(hub.memory());
    let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
    let hub = TestHub::of(hub, key);
    prepare(&hub).await;
    (hub, directory)
}

async fn run(directory: &crate::support::remains::Remains, logs: LogOptions) -> RunningHub {
    let place = Place::File(directory.path().join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.logs = logs;
    start(options).await.unwrap()
}

/// A machine, and a goal of it.
async fn prepare(hub: &TestHub) {
    hub.register(&registration("m", "1.0.0", "durable")).await;
    say_again(hub).await;
}

/// The machine says its goal, as it does again and again.
async fn say_again(hub: &TestHub) {
    let goal = json!({"goalSetId": "s", "environment": "0-code", "uniqueName": "g", "name": "g", "sha": "b", "branch": "main",
        "registration": "m", "state": "in_process", "version": 1, "ts": 1, "repo": {"owner": "acme", "name": "app", "providerId": "x"}});
    let mutation = "mutation M($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let answer = hub.ask(mutation, json!({ "goal": goal })).await;
    assert!(answer["data"]["ingestCustomSdmGoal"].is_string(), "{answer}");
}

#[tokio::test]
async fn g8_nobody_adds_to_a_log_by_its_address_alone() {
    let (hub, _directory) = hub_with(LogOptions::default()).await;
    let part = json!({"content": [{"level": "info", "message": "forged"}]}).to_string();
    let adds = async |key: Option<&str>, query: &str| {
        let path = format!("/api/logs/w/acme/app/b/0-code/g/s/x{query}");
        let request = hub.http.post(hub.url(&path)).body(part.clone());
        // As clients send the key of an address.
        let request = match key {
            Some(key) => request.basic_auth("hub", Some(key)),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    let key_of = async |name: &str, scopes: &[&str]| {
        let wish = KeyWish {
            name: name.to_owned(),
            ..wish(scopes)
        };
        hub.administration().new_key(&wish).await.unwrap().1
    };
    let (reader, other) = (
        key_of("reader", &["graph:read"]).await,
        key_of("other", &[]).await,
    );
    for query in ["", "?closed=true"] {
        assert_eq!(adds(None, query).await, 401);
        assert_eq!(
            adds(Some(&reader), query).await,
            403,
            "whoever reads goals has the id"
        );
        assert_eq!(adds(Some(&other), query).await, 403, "it is another machine's");
    }
    let (status, answer) = get(&hub, READ, &hub.key).await;
    assert_eq!((status, &answer["lines"]), (200, &json!([])), "nothing was added");
    assert_eq!(
        adds(Some(&hub.key), "").await,
        204,
        "as machines of the original do"
    );
    let probe = hub
        .http
        .head(hub.url("/api/logs"))
        .basic_auth("hub", Some(&hub.key));
    assert_eq!(probe.send().await.unwrap().status().as_u16(), 204);
    let mut ours = registration("m", "1.0.0", "durable");
    ours["capabilities"] = json!(["logs"]);
    hub.register(&ours).await;
    assert_eq!(
        adds(Some(&hub.key), "").await,
        404,
        "that machine has another door"
    );
}

#[tokio::test]
async fn g8_the_log_of_a_machine_that_is_away_is_nobody_elses() {
    let (hub, _directory) = hub_with(LogOptions::default()).await;
    let mut ours = registration("m", "1.0.0", "durable");
    ours["capabilities"] = json!(["logs"]);
    let mut machine = hub.machine(&ours).await;
    machine.settled().await;
    say_again(&hub).await;
    for registered in hub.administration().registrations().await.unwrap() {
        hub.administration().send_away(&registered.id).await.unwrap();
    }
    assert_eq!(machine.closed().await, 4403, "it is gone");
    let part = json!({"content": [{"level": "info", "message": "forged"}]}).to_string();
    let sent = hub
        .http
        .post(hub.url("/api/logs/w/acme/app/b/0-code/g/s/x"))
        .body(part)
        .send()
        .await;
    assert_eq!(sent.unwrap().status(), 401, "it comes with no key");
    let other = KeyWish {
        name: "other".to_owned(),
        ..wish(&[])
    };
    let (_, other) = hub.administration().new_key(&other).await.unwrap();
    let forged = self::part(0, 10, &[line(0, "forged")]);
    assert_eq!(
        hub.post(LOG, &other, &forged).await.0,
        403,
        "it is another machine's"
    );
    assert_eq!(
        send(&hub, &self::part(0, 10, &[line(0, "one")])).await,
        10,
        "its own it writes"
    );
}

pub fn line(offset: u64, text: &str) -> Value {
    json!({"offset": offset, "at": 1_800_000_000_000_000_u64, "stream": "out", "text": text})
}

pub fn part(from: u64, next: u64, lines: &[Value]) -> Value {
    json!({"from": from, "next": next, "lines": lines})
}

async fn send(hub: &TestHub, part: &Value) -> u64 {
    let (status, answer) = hub.post(LOG, &hub.key, part).await;
    assert_eq!(status, 200, "{answer}");
    answer["next"].as_u64().unwrap()
}

async fn get(hub: &TestHub, path: &str, key: &str) -> (u16, Value) {
    let response = hub.http.get(hub.url(path)).bearer_auth(key).send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn texts(hub: &TestHub, path: &str) -> Vec<String> {
    let (status, answer) = get(hub, path, &hub.key).await;
    assert_eq!(status, 200, "{answer}");
    let lines = answer["lines"].as_array().unwrap();
    lines
        .iter()
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn e8_what_is_sent_twice_is_kept_once_and_the_answer_says_where_to_go_on() {
    let (hub, _directory) = hub_with(LogOptions::default()).await;
    assert_eq!(send(&hub, &part(0, 10, &[line(0, "one")])).await, 10);
    assert_eq!(
        send(&hub, &part(0, 10, &[line(0, "one")])).await,
        10,
        "again, because the answer was lost"
    );
    assert_eq!(
        send(&hub, &part(20, 30, &[line(20, "three")])).await,
        10,
        "nothing is left out"
    );
    assert_eq!(
        send(&hub, &part(10, 30, &[line(10, "two"), line(20, "three")])).await,
        30
    );
    let (_, page) = get(&hub, READ, &hub.key).await;
    assert_eq!(
        (&page["next"], &page["complete"], &page["attempt"]),
        (&json!(30), &json!(false), &json!(1))
    );
    assert_eq!(texts(&hub, READ).await, ["one", "two", "three"]);
    assert_eq!(
        texts(&hub, &format!("{READ}?offset=11")).await,
        ["three"],
        "behind a line one has"
    );
    let mut last = part(30, 30, &[]);
    last["lost"] = json!(true);
    last["complete"] = json!(true);
    assert_eq!(send(&hub, &last).await, 31);
    let (_, page) = get(&hub, &format!("{READ}?offset=30"), &hub.key).await;
    assert_eq!(page["complete"], json!(true));
    assert!(
        page["lines"][0]["text"].as_str().unwrap().contains("gone before"),
        "{page}"
    );
    // Another attempt is another log, and the latest is shown.
    let (status, _) = hub
        .post(
            "/api/goal-logs/w/s/0-code/g/2",
            &hub.key,
            &part(0, 5, &[line(0, "again")]),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(texts(&hub, READ).await, ["again"]);
    assert_eq!(
        texts(&hub, &format!("{READ}?attempt=1&offset=10")).await[..2],
        ["two", "three"]
    );
}

#[tokio::test]
async fn e7_a_log_is_bounded_and_says_so() {
    let logs = LogOptions {
        most: 500,
        ..LogOptions::default()
    };
    let (hub, _directory) = hub_with(logs).await;
    let mut offset = 0;
    for _ in 0..20 {
        offset = send(&hub, &part(offset, offset + 10, &[line(offset, "some words")])).await;
    }
    assert_eq!(offset, 200, "what is too much is taken all the same");
    let mut last = part(200, 200, &[]);
    last["complete"] = json!(true);
    send(&hub, &last).await;
    let kept = texts(&hub, READ).await;
    assert!(
        kept.len() < 20 && kept.last().unwrap().contains("bytes more were not kept"),
        "{kept:?}"
    );
    let long = "x".repeat(200_000);
    let path = "/api/goal-logs/w/s/0-code/g/2";
    let (status, _) = hub
        .post(path, &hub.key, &part(0, 200_000, &[line(0, &long)]))
        .await;
    assert_eq!(status, 200);
    let flood = part(0, 9, &[line(0, &"x".repeat(2_000_000))]);
    assert_eq!(hub.post(path, &hub.key, &flood).await.0, 413);
}

#[tokio::test]
async fn g8_logs_are_written_by_whose_goals_they_are_and_names_are_no_paths() {
    let (hub, directory) = hub_with(LogOptions::default()).await;
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, stranger) = hub.administration().new_key(&stranger).await.unwrap();
    let one = part(0, 10, &[line(0, "one")]);
    assert_eq!(
        hub.post(LOG, &stranger, &one).await.0,
        403,
        "the goal is another machine's"
    );
    assert_eq!(hub.post(LOG, "hub_a_guess", &one).await.0, 401);
    let (_, reader) = hub
        .administration()
        .new_key(&wish(&["graph:read"]))
        .await
        .unwrap();
    assert_eq!(hub.post(LOG, &reader, &one).await.0, 403);
    assert_eq!(get(&hub, READ, &reader).await.0, 403);
    for path in [
        "/api/goal-logs/w/s/0-code/..%2f..%2f..%2fetc%2fcron.d%2fx/1",
        "/api/goal-logs/w/s/%2fetc%2fpasswd/g/1",
        "/api/goal-logs/other/s/0-code/g/1",
        "/api/goal-logs/w/s/0-code/g/0",
        "/api/goal-logs/w/s/0-code/g/-1",
    ] {
        let (status, answer) = hub.post(path, &hub.key, &one).await;
        assert!((400..500).contains(&status), "{path}: {status} {answer}");
    }
    for wrong in [
        json!({"from": 9, "next": 3, "lines": []}),
        json!({"from": -1, "next": 3, "lines": []}),
        json!([]),
    ] {
        assert_eq!(hub.post(LOG, &hub.key, &wrong).await.0, 400, "{wrong}");
    }
    assert!(!directory.path().join("etc").exists());
}

/// Events of a stream, from behind this one on, until one is called so.
pub async fn events_until(
    hub: &TestHub,
    path: &str,
    key: &str,
    (last_id, end): (Option<&str>, &str),
) -> Vec<(String, Value, String)> {
    let mut request = hub
        .http
        .get(hub.url(path))
        .bearer_auth(key)
        .header("accept", "text/event-stream");
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    let reading = async {
        loop {
            text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
            while let Some(at) = text.find("\n\n") {
                let event: String = text.drain(..at + 2).collect();
                let field = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.unwrap_or_default().trim().to_owned()
                };
                let name = field("event:");
                if name.is_empty() {
                    continue;
                }
                let data = serde_json::from_str(&field("data:")).unwrap();
                events.push((name.clone(), data, field("id:")));
                if name == end {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the stream goes on");
    events
}

/// Opens a stream with a key of a person's, revokes the key, and waits for the end of the stream.
pub async fn ends_with_its_key(hub: &TestHub, path: &str, (id, key): (&str, &str)) {
    let request = hub.http.get(hub.url(path)).bearer_auth(key);
    let mut stream = request
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status(), 200, "{path}");
    hub.administration().revoke_key(id).await.unwrap();
    let ending = async { while stream.chunk().await.unwrap().is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(5), ending).await;
    assert!(ended.is_ok(), "{path} outlives its key");
}

#[tokio::test]
async fn f1_what_grows_is_read_no_further_with_a_key_that_was_revoked() {
    let (hub, _directory) = hub_with(LogOptions::default()).await;
    send(&hub, &part(0, 10, &[line(0, "one")])).await;
    let reader = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&["goals:read", "graph:read"])
    };
    for path in [READ, "/workspaces/w/activity/stream"] {
        let (key, text) = hub.administration().new_key(&reader).await.unwrap();
        ends_with_its_key(&hub, path, (&key.id, &text)).await;
    }
    let (key, text) = hub.administration().new_key(&reader).await.unwrap();
    let waits = format!("{READ}?wait=30&offset=10");
    let revoking = async {
        hub.administration().revoke_key(&key.id).await.unwrap();
        send(&hub, &part(10, 20, &[line(10, "two")])).await;
    };
    let (waited, ()) = tokio::join!(get(&hub, &waits, &text), revoking);
    assert_eq!(waited.0, 401, "nor by whoever waited for it: {}", waited.1);
}

#[tokio::test]
async fn a_log_is_read_while_it_grows_and_again_from_where_one_was() {
    let (hub, _directory) = hub_with(LogOptions::default()).await;
    send(&hub, &part(0, 10, &[line(0, "one")])).await;
    let writing = async {
        send(&hub, &part(10, 20, &[line(10, "two")])).await;
        let mut last = part(20, 30, &[line(20, "three")]);
        last["complete"] = json!(true);
        send(&hub, &last).await;
    };
    let (events, ()) = tokio::join!(events_until(&hub, READ, &hub.key, (None, "end")), writing);
    let lines: Vec<&str> = events
        .iter()
        .filter(|(name, ..)| name == "lines")
        .flat_map(|(_, data, _)| data["lines"].as_array().unwrap())
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    assert_eq!(lines, ["one", "two", "three"]);
    assert_eq!(events.last().unwrap().2, "30");
    let again = events_until(&hub, READ, &hub.key, (Some("10"), "end")).await;
    assert_eq!(again[0].1["lines"].as_array().unwrap().len(), 2, "{again:?}");
    // Who waits without a stream is answered as soon as there is something.
    let path = "/api/goal-logs/w/s/0-code/g/2";
    let asked = format!("{READ}?attempt=2&wait=30");
    let waiting = get(&hub, &asked, &hub.key);
    let one = part(0, 4, &[line(0, "late")]);
    let (waited, _) = tokio::join!(waiting, hub.post(path, &hub.key, &one));
    assert_eq!(waited.1["lines"][0]["text"], json!("late"));
}

#[tokio::test]
async fn logs_that_have_rested_lie_in_files_and_are_read_like_the_others() {
    let shelf = crate::support::remains::directory();
    let logs = LogOptions {
        directory: Some(shelf.path().join("logs")),
        rest: Duration::from_millis(50),
        ..LogOptions::default()
    };
    let (hub, directory) = hub_with(logs.clone()).await;
    for (number, text) in ["one", "two", "three"].iter().enumerate() {
        let from = number as u64 * 10;
        send(&hub, &part(from, from + 10, &[line(from, text)])).await;
    }
    let files = || {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(shelf.path().join("logs")).into_iter().flatten() {
            found.extend(
                std::fs::read_dir(entry.unwrap().path())
                    .unwrap()
                    .map(|file| file.unwrap().path()),
            );
        }
        found
    };
    let filed = async {
        while files()
            .iter()
            .all(|file| file.file_name().unwrap().to_string_lossy().starts_with('.'))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, filed)
        .await
        .expect("the log is put into a file");
    assert_eq!(texts(&hub, READ).await, ["one", "two", "three"]);
    assert_eq!(texts(&hub, &format!("{READ}?offset=20")).await, ["three"]);
    // It may go on growing, and is found again after a restart.
    send(&hub, &part(30, 40, &[line(30, "four")])).await;
    assert_eq!(texts(&hub, READ).await, ["one", "two", "three", "four"]);
    let key = hub.key.clone();
    assert!(hub.hub.stop().await);
    let hub = TestHub::of(run(&directory, logs.clone()).await, key.clone());
    assert_eq!(texts(&hub, READ).await, ["one", "two", "three", "four"]);
    // A file that is gone is said, and ends nothing. The log may just be about to be put into its file anew: then it is there
    // again, or the word about the others is kept in it.
    let said = async {
        loop {
            for file in files() {
                std::fs::remove_file(file).ok();
            }
            let shown = texts(&hub, READ).await;
            if shown[0].contains("cannot read") || shown[0].contains("were lost with") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, said)
        .await
        .expect("it is said that the file is gone");
    assert!(hub.hub.stop().await);
    // And none is kept for ever.
    let short = LogOptions {
        keep: Duration::ZERO,
        ..logs
    };
    let hub = TestHub::of(run(&directory, short).await, key);
    let gone = async {
        while !texts(&hub, READ).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("old logs are forgotten");
    assert!(files().is_empty());
}

/// A hub whose logs rest in a bucket at once.
async fn run_with_bucket(
    directory: &crate::support::remains::Remains,
    bucket: Option<&FakeBucket>,
) -> RunningHub {
    let mut options = HubOptions::new(
        Place::File(directory.path().join("hub.db")),
        "127.0.0.1:0".parse().unwrap(),
    );
    options.rhythm = quick();
    options.logs = LogOptions {
        directory: Some(directory.path().join("logs")),
        rest: Duration::ZERO,
        ..LogOptions::default()
    };
    options.log_store = bucket.map(|bucket| {
        let address = BucketAddress {
            service: Some(bucket.service()),
            bucket: "logs".to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "hub".to_owned(),
            access_key: "ada".to_owned().into(),
            secret_key: "canary-of-the-bucket".to_owned().into(),
            proxy: None,
            extra_ca_files: Vec::new(),
            largest: 1 << 20,
        };
        Arc::new(LogBucket::new(&address).unwrap()) as Arc<dyn RestedLogs>
    });
    start(options).await.unwrap()
}

/// Waits until this holds.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn files_of_logs(directory: &crate::support::remains::Remains) -> usize {
    let below = std::fs::read_dir(directory.path().join("logs"))
        .into_iter()
        .flatten();
    let files = below
        .flatten()
        .flat_map(|entry| std::fs::read_dir(entry.path()).unwrap());
    files.count()
}

#[tokio::test]
async fn logs_that_have_rested_lie_in_a_bucket_where_one_is_configured_and_earlier_ones_stay_readable() {
    let directory = crate::support::remains::directory();
    let bucket = FakeBucket::start().await;
    let hub = run_with_bucket(&directory, None).await;
    let administration = sdm::hub::administration::Administration::of(hub.memory());
    let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
    let hub = TestHub::of(hub, key.clone());
    prepare(&hub).await;
    send(&hub, &part(0, 10, &[line(0, "one")])).await;
    until("a file of the log", || files_of_logs(&directory) == 1).await;
    hub.hub.stop().await;
    let hub = TestHub::of(run_with_bucket(&directory, Some(&bucket)).await, key.clone());
    assert_eq!(texts(&hub, READ).await, ["one"], "from the file");
    send(&hub, &part(10, 20, &[line(10, "two")])).await;
    until("an object of the log", || bucket.objects().len() == 1).await;
    until("the file is not needed any more", || {
        files_of_logs(&directory) == 0
    })
    .await;
    let objects = bucket.objects();
    assert!(objects[0].starts_with("logs/hub/hub-logs/"), "{objects:?}");
    assert!(!objects[0].contains("0-code"), "names are no paths");
    assert_eq!(texts(&hub, READ).await, ["one", "two"]);
    assert_eq!(texts(&hub, &format!("{READ}?offset=5")).await, ["two"]);
    // The service is believed in nothing, and what it does not give is said in the place of the lines.
    for lie in [
        Answering::WithOtherBytes,
        Answering::CutShort,
        Answering::WithoutEnd,
        Answering::Refusing,
    ] {
        bucket.answer(lie);
        let read = texts(&hub, READ).await;
        assert!(read[0].contains("cannot read"), "{lie:?}: {read:?}");
    }
    bucket.answer(Answering::Honestly);
    assert_eq!(texts(&hub, READ).await, ["one", "two"]);
}
