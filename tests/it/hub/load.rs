//! How many signed webhooks are taken each second, beside the least that any receiver does: a bare handler that checks the
//! signature and makes sure of one row. Both in this process, one after the other, with the same senders.
//!
//! `cargo test --release --test it hub::load -- --ignored --nocapture`

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sdm::runtime::tasks::Tasks;
use serde_json::{Value, json};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::machine::{SECRET, TestHub, quick, signature};

const SENDERS: usize = 64;
const WEBHOOKS: usize = 8_000;
const REPOSITORIES: usize = 20;

/// A push that is like no other, as GitHub sends it.
fn request(number: usize) -> Vec<u8> {
    let id = |number: usize| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &number.to_be_bytes());
        hex::encode(digest)[..40].to_owned()
    };
    let person = json!({"name": "Ada", "email": "ada@example.org", "username": "ada"});
    let commit = json!({"id": id(number), "message": "A change ".repeat(8), "timestamp": "2026-01-01T00:00:00Z", "author": person, "committer": person});
    let repository = number % REPOSITORIES + 1;
    let body = json!({
        "ref": "refs/heads/main", "before": id(number.saturating_sub(REPOSITORIES)), "after": id(number),
        "repository": {
            "id": repository, "name": format!("app{repository}"), "full_name": format!("acme/app{repository}"), "default_branch": "main",
            "html_url": format!("https://github.com/acme/app{repository}"), "pushed_at": 1_800_000_000 + number,
            "owner": {"login": "acme", "type": "Organization"}
        },
        "commits": [commit], "head_commit": commit
    })
    .to_string();
    let signature = signature(&body);
    format!(
        "POST /webhooks/github/w HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d-{number}\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Webhooks each second: each sender waits for its answer before it sends again.
async fn rate(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>) -> f64 {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let senders = (0..SENDERS).map(|_| {
        let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut answer = vec![0; 4_096];
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                stream.write_all(request).await.unwrap();
                // Answers are short and come in one piece.
                let count = stream.read(&mut answer).await.unwrap();
                assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
            }
        }
    });
    futures_util::future::join_all(senders).await;
    requests.len() as f64 / begun.elapsed().as_secs_f64()
}

struct Bare {
    key: hmac::Key,
    pool: SqlitePool,
}

async fn take(State(bare): State<Arc<Bare>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let given = hex::decode(text("x-hub-signature-256").trim_start_matches("sha256=")).unwrap_or_default();
    if hmac::verify(&bare.key, &body, &given).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let kept = sqlx::query("INSERT INTO webhook (id, body) VALUES ($1, $2)")
        .bind(text("x-github-delivery"))
        .bind(&body[..])
        .execute(&bare.pool)
        .await;
    match kept {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The bare handler's address.
async fn bare(directory: &std::path::Path) -> SocketAddr {
    let options = SqliteConnectOptions::new()
        .filename(directory.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    sqlx::query("CREATE TABLE webhook (id TEXT PRIMARY KEY, body BLOB)")
        .execute(&pool)
        .await
        .unwrap();
    let bare = Arc::new(Bare {
        key: hmac::Key::new(hmac::HMAC_SHA256, SECRET),
        pool,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/webhooks/github/w", post(take))
        .with_state(bare);
    Tasks::new().spawn(
        "bare",
        async move { axum::serve(listener, router).await.unwrap() },
    );
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn webhooks_beside_the_least_that_any_receiver_does() {
    let directory = crate::support::remains::directory();
    let bare = bare(directory.path()).await;
    let hub = TestHub::start(quick()).await;
    for round in 0..3 {
        let requests = (round * WEBHOOKS..(round + 1) * WEBHOOKS).map(request);
        let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.collect());
        let (least, ours) = (
            rate(bare, Arc::clone(&requests)).await,
            rate(hub.hub.address, requests).await,
        );
        println!("hub: {ours:.0}/s, bare: {least:.0}/s");
    }
    let asked = hub.ask("{ Push(_first: 1) { branch } }", Value::Null).await;
    assert_eq!(asked["data"]["Push"], json!([{"branch": "main"}]));
}
