//! Keeps snapshots up while the loop runs, and begins restores with them. It knows no stage: what a snapshot holds is what
//! the stage publishes to its restore sources, or reads from them.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::observer::{Happened, Kept};
use super::slots::{Phase, Slot};
use super::trust::{CLOCKS_MS, lies_within, marked};
use super::{Worker, WorkerError};
use crate::log::{Log, LogError, Start};
use crate::partitioner::place;
use crate::snapshot::{
    Fault, FileId, Identity, Loader, Mark, RecordsBlock, Scan, SnapshotSettings, Writer, file_of, scan,
};
use crate::stage::{Outbox, PartitionId, Record, RestoreSource, RestoreUntil, Stage, Topology};

/// After so long a snapshot gets a mark although nothing was added, so that it does not grow too old.
const MARK_AGAIN: Duration = Duration::from_mins(10);

/// The snapshots of one worker.
#[derive(Debug)]
pub(super) struct Snapshots {
    settings: SnapshotSettings,
    cluster: String,
    pub(super) writer: Writer,
    pub(super) loader: Loader,
    /// Numbers the files that are read.
    loads: u64,
}

/// A source of a partition, as it is recorded.
#[derive(Clone, Debug)]
struct Recorded {
    source: RestoreSource,
    /// The place of its topic among the outputs, and how many partitions that has; none for an input.
    output: Option<(usize, i32)>,
}

/// Records what belongs into the snapshot of one partition.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: FileId,
    identity: Identity,
    sources: Vec<Recorded>,
    /// What the open transaction has written, or a restore has read.
    block: RecordsBlock,
    /// The same of the transaction that is being committed: closed, and empty where it has written nothing.
    sealed: Vec<u8>,
    /// Whether everything below the sources' ends is in the file: no mark before that, and none after a block was lost.
    is_complete: bool,
    /// Whether something was appended since the last mark.
    is_dirty: bool,
    /// A mark that was read and counts once a commit has shown that nobody else had the partition by then.
    pending: Option<Mark>,
    marked: Option<Instant>,
    /// When the last mark was made, by the log's clock.
    pub(crate) marked_at_ms: i64,
}

/// How the restore of a partition begins.
pub(super) struct Prepared {
    pub(super) recorder: Recorder,
    /// From where each source is read.
    pub(super) from: Vec<i64>,
    /// The number of the file that is read first.
    pub(super) load: Option<u64>,
    /// Why there was a file that is not used.
    pub(super) ignored: Option<String>,
}

impl Recorder {
    /// Takes what the outbox holds from this record on: the partition has just published it.
    pub(super) fn take_published(&mut self, outbox: &Outbox, from: usize) {
        for index in from..outbox.len() {
            let Some(record) = outbox.record(index) else { return };
            let is_it = |row: &&Recorded| {
                row.output.is_some_and(|(output, partitions)| {
                    output == record.output && place(record.placement, record.key, partitions) == row.source.partition
                })
            };
            if let Some(place) = position(&self.sources, is_it) {
                self.block.push(place, record.key, record.value);
            }
        }
    }

    /// Takes a record of the partition's input that is done, if it is held as state.
    pub(super) fn take_input(&mut self, record: &Record<'_>) {
        let is_it = |row: &&Recorded| row.output.is_none() && is_of(&row.source, record);
        if let Some(place) = position(&self.sources, is_it) {
            self.block.push(place, record.key, record.value);
        }
    }

    /// Takes a record that a restore has read from a source.
    pub(super) fn take_restored(&mut self, record: &Record<'_>) {
        if let Some(place) = position(&self.sources, |row| is_of(&row.source, record)) {
            self.block.push(place, record.key, record.value);
        }
    }

    /// What was recorded waits to be written. `input` is the offset that the input is committed up to with it.
    pub(super) fn seal(&mut self, input: i64) {
        self.sealed = self.block.close(input);
    }

    /// Forgets what an aborted transaction has written.
    pub(super) fn rolled_back(&mut self) {
        self.block.clear();
        self.is_dirty |= self.pending.take().is_some();
    }

    /// Whether a mark waits for a commit.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether so much was read that it should be written.
    pub(super) fn is_full(&self) -> bool {
        self.block.is_full()
    }

    /// The source at a place.
    pub(super) fn source(&self, place: u8) -> Option<&RestoreSource> {
        self.sources.get(usize::from(place)).map(|row| &row.source)
    }
}

fn position(sources: &[Recorded], is_it: impl Fn(&&Recorded) -> bool) -> Option<u8> {
    sources.iter().position(|row| is_it(&row)).map(|place| place as u8)
}

fn is_of(source: &RestoreSource, record: &Record<'_>) -> bool {
    source.partition == record.partition && source.topic == record.topic
}

impl Snapshots {
    /// Takes the folder.
    pub(super) fn new(settings: SnapshotSettings, cluster: String) -> Result<Self, Fault> {
        let writer = Writer::new(&settings)?;
        let loader = Loader::new(settings.in_background)?;
        Ok(Self { settings, cluster, writer, loader, loads: 0 })
    }

    /// Begins the restore of a partition with its snapshot, or a new snapshot with its restore.
    pub(super) fn prepare<L: Log>(
        &mut self,
        log: &mut L,
        topology: &Topology,
        start: &Start,
        sources: &[RestoreSource],
    ) -> Prepared {
        let identity = identity(topology.stage, &start.id, sources, &self.cluster);
        let path = file_of(&self.settings.folder, &start.id.topic, start.id.partition);
        let found = match scan(&path) {
            Ok(None) => Ok(None),
            Ok(Some(scan)) => usable(log, scan, &identity, start, sources),
            Err(fault) => Err(fault.to_string()),
        };
        let (ignored, found) = match found {
            Ok(found) => (None, found),
            Err(why) => (Some(why), None),
        };
        let (file, from, load) = match found {
            Some((scan, mark)) => {
                self.loads += 1;
                self.loader.read(self.loads, path.clone(), scan.whole_bytes);
                (self.writer.open(path, &scan), mark.offsets, Some(self.loads))
            }
            None => (self.writer.create(path, identity.clone()), vec![0; sources.len()], None),
        };
        let as_recorded = |source: &RestoreSource| {
            let output = topology.outputs.iter().position(|output| *output == source.topic);
            let output = output.filter(|_| source.until == RestoreUntil::End);
            Recorded { source: source.clone(), output: output.map(|place| (place, log.partitions(&source.topic))) }
        };
        let sources = sources.iter().map(as_recorded).collect();
        let recorder = Recorder {
            file,
            identity,
            sources,
            block: RecordsBlock::default(),
            sealed: Vec::new(),
            is_complete: false,
            is_dirty: false,
            pending: None,
            marked: None,
            marked_at_ms: 0,
        };
        Prepared { recorder, from, load, ignored }
    }

    /// Begins the file of a partition anew: what is there cannot be used.
    pub(super) fn begin_anew(&mut self, id: &PartitionId, recorder: &mut Recorder) {
        self.writer.close(recorder.file);
        let path = file_of(&self.settings.folder, &id.topic, id.partition);
        recorder.file = self.writer.create(path, recorder.identity.clone());
        recorder.block.clear();
    }

    /// Writes what was recorded and sealed: it is committed.
    pub(super) fn append(&mut self, recorder: &mut Recorder) {
        if recorder.sealed.is_empty() {
            return;
        }
        recorder.is_dirty = true;
        if !self.writer.append(recorder.file, std::mem::take(&mut recorder.sealed)) && recorder.is_complete {
            recorder.is_complete = false;
            tracing::warn!("the disk is too slow for snapshots: one gets no more marks until it is restored again");
        }
    }

    /// Whether every commit is followed by a mark.
    pub(super) fn marks_each_commit(&self) -> bool {
        self.settings.mark_every.is_none()
    }

    /// Whether it is time for a mark. With `at_once` it is whenever there is something to mark.
    pub(super) fn is_due(&self, recorder: &Recorder, at_once: bool) -> bool {
        let is_time = |every: Duration| recorder.marked.is_none_or(|marked| marked.elapsed() >= every);
        let is_due = match self.settings.mark_every {
            Some(every) if !at_once => is_time(if recorder.is_dirty { every } else { MARK_AGAIN }),
            _ => recorder.is_dirty,
        };
        recorder.is_complete && is_due
    }

    /// Reads a mark: everything below the stable ends of its sources that is of this partition is in the file, or comes
    /// from somebody who has taken the partition over. That nobody has is shown by the next commit, which is refused to a
    /// worker that is no member any more; only then the mark counts.
    fn read_mark<L: Log>(log: &mut L, recorder: &mut Recorder, input: i64) -> Result<(), LogError> {
        recorder.marked = Some(Instant::now());
        let at_ms = log.now_ms();
        let mut offsets = Vec::new();
        for Recorded { source, .. } in &recorder.sources {
            offsets.push(match source.until {
                RestoreUntil::End => log.stable_end(&source.topic, source.partition)?,
                RestoreUntil::Committed => input,
            });
        }
        recorder.pending = Some(Mark { at_ms, input, offsets });
        recorder.is_dirty = false;
        Ok(())
    }

    /// A commit has succeeded since the mark was read. Whether there was one.
    fn confirm_mark(&mut self, recorder: &mut Recorder) -> bool {
        let Some(mark) = recorder.pending.take().filter(|_| recorder.is_complete) else { return false };
        recorder.marked_at_ms = mark.at_ms;
        self.writer.mark(recorder.file, mark);
        true
    }

    /// A partition is restored: its file is complete from now on.
    pub(super) fn restored(&mut self, recorder: &mut Recorder, input: i64) {
        recorder.seal(input);
        self.append(recorder);
        (recorder.is_complete, recorder.is_dirty) = (true, true);
    }

    /// Nothing more comes for a partition.
    pub(super) fn close(&mut self, recorder: &Recorder) {
        self.writer.close(recorder.file);
    }

    /// Waits until the files are as they were ordered to be, so that they can be read.
    pub(super) fn settle(&mut self) {
        self.writer.settle();
    }
}

impl<S: Stage, L: Log> Worker<S, L> {
    /// Reads the marks of snapshots before a commit: of the one that has waited longest, so that no commit waits for many,
    /// or of all at once.
    pub(super) fn read_marks(&mut self, all: bool) {
        let Some(snapshots) = &self.snapshots else { return };
        let at_a_time = if all || snapshots.marks_each_commit() { usize::MAX } else { 1 };
        let due = self.slots.iter_mut().filter(|slot| slot.phase == Phase::Running);
        let mut due: Vec<_> = due
            .filter_map(|slot| Some((slot.recorder.as_mut()?, slot.committed)))
            .filter(|(recorder, _)| snapshots.is_due(recorder, all))
            .collect();
        due.sort_by_key(|(recorder, _)| recorder.marked_at_ms);
        for (recorder, input) in due.into_iter().take(at_a_time) {
            // A log that does not answer is not asked again and again.
            if let Err(error) = Snapshots::read_mark(&mut self.log, recorder, input) {
                tracing::debug!("a snapshot gets its mark later: {error}");
                break;
            }
        }
    }

    /// Marks snapshots while nothing is open or being committed: the group's offsets are committed once more as they are,
    /// which shows that the partitions are still this worker's.
    pub(super) fn mark_at_rest(&mut self, all: bool) -> Result<(), WorkerError> {
        if self.is_open() {
            return Ok(());
        }
        self.read_marks(all);
        let is_pending = |slot: &&Slot<S::Partition>| slot.recorder.as_ref().is_some_and(Recorder::is_pending);
        let positions: Vec<_> =
            self.slots.iter().filter(is_pending).map(|slot| (slot.id.clone(), slot.committed)).collect();
        if positions.is_empty() {
            return Ok(());
        }
        self.log.begin()?;
        match self.log.commit(&positions) {
            Ok(()) => self.confirm_marks(),
            // They wait for the next commit.
            Err(LogError::Abortable(_)) => self.log.abort()?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes the marks that were read before the commit that has just succeeded.
    pub(super) fn confirm_marks(&mut self) {
        let Some(snapshots) = &mut self.snapshots else { return };
        let recorders = self.slots.iter_mut().filter_map(|slot| slot.recorder.as_mut());
        if recorders.map(|recorder| snapshots.confirm_mark(recorder)).fold(false, |any, is_marked| any | is_marked) {
            self.tell_kept();
        }
    }

    pub(super) fn tell_kept(&mut self) {
        let Some(snapshots) = &self.snapshots else { return };
        let marks = self.slots.iter().filter_map(|slot| slot.recorder.as_ref()).map(|recorder| recorder.marked_at_ms);
        let oldest_ms = marks.filter(|at_ms| *at_ms > 0).min().unwrap_or(0);
        self.observer.happened(&Happened::Kept(Kept { bytes: snapshots.writer.bytes() as u64, oldest_ms }));
    }
}

/// Whose a snapshot is.
fn identity(stage: &str, id: &PartitionId, sources: &[RestoreSource], cluster: &str) -> Identity {
    let mut text = format!("{stage} {}/{} in {cluster}", id.topic, id.partition);
    for RestoreSource { topic, partition, until } in sources {
        let until = match until {
            RestoreUntil::End => "end",
            RestoreUntil::Committed => "committed",
        };
        let _ = write!(text, "\n{topic}/{partition} {until}");
    }
    Identity(text)
}

/// Whether a snapshot may be used, with its mark; an error says why not.
fn usable<L: Log>(
    log: &mut L,
    scan: Scan,
    identity: &Identity,
    start: &Start,
    sources: &[RestoreSource],
) -> Result<Option<(Scan, Mark)>, String> {
    let Some(mark) = marked(&scan, identity, start, log.now_ms())?.cloned() else { return Ok(None) };
    if mark.offsets.len() != sources.len() {
        return Err("its mark has another number of sources".to_owned());
    }
    for (source, offset) in sources.iter().zip(&mark.offsets) {
        let extent = log.extent(&source.topic, source.partition, mark.at_ms + CLOCKS_MS);
        lies_within(source, *offset, extent.map_err(|error| error.to_string())?)?;
    }
    Ok(Some((scan, mark)))
}
