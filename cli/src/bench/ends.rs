//! How far topics reach, and how far groups have come in them. It does not know what they hold.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::CALL_LIMIT;
use super::services::pause;
use crate::brokers::Brokers;
use crate::topic;

/// So many control records may stand behind the last record of a partition.
const CONTROL_RECORDS: i64 = 2;
/// How often a group is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A partition and the offset behind its last record.
pub(super) type End = (String, i32, i64);

/// The end of each partition of the topics; of a topic without transactions this is how many records it holds.
pub(super) fn ends(brokers: &str, topics: &[String]) -> Result<Vec<End>> {
    let consumer = topic::consumer(brokers)?;
    let mut ends = Vec::new();
    for name in topics {
        for partition in 0..topic::partitions(&consumer, name)? {
            let (_, high) = consumer.fetch_watermarks(name, partition, CALL_LIMIT)?;
            ends.push((name.clone(), partition, high));
        }
    }
    Ok(ends)
}

/// Records in topics that nobody has written to in transactions.
pub(super) fn records(brokers: &str, topics: &[String]) -> Result<u64> {
    let ends = ends(brokers, topics)?;
    Ok(ends.iter().map(|(_, _, end)| end.unsigned_abs()).sum())
}

/// A reader of committed records that begins at the given ends.
pub(super) fn reader(brokers: &str, from: &[End]) -> Result<BaseConsumer> {
    let consumer = topic::consumer(brokers)?;
    let mut list = TopicPartitionList::new();
    for (name, partition, offset) in from {
        list.add_partition_offset(name, *partition, Offset::Offset(*offset))?;
    }
    consumer.assign(&list).context("read from the ends of topics")?;
    Ok(consumer)
}

/// Shows partition and arrival of each new record to `take` until that has seen enough; an error after the limit.
pub(super) fn watch(consumer: &BaseConsumer, limit: Duration, mut take: impl FnMut(&str, i32) -> bool) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        match consumer.poll(ASK_EVERY) {
            Some(Ok(message)) if take(message.topic(), message.partition()) => return Ok(()),
            Some(Err(KafkaError::PartitionEOF(_)) | Ok(_)) | None => {}
            Some(Err(error)) => return Err(error).context("wait for new records"),
        }
    }
    bail!("no new records within {} s", limit.as_secs())
}

/// Waits until a group has committed all of the topics as they are now.
pub(super) fn caught_up(brokers: &str, group: &str, topics: &[String], limit: Duration) -> Result<()> {
    let wanted = ends(brokers, topics)?;
    let consumer: BaseConsumer =
        Brokers::plain(brokers).config().set("group.id", group).set("enable.auto.commit", "false").create()?;
    let mut list = TopicPartitionList::new();
    for (name, partition, _) in &wanted {
        list.add_partition(name, *partition);
    }
    let begun = Instant::now();
    loop {
        let committed = consumer.committed_offsets(list.clone(), CALL_LIMIT)?;
        let is_there = |(name, partition, end): &End| {
            let found = committed.find_partition(name, *partition).map(|found| found.offset());
            matches!(found, Some(Offset::Offset(offset)) if offset + CONTROL_RECORDS >= *end) || *end == 0
        };
        let Some((name, partition, end)) = wanted.iter().find(|end| !is_there(end)) else { return Ok(()) };
        if begun.elapsed() > limit {
            bail!("the group {group} did not come to {end} in {name}/{partition} within {} s", limit.as_secs());
        }
        pause(ASK_EVERY);
    }
}
