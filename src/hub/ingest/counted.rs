//! What became of webhooks that are good, and how long they took.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::histogram::Histogram;
use super::Taken;

/// Webhooks since the hub began.
#[derive(Debug, Default)]
pub(in super::super) struct Webhooks {
    kept: AtomicU64,
    before: AtomicU64,
    nothing: AtomicU64,
    /// How long they took until they were answered.
    took: Histogram,
}

impl Webhooks {
    /// One more.
    pub(super) fn count(&self, taken: Taken, took: Duration) {
        let counter = match taken {
            Taken::Kept(_) => &self.kept,
            Taken::Before => &self.before,
            Taken::Nothing => &self.nothing,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.took.add(took);
    }

    /// As Prometheus reads it, beside those that were refused.
    pub(in super::super) fn write(&self, text: &mut String, refused: u64) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let _ = writeln!(
            text,
            "# HELP sdm_hub_webhooks_total Webhooks, by what became of them.\n# TYPE sdm_hub_webhooks_total counter"
        );
        for (outcome, count) in [
            ("kept", of(&self.kept)),
            ("before", of(&self.before)),
            ("nothing", of(&self.nothing)),
            ("refused", refused),
        ] {
            let _ = writeln!(text, "sdm_hub_webhooks_total{{outcome=\"{outcome}\"}} {count}");
        }
        let help = "How long webhooks took until they were answered";
        self.took.write(text, "sdm_hub_webhook_seconds", help);
    }
}
