//! What a worker tells about itself while it runs. It does not know who listens.

use crate::stage::{Figures, PartitionId};

/// One committed transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Commit {
    /// Input records applied, each once.
    pub records: u64,
    /// Their key and value bytes.
    pub record_bytes: u64,
    /// Records published.
    pub published: u64,
    /// Key, value and header bytes published.
    pub published_bytes: u64,
    /// From when it was handed in to the end of the commit, in seconds.
    pub commit_seconds: f64,
    /// From its first record until its commit was known, in seconds: so long what it says has waited at most.
    pub wait_seconds: f64,
    /// The timestamp of the newest record applied, in milliseconds since 1970-01-01T00:00:00Z.
    pub newest_timestamp_ms: i64,
}

/// How far restores are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restoring {
    /// Partitions owned.
    pub owned: usize,
    /// Partitions that are not ready yet.
    pub waiting: usize,
    /// Changelog records read since the worker was built.
    pub records: u64,
}

/// How one partition was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Restored {
    /// Records read of its snapshot.
    pub snapshot_records: u64,
    /// From when its snapshot was begun to its end, in seconds.
    pub snapshot_seconds: f64,
    /// Records read of its sources.
    pub source_records: u64,
    /// From the end of the snapshot until it was ready, in seconds.
    pub source_seconds: f64,
}

/// How the snapshots of a worker stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Their bytes together.
    pub bytes: u64,
    /// When the oldest of their last marks was made, in milliseconds since 1970-01-01T00:00:00Z.
    pub oldest_ms: i64,
}

/// Something that a worker has done.
#[derive(Debug)]
pub enum Happened<'a> {
    /// A transaction was committed.
    Committed(&'a Commit),
    /// A transaction was aborted, and why; its records come again.
    Aborted(&'a str),
    /// A restore went on, or what the worker owns has changed.
    Restoring(Restoring),
    /// A partition is ready.
    Restored(&'a PartitionId, Restored),
    /// The snapshot of a partition is not used, and why: it is restored from its sources alone.
    Ignored(&'a PartitionId, &'a str),
    /// Snapshots were marked.
    Kept(Kept),
    /// The figures of the partitions, at most one time per [`crate::worker::Settings::figures_every`].
    Figures(&'a Figures),
}

/// Who listens to a worker.
pub trait Observer {
    /// Takes note.
    fn happened(&mut self, what: &Happened<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn happened(&mut self, _: &Happened<'_>) {}
}
