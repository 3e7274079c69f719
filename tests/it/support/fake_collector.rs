//! A collector of traces in memory, over real http: it takes what OTLP sends as JSON, and refuses when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use sdm::runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How long a span may be on its way.
const PATIENCE: Duration = Duration::from_secs(40);

/// A running one; gone when dropped.
pub struct FakeCollector {
    pub address: String,
    world: Arc<World>,
    _tasks: Tasks,
}

#[derive(Default)]
struct World {
    spans: Mutex<Vec<Taken>>,
    refuses: AtomicBool,
}

/// A span as it came.
#[derive(Debug, Clone)]
pub struct Taken {
    pub service: String,
    pub headers: HeaderMap,
    pub span: Value,
}

impl Taken {
    /// An attribute of the span; empty when it has none of this name.
    pub fn attribute(&self, name: &str) -> String {
        attribute(&self.span["attributes"], name)
    }

    /// `traceId-spanId`, as in the middle of `traceparent`.
    pub fn place(&self) -> String {
        let text = |name: &str| self.span[name].as_str().unwrap_or_default().to_owned();
        format!("{}-{}", text("traceId"), text("spanId"))
    }

    /// The same of its parent.
    pub fn parent(&self) -> String {
        let text = |name: &str| self.span[name].as_str().unwrap_or_default().to_owned();
        format!("{}-{}", text("traceId"), text("parentSpanId"))
    }
}

fn attribute(attributes: &Value, name: &str) -> String {
    let mut all = attributes.as_array().into_iter().flatten();
    let found = all.find(|attribute| attribute["key"] == name);
    let text = found.and_then(|found| found["value"]["stringValue"].as_str());
    text.unwrap_or_default().to_owned()
}

impl FakeCollector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(World::default());
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&world));
        let tasks = Tasks::new();
        tasks.spawn("collector", async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            world,
            _tasks: tasks,
        }
    }

    /// From now on it takes nothing, or takes again.
    pub fn refuse(&self, refuses: bool) {
        self.world.refuses.store(refuses, Ordering::SeqCst);
    }

    /// What has come.
    pub fn taken(&self) -> Vec<Taken> {
        self.world.spans.lock().unwrap().clone()
    }

    /// Waits until this finds something in what has come.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&[Taken]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let taken = self.taken();
            if let Some(found) = look(&taken) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "no {what} in {taken:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The first span of this name.
    pub async fn span(&self, name: &str) -> Taken {
        let look = |taken: &[Taken]| taken.iter().find(|taken| taken.span["name"] == name).cloned();
        self.until(name, look).await
    }
}

async fn take(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    if world.refuses.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    for resource in body["resourceSpans"].as_array().unwrap() {
        let service = attribute(&resource["resource"]["attributes"], "service.name");
        for scope in resource["scopeSpans"].as_array().unwrap() {
            let spans = scope["spans"].as_array().unwrap().iter();
            let taken = spans.map(|span| Taken {
                service: service.clone(),
                headers: headers.clone(),
                span: span.clone(),
            });
            world.spans.lock().unwrap().extend(taken);
        }
    }
    (StatusCode::OK, Json(json!({"partialSuccess": {}})))
}
