//! What a worker tells about itself while it runs. It does not know who listens.

use crate::stage::Figures;

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
    /// From the first flush to the end of the commit, in seconds.
    pub commit_seconds: f64,
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

/// Something that a worker has done.
#[derive(Debug)]
pub enum Happened<'a> {
    /// A transaction was committed.
    Committed(&'a Commit),
    /// A transaction was aborted, and why; its records come again.
    Aborted(&'a str),
    /// A restore went on, or what the worker owns has changed.
    Restoring(Restoring),
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
