//! Transactions as the loop has them, without a stage: records out, offsets in, closed by time. It does not know what is
//! written.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{CALL_LIMIT, Input, Output};

/// When a transaction closes: by time alone, so that nothing but client and brokers bounds it.
const TRANSACTION: Duration = Duration::from_millis(100);

/// Where one partition stands.
struct Position {
    topic: String,
    partition: i32,
    next: i64,
    /// Whether the open transaction holds records of it.
    is_touched: bool,
}

/// Writes records in transactions that commit the offsets of what they were made of.
pub(super) struct Transactions {
    output: Output,
    positions: Vec<Position>,
    /// The position found last: records come in runs of one partition.
    last: usize,
    /// When the open transaction was begun.
    since: Option<Instant>,
    /// The time of each commit, in seconds.
    pub(super) commits: Vec<f64>,
}

impl Transactions {
    /// Under a transactional id of its own.
    pub(super) fn open(brokers: &str, id: &str) -> Result<Self> {
        let output = Output::transactional(brokers, id)?;
        Ok(Self { output, positions: Vec::new(), last: 0, since: None, commits: Vec::new() })
    }

    /// Takes note of a record that was read, and hands the producer over for what is made of it.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<&Output> {
        if self.since.is_none() {
            self.output.producer.begin_transaction().context("begin a transaction")?;
            self.since = Some(Instant::now());
        }
        let position = self.position(message.topic(), message.partition());
        (position.next, position.is_touched) = (message.offset() + 1, true);
        Ok(&self.output)
    }

    fn position(&mut self, topic: &str, partition: i32) -> &mut Position {
        let is_it = |position: &Position| position.partition == partition && position.topic == topic;
        if !self.positions.get(self.last).is_some_and(is_it) {
            self.last = self.positions.iter().position(is_it).unwrap_or_else(|| {
                self.positions.push(Position { topic: topic.to_owned(), partition, next: 0, is_touched: false });
                self.positions.len() - 1
            });
        }
        &mut self.positions[self.last]
    }

    /// Whether the open transaction has to be closed.
    pub(super) fn is_due(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= TRANSACTION)
    }

    /// Commits what is open.
    pub(super) fn commit(&mut self, input: &Input) -> Result<()> {
        if self.since.take().is_none() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut offsets = TopicPartitionList::new();
        for position in self.positions.iter_mut().filter(|position| position.is_touched) {
            offsets.add_partition_offset(&position.topic, position.partition, Offset::Offset(position.next))?;
            position.is_touched = false;
        }
        let group = input.consumer.group_metadata().context("the consumer has no group")?;
        self.output.flush()?;
        let producer = &self.output.producer;
        producer.send_offsets_to_transaction(&offsets, &group, CALL_LIMIT).context("send the offsets")?;
        producer.commit_transaction(CALL_LIMIT).context("commit a transaction")?;
        self.commits.push(begun.elapsed().as_secs_f64());
        Ok(())
    }
}
