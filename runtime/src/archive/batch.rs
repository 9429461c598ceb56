//! The rows of one partition that go into one insert for each table. It knows neither Kafka nor ClickHouse.

use std::time::{Duration, Instant};

use super::RowMapper;
use super::intent::Intent;
use crate::stage::Record;

/// When a batch is inserted: at whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Rows, over all tables.
    pub(crate) rows: u64,
    /// Bytes of all rows.
    pub(crate) bytes: usize,
    /// Its age: early warnings cannot wait for a full one. None on the memory log, where no clock decides anything.
    pub(crate) age: Option<Duration>,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { rows: 100_000, bytes: 32 << 20, age: Some(Duration::from_secs(1)) }
    }
}

/// One table's rows.
#[derive(Debug, Default)]
pub(super) struct TableRows {
    pub(super) table: String,
    pub(super) lines: Vec<u8>,
    pub(super) rows: u64,
}

/// The rows of one partition, growing.
#[derive(Debug)]
pub(super) struct Batch {
    /// The committed offset.
    pub(super) from: i64,
    /// The offset of the last record; below `from` while there is none.
    pub(super) to: i64,
    pub(super) tables: Vec<TableRows>,
    since: Option<Instant>,
}

impl Batch {
    pub(super) fn new(from: i64) -> Self {
        Self { from, to: from - 1, tables: Vec::new(), since: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.to < self.from
    }

    pub(super) fn is_due(&self, limits: &BatchLimits) -> bool {
        let bytes: usize = self.tables.iter().map(|table| table.lines.len()).sum();
        let is_old = self.since.zip(limits.age).is_some_and(|(since, age)| since.elapsed() >= age);
        !self.is_empty() && (is_old || self.rows() >= limits.rows || bytes >= limits.bytes)
    }

    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Adds the rows that the mappers make of a record.
    pub(super) fn add(&mut self, mappers: &[&dyn RowMapper], record: &Record<'_>) -> Result<(), String> {
        self.since.get_or_insert_with(Instant::now);
        let origin = origin_fields(record);
        let mut lines = Vec::new();
        for (place, mapper) in mappers.iter().enumerate() {
            if self.tables.len() <= place {
                self.tables.push(TableRows { table: mapper.table().to_owned(), ..TableRows::default() });
            }
            lines.clear();
            mapper.rows(record, &mut lines)?;
            let table = &mut self.tables[place];
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                add_origin(line, &origin, &mut table.lines).map_err(|()| {
                    format!("the mapper of table {} wrote a line that is no JSON object", mapper.table())
                })?;
                table.rows += 1;
            }
        }
        self.to = record.offset;
        Ok(())
    }

    pub(super) fn intent(&self, schema: u32) -> Intent {
        let mut crc = crc32fast::Hasher::new();
        for table in &self.tables {
            crc.update(table.table.as_bytes());
            crc.update(&table.lines);
        }
        Intent { from: self.from, to: self.to, rows: self.rows(), crc: crc.finalize(), schema }
    }
}

fn origin_fields(record: &Record<'_>) -> Vec<u8> {
    let topic = serde_json::Value::from(record.topic);
    format!("\"_topic\":{topic},\"_partition\":{},\"_offset\":{}}}\n", record.partition, record.offset).into_bytes()
}

/// Copies a JSON object with the fields of its origin at its end.
fn add_origin(line: &[u8], origin: &[u8], lines: &mut Vec<u8>) -> Result<(), ()> {
    let object = line.trim_ascii().strip_suffix(b"}").ok_or(())?;
    lines.extend_from_slice(object);
    if object.trim_ascii() != b"{" {
        lines.push(b',');
    }
    lines.extend_from_slice(origin);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words;

    impl RowMapper for Words {
        fn table(&self) -> &'static str {
            "words"
        }

        fn topics(&self) -> Vec<String> {
            vec!["said".to_owned()]
        }

        fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
            lines.extend_from_slice(record.value.ok_or("a word has a value")?);
            Ok(())
        }
    }

    fn added(values: &[&str]) -> (String, Intent) {
        let mut batch = Batch::new(5);
        for (place, value) in values.iter().enumerate() {
            let record = Record {
                topic: "said",
                partition: 3,
                offset: 7 + place as i64,
                timestamp_ms: 0,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            };
            batch.add(&[&Words], &record).unwrap();
        }
        (batch.tables.iter().map(|table| String::from_utf8_lossy(&table.lines).into_owned()).collect(), batch.intent(1))
    }

    #[test]
    fn every_row_carries_its_origin() {
        let (lines, intent) = added(&["{\"a\":1}\n{}\n", "{\"a\":\"}\"} "]);
        let expected = "{\"a\":1,\"_topic\":\"said\",\"_partition\":3,\"_offset\":7}\n\
                        {\"_topic\":\"said\",\"_partition\":3,\"_offset\":7}\n\
                        {\"a\":\"}\",\"_topic\":\"said\",\"_partition\":3,\"_offset\":8}\n";
        assert_eq!(lines, expected);
        assert_eq!((intent.from, intent.to, intent.rows), (5, 8, 3));
    }

    #[test]
    fn the_same_records_have_the_same_intent_and_others_another() {
        assert_eq!(added(&["{\"a\":1}"]), added(&["{\"a\":1}"]));
        assert_ne!(added(&["{\"a\":1}"]).1, added(&["{\"a\":2}"]).1);
    }
}
