//! The loop on the memory log: what it must do on Kafka too, row by row.

use super::*;
use crate::worker::Bounds;

#[path = "../../tests/support/tally.rs"]
mod tally;

use std::sync::{Arc, Mutex};

use crate::hooked::{Hooked, Hooks, NoHooks};
use crate::stage::{Outbox, StageError, Step};
use tally::Tally;

fn city(partitions: i32, words: &[&str]) -> Memory {
    let memory = Memory::new();
    for (topic, settings) in [
        ("words", TopicSettings::new(partitions)),
        ("said", TopicSettings::new(2)),
        ("tallies", TopicSettings::compacted(partitions)),
        ("rules", TopicSettings::new(1)),
    ] {
        memory.create(topic, settings);
    }
    say(&memory, words);
    memory
}

/// Each word is `key` or `key:value`.
fn say(memory: &Memory, words: &[&str]) {
    for word in words {
        let (key, value) = word.split_once(':').unwrap_or((word, "word"));
        memory.append_placed("words", Placement::ByKey, Some(key.as_bytes()), Some(value.as_bytes()), &[]).unwrap();
    }
}

fn heard(memory: &Memory) -> Vec<String> {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let mut heard: Vec<String> = memory
        .records("said")
        .iter()
        .map(|record| format!("{} {}", text(record.key()), text(record.value())))
        .collect();
    heard.sort();
    heard
}

fn options(records: usize, aborts: &[u64]) -> StageOptions {
    StageOptions {
        bounds: Bounds { records, ..Bounds::default() },
        faults: Faults::aborts(aborts.iter().copied()),
        ..StageOptions::default()
    }
}

fn run(memory: &Memory, options: StageOptions) {
    let mut pipeline = Pipeline::new(memory);
    pipeline.add(Tally::new(""), options);
    pipeline.run().unwrap();
}

const WORDS: [&str; 9] = ["a", "b", "a", "c", "a", "b", "d", "e", "a"];
const HEARD: [&str; 9] = ["a 1", "a 2", "a 3", "a 4", "b 1", "b 2", "c 1", "d 1", "e 1"];

#[test]
fn every_record_counts_once_wherever_transactions_close_and_abort() {
    let rows: [(usize, &[u64]); 6] = [(1, &[]), (2, &[]), (100, &[]), (1, &[0, 3, 4]), (2, &[0, 1, 2]), (100, &[0])];
    for (records, aborts) in rows {
        for partitions in [1, 3] {
            let memory = city(partitions, &WORDS);
            run(&memory, options(records, aborts));
            assert_eq!(heard(&memory), HEARD, "{records} records, aborts {aborts:?}, {partitions} partitions");
            let tallies = memory.latest("tallies");
            assert_eq!(tallies.get(&b"a"[..]).map(Vec::as_slice), Some(&b"4"[..]));
        }
    }
}

#[test]
fn a_killed_stage_goes_on_from_its_commit_and_its_changelog() {
    for turns in 1..12 {
        let memory = city(2, &WORDS);
        let mut pipeline = Pipeline::new(&memory);
        pipeline.add(Tally::new(""), options(2, &[]));
        pipeline.turn("tally", turns).unwrap();
        pipeline.kill("tally");
        pipeline.add(Tally::new(""), options(3, &[]));
        pipeline.run().unwrap();
        assert_eq!(heard(&memory), HEARD, "killed after {turns} turns");
        let words: i64 = pipeline.figures("tally").rows.iter().map(|row| row.2).sum();
        assert_eq!(words, 9);
    }
}

#[test]
fn what_a_stage_has_open_reaches_one_that_came_before_it_in_the_round() {
    for turns in 1..12 {
        let memory = city(2, &[]);
        for topic in ["first.words", "first.tallies", "first.rules"] {
            memory.create(topic, TopicSettings::new(1));
        }
        for word in WORDS {
            memory.append("first.words", 0, Some(word.as_bytes()), Some(b"word"), &[]).unwrap();
        }
        let mut first = Tally::new("first.");
        first.topology.outputs[0] = "words".to_owned();
        let mut pipeline = Pipeline::new(&memory);
        pipeline.add(Tally::new(""), options(100, &[]));
        pipeline.add(first, options(100, &[]));
        pipeline.turn("first.tally", turns).unwrap();
        pipeline.run().unwrap();
        assert_eq!(heard(&memory), HEARD, "after {turns} turns");
    }
}

#[test]
fn a_renamed_stage_writes_its_changelog_elsewhere_and_is_restored_from_there() {
    let renamed = || {
        let beside = |topic: &str| (topic == "tallies").then(|| "beside.tallies".to_owned());
        Hooked::new(Tally::new(""), NoHooks, beside).called("beside")
    };
    let memory = city(2, &WORDS);
    memory.create("beside.tallies", TopicSettings::compacted(2));
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(renamed(), options(2, &[]));
    pipeline.turn("beside", 5).unwrap();
    pipeline.kill("beside");
    pipeline.add(renamed(), options(3, &[]));
    pipeline.run().unwrap();
    assert_eq!(heard(&memory), HEARD);
    assert!(memory.records("tallies").is_empty());
}

#[test]
fn a_record_that_a_hook_leaves_for_later_is_applied_once_all_the_same() {
    struct Reluctant {
        refusals: u32,
        told: Arc<Mutex<Vec<(usize, usize)>>>,
    }
    impl Hooks for Reluctant {
        fn applying(&mut self, _: &Record<'_>) -> Result<bool, StageError> {
            self.refusals = self.refusals.saturating_sub(1);
            Ok(self.refusals == 0)
        }
        fn applied(&mut self, _: &Record<'_>, _: Step, outbox: &Outbox, from: usize) {
            self.told.lock().unwrap().push((from, outbox.len()));
        }
    }
    for refusals in [0, 2, 7] {
        let (memory, told) = (city(2, &WORDS), Arc::default());
        let mut pipeline = Pipeline::new(&memory);
        let hooks = Reluctant { refusals, told: Arc::clone(&told) };
        pipeline.add(Hooked::new(Tally::new(""), hooks, |_| None), options(2, &[]));
        pipeline.run().unwrap();
        assert_eq!(heard(&memory), HEARD, "refused {refusals} times");
        let told = told.lock().unwrap();
        assert!(told.len() == WORDS.len() && told.iter().all(|(from, len)| from + 1 == *len), "{told:?}");
    }
}

#[test]
fn a_changelog_has_one_record_per_key_and_transaction() {
    let memory = city(1, &WORDS);
    run(&memory, options(100, &[]));
    assert_eq!(memory.records("tallies").len(), 5);
}

#[test]
fn a_sweep_spreads_over_transactions_and_survives_a_kill_and_an_abort() {
    let expected = ["a 1", "a 2", "a swept 2", "b 1", "b swept 1", "c 1", "c swept 1", "d 1"];
    for (records, aborts) in [(1, &[][..]), (2, &[1]), (1, &[4, 5]), (100, &[])] {
        let memory = city(1, &["a", "b", "c", "a", "x:sweep", "d"]);
        run(&memory, options(records, aborts));
        assert_eq!(heard(&memory), expected, "{records} records, aborts {aborts:?}");
    }
    for turns in 1..12 {
        let memory = city(1, &["a", "b", "c", "a", "x:sweep", "d"]);
        let mut pipeline = Pipeline::new(&memory);
        pipeline.add(Tally::new(""), options(1, &[]));
        pipeline.turn("tally", turns).unwrap();
        pipeline.kill("tally");
        pipeline.add(Tally::new(""), options(1, &[]));
        pipeline.run().unwrap();
        assert_eq!(heard(&memory), expected, "killed after {turns} turns");
    }
}

#[test]
fn the_reference_topic_is_read_as_far_as_a_record_needs_it() {
    let memory = city(1, &["a:rule 1", "b:rule 2", "c:rule 1"]);
    for rule in ["one", "two", "three"] {
        memory.append("rules", 0, None, Some(rule.as_bytes()), &[]).unwrap();
    }
    run(&memory, options(100, &[]));
    assert_eq!(heard(&memory), ["a one", "b one+two", "c one+two"]);
}

#[test]
fn a_need_beyond_the_reference_topic_is_an_error_that_says_so() {
    let memory = city(1, &["a:rule 3"]);
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(Tally::new(""), StageOptions::default());
    let error = pipeline.run().unwrap_err().to_string();
    assert_eq!(error, "rules/0 ends at 0, but is needed up to 3");
}

#[test]
fn an_error_of_the_stage_names_the_record() {
    let memory = city(1, &["a"]);
    memory.append("words", 0, None, None, &[]).unwrap();
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(Tally::new(""), StageOptions::default());
    let error = pipeline.run().unwrap_err().to_string();
    assert_eq!(error, "tally: words/0 at offset 1: a word has a key and a value");
}

#[test]
fn the_same_seed_reads_in_the_same_order() {
    let order_of = |seed| {
        let memory = city(4, &WORDS);
        let order = Order::Shuffled(seed);
        run(&memory, StageOptions { order, ..StageOptions::default() });
        let said: Vec<_> = memory.records("said");
        (said, heard(&memory))
    };
    assert_eq!(order_of(7), order_of(7));
    assert_eq!(order_of(7).1, order_of(8).1);
    assert!((0..20).any(|seed| order_of(seed).0 != order_of(7).0));
}

#[test]
fn what_all_have_read_is_dropped_and_a_compacted_topic_keeps_the_latest() {
    let memory = Memory::new();
    memory.create("words", TopicSettings::new(1).dropping_read());
    memory.create("said", TopicSettings::new(1));
    memory.create("tallies", TopicSettings::compacted(1));
    memory.create("rules", TopicSettings::new(1));
    say(&memory, &WORDS);
    run(&memory, options(2, &[]));
    assert_eq!(memory.records("words"), []);
    say(&memory, &["a"]);
    run(&memory, options(2, &[]));
    assert_eq!(memory.latest("tallies").get(&b"a"[..]).map(Vec::as_slice), Some(&b"5"[..]));
    assert_eq!(memory.end("words", 0), 10);
}

#[test]
fn what_is_forgotten_leaves_its_offsets() {
    let memory = Memory::new();
    memory.create("words", TopicSettings::new(1));
    memory.create("tallies", TopicSettings::compacted(1));
    say(&memory, &["a", "b"]);
    for topic in ["words", "tallies", "none"] {
        memory.forget(topic);
    }
    assert_eq!(memory.records("words"), []);
    say(&memory, &["c"]);
    let offsets: Vec<i64> = memory.records("words").iter().map(HeldRecord::offset).collect();
    assert_eq!(offsets, [2]);
}

#[test]
fn a_topic_that_does_not_exist_is_named() {
    let memory = Memory::new();
    memory.create("words", TopicSettings::new(1));
    memory.create("tallies", TopicSettings::new(1));
    say(&memory, &["a"]);
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(Tally::new(""), StageOptions::default());
    let error = pipeline.run().unwrap_err().to_string();
    assert!(error.contains("there is no said/0"), "{error}");
    assert_eq!(memory.append("said", 0, None, None, &[]), Err(NoSuchPartition { topic: "said".into(), partition: 0 }));
}

#[test]
fn a_record_that_is_copied_keeps_its_offset_and_its_time() {
    let memory = Memory::new();
    memory.create("feeds.water", TopicSettings::new(2));
    let record = |offset, timestamp_ms| Record {
        topic: "feeds.water",
        partition: 1,
        offset,
        timestamp_ms,
        key: Some(b"key"),
        value: Some(b"value"),
        headers: &[],
    };
    for (offset, timestamp_ms) in [(0, 7), (1, 8), (5, 9)] {
        memory.copy(&record(offset, timestamp_ms)).expect("the partition is there");
    }
    let mut found = Vec::new();
    memory.for_each("feeds.water", |record| found.push((record.offset, record.timestamp_ms)));
    assert_eq!((found, memory.end("feeds.water", 1)), (vec![(0, 7), (1, 8), (5, 9)], 6));
}

/// What is done to two workers.
type Disturb = fn(&mut Pipeline, [WorkerId; 2]);

/// Two workers that share the words, and what is done to them in the middle.
fn disturbed(partitions: i32, turns: usize, disturb: impl FnOnce(&mut Pipeline, [WorkerId; 2])) -> Memory {
    let memory = city(partitions, &WORDS);
    let mut pipeline = Pipeline::new(&memory);
    let workers = [2, 3].map(|records| pipeline.supervise(move || (Tally::new(""), options(records, &[]))));
    for id in workers {
        pipeline.turn_one(id, turns).unwrap();
    }
    disturb(&mut pipeline, workers);
    pipeline.run().unwrap();
    memory
}

#[test]
fn every_record_counts_once_whichever_call_of_the_log_fails_and_however() {
    let of_transaction = [Effect::Begin, Effect::Publish, Effect::Commit];
    for effect in Effect::ALL {
        for fault in [Fault::Lost, Fault::Unanswered, Fault::Abort] {
            if fault == Fault::Abort && !of_transaction.contains(&effect) {
                continue;
            }
            for call in 0..4 {
                let memory = city(2, &WORDS);
                let mut pipeline = Pipeline::new(&memory);
                let mut faults = Faults::aborts([2]);
                faults.add(effect, call, fault);
                pipeline.supervise(move || {
                    (Tally::new(""), StageOptions { faults: std::mem::take(&mut faults), ..options(2, &[]) })
                });
                pipeline.turn("tally", 3).unwrap();
                pipeline.rebalance("tally", |_| 0);
                pipeline.run().unwrap();
                assert_eq!(heard(&memory), HEARD, "{effect:?} {call}: {fault:?}");
            }
        }
    }
}

#[test]
fn every_record_counts_once_whoever_partitions_go_to() {
    for turns in 0..9 {
        for partitions in [1, 2, 3] {
            let rows: [(&str, Disturb); 6] = [
                ("nothing happens", |_, _| {}),
                ("all to one", |pipeline, _| pipeline.rebalance("tally", |_| 0)),
                ("all to the other", |pipeline, _| pipeline.rebalance("tally", |members| members - 1)),
                ("one is given up", |pipeline, [one, other]| {
                    pipeline.evict(one, 5);
                    pipeline.turn_one(other, 4).unwrap();
                    pipeline.turn_one(one, 3).unwrap();
                }),
                ("one loses its name", |pipeline, [one, other]| {
                    pipeline.replace(one, 5);
                    pipeline.turn_one(one, 4).unwrap();
                    for id in pipeline.workers() {
                        pipeline.turn_one(id, 3).unwrap();
                    }
                    pipeline.turn_one(other, 3).unwrap();
                }),
                ("one is built anew", |pipeline, [one, _]| pipeline.build_anew(one)),
            ];
            for (name, disturb) in rows {
                let memory = disturbed(partitions, turns, disturb);
                assert_eq!(heard(&memory), HEARD, "{name} after {turns} turns, {partitions} partitions");
            }
        }
    }
}

#[test]
fn what_a_worker_without_its_partitions_has_open_is_not_committed() {
    let memory = city(1, &WORDS);
    let mut pipeline = Pipeline::new(&memory);
    let one = pipeline.supervise(|| (Tally::new(""), options(100, &[])));
    pipeline.turn_one(one, 6).unwrap();
    pipeline.replace(one, 1);
    assert_eq!(heard(&memory), [""; 0], "nothing is committed yet");
    let zombie = *pipeline.workers().last().unwrap();
    assert_ne!(zombie, one);
    pipeline.turn_one(zombie, 2).unwrap();
    assert_eq!((heard(&memory), pipeline.workers()), (Vec::new(), vec![one]), "it ends when it learns of it");
    pipeline.run().unwrap();
    assert_eq!(heard(&memory), HEARD);
}

#[test]
fn a_worker_whose_first_partition_is_taken_while_it_restores_is_built_anew() {
    let memory = city(1, &WORDS);
    let mut pipeline = Pipeline::new(&memory);
    let one = pipeline.supervise(|| (Tally::new(""), options(1, &[])));
    // It has taken the partition on, and has not looked at the changelog.
    pipeline.turn_one(one, 1).unwrap();
    pipeline.evict(one, 20);
    let other = pipeline.supervise(|| (Tally::new(""), options(1, &[])));
    pipeline.turn_one(other, 4).unwrap();
    assert_ne!(heard(&memory), [""; 0], "the other one has committed");
    pipeline.run().unwrap();
    assert_eq!(heard(&memory), HEARD);
}
