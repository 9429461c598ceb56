//! Fuse on the memory log.

use proptest::prelude::*;
use runtime::memory::{Faults, Memory, Pipeline, StageOptions, TopicSettings};
use runtime::snapshot::SnapshotSettings;
use runtime::worker::Bounds;
use schemas::records::{Fact, Origin, Row};
use schemas::{Category, Cause, Day, EntryId, Fen, Hash64, Kind};

use super::*;

/// Two villages, so that both partitions have households.
const HOUSEHOLDS: [&str; 4] = ["4310231012050007", "4310231012050008", "4310231012060001", "4310231012070001"];
const PARTITIONS: i32 = 2;

fn entry(household: &str, number: i64) -> HouseholdEntry<'static> {
    let day = Day(20_000);
    HouseholdEntry {
        household: HouseholdCode::parse(household).expect("a code"),
        event: Hash64(number),
        source: "finance",
        event_type: "subsidy_paid",
        reported_at_ms: day.start_ms(),
        rows: vec![Row {
            sign: 1,
            entry: EntryId(number),
            source: "finance",
            kind: Kind::Income,
            category: Category::Subsidy,
            cause: Cause::Other,
            amount_fen: Fen(100 + number),
            day,
            month: day.month(),
            months: 1,
            person: None,
            document: None,
        }],
        facts: vec![Fact {
            sign: 1,
            entry: EntryId(number),
            source: "finance",
            kind: Kind::Incident,
            code: "grid_report",
            value: "",
            amount_fen: Fen::ZERO,
            cause: Cause::Other,
            day,
            reported_at_ms: day.start_ms(),
            person: None,
        }],
        origin: Origin { topic: "feeds.finance", partition: 0, offset: number },
    }
}

fn log() -> Memory {
    let memory = Memory::new();
    memory.create("households.entries", TopicSettings::new(PARTITIONS));
    memory.create("households.states", TopicSettings::compacted(PARTITIONS));
    memory
}

fn publish(memory: &Memory, entry: &HouseholdEntry<'_>) {
    let mut bytes = Vec::new();
    codec::encode(entry, &mut bytes).expect("encodes");
    let key = entry.household.digits();
    let placed = memory.append_placed("households.entries", Placement::ByKeyPrefix(12), Some(&key), Some(&bytes), &[]);
    placed.expect("a partition");
}

fn close(memory: &Memory, partition: i32, day: i32, from: i32, of: i32) {
    let from = format!("subjects.entries/{from}");
    let marker = DayClosed { day: Day(day), from, of, policies_offset: 3, coverage: vec![] };
    let mut bytes = Vec::new();
    codec::encode(&marker, &mut bytes).expect("encodes");
    let key = marker.key();
    memory.append("households.entries", partition, Some(key.as_bytes()), Some(&bytes), &[]).expect("a partition");
}

fn run(memory: &Memory, records: usize, aborts: &[u64]) {
    let mut pipeline = Pipeline::new(memory);
    pipeline.add(crate::stage(), options(records, aborts));
    pipeline.run().expect("runs");
}

fn options(records: usize, aborts: &[u64]) -> StageOptions {
    let bounds = Bounds { records, time: None, ..Bounds::default() };
    StageOptions { bounds, faults: Faults::aborts(aborts.iter().copied()), ..StageOptions::default() }
}

/// Partition, key and value of everything that was said but the progress, whose number follows the transactions.
fn said(memory: &Memory) -> Vec<(i32, Vec<u8>, Vec<u8>)> {
    let records = memory.records("households.states").into_iter();
    let said = records
        .map(|one| (one.partition(), one.key().unwrap_or_default().to_vec(), one.value().unwrap_or_default().to_vec()));
    said.filter(|(_, key, _)| key != PROGRESS_KEY.as_bytes()).collect()
}

fn progress(memory: &Memory) -> Vec<Progress> {
    let mut latest = vec![Progress::default(); PARTITIONS as usize];
    memory.for_each("households.states", |record| {
        if record.key == Some(PROGRESS_KEY.as_bytes()) {
            latest[record.partition as usize] = codec::decode(record.value.expect("a value")).expect("a progress");
        }
    });
    latest
}

#[test]
fn every_input_gives_one_state_with_the_next_number() {
    let memory = log();
    for number in 1..=3 {
        publish(&memory, &entry(HOUSEHOLDS[0], number));
    }
    publish(&memory, &entry(HOUSEHOLDS[1], 4));
    run(&memory, 2, &[]);
    let states: Vec<_> = said(&memory)
        .iter()
        .map(|(_, _, value)| codec::decode::<HouseholdState>(value).expect("a state"))
        .map(|state| {
            (
                state.household.to_string(),
                state.number,
                state.sums[0].months.iter().next().map_or(0, |one| one.amount_fen.0),
            )
        })
        .collect();
    let (farm, mill) = (HOUSEHOLDS[0].to_owned(), HOUSEHOLDS[1].to_owned());
    assert_eq!(states, [(farm.clone(), 1, 101), (farm.clone(), 2, 203), (farm, 3, 306), (mill, 1, 104)]);
    assert_eq!(progress(&memory).iter().map(|one| one.total("household_entries")).sum::<i64>(), 4);
}

#[test]
fn a_day_is_told_once_to_the_own_partition_when_all_upstream_partitions_closed_it() {
    let memory = log();
    close(&memory, 1, 20_000, 0, 2);
    close(&memory, 1, 20_000, 0, 2);
    run(&memory, 100, &[]);
    assert_eq!(said(&memory), []);
    close(&memory, 1, 20_000, 1, 2);
    run(&memory, 100, &[]);
    let told = said(&memory);
    assert_eq!(told.len(), 1);
    let marker: DayClosed = codec::decode(&told[0].2).expect("a marker");
    assert_eq!((told[0].0, marker.from.as_str(), marker.of), (1, "households.entries/1", 1));
    assert_eq!((marker.day, marker.policies_offset), (Day(20_000), 3));
    assert_eq!(told[0].1, b"calendar/2024-10-04/households.entries/1");
    assert_eq!(progress(&memory)[1].closed_day, Some(Day(20_000)));
}

#[test]
fn a_record_that_is_none_stops_the_stage_with_its_place() {
    let memory = log();
    memory.append("households.entries", 1, Some(b"x"), Some(b"nonsense"), &[]).expect("a partition");
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(crate::stage(), StageOptions::default());
    let error = pipeline.run().expect_err("stops").to_string();
    assert!(error.starts_with("fuse: households.entries/1 at offset 0:"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever transactions close or abort, and wherever the stage is killed and restored: the same is said.
    #[test]
    fn aborts_and_kills_change_nothing(
        inputs in proptest::collection::vec((0usize..HOUSEHOLDS.len(), 0i64..50, 0u8..8), 1..40),
        records in 1usize..9, aborts in proptest::collection::vec(0u64..6, 0..4), killed_after in 0usize..40, has_snapshots: bool,
    ) {
        let (calm, rough) = (log(), log());
        let mut day = 20_000;
        for (household, number, what) in inputs {
            for memory in [&calm, &rough] {
                if what == 0 {
                    (0..PARTITIONS).for_each(|partition| close(memory, partition, day, 0, 1));
                } else {
                    publish(memory, &entry(HOUSEHOLDS[household], number));
                }
            }
            day += i32::from(what == 0);
        }
        run(&calm, 1_000, &[]);
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = has_snapshots.then(|| SnapshotSettings::in_turn(folder.path().to_owned()));
        let mut pipeline = Pipeline::new(&rough);
        pipeline.add(crate::stage(), StageOptions { snapshots: snapshots.clone(), ..options(records, &aborts) });
        pipeline.turn("fuse", killed_after).expect("runs");
        pipeline.kill("fuse");
        pipeline.add(crate::stage(), StageOptions { snapshots, ..options(records, &[]) });
        pipeline.run().expect("runs");
        let by_partition = |memory: &Memory| {
            let mut all = said(memory);
            all.sort_by_key(|(partition, ..)| *partition);
            all
        };
        prop_assert_eq!(by_partition(&calm), by_partition(&rough));
        prop_assert_eq!(progress(&calm), progress(&rough));
    }
}
