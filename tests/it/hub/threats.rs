//! What an attacker may try against the hub's doors (threats C and H), each by its id.

use std::time::Duration;

use reqwest::Method;
use sdm::hub::administration::KeyWish;
use sdm::runtime::open_files::raise_limit;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::events::push;
use super::machine::{Machine, PATIENCE, TestHub, quick, registration, signature, wish};

/// What the hub answers to a webhook with this signature: all that the sender sees, but for the name of the request, which each
/// answer has of its own.
async fn answer_to(hub: &TestHub, body: &str, signature: &str) -> (u16, String, String) {
    answer_at(hub, "/webhooks/github/w", body, signature).await
}

async fn answer_at(hub: &TestHub, path: &str, body: &str, signature: &str) -> (u16, String, String) {
    let request = hub.http.post(hub.url(path));
    let request = request
        .header("x-github-event", "push")
        .header("x-github-delivery", "d")
        .header("x-hub-signature-256", signature);
    let response = request.body(body.to_owned()).send().await.unwrap();
    let mut headers = response.headers().clone();
    headers.remove("date");
    let request = headers.remove("x-request-id");
    let status = response.status().as_u16();
    let mut said = response.text().await.unwrap();
    if let Some(request) = request {
        said = said.replace(request.to_str().unwrap(), "REQUEST");
    }
    (status, format!("{headers:?}"), said)
}

/// A wrong signature is refused the same whatever it has in common with the right one. How long that takes is measured beside the
/// comparison itself, where nothing of the way there is in between.
#[tokio::test]
async fn c2_a_wrong_signature_tells_nothing_of_the_right_one() {
    let hub = TestHub::start(quick()).await;
    let body = push("a", "b").to_string();
    let right = signature(&body);
    let refused = answer_to(&hub, &body, "sha256=").await;
    assert_eq!(refused.0, 401);
    // Guesses are counted for each workspace, and the secret is one for all.
    let place_of = |place: usize| format!("/webhooks/github/w-{place}");
    let digits = "sha256=".len();
    for place in digits..right.len() {
        let mut wrong = right.clone().into_bytes();
        wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(
            answer_at(&hub, &place_of(place), &body, &wrong).await,
            refused,
            "{place} characters are right"
        );
        assert_eq!(
            answer_at(&hub, &place_of(place), &body, &right[..place]).await,
            refused
        );
    }
    assert_eq!(answer_to(&hub, &body, &right).await.0, 200);
}

/// A connection on which a request begins.
async fn begin(hub: &TestHub, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(hub.hub.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What comes on a connection until it ends.
async fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that is reset has ended too.
    let _ = read.expect("the hub ends it");
    bytes
}

/// The same as text.
async fn rest(stream: &mut TcpStream) -> String {
    String::from_utf8_lossy(&rest_of(stream).await).into_owned()
}

const POST: &str = "POST /webhooks/github/w HTTP/1.1\r\nHost: hub\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d\r\nX-Hub-Signature-256: sha256=00\r\n";

#[tokio::test]
async fn c7_bodies_that_are_too_large_or_never_end_are_cut_off() {
    let hub = TestHub::start(quick()).await;
    let mut announced = begin(&hub, &format!("{POST}Content-Length: 52428800\r\n\r\n{{")).await;
    let answer = rest(&mut announced).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut endless = begin(&hub, &format!("{POST}Transfer-Encoding: chunked\r\n\r\n")).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let (mut sent, limit) = (0, 26 * 1024 * 1024 + 8 * 1024 * 1024);
    while sent < 2 * limit && endless.write_all(chunk.as_bytes()).await.is_ok() {
        sent += 0x1_0000;
    }
    assert!(sent < limit, "{sent} bytes were taken");
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let figures = hub.figures().await;
    let line = "sdm_hub_refused_total{door=\"webhook\",reason=\"too_large\"} 2\n";
    assert!(figures.contains(line), "{figures}");
}

#[tokio::test]
async fn c7_those_who_send_byte_by_byte_hold_nobody_up() {
    let hub = TestHub::start(quick()).await;
    let mut slow = Vec::new();
    for number in 0..300 {
        let head = match number % 3 {
            0 => "G".to_owned(),
            1 => "GET /health HTTP/1.1\r\nHost: h".to_owned(),
            _ => format!("{POST}Content-Length: 1000\r\n\r\n{{"),
        };
        slow.push(begin(&hub, &head).await);
    }
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    for number in 0..20 {
        for stream in &mut slow {
            stream.write_all(b"x").await.unwrap();
        }
        let mut payload = push("a", "b");
        payload["ref"] = json!(format!("refs/heads/branch-{number}"));
        let id = format!("d-{number}");
        let sent = hub.github("push", &id, &payload);
        let answered = tokio::time::timeout(Duration::from_secs(5), sent).await;
        assert_eq!(answered.expect("others are answered").0, 200);
        let event = machine.hear().await;
        assert_eq!(
            event["data"]["Push"][0]["branch"],
            json!(format!("branch-{number}"))
        );
        machine.answer(&event).await;
    }
}

/// A connection from another address of this computer.
async fn from_elsewhere(hub: &TestHub) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.2:0".parse().unwrap())?;
    socket.connect(hub.hub.address).await
}

/// As many as the limit of open files lets this process hold, both ends of each; the threat names 10,000.
#[tokio::test]
async fn c7_thousands_who_send_byte_by_byte_hold_nobody_up() {
    let limit = usize::try_from(raise_limit().unwrap()).unwrap_or(usize::MAX);
    let count = (limit.saturating_sub(1_000) / 2).min(10_000);
    if count < 2_000 {
        println!("skipped: this process may have {limit} files open only");
        return;
    }
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    let mut slow = Vec::new();
    for _ in 0..count {
        let mut stream = from_elsewhere(&hub).await.unwrap();
        // Whoever is turned away may hear it before it says anything.
        let _ = stream.write_all(b"G").await;
        slow.push(stream);
    }
    let mut late = hub.machine(&registration("late", "1.0.0", "ephemeral")).await;
    for number in 0..10 {
        for stream in slow.iter_mut().skip(number).step_by(10) {
            let _ = stream.write_all(b"x").await;
        }
        let mut payload = push("a", "b");
        payload["ref"] = json!(format!("refs/heads/branch-{number}"));
        let id = format!("d-{number}");
        let sent = hub.github("push", &id, &payload);
        let answered = tokio::time::timeout(Duration::from_secs(5), sent).await;
        assert_eq!(answered.expect("others are answered").0, 200);
        for machine in [&mut machine, &mut late] {
            let event = machine.hear().await;
            assert_eq!(
                event["data"]["Push"][0]["branch"],
                json!(format!("branch-{number}"))
            );
            machine.answer(&event).await;
        }
    }
    let figures = hub.figures().await;
    println!("{count} connections: {figures}");
    // Nobody has all places, however many files this process may have.
    if count > 7_168 {
        let line = "sdm_hub_refused_total{door=\"connection\",reason=\"too_many_of_address\"}";
        assert!(figures.contains(line), "{figures}");
        let turned_away = rest(slow.last_mut().unwrap()).await;
        assert!(
            turned_away.is_empty() || turned_away.starts_with("HTTP/1.1 503"),
            "{turned_away}"
        );
    }
}

/// The start of a websocket on a bare connection.
async fn bare_socket(hub: &TestHub, name: &str) -> TcpStream {
    let url = hub.register(&registration(name, "1.0.0", "ephemeral")).await;
    let path = url.splitn(4, '/').nth(3).unwrap();
    let head = format!(
        "GET /{path} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    let mut stream = begin(hub, &head).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A masked frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = vec![first, 0xFF];
    bytes.extend(u64::from(length).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The code of the frame that closes, among those of a server.
fn close_code(mut frames: &[u8]) -> Option<u16> {
    loop {
        let [first, length, rest @ ..] = frames else {
            return None;
        };
        let (length, rest) = match length {
            126 => (
                usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])),
                &rest[2..],
            ),
            length => (usize::from(*length), rest),
        };
        if first & 0x0F == 8 {
            return Some(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        }
        frames = rest.get(length..)?;
    }
}

#[tokio::test]
async fn g3_frames_that_cannot_be_end_their_conversation_and_nobody_elses() {
    let hub = TestHub::start(quick()).await;
    let mut other = hub.machine(&registration("other", "1.0.0", "ephemeral")).await;
    let mut a_gigabyte = vec![0x81, 0xFF];
    a_gigabyte.extend((1_u64 << 30).to_be_bytes());
    a_gigabyte.extend([0; 4]);
    let attacks = [
        ("announced", a_gigabyte, 1009),
        ("compressed", frame(0xC1, b"{}"), 1002),
        ("not-text", frame(0x81, &[b'"', 0xFF, 0xFE, b'"']), 1007),
        ("unmasked", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("unknown", frame(0x83, b"{}"), 1002),
        ("long-ping", frame(0x89, &[b'x'; 126]), 1002),
        ("a-part-of-nothing", frame(0x80, b"{}"), 1002),
    ];
    for (name, bytes, code) in attacks {
        let mut stream = bare_socket(&hub, name).await;
        stream.write_all(&bytes).await.unwrap();
        let frames = rest_of(&mut stream).await;
        assert_eq!(close_code(&frames), Some(code), "{name}: {frames:?}");
        other.settled().await;
    }
    let figures = hub.figures().await;
    for (reason, count) in [
        ("too_large", 1),
        ("compressed", 1),
        ("invalid_text", 1),
        ("malformed_frame", 4),
    ] {
        let line = format!("sdm_hub_refused_total{{door=\"websocket\",reason=\"{reason}\"}} {count}\n");
        assert!(figures.contains(&line), "{line}: {figures}");
    }
    // Parts of a message that never ends.
    let mut stream = bare_socket(&hub, "endless").await;
    let mut part = frame(0x01, &[b' '; 64 * 1024]);
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 && stream.write_all(&part).await.is_ok() {
        sent += 64 * 1024;
        part[0] = 0x00;
    }
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes of one message were taken");
    other.settled().await;
    // Very many that mean nothing are borne for a while, and then not.
    let mut tiny = bare_socket(&hub, "tiny").await;
    let nothing = frame(0x81, b"").repeat(1_000);
    while tiny.write_all(&nothing).await.is_ok() {}
    other.settled().await;
}

#[tokio::test]
async fn h4_a_picture_that_a_webhook_names_is_fetched_by_nobody() {
    use futures_util::FutureExt as _;
    let decoy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = decoy.local_addr().unwrap().to_string();
    let hub = TestHub::start(quick()).await;
    let mut event = push("a", "b");
    let picture = json!(format!("http://{address}/picture"));
    event["sender"] = json!({"login": "ada", "id": 5, "type": "User", "avatar_url": picture});
    event["repository"]["owner"]["avatar_url"] = picture.clone();
    event["head_commit"]["author"]["avatar_url"] = picture;
    assert_eq!(hub.github("push", "1", &event).await.0, 200);
    let mut ada = super::people::signed_in(&hub, "ada", sdm::ports::people::PersonRole::Admin).await;
    for path in ["/workspaces/w", "/workspaces/w/activity", "/people", "/you"] {
        let page = ada.get(path).await;
        assert!(
            !page.text.contains(&format!("src=\"http://{address}")),
            "{path}: {}",
            page.text
        );
    }
    assert!(decoy.accept().now_or_never().is_none(), "nobody has come");
}

#[tokio::test]
async fn h8_what_is_open_to_everybody_reveals_nothing() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    let _machine = hub
        .machine(&registration("a-secret-machine", "1.0.0", "durable"))
        .await;
    let health = hub.http.get(hub.url("/health")).send().await.unwrap();
    assert!(health.headers().get("server").is_none());
    assert_eq!(health.text().await.unwrap(), "UP");
    let names = [
        "acme/app",
        "acme",
        "secret",
        "sdm/",
        "axum",
        "hyper",
        env!("CARGO_PKG_VERSION"),
        "canary",
    ];
    let doors = [
        "/",
        "/metrics",
        "/ws/open",
        "/ws/guess",
        "/registration",
        "/graphql/team/w",
        "/webhooks/github/w",
        "/webhooks/github/x",
        "/api/logs/w/s/e/g",
        "/nothing",
        "/favicon.ico",
    ];
    for door in doors {
        let response = hub.http.get(hub.url(door)).send().await.unwrap();
        assert!(!response.status().is_server_error(), "{door}");
        let said = format!("{:?} {}", response.headers(), response.status());
        let said = format!("{said} {}", response.text().await.unwrap()).to_lowercase();
        for name in names {
            assert!(!said.contains(name), "{door} says `{name}`: {said}");
        }
    }
    // Whether a workspace is there cannot be told from outside.
    let body = push("a", "b").to_string();
    let known = answer_to(&hub, &body, "sha256=00").await;
    let unknown = answer_at(&hub, "/webhooks/github/elsewhere", &body, "sha256=00").await;
    assert_eq!(unknown, known);
}

/// Text of somebody, with everything that separates something somewhere.
const SEPARATORS: &str = "a/b#c@d..e~f!g?h|i\nj\u{0}k\r\nl\"m{n}[o],p:q=r&s;t%2Fu\u{1f}v";

#[tokio::test]
async fn c8_a_value_never_becomes_a_field() {
    let hub = TestHub::start(quick()).await;
    let mut subscribes = registration("m", "1.0.0", "durable");
    subscribes["events"][0]["subscription"] = json!(
        "subscription OnPush { Push { branch after { sha message author { login name } } repo { name } } }"
    );
    let mut machine: Machine = hub.machine(&subscribes).await;
    let mut payload = push("a", "b");
    payload["commits"] = json!([]);
    payload["head_commit"]["message"] = json!(SEPARATORS);
    payload["head_commit"]["author"]["name"] = json!(SEPARATORS);
    payload["ref"] = json!("refs/heads/x#y@z/refs/heads/main");
    assert_eq!(hub.github("push", "d|1#2/3", &payload).await.0, 200);
    let event = machine.hear().await;
    let told = &event["data"]["Push"][0];
    assert_eq!(told["branch"], json!("x#y@z/refs/heads/main"));
    assert_eq!(told["after"]["message"], json!(SEPARATORS));
    assert_eq!(told["after"]["author"]["name"], json!(SEPARATORS));
    assert_eq!(told["after"]["sha"], json!("b".repeat(40)));
    assert_eq!(told["repo"]["name"], json!("app"));
    // Two builds whose provider and id read alike together are two.
    for (provider, id) in [("ci/a", "b"), ("ci", "a/b")] {
        let build = json!({
            "repository": {"owner_name": "acme", "name": "app"}, "status": "passed", "commit": "b".repeat(40),
            "provider": provider, "id": id
        });
        let (status, answer) = hub.post("/atomist/build/teams/w", &hub.key, &build).await;
        assert_eq!(status, 200, "{answer}");
    }
    let asked = hub.ask("{ Build { buildId provider } }", Value::Null).await;
    assert_eq!(asked["data"]["Build"].as_array().unwrap().len(), 2, "{asked}");
}

/// A push of a repository of this number that calls itself so.
pub fn push_of(number: u64, name: &str, branch: &str) -> Value {
    let mut payload = push("a", "b");
    payload["repository"]["id"] = json!(number);
    payload["repository"]["name"] = json!(name);
    payload["repository"]["full_name"] = json!(format!("acme/{name}"));
    payload["ref"] = json!(format!("refs/heads/{branch}"));
    payload
}

#[tokio::test]
async fn c4_a_repository_is_its_number_whatever_a_webhook_calls_it() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(
        hub.github("push", "1", &push_of(8, "payroll", "main")).await.0,
        200
    );
    let limited = KeyWish {
        name: "payroll".to_owned(),
        repositories: vec!["acme/payroll".to_owned()],
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&limited).await.unwrap();
    let (status, answer) = hub
        .post("/registration", &key, &registration("p", "1.0.0", "durable"))
        .await;
    assert_eq!(status, 200, "{answer}");
    let mut machine = Machine::open(answer["url"].as_str().unwrap()).await;
    machine.settled().await;
    assert_eq!(
        hub.github("push", "2", &push_of(7, "payroll", "taken")).await.0,
        200
    );
    let renamed = push_of(8, "renamed", "own");
    // It has overtaken what says that it is called so.
    assert_eq!(hub.github("push", "3", &renamed).await.0, 200);
    let told = json!({
        "action": "renamed", "changes": {"repository": {"name": {"from": "payroll"}}}, "repository": renamed["repository"],
    });
    assert_eq!(hub.github("repository", "4", &told).await.0, 200);
    let event = machine.hear().await;
    assert_eq!(
        event["data"]["Push"][0]["branch"],
        json!("own"),
        "of the number that it may see, and never of the name: {event}"
    );
    machine.answer(&event).await;
    machine.settled().await;
}

#[tokio::test]
async fn f1_a_key_is_good_for_its_workspace_its_scopes_and_its_time_by_every_way_in() {
    let hub = TestHub::start(quick()).await;
    let reader = KeyWish {
        name: "reader".to_owned(),
        ..wish(&["graph:read"])
    };
    let (kept, key) = hub.administration().new_key(&reader).await.unwrap();
    let question = json!({"query": "query { Repo { name } }"}).to_string();
    let ask = async |method: Method, path: &str, headers: &[(&str, &str)], key: &str| {
        let mut request = hub.http.request(method, hub.url(path)).bearer_auth(key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .header("content-type", "application/json")
            .body(question.clone());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(Method::POST, "/graphql/team/w", &[], &key).await, 200);
    for other in ["/graphql/team/W", "/graphql/team/w%2f", "/graphql/team/w%00"] {
        assert_eq!(
            ask(Method::POST, other, &[], &key).await,
            403,
            "another workspace: {other}"
        );
    }
    for path in [
        "/GraphQL/team/w",
        "/graphql/team/w/",
        "//graphql/team/w",
        "/graphql//team/w",
        "/graphql/team",
    ] {
        assert_eq!(ask(Method::POST, path, &[], &key).await, 404, "{path}");
    }
    // What leads elsewhere is the path that it leads to, and needs what that needs.
    assert_eq!(ask(Method::GET, "/graphql/../metrics", &[], &key).await, 403);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(
            ask(method.clone(), "/graphql/team/w", &[], &key).await,
            405,
            "{method}"
        );
    }
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let overridden = [(name, "POST")];
        assert_eq!(
            ask(Method::GET, "/graphql/team/w", &overridden, &key).await,
            405,
            "{name}"
        );
    }
    assert_eq!(
        ask(Method::GET, "/metrics", &[], &key).await,
        403,
        "a scope that it lacks"
    );
    hub.administration().revoke_key(&kept.id).await.unwrap();
    assert_eq!(
        ask(Method::POST, "/graphql/team/w", &[], &key).await,
        401,
        "at once"
    );
}
