//! A stage within a stage: counts what the loop hands to it and what it says, and asks the loop to stop when it has
//! committed so many records. It knows no stage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use runtime::kafka::Stop;
use runtime::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, Stage, StageError, Step, Topology,
};

use super::figures::{Held, Measured};
use super::paced;
use super::usage::{Usage, Used};

/// What is found while a stage runs; shared with whoever waits for its end.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// Records committed.
    committed: AtomicU64,
    found: Mutex<Found>,
}

/// What was found at the end.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The counts; times are not set.
    pub(super) measured: Measured,
    /// The time of each commit, in seconds.
    pub(super) commits: Vec<f64>,
    /// The longest time from the first record of a transaction to its commit, in seconds.
    pub(super) wait: f64,
    /// From the first record to the commit of the last one.
    pub(super) used: Option<Used>,
    /// Why the time that was used is not known.
    pub(super) fault: Option<String>,
    /// The most state that the stage held.
    pub(super) held: Held,
}

impl Count {
    /// Records committed so far.
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// What was found; to be taken once, at the end.
    pub(super) fn take(&self) -> Found {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stage that counts.
pub(super) struct Counted<S> {
    inner: S,
    /// The stage's own, but that it writes beside the topics which other stages are measured with.
    topology: Topology,
    expected: u64,
    stop: Arc<Stop>,
    count: Arc<Count>,
    /// What was counted and is committed.
    done: Measured,
    /// What was counted in the open transaction.
    open: Measured,
    begun: Option<Usage>,
    /// When the open transaction's first record was applied.
    since: Option<Instant>,
    /// When the flush before the running commit began.
    flushing: Option<Instant>,
}

impl<S: Stage> Counted<S> {
    /// Counts around `inner` until `expected` records are committed, then asks for a stop.
    pub(super) fn new(inner: S, expected: u64, stop: Arc<Stop>, count: Arc<Count>) -> Self {
        let mut topology = inner.topology().clone();
        for topic in &mut topology.outputs {
            if let Some(beside) = paced::beside(topic) {
                *topic = beside;
            }
        }
        Self {
            inner,
            topology,
            expected,
            stop,
            count,
            done: Measured::default(),
            open: Measured::default(),
            begun: None,
            since: None,
            flushing: None,
        }
    }

    /// The first touched partition of a transaction is told first, and all of what is open is committed then.
    fn settle(&mut self, flushing: Instant) {
        let mut found = self.count.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.commits.push(flushing.elapsed().as_secs_f64());
        let wait = self.since.take().map_or(0.0, |since| since.elapsed().as_secs_f64());
        found.wait = found.wait.max(wait);
        let open = std::mem::take(&mut self.open);
        self.done.records += open.records;
        self.done.record_bytes += open.record_bytes;
        self.done.published += open.published;
        self.done.published_bytes += open.published_bytes;
        self.done.transactions += 1;
        self.count.committed.store(self.done.records, Ordering::Relaxed);
        if self.done.records < self.expected || found.used.is_some() {
            return;
        }
        found.measured = self.done;
        match used(self.begun.as_ref()) {
            Ok(used) => found.used = Some(used),
            Err(fault) => found.fault = Some(format!("{fault:#}")),
        }
        self.stop.request();
    }
}

fn used(begun: Option<&Usage>) -> Result<Used> {
    Ok(Usage::now()?.since(begun.context("no record was applied")?))
}

/// Adds what `outbox` holds beyond `before` (records, bytes).
fn add_published(open: &mut Measured, outbox: &Outbox, before: (usize, usize)) {
    open.published += (outbox.len() - before.0) as u64;
    open.published_bytes += (outbox.bytes() - before.1) as u64;
}

impl<S: Stage> Stage for Counted<S> {
    type Partition = S::Partition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> S::Partition {
        self.inner.open(id, counts)
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let mut sources = self.inner.restore_sources(id);
        let outputs = &self.inner.topology().outputs;
        for source in sources.iter_mut().filter(|source| outputs.contains(&source.topic)) {
            if let Some(beside) = paced::beside(&source.topic) {
                source.topic = beside;
            }
        }
        sources
    }

    fn restore(&self, partition: &mut S::Partition, record: &Record<'_>) -> Result<(), StageError> {
        self.inner.restore(partition, record)
    }

    fn need(&self, partition: &S::Partition, record: Option<&Record<'_>>) -> Option<Need> {
        self.inner.need(partition, record)
    }

    fn learn(&mut self, record: &Record<'_>) -> Result<(), StageError> {
        self.inner.learn(record)
    }

    fn apply(
        &mut self,
        partition: &mut S::Partition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        if self.begun.is_none() {
            let usage = Usage::now().map_err(|fault| StageError::about("bench", record, format!("{fault:#}")))?;
            self.begun = Some(usage);
        }
        self.since.get_or_insert_with(Instant::now);
        let before = (outbox.len(), outbox.bytes());
        let step = self.inner.apply(partition, record, outbox)?;
        add_published(&mut self.open, outbox, before);
        if step == Step::Done {
            self.open.records += 1;
            self.open.record_bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        }
        Ok(step)
    }

    fn flush(&mut self, partition: &mut S::Partition, outbox: &mut Outbox) -> Result<(), StageError> {
        self.flushing.get_or_insert_with(Instant::now);
        let before = (outbox.len(), outbox.bytes());
        self.inner.flush(partition, outbox)?;
        add_published(&mut self.open, outbox, before);
        Ok(())
    }

    fn committed(&mut self, partition: &mut S::Partition) {
        self.inner.committed(partition);
        if let Some(flushing) = self.flushing.take() {
            self.settle(flushing);
        }
    }

    fn rolled_back(&mut self, partition: &mut S::Partition) {
        self.inner.rolled_back(partition);
        // Its records come again.
        (self.open, self.since, self.flushing) = (Measured::default(), None, None);
    }

    fn figures(&self, partition: &S::Partition, figures: &mut Figures) {
        self.inner.figures(partition, figures);
        // The figures of one telling are summed over the partitions, so the last telling of the last partition has most.
        let sum = |names: [&str; 2]| -> u64 {
            let rows = figures.rows.iter().filter(|(name, ..)| names.contains(name));
            rows.map(|(_, _, value)| u64::try_from(*value).unwrap_or_default()).sum()
        };
        let mut found = self.count.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.held.rows = found.held.rows.max(sum(["ledger_items", ""]));
        found.held.keys = found.held.keys.max(sum(["ledger_subjects", "households"]));
        found.held.bytes = found.held.bytes.max(sum(["ledger_bytes", "state_bytes"]));
    }
}
