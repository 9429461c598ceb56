//! The loop on Kafka: killed, aborted, rebalanced, fenced, without a broker.

use std::sync::Arc;
use std::time::Duration;

use runtime::kafka::{KafkaLog, run_worker};
use runtime::stage::Stage;
use runtime::worker::{Bounds, Settings, Unobserved, Worker};

use crate::city::{City, Process, owns, spec, until};
use crate::faulty::Faulty;
use crate::tally::Tally;

const PARTITIONS: i32 = 3;

/// Not a test by itself: the worker process that the tests below start and kill. In the test run it has no parent
/// and does nothing.
#[test]
fn a_worker_process() {
    if let Some(city) = City::of_parent(PARTITIONS) {
        run_worker(&city.spec(0), &|| Ok(Tally::new(&city.prefix))).unwrap();
    }
}

#[test]
fn every_record_counts_once_although_the_worker_is_killed_again_and_again() {
    let city = City::new("killed", PARTITIONS);
    city.say(6_000, 50);
    let mut goal = 0;
    while goal < 5_000 {
        let mut worker: Process = city.spawn_worker();
        goal = city.said() + 700;
        until("the worker gets on", || city.said() >= goal.min(6_000));
        worker.kill();
    }
    city.say(50, 50);
    let _worker = city.spawn_worker();
    until("all is said", || city.said() >= 6_050);
    city.assert_counted_once(6_050, 50);
}

#[test]
fn an_abort_is_undone_and_done_again() {
    let city = City::new("aborted", PARTITIONS);
    city.say(2_000, 20);
    let stage = Tally::new(&city.prefix);
    let log = KafkaLog::open(&city.spec(0), stage.topology()).unwrap();
    let bounds = Bounds { records: 60, ..Bounds::default() };
    let settings = Settings { bounds, figures_every: None };
    let mut worker = Worker::new(
        stage,
        Faulty { log, every: 3, commits: 0, breaks_when_revoked: false },
        settings,
        Box::new(Unobserved),
    );
    let done = |worker: &Worker<Tally, Faulty>| worker.positions().iter().map(|row| row.1).sum::<i64>() >= 2_000;
    until("all is committed", || {
        for _ in 0..500 {
            worker.turn(Duration::from_millis(1)).unwrap();
        }
        done(&worker)
    });
    assert!(worker.log().commits > 20);
    city.assert_counted_once(2_000, 20);
}

#[test]
fn partitions_that_move_to_another_worker_take_their_state_along() {
    let city = City::new("moved", PARTITIONS);
    city.say(3_000, 30);
    let specs = [city.spec(0), city.spec(1)];
    std::thread::scope(|scope| {
        scope.spawn(|| run_worker(&specs[0], &|| Ok(Tally::new(&city.prefix))).unwrap());
        until("the first worker has begun", || city.said() >= 500);
        scope.spawn(|| run_worker(&specs[1], &|| Ok(Tally::new(&city.prefix))).unwrap());
        until("both own something", || specs.iter().all(owns));
        city.say(3_000, 30);
        until("all is said", || city.said() >= 6_000);
        for spec in &specs {
            assert!(spec.metrics.is_ready());
            spec.stop.request();
        }
    });
    city.assert_counted_once(6_000, 30);
}

#[test]
fn two_processes_of_one_identity_fence_each_other_and_nothing_counts_twice() {
    let city = City::new("fenced", PARTITIONS);
    city.say(1_000, 10);
    let mut first = city.spawn_worker();
    until("the first worker has begun", || city.said() >= 100);
    let second = city.spawn_worker();
    city.say(1_000, 10);
    until("somebody gets on", || city.said() >= 1_200);
    first.kill();
    until("all is said", || city.said() >= 2_000);
    city.assert_counted_once(2_000, 10);
    drop(second);
}

#[test]
fn a_broker_that_is_away_is_waited_for_and_a_metric_says_so() {
    let city = City::new("away", PARTITIONS);
    let spec = spec("127.0.0.1:1", 0);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| run_worker(&spec, &|| Ok(Tally::new(&city.prefix))));
        until("the wait is visible", || {
            let text = spec.metrics.text();
            text.lines()
                .any(|line| line.starts_with("backstop_waiting{") && line.contains("broker") && line.ends_with(" 1"))
        });
        assert!(!spec.metrics.is_ready());
        Arc::clone(&spec.stop).request();
        worker.join().unwrap().unwrap();
    });
}
