//! The table `dead_letters`: why and where, with a hash of the bytes, never the bytes: they can hold a citizen number.

use runtime::archive::RowMapper;
use runtime::stage::Record;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::line;

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetters;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    reason: &'a str,
    stage: &'a str,
    department: &'a str,
    origin_topic: &'a str,
    origin_partition: i32,
    origin_offset: i64,
    value_sha256: String,
    value_bytes: usize,
    published_at: String,
}

impl RowMapper for DeadLetters {
    fn table(&self) -> &'static str {
        "dead_letters"
    }

    fn topics(&self) -> Vec<String> {
        vec!["ingest.dead-letters".to_owned()]
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let header = |name: &str| {
            let found = record.headers.iter().rev().find(|header| header.name == name);
            found.and_then(|header| std::str::from_utf8(header.value).ok()).unwrap_or_default()
        };
        let topic = header("__connect.errors.topic");
        let value = record.value.unwrap_or_default();
        // Of a record that was too large the letter has these in place of the value.
        let hash = match header("backstop.value.sha256") {
            "" => hex(&Sha256::digest(value)),
            hash => hash.to_owned(),
        };
        let row = Row {
            reason: header("backstop.reason"),
            stage: header("__connect.errors.stage"),
            department: topic.strip_prefix("feeds.").unwrap_or_default(),
            origin_topic: topic,
            origin_partition: header("__connect.errors.partition").parse().unwrap_or(-1),
            origin_offset: header("__connect.errors.offset").parse().unwrap_or(-1),
            value_sha256: hash,
            value_bytes: header("backstop.value.bytes").parse().unwrap_or(value.len()),
            published_at: super::entries::seconds(record.timestamp_ms),
        };
        line(&row, lines)
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
