//! Each stage against a replay of its own input: what the log holds of its words must be what it says when it reads the
//! same input in peace. A record that is missing is lost, one that is there more often is duplicated. It knows which
//! topics are changelogs, not what records mean.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result};
use runtime::memory::{ASIDE, Memory, Pipeline, StageOptions, TopicSettings, aside};
use runtime::stage::{Record, Stage};
use schemas::records::PROGRESS_KEY;
use serde::Serialize;

use crate::memory_pipeline::PipelineSettings;
use crate::topic;

/// The topic into which resolve says what other ledgers must hear, beside normalise, which fills it.
const SUBJECTS: &str = "subjects.entries";
/// Topics of which the last record of each key counts, since how often one is written depends on the transactions.
const CHANGELOGS: [&str; 5] =
    ["ingest.progress", "subjects.ledger", "ingest.scorecards", "households.states", "households.cases"];
/// The changelog that is an output too: each of its records counts, less those of progress.
const STATES: &str = "households.states";

/// What differs.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Stages {
    /// Different records of all outputs in the log, those of changelogs apart.
    pub(crate) records_compared: u64,
    /// Records that a replay says and the log does not have.
    pub(crate) lost: u64,
    /// Records that the log has and a replay does not say, or says less often.
    pub(crate) duplicated: u64,
    /// Keys of changelogs whose last record is another one.
    pub(crate) changelogs_different: u64,
    /// The topics where something differs: lost, duplicated, and keys of the changelog.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) topics_different: BTreeMap<String, [u64; 3]>,
}

/// A topic as the log has it, less what a replay says of it. Records stand for themselves by a hash of 64 bits: of ten
/// million different ones two are taken for one with a probability of three in a million.
#[derive(Default)]
struct Balance {
    records: BTreeMap<u64, i64>,
    found: BTreeMap<u64, u64>,
    expected: BTreeMap<u64, u64>,
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl Balance {
    fn take(&mut self, topic: &str, record: &Record<'_>, is_live: bool) {
        let Record { partition, key, value, .. } = *record;
        let is_changelog = CHANGELOGS.contains(&topic);
        if is_changelog {
            let latest = if is_live { &mut self.found } else { &mut self.expected };
            match value {
                Some(value) => latest.insert(hash((partition, key)), hash(value)),
                None => latest.remove(&hash((partition, key))),
            };
        }
        if !is_changelog || (topic == STATES && key != Some(PROGRESS_KEY.as_bytes())) {
            let headers: Vec<_> = record.headers.iter().map(|header| (header.name, header.value)).collect();
            let one = if is_live { 1 } else { -1 };
            *self.records.entry(hash((partition, key, value, headers))).or_default() += one;
        }
    }

    /// Lost, duplicated, keys of the changelog that differ.
    fn differences(&self) -> [u64; 3] {
        let [mut lost, mut duplicated] = [0, 0];
        for count in self.records.values() {
            if *count < 0 { lost += count.unsigned_abs() } else { duplicated += count.unsigned_abs() }
        }
        let other = self.found.iter().filter(|(key, value)| self.expected.get(key) != Some(value)).count();
        let missing = self.expected.keys().filter(|key| !self.found.contains_key(key)).count();
        [lost, duplicated, (other + missing) as u64]
    }
}

/// Replays all four stages, one after the other, and compares.
pub(super) fn against_replays(brokers: &str, settings: &PipelineSettings) -> Result<Stages> {
    let mut replay = Replay { brokers, settings, topics: BTreeMap::new() };
    let catalogue = ingest::catalogue(&settings.feeds)?;
    replay.stage(ingest::normalise(catalogue, &settings.key, settings.feed_topics())?)?;
    replay.stage(ingest::resolve()?)?;
    replay.stage(fuse::stage())?;
    replay.stage(alert::stage_for(settings.receivers()))?;
    replay.compare()
}

struct Replay<'a> {
    brokers: &'a str,
    settings: &'a PipelineSettings,
    topics: BTreeMap<String, Balance>,
}

impl Replay<'_> {
    fn stage<S: Stage + 'static>(&mut self, stage: S) -> Result<()> {
        let topology = stage.topology().clone();
        let name = topology.stage;
        let memory = Memory::new();
        for topic in &self.settings.topics {
            memory.create(&topic.name, TopicSettings::new(topic.partitions));
        }
        memory.create(ASIDE, TopicSettings::new(memory.partitions(SUBJECTS)));
        for topic in topology.inputs.iter().chain(&topology.reference) {
            topic::for_each(self.brokers, topic, |record| Ok(memory.copy(record)?))?;
        }
        let mut pipeline = Pipeline::new(&memory);
        pipeline.add(aside(stage), StageOptions::default());
        pipeline.run().with_context(|| format!("a replay of {name}"))?;
        let outputs: BTreeSet<&String> = topology.outputs.iter().collect();
        for topic in outputs {
            let balance = self.topics.entry(topic.clone()).or_default();
            let said = if topology.inputs.contains(topic) { ASIDE } else { topic };
            memory.for_each(said, |record| balance.take(topic, record, false));
        }
        Ok(())
    }

    fn compare(mut self) -> Result<Stages> {
        let mut stages = Stages::default();
        for (topic, balance) in &mut self.topics {
            topic::for_each(self.brokers, topic, |record| {
                balance.take(topic, record, true);
                Ok(())
            })?;
            stages.records_compared += balance.records.values().filter(|count| **count >= 0).count() as u64;
            let different = balance.differences();
            if different != [0; 3] {
                stages.topics_different.insert(topic.clone(), different);
            }
            stages.lost += different[0];
            stages.duplicated += different[1];
            stages.changelogs_different += different[2];
        }
        Ok(stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(topic: &str, said: &[(&str, &str)], found: &[(&str, &str)]) -> [u64; 3] {
        let mut balance = Balance::default();
        for (rows, is_live) in [(said, false), (found, true)] {
            for (offset, (key, value)) in rows.iter().enumerate() {
                let value = (!value.is_empty()).then_some(value.as_bytes());
                let key = Some(key.as_bytes());
                let offset = offset as i64;
                let record = Record { topic, partition: 3, offset, timestamp_ms: 0, key, value, headers: &[] };
                balance.take(topic, &record, is_live);
            }
        }
        balance.differences()
    }

    #[test]
    fn a_record_less_is_lost_and_one_more_is_duplicated_whatever_their_order() {
        let said = [("a", "1"), ("b", "2"), ("b", "2")];
        for (found, expected) in [
            (vec![("b", "2"), ("a", "1"), ("b", "2")], [0, 0, 0]),
            (vec![("b", "2"), ("b", "2")], [1, 0, 0]),
            (vec![("a", "1"), ("a", "1"), ("b", "2"), ("b", "2")], [0, 1, 0]),
            (vec![("a", "9"), ("b", "2"), ("b", "2")], [1, 1, 0]),
        ] {
            assert_eq!(balance("warnings", &said, &found), expected, "{found:?}");
        }
    }

    #[test]
    fn of_a_changelog_the_last_record_of_each_key_counts() {
        let said = [("a", "1"), ("a", "2"), ("b", "3"), ("b", "")];
        for (found, expected) in [
            (vec![("a", "2")], [0, 0, 0]),
            (vec![("a", "2"), ("a", "1")], [0, 0, 1]),
            (vec![("a", "2"), ("b", "3")], [0, 0, 1]),
            (vec![], [0, 0, 1]),
        ] {
            assert_eq!(balance("subjects.ledger", &said, &found), expected, "{found:?}");
        }
        let states = [("a", "1"), ("a", "2"), (PROGRESS_KEY, "7")];
        assert_eq!(balance(STATES, &states, &[("a", "2"), (PROGRESS_KEY, "7")]), [1, 0, 0]);
        assert_eq!(
            balance(STATES, &states, &[("a", "1"), ("a", "2"), (PROGRESS_KEY, "7"), (PROGRESS_KEY, "7")]),
            [0; 3]
        );
    }
}
