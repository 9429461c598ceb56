//! Reads what there is of a household, from the topics or from ClickHouse. Both give the same rows, since the topics'
//! records go through the archive's own mappers. It does not judge what it reads.

use std::collections::BTreeSet;

use alert::archive::{Cases, Entries, HouseholdStates, SubjectEntries, Warnings};
use anyhow::{Context, Result, bail};
use rdkafka::consumer::BaseConsumer;
use runtime::archive::RowMapper;
use runtime::partitioner::place;
use runtime::stage::{Placement, Record};
use schemas::codec;
use schemas::records::HouseholdEntry;
use schemas::{EntryId, HouseholdCode};
use serde::de::DeserializeOwned;

use super::rows::{EntryRow, Found, WarningRow};
use crate::clickhouse::{self, Server};
use crate::topic;

/// Topics of households go by village: the first 12 digits of the code.
const BY_VILLAGE: Placement = Placement::ByKeyPrefix(12);
/// Entries that one query of ClickHouse names at most.
const ENTRIES_PER_QUERY: usize = 2_000;
/// Instants as the archive's mappers write them.
const AS_WRITTEN: &str = "SETTINGS date_time_output_format = 'unix_timestamp' FORMAT JSONEachRow";

/// A log that can be read partition by partition.
pub(super) trait Topics {
    /// How many partitions a topic has.
    fn partitions(&self, topic: &str) -> Result<i32>;
    /// Shows every committed record of some partitions, each partition in its order.
    fn read(&self, topic: &str, partitions: &BTreeSet<i32>, take: &mut Take<'_>) -> Result<()>;
}

/// What is done with a record.
pub(super) type Take<'t> = dyn FnMut(&Record<'_>) -> Result<()> + 't;

impl Topics for BaseConsumer {
    fn partitions(&self, topic: &str) -> Result<i32> {
        topic::partitions(self, topic)
    }

    fn read(&self, topic: &str, partitions: &BTreeSet<i32>, take: &mut Take<'_>) -> Result<()> {
        topic::for_each_in(self, topic, partitions, take)
    }
}

/// Everything about the household in the topics. Only its own partitions are read, unless entries moved.
pub(super) fn from_topics(topics: &impl Topics, household: HouseholdCode) -> Result<Found> {
    let mut found = Found::default();
    let digits = household.digits();
    let of_household = |topic: &str, take: &mut Take<'_>| -> Result<()> {
        let partition = place(BY_VILLAGE, Some(&digits), topics.partitions(topic)?);
        let mut take_own = |record: &Record<'_>| if record.key == Some(&digits) { take(record) } else { Ok(()) };
        topics.read(topic, &BTreeSet::from([partition]), &mut take_own)
    };
    of_household("households.entries", &mut |record| add_entries(record, &mut found.entries))?;
    of_household("households.states", &mut |record| {
        found.state = rows(&HouseholdStates, record)?.pop().or(found.state.take());
        Ok(())
    })?;
    of_household("households.cases", &mut |record| {
        found.case = rows(&Cases, record)?.pop().or(found.case.take());
        Ok(())
    })?;
    of_household("warnings", &mut |record| {
        for mut row in rows::<WarningRow>(&Warnings, record)? {
            row.offset = record.offset;
            found.warnings.push(row);
        }
        Ok(())
    })?;
    subjects(topics, &household.to_string(), &mut found)?;
    elsewhere(topics, &digits, &mut found)?;
    found.sort();
    Ok(found)
}

/// The records of the household and of its persons, as far as the topic keeps them.
fn subjects(topics: &impl Topics, household: &str, found: &mut Found) -> Result<()> {
    const TOPIC: &str = "subjects.entries";
    let keys = found.subject_keys(household);
    let count = topics.partitions(TOPIC)?;
    let partitions: BTreeSet<i32> =
        keys.iter().map(|key| place(Placement::ByKey, Some(key.as_bytes()), count)).collect();
    topics.read(TOPIC, &partitions, &mut |record| {
        let key = std::str::from_utf8(record.key.unwrap_or_default()).unwrap_or_default();
        if keys.contains(key) {
            found.subjects.extend(rows(&SubjectEntries, record)?);
        }
        Ok(())
    })
}

/// What other households are told of the entries that came from there or went there.
fn elsewhere(topics: &impl Topics, digits: &[u8], found: &mut Found) -> Result<()> {
    const TOPIC: &str = "households.entries";
    let entries = found.to_look_for_elsewhere();
    if entries.is_empty() {
        return Ok(());
    }
    let partitions = (0..topics.partitions(TOPIC)?).collect();
    topics.read(TOPIC, &partitions, &mut |record| {
        let value = record.value.filter(|value| codec::is::<HouseholdEntry<'_>>(value) && record.key != Some(digits));
        let Some(value) = value else { return Ok(()) };
        let entry: HouseholdEntry<'_> = codec::decode(value).with_context(|| at(record))?;
        let mut ids = entry.rows.iter().map(|row| row.entry).chain(entry.facts.iter().map(|fact| fact.entry));
        if ids.any(|id| entries.contains(&id)) { add_entries(record, &mut found.elsewhere) } else { Ok(()) }
    })
}

fn add_entries(record: &Record<'_>, entries: &mut Vec<EntryRow>) -> Result<()> {
    for mut row in rows::<EntryRow>(&Entries, record)? {
        row.offset = record.offset;
        entries.push(row);
    }
    Ok(())
}

/// The rows that the archive makes of a record.
fn rows<T: DeserializeOwned>(mapper: &dyn RowMapper, record: &Record<'_>) -> Result<Vec<T>> {
    let mut lines = Vec::new();
    mapper.rows(record, &mut lines).map_err(anyhow::Error::msg)?;
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).with_context(|| at(record))).collect()
}

fn at(record: &Record<'_>) -> String {
    format!("{}/{} at offset {}", record.topic, record.partition, record.offset)
}

/// Everything about the household in the archive.
pub(crate) fn from_clickhouse(server: &Server, household: HouseholdCode) -> Result<Found> {
    let code = household.to_string();
    let county = household.county();
    let of_household = |table: &str| format!("SELECT * FROM backstop.{table} WHERE household = '{code}'");
    let mut found = Found {
        entries: query(server, &of_household("entries"))?,
        state: query(server, &of_household("household_states FINAL"))?.pop(),
        case: query(server, &of_household("cases FINAL"))?.pop(),
        // The table is sorted by county first.
        warnings: query(server, &format!("{} AND county = '{county}'", of_household("warnings")))?,
        ..Found::default()
    };
    let keys: Vec<String> = found.subject_keys(&code).iter().map(|key| format!("'{key}'")).collect();
    let list = keys.join(", ");
    found.subjects = query(server, &format!("SELECT * FROM backstop.subject_entries WHERE subject IN ({list})"))?;
    let moved: Vec<EntryId> = found.to_look_for_elsewhere().into_iter().collect();
    for part in moved.chunks(ENTRIES_PER_QUERY) {
        let ids: Vec<String> = part.iter().map(|id| format!("'{id}'")).collect();
        let list = ids.join(", ");
        let select = format!("SELECT * FROM backstop.entries WHERE entry IN ({list}) AND household != '{code}'");
        found.elsewhere.extend(query(server, &select)?);
    }
    found.sort();
    Ok(found)
}

fn query<T: DeserializeOwned>(server: &Server, select: &str) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    clickhouse::ask(server, &format!("{select} {AS_WRITTEN}"), |line| {
        match serde_json::from_str(line) {
            Ok(row) => rows.push(row),
            Err(fault) => bail!("a row of ClickHouse at {} does not read: {fault}: {line}", server.url),
        }
        Ok(())
    })?;
    Ok(rows)
}
