//! Exactly once from Kafka into ClickHouse, which takes no part in Kafka's transactions. It knows no table's
//! columns: a [`RowMapper`] makes rows of records.
//!
//! Topics with delete retention go by **recorded intents** (section 3 of `kafka.md`): the range of an insert is
//! committed as the metadata of the offset before the insert; the insert carries a deduplication token made of the
//! range; on assignment a recorded intent is replayed, exactly, before anything new. A zombie can only insert an
//! intent that its successor replays first, under the same token. Compacted topics, whose ranges cannot be replayed
//! as they were, are **upserts by number**: rows may come twice, and the table keeps the highest number. So of the records of
//! one key in a batch only the newest becomes rows, as after a compaction.
//!
//! Every row gets the fields `_topic`, `_partition` and `_offset`.

mod batch;
mod clickhouse;
mod intent;
mod keeper;
mod ports;
mod worker;

pub(crate) use batch::BatchLimits;
pub use intent::{Intent, NotAnIntent};
pub(crate) use keeper::{Keeper, KeeperSettings};
pub(crate) use ports::Source;
pub use ports::Tables;
pub use worker::run;

use std::time::Duration;

use crate::stage::Record;

/// Makes the rows of one table.
pub trait RowMapper: Send + Sync {
    /// The table, in the database of the settings.
    fn table(&self) -> &str;

    /// The topics whose records become rows.
    fn topics(&self) -> Vec<String>;

    /// How long a row may wait for others to be inserted with it: ClickHouse takes few large inserts at a fraction of what many
    /// small ones cost it. A batch that is full does not wait.
    fn wait(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Appends any number of JSON objects, each on a line of its own: always the same bytes for the same record, so
    /// nothing of a clock and nothing random. An error halts the archive, since the record would be missing.
    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String>;
}

/// How inserts are kept from counting twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By recorded intents; only topics with delete retention.
    Intents {
        /// The version of the mapping. Raise it when a mapper makes other rows of the same record: an intent of an
        /// older version halts the archive instead of being replayed as something else.
        schema: u32,
    },
    /// By a number in the row; compacted topics, of which only the newest record of a key counts.
    Upserts,
}

/// What one archive thread does.
pub struct ArchivePlan {
    /// The consumer group, such as `archive` or `archive-upserts`; each plan needs its own.
    pub group: &'static str,
    /// How.
    pub mode: Mode,
    /// Into which tables. Several may read the same topic.
    pub mappers: Vec<Box<dyn RowMapper>>,
}
