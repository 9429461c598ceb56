//! The archive on a real ClickHouse: killed, replayed, kept waiting.

use runtime::archive::{self, ArchivePlan, Intent, Mode, RowMapper};
use runtime::config::ClickHouseSettings;
use runtime::kafka::WorkerSpec;
use runtime::stage::Record;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::city::{City, LIMIT, address, runtime, until};

const PARTITIONS: i32 = 2;

struct Words {
    topic: String,
}

impl RowMapper for Words {
    fn table(&self) -> &'static str {
        "words"
    }

    fn topics(&self) -> Vec<String> {
        vec![self.topic.clone()]
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let key = String::from_utf8_lossy(record.key.unwrap_or_default());
        lines.extend_from_slice(format!("{{\"key\":\"{key}\"}}\n").as_bytes());
        Ok(())
    }
}

/// A database of a city's own.
struct Database {
    client: clickhouse::Client,
    runtime: tokio::runtime::Runtime,
}

impl Database {
    fn new(city: &City) -> Self {
        let name = database_of(city);
        let client = clickhouse::Client::default().with_url(address("BACKSTOP_CLICKHOUSE"));
        let runtime = runtime();
        runtime.block_on(client.query(&format!("CREATE DATABASE `{name}`")).execute()).unwrap();
        Self { client: client.with_database(name), runtime }
    }

    fn create_table(&self) {
        let sql = "CREATE TABLE words (key String, _topic LowCardinality(String), _partition Int32, _offset Int64)
                   ENGINE = MergeTree ORDER BY (_topic, _partition, _offset)
                   SETTINGS non_replicated_deduplication_window = 10000";
        self.runtime.block_on(self.client.query(sql).execute()).unwrap();
    }

    /// Rows, and distinct rows.
    fn rows(&self) -> (u64, u64) {
        let sql = "SELECT count(), uniqExact(_topic, _partition, _offset) FROM words";
        self.runtime.block_on(self.client.query(sql).fetch_one()).unwrap()
    }
}

impl Database {
    /// Lets the table take rows only while so many bytes are free on its disk: with more than any disk has, an insert
    /// fails as it does on a full one, by the same check.
    fn ask_for_free_bytes(&self, bytes: u64) {
        let sql = format!("ALTER TABLE words MODIFY SETTING min_free_disk_bytes_to_perform_insert = {bytes}");
        self.runtime.block_on(self.client.query(&sql).execute()).unwrap();
    }

    fn rows_within(&self, partition: usize, intent: &Intent) -> u64 {
        let Intent { from, to, .. } = intent;
        let sql =
            format!("SELECT count() FROM words WHERE _partition = {partition} AND _offset BETWEEN {from} AND {to}");
        self.runtime.block_on(self.client.query(&sql).fetch_one()).unwrap()
    }
}

fn database_of(city: &City) -> String {
    city.prefix.replace('-', "_")
}

fn plan(city: &City) -> ArchivePlan {
    ArchivePlan {
        group: Box::leak(city.topic("archive").into_boxed_str()),
        mode: Mode::Intents { schema: 1 },
        mappers: vec![Box::new(Words { topic: city.topic("words") })],
    }
}

fn run_archive(city: &City, spec: &WorkerSpec, url: &str) {
    run_archive_as(city, spec, ClickHouseSettings { url: url.to_owned(), ..ClickHouseSettings::default() });
}

fn run_archive_as(city: &City, spec: &WorkerSpec, settings: ClickHouseSettings) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = ClickHouseSettings { database: database_of(city), ..settings };
    archive::run(spec, &settings, tokio.handle(), &plan(city)).unwrap();
}

/// Whether the archive says that it waits for ClickHouse; nothing before it has said either.
fn waits(spec: &WorkerSpec) -> Option<bool> {
    let text = spec.metrics.text();
    let line = text.lines().find(|line| line.starts_with("backstop_waiting{") && line.contains("what=\"clickhouse\""));
    line.map(|line| line.ends_with(" 1"))
}

/// Inserts of an outcome.
fn inserts(spec: &WorkerSpec, outcome: &str) -> u64 {
    let (text, label) = (spec.metrics.text(), format!("outcome=\"{outcome}\""));
    let line = text.lines().find(|line| line.starts_with("backstop_archive_inserts_total{") && line.contains(&label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Not a test by itself: the archive process that the tests below start and kill.
#[test]
fn an_archive_process() {
    if let Some(city) = City::of_parent(PARTITIONS) {
        run_archive(&city, &city.spec(0), &std::env::var("BACKSTOP_TEST_ADDRESS").unwrap());
    }
}

/// What the archive's group has committed: offset and metadata of each partition.
fn committed(city: &City) -> Vec<(i64, String)> {
    let consumer: BaseConsumer = city.client().set("group.id", city.topic("archive")).create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition(&city.topic("words"), partition);
    }
    // A coordinator that is just moving answers with an error once or twice.
    let mut found = None;
    until("the group's offsets are told", || {
        found = consumer.committed_offsets(list.clone(), LIMIT).ok();
        found.is_some()
    });
    let list = found.unwrap();
    list.elements().iter().map(|row| (row.offset().to_raw().unwrap_or(-1), row.metadata().to_owned())).collect()
}

fn commit(city: &City, rows: &[(i64, String)]) {
    let consumer: BaseConsumer = city.client().set("group.id", city.topic("archive")).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, (offset, metadata)) in rows.iter().enumerate() {
        let mut row = list.add_partition(&city.topic("words"), partition as i32);
        row.set_offset(Offset::Offset(*offset)).unwrap();
        row.set_metadata(metadata);
    }
    // The killed member is in the group until its session times out, and no other may commit so long.
    until("the group lets its offsets be set", || consumer.commit(&list, CommitMode::Sync).is_ok());
}

fn is_done(city: &City, words: i64) -> bool {
    let rows = committed(city);
    rows.iter().all(|(_, metadata)| metadata.is_empty()) && rows.iter().map(|row| row.0.max(0)).sum::<i64>() >= words
}

#[test]
fn every_record_is_archived_once_although_the_archive_is_killed_again_and_again() {
    let city = City::new("archived", PARTITIONS);
    let database = Database::new(&city);
    database.create_table();
    let url = address("BACKSTOP_CLICKHOUSE");
    for round in 1..=5 {
        city.say(2_000, 40);
        let mut process = city.spawn("archive::an_archive_process", &url);
        until("something of the round is archived", || database.rows().0 > (round - 1) * 2_000);
        process.kill();
    }
    let _process = city.spawn("archive::an_archive_process", &url);
    until("all is archived", || is_done(&city, 10_000));
    assert_eq!(database.rows(), (10_000, 10_000));
}

#[test]
fn a_recorded_intent_is_replayed_and_an_insert_that_was_done_counts_once() {
    let city = City::new("replayed", PARTITIONS);
    let database = Database::new(&city);
    database.create_table();
    city.say(500, 40);
    let mut process = city.spawn("archive::an_archive_process", "http://127.0.0.1:1");
    until("an intent is recorded", || committed(&city).iter().any(|(_, metadata)| !metadata.is_empty()));
    process.kill();
    let before = committed(&city);
    let intent: Intent = before.iter().find_map(|(_, metadata)| metadata.parse().ok()).unwrap();
    assert_eq!((intent.from, intent.schema), (0, 1));
    let url = address("BACKSTOP_CLICKHOUSE");
    let mut process = city.spawn("archive::an_archive_process", &url);
    until("all is archived", || is_done(&city, 500));
    process.kill();
    assert_eq!(database.rows(), (500, 500));
    // As if the process had died between the insert and the commit: the same intent stands there again.
    let done = committed(&city);
    let again: Vec<_> =
        before.iter().zip(&done).map(|(old, new)| if old.1.is_empty() { new.clone() } else { old.clone() }).collect();
    commit(&city, &again);
    // Whoever reads on from there inserts more at once, which the table has not seen under that token.
    city.say(500, 40);
    let mut process = city.spawn("archive::an_archive_process", &url);
    until("all is archived", || is_done(&city, 1_000));
    process.kill();
    assert_eq!(database.rows(), (1_000, 1_000));
    for (partition, (_, metadata)) in before.iter().enumerate().filter(|(_, row)| !row.1.is_empty()) {
        let intent: Intent = metadata.parse().unwrap();
        let expected = (intent.to - intent.from + 1) as u64;
        assert_eq!(database.rows_within(partition, &intent), expected, "rows of {intent}");
    }
}

#[test]
fn a_clickhouse_without_the_table_is_waited_for_and_a_metric_says_so() {
    let city = City::new("waited", PARTITIONS);
    let database = Database::new(&city);
    city.say(300, 10);
    let spec = city.spec(0);
    std::thread::scope(|scope| {
        scope.spawn(|| run_archive(&city, &spec, &address("BACKSTOP_CLICKHOUSE")));
        until("the wait is visible", || waits(&spec) == Some(true));
        database.create_table();
        until("all is archived", || is_done(&city, 300));
        until("the wait is over", || waits(&spec) == Some(false));
        spec.stop.request();
    });
    assert_eq!(database.rows(), (300, 300));
}

#[test]
fn a_clickhouse_that_is_full_is_waited_for_and_a_metric_says_so() {
    let city = City::new("full", PARTITIONS);
    let database = Database::new(&city);
    database.create_table();
    city.say(300, 10);
    let spec = city.spec(0);
    std::thread::scope(|scope| {
        scope.spawn(|| run_archive(&city, &spec, &address("BACKSTOP_CLICKHOUSE")));
        until("the first words are archived", || is_done(&city, 300));
        database.ask_for_free_bytes(u64::MAX / 2);
        city.say(300, 10);
        until("the wait is visible", || waits(&spec) == Some(true));
        city.say(300, 10);
        let failed = inserts(&spec, "failed");
        until("it tries again", || inserts(&spec, "failed") > failed + 1);
        assert_eq!(database.rows(), (300, 300), "a full ClickHouse takes nothing");
        database.ask_for_free_bytes(0);
        until("all is archived", || is_done(&city, 900));
        until("the wait is over", || waits(&spec) == Some(false));
        spec.stop.request();
    });
    assert_eq!(database.rows(), (900, 900));
}

#[test]
fn a_clickhouse_that_refuses_the_user_is_waited_for_and_a_metric_says_so() {
    let city = City::new("refused", PARTITIONS);
    let database = Database::new(&city);
    database.create_table();
    city.say(100, 10);
    let (spec, url) = (city.spec(0), address("BACKSTOP_CLICKHOUSE"));
    std::thread::scope(|scope| {
        let settings = ClickHouseSettings { url, user: "nobody".to_owned(), ..ClickHouseSettings::default() };
        scope.spawn(|| run_archive_as(&city, &spec, settings));
        until("the wait is visible", || waits(&spec) == Some(true));
        spec.stop.request();
    });
    assert_eq!(database.rows(), (0, 0));
    let spec = city.spec(0);
    std::thread::scope(|scope| {
        scope.spawn(|| run_archive(&city, &spec, &address("BACKSTOP_CLICKHOUSE")));
        until("all is archived", || is_done(&city, 100));
        spec.stop.request();
    });
    assert_eq!(database.rows(), (100, 100));
}
