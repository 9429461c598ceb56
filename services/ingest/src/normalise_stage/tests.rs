//! Normalise on the memory log.

use runtime::held::HeldRecord;
use runtime::memory::{Faults, Memory, Pipeline, StageOptions, TopicSettings};
use runtime::partitioner::partition_of;
use runtime::snapshot::SnapshotSettings;
use runtime::stage::Header;
use schemas::Day;
use schemas::feed::Feed;
use schemas::records::SubjectEntry;
use serde_json::{Value, json};

use super::*;

const FEED: &str = "feeds.health";
const PERSON: &str = "11010519491231002X";
const HOUSEHOLD: &str = "4310231012050007";
/// 2025-03-10 in Shanghai, noon.
const OCCURRED_MS: i64 = 1_741_579_200_000;

fn catalogue() -> Arc<Catalogue> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/feeds");
    let mut files = Vec::new();
    for folder in ["health", "education"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files.push((format!("{folder}/{name}"), std::fs::read_to_string(&path).expect("a text")));
        }
    }
    files.push(("index.json".to_owned(), "{\"ids\":[]}".to_owned()));
    Arc::new(Catalogue::load(&files).unwrap_or_else(|faults| panic!("{faults}")))
}

fn stage() -> NormaliseStage {
    let mut settings = NormaliseSettings::of_feeds(vec![FEED.to_owned(), "feeds.education".to_owned()]);
    settings.record_bytes_max = 1_000;
    NormaliseStage::new(settings, catalogue(), Pseudonyms::new(&[7; 32]).expect("32 bytes"))
}

fn memory() -> Memory {
    let memory = Memory::new();
    for (topic, partitions) in
        [(FEED, 2), ("feeds.education", 2), ("subjects.entries", 3), ("ingest.dead-letters", 3), ("ingest.progress", 2)]
    {
        memory.create(topic, TopicSettings::new(partitions));
    }
    memory
}

fn run(memory: &Memory, options: StageOptions) -> Figures {
    let mut pipeline = Pipeline::new(memory);
    pipeline.add(stage(), options);
    pipeline.run().expect("runs");
    pipeline.figures(STAGE)
}

/// The sum of a figure over its labels.
fn figure(figures: &Figures, name: &str) -> i64 {
    figures.rows.iter().filter(|(found, ..)| *found == name).map(|(.., value)| value).sum()
}

fn value_of(feed: &Feed, event: &Value) -> Vec<u8> {
    let schema: serde_avro_fast::Schema = feed.schema.parse().expect("a schema");
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    let datum = serde_avro_fast::to_datum_vec(event, &mut config).expect("the event fits its schema");
    [&[0xC3, 0x01], feed.fingerprint.as_slice(), &datum].concat()
}

/// A death, of the household's person or of the household alone.
fn death(event_id: &str, person: Option<&str>) -> Vec<u8> {
    let catalogue = catalogue();
    let event = json!({
        "event_id": event_id, "source": "health", "event_type": "death", "person_id": person,
        "household_code": HOUSEHOLD, "occurred_at": OCCURRED_MS, "reported_at": OCCURRED_MS, "op": "upsert",
        "corrects_event_id": null, "document_number": null, "manner": "natural"
    });
    value_of(catalogue.feed("health", "death").expect("a feed"), &event)
}

fn marker(day: i32) -> Vec<u8> {
    let closed =
        DayClosed { day: Day(day), from: String::new(), of: 4, policies_offset: i64::from(day), coverage: Vec::new() };
    let mut bytes = Vec::new();
    codec::encode(&closed, &mut bytes).expect("encodes");
    bytes
}

fn put(memory: &Memory, partition: i32, value: &[u8]) {
    memory.append(FEED, partition, Some(b"any key"), Some(value), &[]).expect("a partition");
}

fn header<'a>(record: &'a HeldRecord, name: &str) -> Option<&'a str> {
    record.headers().iter().find(|(found, _)| found == name).and_then(|(_, value)| std::str::from_utf8(value).ok())
}

#[test]
fn an_event_goes_to_its_subjects_partition() {
    let memory = memory();
    put(&memory, 0, &death("1", Some(PERSON)));
    put(&memory, 1, &death("2", None));
    let figures = run(&memory, StageOptions::default());
    let records = memory.records("subjects.entries");
    assert_eq!(records.len(), 2);
    for record in &records {
        let entry: SubjectEntry<'_> = codec::decode(record.value().expect("a value")).expect("decodes");
        let key = entry.person.map_or(HOUSEHOLD.to_owned(), |person| person.to_string());
        assert_eq!(record.key(), Some(key.as_bytes()));
        assert_eq!(record.partition(), partition_of(key.as_bytes(), 3));
        assert_eq!(entry.origin.topic, FEED);
    }
    assert_eq!(["events", "normalised", "rejected"].map(|name| figure(&figures, name)), [2, 2, 0]);
}

#[test]
fn a_dead_letter_is_what_came_and_why() {
    let memory = memory();
    let came = [Header { name: "trace", value: b"\xff\x00" }];
    let value = b"garbage";
    memory.append(FEED, 1, Some(b""), Some(value), &came).expect("a partition");
    memory.append(FEED, 1, None, None, &[]).expect("a partition");
    let figures = run(&memory, StageOptions::default());
    let dead = memory.records("ingest.dead-letters");
    let garbage = dead.iter().find(|one| header(one, "backstop.reason") == Some("unknown_framing")).expect("is there");
    assert_eq!((garbage.key(), garbage.value()), (Some(&b""[..]), Some(&value[..])));
    assert_eq!(garbage.headers()[0], ("trace".to_owned(), b"\xff\x00".to_vec()));
    for (name, expected) in [
        ("__connect.errors.topic", FEED),
        ("__connect.errors.partition", "1"),
        ("__connect.errors.offset", "0"),
        ("__connect.errors.stage", "normalise"),
    ] {
        assert_eq!(header(garbage, name), Some(expected), "{name}");
    }
    assert!(header(garbage, "__connect.errors.exception.message").is_some());
    let tombstone = dead.iter().find(|one| header(one, "backstop.reason") == Some("empty_value")).expect("is there");
    assert_eq!((tombstone.key(), tombstone.value()), (None, None));
    let rejected: Vec<_> =
        figures.rows.iter().filter(|(name, label, _)| *name == "rejected" && !label.is_empty()).collect();
    let expected = [("rejected", "health/empty_value", 1), ("rejected", "health/unknown_framing", 1)];
    assert_eq!(
        rejected,
        expected.map(|(name, label, count)| (name, label.to_owned(), count)).iter().collect::<Vec<_>>()
    );
    assert_eq!((figure(&figures, "events"), figure(&figures, "normalised")), (2, 0));
}

#[test]
fn of_a_value_that_is_too_large_the_hash_is_kept() {
    let memory = memory();
    put(&memory, 0, &[b'x'; 1_001]);
    run(&memory, StageOptions::default());
    let dead = memory.records("ingest.dead-letters");
    assert_eq!((dead.len(), dead[0].value()), (1, Some(&[][..])));
    assert_eq!(header(&dead[0], "backstop.reason"), Some("record_too_large"));
    // SHA-256 of 1,001 times "x", by Python's hashlib.
    let expected = "cbe4a2e86e808c9b51174c17d56b401791a6282036247a95c3fb2098f098ff79";
    assert_eq!(header(&dead[0], "backstop.value.sha256"), Some(expected));
}

/// The markers in a partition of `subjects.entries`: day, from, and how many counties they cover.
fn told(memory: &Memory, partition: i32) -> Vec<(i32, String, Vec<i32>)> {
    memory
        .records("subjects.entries")
        .iter()
        .filter(|record| record.partition() == partition && codec::is::<DayClosed>(record.value().unwrap_or_default()))
        .map(|record| {
            let closed: DayClosed = codec::decode(record.value().expect("a value")).expect("decodes");
            assert_eq!(record.key(), Some(closed.key().as_bytes()));
            assert_eq!((closed.of, closed.policies_offset), (4, i64::from(closed.day.0)));
            assert!(closed.coverage.iter().all(|one| one.day == closed.day));
            (closed.day.0, closed.from, closed.coverage.iter().map(|one| one.county.0).collect())
        })
        .collect()
}

#[test]
fn a_day_closes_on_its_one_marker_and_every_subject_partition_is_told() {
    let memory = memory();
    put(&memory, 1, &death("1", None));
    for day in [20_000, 20_000, 20_001] {
        put(&memory, 1, &marker(day));
    }
    put(&memory, 1, &death("2", None));
    for day in [20_003, 20_002, 19_999, 20_003] {
        put(&memory, 1, &marker(day));
    }
    let figures = run(&memory, StageOptions::default());
    let from = || "feeds.health/1".to_owned();
    let expected = vec![
        (20_000, from(), vec![431_023]),
        (20_001, from(), vec![]),
        (20_002, from(), vec![431_023]),
        (20_003, from(), vec![]),
    ];
    for partition in 0..3 {
        assert_eq!(told(&memory, partition), expected);
    }
    let dead = memory.records("ingest.dead-letters");
    let reasons: Vec<_> =
        dead.iter().map(|one| (header(one, "backstop.reason"), header(one, "__connect.errors.offset"))).collect();
    assert_eq!(reasons, [(Some("invalid_calendar"), Some("5"))], "the day that came too early");
    let shown = ["events", "normalised", "rejected", "markers_rejected"].map(|name| figure(&figures, name));
    assert_eq!(shown, [2, 2, 0, 1]);
}

/// All that the outputs hold.
fn outputs(memory: &Memory) -> Vec<HeldRecord> {
    ["subjects.entries", "ingest.dead-letters"].iter().flat_map(|topic| memory.records(topic)).collect()
}

/// Fills a log with events, garbage and markers.
fn filled() -> Memory {
    let memory = memory();
    for day in 20_000..20_005 {
        for partition in 0..2 {
            put(&memory, partition, &death(&format!("{day}"), (day % 2 == 0).then_some(PERSON)));
            put(&memory, partition, b"garbage");
            put(&memory, partition, &marker(day));
        }
    }
    memory
}

#[test]
fn aborts_and_a_kill_change_nothing() {
    let calm = filled();
    let expected = run(&calm, StageOptions::default());
    let bounds = runtime::worker::Bounds { records: 4, ..runtime::worker::Bounds::default() };

    let aborted = filled();
    let options = StageOptions { bounds, faults: Faults::aborts([0, 2, 3]), ..StageOptions::default() };
    let figures = run(&aborted, options);
    assert_eq!(figures.rows, expected.rows);

    let folder = tempfile::tempdir().expect("a folder");
    let killed = [None, Some(SnapshotSettings::in_turn(folder.path().to_owned()))].map(|snapshots| {
        let killed = filled();
        let mut pipeline = Pipeline::new(&killed);
        pipeline.add(stage(), StageOptions { bounds, snapshots: snapshots.clone(), ..StageOptions::default() });
        pipeline.turn(STAGE, 9).expect("turns");
        pipeline.kill(STAGE);
        let figures = run(&killed, StageOptions { snapshots, ..StageOptions::default() });
        assert_eq!(figures.rows, expected.rows);
        killed
    });

    for memory in [&aborted, &killed[0], &killed[1]] {
        let sorted = |memory: &Memory| {
            let mut all: Vec<_> = outputs(memory)
                .iter()
                .map(|one| {
                    (
                        one.topic().to_owned(),
                        one.partition(),
                        one.key().map(<[u8]>::to_vec),
                        one.value().map(<[u8]>::to_vec),
                    )
                })
                .collect();
            all.sort();
            all
        };
        assert_eq!(sorted(memory), sorted(&calm));
        assert_eq!(memory.latest("ingest.progress"), calm.latest("ingest.progress"));
    }
}
