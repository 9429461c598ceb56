//! `backstop close-day`: ends a day in every feed, in one transaction (design section 6). It is the one place that
//! reads a clock: a day that has not ended is not closed. It does not know what the feeds hold.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use schemas::Day;
use schemas::codec;
use schemas::records::DayClosed;

use crate::brokers::{Brokers, REQUEST_LIMIT, drain};

/// What feed topics begin with.
const FEED_PREFIX: &str = "feeds.";
/// The topic of the policies.
const POLICIES: &str = "policies";
/// The one calendar: a second one fences the first.
const TRANSACTIONAL_ID: &str = "backstop-close-day";
/// Records from the end of a partition that are searched first for its last marker; each further search looks so
/// many times as far back as the one before.
const SEARCH_RECORDS: i64 = 256;
const SEARCH_FACTOR: i64 = 16;

/// Which days to close.
#[derive(Clone, Debug, Args)]
pub(crate) struct CloseDayArgs {
    /// The brokers.
    #[command(flatten)]
    brokers: Brokers,
    /// The day to close: the one after the last closed one. The very first may be any.
    #[arg(long, value_parser = day)]
    day: Day,
    /// Closes every day from `--day` to this one.
    #[arg(long, value_parser = day)]
    until: Option<Day>,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day such as 2025-03-31"))
}

/// Closes the days.
pub(crate) fn run(args: &CloseDayArgs) -> Result<()> {
    let until = args.until.unwrap_or(args.day);
    ensure!(until >= args.day, "--until {until} lies before --day {}", args.day);
    let mut calendar = Calendar::open(&args.brokers)?;
    let mut next = args.day;
    while next <= until {
        calendar.close(next)?;
        say(&format!("closed {next} in {} partitions", calendar.feeds.len()));
        next = next.plus(1);
    }
    Ok(())
}

/// Who ends the days. There is one at a time: opening another makes the first one fail.
pub(crate) struct Calendar {
    producer: BaseProducer,
    feeds: Vec<(String, i32)>,
    last: Option<Day>,
}

impl Calendar {
    /// Finds the feeds and the last closed day.
    pub(crate) fn open(brokers: &Brokers) -> Result<Self> {
        let producer: BaseProducer = brokers
            .config()
            .set("transactional.id", TRANSACTIONAL_ID)
            .set("transaction.timeout.ms", "30000")
            .set("message.timeout.ms", "20000")
            .set("linger.ms", "0")
            .create()
            .context("the Kafka client refuses its settings: check --kafka-setting")?;
        // Ends what a killed calendar left open, so that the search below sees whole days only.
        producer.init_transactions(REQUEST_LIMIT).context("no answer from the brokers: check --brokers")?;
        let feeds = feed_partitions(producer.client())?;
        let last = last_closed(brokers, &feeds)?;
        Ok(Self { producer, feeds, last })
    }

    /// The last closed day; none where no day was closed yet.
    pub(crate) fn last_closed(&self) -> Option<Day> {
        self.last
    }

    /// Closes a day: a marker in every partition of every feed, all of them or none.
    pub(crate) fn close(&mut self, day: Day) -> Result<()> {
        acceptable(day, self.last, today()?)?;
        let marker = self.marker(day)?;
        let mut value = Vec::new();
        codec::encode(&marker, &mut value)?;
        let key = marker.key();
        self.producer.begin_transaction().context("begin the transaction that closes the day")?;
        let told = self.tell(&key, &value);
        if let Err(fault) = told {
            // The next `init_transactions` ends the transaction too, should this not be heard.
            let _ = self.producer.abort_transaction(REQUEST_LIMIT);
            return Err(fault);
        }
        drain(&self.producer, REQUEST_LIMIT);
        self.producer.commit_transaction(REQUEST_LIMIT).with_context(|| {
            format!("it is not known whether {day} was closed: run the command again, it looks for itself")
        })?;
        self.last = Some(day);
        Ok(())
    }

    fn marker(&self, day: Day) -> Result<DayClosed> {
        let (_, policies_offset) = self
            .producer
            .client()
            .fetch_watermarks(POLICIES, 0, REQUEST_LIMIT)
            .with_context(|| format!("read the end of the topic {POLICIES}: run `backstop setup` first"))?;
        Ok(DayClosed { day, from: String::new(), of: self.feeds.len() as i32, policies_offset, coverage: Vec::new() })
    }

    fn tell(&self, key: &str, value: &[u8]) -> Result<()> {
        for (topic, partition) in &self.feeds {
            let record = BaseRecord::to(topic).partition(*partition).key(key).payload(value);
            let sent = self.producer.send(record).map_err(|(error, _)| error);
            sent.with_context(|| format!("close the day in {topic}/{partition}"))?;
        }
        Ok(())
    }
}

/// Whether a day may be closed.
fn acceptable(day: Day, last: Option<Day>, today: Day) -> Result<()> {
    if let Some(last) = last {
        ensure!(
            day == last.plus(1),
            "{day} cannot be closed: the last closed day is {last}, so the next is {}",
            last.plus(1)
        );
    }
    ensure!(day < today, "{day} cannot be closed: it has not ended (today is {today} in Asia/Shanghai)");
    Ok(())
}

/// The day that it is in Asia/Shanghai.
pub(crate) fn today() -> Result<Day> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock stands before 1970")?;
    Ok(Day::of_instant_ms(since.as_millis() as i64))
}

/// The last closed day, without taking the calendar from whoever has it; none where no day was closed yet.
pub(crate) fn last_closed_day(brokers: &Brokers) -> Result<Option<Day>> {
    let feeds = feed_partitions(reader(brokers)?.client())?;
    last_closed(brokers, &feeds)
}

/// Every partition of every feed, sorted.
fn feed_partitions<C: ClientContext>(client: &Client<C>) -> Result<Vec<(String, i32)>> {
    let metadata = client.fetch_metadata(None, REQUEST_LIMIT).context("no answer from the brokers: check --brokers")?;
    let mut feeds = Vec::new();
    for topic in metadata.topics().iter().filter(|topic| topic.name().starts_with(FEED_PREFIX)) {
        feeds.extend(topic.partitions().iter().map(|partition| (topic.name().to_owned(), partition.id())));
    }
    ensure!(!feeds.is_empty(), "there is no topic {FEED_PREFIX}*: run `backstop setup` first");
    feeds.sort();
    Ok(feeds)
}

/// The day of the last marker. Markers stand in all feeds alike, so the first feed that has one tells it; feeds with
/// few records are searched first.
fn last_closed(brokers: &Brokers, feeds: &[(String, i32)]) -> Result<Option<Day>> {
    let consumer = reader(brokers)?;
    let mut ranges = Vec::new();
    for (topic, partition) in feeds {
        let (low, high) = consumer
            .fetch_watermarks(topic, *partition, REQUEST_LIMIT)
            .with_context(|| format!("read the ends of {topic}/{partition}"))?;
        ranges.push((high - low, topic.as_str(), *partition, low, high));
    }
    ranges.sort_unstable();
    for (_, topic, partition, low, high) in ranges {
        let mut records = SEARCH_RECORDS;
        if high == low {
            continue;
        }
        loop {
            let from = low.max(high - records);
            let found = last_marker(&consumer, topic, partition, from)?;
            if found.is_some() {
                return Ok(found);
            }
            if from == low {
                break;
            }
            records = records.saturating_mul(SEARCH_FACTOR);
        }
    }
    Ok(None)
}

/// A consumer of committed records that says where a partition ends.
fn reader(brokers: &Brokers) -> Result<BaseConsumer> {
    brokers
        .config()
        // librdkafka asks for a group's name even where none is used.
        .set("group.id", TRANSACTIONAL_ID)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .create()
        .context("the Kafka client refuses its settings: check --kafka-setting")
}

/// The last marker from an offset on.
fn last_marker(consumer: &BaseConsumer, topic: &str, partition: i32, from: i64) -> Result<Option<Day>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))?;
    consumer.assign(&list).with_context(|| format!("read {topic}/{partition}"))?;
    let mut found = None;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() > REQUEST_LIMIT => {
                bail!("{topic}/{partition} brought nothing for {} s before its end", REQUEST_LIMIT.as_secs())
            }
            None => continue,
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(error)) => return Err(error).with_context(|| format!("read {topic}/{partition}")),
            Some(Ok(message)) => {
                let value = message.payload().unwrap_or_default();
                if codec::is::<DayClosed>(value) {
                    let marker: DayClosed = codec::decode(value)
                        .with_context(|| format!("the marker {topic}/{partition}/{}", message.offset()))?;
                    found = found.max(Some(marker.day));
                }
            }
        }
        heard = Instant::now();
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_day_after_the_last_closed_one_is_closed_and_only_when_it_has_ended() {
        let day = |text| Day::parse(text).expect("a day");
        let today = day("2025-03-10");
        for (which, last, accepted) in [
            ("2025-03-09", Some("2025-03-08"), true),
            ("2020-01-01", None, true),
            ("2025-03-09", Some("2025-03-09"), false),
            ("2025-03-09", Some("2025-03-07"), false),
            ("2025-03-08", Some("2025-03-09"), false),
            ("2025-03-10", Some("2025-03-09"), false),
            ("2025-03-11", None, false),
        ] {
            let found = acceptable(day(which), last.map(day), today);
            assert_eq!(found.is_ok(), accepted, "{which} after {last:?}: {found:?}");
        }
    }
}
