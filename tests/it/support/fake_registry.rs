//! A registry of images in memory, over real http: what is sent to it is kept by digest, tags name digests and can move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sdm::runtime::tasks::Tasks;
use tokio::net::TcpListener;

/// Largest piece that is taken.
const LARGEST: usize = 64 << 20;

/// A running one; gone when dropped.
pub struct FakeRegistry {
    port: u16,
    world: Arc<Mutex<World>>,
    _tasks: Tasks,
}

#[derive(Default)]
struct World {
    /// Layers, configurations and manifests by digest.
    blobs: BTreeMap<String, Bytes>,
    /// Media types of manifests.
    kinds: BTreeMap<String, String>,
    /// Digests by `repository:tag`.
    tags: BTreeMap<String, String>,
    /// What is being sent.
    uploads: BTreeMap<String, Vec<u8>>,
    /// The header of the only ones who may have anything; everybody may when there is none.
    door: Option<String>,
}

impl FakeRegistry {
    /// One without images.
    pub async fn start() -> Self {
        let world = Arc::<Mutex<World>>::default();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tasks = Tasks::new();
        let stop = tasks.stop_token().cancelled_owned();
        tasks.spawn("fake registry", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop)
                .await
                .unwrap();
        });
        Self {
            port,
            world,
            _tasks: tasks,
        }
    }

    /// `host:port`.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The digest that a tag, `repository:tag`, names now.
    pub fn digest_of(&self, tag: &str) -> String {
        self.world().tags[tag].clone()
    }

    /// Lets in nobody from now on but whoever logs in so.
    pub fn close_to_all_but(&self, user: &str, password: &str) {
        let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.world().door = Some(format!("Basic {login}"));
    }

    /// Forgets a manifest, as registries do that keep only what has a tag.
    pub fn forget(&self, digest: &str) {
        self.world().blobs.remove(digest);
    }
}

type Answer = Result<Response<Body>, StatusCode>;

async fn serve(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let path = parts
        .uri
        .path()
        .trim_start_matches("/v2")
        .trim_start_matches('/')
        .to_owned();
    let mut world = world.lock().unwrap();
    let asked = Asked {
        method: parts.method,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    if !world.lets_in(&asked) {
        return turned_away();
    }
    let answer = if path.is_empty() {
        Ok(Response::new(Body::from("{}")))
    } else if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
        world.upload(repository, upload, &asked)
    } else if let Some((_, digest)) = path.split_once("/blobs/") {
        world.read(digest)
    } else if let Some((repository, reference)) = path.split_once("/manifests/") {
        world.manifest(repository, reference, &asked)
    } else {
        Err(StatusCode::NOT_FOUND)
    };
    answer.unwrap_or_else(|status| {
        let mut refused = Response::new(Body::from(r#"{"errors":[{"code":"UNKNOWN"}]}"#));
        *refused.status_mut() = status;
        refused
    })
}

fn turned_away() -> Response<Body> {
    let refused = Response::builder()
        .status(StatusCode::UNAUTHORIZED)
        .header("www-authenticate", "Basic realm=\"fake\"")
        .header("docker-distribution-api-version", "registry/2.0");
    let why = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    refused.body(Body::from(why)).unwrap()
}

struct Asked {
    method: Method,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest(&SHA256, bytes)))
}

fn answer(status: StatusCode, headers: &[(&str, &str)]) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Ok(answer.body(Body::empty()).unwrap())
}

impl World {
    fn lets_in(&self, asked: &Asked) -> bool {
        let shown = asked
            .headers
            .get("authorization")
            .and_then(|login| login.to_str().ok());
        self.door.as_deref().is_none_or(|door| shown == Some(door))
    }

    /// Takes a blob: asked for, in pieces, and at last by its digest.
    fn upload(&mut self, repository: &str, upload: &str, asked: &Asked) -> Answer {
        let id = match upload {
            "" => (self.uploads.len() + 1).to_string(),
            id => id.to_owned(),
        };
        let sent = self.uploads.entry(id.clone()).or_default();
        sent.extend_from_slice(&asked.body);
        let place = format!("/v2/{repository}/blobs/uploads/{id}");
        let range = format!("0-{}", sent.len().saturating_sub(1));
        if asked.method != Method::PUT {
            return answer(
                StatusCode::ACCEPTED,
                &[
                    ("location", &place),
                    ("range", &range),
                    ("docker-upload-uuid", &id),
                ],
            );
        }
        let sent = std::mem::take(sent);
        let digest = digest_of(&sent);
        let named = asked.query.replace("%3A", ":");
        if !named.contains(&digest) {
            return Err(StatusCode::BAD_REQUEST);
        }
        self.blobs.insert(digest.clone(), sent.into());
        let place = format!("/v2/{repository}/blobs/{digest}");
        answer(
            StatusCode::CREATED,
            &[("location", &place), ("docker-content-digest", &digest)],
        )
    }

    fn read(&self, digest: &str) -> Answer {
        let blob = self.blobs.get(digest).ok_or(StatusCode::NOT_FOUND)?;
        let kind = self
            .kinds
            .get(digest)
            .map_or("application/octet-stream", String::as_str);
        let answer = Response::builder()
            .header("content-type", kind)
            .header("docker-content-digest", digest);
        Ok(answer.body(Body::from(blob.clone())).unwrap())
    }

    fn manifest(&mut self, repository: &str, reference: &str, asked: &Asked) -> Answer {
        let tag = format!("{repository}:{reference}");
        if asked.method == Method::PUT {
            let digest = digest_of(&asked.body);
            let kind = asked.headers["content-type"].to_str().unwrap();
            self.kinds.insert(digest.clone(), kind.to_owned());
            self.blobs.insert(digest.clone(), asked.body.clone());
            self.tags.insert(tag, digest.clone());
            let place = format!("/v2/{repository}/manifests/{digest}");
            return answer(
                StatusCode::CREATED,
                &[("location", &place), ("docker-content-digest", &digest)],
            );
        }
        let digest = match reference.starts_with("sha256:") {
            true => reference.to_owned(),
            false => self.tags.get(&tag).cloned().ok_or(StatusCode::NOT_FOUND)?,
        };
        self.read(&digest)
    }
}
