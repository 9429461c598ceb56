//! Brings back the states of newly assigned partitions from their snapshots and sources, several at a time, while the partitions
//! that are ready go on. It knows no log.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::observer::{Happened, Restored};
use super::slots::Phase;
use super::{Worker, WorkerError};
use crate::log::{Log, LogError, Read, Reader, Start, Until};
use crate::snapshot::{Block, Loaded};
use crate::stage::{PartitionId, Record, RestoreSource, RestoreUntil, Stage, StageError, Topology};

/// Topics of this prefix are departments' feeds: one without a committed offset is always read from its earliest
/// record, since what comes twice is a duplicate downstream (design section 4).
const FEED_PREFIX: &str = "feeds.";
/// How many records of restore sources are read in one turn while other partitions are running.
const RECORDS_PER_TURN: usize = 2_000;
/// How long snapshots are read in one turn while other partitions are running, and while none is.
const LOAD_PER_TURN: Duration = Duration::from_millis(10);
const LOAD_PER_IDLE_TURN: Duration = Duration::from_millis(200);
/// How long partitions that run have the loop for themselves, while records come, before restores go on.
const RUN_PER_RESTORE: Duration = Duration::from_millis(10);

/// A partition on its way.
#[derive(Debug)]
struct Job {
    start: Start,
    /// What is left to read, each from its offset.
    sources: VecDeque<(RestoreSource, i64)>,
    /// Whether its first source is being read.
    running: bool,
    /// The snapshot that is read before the sources.
    load: Option<u64>,
    /// Records of changelogs (sources read to their end) seen, in the snapshot too.
    changelog_records: u64,
    /// When it began, or its snapshot was read.
    since: Instant,
    restored: Restored,
}

impl Job {
    fn is_loading(&self) -> bool {
        self.load.is_some()
    }

    /// Its snapshot is read, or not used.
    fn loaded(&mut self) {
        self.load = None;
        self.restored.snapshot_seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
    }
}

/// A source being read, for one or more partitions.
#[derive(Debug)]
struct Running {
    source: RestoreSource,
    ids: Vec<PartitionId>,
}

/// All partitions on their way.
#[derive(Debug)]
pub(super) struct Restores<R> {
    reader: Option<R>,
    jobs: Vec<Job>,
    running: Vec<Running>,
    records: u64,
    /// When they went on last, while other partitions run.
    advanced: Option<Instant>,
}

impl<R> Default for Restores<R> {
    fn default() -> Self {
        Self { reader: None, jobs: Vec::new(), running: Vec::new(), records: 0, advanced: None }
    }
}

impl<R: Reader> Restores<R> {
    pub(super) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Begins a restore: of a snapshot first, where there is one, then of each source from its offset.
    pub(super) fn add(&mut self, start: Start, sources: Vec<(RestoreSource, i64)>, load: Option<u64>) {
        self.jobs.retain(|job| job.start.id != start.id);
        self.jobs.push(Job {
            start,
            sources: sources.into(),
            running: false,
            load,
            changelog_records: 0,
            since: Instant::now(),
            restored: Restored::default(),
        });
    }

    fn is_loading(&self) -> bool {
        self.jobs.iter().any(Job::is_loading)
    }

    /// Whether it is the turn of the partitions that run.
    pub(super) fn leave_way(&self) -> bool {
        self.advanced.is_some_and(|advanced| advanced.elapsed() < RUN_PER_RESTORE)
    }

    /// Forgets a partition that was taken back.
    pub(super) fn remove(&mut self, id: &PartitionId) -> Result<(), LogError> {
        self.jobs.retain(|job| job.start.id != *id);
        for running in &mut self.running {
            running.ids.retain(|other| other != id);
        }
        for gone in self.running.extract_if(.., |running| running.ids.is_empty()) {
            if let Some(reader) = &mut self.reader {
                reader.stop(&gone.source.topic, gone.source.partition)?;
            }
        }
        Ok(())
    }

    /// Starts every source whose turn it is. A reader tells the end of a partition by its number alone, so two
    /// sources with the same number are read one after the other; jobs that wait for the same source share it.
    fn start_sources(&mut self) -> Result<(), LogError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        for index in 0..self.jobs.len() {
            let job = &self.jobs[index];
            let Some((source, _)) = job.sources.front().filter(|_| !job.running && !job.is_loading()).cloned() else {
                continue;
            };
            if self.running.iter().any(|running| running.source.partition == source.partition) {
                continue;
            }
            let own_offset = job.start.committed;
            let until = match source.until {
                RestoreUntil::End => Until::End,
                RestoreUntil::Committed => Until::Offset(own_offset.unwrap_or(0)),
            };
            let (mut ids, mut from) = (Vec::new(), i64::MAX);
            for other in self.jobs.iter_mut().filter(|other| !other.running && !other.is_loading()) {
                let Some((_, offset)) = other.sources.front().filter(|(other, _)| *other == source) else { continue };
                if source.until == RestoreUntil::End || other.start.committed == own_offset {
                    from = from.min(*offset);
                    other.running = true;
                    ids.push(other.start.id.clone());
                }
            }
            reader.start(&source.topic, source.partition, from, until)?;
            self.running.push(Running { source, ids });
        }
        Ok(())
    }

    /// A source is read: its jobs go on to their next one.
    fn finish_source(&mut self, topic: &str, partition: i32) {
        let is_it = |running: &Running| running.source.topic == topic && running.source.partition == partition;
        let Some(index) = self.running.iter().position(is_it) else { return };
        let done = self.running.swap_remove(index);
        for job in self.jobs.iter_mut().filter(|job| done.ids.contains(&job.start.id)) {
            job.sources.pop_front();
            job.running = false;
        }
    }
}

impl<S: Stage, L: Log> Worker<S, L> {
    /// Goes on with restores; partitions that are ready begin to flow. Whether anything was done.
    pub(super) fn advance_restores(&mut self, wait: Duration) -> Result<bool, WorkerError> {
        if self.restores.is_idle() || (self.flows && self.restores.leave_way()) {
            return Ok(false);
        }
        let worked = self.advance_some(wait)?;
        // Without a bound in time no clock decides anything.
        let others_run = self.slots.iter().any(|slot| slot.phase == Phase::Running);
        self.restores.advanced = (others_run && self.settings.bounds.time.is_some()).then(Instant::now);
        Ok(worked)
    }

    fn advance_some(&mut self, wait: Duration) -> Result<bool, WorkerError> {
        let others_run = self.slots.iter().any(|slot| slot.phase == Phase::Running);
        let mut worked = if self.restores.is_loading() { self.advance_loads(wait, others_run) } else { false };
        if self.restores.jobs.iter().all(Job::is_loading) {
            return Ok(worked);
        }
        if self.restores.reader.is_none() {
            self.restores.reader = Some(self.log.reader()?);
        }
        worked |= self.start_ready()?;
        let mut wait = if others_run || worked || self.restores.is_loading() { Duration::ZERO } else { wait };
        self.restores.start_sources()?;
        for _ in 0..RECORDS_PER_TURN {
            match self.restore_one(wait)? {
                Read::Record(()) => {}
                Read::Finished { topic, partition } => {
                    self.restores.finish_source(&topic, partition);
                    self.start_ready()?;
                    self.restores.start_sources()?;
                }
                Read::Nothing => break,
            }
            worked = true;
            wait = Duration::ZERO;
        }
        self.tell_restoring();
        if self.restores.is_idle() {
            // A reader that has nothing to read is not kept: it holds connections and buffers.
            self.restores.reader = None;
        }
        Ok(worked)
    }

    /// Takes what was read of snapshots. Whether there was something.
    fn advance_loads(&mut self, wait: Duration, others_run: bool) -> bool {
        let begun = Instant::now();
        let limit = match self.settings.bounds.time {
            Some(_) if others_run => LOAD_PER_TURN,
            Some(_) => LOAD_PER_IDLE_TURN,
            None => Duration::MAX,
        };
        let mut wait = if others_run { Duration::ZERO } else { wait };
        let mut worked = false;
        while self.restores.is_loading() && begun.elapsed() < limit {
            let Some(snapshots) = &mut self.snapshots else { break };
            let Some((number, loaded)) = snapshots.loader.next(wait) else { break };
            worked = true;
            wait = Duration::ZERO;
            // Of a partition that was taken back meanwhile there is no job any more.
            let Some(index) = self.restores.jobs.iter().position(|job| job.load == Some(number)) else { continue };
            match loaded {
                Loaded::Block(block) => {
                    if let Err(why) = self.restore_block(index, &block) {
                        self.ignore_snapshot(index, &why);
                    }
                }
                // Its tail is read, and it begins to flow, before the next one is read.
                Loaded::End => {
                    self.restores.jobs[index].loaded();
                    break;
                }
                Loaded::Failed(fault) => self.ignore_snapshot(index, &fault.to_string()),
            }
        }
        worked
    }

    /// Takes the records of a block; an error says why they cannot be used.
    fn restore_block(&mut self, index: usize, block: &Block) -> Result<(), String> {
        let Self { stage, slots, restores, .. } = self;
        let job = &mut restores.jobs[index];
        let Some(slot) = slots.get(&job.start.id) else { return Ok(()) };
        let Some(recorder) = &slot.recorder else { return Ok(()) };
        for (place, key, value) in block.records() {
            let Some(source) = recorder.source(place) else { return Err("a record is of no source".to_owned()) };
            let RestoreSource { topic, partition, until } = source;
            let record = Record { topic, partition: *partition, offset: -1, timestamp_ms: 0, key, value, headers: &[] };
            stage.restore(&mut slot.state, &record).map_err(|error| error.to_string())?;
            job.restored.snapshot_records += 1;
            job.changelog_records += u64::from(*until == RestoreUntil::End);
        }
        Ok(())
    }

    /// Begins the restore of a partition anew, without its snapshot.
    fn ignore_snapshot(&mut self, index: usize, why: &str) {
        let job = &mut self.restores.jobs[index];
        let id = job.start.id.clone();
        self.observer.happened(&Happened::Ignored(&id, why));
        job.loaded();
        job.changelog_records = 0;
        job.restored.snapshot_records = 0;
        for (_, from) in &mut job.sources {
            *from = 0;
        }
        let state = self.stage.open(&id, &self.log);
        if let (Some(slot), Some(snapshots)) = (self.slots.get(&id), &mut self.snapshots) {
            slot.state = state;
            if let Some(recorder) = &mut slot.recorder {
                snapshots.begin_anew(&id, recorder);
            }
        }
    }

    fn restore_one(&mut self, wait: Duration) -> Result<Read<()>, WorkerError> {
        let Self { stage, slots, restores, snapshots, .. } = self;
        let Restores { reader: Some(reader), jobs, running, records, .. } = restores else { return Ok(Read::Nothing) };
        if running.is_empty() {
            return Ok(Read::Nothing);
        }
        let read = reader.poll(wait, |record| -> Result<(), StageError> {
            *records += 1;
            let is_it = |running: &&Running| {
                running.source.partition == record.partition && running.source.topic == record.topic
            };
            let Some(source) = running.iter().find(is_it) else { return Ok(()) };
            for id in &source.ids {
                let Some(slot) = slots.get(id) else { continue };
                stage.restore(&mut slot.state, record)?;
                // The number is compared first: topics are the same most of the time.
                let is_it = |job: &&mut Job| job.start.id.partition == id.partition && job.start.id == *id;
                let Some(job) = jobs.iter_mut().find(is_it) else { continue };
                job.restored.source_records += 1;
                job.changelog_records += u64::from(source.source.until == RestoreUntil::End);
                if let (Some(snapshots), Some(recorder)) = (snapshots.as_mut(), &mut slot.recorder) {
                    recorder.take_restored(record);
                    if recorder.is_full() {
                        recorder.seal(job.start.committed.unwrap_or(-1));
                        snapshots.append(recorder);
                    }
                }
            }
            Ok(())
        })?;
        Ok(match read {
            Read::Record(restored) => Read::Record(restored?),
            Read::Finished { topic, partition } => Read::Finished { topic, partition },
            Read::Nothing => Read::Nothing,
        })
    }

    /// Lets every partition flow whose sources are all read. Whether there was one.
    fn start_ready(&mut self) -> Result<bool, WorkerError> {
        let is_ready = |job: &mut Job| job.sources.is_empty() && !job.is_loading();
        let ready: Vec<Job> = self.restores.jobs.extract_if(.., is_ready).collect();
        let any = !ready.is_empty();
        for mut job in ready {
            let offset = self.start_offset(&job)?;
            let Some(slot) = self.slots.get(&job.start.id) else { continue };
            self.stage.restored(&mut slot.state);
            let need = self.stage.need(&slot.state, None);
            if let Some(need) = need {
                self.learn(need)?;
            }
            if let Some(slot) = self.slots.get(&job.start.id) {
                slot.phase = Phase::Running;
                slot.committed = offset;
                slot.next = offset;
                if let (Some(snapshots), Some(recorder)) = (&mut self.snapshots, &mut slot.recorder) {
                    snapshots.restored(recorder, job.start.committed.unwrap_or(-1));
                }
            }
            self.log.resume(&job.start.id, offset)?;
            job.restored.source_seconds = job.since.elapsed().as_secs_f64();
            self.observer.happened(&Happened::Restored(&job.start.id, job.restored));
        }
        if any {
            self.figures_stale = true;
            self.tell_restoring();
            self.tell_figures();
            self.tell_kept();
        }
        Ok(any)
    }

    /// From which offset a restored partition is read; built anew where the group has gone on without this worker, which
    /// does not own the partition any more then and has not learned it yet.
    fn start_offset(&mut self, job: &Job) -> Result<i64, WorkerError> {
        let PartitionId { topic, partition } = &job.start.id;
        let halt = match start_offset(self.stage.topology(), &job.start, job.changelog_records) {
            Ok(offset) => return Ok(offset),
            Err(halt) => halt,
        };
        if self.log.committed(&job.start.id)? == job.start.committed {
            return Err(halt);
        }
        Err(WorkerError::Rebuild(format!("another worker has read {topic}/{partition} while it was restored here")))
    }
}

/// From which offset a restored partition is read.
///
/// With a committed offset: from there, unless the log has deleted records from there on. Without one: a feed from
/// its earliest record; anything else only at the very first start, which is told by a log from which nothing was
/// deleted and a changelog in which nothing stands, since a stage commits its offsets in the transaction of its
/// changelog. Anything else would count records twice or not at all.
fn start_offset(topology: &Topology, start: &Start, changelog_records: u64) -> Result<i64, WorkerError> {
    let PartitionId { topic, partition } = &start.id;
    let stage = topology.stage;
    match start.committed {
        Some(committed) if committed >= start.earliest => Ok(committed),
        Some(committed) => Err(WorkerError::Halt(format!(
            "{stage}: {topic}/{partition}: records from {committed} to {} were deleted before they were read. Restore \
             them, or accept the loss by setting the offset of group {stage} to {}",
            start.earliest - 1,
            start.earliest
        ))),
        None if topology.starts_at_earliest && topic.starts_with(FEED_PREFIX) => Ok(start.earliest),
        None if topology.starts_at_earliest && start.earliest == 0 && changelog_records == 0 => Ok(0),
        None => Err(WorkerError::Halt(format!(
            "{stage}: {topic}/{partition}: group {stage} has no committed offset, but this is not a first start \
             (earliest offset {}, {changelog_records} changelog records). Its offsets have expired or were deleted: \
             set them to where the changelog ends, or empty the changelog and the outputs and start anew",
            start.earliest
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_starts_where_nothing_is_lost_and_nothing_counts_twice() {
        let topology = Topology {
            stage: "fuse",
            inputs: Vec::new(),
            starts_at_earliest: true,
            reference: None,
            outputs: Vec::new(),
        };
        let rows = [
            ("households.entries", Some(7), 0, 5, Some(7)),
            ("households.entries", Some(7), 9, 5, None),
            ("households.entries", None, 0, 0, Some(0)),
            ("households.entries", None, 3, 0, None),
            ("households.entries", None, 0, 1, None),
            ("feeds.finance", None, 3, 9, Some(3)),
            ("feeds.finance", Some(2), 3, 9, None),
        ];
        for (topic, committed, earliest, changelog_records, expected) in rows {
            let id = PartitionId { topic: topic.to_owned(), partition: 0 };
            let found = start_offset(&topology, &Start { id, committed, earliest }, changelog_records).ok();
            assert_eq!(found, expected, "{topic} {committed:?} {earliest} {changelog_records}");
        }
    }
}
