//! The archive on the memory log: the same work as on Kafka, with tables of the caller's. It knows no table.

use std::rc::Rc;
use std::time::Duration;

use super::Memory;
use super::consumer::{Consumer, Order};
use super::faults::{Effect, Faults};
use super::group::Member;
use super::pipeline::Run;
use super::port::MemoryReader;
use crate::archive::{ArchivePlan, BatchLimits, Keeper, KeeperSettings, Source, Tables};
use crate::log::{LogError, Polled, Start};
use crate::stage::{Figures, PartitionId, Record};
use crate::worker::{Turn, WorkerError};

/// How an archive runs on the memory log. A batch comes of age when nothing more comes.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Rows of a batch.
    pub batch_rows: u64,
    /// In which order the topics are read.
    pub order: Order,
    /// Which calls of the log fail.
    pub faults: Faults,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { batch_rows: BatchLimits::default().rows, order: Order::default(), faults: Faults::default() }
    }
}

/// A member of the archive's group on the memory log.
struct MemorySource(Consumer);

impl Source for MemorySource {
    type Reader = MemoryReader;

    fn poll<R>(&mut self, _: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        self.0.poll(take)
    }

    fn committed(&mut self, ids: &[PartitionId]) -> Result<Vec<(Start, String)>, LogError> {
        self.0.effect(Effect::Accept, |consumer| Ok(consumer.committed(ids)))
    }

    fn assign(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.0.assign(positions);
        Ok(())
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.0.effect(Effect::Release, |consumer| {
            consumer.release(ids);
            Ok(())
        })
    }

    fn pause(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.0.pause(positions);
        Ok(())
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        self.0.effect(Effect::Resume, |consumer| {
            consumer.resume(id, offset);
            Ok(())
        })
    }

    fn commit_with(&mut self, id: &PartitionId, offset: i64, metadata: &str) -> Result<(), LogError> {
        self.0.effect(Effect::Commit, |consumer| {
            consumer.may_commit([id])?;
            consumer.store.borrow_mut().commit(&consumer.group, &id.topic, id.partition, offset, metadata);
            Ok(())
        })
    }

    fn reader(&mut self) -> Result<MemoryReader, LogError> {
        Ok(MemoryReader::new(&self.0.store, &self.0.faults))
    }
}

/// An archive of a plan into tables, as a member of the plan's group.
pub(super) fn archive<T: Tables + 'static>(
    memory: &Memory,
    plan: Rc<ArchivePlan>,
    tables: T,
    options: ArchiveOptions,
) -> Box<dyn Run> {
    let ArchiveOptions { batch_rows, order, faults } = options;
    let mut topics: Vec<String> = plan.mappers.iter().flat_map(|mapper| mapper.topics()).collect();
    topics.sort();
    topics.dedup();
    let source = MemorySource(Consumer::join(Rc::clone(&memory.store), plan.group, &topics, order, faults));
    let settings = KeeperSettings {
        batch: BatchLimits { rows: batch_rows, by_age: false, ..BatchLimits::default() },
        retry_min: Duration::ZERO,
        retry_max: Duration::ZERO,
    };
    Box::new(Keeper::new(plan, source, tables, settings, |_| {}))
}

impl<T: Tables> Run for Keeper<Rc<ArchivePlan>, MemorySource, T> {
    fn turn(&mut self) -> Result<Turn, WorkerError> {
        let turn = self.turn(Duration::ZERO)?;
        self.flush_due()?;
        Ok(turn)
    }

    fn close(&mut self) -> Result<(), WorkerError> {
        self.flush_open()
    }

    fn is_open(&self) -> bool {
        self.is_open()
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn member(&self) -> Member {
        self.source().0.member
    }
}
