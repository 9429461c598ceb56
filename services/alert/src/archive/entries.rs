//! The table `entries`: one row per amount and per fact of `households.entries`. It does not know the other tables.

use std::time::Duration;

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::{DayClosed, HouseholdEntry};
use schemas::{Category, EntryId, Hash64, Kind, PersonToken};
use serde::Serialize;

use super::{WAIT, line, place};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entries;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Line<'a> {
    household: String,
    entry: String,
    event: String,
    source: &'a str,
    event_type: &'a str,
    reported_at: String,
    sign: i32,
    kind: Kind,
    category: &'a str,
    cause: &'a str,
    amount_fen: i64,
    day: String,
    month: i32,
    months: i32,
    code: &'a str,
    value: &'a str,
    person: String,
    document: String,
    origin_topic: &'a str,
    origin_partition: i32,
    origin_offset: i64,
}

impl RowMapper for Entries {
    fn table(&self) -> &'static str {
        "entries"
    }

    fn topics(&self) -> Vec<String> {
        vec!["households.entries".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value.filter(|value| !codec::is::<DayClosed>(value)) else { return Ok(()) };
        let entry: HouseholdEntry<'_> = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        for row in &entry.rows {
            let of_row = Line {
                sign: row.sign,
                kind: row.kind,
                category: row.category.name(),
                cause: row.cause.code(),
                amount_fen: row.amount_fen.0,
                day: row.day.to_string(),
                month: row.month.yyyymm(),
                months: row.months,
                document: hash(row.document),
                ..shared(&entry, row.entry, row.source, entry.reported_at_ms, row.person)
            };
            line(&of_row, lines)?;
        }
        for fact in &entry.facts {
            let of_fact = Line {
                sign: fact.sign,
                kind: fact.kind,
                cause: fact.cause.code(),
                amount_fen: fact.amount_fen.0,
                day: fact.day.to_string(),
                code: fact.code,
                value: fact.value,
                ..shared(&entry, fact.entry, fact.source, fact.reported_at_ms, fact.person)
            };
            line(&of_fact, lines)?;
        }
        Ok(())
    }
}

/// What rows of amounts and of facts have alike; the rest is empty.
fn shared<'a>(
    entry: &HouseholdEntry<'a>,
    id: EntryId,
    source: &'a str,
    reported_at_ms: i64,
    person: Option<PersonToken>,
) -> Line<'a> {
    Line {
        household: entry.household.to_string(),
        entry: id.to_string(),
        event: entry.event.to_string(),
        source,
        event_type: entry.event_type,
        reported_at: seconds(reported_at_ms),
        sign: 1,
        kind: Kind::Note,
        category: Category::None.name(),
        cause: "",
        amount_fen: 0,
        day: String::new(),
        month: 0,
        months: 0,
        code: "",
        value: "",
        person: person.map(|person| person.to_string()).unwrap_or_default(),
        document: String::new(),
        origin_topic: entry.origin.topic,
        origin_partition: entry.origin.partition,
        origin_offset: entry.origin.offset,
    }
}

/// A hash in text; empty for none.
pub(super) fn hash(hash: Option<Hash64>) -> String {
    hash.map(|hash| hash.to_string()).unwrap_or_default()
}

/// An instant as ClickHouse reads a `DateTime64(3)`: seconds with three decimals.
pub(super) fn seconds(instant_ms: i64) -> String {
    format!("{}.{:03}", instant_ms.div_euclid(1000), instant_ms.rem_euclid(1000))
}
