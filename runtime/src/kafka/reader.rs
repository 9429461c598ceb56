//! Reads partitions beside the group, to an offset or to their end: restores, the reference topic. It knows no
//! stage.
//!
//! Two traps (section 2 of `kafka.md`): control records are never delivered, so that an end is told by EOF, not by
//! counting; and what `read_committed` sees ends at the last stable offset, which can trail behind the high watermark
//! while the former owner's transaction is undecided. So a partition is not begun before its stable offset has
//! reached the high watermark of when the reading was asked for: then the first EOF is the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{CALL_TIMEOUT, Connection, Identity, Quiet, explain};
use super::group::with_record;
use super::undecided::Undecided;
use crate::log::{LogError, Read, Reader, Until};
use crate::stage::{PartitionId, Record};
use crate::telemetry::Metrics;

/// How often an undecided partition is asked whether it is decided.
const STABLE_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Reading {
    topic: String,
    partition: i32,
    from: i64,
    /// Records from here on are not asked for.
    target: i64,
    /// Whether it is assigned to the consumer.
    begun: bool,
    /// Whether every record below the target was delivered.
    done: bool,
    asked: Option<Instant>,
}

/// A reader on Kafka.
pub struct KafkaReader {
    committed: BaseConsumer<Quiet>,
    watermarks: BaseConsumer<Quiet>,
    reading: Vec<Reading>,
    /// Whether a partition may be waiting to be begun, or be read as far as was asked.
    has_news: bool,
    undecided: Undecided,
}

impl KafkaReader {
    pub(crate) fn new(connection: &Connection, identity: &Identity, metrics: &Arc<Metrics>) -> Result<Self, LogError> {
        let create = |error: KafkaError| LogError::Broken(format!("a reader could not be made: {error}"));
        Ok(Self {
            committed: connection.reader(identity).create_with_context(Quiet).map_err(create)?,
            watermarks: connection.watermarks(identity).create_with_context(Quiet).map_err(create)?,
            reading: Vec::new(),
            has_news: false,
            undecided: Undecided::new(connection, identity, metrics),
        })
    }

    /// Begins one partition that waits, if it is decided up to its target by now.
    fn begin_stable(&mut self) -> Result<(), LogError> {
        for row in self.reading.iter_mut().filter(|row| !row.begun && !row.done) {
            if row.asked.is_some_and(|asked| asked.elapsed() < STABLE_EVERY) {
                continue;
            }
            row.asked = Some(Instant::now());
            let (low, stable) = self
                .committed
                .fetch_watermarks(&row.topic, row.partition, CALL_TIMEOUT)
                .map_err(|error| watermarks_failed(&row.topic, row.partition, &error))?;
            let id = PartitionId { topic: row.topic.clone(), partition: row.partition };
            self.undecided.seen(&id, stable, row.target);
            if stable < row.target {
                continue;
            }
            let from = row.from.max(low);
            if from >= row.target {
                row.done = true;
                continue;
            }
            let mut list = TopicPartitionList::new();
            add(&mut list, &row.topic, row.partition, from)?;
            self.committed.incremental_assign(&list).map_err(|error| {
                LogError::Broken(format!("{}/{} cannot be read: {error}", row.topic, row.partition))
            })?;
            row.begun = true;
        }
        Ok(())
    }

    fn take_done(&mut self) -> Result<Option<(String, i32)>, LogError> {
        let Some(index) = self.reading.iter().position(|row| row.done) else { return Ok(None) };
        let row = self.reading.swap_remove(index);
        self.unassign(&row)?;
        Ok(Some((row.topic, row.partition)))
    }

    fn unassign(&self, row: &Reading) -> Result<(), LogError> {
        if !row.begun {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&row.topic, row.partition);
        self.committed
            .incremental_unassign(&list)
            .map_err(|error| LogError::Broken(format!("{}/{} cannot be left: {error}", row.topic, row.partition)))
    }
}

/// Adds a partition with an offset to a list.
pub(super) fn add(list: &mut TopicPartitionList, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
    list.add_partition_offset(topic, partition, Offset::Offset(offset))
        .map_err(|error| LogError::Broken(format!("{topic}/{partition}: offset {offset} is refused: {error}")))
}

pub(super) fn watermarks_failed(topic: &str, partition: i32, error: &KafkaError) -> LogError {
    let what = error.rdkafka_error_code().map_or_else(|| error.to_string(), explain);
    LogError::Broken(format!("the offsets of {topic}/{partition} cannot be asked for: {what}"))
}

impl Reader for KafkaReader {
    fn start(&mut self, topic: &str, partition: i32, from: i64, until: Until) -> Result<(), LogError> {
        let target = match until {
            Until::Offset(target) => target,
            Until::End => {
                self.watermarks
                    .fetch_watermarks(topic, partition, CALL_TIMEOUT)
                    .map_err(|error| watermarks_failed(topic, partition, &error))?
                    .1
            }
        };
        let done = from >= target;
        let topic = topic.to_owned();
        self.reading.push(Reading { topic, partition, from, target, begun: false, done, asked: None });
        self.has_news = true;
        Ok(())
    }

    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Read<R>, LogError> {
        let mut wait = wait;
        // Most polls bring a record and change nothing: then no partition is looked at.
        if self.has_news {
            self.begin_stable()?;
            if let Some((topic, partition)) = self.take_done()? {
                return Ok(Read::Finished { topic, partition });
            }
            self.has_news = !self.reading.iter().all(|row| row.begun);
            wait = if self.has_news { wait.min(STABLE_EVERY) } else { wait };
        }
        match self.committed.poll(wait) {
            None => Ok(Read::Nothing),
            Some(Ok(message)) => {
                let is_it = |row: &&mut Reading| row.partition == message.partition() && row.topic == message.topic();
                let Some(row) = self.reading.iter_mut().find(is_it) else { return Ok(Read::Nothing) };
                row.done = message.offset() + 1 >= row.target;
                self.has_news |= row.done;
                if message.offset() >= row.target {
                    return Ok(Read::Nothing);
                }
                Ok(Read::Record(with_record(&message, take)))
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                // At most one partition with a given number is read at a time, so the number tells which.
                for row in self.reading.iter_mut().filter(|row| row.partition == partition && row.begun) {
                    row.done = true;
                    self.has_news = true;
                }
                Ok(Read::Nothing)
            }
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(
                    code @ (RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::Resolve
                    | RDKafkaErrorCode::OperationTimedOut),
                ) => {
                    tracing::debug!("a reader waits: {}", explain(code));
                    Ok(Read::Nothing)
                }
                Some(code) => Err(LogError::Broken(format!("a reader failed: {}", explain(code)))),
                None => Err(LogError::Broken(format!("a reader failed: {error}"))),
            },
        }
    }

    fn stop(&mut self, topic: &str, partition: i32) -> Result<(), LogError> {
        let Some(index) = self.reading.iter().position(|row| row.topic == topic && row.partition == partition) else {
            return Ok(());
        };
        let row = self.reading.swap_remove(index);
        self.undecided.settled(&PartitionId { topic: row.topic.clone(), partition });
        self.unassign(&row)
    }
}
