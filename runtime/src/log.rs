//! The port between the one loop and a log: what the loop asks of Kafka or of the memory log, and what it is told.
//! It knows no stage and no client library.

use std::time::Duration;

use crate::stage::{Outbox, PartitionCounts, PartitionId, Record};

/// Why a log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The open transaction must be aborted; then the work goes on from the committed offsets.
    #[error("the transaction must be aborted: {0}")]
    Abortable(String),
    /// Whether the last call took effect is unknown, or the client is of no more use: the worker, its clients and
    /// its state are thrown away and built anew.
    #[error("the worker must be built anew: {0}")]
    Broken(String),
    /// The other side answers and refuses this client, by its user or by TLS: while nothing was ever connected a setting
    /// is wrong and the process ends; later it is waited for like a broker that is away.
    #[error("{0}")]
    Refused(String),
    /// Going on would lose something; a person must decide. The process ends.
    #[error("{0}")]
    Halt(String),
}

/// What one poll brought.
#[derive(Debug)]
pub enum Polled<R> {
    /// A record; what the loop made of it.
    Record(R),
    /// The log gave these partitions to this worker. The loop answers with [`Log::accept`].
    Assigned(Vec<PartitionId>),
    /// The log takes these partitions back; the loop answers with [`Log::release`].
    Revoked {
        /// Which.
        ids: Vec<PartitionId>,
        /// Somebody else may own them already: nothing of theirs may be committed any more.
        lost: bool,
    },
    /// Nothing came within the wait.
    Idle,
}

/// Where an accepted partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The partition.
    pub id: PartitionId,
    /// The committed offset; none where the group has none for it.
    pub committed: Option<i64>,
    /// The earliest offset that the log still has.
    pub earliest: i64,
}

impl Start {
    /// The partition with the offset from which it is read, where nothing else is known.
    pub(crate) fn position(&self) -> (PartitionId, i64) {
        (self.id.clone(), self.committed.unwrap_or(self.earliest).max(self.earliest))
    }
}

/// How far a partition reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The earliest offset that the log still has.
    pub earliest: i64,
    /// Every record below is decided: committed or aborted.
    pub end: i64,
    /// The first offset with a record stamped at or after the time that was asked for; none where there is no such record.
    pub first_since: Option<i64>,
}

/// Up to where a reader reads one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Everything that was written when the reading began, once the transactions open then are decided.
    End,
    /// Every record below this offset.
    Offset(i64),
}

/// What one poll of a reader brought.
#[derive(Debug)]
pub enum Read<R> {
    /// A record; what the caller made of it.
    Record(R),
    /// This partition is read as far as was asked, and no longer read.
    Finished {
        /// Its topic.
        topic: String,
        /// Its number.
        partition: i32,
    },
    /// Nothing yet.
    Nothing,
}

/// Reads partitions beside the group: changelogs at a restore, the reference topic. Committed records only.
pub trait Reader {
    /// Begins to read a partition. At most one partition with a given number is read at a time, whatever its topic.
    fn start(&mut self, topic: &str, partition: i32, from: i64, until: Until) -> Result<(), LogError>;

    /// Waits at most `wait` for the next record of any partition that is being read.
    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Read<R>, LogError>;

    /// Stops reading a partition, finished or not.
    fn stop(&mut self, topic: &str, partition: i32) -> Result<(), LogError>;
}

/// A log as one worker of one stage sees it.
pub trait Log: PartitionCounts {
    /// What reads beside the group.
    type Reader: Reader;

    /// Waits at most `wait` for the next event. A record is handed to `take` while the log holds its bytes.
    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError>;

    /// Takes the partitions on, paused, and says where each begins.
    fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError>;

    /// The offset that the group has committed for a partition by now; none where it has none.
    fn committed(&mut self, id: &PartitionId) -> Result<Option<i64>, LogError>;

    /// Takes partitions on once more that are accepted already: pauses them, and says where each begins now.
    fn accept_again(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError>;

    /// Lets a paused partition flow, from this offset.
    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError>;

    /// Gives the partitions back.
    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError>;

    /// Goes back to these offsets: the next records come from there.
    fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError>;

    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), LogError>;

    /// Whether what is published now is taken at once. While the log does not have all of the transaction that was handed in
    /// before, a call to publish waits for that.
    fn takes_at_once(&mut self) -> bool {
        true
    }

    /// Publishes all that the outbox holds in the open transaction. Where the one that was handed in before turns out to have
    /// failed, it fails in the same way.
    fn publish(&mut self, outbox: &Outbox) -> Result<(), LogError>;

    /// Puts the group's next offsets into the open transaction and begins to commit it. Another one may be opened before its
    /// outcome is known, which the log orders behind it; it may not be handed in before.
    fn hand_in(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError>;

    /// What became of the transaction that was handed in: how long its commit took, none while that is not known. With
    /// `wait` it is waited for.
    fn outcome(&mut self, wait: bool) -> Result<Option<Duration>, LogError>;

    /// Puts the group's next offsets into the open transaction, commits it and waits for that.
    fn commit(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.hand_in(positions)?;
        self.outcome(true).map(drop)
    }

    /// Aborts the open transaction and the one that was handed in and failed, whichever there is.
    fn abort(&mut self) -> Result<(), LogError>;

    /// A reader of other partitions.
    fn reader(&mut self) -> Result<Self::Reader, LogError>;

    /// What tells this log from others of its kind.
    fn cluster(&mut self) -> Result<String, LogError>;

    /// The clock by which records are stamped, as far as it is known here, in milliseconds since 1970-01-01T00:00:00Z.
    /// For snapshots only: no decision of a stage reads it.
    fn now_ms(&self) -> i64;

    /// How far a partition reaches, of any topic; `since_ms` in milliseconds since 1970-01-01T00:00:00Z.
    fn extent(&mut self, topic: &str, partition: i32, since_ms: i64) -> Result<Extent, LogError>;

    /// The offset of a partition below which everything is decided. It is asked for before a commit, when this worker's own
    /// transaction may be open, and must not take long.
    fn stable_end(&mut self, topic: &str, partition: i32) -> Result<i64, LogError>;
}
