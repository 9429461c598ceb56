//! The table `scorecards`: how each department reports, as upserts by number. It does not add the partitions up: a view
//! does.

use std::time::Duration;

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::{DELAY_DAYS_MAX, Scorecard};
use serde::Serialize;

use super::{WAIT, line, place};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct Scorecards;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    card: Scorecard,
    delay_days_max: [i32; DELAY_DAYS_MAX.len()],
}

impl RowMapper for Scorecards {
    fn table(&self) -> &'static str {
        "scorecards"
    }

    fn topics(&self) -> Vec<String> {
        vec!["ingest.scorecards".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    /// A card that left the horizon leaves the topic, and stays in the table.
    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value else { return Ok(()) };
        let card: Scorecard = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        line(&Row { card, delay_days_max: DELAY_DAYS_MAX }, lines)
    }
}
