//! What must hold of a log whatever was done to the stages, worked out from the records alone: balances, sums, numbers
//! without a gap, cases and warnings that open once. It does not know how a stage comes to what it says.

use std::collections::{BTreeMap, BTreeSet};

use runtime::memory::Memory;
use schemas::codec;
use schemas::records::{
    Case, DayClosed, HouseholdEntry, HouseholdState, PROGRESS_KEY, Progress, Redirect, Row, Scorecard, Step, Warning,
    WarningKind,
};
use schemas::{Category, Cause, HouseholdCode, Month};

use crate::calendar;
use crate::course::{self, Coming};
use crate::replay::{self, latest};
use crate::rough::Run;
use crate::tables;
use crate::world::{self, Shape};

/// Sums in fen by household, category, cause and month.
type Sums = BTreeMap<(HouseholdCode, Category, Cause, Month), i64>;

/// The progress of each partition of a stage.
fn progress(memory: &Memory, changelog: &str) -> Vec<Progress> {
    // Normalise has one of each feed.
    let is_progress = |key: &[u8]| changelog == "ingest.progress" || key == PROGRESS_KEY.as_bytes();
    let latest = latest(memory, changelog).into_iter().filter(|((_, key), _)| is_progress(key));
    latest.map(|(_, value)| codec::decode(&value).expect("a progress")).collect()
}

/// Everything that does not hold at rest, when all is said.
pub(crate) fn at_rest(run: &Run, coming: &[Coming]) -> Vec<String> {
    let Run { memory, shape, deliveries, .. } = run;
    let mut faults = at_any_time(run);
    faults.extend(delivered(memory, *deliveries, coming, *shape));
    let mut inputs = vec![
        ("resolve", "subjects.entries".to_owned()),
        ("fuse", "households.entries".to_owned()),
        ("alert", "households.states".to_owned()),
    ];
    if shape.is_fed {
        inputs.extend(world::feed_topics().into_iter().map(|topic| ("normalise", topic)));
    }
    for (reader, topic) in inputs {
        for partition in 0..memory.partitions(&topic) {
            let (end, next) = (memory.end(&topic, partition), memory.committed(reader, &topic, partition).unwrap_or(0));
            if end != next {
                faults.push(format!("{reader} has read {topic}/{partition} up to {next} of {end}"));
            }
        }
    }
    let mut closed = BTreeSet::from([course::last_day(coming)]);
    for changelog in ["ingest.progress", "subjects.ledger", "households.states", "households.cases"] {
        closed.extend(progress(memory, changelog).iter().map(|one| one.closed_day));
    }
    if closed.len() > 1 {
        faults.push(format!("the stages and the calendar have closed different days: {closed:?}"));
    }
    for (plan, tables) in &run.archives {
        faults.extend(tables::faults(memory, plan, tables, true));
    }
    faults
}

/// Each record that was delivered was taken, and rejected where it is not sound.
fn delivered(memory: &Memory, deliveries: i64, coming: &[Coming], shape: Shape) -> Vec<String> {
    let sum = |changelog: &str, name: &str| -> i64 {
        progress(memory, changelog).iter().map(|progress| progress.total(name)).sum()
    };
    let spoiled = coming.iter().filter(|one| matches!(one, Coming::Publish(published) if !published.is_sound)).count();
    if shape.is_fed {
        unequal(&[
            ("events", deliveries, sum("ingest.progress", "events")),
            ("events that are not sound", spoiled as i64, sum("ingest.progress", "rejected")),
            ("markers that are refused", 0, sum("ingest.progress", "markers_rejected")),
        ])
    } else {
        unequal(&[("records that resolve took", deliveries, sum("subjects.ledger", "subject_records"))])
    }
}

/// The rows of which the two numbers differ.
fn unequal(rows: &[(&str, i64, i64)]) -> Vec<String> {
    let wrong = rows.iter().filter(|(_, expected, found)| expected != found);
    wrong.map(|(what, expected, found)| format!("{what}: expected {expected}, found {found}")).collect()
}

/// Everything that does not hold, of what holds between any two turns: all that is committed is committed together.
pub(crate) fn at_any_time(run: &Run) -> Vec<String> {
    let memory = &run.memory;
    let mut faults = normalised(memory);
    faults.extend(calendar::faults(memory, run.shape));
    faults.extend(balance(memory));
    faults.extend(taken(memory));
    faults.extend(sums(memory));
    faults.extend(numbers(memory));
    faults.extend(cases(memory));
    faults.extend(warnings(memory));
    for (plan, tables) in &run.archives {
        faults.extend(tables::faults(memory, plan, tables, false));
    }
    faults
}

/// How many dead letters a stage has said.
pub(crate) fn dead_letters(memory: &Memory, stage: &str) -> i64 {
    let mut count = 0;
    memory.for_each("ingest.dead-letters", |record| count += i64::from(replay::is_letter_of(record, stage)));
    count
}

/// Each event that normalise has read is normalised or rejected, counted and told.
fn normalised(memory: &Memory) -> Vec<String> {
    let mut events = 0;
    for topic in world::feed_topics() {
        memory.for_each(&topic, |record| {
            let is_read = record.offset < memory.committed("normalise", &topic, record.partition).unwrap_or(0);
            events += i64::from(is_read && !record.value.is_some_and(codec::is::<DayClosed>));
        });
    }
    let partitions = progress(memory, "ingest.progress");
    let total = |name: &str| -> i64 { partitions.iter().map(|progress| progress.total(name)).sum() };
    unequal(&[
        ("events read", events, total("events")),
        ("events = normalised + rejected", total("events"), total("normalised") + total("rejected")),
        ("dead letters of normalise", total("rejected") + total("markers_rejected"), dead_letters(memory, "normalise")),
    ])
}

/// Each record that was taken ended once or waits, and dead letters and scorecards say the same.
fn balance(memory: &Memory) -> Vec<String> {
    let partitions = progress(memory, "subjects.ledger");
    let total = |name: &str| -> i64 { partitions.iter().map(|progress| progress.total(name)).sum() };
    let cards = Cards::of(memory);
    let ended: i64 = ["applied", "duplicates", "parked", "waiting", "refused"].map(total).iter().sum();
    unequal(&[
        ("records that ended or wait", total("subject_records"), ended),
        ("records taken", subject_records(memory), total("subject_records")),
        ("dead letters of resolve", dead_letters(memory, "resolve"), total("refused")),
        ("duplicates on the scorecards", cards.duplicates, total("duplicates")),
        ("refused on the scorecards", cards.refused, total("refused")),
    ])
}

/// What the scorecards say that there are, and those that there were until their month left the horizon.
#[derive(Default)]
struct Cards {
    duplicates: i64,
    refused: i64,
}

impl Cards {
    fn of(memory: &Memory) -> Self {
        let (mut open, mut sum) = (BTreeMap::new(), Self::default());
        let mut add = |card: Scorecard| {
            sum.duplicates += card.duplicates;
            sum.refused += card.refused;
        };
        memory.for_each("ingest.scorecards", |record| {
            let key = (record.partition, record.key.unwrap_or_default().to_vec());
            match record.value {
                Some(value) => drop(open.insert(key, codec::decode(value).expect("a scorecard"))),
                None => open.remove(&key).into_iter().for_each(&mut add),
            }
        });
        open.into_values().for_each(add);
        sum
    }
}

/// How many records of subjects resolve has read.
fn subject_records(memory: &Memory) -> i64 {
    let (topic, mut count) = ("subjects.entries", 0);
    memory.for_each(topic, |record| {
        let is_read = record.offset < memory.committed("resolve", topic, record.partition).unwrap_or(0);
        let value = record.value.unwrap_or_default();
        count += i64::from(is_read && !codec::is::<DayClosed>(value) && !codec::is::<Redirect<'_>>(value));
    });
    count
}

/// Shows each entry that fuse has taken.
fn for_each_taken(memory: &Memory, mut take: impl FnMut(&HouseholdEntry<'_>)) {
    let topic = "households.entries";
    memory.for_each(topic, |record| {
        let value = record.value.unwrap_or_default();
        let is_taken = record.offset < memory.committed("fuse", topic, record.partition).unwrap_or(0);
        if is_taken && !codec::is::<DayClosed>(value) {
            take(&codec::decode(value).expect("a household entry"));
        }
    });
}

/// Fuse has counted what lies below its offset.
fn taken(memory: &Memory) -> Vec<String> {
    let mut entries = 0;
    for_each_taken(memory, |_| entries += 1);
    let counted: i64 = progress(memory, "households.states").iter().map(|one| one.total("household_entries")).sum();
    if entries == counted {
        Vec::new()
    } else {
        vec![format!("fuse has taken {entries} entries, and counted {counted}")]
    }
}

/// Adds a row to the months over which it is spread.
fn add(sums: &mut Sums, household: HouseholdCode, row: &Row<'_>) {
    let months = i64::from(row.months.max(1));
    let share = row.amount_fen.0 / months;
    for index in 0..months {
        let amount = if index == 0 { row.amount_fen.0 - share * (months - 1) } else { share };
        let key = (household, row.category, row.cause, row.month.plus(index as i32));
        *sums.entry(key).or_default() += amount * i64::from(row.sign);
    }
}

/// The sums of all states are those of the rows that were said and not taken back.
fn sums(memory: &Memory) -> Vec<String> {
    let (mut said, mut known) = (Sums::new(), Sums::new());
    for_each_taken(memory, |entry| entry.rows.iter().for_each(|row| add(&mut said, entry.household, row)));
    for value in latest(memory, "households.states").values().filter(|value| codec::is::<HouseholdState>(value)) {
        let state: HouseholdState = codec::decode(value).expect("a state");
        for sum in &state.sums {
            for one in sum.months.iter() {
                known.insert((state.household, sum.category, sum.cause, one.month), one.amount_fen.0);
            }
        }
    }
    // What lies before the horizon goes with the next record of its household, or has gone before it was taken back.
    let closed = progress(memory, "households.states").iter().filter_map(|one| one.closed_day).max();
    let oldest = fuse_core::oldest_month(closed);
    for sums in [&mut said, &mut known] {
        sums.retain(|(_, _, _, month), amount| *amount != 0 && oldest.is_none_or(|oldest| *month >= oldest));
    }
    if said == known { Vec::new() } else { vec![format!("rows and states add up to\n    {said:?}\n    {known:?}")] }
}

/// The states of a household are numbered from 1 without a gap.
fn numbers(memory: &Memory) -> Vec<String> {
    let (mut last, mut faults) = (BTreeMap::new(), Vec::new());
    memory.for_each("households.states", |record| {
        let value = record.value.unwrap_or_default();
        if codec::is::<HouseholdState>(value) {
            let state: HouseholdState = codec::decode(value).expect("a state");
            let before = last.insert(state.household, state.number).unwrap_or(0);
            if state.number != before + 1 {
                faults.push(format!("household {}: state {} follows {before}", state.household, state.number));
            }
        }
    });
    faults
}

/// A case opens when the one before is not open, and is the next.
fn cases(memory: &Memory) -> Vec<String> {
    let (mut last, mut faults) = (BTreeMap::<HouseholdCode, (i64, i32, Step)>::new(), Vec::new());
    memory.for_each("households.cases", |record| {
        let value = record.value.unwrap_or_default();
        if !codec::is::<Case>(value) {
            return;
        }
        let case: Case = codec::decode(value).expect("a case");
        let (number, case_number, _) = last.get(&case.household).copied().unwrap_or((0, 0, Step::None));
        // Of several changes in one transaction the changelog has the last: there numbers may be passed over.
        if case.number <= number || case.case_number < case_number {
            faults.push(format!("household {}: case record {} follows {number}", case.household, case.number));
        }
        last.insert(case.household, (case.number, case.case_number, case.step));
    });
    faults
}

/// A warning is said once, and is raised when it does not stand.
fn warnings(memory: &Memory) -> Vec<String> {
    let (mut ids, mut standing, mut faults) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut open = BTreeMap::<HouseholdCode, i32>::new();
    memory.for_each("warnings", |record| {
        let warning: Warning = codec::decode(record.value.unwrap_or_default()).expect("a warning");
        let name = format!("{} {} of household {}", warning.rule, warning.record_id, warning.household);
        if !ids.insert(warning.record_id.clone()) {
            faults.push(format!("said twice: {name}"));
        }
        let is_right = match warning.kind {
            WarningKind::Raised => standing.insert(warning.warning_id.clone()),
            // What a case rested on can stand on when the case is closed.
            WarningKind::Updated | WarningKind::Closed => standing.contains(&warning.warning_id),
            WarningKind::NoLongerMet | WarningKind::Withdrawn => standing.remove(&warning.warning_id),
            // An overdue step belongs to the case that is open.
            WarningKind::Escalated => Some(&warning.case_number) == open.get(&warning.household),
        };
        if !is_right {
            faults.push(format!("{:?} does not fit what stands: {name}", warning.kind));
        }
        let before = open.entry(warning.household).or_default();
        if warning.case_number != 0 && warning.case_number < *before {
            faults.push(format!("an earlier case speaks after case {before}: {name}"));
        }
        *before = warning.case_number.max(*before);
    });
    faults
}
