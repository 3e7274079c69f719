//! Sends spans to a collector: OTLP over HTTP, as JSON. A collector that is away or slow costs the spans that it misses,
//! which are counted, and nothing else: nothing is sent twice, and nobody waits.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Span, SpanKind, Tracer, WAITING};
use crate::model::Timestamp;
use crate::runtime::tasks::Tasks;

/// Spans of one request.
const TOGETHER: usize = 512;

/// How long spans wait for others to go with.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take at the end of the process.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// The status of a span that failed.
const FAILED: u8 = 2;

/// Where spans go, and who says so.
#[derive(Debug, Clone)]
pub struct Export {
    /// The client to send with: its proxies and authorities are the process's.
    pub client: Client,
    /// Where traces are taken.
    pub address: Url,
    /// What is sent along, such as a token.
    pub headers: HeaderMap,
    /// What the process is: `sdm` or `sdm-hub`.
    pub service: &'static str,
    /// Which one of them it is.
    pub instance: String,
}

/// Where a collector at this address takes traces.
pub fn traces_at(base: &Url) -> Url {
    let mut address = base.clone();
    let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
    address.set_path(&path);
    address
}

/// Headers as `OTEL_EXPORTER_OTLP_HEADERS` has them: `name=value`, separated by commas; `None` when they are none.
pub fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}

/// Begins to send what the tracer is told, until the tasks are to end.
pub fn begin(export: Export, tasks: &Tasks) -> Tracer {
    let (sender, spans) = mpsc::channel(WAITING);
    let tracer = Tracer::to(sender);
    let mut sending = Sending {
        export,
        tracer: tracer.clone(),
        spans,
        batch: Vec::with_capacity(TOGETHER),
        stop: tasks.stop_token(),
        is_away: false,
    };
    tasks.spawn_forever("traces", async move { sending.send_all().await });
    tracer
}

struct Sending {
    export: Export,
    tracer: Tracer,
    spans: mpsc::Receiver<Span>,
    /// What goes together next.
    batch: Vec<Span>,
    stop: CancellationToken,
    /// The last request failed, which was said.
    is_away: bool,
}

impl Sending {
    async fn send_all(&mut self) {
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.gather() => self.send().await,
            }
        }
        self.take_what_is_there(usize::MAX);
        self.send().await;
    }

    /// Waits for spans, and a while for others to go with them. What it has when it is not waited for any more stays.
    async fn gather(&mut self) {
        if self.spans.recv_many(&mut self.batch, TOGETHER).await == 0 {
            // Nobody is left who could tell anything.
            std::future::pending::<()>().await;
        }
        if self.batch.len() < TOGETHER {
            tokio::time::sleep(PAUSE).await;
            self.take_what_is_there(TOGETHER);
        }
    }

    fn take_what_is_there(&mut self, most: usize) {
        while self.batch.len() < most
            && let Ok(span) = self.spans.try_recv()
        {
            self.batch.push(span);
        }
    }

    /// Sends what goes together.
    async fn send(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return;
        }
        let stop = self.stop.clone();
        let end = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_PATIENCE).await;
        };
        let outcome = tokio::select! {
            answered = self.export.request(&batch).send() => answered.and_then(reqwest::Response::error_for_status).map(drop),
            // The process ends, and waits for no collector.
            () = end => return self.tracer.lose(batch.len() as u64),
        };
        if outcome.is_err() {
            self.tracer.lose(batch.len() as u64);
        }
        self.say(outcome.err().map(reqwest::Error::without_url));
    }

    /// Says once that the collector is away, and once that it is back.
    fn say(&mut self, because: Option<reqwest::Error>) {
        match (because, self.is_away) {
            (Some(error), false) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "traces are lost: the collector does not take them"
                );
                self.is_away = true;
            }
            (None, true) => {
                tracing::info!(lost = self.tracer.lost(), "the collector takes traces again");
                self.is_away = false;
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

impl Export {
    fn request(&self, batch: &[Span]) -> RequestBuilder {
        self.client
            .post(self.address.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .timeout(PATIENCE)
            .body(self.body(batch).to_string())
    }

    fn body(&self, batch: &[Span]) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let resource = [
            ("service.name", self.service),
            ("service.version", version),
            ("service.instance.id", &self.instance),
        ];
        let resource: Vec<Value> = resource
            .iter()
            .map(|(name, text)| attribute(name, text))
            .collect();
        let spans: Vec<Value> = batch.iter().map(encoded).collect();
        json!({"resourceSpans": [{
            "resource": {"attributes": resource},
            "scopeSpans": [{"scope": {"name": "sdm", "version": version}, "spans": spans}],
        }]})
    }
}

fn encoded(span: &Span) -> Value {
    let attributes: Vec<Value> = span
        .attributes
        .iter()
        .map(|(name, text)| attribute(name, text))
        .collect();
    let mut encoded = json!({
        "traceId": span.context.trace.to_string(), "spanId": span.context.span.to_string(), "name": span.name,
        "kind": kind(span.kind), "startTimeUnixNano": nanos(span.began), "endTimeUnixNano": nanos(span.ended),
        "attributes": attributes,
    });
    if let Some(parent) = span.parent {
        encoded["parentSpanId"] = Value::from(parent.to_string());
    }
    if let Some(failure) = &span.failure {
        encoded["status"] = json!({"code": FAILED, "message": failure});
    }
    encoded
}

fn attribute(name: &str, text: &str) -> Value {
    json!({"key": name, "value": {"stringValue": text}})
}

const fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// A moment as collectors read it: a number as text, because it does not fit into what JSON makes of numbers.
fn nanos(moment: Timestamp) -> String {
    format!("{}000", moment.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_taken_below_the_address_of_the_collector() {
        for (base, address) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            (
                "https://c.example.org/otlp/",
                "https://c.example.org/otlp/v1/traces",
            ),
        ] {
            assert_eq!(traces_at(&Url::parse(base).unwrap()).as_str(), address);
        }
    }

    #[test]
    fn headers_are_pairs_and_their_values_are_not_shown() {
        let read = headers("api-key=s3cret, x-scope = a=b ,").unwrap();
        assert_eq!(read["api-key"], "s3cret");
        assert_eq!(read["x-scope"], "a=b");
        assert!(!format!("{read:?}").contains("s3cret"));
        assert_eq!(headers("no pair"), None);
        assert_eq!(headers("na me=x"), None);
    }
}
