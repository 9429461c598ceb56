//! What a process tells about itself: log lines, metrics, health. It knows no stage.

mod http;
mod metrics;
mod restores;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use http::serve;
pub(crate) use metrics::Waiting;
pub use metrics::{Metrics, MetricsError};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};
use crate::worker::{Commit, Happened, Observer};

/// Log lines could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `log.level` cannot be read.
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else has set it up before.
    #[error("log lines are set up already: {0}")]
    Twice(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Sets up log lines on standard error for the whole process.
pub fn start_logging(settings: &LogSettings) -> Result<(), LoggingError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&settings.level)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    match settings.format {
        LogFormat::Text => lines.try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).try_init()?,
    }
    Ok(())
}

/// Puts what a worker does into metrics and log lines.
pub(crate) struct WorkerObserver {
    metrics: Arc<Metrics>,
    stage: &'static str,
    worker: String,
    was_ready: bool,
    also_told: Option<OnCommit>,
}

/// What is called with each commit.
pub type OnCommit = Arc<dyn Fn(&Commit) + Send + Sync>;

impl WorkerObserver {
    pub(crate) fn new(metrics: Arc<Metrics>, stage: &'static str, worker: &str, also_told: Option<OnCommit>) -> Self {
        metrics.set_ready(worker, false);
        Self { metrics, stage, worker: worker.to_owned(), was_ready: false, also_told }
    }
}

impl Observer for WorkerObserver {
    fn happened(&mut self, what: &Happened<'_>) {
        match what {
            Happened::Committed(commit) => {
                // A clock for metrics only; no decision reads it.
                let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
                self.metrics.committed(self.stage, &self.worker, commit, now_ms);
                if let Some(also_told) = &self.also_told {
                    also_told(commit);
                }
            }
            Happened::Aborted(why) => {
                tracing::warn!(worker = self.worker, "a transaction was aborted and is done again: {why}");
                self.metrics.aborted(self.stage);
            }
            Happened::Restoring(restoring) => {
                self.metrics.restoring(self.stage, &self.worker, *restoring);
                let is_ready = restoring.waiting == 0;
                if is_ready != self.was_ready {
                    let (owned, waiting, records) = (restoring.owned, restoring.waiting, restoring.records);
                    tracing::info!(worker = self.worker, owned, waiting, records, "partitions");
                }
                self.was_ready = is_ready;
            }
            Happened::Restored(id, restored) => {
                let (topic, partition, snapshot_records) = (&id.topic, id.partition, restored.snapshot_records);
                tracing::debug!(
                    worker = self.worker,
                    snapshot_records,
                    snapshot_seconds = restored.snapshot_seconds,
                    source_records = restored.source_records,
                    source_seconds = restored.source_seconds,
                    "{topic}/{partition} is restored"
                );
                self.metrics.restores.restored(self.stage, &self.worker, restored);
            }
            Happened::Ignored(id, why) => {
                let (topic, partition) = (&id.topic, id.partition);
                tracing::warn!(worker = self.worker, "the snapshot of {topic}/{partition} is not used: {why}");
                self.metrics.restores.ignored(self.stage, &self.worker);
            }
            Happened::Kept(kept) => self.metrics.restores.kept(self.stage, &self.worker, *kept),
            Happened::Figures(figures) => self.metrics.figures(self.stage, &self.worker, figures),
        }
    }
}
