//! The ledger against a naive reference: random histories through the real cores, in memory, must end in the picture
//! that the reference works out from nothing, in whatever order they came. `tests/README.md` says how to run more.

mod adapter;
mod audit;
mod cases;
mod generate;
mod history;
mod picture;
mod reference;
mod shrink;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use adapter::{Asked, Cores, terms};
use alert_core::PolicySet;
use alert_core::policy::Book;
use history::{Said, Step, Who, yaml};
use picture::{Picture, Pictures, differences};
use reference::World;

/// So many histories, where `BACKSTOP_HISTORIES` does not say otherwise.
const HISTORIES: u64 = 6_000;
/// Of so many histories one is compared after every step.
const STEP_BY_STEP_EACH: u64 = 16;
/// So many differences are shrunk and shown before the test ends.
const SHOWN_MAX: usize = 3;

fn policies() -> PolicySet {
    let mut book = Book::default();
    for (offset, (key, text)) in [
        ("wording/zh", include_str!("../../../deploy/policies/wording/zh.ftl")),
        ("wording/en", include_str!("../../../deploy/policies/wording/en.ftl")),
        ("default", include_str!("../../../deploy/policies/default.yaml")),
        ("hengshui", include_str!("../../../deploy/policies/hengshui.yaml")),
    ]
    .into_iter()
    .enumerate()
    {
        book.learn(offset as i64, key, text).expect("a policy of this project is well formed");
    }
    book.at(i64::MAX, schemas::Day::parse("2024-10-01").expect("a day"))
}

/// A setting of the run.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What is wrong with a history; empty where nothing is.
fn fault(steps: &[Step], seed: u64, policies: &PolicySet, step_by_step: bool) -> String {
    let looked_at = catch_unwind(AssertUnwindSafe(|| compare(steps, seed, policies, step_by_step)));
    looked_at.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("a panic: {}", text.unwrap_or_default())
    })
}

fn within(pictures: Pictures, steps: &[Step]) -> Pictures {
    let oldest = reference::today(steps).map(reference::oldest);
    let pictures = pictures.into_iter().map(|(house, picture)| (house, picture.within(oldest)));
    pictures.filter(|(_, picture)| *picture != Picture::default()).collect()
}

fn compare(steps: &[Step], seed: u64, policies: &PolicySet, step_by_step: bool) -> String {
    let mut cores = Cores::new(policies, Asked::Due);
    for (at, step) in steps.iter().enumerate() {
        cores.take(step);
        if step_by_step {
            let world = reference::after(&steps[..=at], &terms());
            let said = differences(&within(world.pictures, &steps[..=at]), &within(cores.pictures(), &steps[..=at]));
            if !said.is_empty() {
                return format!("after step {}: {said}", at + 1);
            }
        }
    }
    let world = reference::after(steps, &terms());
    let expected = within(world.pictures.clone(), steps);
    let mut faults = vec![differences(&expected, &within(cores.pictures(), steps))];
    faults.extend(cores.books.balance().err());
    faults.extend(cores.books.faults.iter().cloned());
    if world.ends != cores.ends() {
        faults.push(format!("records:\n    expected {:?}\n    found    {:?}", world.ends, cores.ends()));
    }
    faults.push(cases::differences(&cores.cases_of(&expected), &cores.cases()));
    faults.push(compare_reordered(steps, seed, &cores, (&world, &expected)));
    faults.retain(|fault| !fault.is_empty());
    faults.join("\n  ")
}

/// What differs when the same comes in another order.
fn compare_reordered(steps: &[Step], seed: u64, cores: &Cores<'_>, (world, expected): (&World, &Pictures)) -> String {
    let mut other = Cores::new(cores.policies(), Asked::Everybody);
    let reordered = generate::reordered(steps, seed);
    for step in &reordered {
        other.take(step);
    }
    other.come_to_rest();
    let other_world = reference::after(&reordered, &terms());
    let expected_there = within(other_world.pictures.clone(), steps);
    let mut faults = vec![differences(&expected_there, &within(other.pictures(), steps))];
    // Who waits too long for somebody who is known only for a while is let in or not: that is a limit.
    let early = told_of_too_early(steps);
    let is_within_limits = !world.has_expired && !other_world.has_expired && early.is_empty();
    if is_within_limits {
        faults.push(differences(expected, &expected_there));
    }
    if other_world.ends != other.ends() {
        faults.push(format!("records:\n    expected {:?}\n    found    {:?}", other_world.ends, other.ends()));
    }
    faults.extend(other.books.faults.iter().cloned());
    let mut subjects: Vec<Who> = cores.ledgers.keys().chain(other.ledgers.keys()).copied().collect();
    // What waits lies there in the order in which it came, and somebody who was known once and is not any more may have
    // let in what would have to wait now. A merger that waits, or does not, is known in the other household too.
    let waiting: BTreeSet<Who> = world.waiting.union(&other_world.waiting).copied().collect();
    let has_house = waiting.iter().any(|who| matches!(who, Who::House(_)));
    subjects
        .retain(|who| !waiting.contains(who) && !early.contains(who) && (!has_house || matches!(who, Who::Person(_))));
    // What came while somebody was known for a while may have left the horizon before the paper came that would have kept
    // it; then the ledgers have other records.
    subjects.retain(|who| world.kept.get(who) == other_world.kept.get(who));
    for who in subjects {
        if cores.ledgers.get(&who) != other.ledgers.get(&who) {
            let (one, other) = (cores.ledgers.get(&who), other.ledgers.get(&who));
            faults.push(format!("the ledger of {who:?} is another one:\n    {other:?}\n    instead of\n    {one:?}"));
        }
    }
    if is_within_limits {
        faults.push(cases::differences(&cores.cases(), &other.cases()));
    }
    faults.retain(|fault| !fault.is_empty());
    if faults.is_empty() { String::new() } else { format!("in another order:\n  {}", faults.join("\n  ")) }
}

/// Who was told of, before the first close, a death that lies ahead at that close, or something from before the horizon.
/// Until then nothing waits for its day and nothing is too old, so whether it is let in or not depends on whether the
/// person was known by then, if only for a while.
fn told_of_too_early(steps: &[Step]) -> BTreeSet<Who> {
    let day_of = |step: &Step| if let Step::Close(day) = step { Some(*day) } else { None };
    let Some((at, closed)) = steps.iter().enumerate().find_map(|(at, step)| Some((at, day_of(step)?))) else {
        return BTreeSet::new();
    };
    let today = closed.plus(1);
    let is_too_early = |said: &Said| {
        let is_ahead = said.lines.iter().any(|line| line.code == "death" && line.day > today);
        is_ahead || said.occurred_day.month() < reference::oldest(today)
    };
    let said = steps[..at].iter().filter_map(|step| if let Step::Say(said) = step { Some(said) } else { None });
    said.filter(|said| is_too_early(said)).map(Said::who).collect()
}

/// The seeds whose histories do not end as they must, in their order; no more are looked for once there are enough.
fn failing(first: u64, count: u64, policies: &PolicySet) -> Vec<u64> {
    let (next, failing) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = failing.lock().expect("no thread panics").len() >= SHOWN_MAX;
            if seed >= first + count || enough {
                return;
            }
            if !fault(&generate::history(seed), seed, policies, is_step_by_step(seed)).is_empty() {
                failing.lock().expect("no thread panics").push(seed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut failing = failing.into_inner().expect("no thread panics");
    failing.sort_unstable();
    failing
}

const fn is_step_by_step(seed: u64) -> bool {
    seed.is_multiple_of(STEP_BY_STEP_EACH)
}

#[test]
fn random_histories_end_as_the_reference_says_in_whatever_order_they_come() {
    let policies = policies();
    let (first, count) = (setting("BACKSTOP_SEED", 1), setting("BACKSTOP_HISTORIES", HISTORIES));
    let shown = failing(first, count, &policies).into_iter().map(|seed| {
        let fault = |steps: &[Step]| fault(steps, seed, &policies, is_step_by_step(seed));
        let smallest = shrink::shrink(generate::history(seed), &|steps| !fault(steps).is_empty());
        let story = yaml(&format!("seed {seed}"), &smallest);
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{seed}.yaml"));
        std::fs::write(&path, &story).expect("the folder of the tests can be written");
        format!("{story}  {}\n  (kept in {})\n", fault(&smallest), path.display())
    });
    let shown: Vec<String> = shown.collect();
    assert!(shown.is_empty(), "histories that do not end as the reference says:\n\n{}", shown.join("\n"));
}
