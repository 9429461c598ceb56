//! Every metric of the runtime, with its meaning. It knows no stage; a stage's own figures are gauges named
//! `backstop_<stage>_<figure>` with the label `kind`, summed over the workers of the process: a figure
//! `("records", "normalised", 5)` of the stage `normalise` is `backstop_normalise_records{kind="normalised"} 5`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

use super::restores::RestoreMetrics;
use crate::stage::{Figures, PartitionId};
use crate::worker::{Commit, Restoring};

/// Bounds of the commit histogram, in seconds.
const COMMIT_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 20.0];

/// Figures of the workers, by worker and then by metric name and kind.
type Board = BTreeMap<String, BTreeMap<(String, String), i64>>;

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    records: IntCounterVec,
    record_bytes: IntCounterVec,
    published: IntCounterVec,
    published_bytes: IntCounterVec,
    transactions: IntCounterVec,
    commit_seconds: HistogramVec,
    event_time_lag: IntGaugeVec,
    lag: IntGaugeVec,
    partitions: IntGaugeVec,
    restored: IntGaugeVec,
    /// Restores and snapshots.
    pub(super) restores: RestoreMetrics,
    rebuilds: IntCounterVec,
    waiting: IntGaugeVec,
    undecided: IntGaugeVec,
    archive_rows: IntCounterVec,
    archive_inserts: IntCounterVec,
    archive_lag: IntGaugeVec,
    archive_replays: IntCounterVec,
    board: Mutex<Board>,
    /// By worker: whether all that it owns is ready.
    ready: Mutex<BTreeMap<String, bool>>,
    /// How many workers there will be.
    expected: AtomicUsize,
}

/// Metrics could not be described twice in one registry; a mistake in this file.
pub type MetricsError = prometheus::Error;

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, MetricsError> {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, MetricsError> {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        Ok(Self {
            records: counter("backstop_records_total", "Input records in committed transactions.", &["stage"])?,
            record_bytes: counter("backstop_record_bytes_total", "Key and value bytes of input records.", &["stage"])?,
            published: counter("backstop_published_total", "Records published, changelogs included.", &["stage"])?,
            published_bytes: counter("backstop_published_bytes_total", "Bytes published.", &["stage"])?,
            transactions: counter("backstop_transactions_total", "Transactions by outcome.", &["stage", "outcome"])?,
            commit_seconds: commit_seconds(&registry)?,
            event_time_lag: gauge(
                "backstop_event_time_lag_seconds",
                "Age of the newest record of the last commit, by its producer's timestamp.",
                &["stage", "worker"],
            )?,
            lag: gauge(
                "backstop_lag_records",
                "Offsets between what is committed and the last stable offset; 0 when all is read.",
                &["stage", "worker", "topic", "partition"],
            )?,
            partitions: gauge(
                "backstop_partitions",
                "Input partitions owned, by phase: restoring or running.",
                &["stage", "worker", "phase"],
            )?,
            restored: gauge(
                "backstop_restored_records",
                "Changelog records read by the worker since it was built.",
                &["stage", "worker"],
            )?,
            restores: RestoreMetrics::new(&registry)?,
            rebuilds: counter(
                "backstop_worker_rebuilds_total",
                "Times that a worker was thrown away and built anew.",
                &["stage", "worker"],
            )?,
            waiting: gauge(
                "backstop_waiting",
                "1 while a worker waits for something outside: broker or clickhouse.",
                &["what", "stage", "worker"],
            )?,
            undecided: undecided_seconds(&registry)?,
            archive_rows: counter("backstop_archive_rows_total", "Rows inserted into ClickHouse.", &["table"])?,
            archive_inserts: counter("backstop_archive_inserts_total", "Inserts by outcome.", &["table", "outcome"])?,
            archive_lag: gauge(
                "backstop_archive_lag_records",
                "Offsets of a topic that are not in ClickHouse yet.",
                &["topic", "partition"],
            )?,
            archive_replays: counter(
                "backstop_archive_replays_total",
                "Recorded intents that were found at a start and inserted again.",
                &["table"],
            )?,
            registry,
            board: Mutex::default(),
            ready: Mutex::default(),
            expected: AtomicUsize::new(1),
        })
    }

    pub(crate) fn committed(&self, stage: &str, worker: &str, commit: &Commit, now_ms: i64) {
        self.records.with_label_values(&[stage]).inc_by(commit.records);
        self.record_bytes.with_label_values(&[stage]).inc_by(commit.record_bytes);
        self.published.with_label_values(&[stage]).inc_by(commit.published);
        self.published_bytes.with_label_values(&[stage]).inc_by(commit.published_bytes);
        self.transactions.with_label_values(&[stage, "committed"]).inc();
        self.commit_seconds.with_label_values(&[stage]).observe(commit.commit_seconds);
        if commit.newest_timestamp_ms > 0 {
            let lag_seconds = (now_ms - commit.newest_timestamp_ms).max(0) / 1000;
            self.event_time_lag.with_label_values(&[stage, worker]).set(lag_seconds);
        }
    }

    pub(crate) fn aborted(&self, stage: &str) {
        self.transactions.with_label_values(&[stage, "aborted"]).inc();
    }

    pub(crate) fn restoring(&self, stage: &str, worker: &str, restoring: Restoring) {
        let running = (restoring.owned - restoring.waiting) as i64;
        self.partitions.with_label_values(&[stage, worker, "running"]).set(running);
        self.partitions.with_label_values(&[stage, worker, "restoring"]).set(restoring.waiting as i64);
        self.restored.with_label_values(&[stage, worker]).set(restoring.records as i64);
        self.set_ready(worker, restoring.waiting == 0);
    }

    pub(crate) fn figures(&self, stage: &str, worker: &str, figures: &Figures) {
        let mut sums = BTreeMap::new();
        for (name, kind, value) in &figures.rows {
            *sums.entry((metric_name(stage, name), kind.clone())).or_insert(0) += value;
        }
        self.board.lock().unwrap_or_else(PoisonError::into_inner).insert(worker.to_owned(), sums);
    }

    pub(crate) fn lag(&self, stage: &str, worker: &str, id: &PartitionId, lag: i64) {
        self.lag.with_label_values(&[stage, worker, &id.topic, &id.partition.to_string()]).set(lag);
    }

    /// For how long a partition has been held up; none: it is no more.
    pub(crate) fn undecided(&self, stage: &str, worker: &str, id: &PartitionId, waited: Option<Duration>) {
        let labels = [stage, worker, &id.topic, &id.partition.to_string()];
        match waited {
            Some(waited) => self.undecided.with_label_values(&labels).set(waited.as_secs() as i64),
            // It may never have been told.
            None => drop(self.undecided.remove_label_values(&labels)),
        }
    }

    /// That a worker has waited so long once more for the offsets of its group, which a transaction holds up; none: it
    /// has them. The wait goes on while the worker is built anew.
    pub(crate) fn offsets_undecided(&self, group: &str, worker: &str, waited: Option<Duration>) {
        let labels = [group, worker, "__consumer_offsets", ""];
        match waited {
            Some(waited) => self.undecided.with_label_values(&labels).add(waited.as_secs().max(1) as i64),
            None => drop(self.undecided.remove_label_values(&labels)),
        }
    }

    pub(crate) fn rebuilt(&self, stage: &str, worker: &str) {
        self.rebuilds.with_label_values(&[stage, worker]).inc();
        self.board.lock().unwrap_or_else(PoisonError::into_inner).remove(worker);
        self.set_ready(worker, false);
    }

    pub(crate) fn archived(&self, table: &str, rows: u64) {
        self.archive_rows.with_label_values(&[table]).inc_by(rows);
        self.archive_inserts.with_label_values(&[table, "done"]).inc();
    }

    pub(crate) fn archive_failed(&self, table: &str) {
        self.archive_inserts.with_label_values(&[table, "failed"]).inc();
    }

    pub(crate) fn archive_replayed(&self, table: &str) {
        self.archive_replays.with_label_values(&[table]).inc();
    }

    pub(crate) fn archive_lag(&self, topic: &str, partition: i32, lag: i64) {
        self.archive_lag.with_label_values(&[topic, &partition.to_string()]).set(lag);
    }

    /// Notes whether all that a worker owns is ready; a worker that is named must become so before the process is.
    pub(crate) fn set_ready(&self, worker: &str, ready: bool) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(worker.to_owned(), ready);
    }

    /// Says how many workers the process will have; it is not ready before so many are.
    pub(crate) fn expect_workers(&self, workers: usize) {
        self.expected.store(workers, Ordering::SeqCst);
    }

    /// Whether every worker has joined its group and restored what it owns.
    pub fn is_ready(&self) -> bool {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.len() >= self.expected.load(Ordering::SeqCst) && ready.values().all(|ready| *ready)
    }

    /// What a worker waits for.
    pub(crate) fn waiting(&self, stage: &str, worker: &str) -> Waiting {
        Waiting { gauge: self.waiting.clone(), stage: stage.to_owned(), worker: worker.to_owned() }
    }

    /// Everything in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory fails for no metric that can be described.
        let encoded = TextEncoder::new().encode(&self.registry.gather(), &mut bytes);
        debug_assert!(encoded.is_ok());
        let mut text = String::from_utf8(bytes).unwrap_or_default();
        self.write_figures(&mut text);
        text
    }

    fn write_figures(&self, text: &mut String) {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for ((name, kind), value) in board.values().flatten() {
            *sums.entry((name, kind)).or_insert(0) += value;
        }
        let mut last = "";
        for ((name, kind), value) in sums {
            if name != last {
                let _ = write!(
                    text,
                    "# HELP {name} A figure of the stage, over the partitions of this process.\n# TYPE {name} gauge\n"
                );
                last = name;
            }
            let kind = kind.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {value}");
        }
    }
}

fn commit_seconds(registry: &Registry) -> Result<HistogramVec, MetricsError> {
    let help = "From when a transaction was handed in to the end of its commit.";
    let options = HistogramOpts::new("backstop_commit_seconds", help).buckets(COMMIT_SECONDS.to_vec());
    let metric = HistogramVec::new(options, &["stage"])?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn undecided_seconds(registry: &Registry) -> Result<IntGaugeVec, MetricsError> {
    let help = "For how long a transaction that nobody decides has held up a partition; absent while none does.";
    let options = Opts::new("backstop_undecided_seconds", help);
    let metric = IntGaugeVec::new(options, &["stage", "worker", "topic", "partition"])?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// What stands not for a letter or a digit in a name becomes an underscore.
fn metric_name(stage: &str, figure: &str) -> String {
    format!("backstop_{stage}_{figure}").replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

/// The gauge `backstop_waiting` of one worker.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    gauge: IntGaugeVec,
    stage: String,
    worker: String,
}

impl Waiting {
    pub(crate) fn set(&self, what: &str, waits: bool) {
        self.gauge.with_label_values(&[what, &self.stage, &self.worker]).set(i64::from(waits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_workers_and_named_by_their_stage() {
        let metrics = Metrics::new().unwrap();
        for (worker, value) in [("normalise-0-0", 3), ("normalise-0-1", 4), ("normalise-0-1", 5)] {
            let mut figures = Figures::default();
            figures.add("records", "rejected \"so\"", value);
            metrics.figures("normalise", worker, &figures);
        }
        let text = metrics.text();
        assert!(text.contains("# TYPE backstop_normalise_records gauge\n"), "{text}");
        assert!(text.contains("backstop_normalise_records{kind=\"rejected \\\"so\\\"\"} 8\n"), "{text}");
    }

    #[test]
    fn the_process_is_ready_when_every_worker_is() {
        let metrics = Metrics::new().unwrap();
        metrics.set_ready("fuse-0-0", false);
        metrics.restoring("fuse", "fuse-0-1", Restoring { owned: 4, waiting: 0, records: 9 });
        assert!(!metrics.is_ready());
        metrics.restoring("fuse", "fuse-0-0", Restoring { owned: 4, waiting: 1, records: 9 });
        assert!(!metrics.is_ready());
        metrics.restoring("fuse", "fuse-0-0", Restoring { owned: 4, waiting: 0, records: 9 });
        assert!(metrics.is_ready());
        assert!(metrics.text().contains("backstop_partitions{phase=\"running\",stage=\"fuse\",worker=\"fuse-0-1\"} 4"));
        metrics.rebuilt("fuse", "fuse-0-0");
        assert!(!metrics.is_ready());
    }
}
