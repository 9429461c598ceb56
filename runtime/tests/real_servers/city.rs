//! Topics of their own for each test, words in them, and what a stage has said about them.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use runtime::config::{KafkaSettings, WorkerSettings};
use runtime::kafka::{Connection, Stop, WorkerSpec};
use runtime::partitioner::partition_of;
use runtime::telemetry::Metrics;

/// How long anything in these tests may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// The address of a server, from the environment.
pub(crate) fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} must name a running server: `cargo xtask up` starts one, `cargo xtask test` does it all")
    })
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let (started, pause) = (Instant::now(), Stop::default());
    while !holds() {
        assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        pause.wait(Duration::from_millis(20));
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a worker in this process is run with.
pub(crate) fn spec(brokers: &str, index: u32) -> WorkerSpec {
    let kafka = KafkaSettings { brokers: brokers.to_owned(), ..KafkaSettings::default() };
    let connection = Connection::new(&kafka).unwrap();
    let settings = WorkerSettings { transaction_records: 40, ..WorkerSettings::default() };
    let metrics = Arc::new(Metrics::new().unwrap());
    WorkerSpec::new(settings, connection, metrics, Arc::new(Stop::default())).unwrap().numbered(index)
}

/// Whether a worker has a partition that is ready.
pub(crate) fn owns(spec: &WorkerSpec) -> bool {
    let text = spec.metrics.text();
    text.lines().any(|line| line.contains("phase=\"running\"") && !line.ends_with(" 0"))
}

/// How often a worker was thrown away and built anew.
pub(crate) fn rebuilds(spec: &WorkerSpec) -> u64 {
    let text = spec.metrics.text();
    let line = text.lines().find(|line| line.starts_with("backstop_worker_rebuilds_total{"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Asks a worker to stop when the test is over, however it ends: the worker's thread is waited for.
pub(crate) struct Stopping<'a>(pub(crate) &'a WorkerSpec);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop.request();
    }
}

/// What each test has a topic for.
const TOPICS: [&str; 4] = ["words", "said", "tallies", "rules"];

/// Topics of one test.
pub(crate) struct City {
    pub(crate) prefix: String,
    pub(crate) partitions: i32,
    brokers: String,
}

impl City {
    pub(crate) fn new(name: &str, partitions: i32) -> Self {
        let brokers = address("BACKSTOP_KAFKA");
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let city = Self { prefix: format!("{name}-{}-", since.as_nanos()), partitions, brokers };
        city.create_topics();
        city
    }

    /// Deletes all topics and makes them anew, under the same names.
    pub(crate) fn begin_anew(&self) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let names = TOPICS.map(|what| self.topic(what));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let deleted = runtime().block_on(admin.delete_topics(&names, &AdminOptions::new())).unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        let consumer: BaseConsumer = self.client().create().unwrap();
        until("the topics are gone", || {
            let metadata = consumer.fetch_metadata(None, LIMIT).unwrap();
            metadata.topics().iter().all(|topic| !names.contains(&topic.name()))
        });
        self.create_topics();
    }

    fn create_topics(&self) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let names = TOPICS.map(|what| self.topic(what));
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| {
                let topic = NewTopic::new(
                    name,
                    if name.ends_with("rules") { 1 } else { self.partitions },
                    TopicReplication::Fixed(1),
                );
                if name.ends_with("tallies") { topic.set("cleanup.policy", "compact") } else { topic }
            })
            .collect();
        let created = runtime().block_on(admin.create_topics(&topics, &AdminOptions::new())).unwrap();
        assert!(created.iter().all(Result::is_ok), "{created:?}");
    }

    pub(crate) fn topic(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Says so many words, evenly over the keys `k0` to `k<keys - 1>`.
    pub(crate) fn say(&self, words: usize, keys: usize) {
        let producer: BaseProducer = self.client().create().unwrap();
        let topic = self.topic("words");
        for word in 0..words {
            let key = format!("k{}", word % keys);
            let record = BaseRecord::to(&topic).key(&key).payload("word");
            let record = record.partition(partition_of(key.as_bytes(), self.partitions));
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }

    /// Says one word of a key, in the first partition.
    pub(crate) fn say_of(&self, key: &str) {
        let producer: BaseProducer = self.client().create().unwrap();
        let topic = self.topic("words");
        let record = BaseRecord::to(&topic).key(key).payload("word").partition(0);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(LIMIT).unwrap();
    }

    /// How many records are said and committed.
    pub(crate) fn said(&self) -> usize {
        self.committed("said").len()
    }

    /// Up to where the workers have committed what they read, all partitions together.
    pub(crate) fn read(&self) -> i64 {
        let consumer: BaseConsumer = self.client().set("group.id", self.topic("tally")).create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition(&self.topic("words"), partition);
        }
        // A coordinator that is just moving answers with an error once or twice.
        let committed = consumer.committed_offsets(list, LIMIT).ok();
        let offsets = committed.iter().flat_map(TopicPartitionList::elements);
        offsets.filter_map(|row| row.offset().to_raw()).map(|offset| offset.max(0)).sum()
    }

    /// In how many partitions of a topic a transaction is open.
    pub(crate) fn open_partitions(&self, what: &str) -> usize {
        let ends = ["read_committed", "read_uncommitted"].map(|isolation| {
            let mut config = self.client();
            let client: BaseConsumer = config.set("isolation.level", isolation).create().unwrap();
            let end = |partition| client.fetch_watermarks(&self.topic(what), partition, LIMIT).unwrap().1;
            (0..self.partitions).map(end).collect::<Vec<_>>()
        });
        // The stable ends are asked for first, so that what is open at the end was open in between.
        ends[0].iter().zip(&ends[1]).filter(|(stable, end)| stable < end).count()
    }

    /// Every committed record of a topic, in the order of each partition.
    pub(crate) fn committed(&self, what: &str) -> Vec<(String, String)> {
        let mut config = self.client();
        config.set("group.id", self.topic("check")).set("isolation.level", "read_committed");
        // An end is told with an answer that holds nothing, for which the broker waits so long.
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "5");
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(&self.topic(what), partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut records, mut ended, started) = (Vec::new(), 0, Instant::now());
        while ended < self.partitions {
            assert!(started.elapsed() < LIMIT, "{what} was not read to its end");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                    records.push((text(message.key()), text(message.payload())));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
        records
    }

    /// That for each key the counts 1, 2, 3 and so on were said, each once and in order, and stand in the changelog.
    pub(crate) fn assert_counted_once(&self, words: usize, keys: usize) {
        let mut said: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (key, value) in self.committed("said") {
            said.entry(key).or_default().push(value.parse().unwrap());
        }
        let tallies: BTreeMap<String, String> = self.committed("tallies").into_iter().collect();
        for key in 0..keys {
            let expected: Vec<usize> = (1..=words / keys + usize::from(key < words % keys)).collect();
            let key = format!("k{key}");
            assert_eq!(said.remove(&key).unwrap_or_default(), expected, "what was said of {key}");
            assert_eq!(tallies.get(&key), Some(&expected.len().to_string()), "the tally of {key}");
        }
        assert!(said.is_empty());
    }

    /// What a worker in this process is run with.
    pub(crate) fn spec(&self, index: u32) -> WorkerSpec {
        spec(&self.brokers, index)
    }

    /// A worker in a process of its own, which can be killed.
    pub(crate) fn spawn_worker(&self) -> Process {
        self.spawn("worker::a_worker_process", "")
    }

    /// The test `test` of this binary as a process of its own, which is handed an address.
    pub(crate) fn spawn(&self, test: &str, address: &str) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).stdout(Stdio::null());
        command.env("BACKSTOP_TEST_CITY", &self.prefix).env("BACKSTOP_TEST_ADDRESS", address);
        Process(command.spawn().unwrap())
    }

    /// The city of the process that started this one; none where this one is the test run itself.
    pub(crate) fn of_parent(partitions: i32) -> Option<Self> {
        let prefix = std::env::var("BACKSTOP_TEST_CITY").ok()?;
        Some(Self { prefix, partitions, brokers: address("BACKSTOP_KAFKA") })
    }
}

/// A process that dies with its handle, by SIGKILL.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end by itself.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
