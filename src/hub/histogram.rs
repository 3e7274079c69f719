//! How long things take, in steps that Prometheus adds up.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the steps, in microseconds, as they are written in seconds.
const STEPS: [(u64, &str); 12] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// How long something took, each time.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// Times that ended in each step, and not in the one before.
    steps: [AtomicU64; STEPS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Once more.
    pub(super) fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(step) = STEPS.iter().position(|(end, _)| micros <= *end) {
            self.steps[step].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// As Prometheus reads it.
    pub(super) fn write(&self, text: &mut String, name: &str, help: &str) {
        let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} histogram");
        let count = self.count.load(Ordering::Relaxed);
        let mut so_far = 0;
        for (step, (_, end)) in self.steps.iter().zip(STEPS) {
            so_far += step.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{end}\"}} {so_far}");
        }
        let micros = self.micros.load(Ordering::Relaxed);
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {seconds}.{rest:06}\n{name}_count {count}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_is_in_no_short_step() {
        let histogram = Histogram::default();
        for millis in [1, 3, 30_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let mut text = String::new();
        histogram.write(&mut text, "t", "Time");
        for line in [
            "# TYPE t histogram",
            "t_bucket{le=\"0.001\"} 1",
            "t_bucket{le=\"0.0025\"} 1",
            "t_bucket{le=\"0.005\"} 2",
            "t_bucket{le=\"10\"} 2",
            "t_bucket{le=\"+Inf\"} 3",
            "t_sum 30.004000",
            "t_count 3",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }
}
