//! The table `alert_progress`: how far each partition of alert is, and for how many households which rules stand still.
//! Upserts by the offset of the record. It does not know when alert counts.

use std::time::Duration;

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::Progress;
use serde::Serialize;

use super::{WAIT, line, place};
use crate::alert_stage::{INCOME_UNKNOWN, STANDING_STILL, standing_still};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct AlertProgress;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    closed_day: Option<String>,
    first_closed_day: Option<String>,
    income_unknown: i64,
    standing_still: Vec<Still<'a>>,
}

/// Households for which a rule stands still.
#[derive(Debug, Serialize)]
struct Still<'a> {
    rule: &'a str,
    county: &'a str,
    why: &'a str,
    households: i64,
}

impl RowMapper for AlertProgress {
    fn table(&self) -> &'static str {
        "alert_progress"
    }

    fn topics(&self) -> Vec<String> {
        vec!["households.cases".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value.filter(|value| codec::is::<Progress>(value)) else { return Ok(()) };
        let progress: Progress = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        let still = |label, households| {
            let (rule, county, why) = standing_still(label)?;
            Some(Still { rule, county, why, households })
        };
        let of_still = progress.totals.iter().filter(|total| total.name == STANDING_STILL);
        let row = Row {
            closed_day: progress.closed_day.map(|day| day.to_string()),
            first_closed_day: progress.first_closed_day.map(|day| day.to_string()),
            income_unknown: progress.total(INCOME_UNKNOWN),
            standing_still: of_still.filter_map(|total| still(&total.label, total.count)).collect(),
        };
        line(&row, lines)
    }
}
