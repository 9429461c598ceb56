//! The archive's work: fills batches, records intents, inserts, replays, waits while the tables take nothing. The same
//! on Kafka and on the memory log. It knows no table's columns.

use std::ops::Deref;
use std::time::{Duration, Instant};

use super::batch::{Batch, BatchLimits};
use super::intent::Intent;
use super::ports::{Source, Tables};
use super::{ArchivePlan, Mode};
use crate::log::{LogError, Polled, Read, Reader, Until};
use crate::stage::{PartitionId, Record};
use crate::worker::{Turn, WorkerError};

/// How long the records of a recorded intent may take to be read again.
const REPLAY_LIMIT: Duration = Duration::from_mins(1);
/// How long one look at the reader of a recorded intent waits.
const REPLAY_POLL: Duration = Duration::from_millis(100);

/// How an archive works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeeperSettings {
    /// When a batch is inserted.
    pub(crate) batch: BatchLimits,
    /// The wait before an insert is tried again; it doubles up to the maximum.
    pub(crate) retry_min: Duration,
    pub(crate) retry_max: Duration,
}

/// What an archive tells of what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// Partitions are assigned.
    Ready,
    /// Rows are in a table.
    Inserted { table: &'a str, rows: u64 },
    /// A table took no rows, or did not say so.
    Failed { table: &'a str, what: &'a str, again_in: Duration },
    /// An intent was read again.
    Replayed { table: &'a str },
    /// Whether it waits for the tables.
    Waiting(bool),
}

/// An owned partition.
struct Part {
    id: PartitionId,
    batch: Batch,
    /// Whether the batch's intent is recorded: from then on it must not change.
    intended: bool,
}

/// An insert that failed; until it is done nothing else is read.
struct Stuck {
    id: PartitionId,
    retry_at: Instant,
    wait: Duration,
}

/// An archive: one source, the tables, the batches of the owned partitions.
pub(crate) struct Keeper<P, S, T> {
    plan: P,
    source: S,
    tables: T,
    settings: KeeperSettings,
    parts: Vec<Part>,
    stuck: Option<Stuck>,
    tell: Box<dyn Fn(Told<'_>)>,
}

impl<P: Deref<Target = ArchivePlan>, S: Source, T: Tables> Keeper<P, S, T> {
    /// An archive that owns nothing yet.
    pub(crate) fn new(
        plan: P,
        source: S,
        tables: T,
        settings: KeeperSettings,
        tell: impl Fn(Told<'_>) + 'static,
    ) -> Self {
        Self { plan, source, tables, settings, parts: Vec::new(), stuck: None, tell: Box::new(tell) }
    }

    /// The source, for what only one log knows.
    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Whether records were read that are not in the tables.
    pub(crate) fn is_open(&self) -> bool {
        self.parts.iter().any(|part| !part.batch.is_empty())
    }

    /// Whether an insert has failed and is waited for: then nothing is read.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }

    /// The owned partitions, each with the offset that is committed for it.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&PartitionId, i64)> {
        self.parts.iter().map(|part| (&part.id, part.batch.from))
    }

    /// Polls once and handles what came. Waits at most `wait`.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<Turn, WorkerError> {
        let Self { source, parts, stuck, plan, settings, .. } = self;
        let polled = source.poll(wait, |record| {
            let part =
                parts.iter_mut().find(|part| part.id.partition == record.partition && part.id.topic == record.topic);
            match part {
                // While an insert is stuck everything is paused; what slips through comes again.
                Some(part) if stuck.is_none() && !part.intended => {
                    add(plan, &mut part.batch, record).map(|()| part.batch.is_due(&settings.batch))
                }
                _ => Ok(false),
            }
        })?;
        match polled {
            Polled::Record(Ok(true)) => self.flush_due()?,
            Polled::Record(Ok(false)) => {}
            Polled::Record(Err(error)) => return Err(error),
            Polled::Assigned(ids) => self.assigned(&ids)?,
            Polled::Revoked { ids, .. } => {
                // An intent that is recorded is replayed by the next owner.
                self.parts.retain(|part| !ids.contains(&part.id));
                self.source.release(&ids)?;
            }
            Polled::Idle => return Ok(Turn::Idle),
        }
        Ok(Turn::Worked)
    }

    fn assigned(&mut self, ids: &[PartitionId]) -> Result<(), WorkerError> {
        let mut positions = Vec::new();
        let mut fresh = Vec::new();
        for (start, metadata) in self.source.committed(ids)? {
            let (id, earliest) = (start.id, start.earliest);
            if start.committed.is_some_and(|committed| committed < earliest) {
                tracing::error!(
                    topic = id.topic,
                    partition = id.partition,
                    earliest,
                    "records were deleted unarchived"
                );
            }
            let from = start.committed.unwrap_or(earliest).max(earliest);
            let intended = !metadata.is_empty();
            let batch = if intended { self.replay(&id, &metadata)? } else { Batch::new(&self.plan, &id.topic, from) };
            let part = Part { id, batch, intended };
            positions.push((part.id.clone(), part.batch.to + 1));
            fresh.push(part);
        }
        self.source.assign(&positions)?;
        let partitions = fresh.len() as u32;
        for (place, part) in (1..).zip(&mut fresh) {
            part.batch.come_of_age_by(place, partitions);
        }
        self.parts.extend(fresh);
        (self.tell)(Told::Ready);
        self.go_on()
    }

    /// Reads exactly the records of a recorded intent again.
    fn replay(&mut self, id: &PartitionId, metadata: &str) -> Result<Batch, WorkerError> {
        let place = format!("{} {}/{}", self.plan.group, id.topic, id.partition);
        let halt = |what: String| WorkerError::Halt(format!("{place}: {what}"));
        let intent: Intent = metadata.parse().map_err(|error| halt(format!("{error}")))?;
        let mut batch = Batch::new(&self.plan, &id.topic, intent.from);
        let mut reader = self.source.reader()?;
        reader.start(&id.topic, id.partition, intent.from, Until::Offset(intent.to + 1))?;
        let started = Instant::now();
        loop {
            match reader.poll(REPLAY_POLL, |record| add(&self.plan, &mut batch, record))? {
                Read::Record(added) => added?,
                Read::Finished { .. } => break,
                Read::Nothing if started.elapsed() < REPLAY_LIMIT => {}
                Read::Nothing => {
                    return Err(WorkerError::Rebuild(format!("{place}: {metadata} could not be read again")));
                }
            }
        }
        let found = batch.intent(self.schema());
        if found != intent {
            return Err(halt(format!(
                "the recorded intent {intent} is now {found}: the records or their mapping have changed. Run the \
                 version that recorded it until the intent is done, or delete the intent after having made sure that \
                 the table holds its rows"
            )));
        }
        for table in &batch.tables {
            (self.tell)(Told::Replayed { table: &table.table });
        }
        tracing::info!("{place}: intent {intent} is replayed");
        Ok(batch)
    }

    fn schema(&self) -> u32 {
        if let Mode::Intents { schema } = self.plan.mode { schema } else { 0 }
    }

    /// Inserts what is due; while stuck, only what is stuck, when its time has come.
    pub(crate) fn flush_due(&mut self) -> Result<(), WorkerError> {
        let limits = self.settings.batch;
        self.flush_all(|batch| batch.is_due(&limits))
    }

    /// The same of everything that was read, as when it comes of age.
    pub(crate) fn flush_open(&mut self) -> Result<(), WorkerError> {
        self.flush_all(|batch| !batch.is_empty())
    }

    fn flush_all(&mut self, is_wanted: impl Fn(&Batch) -> bool) -> Result<(), WorkerError> {
        if let Some(stuck) = &self.stuck {
            if Instant::now() < stuck.retry_at {
                return Ok(());
            }
            if let Some(index) = self.parts.iter().position(|part| part.id == stuck.id) {
                self.flush(index)?;
            } else {
                self.stuck = None;
            }
            return self.go_on();
        }
        for index in 0..self.parts.len() {
            if is_wanted(&self.parts[index].batch) && !self.flush(index)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Unless stuck: inserts replayed intents, then lets everything flow.
    fn go_on(&mut self) -> Result<(), WorkerError> {
        for index in 0..self.parts.len() {
            if self.stuck.is_some() || (self.parts[index].intended && !self.flush(index)?) {
                return Ok(());
            }
        }
        if self.stuck.is_none() {
            (self.tell)(Told::Waiting(false));
            for part in &self.parts {
                self.source.resume(&part.id, part.batch.to + 1)?;
            }
        }
        Ok(())
    }

    /// Records the intent, inserts, and commits. Whether it is done; if not, everything is paused until it is.
    fn flush(&mut self, index: usize) -> Result<bool, WorkerError> {
        let schema = self.schema();
        let part = &mut self.parts[index];
        let made = part.batch.make_rows(&self.plan);
        made.map_err(|(offset, what)| no_rows(&self.plan, &part.id.topic, part.id.partition, offset, &what))?;
        let intent = matches!(self.plan.mode, Mode::Intents { .. }).then(|| part.batch.intent(schema));
        if let Some(intent) = intent.filter(|_| !part.intended && part.batch.rows() > 0) {
            self.source.commit_with(&part.id, part.batch.from, &intent.to_string())?;
            part.intended = true;
        }
        for table in part.batch.tables.iter().filter(|table| table.rows > 0) {
            let token = intent.map(|intent| intent.token(&table.table, &part.id.topic, part.id.partition));
            if let Err(what) = self.tables.insert(&table.table, &table.lines, token.as_deref()) {
                let id = part.id.clone();
                let table = table.table.clone();
                self.stick(id, &table, &what)?;
                return Ok(false);
            }
            (self.tell)(Told::Inserted { table: &table.table, rows: table.rows });
        }
        self.source.commit_with(&part.id, part.batch.to + 1, "")?;
        part.batch = Batch::new(&self.plan, &part.id.topic, part.batch.to + 1);
        part.intended = false;
        self.stuck = None;
        Ok(true)
    }

    /// Waits for the tables: nothing is lost, since nothing is committed, and nothing is read that would be held.
    fn stick(&mut self, id: PartitionId, table: &str, what: &str) -> Result<(), LogError> {
        let KeeperSettings { retry_min, retry_max, .. } = self.settings;
        let wait = self.stuck.as_ref().map_or(retry_min, |stuck| (stuck.wait * 2).min(retry_max));
        (self.tell)(Told::Failed { table, what, again_in: wait });
        if self.stuck.is_none() {
            (self.tell)(Told::Waiting(true));
            let positions: Vec<_> = self.parts.iter().map(|part| (part.id.clone(), part.batch.to + 1)).collect();
            self.source.pause(&positions)?;
        }
        self.stuck = Some(Stuck { id, retry_at: Instant::now() + wait, wait });
        Ok(())
    }
}

/// Takes a record into a batch.
fn add(plan: &ArchivePlan, batch: &mut Batch, record: &Record<'_>) -> Result<(), WorkerError> {
    let Record { topic, partition, offset, .. } = record;
    batch.add(plan, record).map_err(|what| no_rows(plan, topic, *partition, *offset, &what))
}

/// A record of which no rows can be made would be missing: the archive does not go on.
fn no_rows(plan: &ArchivePlan, topic: &str, partition: i32, offset: i64, what: &str) -> WorkerError {
    WorkerError::Halt(format!("{}: {topic}/{partition} at offset {offset}: {what}", plan.group))
}
