//! How long it takes from an event to the warning that it causes, while the services are busy for half of their time. It
//! does not know why anybody is warned of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use schemas::codec;
use schemas::records::{DayClosed, HouseholdEntry, HouseholdState, Warning};
use schemas::{Day, Hash64, HouseholdCode};
use serde::{Deserialize, Serialize};

use super::commits::{self, Commits};
use super::ends::{self, End};
use super::fill::feed_topics;
use super::load::{Days, Load};
use super::measured::{quantile, quotient, rounded};
use super::services::Services;
use crate::topic;

/// The topic with the warnings, and the one to which alert writes in each transaction.
const WARNINGS: &str = "warnings";
const CASES: &str = "households.cases";
const STATES: &str = "households.states";
const ENTRIES: &str = "households.entries";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    /// Events published.
    pub(super) events: u64,
    /// So many a second.
    pub(super) events_per_second: f64,
    /// Warnings that an event of their own day has caused; of others it is not known when their cause came.
    pub(super) warnings: u64,
    /// From the broker's stamp on the event to the moment at which a reader of committed records has the warning.
    pub(super) ms_p50: f64,
    /// So long 99 of 100 took at most.
    pub(super) ms_p99: f64,
    /// The longest.
    pub(super) ms_max: f64,
    /// The longest time in which nothing came out at the end of the pipeline.
    pub(super) silence_ms_max: f64,
    /// By stage.
    pub(super) commits: BTreeMap<String, Commits>,
}

/// A warning record, and when it could be read.
struct Arrived {
    household: HouseholdCode,
    state: i64,
    day: Day,
    at_ms: i64,
}

/// What came out at the end.
#[derive(Default)]
struct Output {
    warnings: Vec<Arrived>,
    last: Option<Instant>,
    silence_max: Duration,
}

/// Publishes the days at a pace and looks what comes out.
pub(super) fn run(
    brokers: &str,
    days: &mut Days,
    per_second: f64,
    services: &mut Services,
    load: &mut Load,
) -> Result<Latency> {
    let before = Before::new(brokers)?;
    let reader = ends::reader(brokers, &before.outputs)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let told = services.metrics()?;
    let watcher = {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || watch(&reader, &is_over))
    };
    let events = days.events();
    let first_day = days.first_day().context("no days are left for a steady pace")?;
    let published = load.at_pace(days, per_second, services);
    is_over.store(true, Ordering::SeqCst);
    let output = watcher.join().map_err(|_| anyhow!("the reader of the warnings panicked"))??;
    let commits = commits::between(&told, &services.metrics()?);
    let mut waits = before.waits(brokers, first_day, &output.warnings)?;
    Ok(Latency {
        events,
        events_per_second: rounded(quotient(events as f64, published?.as_secs_f64())),
        warnings: waits.len() as u64,
        ms_p50: quantile(&mut waits, 0.5),
        ms_p99: quantile(&mut waits, 0.99),
        ms_max: quantile(&mut waits, 1.0),
        silence_ms_max: rounded(output.silence_max.as_secs_f64() * 1e3),
        commits,
    })
}

/// Notes what arrives until the load is over.
fn watch(reader: &BaseConsumer, is_over: &AtomicBool) -> Result<Output> {
    let mut output = Output::default();
    while !is_over.load(Ordering::SeqCst) {
        let message = match reader.poll(Duration::from_millis(20)) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(_))) | None => continue,
            Some(Err(error)) => return Err(error).context("read the warnings"),
        };
        let silence = output.last.replace(Instant::now()).map_or(Duration::ZERO, |last| last.elapsed());
        output.silence_max = output.silence_max.max(silence);
        if message.topic() == WARNINGS {
            let at_ms =
                SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_millis();
            let Warning { household, state_number: state, day, .. } =
                codec::decode(message.payload().unwrap_or_default())?;
            output.warnings.push(Arrived { household, state, day, at_ms: at_ms as i64 });
        }
    }
    Ok(output)
}

/// Where the topics ended before the load.
struct Before {
    outputs: Vec<End>,
    inner: BTreeMap<String, BTreeMap<i32, i64>>,
}

impl Before {
    fn new(brokers: &str) -> Result<Self> {
        let outputs = ends::ends(brokers, &[WARNINGS.to_owned(), CASES.to_owned()])?;
        let mut topics = feed_topics();
        topics.extend([STATES.to_owned(), ENTRIES.to_owned()]);
        let mut inner: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
        for (topic, partition, end) in ends::ends(brokers, &topics)? {
            inner.entry(topic).or_default().insert(partition, end);
        }
        Ok(Self { outputs, inner })
    }

    /// Of each warning that an event of its own day has caused: the time from event to warning, in milliseconds. The state
    /// on which it rests names the event, and the entry behind the state names the feed record.
    fn waits(&self, brokers: &str, first_day: Day, warnings: &[Arrived]) -> Result<Vec<f64>> {
        let from = |topic: &str| self.inner.get(topic).cloned().unwrap_or_default();
        let mut events: BTreeMap<(HouseholdCode, i64), Hash64> = BTreeMap::new();
        topic::for_each_from(brokers, STATES, &from(STATES), &mut |record| {
            let value = record.value.unwrap_or_default();
            if codec::is::<HouseholdState>(value) {
                let state: HouseholdState = codec::decode(value)?;
                events.insert((state.household, state.number), state.event);
            }
            Ok(())
        })?;
        let mut origins: BTreeMap<(HouseholdCode, Hash64), (String, i32, i64)> = BTreeMap::new();
        topic::for_each_from(brokers, ENTRIES, &from(ENTRIES), &mut |record| {
            let value = record.value.unwrap_or_default();
            if codec::is::<HouseholdEntry<'_>>(value) {
                let entry: HouseholdEntry<'_> = codec::decode(value)?;
                let origin = (entry.origin.topic.to_owned(), entry.origin.partition, entry.origin.offset);
                origins.insert((entry.household, entry.event), origin);
            }
            Ok(())
        })?;
        let mut stamps: BTreeMap<(String, i32, i64), (i64, Day)> = BTreeMap::new();
        for feed in feed_topics() {
            let mut days: BTreeMap<i32, Day> = BTreeMap::new();
            topic::for_each_from(brokers, &feed, &from(&feed), &mut |record| {
                let value = record.value.unwrap_or_default();
                let day = days.entry(record.partition).or_insert(first_day);
                if codec::is::<DayClosed>(value) {
                    *day = codec::decode::<DayClosed>(value)?.day.plus(1);
                } else {
                    stamps.insert((feed.clone(), record.partition, record.offset), (record.timestamp_ms, *day));
                }
                Ok(())
            })?;
        }
        let wait = |warning: &Arrived| {
            let event = events.get(&(warning.household, warning.state))?;
            let (stamp_ms, day) = stamps.get(origins.get(&(warning.household, *event))?)?;
            (*day == warning.day).then(|| (warning.at_ms - stamp_ms) as f64)
        };
        Ok(warnings.iter().filter_map(wait).collect())
    }
}
