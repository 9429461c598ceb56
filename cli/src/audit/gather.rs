//! Gathers what a run left in its topics: the feeds as they were published, and what the stages made of them. It does
//! not judge.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use runtime::held::HeldRecord;
use schemas::codec;
use schemas::records::{Case, DayClosed, HouseholdState, PROGRESS_KEY, Progress, Redirect, Warning};
use schemas::{Day, HouseholdCode};

use super::Findings;
use super::compare::Warnings;
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::privacy::CitizenNumbers;
use crate::topic;

/// The feeds of a run, each partition in its order.
pub(crate) struct Feeds {
    partitions: Vec<Vec<HeldRecord>>,
    /// Records that are no calendar records.
    pub(crate) events: i64,
}

/// What the stages made of the feeds.
#[derive(Default)]
pub(crate) struct Live {
    /// Every warning record.
    pub(crate) warnings: Warnings,
    /// The latest state of each household.
    pub(crate) states: Vec<HouseholdState>,
    /// The latest case record of each household.
    pub(crate) cases: Vec<Case>,
    /// How many times a citizen number stands in a topic after ingest.
    pub(crate) citizen_numbers: usize,
    normalise: Vec<Progress>,
    resolve: Vec<Progress>,
    subject_records: i64,
}

/// The records of the topic `policies`, as key and text, in their order.
pub(crate) fn policies(brokers: &str) -> Result<Vec<(String, String)>> {
    let mut policies = Vec::new();
    topic::for_each(brokers, "policies", |record| {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        policies.push((text(record.key), text(record.value)));
        Ok(())
    })?;
    Ok(policies)
}

/// Every feed record.
pub(crate) fn feeds(brokers: &str, settings: &PipelineSettings) -> Result<Feeds> {
    let mut partitions: BTreeMap<(String, i32), Vec<HeldRecord>> = BTreeMap::new();
    let mut events = 0;
    for feed in settings.feed_topics() {
        topic::for_each(brokers, &feed, |record| {
            events += i64::from(day_of(record.value).is_none());
            partitions.entry((feed.clone(), record.partition)).or_default().push(HeldRecord::of(record));
            Ok(())
        })?;
    }
    Ok(Feeds { partitions: partitions.into_values().collect(), events })
}

/// The day that a calendar record closes.
fn day_of(value: Option<&[u8]>) -> Option<Day> {
    let value = value.filter(|value| codec::is::<DayClosed>(value))?;
    codec::decode::<DayClosed>(value).ok().map(|marker| marker.day)
}

impl Feeds {
    /// Every citizen number that stands in them.
    pub(crate) fn numbers(&self) -> CitizenNumbers {
        let mut numbers = CitizenNumbers::default();
        for record in self.partitions.iter().flatten() {
            numbers.learn(record.value().unwrap_or_default());
        }
        numbers
    }

    /// Runs them through the memory pipeline, each partition to the end of a day before any goes into the next: so that
    /// the decisions of a day see what was published before its end, and not after.
    pub(crate) fn replay_into(&self, city: &mut MemoryPipeline) -> Result<()> {
        let mut next = vec![0; self.partitions.len()];
        loop {
            let mut day = None;
            for (records, next) in self.partitions.iter().zip(&mut next) {
                for record in &records[*next..] {
                    record.with(|record| city.copy(record))?;
                    *next += 1;
                    if let Some(closed) = day_of(record.value()) {
                        day = day.max(Some(closed));
                        break;
                    }
                }
            }
            city.run()?;
            if day.is_none() {
                return Ok(());
            }
        }
    }
}

/// What the stages wrote.
pub(crate) fn live(brokers: &str, numbers: &CitizenNumbers) -> Result<Live> {
    let mut live = Live::default();
    let mut states: BTreeMap<HouseholdCode, HouseholdState> = BTreeMap::new();
    let mut cases: BTreeMap<HouseholdCode, Case> = BTreeMap::new();
    let mut normalise: BTreeMap<(i32, Vec<u8>), Progress> = BTreeMap::new();
    let mut resolve: BTreeMap<i32, Progress> = BTreeMap::new();
    for name in after_ingest(brokers)? {
        topic::for_each(brokers, &name, |record| {
            live.citizen_numbers +=
                [record.key, record.value].into_iter().flatten().map(|bytes| numbers.count_in(bytes)).sum::<usize>();
            let Some(value) = record.value else { return Ok(()) };
            let what = || format!("{name}/{} at offset {}", record.partition, record.offset);
            match name.as_str() {
                "ingest.progress" => {
                    let key = (record.partition, record.key.unwrap_or_default().to_vec());
                    normalise.insert(key, codec::decode(value).with_context(what)?);
                }
                "subjects.ledger" if record.key == Some(PROGRESS_KEY.as_bytes()) => {
                    resolve.insert(record.partition, codec::decode(value).with_context(what)?);
                }
                "subjects.entries" => {
                    let is_outside = codec::is::<DayClosed>(value) || codec::is::<Redirect<'_>>(value);
                    live.subject_records += i64::from(!is_outside);
                }
                "households.states" if codec::is::<HouseholdState>(value) => {
                    let state: HouseholdState = codec::decode(value).with_context(what)?;
                    states.insert(state.household, state);
                }
                "households.cases" if codec::is::<Case>(value) => {
                    let case: Case = codec::decode(value).with_context(what)?;
                    cases.insert(case.household, case);
                }
                "warnings" => {
                    let warning: Warning = codec::decode(value).with_context(what)?;
                    anyhow::ensure!(
                        live.warnings.insert(warning.record_id.clone(), value.to_vec()).is_none(),
                        "{}: the warning record {} is there twice",
                        what(),
                        warning.record_id
                    );
                }
                _ => {}
            }
            Ok(())
        })?;
    }
    live.states = states.into_values().collect();
    live.cases = cases.into_values().collect();
    live.normalise = normalise.into_values().collect();
    live.resolve = resolve.into_values().collect();
    Ok(live)
}

/// Every topic in which no citizen number may stand: all but the feeds and the restricted dead letters.
fn after_ingest(brokers: &str) -> Result<Vec<String>> {
    use rdkafka::consumer::Consumer;
    let consumer = topic::consumer(brokers)?;
    let metadata =
        consumer.fetch_metadata(None, std::time::Duration::from_secs(20)).context("read the list of topics")?;
    let mut names: Vec<String> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
    names.retain(|name| !name.starts_with("__") && !name.starts_with("feeds.") && name != "ingest.dead-letters");
    names.sort();
    Ok(names)
}

impl Live {
    /// Sets the balances.
    pub(crate) fn count_into(&self, findings: &mut Findings) {
        let sum = |rows: &[Progress], name: &str| rows.iter().map(|progress| progress.total(name)).sum::<i64>();
        findings.normalised = sum(&self.normalise, "normalised");
        findings.rejected = sum(&self.normalise, "rejected");
        findings.subject_records = self.subject_records;
        findings.applied = sum(&self.resolve, "applied");
        findings.duplicates = sum(&self.resolve, "duplicates");
        findings.parked = sum(&self.resolve, "parked");
        findings.waiting = sum(&self.resolve, "waiting");
        findings.refused = sum(&self.resolve, "refused");
    }
}
