//! Reads topics of a real cluster from their first to their last committed record. It does not know what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use runtime::stage::{Header, Record};

use crate::brokers::Brokers;

/// How long a broker may take for one request.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// How long nothing may come from a topic that is not at its end.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// A consumer without a group that sees committed records only, and says where a partition ends.
pub(crate) fn consumer(brokers: &str) -> Result<BaseConsumer> {
    consumer_of(&Brokers::plain(brokers))
}

/// The same, for brokers that may ask for a login.
pub(crate) fn consumer_of(brokers: &Brokers) -> Result<BaseConsumer> {
    settings(brokers).create().context("the Kafka client refuses its settings")
}

fn settings(brokers: &Brokers) -> ClientConfig {
    let mut config = brokers.config();
    config
        // librdkafka asks for a group's name even where none is used.
        .set("group.id", "backstop-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("fetch.message.max.bytes", "4194304")
        // How long a broker waits for more before it says that a partition is at its end.
        .set("fetch.wait.max.ms", "50");
    config
}

/// The number of partitions of a topic.
pub(crate) fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<i32> {
    let metadata =
        consumer.fetch_metadata(Some(topic), REQUEST_LIMIT).context("no answer from the brokers: check --brokers")?;
    let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
    if count == 0 {
        bail!("there is no topic {topic}: run `backstop setup` first");
    }
    Ok(count)
}

/// Shows every committed record of a topic to `take`, each partition in its order.
pub(crate) fn for_each(brokers: &str, topic: &str, mut take: impl FnMut(&Record<'_>) -> Result<()>) -> Result<u64> {
    for_each_from(brokers, topic, &BTreeMap::new(), &mut take).map(|(count, _)| count)
}

/// Like [`for_each`], from the given offset of each partition on (the beginning where none is given). Also says where
/// the next read goes on.
pub(crate) fn for_each_from(
    brokers: &str,
    topic: &str,
    from: &BTreeMap<i32, i64>,
    take: &mut dyn FnMut(&Record<'_>) -> Result<()>,
) -> Result<(u64, BTreeMap<i32, i64>)> {
    let consumer = consumer(brokers)?;
    let mut starts = BTreeMap::new();
    for partition in 0..partitions(&consumer, topic)? {
        let offset = from.get(&partition).map_or(Offset::Beginning, |offset| Offset::Offset(*offset));
        starts.insert(partition, offset);
    }
    read(&consumer, topic, &starts, take)
        .map(|(records, next)| (records, from.clone().into_iter().chain(next).collect()))
}

/// Shows every committed record of some partitions to `take`, each partition in its order.
pub(crate) fn for_each_in(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &BTreeSet<i32>,
    take: &mut dyn FnMut(&Record<'_>) -> Result<()>,
) -> Result<()> {
    let starts = partitions.iter().map(|partition| (*partition, Offset::Beginning)).collect();
    read(consumer, topic, &starts, take).map(drop)
}

/// Reads partitions from where they start to their ends; how many records, and where the next read goes on.
fn read(
    consumer: &BaseConsumer,
    topic: &str,
    starts: &BTreeMap<i32, Offset>,
    take: &mut dyn FnMut(&Record<'_>) -> Result<()>,
) -> Result<(u64, BTreeMap<i32, i64>)> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in starts {
        list.add_partition_offset(topic, *partition, *offset)?;
    }
    consumer.assign(&list).with_context(|| format!("read {topic}"))?;
    let mut next = BTreeMap::new();
    let (mut records, mut ended, mut heard) = (0, 0, Instant::now());
    while ended < starts.len() {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() > SILENCE_LIMIT => {
                bail!("{topic} brought nothing for {} s before its end", SILENCE_LIMIT.as_secs())
            }
            None => continue,
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => return Err(error).with_context(|| format!("read {topic}")),
            Some(Ok(message)) => {
                show(&message, take)?;
                next.insert(message.partition(), message.offset() + 1);
                records += 1;
            }
        }
        heard = Instant::now();
    }
    Ok((records, next))
}

/// Follows a topic: shows what was not shown yet, again and again, from its first record on.
pub(crate) struct Tail {
    consumer: BaseConsumer,
    topic: String,
}

impl Tail {
    /// Begins at the first record of every partition.
    pub(crate) fn new(brokers: &str, topic: &str) -> Result<Self> {
        let consumer = consumer(brokers)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions(&consumer, topic)? {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&list).with_context(|| format!("read {topic}"))?;
        Ok(Self { consumer, topic: topic.to_owned() })
    }

    /// How many partitions it follows.
    pub(crate) fn partitions(&self) -> Result<i32> {
        partitions(&self.consumer, &self.topic)
    }

    /// Shows what comes until nothing has come for `wait`.
    pub(crate) fn show_new(&self, wait: Duration, take: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        loop {
            match self.consumer.poll(wait) {
                None => return Ok(()),
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                // A broker that is away comes back; how long that may take is the caller's to say.
                Some(Err(error)) if is_away(&error) => return Ok(()),
                Some(Err(error)) => return Err(error).with_context(|| format!("read {}", self.topic)),
                Some(Ok(message)) => show(&message, take)?,
            }
        }
    }
}

/// Reads a topic step by step: each time all that has come since, to the end of every partition. Between the steps it asks
/// the brokers nothing.
pub(crate) struct Steps {
    consumer: BaseConsumer,
    topic: String,
    next: BTreeMap<i32, Offset>,
}

impl Steps {
    /// Begins at the first record of every partition.
    pub(crate) fn new(brokers: &str, topic: &str) -> Result<Self> {
        // Each step waits once for the end of partitions to which nothing came.
        let mut settings = settings(&Brokers::plain(brokers));
        let consumer: BaseConsumer =
            settings.set("fetch.wait.max.ms", "5").create().context("the Kafka client refuses its settings")?;
        let next = (0..partitions(&consumer, topic)?).map(|partition| (partition, Offset::Beginning)).collect();
        Ok(Self { consumer, topic: topic.to_owned(), next })
    }

    /// Shows what has come since the last step.
    pub(crate) fn show_to_end(&mut self, take: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let (_, next) = read(&self.consumer, &self.topic, &self.next, take)?;
        self.consumer.unassign().with_context(|| format!("read {}", self.topic))?;
        self.next.extend(next.into_iter().map(|(partition, offset)| (partition, Offset::Offset(offset))));
        Ok(())
    }
}

/// Whether an error says that no broker answers.
fn is_away(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(code, Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut)
    })
}

/// Hands a client's record to `take` as the loop has it.
pub(crate) fn show<M: Message>(message: &M, take: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
    let headers: Vec<Header<'_>> = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|one| Header { name: one.key, value: one.value.unwrap_or_default() }).collect()
    });
    take(&Record {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key(),
        value: message.payload(),
        headers: &headers,
    })
}
