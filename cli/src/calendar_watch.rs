//! Follows how far the calendar has come at the end of the pipeline: the day that alert has closed in every one of
//! its partitions. It does not close days itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use runtime::stage::Record;
use schemas::Day;
use schemas::codec;
use schemas::records::{PROGRESS_KEY, Progress};

use crate::topic::Tail;

/// Alert's changelog: its progress stands there under [`PROGRESS_KEY`], one per partition.
const TOPIC: &str = "households.cases";

/// A reader that stays at the end of alert's changelog.
pub(crate) struct CalendarWatch {
    tail: Tail,
    partitions: i32,
    closed: BTreeMap<i32, Day>,
}

impl CalendarWatch {
    /// Begins at the first record, so that what was closed before is known.
    pub(crate) fn new(brokers: &str) -> Result<Self> {
        let tail = Tail::new(brokers, TOPIC)?;
        let partitions = tail.partitions()?;
        Ok(Self { tail, partitions, closed: BTreeMap::new() })
    }

    /// The day that every partition has closed; none while one has closed none.
    pub(crate) fn closed(&self) -> Option<Day> {
        if self.closed.len() < self.partitions as usize { None } else { self.closed.values().min().copied() }
    }

    /// Waits until every partition has closed `day`; an error that says how far it came when that takes too long.
    pub(crate) fn wait_until(&mut self, day: Day, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.closed().is_none_or(|closed| closed < day) {
            if begun.elapsed() > limit {
                let reached = self.closed().map_or_else(|| "none".to_owned(), |closed| closed.to_string());
                bail!(
                    "the day {day} was not closed at the end of the pipeline within {} s (closed there: {reached}); are \
                     ingest, fuse and alert running, and what do their logs say?",
                    limit.as_secs()
                );
            }
            let closed = &mut self.closed;
            self.tail.show_new(Duration::from_millis(20), &mut |record| note(closed, record))?;
        }
        Ok(())
    }
}

fn note(closed: &mut BTreeMap<i32, Day>, record: &Record<'_>) -> Result<()> {
    let (Some(value), true) = (record.value, record.key == Some(PROGRESS_KEY.as_bytes())) else { return Ok(()) };
    let progress: Progress = codec::decode(value).with_context(|| format!("the progress in {TOPIC}"))?;
    // While a sweep is on its way the day is closed, but not everybody is evaluated yet.
    if let (Some(day), None) = (progress.closed_day, &progress.sweep_after) {
        closed.insert(record.partition, day);
    }
    Ok(())
}
