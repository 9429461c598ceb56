//! The intent: which records an insert is about to hold, written down with the group's offset before the insert. It
//! knows neither Kafka nor ClickHouse.

use std::fmt;
use std::str::FromStr;

/// What one insert holds. As text, in the metadata of the committed offset: `v1|from|to|rows|crc|schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The committed offset, from which the records were read.
    pub from: i64,
    /// The offset of the last record.
    pub to: i64,
    /// Rows, over all tables.
    pub rows: u64,
    /// CRC-32 of the rows' bytes, over all tables in their order.
    pub crc: u32,
    /// The version of the mapping from records to rows.
    pub schema: u32,
}

/// The metadata of a committed offset is no intent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the metadata of the committed offset is no intent: {0:?}")]
pub struct NotAnIntent(String);

impl fmt::Display for Intent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, rows, crc, schema } = self;
        write!(formatter, "v1|{from}|{to}|{rows}|{crc:08x}|{schema}")
    }
}

impl FromStr for Intent {
    type Err = NotAnIntent;

    fn from_str(text: &str) -> Result<Self, NotAnIntent> {
        let wrong = || NotAnIntent(text.to_owned());
        let parts: Vec<&str> = text.split('|').collect();
        let ["v1", from, to, rows, crc, schema] = parts[..] else { return Err(wrong()) };
        let intent = Self {
            from: from.parse().map_err(|_| wrong())?,
            to: to.parse().map_err(|_| wrong())?,
            rows: rows.parse().map_err(|_| wrong())?,
            crc: u32::from_str_radix(crc, 16).map_err(|_| wrong())?,
            schema: schema.parse().map_err(|_| wrong())?,
        };
        if intent.from < 0 || intent.to < intent.from { Err(wrong()) } else { Ok(intent) }
    }
}

impl Intent {
    /// The deduplication token of one table's insert.
    pub fn token(&self, table: &str, topic: &str, partition: i32) -> String {
        format!("{table}:{topic}:{partition}:{}-{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_read_as_it_was_written_and_nothing_else_is() {
        let intent = Intent { from: 7, to: 99, rows: 1200, crc: 0x00ab_cdef, schema: 3 };
        assert_eq!(intent.to_string(), "v1|7|99|1200|00abcdef|3");
        assert_eq!(intent.to_string().parse(), Ok(intent));
        assert_eq!(intent.token("warnings", "warnings", 5), "warnings:warnings:5:7-99");
        for text in
            ["", "v1", "v2|7|99|1200|00abcdef|3", "v1|9|7|1|0|1", "v1|-1|7|1|0|1", "v1|7|9|1|xyz|1", "v1|7|9|1|0|1|"]
        {
            assert_eq!(text.parse::<Intent>(), Err(NotAnIntent(text.to_owned())));
        }
    }
}
