//! The archive's thread on Kafka: joins the group, turns, tells what it does, is built anew. It knows no table's columns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::ArchivePlan;
use super::batch::BatchLimits;
use super::clickhouse::Database;
use super::keeper::{Keeper, KeeperSettings, Told};
use super::ports::Source;
use crate::config::ClickHouseSettings;
use crate::kafka::{Connection, Group, Identity, KafkaReader, Link, Undecided, WorkerFault, WorkerSpec, keep_going};
use crate::log::{LogError, Polled, Start};
use crate::stage::{PartitionId, Record};
use crate::telemetry::{Metrics, Waiting};
use crate::worker::WorkerError;

const POLL: Duration = Duration::from_millis(50);
/// How often batches are looked at for their age.
const DUE_EVERY: Duration = Duration::from_millis(50);
const LAG_EVERY: Duration = Duration::from_secs(5);
/// How many bytes of records wait for it at most: inserts are what it waits for, not fetches.
const QUEUE_BYTES: usize = 32 << 20;
/// The wait before an insert is tried again; it doubles up to the maximum.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// A member of the archive's group on Kafka.
struct KafkaSource {
    connection: Connection,
    identity: Identity,
    group: Group,
    metrics: Arc<Metrics>,
}

impl Source for KafkaSource {
    type Reader = KafkaReader;

    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        self.group.poll(wait, take)
    }

    fn committed(&mut self, ids: &[PartitionId]) -> Result<Vec<(Start, String)>, LogError> {
        let accepted = self.group.committed(ids)?;
        Ok(accepted.into_iter().map(|accepted| (accepted.start, accepted.metadata)).collect())
    }

    fn assign(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.group.assign(positions)
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.group.release(ids)
    }

    fn pause(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.group.pause(positions)
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        self.group.resume(id, offset)
    }

    fn commit_with(&mut self, id: &PartitionId, offset: i64, metadata: &str) -> Result<(), LogError> {
        self.group.commit_with(id, offset, metadata)
    }

    fn reader(&mut self) -> Result<KafkaReader, LogError> {
        KafkaReader::new(&self.connection, &self.identity, &self.metrics)
    }
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
    keep_going(spec, plan.group, &id, |link| attempt(spec, plan, &database, &id, link))
}

fn attempt(
    spec: &WorkerSpec,
    plan: &ArchivePlan,
    database: &Database,
    id: &str,
    link: &Link,
) -> Result<(), WorkerError> {
    spec.metrics.set_ready(id, false);
    let identity = Identity { group: plan.group.to_owned(), id: id.to_owned() };
    let mut group = Group::new(&spec.connection, &identity, QUEUE_BYTES, &spec.metrics)?;
    let metadata = group.metadata()?;
    let mut topics: Vec<String> = plan.mappers.iter().flat_map(|mapper| mapper.topics()).collect();
    topics.sort();
    topics.dedup();
    let is_unknown = |topic: &&String| metadata.topics().iter().all(|known| known.name() != topic.as_str());
    let absent: Vec<&str> = topics.iter().filter(is_unknown).map(String::as_str).collect();
    if !absent.is_empty() {
        let what = format!("these topics do not exist, create them first: {}", absent.join(", "));
        return Err(WorkerError::Rebuild(what));
    }
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    group.subscribe(&topics)?;
    link.connected();
    let mut undecided = Undecided::new(&spec.connection, &identity, &spec.metrics);
    let source =
        KafkaSource { connection: spec.connection.clone(), identity, group, metrics: Arc::clone(&spec.metrics) };
    let settings = KeeperSettings { batch: BatchLimits::default(), retry_min: RETRY_MIN, retry_max: RETRY_MAX };
    let (metrics, id, waiting) = (Arc::clone(&spec.metrics), id.to_owned(), link.waiting.clone());
    let tell = move |told: Told<'_>| match told {
        Told::Ready => metrics.set_ready(&id, true),
        Told::Inserted { table, rows } => metrics.archived(table, rows),
        Told::Replayed { table } => metrics.archive_replayed(table),
        Told::Waiting(waits) => waiting.set("clickhouse", waits),
        Told::Failed { table, what, again_in } => {
            metrics.archive_failed(table);
            tracing::warn!(table, "ClickHouse took no rows, again in {} ms: {what}", again_in.as_millis());
        }
    };
    let mut keeper = Keeper::new(plan, source, database.clone(), settings, tell);
    let (mut looked, mut lag_told) = (Instant::now(), Instant::now());
    while !spec.stop.is_requested() {
        keeper.turn(POLL)?;
        if looked.elapsed() >= DUE_EVERY {
            looked = Instant::now();
            keeper.flush_due()?;
        }
        if lag_told.elapsed() >= LAG_EVERY {
            lag_told = Instant::now();
            tell_lag(&keeper, &mut undecided, spec, &link.waiting);
        }
    }
    Ok(())
}

fn tell_lag(
    keeper: &Keeper<&ArchivePlan, KafkaSource, Database>,
    undecided: &mut Undecided,
    spec: &WorkerSpec,
    waiting: &Waiting,
) {
    let group = &keeper.source().group;
    waiting.set("broker", group.is_broker_away());
    for (id, committed) in keeper.positions() {
        if let Some(lag) = group.lag(id, committed) {
            spec.metrics.archive_lag(&id.topic, id.partition, lag);
        }
        // While an insert is stuck nothing is fetched, and what was seen gets old.
        match group.stable_and_end(id).filter(|_| !keeper.is_stuck()) {
            Some((stable, end)) => undecided.seen(id, stable, end),
            None => undecided.settled(id),
        }
    }
    undecided.keep(&keeper.positions().map(|(id, _)| id).collect::<Vec<_>>());
}
