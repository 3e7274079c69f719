//! Figures for Prometheus, in its text form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Hub;
use super::access::operations::Operation;
use super::ingest::Webhooks;
use super::refusal::Refusal;
use super::refused::{Door, Refused};
use crate::ports::hub::{DeliveryCounts, HubStoreError};

/// What is counted since the hub began.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Changes that were kept.
    pub(super) changes: AtomicU64,
    /// Deliveries that began to wait.
    pub(super) deliveries: AtomicU64,
    /// Messages of machines that could not be read.
    pub(super) nonsense: AtomicU64,
    /// Webhooks that are about several repositories at once.
    pub(super) misnamed: AtomicU64,
    /// Webhooks that were missed and asked for.
    pub(super) missed: AtomicU64,
    /// Conversations that were resumed.
    pub(super) resumed: AtomicU64,
    /// Webhooks of forges.
    pub(super) webhooks: Webhooks,
    /// What was refused.
    pub(super) refused: Refused,
    /// How many deliveries stand how.
    pub(super) totals: Totals,
}

impl Counters {
    /// One more, or several.
    pub(super) fn count(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

/// How long what was counted of deliveries counts: to count it takes a look at all of them.
const COUNTS: Duration = Duration::from_secs(60);

/// How many deliveries stood how, and when that was counted.
#[derive(Debug, Default)]
pub(super) struct Totals(Mutex<Option<(Instant, DeliveryCounts)>>);

impl Hub {
    /// How many deliveries of all stand how, or stood a minute ago.
    async fn totals(&self) -> Result<DeliveryCounts, HubStoreError> {
        // Whoever comes meanwhile counts nothing a second time.
        let mut totals = self.counters().totals.0.lock().await;
        if let Some((at, counted)) = *totals
            && at.elapsed() < COUNTS
        {
            return Ok(counted);
        }
        let counted = self.store().totals().await?;
        *totals = Some((Instant::now(), counted));
        Ok(counted)
    }
}

/// `GET /metrics`.
pub(super) async fn show(State(hub): State<Hub>, headers: HeaderMap) -> Result<impl IntoResponse, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::Metrics)?;
    let totals = hub.totals().await?;
    let counters = hub.counters();
    let machines = hub.known().machines();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    for (name, kind, help, value) in [
        (
            "sdm_hub_sessions",
            "gauge",
            "Live conversations with machines",
            hub.sessions().count() as u64,
        ),
        (
            "sdm_hub_registrations",
            "gauge",
            "Registrations, those that are shadowed included",
            machines.count() as u64,
        ),
        (
            "sdm_hub_deliveries_waiting",
            "gauge",
            "Deliveries that wait for a machine",
            totals.waiting,
        ),
        (
            "sdm_hub_deliveries_sent",
            "gauge",
            "Deliveries that wait for an answer",
            totals.sent,
        ),
        (
            "sdm_hub_deliveries_dead",
            "gauge",
            "Deliveries that were given up",
            totals.dead,
        ),
        (
            "sdm_hub_changes_total",
            "counter",
            "Changes of the graph",
            count(&counters.changes),
        ),
        (
            "sdm_hub_deliveries_total",
            "counter",
            "Deliveries that changes caused",
            count(&counters.deliveries),
        ),
        (
            "sdm_hub_unreadable_messages_total",
            "counter",
            "Messages of machines that could not be read",
            count(&counters.nonsense),
        ),
        (
            "sdm_hub_misnamed_webhooks_total",
            "counter",
            "Webhooks whose repository is another by its number than by its name",
            count(&counters.misnamed),
        ),
        (
            "sdm_hub_webhooks_asked_again_total",
            "counter",
            "Webhooks that were missed and that the forge was asked to send again",
            count(&counters.missed),
        ),
        (
            "sdm_hub_sessions_resumed_total",
            "counter",
            "Conversations with machines that were resumed without a registration",
            count(&counters.resumed),
        ),
        (
            "sdm_hub_spans_lost_total",
            "counter",
            "Spans of traces that the collector did not take",
            hub.tracer().lost(),
        ),
    ] {
        let _ = writeln!(
            text,
            "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}"
        );
    }
    counters
        .webhooks
        .write(&mut text, counters.refused.at(Door::Webhook));
    counters.refused.write(&mut text);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
