//! What stands in ClickHouse: the warnings as they should be and as they are, rows that are there twice, citizen
//! numbers. It does not know the topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use schemas::codec;
use schemas::records::Warning;
use serde_json::Value;

use super::compare::Warnings;
use crate::clickhouse;
use crate::privacy::CitizenNumbers;

/// The tables that are filled by recorded intents.
const BY_INTENTS: [&str; 5] = ["warnings", "entries", "dead_letters", "subject_entries", "explain_log"];
/// All tables of the archive.
const ALL: [&str; 9] = [
    "warnings",
    "entries",
    "dead_letters",
    "household_states",
    "cases",
    "subject_entries",
    "explain_log",
    "scorecards",
    "alert_progress",
];

/// Rows by their record id.
pub(super) type Rows = BTreeMap<String, Value>;

/// The rows that the table must have.
pub(super) fn as_rows(warnings: &Warnings) -> Result<Rows> {
    let mut rows = Rows::new();
    for (id, bytes) in warnings {
        let warning: Warning = codec::decode(bytes)?;
        let mut line = Vec::new();
        alert::archive::warning_row(&warning, &mut line).map_err(anyhow::Error::msg)?;
        rows.insert(id.clone(), serde_json::from_slice(&line)?);
    }
    Ok(rows)
}

/// The rows that the table has, once it has as many as the topic or the limit has passed: the archive works behind.
pub(super) fn warnings(url: &str, expected: usize, limit: Duration) -> Result<Rows> {
    let begun = Instant::now();
    loop {
        let count = clickhouse::number(url, "SELECT count() FROM backstop.warnings")?;
        if count >= expected as i64 || begun.elapsed() > limit {
            break;
        }
        pause();
    }
    let mut rows = Rows::new();
    let query = "SELECT * EXCEPT (_topic, _partition, _offset) FROM backstop.warnings FORMAT JSONEachRow";
    clickhouse::lines(url, query, |line| {
        let row: Value = serde_json::from_str(line).with_context(|| format!("a row of warnings: {line}"))?;
        let id = row["record_id"].as_str().context("a row of warnings without record_id")?.to_owned();
        if rows.insert(id.clone(), row).is_some() {
            bail!("ClickHouse has the warning record {id} twice");
        }
        Ok(())
    })?;
    Ok(rows)
}

/// How many rows stand more than once: the same line of a record may appear more than once only where the record has
/// several rows, so rows are counted with all their columns.
pub(super) fn duplicated(url: &str) -> Result<i64> {
    let mut count = 0;
    for table in BY_INTENTS {
        // Not `uniqExact(*)`, which takes eight columns at most where one may be null.
        let different = format!("SELECT count() FROM (SELECT DISTINCT * FROM backstop.{table})");
        let query = format!("SELECT count() - ({different}) FROM backstop.{table}");
        count += clickhouse::number(url, &query)?;
    }
    Ok(count)
}

/// How many times a citizen number stands in any table.
pub(super) fn citizen_numbers(url: &str, numbers: &CitizenNumbers) -> Result<usize> {
    let mut count = 0;
    for table in ALL {
        clickhouse::lines(url, &format!("SELECT * FROM backstop.{table} FORMAT TSV"), |line| {
            count += numbers.count_in(line.as_bytes());
            Ok(())
        })?;
    }
    Ok(count)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the interval at which a condition is looked at; the condition ends the wait"
)]
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
