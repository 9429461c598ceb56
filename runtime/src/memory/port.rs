//! The memory log as one worker sees it. It knows no stage.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::consumer::{Consumer, Order};
use super::faults::{Delay, Effect, Faults};
use super::group::Member;
use super::store::{Store, Stored};
use crate::log::{Extent, Log, LogError, Polled, Read, Reader, Start, Until};
use crate::partitioner::place;
use crate::stage::{Outbox, PartitionCounts, PartitionId, Record, Topology};

/// The port of one worker of a stage.
#[derive(Debug)]
pub struct MemoryPort {
    consumer: Consumer,
    outputs: Vec<String>,
    /// What the open transaction holds; none while there is no transaction.
    staged: Option<Staged>,
    /// A transaction whose commit takes its time.
    in_flight: Option<InFlight>,
    /// Whether a commit has taken effect of which the loop has not learnt yet.
    is_committed: bool,
}

/// Topic, partition and record of each that a transaction holds.
type Staged = Vec<(String, i32, Stored)>;

/// A transaction on its way.
#[derive(Debug)]
struct InFlight {
    staged: Staged,
    positions: Vec<(PartitionId, i64)>,
    delay: Delay,
}

impl Drop for MemoryPort {
    fn drop(&mut self) {
        if let Some(InFlight { staged, positions, .. }) = self.in_flight.take_if(|in_flight| in_flight.delay.lands) {
            // One that the group refuses does not take effect, and nobody learns of it.
            let _ = commit(&mut self.consumer, &mut Some(staged), &positions);
        }
    }
}

/// Makes a transaction's records and offsets visible; it stays staged where the group refuses it.
fn commit(
    consumer: &mut Consumer,
    staged: &mut Option<Staged>,
    positions: &[(PartitionId, i64)],
) -> Result<(), LogError> {
    consumer.may_commit(positions.iter().map(|(id, _)| id))?;
    let mut store = consumer.store.borrow_mut();
    for (topic, partition, record) in staged.take().ok_or_else(no_transaction)? {
        store.append(&topic, partition, record);
    }
    for (id, offset) in positions {
        store.commit(&consumer.group, &id.topic, id.partition, *offset, "");
    }
    Ok(())
}

impl MemoryPort {
    pub(super) fn new(store: Rc<RefCell<Store>>, topology: &Topology, order: Order, faults: Faults) -> Self {
        let consumer = Consumer::join(store, topology.stage, &topology.inputs, order, faults);
        Self { consumer, outputs: topology.outputs.clone(), staged: None, in_flight: None, is_committed: false }
    }

    pub(super) fn member(&self) -> Member {
        self.consumer.member
    }

    /// Puts the first `count` records of an outbox into the transaction.
    fn stage(&mut self, outbox: &Outbox, count: usize) -> Result<(), LogError> {
        let store = self.consumer.store.borrow();
        let mut headers = Vec::new();
        for index in 0..count {
            let Some(record) = outbox.get(index, &mut headers) else { break };
            let topic = self.outputs.get(record.output).ok_or_else(|| {
                let (group, place) = (&self.consumer.group, record.output);
                LogError::Halt(format!("{group}: output {place} is beyond the outputs of its topology"))
            })?;
            let partition = place(record.placement, record.key, store.partitions(topic));
            if store.end(topic, partition).is_none() {
                let group = &self.consumer.group;
                return Err(LogError::Halt(format!(
                    "{group}: there is no {topic}/{partition}; create the topic with enough partitions"
                )));
            }
            let stored = Stored::new(record.key, record.value, &headers, store.timestamp_ms);
            let staged = self.staged.as_mut().ok_or_else(no_transaction)?;
            staged.push((topic.clone(), partition, stored));
        }
        Ok(())
    }
}

fn no_transaction() -> LogError {
    LogError::Halt("no transaction is open".to_owned())
}

impl PartitionCounts for MemoryPort {
    fn partitions(&self, topic: &str) -> i32 {
        self.consumer.store.borrow().partitions(topic)
    }
}

impl Log for MemoryPort {
    type Reader = MemoryReader;

    fn poll<R>(&mut self, _: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        self.consumer.poll(take)
    }

    fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        self.consumer.effect(Effect::Accept, |consumer| {
            let starts: Vec<Start> = consumer.committed(ids).into_iter().map(|(start, _)| start).collect();
            consumer.assign(&starts.iter().map(Start::position).collect::<Vec<_>>());
            Ok(starts)
        })
    }

    fn accept_again(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        self.consumer.effect(Effect::Accept, |consumer| {
            let starts: Vec<Start> = consumer.committed(ids).into_iter().map(|(start, _)| start).collect();
            consumer.pause(&starts.iter().map(Start::position).collect::<Vec<_>>());
            Ok(starts)
        })
    }

    fn committed(&mut self, id: &PartitionId) -> Result<Option<i64>, LogError> {
        Ok(self.consumer.store.borrow().committed(&self.consumer.group, &id.topic, id.partition))
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        self.consumer.effect(Effect::Resume, |consumer| {
            consumer.resume(id, offset);
            Ok(())
        })
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.consumer.effect(Effect::Release, |consumer| {
            consumer.release(ids);
            Ok(())
        })
    }

    fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.consumer.effect(Effect::Rewind, |consumer| {
            consumer.rewind(positions);
            Ok(())
        })
    }

    fn begin(&mut self) -> Result<(), LogError> {
        if self.staged.is_some() {
            return Err(LogError::Halt("a transaction is open already".to_owned()));
        }
        let Self { consumer, staged, .. } = self;
        consumer.effect(Effect::Begin, |_| {
            *staged = Some(Vec::new());
            Ok(())
        })
    }

    fn publish(&mut self, outbox: &Outbox) -> Result<(), LogError> {
        let fault = self.consumer.faults.borrow_mut().next(Effect::Publish);
        let Some(fault) = fault else { return self.stage(outbox, outbox.len()) };
        self.stage(outbox, outbox.len().div_ceil(2))?;
        Err(fault.error(Effect::Publish))
    }

    fn hand_in(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        if self.in_flight.is_some() || self.is_committed {
            return Err(LogError::Halt("a transaction is on its way already".to_owned()));
        }
        if self.staged.is_none() {
            return Err(no_transaction());
        }
        let delay = self.consumer.faults.borrow_mut().next_delay();
        if let Some(delay) = delay
            && let Some(staged) = self.staged.take()
        {
            self.in_flight = Some(InFlight { staged, positions: positions.to_vec(), delay });
            return Ok(());
        }
        let Self { consumer, staged, .. } = self;
        consumer.effect(Effect::Commit, |consumer| commit(consumer, staged, positions))?;
        self.is_committed = true;
        Ok(())
    }

    fn outcome(&mut self, wait: bool) -> Result<Option<Duration>, LogError> {
        if std::mem::take(&mut self.is_committed) {
            return Ok(Some(Duration::ZERO));
        }
        let Some(in_flight) = &mut self.in_flight else {
            return Err(LogError::Halt("no transaction is on its way".to_owned()));
        };
        if !wait && in_flight.delay.looks > 0 {
            in_flight.delay.looks -= 1;
            return Ok(None);
        }
        let Some(InFlight { staged, positions, .. }) = self.in_flight.take() else { return Ok(None) };
        let mut staged = Some(staged);
        let consumer = &mut self.consumer;
        let committed = consumer.effect(Effect::Commit, |consumer| commit(consumer, &mut staged, &positions));
        if self.staged.is_none() {
            // One that failed can be aborted; where the next one is open already, that is what an abort finds.
            self.staged = staged;
        }
        committed.map(|()| Some(Duration::ZERO))
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.staged.take().ok_or_else(no_transaction)?;
        self.consumer.effect(Effect::Abort, |_| Ok(()))
    }

    fn reader(&mut self) -> Result<MemoryReader, LogError> {
        let Consumer { store, faults, .. } = &self.consumer;
        Ok(MemoryReader::new(store, faults))
    }

    fn cluster(&mut self) -> Result<String, LogError> {
        Ok("memory".to_owned())
    }

    fn now_ms(&self) -> i64 {
        self.consumer.store.borrow().timestamp_ms
    }

    fn extent(&mut self, topic: &str, partition: i32, since_ms: i64) -> Result<Extent, LogError> {
        let end = self.stable_end(topic, partition)?;
        let store = self.consumer.store.borrow();
        let first_since = store.first_since(topic, partition, since_ms);
        Ok(Extent { earliest: store.earliest(topic, partition), end, first_since })
    }

    fn stable_end(&mut self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let end = self.consumer.store.borrow().end(topic, partition);
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
    faults: Rc<RefCell<Faults>>,
    reading: Vec<Reading>,
}

impl MemoryReader {
    pub(super) fn new(store: &Rc<RefCell<Store>>, faults: &Rc<RefCell<Faults>>) -> Self {
        Self { store: Rc::clone(store), faults: Rc::clone(faults), reading: Vec::new() }
    }
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
        if let Some(fault) = self.faults.borrow_mut().next(Effect::Read) {
            return Err(fault.error(Effect::Read));
        }
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
