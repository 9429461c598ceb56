//! alert, stopped for longer than its input keeps every state: on a Kafka of its own, since topics have fixed names and
//! these are compacted at once. It knows of a state no more than its number.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proof::{Running, free_address, page, program, root, succeed, until, variable};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use runtime::stage::Stage;
use schemas::records::HouseholdState;
use schemas::{Hash64, HouseholdCode, codec};

const LIMIT: Duration = Duration::from_mins(1);
const STATES: &str = "households.states";
const CASES: &str = "households.cases";
/// What a service ends with when going on would lose something.
const EXIT_FAULT: i32 = 1;

/// A Kafka that ends with the test.
struct Kafka {
    folder: tempfile::TempDir,
    brokers: String,
}

impl Kafka {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        succeed(Self::xtask("up", folder.path())?.args(["--servers", "kafka", "--empty"]))?;
        let text = std::fs::read_to_string(folder.path().join("stack.json"))?;
        let stack: serde_json::Value = serde_json::from_str(&text)?;
        let brokers = stack["kafka"].as_str().context("the stack has a Kafka")?.to_owned();
        Ok(Self { folder, brokers })
    }

    fn xtask(what: &str, folder: &Path) -> Result<Command> {
        let mut command = Command::new(variable("BACKSTOP_XTASK")?);
        command.current_dir(root()).arg(what).arg("--dir").arg(folder);
        Ok(command)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Runs something that the administrator's client answers later.
    fn admin<R>(&self, run: impl AsyncFnOnce(&AdminClient<DefaultClientContext>) -> Result<R>) -> Result<R> {
        let admin = self.client().create()?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&admin))
    }

    /// Topics of one partition each; where `at_once`, states are compacted as soon as they can be.
    fn create(&self, names: &[&str], at_once: bool) -> Result<()> {
        let mut topics = Vec::new();
        for name in names {
            let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
            let settings = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.0"), ("segment.ms", "1")];
            let settings = settings.into_iter().filter(|_| *name == STATES && at_once);
            topics.push(settings.fold(topic, |topic, (name, value)| topic.set(name, value)));
        }
        self.admin(async |admin| {
            let created = admin.create_topics(&topics, &AdminOptions::new()).await?;
            ensure!(created.iter().all(Result::is_ok), "{created:?}");
            Ok(())
        })
    }

    /// The broker looks for something to compact all the time, not every 15 s.
    fn compact_all_the_time(&self) -> Result<()> {
        self.admin(async |admin| {
            let entries = [("log.cleaner.backoff.ms", "100")].into();
            let change = AlterConfig { specifier: ResourceSpecifier::Broker(1), entries };
            let changed = admin.alter_configs([&change], &AdminOptions::new()).await?;
            ensure!(changed.iter().all(Result::is_ok), "{changed:?}");
            Ok(())
        })
    }

    /// Follows the advice as far as it concerns alert.
    fn delete_topics(&self) -> Result<()> {
        self.admin(async |admin| {
            let options = AdminOptions::new().operation_timeout(Some(LIMIT));
            let deleted = admin.delete_topics(&[STATES, CASES], &options).await?;
            ensure!(deleted.iter().all(Result::is_ok), "{deleted:?}");
            Ok(())
        })
    }

    /// Writes these states of a household, each in a segment of its own.
    fn say(&self, serial: u64, numbers: std::ops::RangeInclusive<i64>) -> Result<()> {
        let producer: BaseProducer = self.client().create()?;
        for number in numbers {
            let state = state(serial, number)?;
            let (key, mut value) = (state.household.digits(), Vec::new());
            codec::encode(&state, &mut value)?;
            let record = BaseRecord::to(STATES).key(&key).payload(&value).partition(0);
            producer.send(record).map_err(|(error, _)| error)?;
            producer.flush(LIMIT)?;
        }
        Ok(())
    }

    /// The numbers of the states that the topic still has of a household.
    fn numbers(&self, serial: u64) -> Result<Vec<i64>> {
        let mut config = self.client();
        config.set("group.id", "look").set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(STATES, 0, Offset::Beginning)?;
        consumer.assign(&list)?;
        let (key, mut numbers) = (state(serial, 1)?.household.digits(), Vec::new());
        loop {
            match consumer.poll(LIMIT).context("states are read")? {
                Ok(message) if message.key() == Some(&key) => {
                    numbers.push(codec::state_number(message.payload().unwrap_or_default())?);
                }
                Ok(_) => {}
                Err(KafkaError::PartitionEOF(_)) => return Ok(numbers),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Up to where alert has read; 0 before it has committed anything.
    fn read(&self) -> Result<i64> {
        let consumer: BaseConsumer = self.client().set("group.id", "alert").create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition(STATES, 0);
        // A coordinator that is just moving answers with an error once or twice.
        let committed = consumer.committed_offsets(list, LIMIT).ok();
        let offset = committed.and_then(|list| list.elements().first()?.offset().to_raw());
        Ok(offset.unwrap_or(0).max(0))
    }

    fn alert(&self, metrics: &str, log: &Path) -> Result<Running> {
        let mut command = program("alert")?;
        command.env("BACKSTOP_KAFKA__BROKERS", &self.brokers).env("BACKSTOP_METRICS__ADDRESS", metrics);
        Running::start(&mut command, log)
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // The test has failed already where this does.
        let _ = Self::xtask("down", self.folder.path()).map(|mut down| down.output());
    }
}

fn state(serial: u64, number: i64) -> Result<HouseholdState> {
    let household = HouseholdCode::from_number(1_311_021_012_050_000 + serial).context("a code")?;
    Ok(HouseholdState {
        number,
        household,
        registered_day: None,
        oldest_month: None,
        classes: Vec::new(),
        members: Vec::new(),
        statuses: Vec::new(),
        provisional_members: 0,
        survey: None,
        sums: Vec::new(),
        evidence: Vec::new(),
        incidents: Vec::new(),
        reversed: Vec::new(),
        source: "health-insurance".into(),
        event: Hash64(1),
    })
}

#[test]
fn alert_that_was_stopped_until_states_were_compacted_ends_and_says_how_to_begin_anew() -> Result<()> {
    let kafka = Kafka::start()?;
    kafka.compact_all_the_time()?;
    let topology = alert::stage().topology().clone();
    let topics = topology.inputs.iter().chain(&topology.outputs).chain(&topology.reference);
    kafka.create(&topics.map(String::as_str).collect::<Vec<_>>(), true)?;
    let (metrics, logs) = (free_address()?, tempfile::tempdir()?);
    kafka.say(1, 1..=2)?;
    let first = kafka.alert(&metrics, &logs.path().join("first"))?;
    until("the first states are read", LIMIT, || Ok(kafka.read()? == 2))?;
    drop(first);
    kafka.say(1, 3..=5)?;
    kafka.say(2, 1..=1)?;
    until("states are compacted", LIMIT, || Ok(kafka.numbers(1)? == [5]))?;

    let log = logs.path().join("second");
    let mut second = kafka.alert(&metrics, &log)?;
    let status = second.end_within(LIMIT)?;
    let said = std::fs::read_to_string(&log)?;
    assert_eq!(status.code(), Some(EXIT_FAULT), "{said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.contains(" ERROR ")).collect();
    let [error] = errors[..] else { anyhow::bail!("one error is enough:\n{said}") };
    for word in ["household 1311021012050001", "state 5", "min.compaction.lag.ms", "backstop setup"] {
        assert!(error.contains(word), "{word} is missing in: {error}");
    }
    assert_eq!(kafka.read()?, 2, "nothing is passed over");

    // As fuse does when it begins anew.
    kafka.delete_topics()?;
    kafka.create(&[STATES, CASES], false)?;
    kafka.say(1, 1..=5)?;
    let _third = kafka.alert(&metrics, &logs.path().join("third"))?;
    until("all states are read", LIMIT, || Ok(kafka.read()? == 5))?;
    assert!(page(&metrics, "/health/ready").is_some_and(|page| page.starts_with("HTTP/1.1 200")));
    Ok(())
}
