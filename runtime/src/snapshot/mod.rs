//! Local snapshots of partitions: what a restore would otherwise read from changelogs, kept beside the worker, so that
//! a restart reads only the tail. It knows no stage, no log and no loop.
//!
//! The snapshot of a partition is one file to which the records of its restore sources are appended, after the
//! transaction that wrote them has committed: the loop has these bytes in hand anyway, so that nothing is walked
//! through, locked or stalled. From time to time a mark says from which offsets on the sources must be read beside the
//! file. A file whose superseded records weigh more than its live ones is rewritten by a thread that reads the
//! file, never the state.
//!
//! What makes this safe is that a restore sets values by key: a file may hold less than the changelog (a mark is a lower
//! bound, and the tail is always read) or the same again, never something that was not committed.

mod format;
mod load;
mod rewrite;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use format::{Fault, Identity, Mark, RecordsBlock, Scan, scan};
pub(crate) use load::{Block, Loaded, Loader};
pub(crate) use write::{FileId, Writer};

/// After so long a snapshot is not used any more. A compacted changelog forgets the tombstones of keys after
/// `delete.retention.ms`, by default 24 h: a tail that begins before would bring these keys back.
pub(crate) const AGE_MAX: Duration = Duration::from_hours(12);
/// The end of a snapshot's name.
const EXTENSION: &str = "snapshot";
/// The end of the name of a file that is being rewritten.
const REWRITTEN: &str = "rewritten";

/// How snapshots are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// The folder of this worker alone; it is made where it is missing.
    pub folder: PathBuf,
    /// How often a partition gets a mark; none: at each commit.
    pub mark_every: Option<Duration>,
    /// Whether files are read and written by threads of their own; otherwise by the loop itself, so that what happens
    /// is the same each time.
    pub in_background: bool,
    /// A file is not rewritten below this many bytes.
    pub rewrite_bytes_min: u64,
}

impl SnapshotSettings {
    /// In the background, in this folder.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, mark_every: Some(Duration::from_secs(5)), in_background: true, rewrite_bytes_min: 64 << 20 }
    }

    /// By the loop itself, with a mark at each commit.
    pub fn in_turn(folder: PathBuf) -> Self {
        Self { folder, mark_every: None, in_background: false, rewrite_bytes_min: 1_024 }
    }
}

/// The file of a partition in a folder.
pub(crate) fn file_of(folder: &Path, topic: &str, partition: i32) -> PathBuf {
    folder.join(format!("{topic}-{partition}.{EXTENSION}"))
}
