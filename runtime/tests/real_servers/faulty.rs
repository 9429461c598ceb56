//! A port that fails where a test has chosen: transactions are aborted before the broker is asked to commit them, or it
//! breaks when partitions are taken back.

use std::time::Duration;

use runtime::kafka::{KafkaLog, KafkaReader};
use runtime::log::{Extent, Log, LogError, Polled, Start};
use runtime::stage::{Outbox, PartitionCounts, PartitionId, Record};

/// The port, and what goes wrong with it.
pub(crate) struct Faulty {
    pub(crate) log: KafkaLog,
    /// Every `every`th commit fails in a way that asks for an abort; none where it is 0.
    pub(crate) every: u32,
    /// Commits that were asked for.
    pub(crate) commits: u32,
    /// Whether it breaks before partitions are given back.
    pub(crate) breaks_when_revoked: bool,
}

impl PartitionCounts for Faulty {
    fn partitions(&self, topic: &str) -> i32 {
        self.log.partitions(topic)
    }
}

impl Log for Faulty {
    type Reader = KafkaReader;

    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        match self.log.poll(wait, take)? {
            Polled::Revoked { .. } if self.breaks_when_revoked => {
                Err(LogError::Broken("chosen by the test".to_owned()))
            }
            polled => Ok(polled),
        }
    }

    fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        self.log.accept(ids)
    }

    fn accept_again(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        self.log.accept_again(ids)
    }

    fn committed(&mut self, id: &PartitionId) -> Result<Option<i64>, LogError> {
        self.log.committed(id)
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        self.log.resume(id, offset)
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.log.release(ids)
    }

    fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.log.rewind(positions)
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.log.begin()
    }

    fn takes_at_once(&mut self) -> bool {
        self.log.takes_at_once()
    }

    fn publish(&mut self, outbox: &Outbox) -> Result<(), LogError> {
        self.log.publish(outbox)
    }

    fn hand_in(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.commits += 1;
        if self.commits.is_multiple_of(self.every) {
            return Err(LogError::Abortable("chosen by the test".to_owned()));
        }
        self.log.hand_in(positions)
    }

    fn outcome(&mut self, wait: bool) -> Result<Option<Duration>, LogError> {
        self.log.outcome(wait)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.log.abort()
    }

    fn reader(&mut self) -> Result<KafkaReader, LogError> {
        self.log.reader()
    }

    fn cluster(&mut self) -> Result<String, LogError> {
        self.log.cluster()
    }

    fn now_ms(&self) -> i64 {
        self.log.now_ms()
    }

    fn extent(&mut self, topic: &str, partition: i32, since_ms: i64) -> Result<Extent, LogError> {
        self.log.extent(topic, partition, since_ms)
    }

    fn stable_end(&mut self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.log.stable_end(topic, partition)
    }
}
