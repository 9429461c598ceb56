//! The archive's thread: reads in a group, fills batches, records intents, inserts, waits while ClickHouse is away.
//! It knows no table's columns.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::batch::Batch;
use super::clickhouse::Database;
use super::intent::Intent;
use super::{ArchivePlan, Mode, RowMapper};
use crate::config::ClickHouseSettings;
use crate::kafka::{Group, Identity, KafkaReader, Undecided, WorkerFault, WorkerSpec, keep_going};
use crate::log::{LogError, Polled, Read, Reader, Until};
use crate::stage::{PartitionId, Record};
use crate::telemetry::Waiting;
use crate::worker::WorkerError;

const POLL: Duration = Duration::from_millis(100);
/// How often batches are looked at for their age.
const DUE_EVERY: Duration = Duration::from_millis(50);
const LAG_EVERY: Duration = Duration::from_secs(5);
/// How long the records of a recorded intent may take to be read again.
const REPLAY_LIMIT: Duration = Duration::from_mins(1);
/// The wait before an insert is tried again; it doubles up to the maximum.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);

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

struct Archive<'a> {
    spec: &'a WorkerSpec,
    identity: Identity,
    plan: &'a ArchivePlan,
    database: &'a Database,
    group: Group,
    parts: Vec<Part>,
    stuck: Option<Stuck>,
    undecided: Undecided,
    waiting: &'a Waiting,
}

/// Runs an archive until it is asked to stop. What is in a batch then is read again by the next start.
pub fn run(
    spec: &WorkerSpec,
    settings: &ClickHouseSettings,
    handle: &Handle,
    plan: &ArchivePlan,
) -> Result<(), WorkerFault> {
    let id = format!("{}-{}-0", plan.group, spec.settings.instance_ordinal);
    let refused = |what: String| WorkerFault { worker: id.clone(), what, in_settings: true };
    let database = Database::new(settings, handle).map_err(|faults| refused(faults.to_string()))?;
    keep_going(spec, plan.group, &id, |link| {
        spec.metrics.set_ready(&id, false);
        let identity = Identity { group: plan.group.to_owned(), id: id.clone() };
        let group = Group::new(&spec.connection, &identity, &spec.metrics)?;
        let metadata = group.metadata()?;
        let mut topics: Vec<String> = plan.mappers.iter().flat_map(|mapper| mapper.topics()).collect();
        topics.sort();
        topics.dedup();
        let is_known = |topic: &&String| metadata.topics().iter().all(|known| known.name() != topic.as_str());
        let absent: Vec<&str> = topics.iter().filter(is_known).map(String::as_str).collect();
        if !absent.is_empty() {
            let what = format!("these topics do not exist, create them first: {}", absent.join(", "));
            return Err(WorkerError::Rebuild(what));
        }
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        group.subscribe(&topics)?;
        link.connected();
        let (database, waiting) = (&database, &link.waiting);
        let undecided = Undecided::new(&spec.connection, &identity, &spec.metrics);
        Archive { spec, identity, plan, database, group, parts: Vec::new(), stuck: None, undecided, waiting }.run()
    })
}

impl Archive<'_> {
    fn run(&mut self) -> Result<(), WorkerError> {
        let (mut looked, mut lag_told) = (Instant::now(), Instant::now());
        while !self.spec.stop.is_requested() {
            self.turn()?;
            if looked.elapsed() >= DUE_EVERY {
                looked = Instant::now();
                self.flush_due()?;
            }
            if lag_told.elapsed() >= LAG_EVERY {
                lag_told = Instant::now();
                self.tell_lag();
            }
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        let Self { group, parts, stuck, plan, .. } = self;
        let polled = group.poll(POLL.min(DUE_EVERY), |record| {
            let part =
                parts.iter_mut().find(|part| part.id.partition == record.partition && part.id.topic == record.topic);
            match part {
                // While an insert is stuck everything is paused; what slips through comes again.
                Some(part) if stuck.is_none() && !part.intended => {
                    add(plan, &mut part.batch, record).map(|()| part.batch.is_due())
                }
                _ => Ok(false),
            }
        })?;
        match polled {
            Polled::Record(Ok(true)) => self.flush_due(),
            Polled::Record(Ok(false)) | Polled::Idle => Ok(()),
            Polled::Record(Err(error)) => Err(error),
            Polled::Assigned(ids) => self.assigned(&ids),
            Polled::Revoked { ids, .. } => {
                // An intent that is recorded is replayed by the next owner.
                self.parts.retain(|part| !ids.contains(&part.id));
                self.group.release(&ids)?;
                Ok(())
            }
        }
    }

    fn assigned(&mut self, ids: &[PartitionId]) -> Result<(), WorkerError> {
        let mut positions = Vec::new();
        let mut fresh = Vec::new();
        for accepted in self.group.committed(ids)? {
            let id = accepted.start.id;
            let earliest = accepted.start.earliest;
            if accepted.start.committed.is_some_and(|committed| committed < earliest) {
                tracing::error!(
                    topic = id.topic,
                    partition = id.partition,
                    earliest,
                    "records were deleted unarchived"
                );
            }
            let from = accepted.start.committed.unwrap_or(earliest).max(earliest);
            let part = if accepted.metadata.is_empty() {
                Part { id, batch: Batch::new(from), intended: false }
            } else {
                let batch = self.replay(&id, &accepted.metadata)?;
                Part { id, batch, intended: true }
            };
            positions.push((part.id.clone(), part.batch.to + 1));
            fresh.push(part);
        }
        self.group.assign(&positions)?;
        self.parts.extend(fresh);
        self.spec.metrics.set_ready(&self.identity.id, true);
        self.go_on()
    }

    /// Reads exactly the records of a recorded intent again.
    fn replay(&self, id: &PartitionId, metadata: &str) -> Result<Batch, WorkerError> {
        let place = format!("{} {}/{}", self.plan.group, id.topic, id.partition);
        let halt = |what: String| WorkerError::Halt(format!("{place}: {what}"));
        let intent: Intent = metadata.parse().map_err(|error| halt(format!("{error}")))?;
        let mut batch = Batch::new(intent.from);
        let mut reader = KafkaReader::new(&self.spec.connection, &self.identity, &self.spec.metrics)?;
        reader.start(&id.topic, id.partition, intent.from, Until::Offset(intent.to + 1))?;
        let started = Instant::now();
        loop {
            match reader.poll(POLL, |record| add(self.plan, &mut batch, record))? {
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
            self.spec.metrics.archive_replayed(&table.table);
        }
        tracing::info!("{place}: intent {intent} is replayed");
        Ok(batch)
    }

    fn schema(&self) -> u32 {
        if let Mode::Intents { schema } = self.plan.mode { schema } else { 0 }
    }

    /// Inserts what is due; while stuck, only what is stuck, when its time has come.
    fn flush_due(&mut self) -> Result<(), WorkerError> {
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
            if self.parts[index].batch.is_due() && !self.flush(index)? {
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
            self.waiting.set("clickhouse", false);
            for part in &self.parts {
                self.group.resume(&part.id, part.batch.to + 1)?;
            }
        }
        Ok(())
    }

    /// Records the intent, inserts, and commits. Whether it is done; if not, everything is paused until it is.
    fn flush(&mut self, index: usize) -> Result<bool, WorkerError> {
        let schema = self.schema();
        let part = &mut self.parts[index];
        let intent = part.batch.intent(schema);
        let by_intents = matches!(self.plan.mode, Mode::Intents { .. });
        if by_intents && !part.intended && part.batch.rows() > 0 {
            self.group.commit_with(&part.id, part.batch.from, &intent.to_string())?;
            part.intended = true;
        }
        for table in part.batch.tables.iter().filter(|table| table.rows > 0) {
            let token = by_intents.then(|| intent.token(&table.table, &part.id.topic, part.id.partition));
            if let Err(what) = self.database.insert(&table.table, &table.lines, token.as_deref()) {
                self.spec.metrics.archive_failed(&table.table);
                let id = part.id.clone();
                let table = table.table.clone();
                self.stick(id, &table, &what)?;
                return Ok(false);
            }
            self.spec.metrics.archived(&table.table, table.rows);
        }
        self.group.commit_with(&part.id, part.batch.to + 1, "")?;
        part.batch = Batch::new(part.batch.to + 1);
        part.intended = false;
        self.stuck = None;
        Ok(true)
    }

    /// Waits for ClickHouse: nothing is lost, since nothing is committed, and nothing is read that would be held.
    fn stick(&mut self, id: PartitionId, table: &str, what: &str) -> Result<(), LogError> {
        let wait = self.stuck.as_ref().map_or(RETRY_MIN, |stuck| (stuck.wait * 2).min(RETRY_MAX));
        tracing::warn!(table, "ClickHouse took no rows, again in {} ms: {what}", wait.as_millis());
        if self.stuck.is_none() {
            self.waiting.set("clickhouse", true);
            let positions: Vec<_> = self.parts.iter().map(|part| (part.id.clone(), part.batch.to + 1)).collect();
            self.group.pause(&positions)?;
        }
        self.stuck = Some(Stuck { id, retry_at: Instant::now() + wait, wait });
        Ok(())
    }

    fn tell_lag(&mut self) {
        self.waiting.set("broker", self.group.is_broker_away());
        for part in &self.parts {
            if let Some(lag) = self.group.lag(&part.id, part.batch.from) {
                self.spec.metrics.archive_lag(&part.id.topic, part.id.partition, lag);
            }
            if let Some((stable, end)) = self.group.stable_and_end(&part.id) {
                self.undecided.seen(&part.id, stable, end);
            }
        }
        self.undecided.keep(&self.parts.iter().map(|part| &part.id).collect::<Vec<_>>());
    }
}

/// Adds a record's rows to a batch.
fn add(plan: &ArchivePlan, batch: &mut Batch, record: &Record<'_>) -> Result<(), WorkerError> {
    let is_for = |mapper: &&dyn RowMapper| mapper.topics().iter().any(|topic| topic == record.topic);
    let mappers: Vec<&dyn RowMapper> = plan.mappers.iter().map(AsRef::as_ref).filter(is_for).collect();
    batch.add(&mappers, record).map_err(|what| {
        let Record { topic, partition, offset, .. } = record;
        WorkerError::Halt(format!("{}: {topic}/{partition} at offset {offset}: {what}", plan.group))
    })
}
