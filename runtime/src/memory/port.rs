//! The memory log as one worker sees it. It knows no stage.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::store::{Store, Stored};
use crate::log::{Extent, Log, LogError, Polled, Read, Reader, Start, Until};
use crate::partitioner::place;
use crate::stage::{Outbox, PartitionCounts, PartitionId, Record, Topology};

/// In which order the partitions of a stage's inputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each in turn, at most this many records of one at a time.
    InTurn(usize),
    /// Record by record from a partition chosen by a generator with this seed: one of many interleavings.
    Shuffled(u64),
}

impl Default for Order {
    fn default() -> Self {
        Self::InTurn(500)
    }
}

/// A partition that the port owns.
#[derive(Debug)]
struct Owned {
    id: PartitionId,
    position: i64,
    paused: bool,
}

/// The port of one stage.
#[derive(Debug)]
pub struct MemoryPort {
    store: Rc<RefCell<Store>>,
    group: String,
    outputs: Vec<String>,
    /// Partitions not handed to the loop yet.
    unassigned: Vec<PartitionId>,
    owned: Vec<Owned>,
    order: Order,
    /// Which owned partition is read, and how many records of it were.
    current: usize,
    taken: usize,
    random: u64,
    staged: Vec<(String, i32, Stored)>,
    /// Ordinals of transactions (from 0) whose commit fails so that they must be aborted.
    aborts: BTreeSet<u64>,
    transactions: u64,
}

impl MemoryPort {
    pub(super) fn new(store: Rc<RefCell<Store>>, topology: &Topology, order: Order, aborts: BTreeSet<u64>) -> Self {
        let mut unassigned = Vec::new();
        for topic in &topology.inputs {
            store.borrow_mut().add_reader(topic, topology.stage);
            let partitions = store.borrow().partitions(topic);
            unassigned.extend((0..partitions).map(|partition| PartitionId { topic: topic.clone(), partition }));
        }
        let random = if let Order::Shuffled(seed) = order { seed } else { 0 };
        Self {
            store,
            group: topology.stage.to_owned(),
            outputs: topology.outputs.clone(),
            unassigned,
            owned: Vec::new(),
            order,
            current: 0,
            taken: 0,
            random,
            staged: Vec::new(),
            aborts,
            transactions: 0,
        }
    }

    /// The next record in the port's order, and the index of its partition.
    fn next(&mut self) -> Option<(usize, i64, Rc<Stored>)> {
        let count = self.owned.len();
        if let Order::Shuffled(_) = self.order {
            self.current = (split_mix(&mut self.random) % count.max(1) as u64) as usize;
        } else if let Order::InTurn(run) = self.order
            && self.taken >= run
        {
            (self.current, self.taken) = (self.current + 1, 0);
        }
        let store = self.store.borrow();
        for ahead in 0..count {
            let index = (self.current + ahead) % count;
            let owned = &self.owned[index];
            if owned.paused {
                continue;
            }
            if let Some((offset, record)) = store.read(&owned.id.topic, owned.id.partition, owned.position) {
                self.taken = if ahead == 0 { self.taken + 1 } else { 1 };
                self.current = index;
                return Some((index, offset, record));
            }
        }
        None
    }

    fn find(&mut self, id: &PartitionId) -> Option<&mut Owned> {
        self.owned.iter_mut().find(|owned| owned.id == *id)
    }
}

/// The generator `SplitMix64`: small, seeded, the same everywhere.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl PartitionCounts for MemoryPort {
    fn partitions(&self, topic: &str) -> i32 {
        self.store.borrow().partitions(topic)
    }
}

impl Log for MemoryPort {
    type Reader = MemoryReader;

    fn poll<R>(&mut self, _: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        if !self.unassigned.is_empty() {
            return Ok(Polled::Assigned(std::mem::take(&mut self.unassigned)));
        }
        let Some((index, offset, record)) = self.next() else { return Ok(Polled::Idle) };
        let owned = &mut self.owned[index];
        owned.position = offset + 1;
        Ok(Polled::Record(record.with((&owned.id.topic, owned.id.partition, offset), take)))
    }

    fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        let store = self.store.borrow();
        let mut starts = Vec::new();
        for id in ids {
            let committed = store.committed(&self.group, &id.topic, id.partition);
            let earliest = store.earliest(&id.topic, id.partition);
            self.owned.push(Owned { id: id.clone(), position: committed.unwrap_or(earliest), paused: true });
            starts.push(Start { id: id.clone(), committed, earliest });
        }
        Ok(starts)
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        if let Some(owned) = self.find(id) {
            (owned.position, owned.paused) = (offset, false);
        }
        Ok(())
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.owned.retain(|owned| !ids.contains(&owned.id));
        Ok(())
    }

    fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        for (id, offset) in positions {
            if let Some(owned) = self.find(id) {
                owned.position = *offset;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.staged.clear();
        Ok(())
    }

    fn publish(&mut self, outbox: &Outbox) -> Result<(), LogError> {
        let store = self.store.borrow();
        let mut headers = Vec::new();
        for index in 0..outbox.len() {
            let Some(record) = outbox.get(index, &mut headers) else { break };
            let topic = self.outputs.get(record.output).ok_or_else(|| {
                let (group, place) = (&self.group, record.output);
                LogError::Halt(format!("{group}: output {place} is beyond the outputs of its topology"))
            })?;
            let partition = place(record.placement, record.key, store.partitions(topic));
            if store.end(topic, partition).is_none() {
                let group = &self.group;
                return Err(LogError::Halt(format!(
                    "{group}: there is no {topic}/{partition}; create the topic with enough partitions"
                )));
            }
            let stored = Stored::new(record.key, record.value, &headers, store.timestamp_ms);
            self.staged.push((topic.clone(), partition, stored));
        }
        Ok(())
    }

    fn commit(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        let ordinal = self.transactions;
        self.transactions += 1;
        if self.aborts.remove(&ordinal) {
            return Err(LogError::Abortable(format!("transaction {ordinal} was chosen to be aborted")));
        }
        let mut store = self.store.borrow_mut();
        for (topic, partition, record) in self.staged.drain(..) {
            store.append(&topic, partition, record);
        }
        for (id, offset) in positions {
            store.commit(&self.group, &id.topic, id.partition, *offset);
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.staged.clear();
        Ok(())
    }

    fn reader(&mut self) -> Result<MemoryReader, LogError> {
        Ok(MemoryReader { store: Rc::clone(&self.store), reading: Vec::new() })
    }

    fn cluster(&mut self) -> Result<String, LogError> {
        Ok("memory".to_owned())
    }

    fn now_ms(&self) -> i64 {
        self.store.borrow().timestamp_ms
    }

    fn extent(&mut self, topic: &str, partition: i32, since_ms: i64) -> Result<Extent, LogError> {
        let end = self.stable_end(topic, partition)?;
        let store = self.store.borrow();
        let first_since = store.first_since(topic, partition, since_ms);
        Ok(Extent { earliest: store.earliest(topic, partition), end, first_since })
    }

    fn stable_end(&mut self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let end = self.store.borrow().end(topic, partition);
        end.ok_or_else(|| LogError::Halt(format!("there is no {topic}/{partition}; create the topic first")))
    }
}

/// A partition that is being read beside the group.
#[derive(Debug)]
struct Reading {
    topic: String,
    partition: i32,
    position: i64,
    end: i64,
}

/// Reads partitions of the memory log beside the group.
#[derive(Debug)]
pub struct MemoryReader {
    store: Rc<RefCell<Store>>,
    reading: Vec<Reading>,
}

impl Reader for MemoryReader {
    fn start(&mut self, topic: &str, partition: i32, from: i64, until: Until) -> Result<(), LogError> {
        let known = self.store.borrow().end(topic, partition).ok_or_else(|| {
            LogError::Halt(format!("there is no {topic}/{partition} to read; create the topic with enough partitions"))
        })?;
        let end = match until {
            Until::End => known,
            Until::Offset(end) if end <= known => end,
            Until::Offset(end) => {
                return Err(LogError::Halt(format!("{topic}/{partition} ends at {known}, but is needed up to {end}")));
            }
        };
        self.reading.push(Reading { topic: topic.to_owned(), partition, position: from, end });
        Ok(())
    }

    fn poll<R>(&mut self, _: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Read<R>, LogError> {
        let Some(reading) = self.reading.first_mut() else { return Ok(Read::Nothing) };
        let found = self.store.borrow().read(&reading.topic, reading.partition, reading.position);
        if let Some((offset, record)) = found.filter(|(offset, _)| *offset < reading.end) {
            reading.position = offset + 1;
            return Ok(Read::Record(record.with((&reading.topic, reading.partition, offset), take)));
        }
        let Reading { topic, partition, .. } = self.reading.remove(0);
        Ok(Read::Finished { topic, partition })
    }

    fn stop(&mut self, topic: &str, partition: i32) -> Result<(), LogError> {
        self.reading.retain(|reading| reading.topic != topic || reading.partition != partition);
        Ok(())
    }
}
