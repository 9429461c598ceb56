//! The metrics of restores and snapshots. It knows no stage.

use prometheus::{CounterVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::MetricsError;
use crate::worker::{Kept, Restored};

/// What tells workers apart.
const WORKER: [&str; 2] = ["stage", "worker"];

/// Restores and snapshots of all workers.
#[derive(Debug)]
pub(super) struct RestoreMetrics {
    seconds: CounterVec,
    ignored: IntCounterVec,
    bytes: IntGaugeVec,
    marked: IntGaugeVec,
}

impl RestoreMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let metrics = Self {
            seconds: CounterVec::new(
                Opts::new(
                    "backstop_restore_seconds_total",
                    "Seconds until partitions were ready, added up, by what was read: snapshot or changelog.",
                ),
                &["stage", "worker", "from"],
            )?,
            ignored: IntCounterVec::new(
                Opts::new(
                    "backstop_snapshots_ignored_total",
                    "Snapshots that were found and not used; the log says why.",
                ),
                &WORKER,
            )?,
            bytes: IntGaugeVec::new(Opts::new("backstop_snapshot_bytes", "Bytes of the snapshots."), &WORKER)?,
            marked: IntGaugeVec::new(
                Opts::new(
                    "backstop_snapshot_marked_seconds",
                    "When the oldest of the snapshots was marked, in seconds since 1970-01-01T00:00:00Z.",
                ),
                &WORKER,
            )?,
        };
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.ignored.clone()))?;
        registry.register(Box::new(metrics.bytes.clone()))?;
        registry.register(Box::new(metrics.marked.clone()))?;
        Ok(metrics)
    }

    pub(super) fn restored(&self, stage: &str, worker: &str, restored: &Restored) {
        for (from, seconds) in [("snapshot", restored.snapshot_seconds), ("changelog", restored.source_seconds)] {
            self.seconds.with_label_values(&[stage, worker, from]).inc_by(seconds);
        }
    }

    pub(super) fn ignored(&self, stage: &str, worker: &str) {
        self.ignored.with_label_values(&[stage, worker]).inc();
    }

    pub(super) fn kept(&self, stage: &str, worker: &str, kept: Kept) {
        self.bytes.with_label_values(&[stage, worker]).set(kept.bytes as i64);
        self.marked.with_label_values(&[stage, worker]).set(kept.oldest_ms / 1_000);
    }
}
