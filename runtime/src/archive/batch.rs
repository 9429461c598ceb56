//! The rows of one partition that go into one insert for each table. It knows neither Kafka nor ClickHouse.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::intent::Intent;
use super::{ArchivePlan, Mode};
use crate::held::HeldRecord;
use crate::stage::Record;

/// When a batch is inserted: at whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Rows, over all tables.
    pub(crate) rows: u64,
    /// Bytes of all rows.
    pub(crate) bytes: usize,
    /// Bytes of the records that are to become rows when the batch is inserted: rows in text are several times as large.
    pub(crate) held_bytes: usize,
    /// Whether it is inserted when it is as old as its mappers allow. Not on the memory log, where no clock decides anything.
    pub(crate) by_age: bool,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { rows: 100_000, bytes: 32 << 20, held_bytes: 8 << 20, by_age: true }
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
    /// Of a compacted topic the newest record of each key: only that one becomes rows, when the batch is inserted.
    newest: HashMap<Vec<u8>, HeldRecord>,
    held_bytes: usize,
    since: Option<Instant>,
    /// How old it may become.
    wait: Duration,
    /// The mappers of its topic, by their places in the plan.
    mappers: Vec<usize>,
    /// What a mapper made of the last record, before its origin is added.
    made: Vec<u8>,
}

impl Batch {
    /// An empty one of a topic's partition, from the offset that is committed.
    pub(super) fn new(plan: &ArchivePlan, topic: &str, from: i64) -> Self {
        let all = plan.mappers.iter().enumerate();
        let mappers: Vec<usize> =
            all.filter(|(_, mapper)| mapper.topics().iter().any(|one| one == topic)).map(|(place, _)| place).collect();
        let table =
            |place: &usize| TableRows { table: plan.mappers[*place].table().to_owned(), ..TableRows::default() };
        Self {
            from,
            to: from - 1,
            tables: mappers.iter().map(table).collect(),
            newest: HashMap::new(),
            held_bytes: 0,
            since: None,
            wait: mappers.iter().map(|place| plan.mappers[*place].wait()).min().unwrap_or_default(),
            mappers,
            made: Vec::new(),
        }
    }

    /// Lets this batch, the `place`th of so many that begin together, come of age in its turn: the later ones of its partition
    /// then do not either come with the others', and ClickHouse has not everything to insert at once.
    pub(super) fn come_of_age_by(&mut self, place: u32, of: u32) {
        self.wait = self.wait * place / of.max(1);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.to < self.from
    }

    pub(super) fn is_due(&self, limits: &BatchLimits) -> bool {
        let bytes: usize = self.tables.iter().map(|table| table.lines.len()).sum();
        let is_old = limits.by_age && self.since.is_some_and(|since| since.elapsed() >= self.wait);
        let is_full = bytes >= limits.bytes || self.held_bytes >= limits.held_bytes;
        !self.is_empty() && (is_old || is_full || self.rows() + self.newest.len() as u64 >= limits.rows)
    }

    /// Rows that are made; those of compacted topics are not before [`Batch::make_rows`].
    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Takes a record: the rows that the plan's mappers make of it, or, where only the newest of a key counts, the record.
    pub(super) fn add(&mut self, plan: &ArchivePlan, record: &Record<'_>) -> Result<(), String> {
        self.since.get_or_insert_with(Instant::now);
        match plan.mode {
            Mode::Intents { .. } => self.map(plan, record)?,
            Mode::Upserts => self.hold(record),
        }
        self.to = record.offset;
        Ok(())
    }

    /// Keeps a record in the place of an older one of its key. A tombstone makes no rows, and takes no row's place.
    fn hold(&mut self, record: &Record<'_>) {
        if record.value.is_none() {
            return;
        }
        let held = HeldRecord::of(record);
        self.held_bytes += held.bytes();
        if let Some(old) = self.newest.insert(record.key.unwrap_or_default().to_vec(), held) {
            self.held_bytes -= old.bytes();
        }
    }

    /// Makes the rows of the records that were held until now, in their order. An error names the offset of its record.
    pub(super) fn make_rows(&mut self, plan: &ArchivePlan) -> Result<(), (i64, String)> {
        let mut held: Vec<_> = self.newest.drain().map(|(_, record)| record).collect();
        self.held_bytes = 0;
        held.sort_unstable_by_key(HeldRecord::offset);
        for record in held {
            record.with(|record| self.map(plan, record)).map_err(|what| (record.offset(), what))?;
        }
        Ok(())
    }

    /// Adds the rows that the mappers make of a record.
    fn map(&mut self, plan: &ArchivePlan, record: &Record<'_>) -> Result<(), String> {
        let origin = origin_fields(record);
        for (table, place) in self.tables.iter_mut().zip(&self.mappers) {
            let mapper = &plan.mappers[*place];
            self.made.clear();
            mapper.rows(record, &mut self.made)?;
            for line in self.made.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                add_origin(line, &origin, &mut table.lines).map_err(|()| {
                    format!("the mapper of table {} wrote a line that is no JSON object", mapper.table())
                })?;
                table.rows += 1;
            }
        }
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
    use crate::archive::RowMapper;

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

    fn plan(mode: Mode) -> ArchivePlan {
        ArchivePlan { group: "archive", mode, mappers: vec![Box::new(Words)] }
    }

    fn said(offset: i64, key: Option<&'static str>, value: Option<&'static str>) -> Record<'static> {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        Record { topic: "said", partition: 3, offset, timestamp_ms: 0, key, value, headers: &[] }
    }

    fn added(values: &[&'static str]) -> (String, Intent) {
        let plan = plan(Mode::Intents { schema: 1 });
        let mut batch = Batch::new(&plan, "said", 5);
        for (offset, value) in (7..).zip(values) {
            batch.add(&plan, &said(offset, None, Some(value))).unwrap();
        }
        (lines(&batch), batch.intent(1))
    }

    fn lines(batch: &Batch) -> String {
        batch.tables.iter().map(|table| String::from_utf8_lossy(&table.lines)).collect()
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

    #[test]
    fn of_a_compacted_topic_the_newest_record_of_each_key_becomes_rows() {
        let plan = plan(Mode::Upserts);
        let mut batch = Batch::new(&plan, "said", 0);
        let rows = [
            ("a", Some("{\"n\":1}")),
            ("b", Some("{\"n\":1}")),
            ("a", Some("{\"n\":2}")),
            ("c", Some("{\"n\":1}")),
            ("c", None),
            ("a", Some("{\"n\":3}")),
        ];
        for (offset, (key, value)) in (0..).zip(rows) {
            batch.add(&plan, &said(offset, Some(key), value)).unwrap();
        }
        assert_eq!((batch.to, batch.rows()), (5, 0));
        batch.make_rows(&plan).unwrap();
        let row = |n, offset| format!("{{\"n\":{n},\"_topic\":\"said\",\"_partition\":3,\"_offset\":{offset}}}\n");
        assert_eq!(lines(&batch), [row(1, 1), row(1, 3), row(3, 5)].concat(), "b, c before its tombstone, the last a");
        // An insert that failed is tried again with the same rows.
        batch.make_rows(&plan).unwrap();
        assert_eq!(batch.rows(), 3);
    }

    #[test]
    fn batches_that_begin_together_come_of_age_one_after_the_other() {
        let waits = (1..=4).map(|place| {
            let mut batch = Batch::new(&plan(Mode::Upserts), "said", 0);
            batch.come_of_age_by(place, 4);
            batch.wait.as_millis()
        });
        assert_eq!(waits.collect::<Vec<_>>(), [250, 500, 750, 1_000]);
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_by_what_is_held() {
        let plan = plan(Mode::Upserts);
        let limits = BatchLimits { rows: 3, bytes: usize::MAX, held_bytes: 40, by_age: false };
        let rows = [("abc", 8, true), ("aaa", 8, false), ("ab", 19, true), ("aa", 19, false), ("", 0, false)];
        for (keys, bytes, is_due) in rows {
            let value: &str = Box::leak("x".repeat(bytes).into_boxed_str());
            let mut batch = Batch::new(&plan, "said", 0);
            for (offset, place) in (0..).zip(0..keys.len()) {
                let key: &str = Box::leak(keys[place..=place].to_owned().into_boxed_str());
                batch.add(&plan, &said(offset, Some(key), Some(value))).unwrap();
            }
            assert_eq!(batch.is_due(&limits), is_due, "{keys} of {bytes} bytes");
        }
    }
}
