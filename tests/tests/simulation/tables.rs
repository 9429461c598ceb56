//! Tables that take rows as ClickHouse does: a block whole or not at all, and the same token only once. Inserts fail as a
//! seed says, before or after the rows are there. What must hold of the rows is worked out from the topics.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use runtime::archive::{ArchivePlan, Mode, Tables};
use runtime::memory::Memory;
use runtime::stage::Record;

/// What becomes of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Done,
    /// The rows are not there, and the answer is an error.
    Refused,
    /// The rows are there, and the answer is an error.
    Unanswered,
}

#[derive(Default)]
struct Held {
    /// How often each row of each table is there.
    rows: BTreeMap<(String, Vec<u8>), usize>,
    tokens: BTreeSet<String>,
}

/// The tables; clones share them.
#[derive(Clone)]
pub(crate) struct MadeTables {
    held: Rc<RefCell<Held>>,
    next: Rc<dyn Fn() -> Insert>,
}

impl MadeTables {
    /// Empty tables; `next` says what becomes of each insert.
    pub(crate) fn new(next: impl Fn() -> Insert + 'static) -> Self {
        Self { held: Rc::default(), next: Rc::new(next) }
    }
}

impl Tables for MadeTables {
    fn insert(&self, table: &str, lines: &[u8], token: Option<&str>) -> Result<(), String> {
        let outcome = (self.next)();
        if outcome == Insert::Refused {
            return Err("chosen to be refused".to_owned());
        }
        let mut held = self.held.borrow_mut();
        if token.is_none_or(|token| held.tokens.insert(token.to_owned())) {
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                *held.rows.entry((table.to_owned(), line.to_vec())).or_default() += 1;
            }
        }
        if outcome == Insert::Unanswered { Err("chosen not to be answered".to_owned()) } else { Ok(()) }
    }
}

/// The rows that the tables must hold of a record, with their origin.
fn for_each_row(plan: &ArchivePlan, record: &Record<'_>, mut take: impl FnMut(String, Vec<u8>)) {
    let Record { topic, partition, offset, .. } = record;
    for mapper in plan.mappers.iter().filter(|mapper| mapper.topics().iter().any(|known| known == topic)) {
        let mut lines = Vec::new();
        mapper.rows(record, &mut lines).expect("the mapper takes what the stages say");
        let lines = String::from_utf8(lines).expect("JSON is text");
        for line in lines.lines() {
            let object = line.strip_suffix('}').expect("an object");
            let row = format!("{object},\"_topic\":\"{topic}\",\"_partition\":{partition},\"_offset\":{offset}}}");
            take(mapper.table().to_owned(), row.into_bytes());
        }
    }
}

/// The newest record of each key below the committed offset, where one has a value: by partition and key its offset.
fn newest_of_each_key(memory: &Memory, plan: &ArchivePlan, topic: &str) -> BTreeMap<(i32, Vec<u8>), i64> {
    let mut newest = BTreeMap::new();
    memory.for_each(topic, |record| {
        let next = memory.committed(plan.group, topic, record.partition).unwrap_or(0);
        if record.offset < next && record.value.is_some() {
            newest.insert((record.partition, record.key.unwrap_or_default().to_vec()), record.offset);
        }
    });
    newest
}

/// What does not hold of an archive's rows: each row of a record below the committed offset is there, of upserts those of
/// the newest record of each key; none of a record that does not exist, and by intents none twice. At rest every record
/// lies below the offset.
pub(crate) fn faults(memory: &Memory, plan: &ArchivePlan, tables: &MadeTables, at_rest: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut topics: Vec<String> = plan.mappers.iter().flat_map(|mapper| mapper.topics()).collect();
    topics.sort();
    topics.dedup();
    let held = tables.held.borrow();
    let mut unexplained = held.rows.clone();
    let is_once = matches!(plan.mode, Mode::Intents { .. });
    for topic in &topics {
        for partition in 0..memory.partitions(topic) {
            let (next, end) =
                (memory.committed(plan.group, topic, partition).unwrap_or(0), memory.end(topic, partition));
            if at_rest && next != end {
                faults.push(format!("{} has read {topic}/{partition} up to {next} of {end}", plan.group));
            }
        }
        let newest = if is_once { BTreeMap::new() } else { newest_of_each_key(memory, plan, topic) };
        memory.for_each(topic, |record| {
            let next = memory.committed(plan.group, topic, record.partition).unwrap_or(0);
            let key = (record.partition, record.key.unwrap_or_default().to_vec());
            let is_overtaken = newest.get(&key).is_some_and(|newest| *newest != record.offset);
            for_each_row(plan, record, |table, row| {
                let count = unexplained.remove(&(table.clone(), row.clone())).unwrap_or(0);
                let is_right = match count {
                    0 => record.offset >= next || is_overtaken,
                    1 => true,
                    _ => !is_once,
                };
                if !is_right {
                    let row = String::from_utf8_lossy(&row).into_owned();
                    faults.push(format!("{table} has {count} times, of {topic} read up to {next}: {row}"));
                }
            });
        });
    }
    faults.extend(
        unexplained
            .keys()
            .map(|(table, row)| format!("{table} has a row of no record: {}", String::from_utf8_lossy(row))),
    );
    faults
}
