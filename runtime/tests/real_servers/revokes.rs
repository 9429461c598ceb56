//! Partitions that are taken away in the middle of a transaction, and workers that go on without knowing it. The guards
//! are `revoked` of the loop and the membership that a commit names; tests/README.md has the list.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use runtime::kafka::{KafkaLog, Limits, run_worker};
use runtime::stage::Stage;
use runtime::worker::{Bounds, Happened, Observer, Settings, Turn, Worker, WorkerError};

use crate::city::{City, Stopping, address, owns, until};
use crate::tally::Tally;
use crate::wire::leave_group;

const PARTITIONS: i32 = 3;
/// So many that a part of them is published before the transaction closes.
const WORDS: usize = 9_000;
const KEYS: usize = 30;

/// Why transactions were aborted.
#[derive(Clone, Debug, Default)]
struct Aborts(Arc<Mutex<Vec<String>>>);

impl Observer for Aborts {
    fn happened(&mut self, what: &Happened<'_>) {
        if let Happened::Aborted(why) = what {
            self.0.lock().unwrap().push((*why).to_owned());
        }
    }
}

impl Aborts {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A worker that commits only when it is told to, or must.
struct Slow {
    worker: Worker<Tally, KafkaLog>,
    aborts: Aborts,
}

impl Slow {
    /// It has applied every word and committed none.
    fn with_all_words_open(city: &City) -> Self {
        city.say(WORDS, KEYS);
        let (stage, aborts) = (Tally::new(&city.prefix), Aborts::default());
        let mut spec = city.spec(0);
        // Not to be aborted for its age while the test looks at something else.
        let [transaction, transaction_call] = [120, 125].map(Duration::from_secs);
        spec.connection = spec.connection.limited(Limits { transaction, transaction_call, ..Limits::default() });
        let log = KafkaLog::open(&spec, stage.topology()).unwrap();
        let settings = Settings {
            bounds: Bounds { records: 1 << 40, bytes: 1 << 40, time: None, ..Bounds::default() },
            figures_every: None,
        };
        let mut slow = Self { worker: Worker::new(stage, log, settings, Box::new(aborts.clone())), aborts };
        slow.apply_all();
        until("a part is published", || city.open_partitions("said") > 0);
        assert_eq!(city.said(), 0);
        slow
    }

    /// Turns until nothing comes at once, and no longer than a moment.
    fn turn(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(200)
            && self.worker.turn(Duration::from_millis(5)).unwrap() == Turn::Worked
        {}
    }

    fn applied(&self) -> usize {
        self.worker.figures().rows.iter().map(|row| row.2 as usize).sum()
    }

    fn apply_all(&mut self) {
        until("every word is applied", || {
            self.turn();
            self.applied() >= WORDS
        });
    }
}

/// The name under which the slow worker is a member.
fn instance(city: &City) -> String {
    city.topic("tally-0-0")
}

#[test]
fn what_a_partition_was_told_is_committed_before_it_is_given_back() {
    let city = City::new("given-back", PARTITIONS);
    let mut slow = Slow::with_all_words_open(&city);
    let other = city.spec(1);
    thread::scope(|scope| {
        let stopping = Stopping(&other);
        let run = scope.spawn(|| run_worker(&other, &|| Ok(Tally::new(&city.prefix))));
        until("the other worker owns something", || {
            slow.turn();
            owns(&other)
        });
        assert_eq!(city.said(), WORDS, "all that was open is committed");
        city.say(WORDS, KEYS);
        until("all is said", || {
            slow.turn();
            slow.worker.close().unwrap();
            city.said() >= 2 * WORDS
        });
        drop(stopping);
        run.join().unwrap().unwrap();
    });
    assert_eq!(slow.aborts.told(), [""; 0]);
    city.assert_counted_once(2 * WORDS, KEYS);
}

#[test]
fn what_a_lost_partition_was_told_is_undone() {
    let city = City::new("lost", PARTITIONS);
    let mut slow = Slow::with_all_words_open(&city);
    leave_group(&address("BACKSTOP_KAFKA"), &city.topic("tally"), &instance(&city));
    until("the loss is seen", || {
        slow.turn();
        !slow.aborts.told().is_empty()
    });
    assert_eq!(slow.aborts.told(), ["partitions were lost to another worker"]);
    assert_eq!(city.said(), 0);
    slow.apply_all();
    slow.worker.close().unwrap();
    city.assert_counted_once(WORDS, KEYS);
}

#[test]
fn a_commit_of_a_worker_whose_partitions_another_one_has_is_refused() {
    let city = City::new("outdated", PARTITIONS);
    let mut slow = Slow::with_all_words_open(&city);
    leave_group(&address("BACKSTOP_KAFKA"), &city.topic("tally"), &instance(&city));
    let other = city.spec(1);
    thread::scope(|scope| {
        let stopping = Stopping(&other);
        let run = scope.spawn(|| run_worker(&other, &|| Ok(Tally::new(&city.prefix))));
        // What it says cannot be seen yet: the open transaction is before it.
        until("the other worker has said everything", || city.read() >= WORDS as i64);
        assert!(city.open_partitions("said") > 0, "the slow one's transaction is open");
        // Nobody has told the slow one: it was not polled.
        slow.worker.close().unwrap();
        let aborts = slow.aborts.told();
        assert!(aborts.len() == 1 && aborts[0].contains("Unknown member"), "{aborts:?}");
        drop(stopping);
        run.join().unwrap().unwrap();
    });
    city.assert_counted_once(WORDS, KEYS);
}

#[test]
fn a_commit_of_a_worker_that_another_one_of_its_name_has_replaced_is_refused() {
    let city = City::new("replaced", PARTITIONS);
    let mut slow = Slow::with_all_words_open(&city);
    let other = city.spec(0);
    thread::scope(|scope| {
        let stopping = Stopping(&other);
        let run = scope.spawn(|| run_worker(&other, &|| Ok(Tally::new(&city.prefix))));
        until("the other worker has said everything", || city.said() >= WORDS);
        let closed = slow.worker.close();
        assert!(matches!(&closed, Err(WorkerError::Rebuild(_))), "{closed:?}");
        drop(stopping);
        run.join().unwrap().unwrap();
    });
    city.assert_counted_once(WORDS, KEYS);
}
