//! Every row of ClickHouse against the rows that the archive makes of the topics' records: each must be there, once,
//! with its origin. Of tables that are upserts by number the last row of each key counts. It does not know the columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use runtime::archive::{Mode, RowMapper};
use runtime::stage::Record;
use serde::Serialize;
use serde_json::Value;

use super::table::pause;
use crate::clickhouse;
use crate::topic;

/// Rows by their hash: how often they must be there, less how often they are.
type Balance = BTreeMap<u64, i64>;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Compared {
    /// Rows that must be there.
    pub(crate) rows_compared: u64,
    /// Rows that are missing, too many or others.
    pub(crate) rows_different: u64,
}

/// Compares all tables. The archive works behind, so it is given time until the limit.
pub(super) fn compare(brokers: &str, url: &str, limit: Duration) -> Result<Compared> {
    let (mut compared, deadline) = (Compared::default(), Instant::now() + limit);
    for plan in alert::archive::plans() {
        for mapper in &plan.mappers {
            let expected = expected(brokers, mapper.as_ref(), plan.mode)?;
            compared.rows_compared += expected.values().sum::<i64>() as u64;
            compared.rows_different += different(url, mapper.as_ref(), plan.mode, &expected, deadline)?;
        }
    }
    Ok(compared)
}

fn different(url: &str, mapper: &dyn RowMapper, mode: Mode, expected: &Balance, deadline: Instant) -> Result<u64> {
    let last = if mode == Mode::Upserts { " FINAL" } else { "" };
    let query = format!(
        "SELECT * FROM backstop.{}{last} SETTINGS date_time_output_format = 'unix_timestamp' FORMAT JSONEachRow",
        mapper.table()
    );
    loop {
        let mut balance = expected.clone();
        clickhouse::lines(url, &query, |line| {
            let row: Value = serde_json::from_str(line).with_context(|| format!("a row of {}", mapper.table()))?;
            *balance.entry(hash(&row)).or_default() -= 1;
            Ok(())
        })?;
        let different = balance.values().map(|count| count.unsigned_abs()).sum();
        if different == 0 || Instant::now() > deadline {
            return Ok(different);
        }
        pause();
    }
}

/// The rows that the table must have.
fn expected(brokers: &str, mapper: &dyn RowMapper, mode: Mode) -> Result<Balance> {
    let (mut all, mut latest) = (Balance::new(), BTreeMap::new());
    for topic in mapper.topics() {
        topic::for_each(brokers, &topic, |record| {
            for row in rows(mapper, record)? {
                match mode {
                    Mode::Intents { .. } => *all.entry(row).or_default() += 1,
                    // A key that leaves the topic stays in the table.
                    Mode::Upserts => {
                        latest.insert((record.partition, record.key.unwrap_or_default().to_vec()), row);
                    }
                }
            }
            Ok(())
        })?;
    }
    for row in latest.into_values() {
        *all.entry(row).or_default() += 1;
    }
    Ok(all)
}

/// The hashes of the rows of a record, each with its origin.
fn rows(mapper: &dyn RowMapper, record: &Record<'_>) -> Result<Vec<u64>> {
    let mut lines = Vec::new();
    mapper.rows(record, &mut lines).map_err(anyhow::Error::msg)?;
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let row = |line: &[u8]| {
        let mut row: Value = serde_json::from_slice(line)?;
        row["_topic"] = record.topic.into();
        row["_partition"] = record.partition.into();
        row["_offset"] = record.offset.into();
        Ok(hash(&row))
    };
    lines.map(row).collect()
}

fn hash(row: &Value) -> u64 {
    let mut text = String::new();
    spell(row, &mut text);
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A value in one spelling: a number reads as the text of it does, since ClickHouse decides by the column which it is.
fn spell(value: &Value, text: &mut String) {
    match value {
        Value::String(word) => text.push_str(word),
        Value::Array(values) => {
            text.push('[');
            for value in values {
                spell(value, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (name, value) in fields {
                let _ = write!(text, "{name}:");
                spell(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_the_same_from_both_sides_and_another_does_not() {
        let row = |text: &str| hash(&serde_json::from_str(text).expect("a row"));
        let written = row(r#"{"at":"1735689600.123","sums":[{"month":202501,"fen":-5}],"day":null}"#);
        assert_eq!(row(r#"{"day":null,"at":1735689600.123,"sums":[{"fen":-5,"month":202501}]}"#), written);
        assert_ne!(row(r#"{"day":null,"at":1735689600.123,"sums":[{"fen":-6,"month":202501}]}"#), written);
    }
}
