//! How records become rows of ClickHouse: one mapper per table of `deploy/clickhouse`. It does not know how rows are
//! inserted (that is `runtime::archive`).

mod dead_letters;
mod entries;
mod explain_log;
mod households;
mod progress;
mod scorecards;
mod subject_entries;
mod warnings;

use std::time::Duration;

use runtime::archive::{ArchivePlan, Mode};
use runtime::stage::Record;
use schemas::records::WarningLevel;
use serde::Serialize;

pub use dead_letters::DeadLetters;
pub use entries::Entries;
pub use explain_log::{ExplainLog, explain_row};
pub use households::{Cases, HouseholdStates};
pub use progress::AlertProgress;
pub use scorecards::Scorecards;
pub use subject_entries::SubjectEntries;
pub use warnings::{Warnings, row as warning_row};

/// The version of the mapping of tables that are filled by recorded intents: raised when a mapper makes other rows of
/// the same record.
const MAPPING_VERSION: u32 = 1;
/// How long rows wait that nobody is waiting for, such as the picture of a household; a warning is another matter.
const WAIT: Duration = Duration::from_secs(5);

/// The archive: topics that are kept by time through recorded intents, compacted topics as upserts by number.
pub fn plans() -> Vec<ArchivePlan> {
    vec![
        ArchivePlan {
            group: "archive",
            mode: Mode::Intents { schema: MAPPING_VERSION },
            mappers: vec![
                Box::new(Warnings),
                Box::new(Entries),
                Box::new(SubjectEntries),
                Box::new(DeadLetters),
                Box::new(ExplainLog),
            ],
        },
        ArchivePlan {
            group: "archive-upserts",
            mode: Mode::Upserts,
            mappers: vec![Box::new(HouseholdStates), Box::new(Cases), Box::new(AlertProgress), Box::new(Scorecards)],
        },
    ]
}

/// Appends one row as a line of JSON.
fn line<T: Serialize>(row: &T, lines: &mut Vec<u8>) -> Result<(), String> {
    serde_json::to_writer(&mut *lines, row).map_err(|error| error.to_string())?;
    lines.push(b'\n');
    Ok(())
}

/// Where a record lies, for messages.
fn place(record: &Record<'_>) -> String {
    format!("{}/{} at offset {}", record.topic, record.partition, record.offset)
}

/// The letter of a level; empty for none.
fn letter(level: Option<WarningLevel>) -> &'static str {
    level.map_or("", WarningLevel::letter)
}

/// The name of a unit variant, as its schema has it.
fn named<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
