//! The clients of the floor: set like those of the loop, so that the floor is the loop without any stage in it. It
//! does not know what is read or written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::topic;

/// How long a call to the broker may take.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// How long a flush waits before it looks again. The client spends the last millisecond of each wait asking.
const FLUSH_STEP: Duration = Duration::from_millis(5);
/// So many polls in a row may bring nothing from partitions that are not at their end.
const EMPTY_POLLS_MAX: u32 = 300;

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Reads topics from their first to their last committed record.
pub(super) struct Input {
    pub(super) consumer: BaseConsumer,
    open: usize,
    empty_polls: u32,
}

impl Input {
    /// Begins at the first record of every partition.
    pub(super) fn open(brokers: &str, topics: &[String]) -> Result<Self> {
        Self::open_share(brokers, topics, |_| true)
    }

    /// Begins at the first record of every partition that is wanted.
    pub(super) fn open_share(brokers: &str, topics: &[String], is_wanted: impl Fn(i32) -> bool) -> Result<Self> {
        let consumer: BaseConsumer = config(brokers)
            .set("group.id", "bench")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("fetch.min.bytes", "65536")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.message.max.bytes", "4194304")
            .set("queued.min.messages", "200000")
            .set("queued.max.messages.kbytes", "131072")
            .set("fetch.queue.backoff.ms", "20")
            .set("check.crcs", "true")
            .create()
            .context("the Kafka client refuses its settings")?;
        let mut list = TopicPartitionList::new();
        for name in topics {
            for partition in (0..topic::partitions(&consumer, name)?).filter(|partition| is_wanted(*partition)) {
                list.add_partition_offset(name, partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&list).context("read the bench's topics")?;
        Ok(Self { consumer, open: list.count(), empty_polls: 0 })
    }

    /// Shows the next record to `take`. False when every partition is read to its end.
    pub(super) fn next(&mut self, take: impl FnOnce(&BorrowedMessage<'_>) -> Result<()>) -> Result<bool> {
        let mut take = Some(take);
        while self.open > 0 {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    self.empty_polls = 0;
                    if let Some(take) = take.take() {
                        take(&message)?;
                    }
                    return Ok(true);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.open -= 1,
                Some(Err(error)) => return Err(error).context("read the bench's topics"),
                None if self.empty_polls == EMPTY_POLLS_MAX => bail!("the brokers bring nothing more before the end"),
                None => self.empty_polls += 1,
            }
        }
        Ok(false)
    }
}

/// Key and value bytes of a record.
pub(super) fn bytes(message: &impl Message) -> u64 {
    (message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len)) as u64
}

/// Writes records; in transactions where it was opened so.
pub(super) struct Output {
    pub(super) producer: BaseProducer<Losses>,
}

/// Counts the records that the brokers did not take in time: a bench of a topic with gaps would measure something else.
#[derive(Default)]
pub(super) struct Losses(AtomicU64);

impl ClientContext for Losses {}

impl ProducerContext for Losses {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Output {
    /// A producer that writes each record once and in order.
    pub(super) fn idempotent(brokers: &str) -> Result<Self> {
        Self::create(config(brokers).set("enable.idempotence", "true").set("message.timeout.ms", "120000"))
    }

    /// A producer that writes in transactions, under an id that no other one has.
    pub(super) fn transactional(brokers: &str, id: &str) -> Result<Self> {
        let mut config = config(brokers);
        config.set("transactional.id", id).set("transaction.timeout.ms", "15000").set("message.timeout.ms", "10000");
        let output = Self::create(&mut config)?;
        output.producer.init_transactions(CALL_LIMIT).context("begin with transactions")?;
        Ok(output)
    }

    fn create(config: &mut ClientConfig) -> Result<Self> {
        let producer = config
            .set("linger.ms", "20")
            .set("batch.num.messages", "10000")
            .set("batch.size", "1000000")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "4000000")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("delivery.report.only.error", "true")
            .set("partitioner", "murmur2_random")
            .create_with_context(Losses::default())
            .context("the Kafka client refuses its settings")?;
        Ok(Self { producer })
    }

    /// Hands a record to the client; waits while its queue is full. Without a partition the key decides.
    pub(super) fn send(&self, topic: &str, partition: Option<i32>, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).key(key);
        record.partition = partition;
        record.payload = value;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.producer.poll(Duration::from_millis(10));
                    record = again;
                }
                Err((error, _)) => return Err(error).with_context(|| format!("write to {topic}")),
            }
        }
    }

    /// Waits until everything is written; an error where something was not. In short steps: the client's own flush looks again only after 100 ms, which
    /// would make that the least that a commit takes.
    pub(super) fn flush(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.producer.flush(FLUSH_STEP) {
                Ok(()) => break,
                Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) if begun.elapsed() < CALL_LIMIT => {}
                Err(error) => return Err(error).context("write what is queued"),
            }
        }
        match self.producer.context().0.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => bail!("the brokers did not take {lost} records in time: is the machine too busy?"),
        }
    }
}
