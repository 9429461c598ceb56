//! The pipeline under faults drawn from a seed: random feeds through resolve, fuse and alert on the memory log, with
//! stages killed and restored, transactions aborted, partitions read in another order, records delivered twice and a
//! calendar job that dies. Whatever happens, nothing is lost and nothing counts twice. `tests/README.md` says how to run
//! more.

mod audit;
mod calendar;
mod course;
mod fate;
mod feeds;
#[path = "../ledger/generate/mod.rs"]
#[expect(dead_code, reason = "the ledger's test uses the rest")]
mod generate;
#[path = "../ledger/history.rs"]
#[expect(dead_code, reason = "the ledger's test uses the rest")]
mod history;
mod replay;
mod rough;
mod same;
mod tables;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use fate::Fate;
use rough::{Rough, Run};

/// So many seeds, where `BACKSTOP_SIMULATIONS` does not say otherwise.
const SIMULATIONS: u64 = 400;
/// Of so many seeds one is looked at after whatever happens, not only at its end.
const TURN_BY_TURN_EACH: u64 = 16;
/// Seeds that failed once. What a seed decides changes with the draws, so that each fault has a test of its own as well.
const FAILED_ONCE: [u64; 6] = [32, 145, 918, 2_289, 3_071, 3_379];
/// A seed that takes longer does not end: most take some hundredths of a second.
const SEED_LIMIT: Duration = Duration::from_mins(3);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many failing seeds are shown before the test ends.
const SHOWN_MAX: usize = 3;

/// A setting of the run.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What is wrong with the run of a seed; empty where nothing is.
fn faults(seed: u64) -> Vec<String> {
    let coming = course::course(seed);
    let fate = Fate::of(seed);
    let shape = fate.shape;
    let is_turn_by_turn = seed.is_multiple_of(TURN_BY_TURN_EACH);
    let look = |run: &Run| if is_turn_by_turn { audit::at_any_time(run) } else { Vec::new() };
    let Rough { run, faults: first } = match fate.rough(&coming, &look) {
        Ok(rough) => rough,
        Err(error) => return vec![format!("the rough run stopped: {error}")],
    };
    let mut faults: Vec<String> = first.into_iter().map(|fault| format!("in the middle: {fault}")).collect();
    faults.extend(audit::at_rest(&run, &coming));
    faults.extend(replay::differences(&run.memory, shape));
    match rough::calm(&coming, shape) {
        Ok(calm) => faults.extend(same::differences(&calm, &run.memory, &coming, shape)),
        Err(error) => faults.push(format!("the calm run stopped: {error}")),
    }
    faults
}

/// The same with a panic as a fault.
fn faults_or_panic(seed: u64) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| faults(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![format!("a panic: {}", text.unwrap_or_default())]
    })
}

/// The failing seeds with what is wrong; no more are looked for once there are enough.
fn failing(seeds: &[u64]) -> Vec<(u64, Vec<String>)> {
    let (next, failing) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let running = Mutex::new(BTreeMap::new());
    let (done, all_done) = channel::<()>();
    let work = |done: Sender<()>| {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failing.lock().expect("no thread panics").len() >= SHOWN_MAX {
                break;
            }
            running.lock().expect("no thread panics").insert(*seed, Instant::now());
            let faults = faults_or_panic(*seed);
            running.lock().expect("no thread panics").remove(seed);
            if !faults.is_empty() {
                failing.lock().expect("no thread panics").push((*seed, faults));
            }
        }
        drop(done);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let done = done.clone();
            scope.spawn(|| work(done));
        }
        drop(done);
        while all_done.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            end_if_stuck(&running.lock().expect("no thread panics"));
        }
    });
    let mut failing = failing.into_inner().expect("no thread panics");
    failing.sort_unstable();
    failing
}

/// Ends the process where a seed does not come to its end: no thread can be ended alone.
#[expect(clippy::print_stderr, reason = "the last word of a test that cannot return")]
fn end_if_stuck(running: &BTreeMap<u64, Instant>) {
    if let Some((seed, _)) = running.iter().find(|(_, begun)| begun.elapsed() > SEED_LIMIT) {
        eprintln!("seed {seed} does not end, again with {}", again(*seed));
        std::process::exit(1);
    }
}

/// What runs a seed again.
fn again(seed: u64) -> String {
    format!("BACKSTOP_SEED={seed} BACKSTOP_SIMULATIONS=1 cargo test --package proof --profile fast --test simulation")
}

/// Fails with the seeds that fail.
fn hold(seeds: &[u64]) {
    let shown = failing(seeds).into_iter().map(|(seed, faults)| {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulation-{seed}.yaml"));
        std::fs::write(&path, course::shown(seed)).expect("the folder of the tests can be written");
        let (again, path) = (again(seed), path.display());
        format!("seed {seed}, again with {again} (its feeds are in {path}):\n  {}\n", faults.join("\n  "))
    });
    let shown: Vec<String> = shown.collect();
    assert!(shown.is_empty(), "\n{}", shown.concat());
}

#[test]
fn whatever_dies_nothing_is_lost_and_nothing_counts_twice() {
    let (first, count) = (setting("BACKSTOP_SEED", 1), setting("BACKSTOP_SIMULATIONS", SIMULATIONS));
    hold(&(first..first + count).collect::<Vec<_>>());
}

#[test]
fn what_failed_once_holds() {
    hold(&FAILED_ONCE);
}
