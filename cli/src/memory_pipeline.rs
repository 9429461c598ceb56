//! The whole pipeline in one process: the four stages on the memory log, with the topics that `deploy/` describes. What
//! scenarios, the embedded demo and the audit run on. It knows no server.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use runtime::memory::{Memory, Order, Pipeline, StageOptions, TopicSettings};
use runtime::stage::{Placement, Record, Stage};
use runtime::worker::Bounds;
use schemas::codec::{self, Recorded};
use schemas::records::{Case, DayClosed, HouseholdState, Progress, Warning};
use schemas::{Day, HouseholdCode};
use serde::de::DeserializeOwned;

use crate::files;
use crate::setup;

/// The key of the pseudonyms where nobody gives one: a run in one process keeps nothing that could be joined.
const KEY_OF_ONE_PROCESS: &[u8] = b"backstop: a run in one process keeps nothing";

/// The topics beside the feeds that somebody reads while a pipeline runs, or afterwards.
const READ: [&str; 5] = ["policies", "subjects.entries", "households.entries", "households.states", "warnings"];

/// What a pipeline needs.
#[derive(Clone, Debug)]
pub(crate) struct PipelineSettings {
    /// The feeds' schemas: path and text.
    pub(crate) feeds: Vec<(String, String)>,
    /// The records of the topic `policies`, in order: key and text.
    pub(crate) policies: Vec<(String, String)>,
    /// The topics.
    pub(crate) topics: Vec<setup::Shape>,
    /// The key of the pseudonyms.
    pub(crate) key: Vec<u8>,
    /// In which order the stages read their partitions.
    pub(crate) order: Order,
    /// Whether records are dropped when every stage has read them: for a run that need not be looked at afterwards.
    pub(crate) dropping_read: bool,
}

impl PipelineSettings {
    /// Reads schemas, policies and topics from their folders.
    pub(crate) fn read(schemas: &Path, deploy: &Path) -> Result<Self> {
        Ok(Self {
            feeds: files::feeds(schemas)?,
            policies: files::policies(&deploy.join("policies"))?,
            topics: setup::shapes(&deploy.join("kafka/topics.yaml"), "local")?,
            key: KEY_OF_ONE_PROCESS.to_vec(),
            order: Order::default(),
            dropping_read: false,
        })
    }

    /// The names of the feed topics.
    pub(crate) fn feed_topics(&self) -> Vec<String> {
        let names = self.topics.iter().map(|topic| topic.name.clone());
        names.filter(|name| name.starts_with("feeds.")).collect()
    }

    /// How a stage runs, by its place in the picture.
    fn options(&self, stage: u64) -> StageOptions {
        StageOptions {
            bounds: Bounds { time: None, ..Bounds::default() },
            order: match self.order {
                // Each stage meets an order of its own.
                Order::Shuffled(seed) => Order::Shuffled(seed.wrapping_mul(31).wrapping_add(stage)),
                in_turn @ Order::InTurn(_) => in_turn,
            },
            ..StageOptions::default()
        }
    }

    /// Who has a topic of warnings.
    pub(crate) fn receivers(&self) -> Vec<String> {
        self.topics.iter().filter_map(|topic| topic.name.strip_prefix("warnings.").map(str::to_owned)).collect()
    }
}

/// The four stages and their log.
pub(crate) struct MemoryPipeline {
    memory: Memory,
    pipeline: Pipeline,
    feeds: Vec<String>,
    closed: Option<Day>,
}

impl MemoryPipeline {
    /// A pipeline of all four stages.
    pub(crate) fn new(settings: &PipelineSettings) -> Result<Self> {
        let mut whole = Self::before_alert(settings)?;
        whole.pipeline.add(alert::stage_for(settings.receivers()), settings.options(3));
        Ok(whole)
    }

    /// A pipeline of normalise, resolve and fuse: a history up to `households.states`, which no policy has touched.
    pub(crate) fn before_alert(settings: &PipelineSettings) -> Result<Self> {
        let mut whole = Self::empty(settings)?;
        let catalogue = ingest::catalogue(&settings.feeds)?;
        let normalise = ingest::normalise(catalogue, &settings.key, settings.feed_topics())?;
        whole.pipeline.add(normalise, settings.options(0));
        whole.pipeline.add(ingest::resolve()?, settings.options(1));
        whole.pipeline.add(fuse::stage(), settings.options(2));
        Ok(whole)
    }

    /// A pipeline up to the states, without alert, that shows what it says to a `watcher`.
    pub(crate) fn up_to_states<S: Stage + 'static>(settings: &PipelineSettings, watcher: S) -> Result<Self> {
        let mut whole = Self::empty(settings)?;
        let catalogue = ingest::catalogue(&settings.feeds)?;
        let normalise = ingest::normalise(catalogue, &settings.key, settings.feed_topics())?;
        whole.pipeline.add(normalise, StageOptions::default());
        whole.pipeline.add(ingest::resolve()?, StageOptions::default());
        whole.pipeline.add(fuse::stage(), StageOptions::default());
        whole.pipeline.add(watcher, StageOptions::default());
        Ok(whole)
    }

    /// A pipeline of fuse and alert alone, for a replay of `households.entries`.
    pub(crate) fn replay(settings: &PipelineSettings) -> Result<Self> {
        let mut whole = Self::fuse_alone(settings)?;
        whole.pipeline.add(alert::stage_for(settings.receivers()), StageOptions::default());
        Ok(whole)
    }

    /// A pipeline of fuse alone: from `households.entries` to `households.states`.
    pub(crate) fn fuse_alone(settings: &PipelineSettings) -> Result<Self> {
        let mut whole = Self::empty(settings)?;
        whole.pipeline.add(fuse::stage(), StageOptions::default());
        Ok(whole)
    }

    /// A pipeline of alert alone, which tells no receiver: from `households.states` to `warnings`.
    pub(crate) fn alert_alone(settings: &PipelineSettings) -> Result<Self> {
        let mut whole = Self::empty(settings)?;
        whole.pipeline.add(alert::stage_for(Vec::new()), StageOptions::default());
        Ok(whole)
    }

    fn empty(settings: &PipelineSettings) -> Result<Self> {
        let memory = Memory::new();
        for topic in &settings.topics {
            let shape = if topic.compacted {
                TopicSettings::compacted(topic.partitions)
            } else {
                TopicSettings::new(topic.partitions)
            };
            // Policies are read again by whoever is built anew; warnings are what a run is for.
            let keep = !settings.dropping_read || topic.name == "policies" || topic.name.starts_with("warnings");
            memory.create(&topic.name, if keep { shape } else { shape.dropping_read() });
        }
        for (key, text) in &settings.policies {
            memory.append("policies", 0, Some(key.as_bytes()), Some(text.as_bytes()), &[])?;
        }
        let pipeline = Pipeline::new(&memory);
        Ok(Self { memory, pipeline, feeds: settings.feed_topics(), closed: None })
    }

    /// Publishes an event of a department.
    pub(crate) fn publish(&mut self, department: &str, key: &[u8], value: &[u8]) -> Result<()> {
        let topic = format!("feeds.{department}");
        self.memory
            .append_placed(&topic, Placement::ByKey, Some(key), Some(value), &[])
            .with_context(|| format!("publish to {topic}"))?;
        Ok(())
    }

    /// Appends a record of a real topic to the same partition here.
    pub(crate) fn copy(&mut self, record: &Record<'_>) -> Result<()> {
        self.memory.append(record.topic, record.partition, record.key, record.value, record.headers)?;
        Ok(())
    }

    /// Says in every feed partition that a day has ended; only the day after the last one, as the calendar job does.
    pub(crate) fn close_day(&mut self, day: Day) -> Result<()> {
        if let Some(closed) = self.closed
            && day != closed.plus(1)
        {
            bail!("the day {day} cannot be closed after {closed}: days are closed one after the other");
        }
        self.closed = Some(day);
        let of = self.feeds.iter().map(|feed| self.memory.partitions(feed)).sum();
        let policies_offset = self.memory.end("policies", 0);
        let marker = DayClosed { day, from: String::new(), of, policies_offset, coverage: Vec::new() };
        let mut value = Vec::new();
        codec::encode(&marker, &mut value)?;
        let key = marker.key();
        for feed in &self.feeds {
            for partition in 0..self.memory.partitions(feed) {
                self.memory.append(feed, partition, Some(key.as_bytes()), Some(&value), &[])?;
            }
        }
        Ok(())
    }

    /// Runs every stage until nothing more comes.
    pub(crate) fn run(&mut self) -> Result<()> {
        Ok(self.pipeline.run()?)
    }

    /// Shows every record that a topic holds, and drops them.
    pub(crate) fn take(&self, topic: &str, mut take: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut done = Ok(());
        self.memory.for_each(topic, |record| {
            if done.is_ok() {
                done = take(record);
            }
        });
        self.memory.forget(topic);
        done
    }

    /// Drops changelogs, dead letters and whatever else no stage reads while it runs: for a run that need not be looked
    /// at afterwards.
    pub(crate) fn forget_what_nobody_reads(&self) {
        let is_read = |topic: &String| topic.starts_with("feeds.") || READ.contains(&topic.as_str());
        for topic in self.memory.topics().iter().filter(|topic| !is_read(topic)) {
            self.memory.forget(topic);
        }
    }

    /// The log, for what only a test or the embedded demo looks at.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The warning records that were not shown yet; `shown` keeps how far each partition was.
    pub(crate) fn new_warnings(&self, shown: &mut BTreeMap<i32, i64>) -> Result<Vec<Warning>> {
        let (mut warnings, from) = (Vec::new(), shown.clone());
        self.memory.for_each_from("warnings", &from, &mut |record| {
            shown.insert(record.partition, record.offset + 1);
            warnings.push(codec::decode::<Warning>(record.value.unwrap_or_default()));
        });
        Ok(warnings.into_iter().collect::<Result<_, _>>()?)
    }

    /// What a stage has counted since the beginning, by name: the totals of the progress records in its changelog.
    pub(crate) fn totals(&self, changelog: &str) -> Result<BTreeMap<String, i64>> {
        let mut latest = BTreeMap::new();
        let mut fault = None;
        self.memory.for_each(changelog, |record| {
            let Some(value) = record.value.filter(|value| codec::is::<Progress>(value)) else { return };
            match codec::decode::<Progress>(value) {
                Ok(progress) => {
                    latest.insert((record.partition, record.key.unwrap_or_default().to_vec()), progress);
                }
                Err(error) => fault = Some(error),
            }
        });
        if let Some(error) = fault {
            return Err(error).with_context(|| format!("the progress in {changelog}"));
        }
        let mut totals = BTreeMap::new();
        for total in latest.into_values().flat_map(|progress| progress.totals) {
            *totals.entry(total.name).or_default() += total.count;
        }
        Ok(totals)
    }

    /// A checksum over every byte of every record of every topic, in order.
    pub(crate) fn topics_digest(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for topic in self.memory.topics() {
            self.memory.for_each(&topic, |record| {
                hasher.update(topic.as_bytes());
                hasher.update(&record.partition.to_le_bytes());
                for bytes in [record.key, record.value].into_iter().flatten() {
                    hasher.update(&(bytes.len() as u64).to_le_bytes());
                    hasher.update(bytes);
                }
            });
        }
        format!("{:08x}", hasher.finalize())
    }

    /// Every warning record, by partition and offset.
    pub(crate) fn warnings(&self) -> Result<Vec<Warning>> {
        let mut warnings = Vec::new();
        for record in self.memory.records("warnings") {
            warnings.push(codec::decode(record.value().unwrap_or_default())?);
        }
        Ok(warnings)
    }

    /// Every warning record in its bytes, by its id.
    pub(crate) fn warnings_by_id(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut warnings = BTreeMap::new();
        for record in self.memory.records("warnings") {
            let value = record.value().unwrap_or_default();
            let warning: Warning = codec::decode(value)?;
            if warnings.insert(warning.record_id.clone(), value.to_vec()).is_some() {
                bail!("the warning record {} is there twice", warning.record_id);
            }
        }
        Ok(warnings)
    }

    /// The latest state of every household.
    pub(crate) fn states(&self) -> Result<Vec<HouseholdState>> {
        self.latest("households.states", |state: &HouseholdState| state.household)
    }

    /// The latest case record of every household.
    pub(crate) fn cases(&self) -> Result<Vec<Case>> {
        self.latest("households.cases", |case: &Case| case.household)
    }

    fn latest<T: DeserializeOwned + Recorded>(
        &self,
        topic: &str,
        household: impl Fn(&T) -> HouseholdCode,
    ) -> Result<Vec<T>> {
        let mut latest = BTreeMap::new();
        for value in self.memory.latest(topic).values().filter(|value| codec::is::<T>(value)) {
            let value: T = codec::decode(value)?;
            latest.insert(household(&value), value);
        }
        Ok(latest.into_values().collect())
    }
}
