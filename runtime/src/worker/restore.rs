//! Brings back the states of newly assigned partitions from their sources, several at a time, while the partitions
//! that are ready go on. It knows no log.

use std::collections::VecDeque;
use std::time::Duration;

use super::slots::Phase;
use super::{Worker, WorkerError};
use crate::log::{Log, LogError, Read, Reader, Start, Until};
use crate::stage::{PartitionId, RestoreSource, RestoreUntil, Stage, StageError, Topology};

/// Topics of this prefix are departments' feeds: one without a committed offset is always read from its earliest
/// record, since what comes twice is a duplicate downstream (design section 4).
const FEED_PREFIX: &str = "feeds.";
/// How many records of restore sources are read in one turn while other partitions are running.
const RECORDS_PER_TURN: usize = 2_000;

/// A partition on its way.
#[derive(Debug)]
struct Job {
    start: Start,
    sources: VecDeque<RestoreSource>,
    /// Whether its first source is being read.
    running: bool,
    /// Records of changelogs (sources read to their end) seen.
    changelog_records: u64,
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
}

impl<R> Default for Restores<R> {
    fn default() -> Self {
        Self { reader: None, jobs: Vec::new(), running: Vec::new(), records: 0 }
    }
}

impl<R: Reader> Restores<R> {
    pub(super) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn add(&mut self, start: Start, sources: Vec<RestoreSource>) {
        self.jobs.retain(|job| job.start.id != start.id);
        self.jobs.push(Job { start, sources: sources.into(), running: false, changelog_records: 0 });
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
            let Some(source) = job.sources.front().filter(|_| !job.running).cloned() else { continue };
            if self.running.iter().any(|running| running.source.partition == source.partition) {
                continue;
            }
            let own_offset = job.start.committed;
            let until = match source.until {
                RestoreUntil::End => Until::End,
                RestoreUntil::Committed => Until::Offset(own_offset.unwrap_or(0)),
            };
            reader.start(&source.topic, source.partition, 0, until)?;
            let mut ids = Vec::new();
            for other in self.jobs.iter_mut().filter(|other| !other.running && other.sources.front() == Some(&source)) {
                if source.until == RestoreUntil::End || other.start.committed == own_offset {
                    other.running = true;
                    ids.push(other.start.id.clone());
                }
            }
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
        if self.restores.is_idle() {
            return Ok(false);
        }
        if self.restores.reader.is_none() {
            self.restores.reader = Some(self.log.reader()?);
        }
        let mut worked = self.start_ready()?;
        let others_run = self.slots.iter().any(|slot| slot.phase == Phase::Running);
        let mut wait = if others_run || worked { Duration::ZERO } else { wait };
        for _ in 0..RECORDS_PER_TURN {
            self.restores.start_sources()?;
            match self.restore_one(wait)? {
                Read::Record(()) => {}
                Read::Finished { topic, partition } => {
                    self.restores.finish_source(&topic, partition);
                    self.start_ready()?;
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

    fn restore_one(&mut self, wait: Duration) -> Result<Read<()>, WorkerError> {
        let Self { stage, slots, restores, .. } = self;
        let Restores { reader: Some(reader), jobs, running, records } = restores else { return Ok(Read::Nothing) };
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
                if source.source.until == RestoreUntil::End
                    && let Some(job) = jobs.iter_mut().find(|job| job.start.id == *id)
                {
                    job.changelog_records += 1;
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
        let ready: Vec<Job> = self.restores.jobs.extract_if(.., |job| job.sources.is_empty()).collect();
        let any = !ready.is_empty();
        for job in ready {
            let offset = start_offset(self.stage.topology(), &job.start, job.changelog_records)?;
            let Some(slot) = self.slots.get(&job.start.id) else { continue };
            let need = self.stage.need(&slot.state, None);
            if let Some(need) = need {
                self.learn(need)?;
            }
            if let Some(slot) = self.slots.get(&job.start.id) {
                slot.phase = Phase::Running;
                slot.committed = offset;
                slot.next = offset;
            }
            self.log.resume(&job.start.id, offset)?;
        }
        if any {
            self.figures_stale = true;
            self.tell_restoring();
            self.tell_figures();
        }
        Ok(any)
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
