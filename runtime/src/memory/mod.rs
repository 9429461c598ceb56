//! The memory log: topics, groups and atomic transactions in one process and on one thread, and a driver that runs
//! stages on it until nothing more comes. The same input gives the same bytes: no clock and no thread decides
//! anything. It knows no stage by name.
//!
//! ```
//! use runtime::memory::{Memory, Pipeline, TopicSettings};
//!
//! let memory = Memory::new();
//! memory.create("subjects.entries", TopicSettings::new(8));
//! memory.append("subjects.entries", 3, Some(b"key"), Some(b"value"), &[]).unwrap();
//! let mut pipeline = Pipeline::new(&memory);
//! // pipeline.add(stage, Default::default()) for each stage, in the order of the picture
//! pipeline.run().unwrap();
//! assert_eq!(memory.records("subjects.entries").len(), 1);
//! ```

mod archive;
mod aside;
mod consumer;
mod faults;
mod group;
mod pipeline;
mod port;
mod store;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use archive::ArchiveOptions;
pub use aside::{ASIDE, aside};
pub use consumer::Order;
pub use faults::{Delay, Effect, Fault, Faults};
pub use pipeline::{Pipeline, StageOptions, WorkerId};
pub use port::{MemoryPort, MemoryReader};
pub use store::{Keep, TopicSettings};

use crate::held::HeldRecord;
use crate::partitioner::place;
use crate::stage::{Header, Placement, Record};
use store::{Store, Stored};

/// An append or a read named a partition that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the memory log has no {topic}/{partition}; create the topic with enough partitions")]
pub struct NoSuchPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// A handle on a memory log; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    store: Rc<RefCell<Store>>,
}

impl Memory {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a topic; one that exists stays as it is.
    pub fn create(&self, topic: &str, settings: TopicSettings) {
        self.store.borrow_mut().create(topic, settings);
    }

    /// The names of all topics, sorted.
    pub fn topics(&self) -> Vec<String> {
        self.store.borrow().topics().map(str::to_owned).collect()
    }

    /// How many partitions a topic has; 0 where there is no such topic.
    pub fn partitions(&self, topic: &str) -> i32 {
        self.store.borrow().partitions(topic)
    }

    /// The timestamp that records appended from now on carry, in milliseconds since 1970-01-01T00:00:00Z; 0 at first.
    pub fn set_timestamp_ms(&self, timestamp_ms: i64) {
        self.store.borrow_mut().timestamp_ms = timestamp_ms;
    }

    /// Appends a record to a partition and says its offset.
    pub fn append(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<i64, NoSuchPartition> {
        let mut store = self.store.borrow_mut();
        let record = Stored::new(key, value, headers, store.timestamp_ms);
        store.append(topic, partition, record).ok_or_else(|| NoSuchPartition { topic: topic.to_owned(), partition })
    }

    /// Appends a record of another log to the partition of the same topic and number, with its timestamp, at its own
    /// offset: what lies between it and the last one is left empty, as where control records or deleted ones lie.
    pub fn copy(&self, record: &Record<'_>) -> Result<(), NoSuchPartition> {
        let Record { topic, partition, offset, timestamp_ms, key, value, headers } = *record;
        let stored = Stored::new(key, value, headers, timestamp_ms);
        let copied = self.store.borrow_mut().append_at(topic, partition, offset, stored);
        copied.ok_or_else(|| NoSuchPartition { topic: topic.to_owned(), partition })
    }

    /// Appends a record to the partition that its placement means, and says its partition and offset.
    pub fn append_placed(
        &self,
        topic: &str,
        placement: Placement,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(i32, i64), NoSuchPartition> {
        let partition = place(placement, key, self.partitions(topic));
        Ok((partition, self.append(topic, partition, key, value, headers)?))
    }

    /// The offset after the last record of a partition; 0 where there is no such partition.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        self.store.borrow().end(topic, partition).unwrap_or(0)
    }

    /// The offset that a group (a stage's name) has committed.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.store.borrow().committed(group, topic, partition)
    }

    /// Shows every record that a topic still keeps, by partition and offset.
    pub fn for_each(&self, topic: &str, mut take: impl FnMut(&Record<'_>)) {
        self.for_each_from(topic, &BTreeMap::new(), &mut take);
    }

    /// Shows every kept record of a topic from the given offset of each partition on (0 where none is given): what a
    /// caller that follows a topic asks for again and again.
    pub fn for_each_from(&self, topic: &str, from: &BTreeMap<i32, i64>, take: &mut dyn FnMut(&Record<'_>)) {
        for partition in 0..self.partitions(topic) {
            let mut position = from.get(&partition).copied().unwrap_or(0);
            loop {
                let found = self.store.borrow().read(topic, partition, position);
                let Some((offset, record)) = found else { break };
                record.with((topic, partition, offset), &mut *take);
                position = offset + 1;
            }
        }
    }

    /// Copies of every record that a topic still keeps, by partition and offset.
    pub fn records(&self, topic: &str) -> Vec<HeldRecord> {
        let mut records = Vec::new();
        self.for_each(topic, |record| records.push(HeldRecord::of(record)));
        records
    }

    /// The latest value of each key of a compacted topic; keys whose latest record is a tombstone are left out.
    pub fn latest(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut latest = BTreeMap::new();
        self.for_each(topic, |record| {
            let Some(key) = record.key else { return };
            match record.value {
                Some(value) => latest.insert(key.to_vec(), value.to_vec()),
                None => latest.remove(key),
            };
        });
        latest
    }

    /// Drops every record of a topic, whether anybody has read it or not; offsets go on. For a caller that takes over
    /// what a topic holds, so that a long run does not grow.
    pub fn forget(&self, topic: &str) {
        self.store.borrow_mut().forget(topic);
    }

    /// Drops what every reading stage has read, in topics made with [`Keep::Unread`]; a pipeline does it itself
    /// between its rounds.
    pub fn drop_read(&self) {
        self.store.borrow_mut().drop_read();
    }
}
