//! What must hold of the calendar whatever was done to the stages: a day closes when every partition before has said so and
//! not earlier, and what came before the end of a day stands before its marker. It knows no stage's work.

use std::collections::BTreeMap;

use runtime::memory::Memory;
use schemas::Day;
use schemas::codec;
use schemas::records::{DayClosed, PROGRESS_KEY, Progress, SubjectEntry};

use crate::replay::latest;
use crate::world::{self, Shape};

/// Stages that merge markers, with their input and their changelog.
const MERGING: [(&str, &str, &str); 3] = [
    ("resolve", "subjects.entries", "subjects.ledger"),
    ("fuse", "households.entries", "households.states"),
    ("alert", "households.states", "households.cases"),
];

/// Everything that does not hold.
pub(crate) fn faults(memory: &Memory, shape: Shape) -> Vec<String> {
    let mut faults = Vec::new();
    for (stage, input, changelog) in MERGING {
        faults.extend(closed_too_early_or_late(memory, stage, input, changelog, shape.upstream(stage)));
    }
    if shape.is_fed {
        faults.extend(on_another_day(memory));
    }
    faults
}

/// The marker that a record is, where it is one.
fn marker(value: Option<&[u8]>) -> Option<DayClosed> {
    value.filter(|value| codec::is::<DayClosed>(value)).map(|value| codec::decode(value).expect("a marker"))
}

/// The last closed day of each partition is the last one that all upstream partitions have closed in what it has read.
fn closed_too_early_or_late(
    memory: &Memory,
    stage: &str,
    input: &str,
    changelog: &str,
    upstream: usize,
) -> Vec<String> {
    let mut progress = BTreeMap::<i32, Progress>::new();
    for ((partition, key), value) in latest(memory, changelog) {
        if key == PROGRESS_KEY.as_bytes() {
            progress.insert(partition, codec::decode(&value).expect("a progress"));
        }
    }
    let mut closed = BTreeMap::<(i32, String), Day>::new();
    memory.for_each(input, |record| {
        // A marker whose sweep goes on is taken, and comes again.
        let sweeps = progress.get(&record.partition).is_some_and(|progress| progress.sweep_after.is_some());
        let next = memory.committed(stage, input, record.partition).unwrap_or(0) + i64::from(sweeps);
        if let Some(marker) = marker(record.value).filter(|_| record.offset < next) {
            let day = closed.entry((record.partition, marker.from)).or_insert(marker.day);
            *day = marker.day.max(*day);
        }
    });
    let mut faults = Vec::new();
    for partition in 0..memory.partitions(input) {
        let days = closed.iter().filter(|((of, _), _)| *of == partition).map(|(_, day)| *day);
        let expected = if days.clone().count() == upstream { days.min() } else { None };
        let found = progress.get(&partition).and_then(|progress| progress.closed_day);
        if expected != found {
            faults.push(format!("{stage} has closed {found:?} in {input}/{partition}, and was told {expected:?}"));
        }
    }
    faults
}

/// Each subject record stands between the same two days as the record of the feed that it comes from.
fn on_another_day(memory: &Memory) -> Vec<String> {
    let mut ends = BTreeMap::<String, Vec<(i64, Day)>>::new();
    for topic in world::feed_topics() {
        memory.for_each(&topic, |record| {
            let ends = ends.entry(format!("{topic}/{}", record.partition)).or_default();
            if let Some(marker) =
                marker(record.value).filter(|marker| ends.last().is_none_or(|last| last.1 < marker.day))
            {
                ends.push((record.offset, marker.day));
            }
        });
    }
    let (mut closed, mut faults) = (BTreeMap::<(i32, String), Day>::new(), Vec::new());
    memory.for_each("subjects.entries", |record| {
        if let Some(marker) = marker(record.value) {
            closed.insert((record.partition, marker.from), marker.day);
        } else if let Ok(entry) = codec::decode::<SubjectEntry<'_>>(record.value.unwrap_or_default()) {
            let from = format!("{}/{}", entry.origin.topic, entry.origin.partition);
            let before = ends.get(&from).into_iter().flatten().take_while(|end| end.0 < entry.origin.offset);
            let expected = before.last().map(|end| end.1);
            let found = closed.get(&(record.partition, from.clone())).copied();
            if expected != found {
                let offset = entry.origin.offset;
                faults.push(format!("what came in {from} at {offset} after {expected:?} stands after {found:?}"));
            }
        }
    });
    faults
}
