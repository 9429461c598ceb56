//! The pipeline under faults drawn from a seed: random feeds through resolve, fuse and alert on the memory log, with
//! stages killed and restored, transactions aborted, partitions read in another order, records delivered twice and a
//! calendar job that dies. Whatever happens, nothing is lost and nothing counts twice. `tests/README.md` says how to run
//! more.

mod audit;
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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fate::Fate;
use rough::{Rough, Run};

/// So many seeds, where `BACKSTOP_SIMULATIONS` does not say otherwise.
const SIMULATIONS: u64 = 400;
/// Of so many seeds one is looked at after whatever happens, not only at its end.
const TURN_BY_TURN_EACH: u64 = 16;
/// What runs them.
const COMMAND: &str = "cargo test --package proof --profile fast --test simulation";
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
    faults.extend(audit::at_rest(&run, &coming, shape));
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
fn failing(first: u64, count: u64) -> Vec<(u64, Vec<String>)> {
    let (next, failing) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_enough = failing.lock().expect("no thread panics").len() >= SHOWN_MAX;
            if seed >= first + count || is_enough {
                return;
            }
            let faults = faults_or_panic(seed);
            if !faults.is_empty() {
                failing.lock().expect("no thread panics").push((seed, faults));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut failing = failing.into_inner().expect("no thread panics");
    failing.sort_unstable();
    failing
}

#[test]
fn whatever_dies_nothing_is_lost_and_nothing_counts_twice() {
    let (first, count) = (setting("BACKSTOP_SEED", 1), setting("BACKSTOP_SIMULATIONS", SIMULATIONS));
    let shown = failing(first, count).into_iter().map(|(seed, faults)| {
        let story = course::shown(seed);
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulation-{seed}.yaml"));
        std::fs::write(&path, &story).expect("the folder of the tests can be written");
        format!(
            "seed {seed}, again with BACKSTOP_SEED={seed} BACKSTOP_SIMULATIONS=1 {COMMAND} (its feeds are kept in {}):\n  {}\n",
            path.display(),
            faults.join("\n  ")
        )
    });
    let shown: Vec<String> = shown.collect();
    assert!(shown.is_empty(), "\n{}", shown.concat());
}
