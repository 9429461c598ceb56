//! The table `subject_entries`: where each entry came from and which event it corrects. It does not know to which
//! household an entry went.

use std::time::Duration;

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::{DayClosed, Redirect, SubjectEntry};
use schemas::{EntryId, Op};
use serde::Serialize;

use super::entries::{hash, seconds};
use super::{WAIT, line, place};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct SubjectEntries;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    subject: String,
    event: String,
    ordinal: i32,
    source: &'a str,
    event_type: &'a str,
    op: Op,
    corrects: String,
    household: String,
    occurred_day: String,
    reported_at: String,
    document: String,
    entries: Vec<String>,
    origin_topic: &'a str,
    origin_partition: i32,
    origin_offset: i64,
}

impl RowMapper for SubjectEntries {
    fn table(&self) -> &'static str {
        "subject_entries"
    }

    fn topics(&self) -> Vec<String> {
        vec!["subjects.entries".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        // Beside them stand the calendar and what households tell each other of mergers.
        let is_other = |value: &&[u8]| codec::is::<DayClosed>(value) || codec::is::<Redirect<'_>>(value);
        let Some(value) = record.value.filter(|value| !is_other(value)) else { return Ok(()) };
        let entry: SubjectEntry<'_> = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        let household = entry.household.map(|household| household.to_string()).unwrap_or_default();
        let id = |index| EntryId::of(entry.event, entry.ordinal, index).to_string();
        let row = Row {
            subject: entry.person.map_or_else(|| household.clone(), |person| person.to_string()),
            event: entry.event.to_string(),
            ordinal: entry.ordinal,
            source: entry.source,
            event_type: entry.event_type,
            op: entry.op,
            corrects: hash(entry.corrects),
            household,
            occurred_day: entry.occurred_day.to_string(),
            reported_at: seconds(entry.reported_at_ms),
            document: hash(entry.document),
            entries: (0..entry.entries.len() as i32).map(id).collect(),
            origin_topic: entry.origin.topic,
            origin_partition: entry.origin.partition,
            origin_offset: entry.origin.offset,
        };
        line(&row, lines)
    }
}
