//! Commits that end otherwise than they should: unknown, fenced, too late, too large, with a full queue. The guards are
//! those of `runtime/src/kafka/log.rs`; tests/README.md has the list.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use runtime::kafka::{Limits, WorkerFault, WorkerSpec, run_worker};

use crate::city::{City, Stopping, address, rebuilds, runtime, spec, until};
use crate::tally::Tally;
use crate::wire::{END_TXN, Fate, Wire};

const PARTITIONS: i32 = 3;

fn limited(mut spec: WorkerSpec, limits: Limits) -> WorkerSpec {
    spec.connection = spec.connection.limited(limits);
    spec
}

fn run(city: &City, spec: &WorkerSpec) -> Result<(), WorkerFault> {
    run_worker(spec, &|| Ok(Tally::new(&city.prefix)))
}

/// Limits within which a test can wait for what is beyond them.
fn short() -> Limits {
    let [delivery, transaction, transaction_call] = [800, 1_200, 2_000].map(Duration::from_millis);
    Limits { transaction, delivery, transaction_call, ..Limits::default() }
}

/// A worker is thrown away whether its commit was done or not, and whatever it guesses would be wrong in one of these;
/// a request that comes late must not decide the next transaction.
#[test]
fn what_became_of_a_commit_without_an_answer_is_taken_from_the_log_by_a_worker_built_anew() {
    thread::scope(|scope| {
        for fate in [Fate::RequestLost, Fate::AnswerLost, Fate::RequestLate] {
            scope.spawn(move || commit_without_an_answer(fate));
        }
    });
}

fn commit_without_an_answer(fate: Fate) {
    let city = City::new(&format!("unknown-{}", fate as u8), PARTITIONS);
    let wire = Wire::to(&address("BACKSTOP_KAFKA"), END_TXN);
    let spec = limited(spec(&wire.address, 0), short());
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        city.say(300, 10);
        until("the worker has begun", || city.said() >= 300);
        wire.set(fate);
        city.say(300, 10);
        until("the worker is thrown away", || rebuilds(&spec) > 0);
        wire.set(Fate::Whole);
        until("the next one gets on", || city.said() >= 600);
        assert_eq!(wire.release() > 0, fate == Fate::RequestLate);
        city.say(300, 10);
        until("all is said", || city.said() >= 900);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    city.assert_counted_once(900, 10);
}

#[test]
fn a_full_queue_is_waited_for_and_nothing_is_lost() {
    let city = City::new("queue", PARTITIONS);
    city.say(400, 10);
    let spec = limited(city.spec(0), Limits { queue_records: 10, ..Limits::default() });
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        until("all is said", || city.said() >= 400 || worker.is_finished() || rebuilds(&spec) > 0);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    assert_eq!(rebuilds(&spec), 0, "a full queue is no fault");
    city.assert_counted_once(400, 10);
}

#[test]
fn a_transaction_that_outlives_its_timeout_is_done_again_from_the_committed_offsets() {
    let city = City::new("outlived", PARTITIONS);
    let mut spec = limited(city.spec(0), short());
    // So much that a part of it is sent before the transaction closes, which then waits for more.
    (spec.settings.transaction_ms, spec.settings.transaction_records) = (600_000, 20_500);
    city.say(20_000, 50);
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        until("a transaction is open", || city.open_partitions("said") > 0);
        until("the broker has given it up", || city.open_partitions("said") == 0);
        assert_eq!(city.said(), 0);
        city.say(1_000, 50);
        until("it is done again", || city.said() >= 20_500);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    let spec = city.spec(0);
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        until("the rest is said", || city.said() >= 21_000);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    city.assert_counted_once(21_000, 50);
}

/// A key that does not get smaller when it is compressed.
fn long_key() -> String {
    let mut state = 1_u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + ((state >> 33) % 64) as u8)
    };
    (0..6_000).map(letter).collect()
}

fn set_record_limit(city: &City, bytes: &str) {
    let admin: AdminClient<DefaultClientContext> = city.client().create().unwrap();
    let topic = city.topic("said");
    let entries = [("max.message.bytes", bytes)].into();
    let change = AlterConfig { specifier: ResourceSpecifier::Topic(&topic), entries };
    let changed = runtime().block_on(admin.alter_configs([&change], &AdminOptions::new())).unwrap();
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
}

/// Both limits of a record: the worker's own, and that of the topic.
#[test]
fn a_record_that_is_too_large_ends_the_worker_with_the_setting_to_raise_and_comes_after_that() {
    thread::scope(|scope| {
        scope.spawn(|| record_too_large("large-own", 1_000, "1048588", "worker.record_bytes_max"));
        scope.spawn(|| record_too_large("large-topic", 1_000_000, "2000", "max.message.bytes"));
    });
}

fn record_too_large(name: &str, own_bytes: usize, topic_bytes: &str, setting: &str) {
    let (city, long) = (City::new(name, 1), long_key());
    for key in ["k0", "k0", &long, "k0"] {
        city.say_of(key);
    }
    set_record_limit(&city, topic_bytes);
    let mut spec = city.spec(0);
    (spec.settings.record_bytes_max, spec.settings.transaction_records) = (own_bytes, 1);
    let fault = thread::scope(|scope| {
        let _stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        until("the worker ends", || worker.is_finished());
        worker.join().unwrap().expect_err(setting)
    });
    let what = &fault.what;
    let bytes = (long.len() + 1).to_string();
    assert!(what.contains(setting) && what.contains(&city.topic("said")) && what.contains(&bytes), "{what}");
    assert!(!what.contains('\n') && !what.contains(&long[..100]), "{what}");
    assert_eq!((city.said(), rebuilds(&spec)), (2, 0), "{setting}");

    set_record_limit(&city, "1048588");
    let spec = city.spec(0);
    thread::scope(|scope| {
        let stopping = Stopping(&spec);
        let worker = scope.spawn(|| run(&city, &spec));
        until("the rest is said", || city.said() >= 4);
        drop(stopping);
        worker.join().unwrap().unwrap();
    });
    let said: BTreeMap<String, String> = city.committed("said").into_iter().collect();
    assert_eq!((said["k0"].as_str(), said[&long].as_str(), city.said()), ("3", "1", 4));
}
