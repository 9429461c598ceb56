//! The floor: what the Kafka client and the brokers do by themselves with the bytes that a stage reads. It knows no
//! stage.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{CALL_LIMIT, Input, Output, bytes};
use super::figures::{Measured, median};
use super::usage::{Usage, memory_bytes_max};

/// Where the floor writes: a topic with the partitions of the keyed topics, which no stage reads.
const OUTPUT: &str = "ingest.parked";
/// When the floor's transactions close: by time alone, so that nothing but client and brokers bounds them.
const TRANSACTION: Duration = Duration::from_millis(100);
/// How many records of the feeds are held in memory to be written again and again: more than a batch of the client
/// compresses together, so that repetition does not make them smaller.
const SAMPLE_RECORDS: usize = 50_000;

/// Reads the topics from begin to end.
pub(super) fn consume(brokers: &str, topics: &[String]) -> Result<Measured> {
    let mut input = Input::open(brokers, topics)?;
    let mut measured = Measured::default();
    let mut count = |message: &BorrowedMessage<'_>| {
        measured.records += 1;
        measured.record_bytes += bytes(message);
        Ok(())
    };
    if !input.next(&mut count)? {
        bail!("the topics to read are empty");
    }
    let begun = Usage::now()?;
    while input.next(&mut count)? {}
    let used = Usage::now()?.since(&begun);
    Ok(measured.with(used, memory_bytes_max()?))
}

/// Writes `records` records of the topics' bytes, each once and in order, without transactions.
pub(super) fn produce(brokers: &str, topics: &[String], records: u64) -> Result<Measured> {
    let mut sample: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    let mut input = Input::open(brokers, topics)?;
    let hold = |sample: &mut Vec<_>, message: &BorrowedMessage<'_>| {
        sample.push((message.key().unwrap_or_default().to_vec(), message.payload().map(<[u8]>::to_vec)));
        Ok(())
    };
    while sample.len() < SAMPLE_RECORDS && input.next(|message| hold(&mut sample, message))? {}
    drop(input);
    let output = Output::idempotent(brokers)?;
    let mut measured = Measured { records, ..Measured::default() };
    let begun = Usage::now()?;
    for ((key, value), _) in sample.iter().cycle().zip(0..records) {
        output.send(OUTPUT, None, key, value.as_deref())?;
        measured.record_bytes += (key.len() + value.as_ref().map_or(0, Vec::len)) as u64;
    }
    output.flush()?;
    let used = Usage::now()?.since(&begun);
    Ok(measured.with(used, memory_bytes_max()?))
}

/// Reads the topics and writes every record again, in transactions that commit the offsets: the loop without a stage.
pub(super) fn consume_produce(brokers: &str, topics: &[String]) -> Result<Measured> {
    let mut copy = Copy::new(Output::transactional(brokers)?);
    let mut input = Input::open(brokers, topics)?;
    let mut begun = None;
    while input.next(|message| copy.write(message))? {
        if begun.is_none() {
            begun = Some(Usage::now()?);
        }
        if copy.is_due() {
            copy.commit(&input)?;
        }
    }
    copy.commit(&input)?;
    let used = Usage::now()?.since(&begun.context("the topics to read are empty")?);
    let Copy { mut measured, mut commits, .. } = copy;
    measured.transactions = commits.len() as u64;
    measured.commit_seconds_median = median(&mut commits);
    Ok(measured.with(used, memory_bytes_max()?))
}

/// Where one partition stands.
struct Position {
    topic: String,
    partition: i32,
    next: i64,
    /// Whether the open transaction holds records of it.
    is_touched: bool,
}

/// Copies records in transactions.
struct Copy {
    output: Output,
    positions: Vec<Position>,
    /// The position found last: records come in runs of one partition.
    last: usize,
    /// When the open transaction was begun.
    since: Option<Instant>,
    /// The time of each commit, in seconds.
    commits: Vec<f64>,
    measured: Measured,
}

impl Copy {
    fn new(output: Output) -> Self {
        Self { output, positions: Vec::new(), last: 0, since: None, commits: Vec::new(), measured: Measured::default() }
    }

    fn write(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        if self.since.is_none() {
            self.output.producer.begin_transaction().context("begin a transaction")?;
            self.since = Some(Instant::now());
        }
        self.output.send(OUTPUT, None, message.key().unwrap_or_default(), message.payload())?;
        let position = self.position(message.topic(), message.partition());
        (position.next, position.is_touched) = (message.offset() + 1, true);
        let bytes = bytes(message);
        self.measured.records += 1;
        self.measured.record_bytes += bytes;
        self.measured.published += 1;
        self.measured.published_bytes += bytes;
        Ok(())
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

    fn is_due(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= TRANSACTION)
    }

    fn commit(&mut self, input: &Input) -> Result<()> {
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
