//! Resolve on the memory log.

use std::collections::BTreeMap;

use proptest::prelude::*;
use runtime::memory::{Faults, Memory, Pipeline, StageOptions, TopicSettings};
use runtime::snapshot::SnapshotSettings;
use runtime::stage::Placement;
use runtime::worker::Bounds;
use schemas::records::{Entry, HouseholdEntry, Origin, Parked, ParkedChange, Scorecard};
use schemas::{Category, Cause, Fen, Hash64, HouseholdCode, Kind, Op, PersonToken};

use super::*;

const SUBJECT_PARTITIONS: i32 = 2;
const HOUSEHOLD_PARTITIONS: i32 = 3;
/// The last day of a month, and the one that begins it all.
const END_OF_SEPTEMBER: Day = Day(19_996);
const OUTPUTS: [&str; 3] = ["households.entries", "ingest.parked", "ingest.dead-letters"];

fn event(number: i64, person: u8, kind: Kind, code: &'static str) -> SubjectEntry<'static> {
    let day = END_OF_SEPTEMBER;
    SubjectEntry {
        event: Hash64(number),
        ordinal: 0,
        source: "finance",
        event_type: "subsidy_paid",
        op: Op::Upsert,
        corrects: None,
        content: Hash64(number),
        person: Some(PersonToken([person; 16])),
        household: HouseholdCode::parse(&format!("43102310120{person}0007")).ok(),
        occurred_day: day,
        reported_at_ms: day.start_ms(),
        document: None,
        entries: vec![Entry {
            kind,
            category: if kind == Kind::Income { Category::Subsidy } else { Category::None },
            cause: Cause::Other,
            amount_fen: Fen(100),
            day,
            month: day.month(),
            months: 1,
            code,
            value: "",
        }],
        origin: Origin { topic: "feeds.finance", partition: 1, offset: number },
    }
}

fn subsidy(number: i64, person: u8) -> SubjectEntry<'static> {
    event(number, person, Kind::Income, "")
}

fn join(number: i64, person: u8) -> SubjectEntry<'static> {
    event(number, person, Kind::Membership, "join")
}

/// An event about the household of that person's number.
fn of_household(number: i64, of: u8, kind: Kind, code: &'static str) -> SubjectEntry<'static> {
    SubjectEntry { person: None, ..event(number, of, kind, code) }
}

/// The step of a random history that retracts a payment.
const RETRACTION: u8 = 3;
/// The step of a random history that merges a household into another.
const MERGER: u8 = 8;

/// What a step of a random history publishes: joins and moves, payments, corrections and retractions, mergers of
/// households and what comes to them.
fn step_of(number: i64, person: u8, what: u8) -> SubjectEntry<'static> {
    const CODES: [&str; 4] = ["4310231012000007", "4310231012010007", "4310231012020007", "4310231012030007"];
    let operation = |op| SubjectEntry { op, corrects: Some(Hash64(number)), ..subsidy(200 + number, person) };
    match what {
        1 => join(100 + number, person),
        2 => operation(Op::Correct),
        RETRACTION => operation(Op::Retract),
        4 => {
            let household = HouseholdCode::parse(&format!("43102310120{person}0008")).ok();
            SubjectEntry { household, ..join(300 + number, person) }
        }
        5 => event(400 + number, person, Kind::Membership, "leave"),
        6 => of_household(500 + i64::from(person), person, Kind::Membership, "registered"),
        7 => of_household(600 + number, person, Kind::Income, ""),
        MERGER => {
            let mut merged = of_household(700 + number, person, Kind::Membership, "merged");
            merged.entries[0].value = CODES[number as usize % CODES.len()];
            merged
        }
        _ => subsidy(number, person),
    }
}

fn log() -> Memory {
    let memory = Memory::new();
    memory.create("subjects.entries", TopicSettings::new(SUBJECT_PARTITIONS));
    memory.create("subjects.ledger", TopicSettings::compacted(SUBJECT_PARTITIONS));
    memory.create("households.entries", TopicSettings::new(HOUSEHOLD_PARTITIONS));
    memory.create("ingest.parked", TopicSettings::new(2));
    memory.create("ingest.dead-letters", TopicSettings::new(2));
    memory.create("ingest.scorecards", TopicSettings::compacted(SUBJECT_PARTITIONS));
    memory
}

fn publish(memory: &Memory, entry: &SubjectEntry<'_>) {
    let mut bytes = Vec::new();
    codec::encode(entry, &mut bytes).expect("encodes");
    let key = Subject::of(entry).expect("a subject").key();
    let key = Some(key.as_str().as_bytes());
    memory.append_placed("subjects.entries", Placement::ByKey, key, Some(&bytes), &[]).expect("a partition");
}

/// Closes a day in every partition, as one feed partition of so many.
fn close(memory: &Memory, day: Day, from: &str, of: i32) {
    let marker = DayClosed { day, from: from.to_owned(), of, policies_offset: 7, coverage: vec![] };
    let mut bytes = Vec::new();
    codec::encode(&marker, &mut bytes).expect("encodes");
    for partition in 0..SUBJECT_PARTITIONS {
        let key = marker.key();
        memory.append("subjects.entries", partition, Some(key.as_bytes()), Some(&bytes), &[]).expect("a partition");
    }
}

fn settings(sweep_subjects_per_step: usize) -> ResolveSettings {
    let limits = Limits { parked_days_max: 3, ..Limits::default() };
    ResolveSettings { limits, sweep_subjects_per_step, ..ResolveSettings::default() }
}

fn stage(step: usize) -> ResolveStage {
    ResolveStage::new(settings(step)).expect("limits")
}

fn options(records: usize, aborts: &[u64]) -> StageOptions {
    let bounds = Bounds { records, time: None, ..Bounds::default() };
    StageOptions { bounds, faults: Faults::aborts(aborts.iter().copied()), ..StageOptions::default() }
}

fn run(memory: &Memory) {
    let mut pipeline = Pipeline::new(memory);
    pipeline.add(stage(2_000), options(1_000, &[]));
    pipeline.run().expect("runs");
}

fn totals(memory: &Memory) -> BTreeMap<String, i64> {
    let mut latest = BTreeMap::new();
    memory.for_each("subjects.ledger", |record| {
        if record.key == Some(PROGRESS_KEY.as_bytes()) {
            let progress: Progress = codec::decode(record.value.expect("a value")).expect("a progress");
            latest.insert(record.partition, progress);
        }
    });
    let mut totals = BTreeMap::new();
    for total in latest.into_values().flat_map(|progress| progress.totals) {
        *totals.entry(format!("{} {}", total.name, total.label)).or_insert(0) += total.count;
    }
    totals.retain(|_, count| *count != 0);
    totals
}

/// The latest scorecard of each partition and key.
fn scorecards(memory: &Memory) -> BTreeMap<(i32, String), Scorecard> {
    let mut latest = BTreeMap::new();
    memory.for_each("ingest.scorecards", |record| {
        let card: Scorecard = codec::decode(record.value.expect("a value")).expect("a scorecard");
        latest.insert((record.partition, card.key()), card);
    });
    latest
}

/// What was said of each record, by output topic; the order of each key is kept, that among keys is not looked at.
fn said(memory: &Memory) -> BTreeMap<(&'static str, Vec<u8>), Vec<Vec<u8>>> {
    let mut said = BTreeMap::<_, Vec<_>>::new();
    for topic in OUTPUTS {
        memory.for_each(topic, |record| {
            let key = (topic, record.key.unwrap_or_default().to_vec());
            said.entry(key).or_default().push(record.value.unwrap_or_default().to_vec());
        });
    }
    said
}

/// What stands in each household when all is said: the sum of the signs of each entry, without those that cancel.
fn standing(memory: &Memory) -> BTreeMap<(String, i64), i64> {
    let mut standing = BTreeMap::new();
    for record in memory.records("households.entries") {
        let value = record.value().unwrap_or_default();
        if codec::is::<DayClosed>(value) {
            continue;
        }
        let entry: HouseholdEntry<'_> = codec::decode(value).expect("an entry");
        let signed = entry.rows.iter().map(|row| (row.entry, row.sign));
        for (id, sign) in signed.chain(entry.facts.iter().map(|fact| (fact.entry, fact.sign))) {
            *standing.entry((entry.household.to_string(), id.0)).or_insert(0) += i64::from(sign);
        }
    }
    standing.retain(|_, count| *count != 0);
    standing
}

#[test]
fn a_person_who_becomes_known_reaches_his_household_in_one_record() {
    let memory = log();
    for entry in [subsidy(1, 5), subsidy(2, 5), subsidy(1, 5), join(3, 5)] {
        publish(&memory, &entry);
    }
    run(&memory);
    let records = memory.records("households.entries");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key(), Some(&b"4310231012050007"[..]));
    let entry: HouseholdEntry<'_> = codec::decode(records[0].value().expect("a value")).expect("an entry");
    assert_eq!((entry.facts.len(), entry.rows.len(), entry.event), (1, 2, Hash64(3)));
    let mut parked = Vec::new();
    memory.for_each("ingest.parked", |record| {
        let one: Parked<'_> = codec::decode(record.value.expect("a value")).expect("a parked record");
        parked.push((one.event.0, one.change));
    });
    let (begun, ended) = (ParkedChange::Parked, ParkedChange::Released);
    assert_eq!(parked, [(1, begun), (2, begun), (1, ended), (2, ended)]);
    let expected =
        [("applied finance", 3), ("duplicates finance", 1), ("ledger_items ", 3), ("subject_records finance", 4)];
    assert_eq!(totals(&memory), expected.map(|(name, count)| (name.to_owned(), count)).into());
}

#[test]
fn what_is_refused_is_a_dead_letter_with_reason_and_origin() {
    let memory = log();
    let empty = SubjectEntry { entries: vec![], ..subsidy(9, 5) };
    publish(&memory, &empty);
    run(&memory);
    let letters = memory.records("ingest.dead-letters");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].key(), Some(&b"05050505050505050505050505050505"[..]));
    let read: SubjectEntry<'_> = codec::decode(letters[0].value().expect("a value")).expect("the record");
    assert_eq!(read, empty);
    let header = |wanted: &str| {
        let found = letters[0].headers().iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    assert_eq!(header("backstop.reason"), "missing_field");
    assert_eq!(header("__connect.errors.topic"), "feeds.finance");
    assert_eq!((header("__connect.errors.partition"), header("__connect.errors.offset")), ("1".into(), "9".into()));
    assert_eq!(header("__connect.errors.stage"), "resolve");
    assert_eq!(totals(&memory)["refused finance/missing_field"], 1);
}

#[test]
fn a_day_is_told_to_every_household_partition_when_all_feeds_closed_it() {
    let memory = log();
    close(&memory, END_OF_SEPTEMBER, "feeds.water/0", 2);
    run(&memory);
    assert!(memory.records("households.entries").is_empty());
    close(&memory, END_OF_SEPTEMBER, "feeds.water/1", 2);
    run(&memory);
    let mut told = Vec::new();
    memory.for_each("households.entries", |record| {
        let marker: DayClosed = codec::decode(record.value.expect("a value")).expect("a marker");
        assert_eq!(record.key, Some(marker.key().as_bytes()));
        assert_eq!((marker.day, marker.of, marker.policies_offset), (END_OF_SEPTEMBER, SUBJECT_PARTITIONS, 7));
        told.push((record.partition, marker.from));
    });
    told.sort();
    let upstream = ["subjects.entries/0", "subjects.entries/1"];
    let expected: Vec<_> =
        (0..HOUSEHOLD_PARTITIONS).flat_map(|partition| upstream.map(|from| (partition, from.to_owned()))).collect();
    assert_eq!(told, expected);
}

#[test]
fn what_waited_too_long_is_a_dead_letter_at_the_close_of_its_day() {
    let memory = log();
    publish(&memory, &subsidy(1, 5));
    for days in 0..=3 {
        run(&memory);
        assert!(memory.records("ingest.dead-letters").is_empty(), "it still waits on day {days}");
        close(&memory, END_OF_SEPTEMBER.plus(days), "feeds.water/0", 1);
    }
    run(&memory);
    let letters = memory.records("ingest.dead-letters");
    assert_eq!(letters.len(), 1);
    assert!(letters[0].headers().contains(&("backstop.reason".to_owned(), b"parked_expired".to_vec())));
    assert!(memory.latest("subjects.ledger").keys().all(|key| key == PROGRESS_KEY.as_bytes()), "tombstones");
    assert_eq!(totals(&memory), totals_of(&[("refused finance/parked_expired", 1), ("subject_records finance", 1)]));
}

/// Everything of a month is read again, one partition of a feed long before the other: nobody has waited for a month.
#[test]
fn what_is_read_ahead_of_its_original_waits_from_the_day_of_its_own_feed() {
    let memory = log();
    let close_all = |from, days| (0..days).for_each(|day| close(&memory, END_OF_SEPTEMBER.plus(day), from, 2));
    publish(&memory, &join(1, 1));
    close_all("feeds.finance/1", 40);
    publish(&memory, &step_of(5, 1, RETRACTION));
    close_all("feeds.finance/0", 40);
    publish(&memory, &subsidy(5, 1));
    run(&memory);
    assert_eq!(memory.records("ingest.dead-letters").len(), 0);
    assert_eq!(standing(&memory).len(), 1, "only that he is a member stands");
}

fn totals_of(rows: &[(&str, i64)]) -> BTreeMap<String, i64> {
    rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn a_month_that_leaves_the_horizon_leaves_the_changelog_at_the_months_end() {
    let memory = log();
    for person in 1..=6 {
        publish(&memory, &join(person.into(), person));
        publish(&memory, &subsidy(100 + i64::from(person), person));
    }
    let is_of_a_month = |key: &Vec<u8>| String::from_utf8_lossy(key).ends_with("/202409");
    let months = |memory: &Memory| memory.latest("subjects.ledger").keys().filter(|key| is_of_a_month(key)).count();
    // September 2024 is the 25th month before October 2026, and leaves with its last day.
    let last = Day::parse("2026-10-30").expect("a day");
    close(&memory, last, "feeds.water/0", 1);
    run(&memory);
    assert_eq!((months(&memory), totals(&memory)["ledger_items "]), (6, 12));
    close(&memory, last.plus(1), "feeds.water/0", 1);
    // One subject at a time, each in a transaction of its own, with an abort in between and a kill after it.
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(stage(1), options(1, &[2]));
    pipeline.turn("resolve", 3).expect("runs");
    pipeline.kill("resolve");
    pipeline.add(stage(1), options(1, &[]));
    pipeline.run().expect("runs");
    assert_eq!((months(&memory), totals(&memory)["ledger_items "]), (0, 6), "memberships hold");
    let told = memory
        .records("households.entries")
        .iter()
        .filter(|one| codec::is::<DayClosed>(one.value().unwrap_or_default()))
        .count();
    assert_eq!(told as i32, 2 * SUBJECT_PARTITIONS * HOUSEHOLD_PARTITIONS, "each day is told once");
}

#[test]
fn a_changelog_of_something_else_stops_the_stage() {
    for (key, value) in [("what/ever", "x"), ("4310231012050007/about", "x"), ("progress", "x")] {
        let memory = log();
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        memory.append("subjects.ledger", 1, key, value, &[]).expect("a partition");
        let mut pipeline = Pipeline::new(&memory);
        pipeline.add(stage(1), StageOptions::default());
        let error = pipeline.run().expect_err("stops").to_string();
        assert!(error.starts_with("resolve: subjects.ledger/1 at offset 0:"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever transactions close or abort, and wherever the stage is killed and restored: the same is said, and
    /// the balance holds.
    #[test]
    fn aborts_and_kills_change_nothing(
        inputs in proptest::collection::vec((0i64..20, 1u8..4, 0u8..14), 1..50), step in 1usize..4,
        records in 1usize..9, aborts in proptest::collection::vec(0u64..6, 0..4), killed_after in 0usize..50, has_snapshots: bool,
    ) {
        let (calm, rough) = (log(), log());
        let mut day = END_OF_SEPTEMBER;
        let mut published = 0;
        let has_mergers = inputs.iter().any(|(_, _, what)| *what == MERGER);
        for (number, person, what) in inputs {
            for memory in [&calm, &rough] {
                match what {
                    0 => close(memory, day, "feeds.water/0", 1),
                    _ => publish(memory, &step_of(number, person, what)),
                }
            }
            published += i64::from(what != 0);
            day = day.plus(i32::from(what == 0));
        }
        run(&calm);
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = has_snapshots.then(|| SnapshotSettings::in_turn(folder.path().to_owned()));
        let mut pipeline = Pipeline::new(&rough);
        pipeline.add(stage(step), StageOptions { snapshots: snapshots.clone(), ..options(records, &aborts) });
        pipeline.turn("resolve", killed_after).expect("runs");
        pipeline.kill("resolve");
        pipeline.add(stage(step), StageOptions { snapshots, ..options(records, &[]) });
        pipeline.run().expect("runs");
        // When the ledgers of two partitions talk, what comes between their words is said one way or another.
        if !has_mergers {
            prop_assert_eq!(said(&calm), said(&rough));
        }
        prop_assert_eq!(standing(&calm), standing(&rough));
        prop_assert_eq!(calm.latest("subjects.ledger").len(), rough.latest("subjects.ledger").len());
        let cards = scorecards(&rough);
        prop_assert_eq!(&scorecards(&calm), &cards);
        let found = totals(&rough);
        prop_assert_eq!(&totals(&calm), &found);
        let sum = |names: &[&str]| -> i64 {
            let is_one = |total: &str| names.iter().any(|name| total.split(' ').next() == Some(name));
            found.iter().filter(|(name, _)| is_one(name)).map(|(_, count)| count).sum()
        };
        let on_cards = |count: fn(&Scorecard) -> i64| cards.values().map(count).sum::<i64>();
        prop_assert_eq!(on_cards(|card| card.delays.iter().sum()), sum(&["applied"]));
        prop_assert_eq!(on_cards(|card| card.duplicates), sum(&["duplicates"]));
        prop_assert_eq!(on_cards(|card| card.refused), sum(&["refused"]));
        prop_assert_eq!(sum(&["subject_records"]), published);
        prop_assert_eq!(sum(&["applied", "duplicates", "parked", "waiting", "refused"]), published);
    }
}
