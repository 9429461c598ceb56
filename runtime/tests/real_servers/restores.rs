//! Transactions that nobody has decided yet: what a restore waits for, and how a wait is told that takes too long. The
//! guard is `begin_stable` of `runtime/src/kafka/reader.rs`; tests/README.md has the list.

use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use runtime::kafka::{Limits, WorkerSpec, run_worker};

use crate::city::{City, LIMIT, Stopping, until};
use crate::tally::Tally;

/// A transaction of a worker that is dead, which has written one record.
struct Dead(BaseProducer);

impl Dead {
    fn with_open(city: &City, topic: &str, value: &str) -> Self {
        let name = city.topic("dead");
        let producer: BaseProducer = city.client().set("transactional.id", name).create().unwrap();
        producer.init_transactions(LIMIT).unwrap();
        producer.begin_transaction().unwrap();
        let topic = city.topic(topic);
        producer
            .send(BaseRecord::to(&topic).partition(0).key("k0").payload(value))
            .map_err(|(error, _)| error)
            .unwrap();
        producer.flush(LIMIT).unwrap();
        Self(producer)
    }

    /// Adds offsets of the worker's group, whose members it is none of.
    fn with_offsets(self, city: &City, offset: i64) -> Self {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&city.topic("words"), 0, Offset::Offset(offset)).unwrap();
        let member: BaseConsumer = city.client().set("group.id", city.topic("tally")).create().unwrap();
        self.0.send_offsets_to_transaction(&list, &member.group_metadata().unwrap(), LIMIT).unwrap();
        self
    }
}

fn spec(city: &City) -> WorkerSpec {
    let mut spec = city.spec(0);
    let limits = Limits { undecided: Duration::from_millis(100), ..Limits::default() };
    spec.connection = spec.connection.limited(limits);
    spec
}

/// Runs a worker until so many words are said.
fn work_until_said(city: &City, spec: &WorkerSpec, words: usize) {
    thread::scope(|scope| {
        let stopping = Stopping(spec);
        let worker = scope.spawn(|| run_worker(spec, &|| Ok(Tally::new(&city.prefix))));
        until("words are said", || city.said() >= words);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
}

/// Whether the worker says that a transaction holds up the first partition of a topic.
fn is_held_up(city: &City, spec: &WorkerSpec, topic: &str) -> bool {
    let label = format!("topic=\"{}\"", city.topic(topic));
    spec.metrics.text().lines().any(|line| line.starts_with("backstop_undecided_seconds{") && line.contains(&label))
}

#[test]
fn a_restore_waits_until_the_transaction_of_a_dead_worker_is_decided_and_says_so() {
    for (commits, expected) in [(true, "6"), (false, "2")] {
        let city = City::new("undecided", 1);
        city.say_of("k0");
        work_until_said(&city, &city.spec(0), 1);
        let dead = Dead::with_open(&city, "tallies", "5");
        city.say_of("k0");
        let spec = spec(&city);
        thread::scope(|scope| {
            let stopping = Stopping(&spec);
            let worker = scope.spawn(|| run_worker(&spec, &|| Ok(Tally::new(&city.prefix))));
            until("the wait is told", || is_held_up(&city, &spec, "tallies"));
            assert!(!spec.metrics.is_ready());
            assert_eq!(city.said(), 1);
            if commits {
                dead.0.commit_transaction(LIMIT).unwrap();
            } else {
                dead.0.abort_transaction(LIMIT).unwrap();
            }
            until("the second word is counted", || city.said() > 1);
            assert!(!is_held_up(&city, &spec, "tallies"));
            drop(stopping);
            worker.join().unwrap().unwrap();
        });
        let said: Vec<String> = city.committed("said").into_iter().map(|row| row.1).collect();
        assert_eq!(said, ["1", expected], "the transaction is committed: {commits}");
    }
}

/// The client knows nothing of such a wait but that it was long, which is no reason to look at the broker's address.
#[test]
fn offsets_that_an_undecided_transaction_holds_up_are_waited_for_and_told_as_such() {
    let city = City::new("offsets", 1);
    city.say(3, 1);
    let dead = Dead::with_open(&city, "said", "1").with_offsets(&city, 1);
    let mut spec = city.spec(0);
    let limits = Limits { transaction_call: Duration::from_secs(1), ..Limits::default() };
    spec.connection = spec.connection.limited(limits);
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run_worker(&spec, &|| Ok(Tally::new(&city.prefix))));
        until("the wait is told", || spec.metrics.text().contains("topic=\"__consumer_offsets\""));
        assert!(!spec.metrics.is_ready());
        dead.0.commit_transaction(LIMIT).unwrap();
        until("the rest is said", || city.said() >= 3);
        assert!(!spec.metrics.text().contains("__consumer_offsets"), "the wait is over");
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    let said: Vec<String> = city.committed("said").into_iter().map(|row| row.1).collect();
    assert_eq!(said, ["1", "1", "2"], "the dead one has read the first word, and has written no tally of it");
}

#[test]
fn a_transaction_that_holds_up_the_input_is_told_although_no_lag_shows_it() {
    let city = City::new("held-up", 1);
    let spec = spec(&city);
    city.say(10, 1);
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run_worker(&spec, &|| Ok(Tally::new(&city.prefix))));
        until("the first words are said", || city.said() >= 10);
        let dead = Dead::with_open(&city, "words", "word");
        city.say(10, 1);
        until("the wait is told", || is_held_up(&city, &spec, "words"));
        assert_eq!(city.said(), 10);
        dead.0.commit_transaction(LIMIT).unwrap();
        until("all is said", || city.said() >= 21);
        until("the wait is over", || !is_held_up(&city, &spec, "words"));
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    city.assert_counted_once(21, 1);
}
