//! What the archive asks of a log and of a database: a group whose offsets carry metadata, and tables that take rows. It
//! knows neither Kafka nor ClickHouse.

use std::time::Duration;

use crate::log::{LogError, Polled, Reader, Start};
use crate::stage::{PartitionId, Record};

/// Where rows go.
pub trait Tables {
    /// Inserts lines of JSON, all of them or none, and waits until that is acknowledged. With a token the same insert
    /// again changes nothing. After an error it is unknown whether the rows are there; the text says what is wrong.
    fn insert(&self, table: &str, lines: &[u8], token: Option<&str>) -> Result<(), String>;
}

/// Where records come from: a member of a group that commits outside any transaction. The calls mean what they mean in
/// [`crate::log::Log`].
pub(crate) trait Source {
    /// What reads beside the group.
    type Reader: Reader;

    /// Waits at most `wait` for the next event.
    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError>;

    /// What is committed for partitions, with the metadata that was committed along; empty where nothing was.
    fn committed(&mut self, ids: &[PartitionId]) -> Result<Vec<(Start, String)>, LogError>;

    /// Takes partitions on from these offsets, paused.
    fn assign(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError>;

    /// Gives partitions back.
    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError>;

    /// Stops the flow of partitions; what was fetched of them comes again after a resume.
    fn pause(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError>;

    /// Lets a paused partition flow, from this offset.
    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError>;

    /// Commits an offset with metadata and waits until that is acknowledged; fails for whom the group has given up.
    fn commit_with(&mut self, id: &PartitionId, offset: i64, metadata: &str) -> Result<(), LogError>;

    /// A reader of other partitions.
    fn reader(&mut self) -> Result<Self::Reader, LogError>;
}
