//! Fills brokers without topics with what the bench reads: topics, policies, the feeds of a simulated city with the end
//! of each of its days, and what follows from them. It does not know what is measured.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::Consumer;
use schemas::Day;
use schemas::codec;
use schemas::records::DayClosed;

use super::clients::{CALL_LIMIT, Output};
use super::paced::{self, Copier};
use super::parts::Stage;
use super::{alone, bare};
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::simulate::{City, DEPARTMENTS, Settings};
use crate::{files, setup, topic};

/// The profile of `deploy/kafka/topics.yaml` whose partitions the bench measures with.
const PROFILE: &str = "local";
/// Months that are simulated at most: the horizon of a state.
const MONTHS_MAX: u32 = 25;
/// A broker refuses a feed record above this many bytes, so that none of them reaches a stage.
pub(super) const RECORD_BYTES_MAX: usize = 1_000_000;

/// How much to publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Feed records: the day in which so many are reached is the last one.
    pub(super) events: u64,
    /// Households of the city.
    pub(super) households: u32,
    /// The simulation's seed.
    pub(super) seed: u64,
}

/// What was published.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled {
    /// Feed records, without the calendar's.
    pub(super) events: u64,
    /// Days closed.
    pub(super) days: u64,
    /// The last of them.
    pub(super) last_day: Day,
    /// Policies and sentences.
    pub(super) policies: i64,
}

/// The feed topics, sorted.
pub(super) fn feed_topics() -> Vec<String> {
    let mut topics: Vec<String> = DEPARTMENTS.iter().map(|department| format!("feeds.{department}")).collect();
    topics.sort();
    topics
}

/// Creates the topics on brokers that have none of them, and publishes the policies: how many.
pub(super) fn prepare(brokers: &str, deploy: &Path) -> Result<i64> {
    refuse_what_is_in_use(brokers)?;
    setup::create_topics(brokers, deploy, PROFILE, &beside())?;
    let output = Output::idempotent(brokers)?;
    let policies = files::policies(&deploy.join("policies"))?;
    for (key, text) in &policies {
        output.send("policies", Some(0), key.as_bytes(), Some(text.as_bytes()))?;
    }
    output.flush()?;
    Ok(policies.len() as i64)
}

/// Prepares the brokers, and publishes feeds and what follows from them.
pub(super) fn fill(brokers: &str, schemas: &Path, deploy: &Path, wanted: Wanted) -> Result<Filled> {
    let policies = prepare(brokers, deploy)?;
    let output = Arc::new(Output::idempotent(brokers)?);
    let read = PipelineSettings::read(schemas, deploy)?;
    let of_process = PipelineSettings { key: alone::KEY.to_vec(), dropping_read: true, ..read };
    let watcher = Copier::new(&of_process.topics, Arc::clone(&output));
    let mut pipeline = MemoryPipeline::up_to_states(&of_process, watcher)?;
    let calendar = Calendar::new(brokers, policies)?;
    let settings = Settings::new(wanted.households, MONTHS_MAX, wanted.seed);
    let mut city = City::new(settings);
    let topics: Vec<String> = DEPARTMENTS.iter().map(|department| format!("feeds.{department}")).collect();
    let mut filled = Filled { policies, ..Filled::default() };
    while filled.events < wanted.events
        && let Some(day) = city.next_day()
    {
        for record in day.iter().filter(|record| record.value.len() <= RECORD_BYTES_MAX) {
            output.send(&topics[usize::from(record.feed)], None, record.key, Some(record.value))?;
            pipeline.publish(DEPARTMENTS[usize::from(record.feed)], record.key, record.value)?;
            filled.events += 1;
        }
        calendar.close(&output, day.day)?;
        pipeline.close_day(day.day)?;
        pipeline.run()?;
        filled.days += 1;
        filled.last_day = day.day;
    }
    output.flush()?;
    Ok(filled)
}

/// The topics that only a bench has: an existing one, and the name of another like it.
fn beside() -> Vec<(String, String)> {
    let copy = |name: &str, topic: &str| Some((topic.to_owned(), paced::beside(name, topic)?));
    let copies = paced::topics().filter_map(|topic| copy(alone::NAME, topic));
    let of_two = copy(alone::NAME_OF_TWO, Stage::Alert.input());
    let bare = ("households.states".to_owned(), bare::CHANGELOG.to_owned());
    copies.chain(of_two).chain([bare]).collect()
}

/// The stages would go on from the offsets, and count with the records, of whoever uses these brokers.
fn refuse_what_is_in_use(brokers: &str) -> Result<()> {
    let consumer = topic::consumer(brokers)?;
    let metadata = consumer.fetch_metadata(None, CALL_LIMIT).context("no answer from the brokers: check --brokers")?;
    let ours = |name: &str| name.starts_with("feeds.") || name == "subjects.entries" || name == "households.entries";
    if let Some(found) = metadata.topics().iter().find(|found| ours(found.name())) {
        bail!(
            "the brokers {brokers} have a topic {} already: the bench publishes a city of its own, so give it brokers \
             of its own (`cargo xtask bench` starts one)",
            found.name()
        );
    }
    Ok(())
}

/// Ends days in every partition of every feed.
pub(super) struct Calendar {
    /// Feed topic and number of partitions.
    feeds: Vec<(String, i32)>,
    /// Partitions of all feeds.
    of: i32,
    policies_offset: i64,
}

impl Calendar {
    /// Finds the partitions. Policies below the offset hold.
    pub(super) fn new(brokers: &str, policies_offset: i64) -> Result<Self> {
        let consumer = topic::consumer(brokers)?;
        let mut feeds = Vec::new();
        for name in feed_topics() {
            let partitions = topic::partitions(&consumer, &name)?;
            feeds.push((name, partitions));
        }
        let of = feeds.iter().map(|(_, partitions)| partitions).sum();
        Ok(Self { feeds, of, policies_offset })
    }

    /// Ends a day behind all that the same producer has sent. Not in a transaction of its own, as the calendar job does it:
    /// a bench that ends early is run again from the beginning, and its days are so short that this would bound them.
    pub(super) fn close(&self, output: &Output, day: Day) -> Result<()> {
        let marker = DayClosed {
            day,
            from: String::new(),
            of: self.of,
            policies_offset: self.policies_offset,
            coverage: Vec::new(),
        };
        let mut value = Vec::new();
        codec::encode(&marker, &mut value)?;
        for (name, partitions) in &self.feeds {
            for partition in 0..*partitions {
                output.send(name, Some(partition), marker.key().as_bytes(), Some(&value))?;
            }
        }
        Ok(())
    }
}
