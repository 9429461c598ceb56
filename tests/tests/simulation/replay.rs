//! Each stage against a replay of its own input: built anew, it reads what the rough run's log holds, without a fault,
//! and must come to the same ledgers, states, cases and words. It knows what a log holds, not what it means.

use std::collections::{BTreeMap, BTreeSet};

use runtime::memory::{ASIDE, Memory, Pipeline, StageOptions, aside};
use runtime::stage::{Record, Stage};
use schemas::codec;
use schemas::records::{PROGRESS_KEY, Redirect};

use crate::world::{self, Shape};

/// Topics of which the last record of each key counts, since how often one is written depends on the transactions.
const CHANGELOGS: [&str; 5] =
    ["ingest.progress", "subjects.ledger", "ingest.scorecards", "households.states", "households.cases"];

/// Partition and key, with the last value of a changelog.
pub(crate) type Latest = BTreeMap<(i32, Vec<u8>), Vec<u8>>;

/// The last value of each key of each partition.
pub(crate) fn latest(memory: &Memory, topic: &str) -> Latest {
    let mut latest = Latest::new();
    memory.for_each(topic, |record| {
        let key = (record.partition, record.key.unwrap_or_default().to_vec());
        match record.value {
            Some(value) => latest.insert(key, value.to_vec()),
            None => latest.remove(&key),
        };
    });
    latest
}

/// How often each record is there, less those of progress: partition, key and value.
pub(crate) type Counted = BTreeMap<(i32, Vec<u8>, Vec<u8>), usize>;

/// How often each record of a topic is there, less those of progress.
pub(crate) fn all(memory: &Memory, topic: &str) -> Counted {
    let has_progress = CHANGELOGS.contains(&topic);
    counted(memory, topic, |record| !has_progress || record.key != Some(PROGRESS_KEY.as_bytes()))
}

/// How often each record is there of which this holds.
fn counted(memory: &Memory, topic: &str, is_wanted: impl Fn(&Record<'_>) -> bool) -> Counted {
    let mut counted = Counted::new();
    memory.for_each(topic, |record| {
        if is_wanted(record) {
            let (key, value) = (record.key.unwrap_or_default().to_vec(), record.value.unwrap_or_default().to_vec());
            *counted.entry((record.partition, key, value)).or_insert(0) += 1;
        }
    });
    counted
}

/// Whether a dead letter is this stage's.
pub(crate) fn is_letter_of(record: &Record<'_>, stage: &str) -> bool {
    record.headers.iter().any(|header| header.name == "__connect.errors.stage" && header.value == stage.as_bytes())
}

/// All that a stage has said in a topic, where others say something too.
fn said_by(memory: &Memory, stage: &str, topic: &str) -> Counted {
    match topic {
        "ingest.dead-letters" => counted(memory, topic, |record| is_letter_of(record, stage)),
        // What ledgers tell each other goes there too.
        "subjects.entries" => counted(memory, topic, |record| !record.value.is_some_and(codec::is::<Redirect<'_>>)),
        _ => all(memory, topic),
    }
}

/// What a replay of every stage says otherwise; empty where all are the same.
pub(crate) fn differences(rough: &Memory, shape: Shape) -> Vec<String> {
    let mut faults = if shape.is_fed { replay(rough, world::normalise(), shape) } else { Vec::new() };
    faults.extend(replay(rough, world::resolve(shape), shape));
    faults.extend(replay(rough, world::fuse(), shape));
    faults.extend(replay(rough, world::alert(shape), shape));
    faults
}

fn replay<S: Stage + 'static>(rough: &Memory, stage: S, shape: Shape) -> Vec<String> {
    let name = stage.topology().stage;
    let memory = world::log(shape);
    memory.create(ASIDE, runtime::memory::TopicSettings::new(shape.subject_partitions));
    let inputs = stage.topology().inputs.clone();
    for topic in &inputs {
        rough.for_each(topic, |record| {
            memory.append(topic, record.partition, record.key, record.value, record.headers).expect("it is there");
        });
    }
    let stage = aside(stage);
    let outputs: BTreeSet<String> = stage.topology().outputs.iter().cloned().collect();
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(stage, StageOptions::default());
    if let Err(error) = pipeline.run() {
        return vec![format!("a replay of {name}: {error}")];
    }
    let mut faults = Vec::new();
    for topic in outputs.iter().filter(|topic| *topic != ASIDE) {
        let is_same = if CHANGELOGS.contains(&topic.as_str()) {
            let states = "households.states";
            latest(rough, topic) == latest(&memory, topic)
                && (topic != states || all(rough, states) == all(&memory, states))
        } else {
            said_by(rough, name, topic) == said_by(&memory, name, topic)
        };
        if !is_same {
            faults.push(format!("a replay of {name} says something else in {topic}"));
        }
    }
    let redirects = counted(rough, "subjects.entries", |record| record.value.is_some_and(codec::is::<Redirect<'_>>));
    if outputs.contains(ASIDE) && redirects != all(&memory, ASIDE) {
        faults.push(format!("a replay of {name} tells other ledgers something else"));
    }
    faults
}
