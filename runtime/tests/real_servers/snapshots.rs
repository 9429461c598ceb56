//! Restarts from snapshots on Kafka: a worker that is killed at any moment goes on from its snapshot and the tail.

use std::fs;
use std::path::Path;

use runtime::kafka::{WorkerSpec, run_worker};

use crate::city::{City, Process, until};
use crate::tally::Tally;

const PARTITIONS: i32 = 3;

/// Not a test by itself: the worker process that the tests below start and kill. In the test run it has no parent
/// and does nothing.
#[test]
fn a_worker_process_with_snapshots() {
    if let (Some(city), Ok(folder)) = (City::of_parent(PARTITIONS), std::env::var("BACKSTOP_TEST_ADDRESS")) {
        run_worker(&spec(&city, Path::new(&folder)), &|| Ok(Tally::new(&city.prefix))).unwrap();
    }
}

fn spec(city: &City, folder: &Path) -> WorkerSpec {
    let mut spec = city.spec(0);
    folder.clone_into(&mut spec.settings.snapshots);
    spec
}

fn spawn(city: &City, folder: &Path) -> Process {
    city.spawn("snapshots::a_worker_process_with_snapshots", &folder.display().to_string())
}

fn said(city: &City) -> usize {
    city.committed("said").len()
}

/// The sum of a metric over all its labels that hold this text.
fn metric(spec: &WorkerSpec, name: &str, label: &str) -> f64 {
    let text = spec.metrics.text();
    let rows = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    rows.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Runs a worker in this process until so many words are said; its metrics of then are in the spec.
fn run_until_said(city: &City, folder: &Path, words: usize) -> WorkerSpec {
    let spec = spec(city, folder);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| run_worker(&spec, &|| Ok(Tally::new(&city.prefix))).unwrap());
        until("all is said", || said(city) >= words);
        spec.stop.request();
        worker.join().unwrap();
    });
    spec
}

#[test]
fn every_record_counts_once_although_the_worker_is_killed_and_restarts_from_snapshots() {
    let city = City::new("snapped", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    city.say(4_000, 50);
    let mut goal = 0;
    while goal < 3_000 {
        let mut worker = spawn(&city, folder.path());
        goal = said(&city) + 700;
        until("the worker gets on", || said(&city) >= goal.min(4_000));
        worker.kill();
    }
    city.say(50, 50);
    let spec = run_until_said(&city, folder.path(), 4_050);
    city.assert_counted_once(4_050, 50);
    assert!(metric(&spec, "backstop_restore_seconds_total", "from=\"snapshot\"") > 0.0);
    assert!(metric(&spec, "backstop_snapshots_ignored_total", "").abs() < 0.5);
    // An orderly end marks every snapshot, so that there is no tail.
    city.say(50, 50);
    let spec = run_until_said(&city, folder.path(), 4_100);
    city.assert_counted_once(4_100, 50);
    assert!(metric(&spec, "backstop_restored_records", "").abs() < 0.5);
}

#[test]
fn damaged_snapshots_are_counted_and_the_changelog_is_read_whole() {
    let city = City::new("damaged", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    city.say(600, 50);
    run_until_said(&city, folder.path(), 600);
    let mut damaged = 0.0;
    for entry in fs::read_dir(folder.path().join(spec(&city, folder.path()).worker_id(&city.topic("tally")))).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "snapshot") {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
            damaged += 1.0;
        }
    }
    assert!(damaged >= f64::from(PARTITIONS));
    city.say(50, 50);
    let spec = run_until_said(&city, folder.path(), 650);
    city.assert_counted_once(650, 50);
    assert!((metric(&spec, "backstop_snapshots_ignored_total", "") - damaged).abs() < 0.5);
    assert!(metric(&spec, "backstop_restored_records", "") > 0.0);
}

#[test]
fn snapshots_of_topics_that_were_deleted_and_made_anew_are_not_used() {
    let city = City::new("anew", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    city.say(600, 50);
    run_until_said(&city, folder.path(), 600);
    city.begin_anew();
    city.say(650, 40);
    let spec = run_until_said(&city, folder.path(), 650);
    city.assert_counted_once(650, 40);
    assert!((metric(&spec, "backstop_snapshots_ignored_total", "") - f64::from(PARTITIONS)).abs() < 0.5);
}
