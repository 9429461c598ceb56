//! The hooks around a stage that is measured: count what the loop hands to it and what it says, and ask the loop to stop
//! when so many records are committed. They know no stage.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use runtime::hooked::Hooks;
use runtime::kafka::Stop;
use runtime::stage::{Figures, Outbox, Record, StageError, Step};
use runtime::worker::Commit;
use schemas::codec;
use schemas::records::DayClosed;

use super::measured::{Held, Measured};
use super::usage::{Usage, Used};

/// How long a worker waits at a time for the others to have their partitions.
const WAIT: Duration = Duration::from_millis(5);

/// What is found while a stage runs; shared by its workers and whoever waits for their end.
#[derive(Debug)]
pub(super) struct Count {
    workers: usize,
    /// Workers that were handed their first record.
    here: AtomicUsize,
    /// Records committed.
    committed: AtomicU64,
    found: Mutex<Found>,
}

/// What was found at the end.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The counts of what is committed; times are not set.
    pub(super) measured: Measured,
    /// The time of each commit, in seconds.
    pub(super) commits: Vec<f64>,
    /// The longest time from the first record of a transaction to its commit, in seconds.
    pub(super) wait: f64,
    /// When the last worker was handed its first record.
    begun: Option<Usage>,
    /// From then to the commit of the last record; the thread's time is that of all loops.
    pub(super) used: Option<Used>,
    /// Why the time that was used is not known.
    pub(super) fault: Option<String>,
    workers: Vec<OfWorker>,
}

/// What was found of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct OfWorker {
    /// Processor time of its loop.
    time: Duration,
    /// The most state that it held.
    held: Held,
    /// Whether it has committed something since it told its figures.
    is_stale: bool,
}

impl Found {
    /// The most state that the workers held.
    pub(super) fn held(&self) -> Held {
        self.workers.iter().fold(Held::default(), |sum, worker| sum.and(worker.held))
    }
}

impl Count {
    /// Nothing counted yet.
    pub(super) fn new(workers: usize) -> Self {
        let found = Found { workers: vec![OfWorker::default(); workers], ..Found::default() };
        Self { workers, here: AtomicUsize::new(0), committed: AtomicU64::new(0), found: Mutex::new(found) }
    }

    /// Records committed so far.
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Takes note of a commit that its worker has learnt of.
    pub(super) fn note(&self, commit: &Commit) {
        // A transaction in which a worker only waited for the others is none.
        if commit.records > 0 {
            let mut found = self.found();
            found.commits.push(commit.commit_seconds);
            found.wait = found.wait.max(commit.wait_seconds);
            found.measured.transactions += 1;
        }
    }

    /// What was found; to be taken once, at the end.
    pub(super) fn take(&self) -> Found {
        std::mem::take(&mut *self.found())
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hooks of one worker.
pub(super) struct Counted {
    worker: usize,
    expected: u64,
    stop: Arc<Stop>,
    count: Arc<Count>,
    /// Which outputs are changelogs.
    changelogs: Vec<bool>,
    /// What was counted in the open transaction.
    open: Measured,
    is_here: bool,
    /// When this worker applied its first record.
    begun: Option<Usage>,
    /// Whether the open transaction applied a record.
    is_open: bool,
}

impl Counted {
    /// Counts until all workers together have committed `expected` records and have told what they hold, then asks for a stop. `changelogs` says of
    /// each output whether it is one.
    pub(super) fn new(worker: usize, expected: u64, changelogs: Vec<bool>, stop: Arc<Stop>, count: Arc<Count>) -> Self {
        Self {
            worker,
            expected,
            stop,
            count,
            changelogs,
            open: Measured::default(),
            is_here: false,
            begun: None,
            is_open: false,
        }
    }

    /// Whether every worker has its partitions. None of them applies anything before, or the first one would have done
    /// part of the work alone.
    fn are_all_here(&mut self) -> Result<bool> {
        if self.begun.is_some() {
            return Ok(true);
        }
        if !self.is_here {
            self.is_here = true;
            if self.count.here.fetch_add(1, Ordering::SeqCst) + 1 == self.count.workers {
                self.count.found().begun = Some(Usage::now()?);
            }
        }
        if self.count.here.load(Ordering::SeqCst) < self.count.workers {
            self.stop.wait(WAIT);
            return Ok(false);
        }
        self.begun = Some(Usage::now()?);
        Ok(true)
    }

    fn add_said(&mut self, outbox: &Outbox, from: usize) {
        let mut headers = Vec::new();
        for index in from..outbox.len() {
            let Some(record) = outbox.get(index, &mut headers) else { return };
            let sizes = headers.iter().map(|header| header.name.len() + header.value.len());
            let sizes = sizes.chain([record.key, record.value].into_iter().flatten().map(<[u8]>::len));
            let bytes = sizes.sum::<usize>() as u64;
            self.open.published += 1;
            self.open.published_bytes += bytes;
            if self.changelogs.get(record.output).copied().unwrap_or_default() {
                self.open.changelog_bytes += bytes;
            }
        }
    }

    /// The first touched partition of a transaction is told first, and all of what is open is committed then.
    fn settle(&mut self) {
        let (now, count) = (Usage::now(), Arc::clone(&self.count));
        let mut found = count.found();
        found.measured.add(&std::mem::take(&mut self.open));
        self.count.committed.store(found.measured.records, Ordering::Relaxed);
        found.workers[self.worker].is_stale = true;
        match (&now, &self.begun) {
            (Ok(now), Some(begun)) => found.workers[self.worker].time = now.since(begun).thread,
            (Err(fault), _) => found.fault = Some(format!("{fault:#}")),
            (Ok(_), None) => {}
        }
        if found.measured.records < self.expected || found.used.is_some() {
            return;
        }
        match used(now, found.begun.as_ref()) {
            Ok(used) => {
                let thread = found.workers.iter().map(|worker| worker.time).sum();
                found.used = Some(Used { thread, ..used });
            }
            Err(fault) => {
                found.fault = Some(format!("{fault:#}"));
                self.stop.request();
            }
        }
    }
}

fn used(now: Result<Usage>, begun: Option<&Usage>) -> Result<Used> {
    Ok(now?.since(begun.context("no record was applied")?))
}

impl Hooks for Counted {
    fn applying(&mut self, record: &Record<'_>) -> Result<bool, StageError> {
        self.are_all_here().map_err(|fault| StageError::about("bench", record, format!("{fault:#}")))
    }

    fn applied(&mut self, record: &Record<'_>, step: Step, outbox: &Outbox, from: usize) {
        self.is_open = true;
        self.add_said(outbox, from);
        if step == Step::Done {
            self.open.records += 1;
            self.open.calendar_records += u64::from(codec::is::<DayClosed>(record.value.unwrap_or_default()));
            self.open.record_bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        }
    }

    fn flushed(&mut self, outbox: &Outbox, from: usize) {
        self.add_said(outbox, from);
    }

    fn committed(&mut self) {
        // Of several partitions the first one settles for all.
        if std::mem::take(&mut self.is_open) {
            self.settle();
        }
    }

    fn rolled_back(&mut self) {
        // Its records come again.
        (self.open, self.is_open) = (Measured::default(), false);
    }

    fn figures(&self, figures: &Figures) {
        // The figures of one telling are summed over the partitions, so the last telling of the last partition has most.
        let sum = |names: [&str; 2]| -> u64 {
            let rows = figures.rows.iter().filter(|(name, ..)| names.contains(name));
            rows.map(|(_, _, value)| u64::try_from(*value).unwrap_or_default()).sum()
        };
        let told = Held {
            rows: sum(["ledger_items", ""]),
            keys: sum(["ledger_subjects", "households"]),
            bytes: sum(["ledger_bytes", "state_bytes"]),
        };
        let mut found = self.count.found();
        if let Some(worker) = found.workers.get_mut(self.worker) {
            (worker.held, worker.is_stale) = (worker.held.max(told), false);
        }
        // A loop tells its figures once more when nothing comes any more.
        if found.used.is_some() && !found.workers.iter().any(|worker| worker.is_stale) {
            self.stop.request();
        }
    }
}
