//! A group whose members come and go: every partition must have a worker in the end.

use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use runtime::kafka::{KafkaLog, Limits, WorkerSpec, run_worker};
use runtime::stage::Stage;
use runtime::worker::{Settings, Unobserved, Worker, WorkerError};

use crate::city::{City, LIMIT, Stopping, address, owns, rebuilds, spec, until};
use crate::faulty::Faulty;
use crate::tally::Tally;
use crate::wire::{Fate, TXN_OFFSET_COMMIT, Wire};

const PARTITIONS: i32 = 2;
const WORDS: usize = 1_000;
const KEYS: usize = 20;

/// A worker of the city that soon takes partitions without a worker for what they are.
fn impatient(city: &City, index: u32) -> WorkerSpec {
    let mut spec = city.spec(index);
    spec.connection = spec.connection.limited(Limits { unassigned: Duration::from_secs(1), ..Limits::default() });
    spec
}

#[test]
fn a_partition_that_a_worker_let_go_of_when_it_ended_is_given_out_again() {
    let city = City::new("let-go", PARTITIONS);
    let stage = Tally::new(&city.prefix);
    let log = KafkaLog::open(&impatient(&city, 0), stage.topology()).unwrap();
    let log = Faulty { log, every: 0, commits: 0, breaks_when_revoked: true };
    let mut worker = Worker::new(stage, log, Settings::default(), Box::new(Unobserved));
    until("the first worker owns everything", || {
        worker.turn(Duration::from_millis(20)).unwrap();
        worker.positions().len() == PARTITIONS as usize
    });
    let specs = [impatient(&city, 0), impatient(&city, 1)];
    thread::scope(|scope| {
        let _stopping = specs.each_ref().map(Stopping);
        scope.spawn(|| run_worker(&specs[1], &|| Ok(Tally::new(&city.prefix))).unwrap());
        let mut ended = None;
        until("a partition is taken back", || {
            ended = worker.turn(Duration::from_millis(20)).err();
            ended.is_some()
        });
        assert!(matches!(&ended, Some(WorkerError::Rebuild(_))), "{ended:?}");
        // The group waits for it to join again; instead it ends, and another one of its name comes.
        drop(worker);
        scope.spawn(|| run_worker(&specs[0], &|| Ok(Tally::new(&city.prefix))).unwrap());
        city.say(WORDS, KEYS);
        until("all is said", || city.said() >= WORDS);
        until("both own something", || specs.iter().all(owns));
    });
    city.assert_counted_once(WORDS, KEYS);
}

/// How many members the group of the city's workers has, while it is at rest.
fn members_at_rest(city: &City) -> Option<usize> {
    let client: BaseConsumer = city.client().create().unwrap();
    let list = client.fetch_group_list(Some(&city.topic("tally")), LIMIT).unwrap();
    list.groups().iter().find(|group| group.state() == "Stable").map(|group| group.members().len())
}

#[test]
fn a_commit_that_a_rebalance_overtakes_is_done_again_by_a_worker_that_stays_in_its_group() {
    let city = City::new("overtaken", PARTITIONS);
    let wire = Wire::to(&address("BACKSTOP_KAFKA"), TXN_OFFSET_COMMIT);
    let specs = [spec(&wire.address, 0), city.spec(1)];
    thread::scope(|scope| {
        let _stopping = specs.each_ref().map(Stopping);
        scope.spawn(|| run_worker(&specs[0], &|| Ok(Tally::new(&city.prefix))).unwrap());
        city.say(WORDS, KEYS);
        until("the first worker has begun", || city.said() >= WORDS);
        wire.set(Fate::RequestLate);
        city.say(WORDS, KEYS);
        // More than one transaction takes: the worker goes on with the next one meanwhile.
        until("a commit is on its way", || wire.held() > 0);
        scope.spawn(|| run_worker(&specs[1], &|| Ok(Tally::new(&city.prefix))).unwrap());
        until("the group has a new generation", || members_at_rest(&city) == Some(2));
        wire.set(Fate::Whole);
        assert_eq!(wire.release(), 1);
        until("all is said", || city.said() >= 2 * WORDS);
        until("both own something", || specs.iter().all(owns));
        let text = specs[0].metrics.text();
        let aborted =
            text.lines().find(|line| line.starts_with("backstop_transactions_total{") && line.contains("aborted"));
        assert!(aborted.is_some_and(|line| line.ends_with(" 1")), "{aborted:?}");
        assert_eq!(rebuilds(&specs[0]), 0);
    });
    city.assert_counted_once(2 * WORDS, KEYS);
}
