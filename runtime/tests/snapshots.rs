//! Restarts from snapshots on the memory log: killed, torn, damaged, stale, foreign. What a restart comes to must be what
//! it would come to from the changelogs alone.

#![allow(clippy::unwrap_used, reason = "a test ends where something that it needs is not there")]

#[path = "support/tally.rs"]
mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use runtime::memory::{Faults, Memory, Order, Pipeline, StageOptions, TopicSettings};
use runtime::snapshot::SnapshotSettings;
use runtime::stage::Placement;
use runtime::worker::Bounds;

use tally::Tally;

const WORDS: [&str; 9] = ["a", "b", "a", "c", "a", "b", "d", "e", "a"];
/// A time at which records are stamped, in milliseconds since 1970-01-01T00:00:00Z.
const NOON_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn city(partitions: i32, words: &[&str]) -> Memory {
    let memory = Memory::new();
    memory.set_timestamp_ms(NOON_MS);
    for (topic, settings) in [
        ("words", TopicSettings::new(partitions)),
        ("said", TopicSettings::new(1)),
        ("tallies", TopicSettings::compacted(partitions)),
        ("rules", TopicSettings::new(1)),
    ] {
        memory.create(topic, settings);
    }
    say(&memory, words);
    memory
}

fn say(memory: &Memory, words: &[&str]) {
    for word in words {
        memory.append_placed("words", Placement::ByKey, Some(word.as_bytes()), Some(b"word"), &[]).unwrap();
    }
}

fn options(folder: Option<&Path>, records: usize, aborts: &[u64]) -> StageOptions {
    StageOptions {
        bounds: Bounds { records, ..Bounds::default() },
        faults: Faults::aborts(aborts.iter().copied()),
        snapshots: folder.map(|folder| SnapshotSettings::in_turn(folder.to_owned())),
        ..StageOptions::default()
    }
}

/// What the restarted stage knows before it reads anything new, by key.
type Known = Vec<(String, i64)>;

fn known(pipeline: &Pipeline) -> Known {
    let mut known: Known = pipeline.figures("tally").rows.into_iter().map(|(_, key, count)| (key, count)).collect();
    known.sort();
    known
}

/// A stage on what a log holds, all of it read.
fn restarted(memory: &Memory, folder: Option<&Path>) -> Known {
    let mut pipeline = Pipeline::new(memory);
    pipeline.add(Tally::new(""), options(folder, 3, &[]));
    pipeline.run().unwrap();
    known(&pipeline)
}

/// A stage that has read all words, with its snapshots in the folder.
fn taken(memory: &Memory, folder: &Path) -> Known {
    restarted(memory, Some(folder))
}

fn snapshot(folder: &Path) -> PathBuf {
    folder.join("words-0.snapshot")
}

#[test]
fn a_snapshot_is_enough_where_the_changelog_says_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(3, &WORDS);
    let before = taken(&memory, folder.path());
    assert_eq!(before.len(), 5);
    memory.forget("tallies");
    assert_eq!(restarted(&memory, None), [], "the changelog is empty now");
    assert_eq!(restarted(&memory, Some(folder.path())), before);
}

#[test]
fn what_was_written_after_the_snapshot_comes_from_the_changelog() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(2, &WORDS);
    taken(&memory, folder.path());
    say(&memory, &["a", "f", "b"]);
    let elsewhere = restarted(&memory, None);
    assert_eq!(restarted(&memory, Some(folder.path())), elsewhere);
    assert_eq!(elsewhere[0], ("a".to_owned(), 5));
}

#[test]
fn a_snapshot_cut_off_anywhere_leads_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(1, &WORDS);
    let before = taken(&memory, folder.path());
    let whole = fs::read(snapshot(folder.path())).unwrap();
    assert!(whole.len() > 200, "{} bytes", whole.len());
    for length in 0..whole.len() {
        fs::write(snapshot(folder.path()), &whole[..length]).unwrap();
        assert_eq!(restarted(&memory, Some(folder.path())), before, "cut off at {length}");
        // What was made of it must be good too.
        assert_eq!(restarted(&memory, Some(folder.path())), before, "cut off at {length}, and restarted again");
    }
    memory.forget("tallies");
    for length in 0..whole.len() {
        fs::write(snapshot(folder.path()), &whole[..length]).unwrap();
        assert_all_or_nothing(&restarted(&memory, Some(folder.path())), &before, &format!("cut off at {length}"));
    }
}

/// Where the changelog has forgotten everything, a restart knows all that the snapshot says, or nothing.
fn assert_all_or_nothing(known: &Known, before: &Known, what: &str) {
    assert!(known == before || known.is_empty(), "{known:?}, {what}");
}

#[test]
fn a_snapshot_with_any_byte_damaged_leads_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(1, &WORDS);
    let before = taken(&memory, folder.path());
    let whole = fs::read(snapshot(folder.path())).unwrap();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            fs::write(snapshot(folder.path()), &damaged).unwrap();
            assert_eq!(restarted(&memory, Some(folder.path())), before, "damaged at {at} by {flip}");
        }
    }
    memory.forget("tallies");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(snapshot(folder.path()), &damaged).unwrap();
        assert_all_or_nothing(&restarted(&memory, Some(folder.path())), &before, &format!("damaged at {at}"));
    }
}

#[test]
fn a_snapshot_that_does_not_belong_to_the_log_is_not_used() {
    let longer = ["x", "y", "x", "z", "z", "z", "x", "y", "x", "y", "v", "w"];
    let rows: [(&str, &[&str]); 2] =
        [("the topics were made anew, and are longer than they were", &longer), ("they are shorter", &["x"])];
    for (what, words) in rows {
        let folder = tempfile::tempdir().unwrap();
        taken(&city(1, &WORDS), folder.path());
        let memory = city(1, &[]);
        memory.set_timestamp_ms(NOON_MS + HOUR_MS);
        say(&memory, words);
        let elsewhere = restarted(&memory, None);
        assert_eq!(restarted(&memory, Some(folder.path())), elsewhere, "{what}");
    }
}

#[test]
fn an_old_snapshot_is_not_used_since_the_changelog_may_have_forgotten_what_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(1, &WORDS);
    let before = taken(&memory, folder.path());
    memory.forget("tallies");
    for (hours, expected) in [(11, &before), (13, &before), (26, &Known::new())] {
        memory.set_timestamp_ms(NOON_MS + hours * HOUR_MS);
        assert_eq!(restarted(&memory, Some(folder.path())), *expected, "after {hours} hours");
    }
}

#[test]
fn the_snapshot_of_another_partition_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(2, &WORDS);
    let before = taken(&memory, folder.path());
    let (one, other) = (snapshot(folder.path()), folder.path().join("words-1.snapshot"));
    fs::copy(other, one).unwrap();
    assert_eq!(restarted(&memory, Some(folder.path())), before);
}

#[test]
fn a_snapshot_beyond_what_the_group_has_committed_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    taken(&city(1, &WORDS), folder.path());
    // The same records, of which fewer were read when the group's offsets were set back.
    let memory = city(1, &WORDS);
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(Tally::new(""), options(None, 1, &[]));
    pipeline.turn("tally", 6).unwrap();
    drop(pipeline);
    let mut pipeline = Pipeline::new(&memory);
    pipeline.add(Tally::new(""), options(Some(folder.path()), 1, &[]));
    pipeline.run().unwrap();
    let found = known(&pipeline);
    // Whoever still has the partition does not share it.
    drop(pipeline);
    assert_eq!(found, restarted(&memory, None));
}

#[test]
fn a_file_that_is_rewritten_again_and_again_stays_small_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(1, &[]);
    for round in 0..60 {
        say(&memory, &WORDS);
        let before = taken(&memory, folder.path());
        assert_eq!(before[0], ("a".to_owned(), 4 * (round + 1)), "round {round}");
        memory.forget("tallies");
        let bytes = fs::metadata(snapshot(folder.path())).unwrap().len();
        assert!(bytes < 3_072, "{bytes} bytes in round {round}");
    }
}

#[test]
fn a_rewriting_that_was_killed_and_a_partition_that_went_elsewhere_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let memory = city(1, &WORDS);
    let before = taken(&memory, folder.path());
    let left = folder.path().join("words-0.7.rewritten");
    fs::write(&left, b"half a").unwrap();
    let of_elsewhere = folder.path().join("words-5.snapshot");
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    fs::File::create(&of_elsewhere).unwrap().set_modified(yesterday).unwrap();
    memory.forget("tallies");
    assert_eq!(restarted(&memory, Some(folder.path())), before);
    assert!(!left.exists() && !of_elsewhere.exists());
}

/// From a start to a kill.
#[derive(Clone, Debug)]
struct Life {
    turns: usize,
    records: usize,
    aborts: Vec<u64>,
    /// Bytes that a file loses at its end.
    torn: usize,
    seed: u64,
}

fn life() -> impl Strategy<Value = Life> {
    let aborts = prop::collection::vec(0_u64..8, 0..4);
    (0_usize..20, 1_usize..6, aborts, 0_usize..400, any::<u64>())
        .prop_map(|(turns, records, aborts, torn, seed)| Life { turns, records, aborts, torn, seed })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Words come, transactions abort, the stage is killed at any turn, with files torn at any byte: what is said is the
    /// same as without any of it.
    #[test]
    fn restarts_from_snapshots_count_every_word_once(
        lives in prop::collection::vec(life(), 1..8),
        partitions in 1_i32..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let memory = city(partitions, &[]);
        for Life { turns, records, aborts, torn, seed } in &lives {
            say(&memory, &WORDS);
            let mut pipeline = Pipeline::new(&memory);
            let options = options(Some(folder.path()), *records, aborts);
            pipeline.add(Tally::new(""), StageOptions { order: Order::Shuffled(*seed), ..options });
            pipeline.turn("tally", *turns).unwrap();
            drop(pipeline);
            if let Ok(whole) = fs::read(snapshot(folder.path())) {
                fs::write(snapshot(folder.path()), &whole[..whole.len().saturating_sub(*torn)]).unwrap();
            }
        }
        let found = restarted(&memory, Some(folder.path()));
        prop_assert_eq!(&found, &restarted(&memory, None));
        let words: i64 = found.iter().map(|row| row.1).sum();
        prop_assert_eq!(words, (lives.len() * WORDS.len()) as i64);
    }
}
