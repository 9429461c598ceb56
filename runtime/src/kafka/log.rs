//! Kafka as one worker sees it: one consumer in a group with static membership, two transactional producers in turn. It
//! knows no stage.
//!
//! While the transaction of one producer is being committed, the other one's is open. Their records come one behind the other in
//! each partition: nothing of a transaction is sent before the log has everything of the one before it. Their commits come
//! one after the other, each with the group's offsets: the loop hands none in before the last one has succeeded. Both
//! producers are begun before the group is joined, so a worker that starts finds nothing undecided of an earlier one.
//!
//! A transaction call that times out, or fails in a way that is not known to be harmless, leaves the outcome
//! unknown: a late `EndTxn` can land on the next transaction. So such a failure is [`LogError::Broken`], and the
//! worker with both clients is thrown away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as MessageHeader, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};

use super::clients::{CALL_TIMEOUT, Connection, Identity, explain, explained, settings_refused};
use super::committer::{Committer, Job, Transactional, failed};
use super::context::Deliveries;
use super::group::{Group, list_of};
use super::reader::{KafkaReader, watermarks_failed};
use super::supervisor::WorkerSpec;
use super::undecided::Undecided;
use super::watchdog::Watch;
use crate::log::{Extent, Log, LogError, Polled, Start};
use crate::partitioner::place;
use crate::stage::{Header, Outbox, Outgoing, PartitionCounts, PartitionId, Record, Topology};
use crate::telemetry::Metrics;

/// How long a full producer queue is waited for before its broker counts as lost.
const QUEUE_FULL_LIMIT: Duration = Duration::from_secs(30);

/// How many bytes of records wait for the loop at most.
const QUEUE_BYTES: usize = 128 << 20;

/// What the name of a worker's second producer ends with.
const SECOND: &str = ".2";

/// How long a stable offset is waited for before a commit: it is not worth a stall.
const STABLE_END_TIMEOUT: Duration = Duration::from_millis(100);

/// The port of one worker.
pub struct KafkaLog {
    connection: Connection,
    identity: Identity,
    group: Group,
    /// Two, of which one has the open transaction.
    producers: [Arc<Transactional>; 2],
    /// Whose transaction is open, or was opened last.
    current: usize,
    /// Of each, whether it has a transaction that is neither committed nor aborted.
    undecided: [bool; 2],
    /// Whose transaction was handed in last.
    handed_in: usize,
    committer: Committer,
    outputs: Vec<String>,
    counts: BTreeMap<String, i32>,
    watch: Watch,
    metrics: Arc<Metrics>,
}

impl KafkaLog {
    /// The port of the worker that a spec describes, for a stage with these topics.
    pub fn open(spec: &WorkerSpec, topology: &Topology) -> Result<Self, LogError> {
        let id = spec.worker_id(topology.stage);
        let watch = spec.watchdog.watch(&id);
        let identity = Identity { group: topology.stage.to_owned(), id };
        Self::connect(spec, &identity, topology, watch)
    }

    /// Makes both clients, fences a former worker of the same identity and joins the group. Broken while no broker
    /// answers.
    fn connect(spec: &WorkerSpec, identity: &Identity, topology: &Topology, watch: Watch) -> Result<Self, LogError> {
        let connection = &spec.connection;
        let group = Group::new(connection, identity, QUEUE_BYTES, &spec.metrics)?;
        let producer = |name: &str| {
            let config = connection.transactional_producer(identity, name, spec.settings.record_bytes_max);
            config.create_with_context(Deliveries::default()).map(Arc::new).map_err(|error| settings_refused(&error))
        };
        let producers = [producer(&identity.id)?, producer(&format!("{}{SECOND}", identity.id))?];
        let metadata = group.metadata()?;
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let counts = topics.map(|topic| (topic.name().to_owned(), topic.partitions().len() as i32)).collect();
        let mut log = Self {
            connection: connection.clone(),
            identity: identity.clone(),
            group,
            producers,
            current: 0,
            undecided: [false; 2],
            handed_in: 0,
            committer: Committer::spawn(&identity.id, spec.watchdog.watch(&identity.id))?,
            outputs: topology.outputs.clone(),
            counts,
            watch,
            metrics: Arc::clone(&spec.metrics),
        };
        let topics = topology.inputs.iter().chain(&topology.outputs).chain(&topology.reference);
        let absent: Vec<&str> = topics.filter(|topic| log.partitions(topic) == 0).map(String::as_str).collect();
        if !absent.is_empty() {
            return Err(LogError::Broken(format!(
                "these topics do not exist, create them first: {}",
                absent.join(", ")
            )));
        }
        log.init_transactions()?;
        let inputs: Vec<&str> = topology.inputs.iter().map(String::as_str).collect();
        log.group.subscribe(&inputs)?;
        Ok(log)
    }

    /// Fences former workers of the same identity and ends what they have left open.
    fn init_transactions(&self) -> Result<(), LogError> {
        let _armed = self.watch.arm();
        let limit = self.connection.limits().transaction_call;
        let [first, second] = &self.producers;
        // Each waits for the brokers, so they do it beside each other.
        std::thread::scope(|scope| {
            let second = scope.spawn(|| second.init_transactions(limit));
            let first = first.init_transactions(limit);
            first.and(second.join().unwrap_or(Err(KafkaError::Canceled)))
        })
        .map_err(|error| LogError::Broken(format!("transactions cannot be begun: {}", explained(&error))))
    }

    fn producer(&self) -> &Transactional {
        &self.producers[self.current]
    }

    /// What ends the process if a call hangs.
    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The consumer, for what only Kafka knows.
    pub(super) fn group(&self) -> &Group {
        &self.group
    }

    /// Who tells of partitions that are held up.
    pub(super) fn undecided(&self) -> Undecided {
        Undecided::new(&self.connection, &self.identity, &self.metrics)
    }

    fn send(&self, record: &Outgoing<'_>, headers: &[Header<'_>]) -> Result<(), LogError> {
        let topic = self.outputs.get(record.output).ok_or_else(|| {
            LogError::Halt(format!("output {} is beyond the outputs of {}", record.output, self.identity.group))
        })?;
        let partition = place(record.placement, record.key, self.partitions(topic));
        let mut message = BaseRecord::<[u8], [u8]>::to(topic).partition(partition);
        message.key = record.key;
        message.payload = record.value;
        if !headers.is_empty() {
            let owned = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, header| {
                owned.insert(MessageHeader { key: header.name, value: Some(header.value) })
            });
            message = message.headers(owned);
        }
        let started = Instant::now();
        loop {
            let (error, again) = match self.producer().send(message) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            match error.rdkafka_error_code() {
                // A full queue is backpressure, not an error: the producer gets time to empty it.
                Some(RDKafkaErrorCode::QueueFull) if started.elapsed() < QUEUE_FULL_LIMIT => {
                    self.producer().poll(Duration::from_millis(10));
                    message = again;
                }
                Some(code @ RDKafkaErrorCode::MessageSizeTooLarge) => {
                    let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                    return Err(LogError::Halt(format!("{topic}/{partition}: {bytes} bytes: {}", explain(code))));
                }
                // The transaction has failed already: why, is known when its deliveries are reported.
                Some(RDKafkaErrorCode::State) => return Err(LogError::Abortable(error.to_string())),
                _ => return Err(LogError::Broken(format!("{topic}/{partition}: {}", explained(&error)))),
            }
        }
    }
}

/// Aborts the transaction of a producer.
fn abort(producer: &Transactional, limit: Duration) -> Result<(), LogError> {
    let done = AtomicBool::new(false);
    // An abort waits until the delivery reports of purged records are taken, which only a poll does.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                producer.poll(Duration::from_millis(10));
            }
        });
        let aborted = producer.abort_transaction(limit);
        done.store(true, Ordering::SeqCst);
        aborted
    })
    .map_err(|error| LogError::Broken(format!("abort: {}", explained(&error))))
}

impl PartitionCounts for KafkaLog {
    fn partitions(&self, topic: &str) -> i32 {
        self.counts.get(topic).copied().unwrap_or(0)
    }
}

impl Log for KafkaLog {
    type Reader = KafkaReader;

    fn poll<R>(&mut self, wait: Duration, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        self.group.poll(wait, take)
    }

    fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        Ok(self.group.accept(ids)?.into_iter().map(|accepted| accepted.start).collect())
    }

    fn accept_again(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        self.group.accept_again(ids)
    }

    fn committed(&mut self, id: &PartitionId) -> Result<Option<i64>, LogError> {
        Ok(self.group.committed(std::slice::from_ref(id))?.into_iter().find_map(|accepted| accepted.start.committed))
    }

    fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        self.group.resume(id, offset)
    }

    fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        self.group.release(ids)
    }

    fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.group.rewind(positions)
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.current = 1 - self.current;
        self.producer().begin_transaction().map_err(|error| failed(self.producer(), "begin", &error))?;
        self.undecided[self.current] = true;
        Ok(())
    }

    fn takes_at_once(&mut self) -> bool {
        self.committer.has_flushed()
    }

    fn publish(&mut self, outbox: &Outbox) -> Result<(), LogError> {
        self.committer.flushed()?;
        let mut headers = Vec::new();
        for index in 0..outbox.len() {
            let Some(record) = outbox.get(index, &mut headers) else { break };
            self.send(&record, &headers)?;
        }
        self.producer().poll(Duration::ZERO);
        Ok(())
    }

    fn hand_in(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        self.handed_in = self.current;
        self.committer.start(Job {
            producer: Arc::clone(&self.producers[self.current]),
            offsets: list_of(positions)?,
            group: self.group.membership()?,
            limit: self.connection.limits().transaction_call,
        })
    }

    fn outcome(&mut self, wait: bool) -> Result<Option<Duration>, LogError> {
        let took = self.committer.outcome(wait)?;
        if took.is_some() {
            self.undecided[self.handed_in] = false;
        }
        Ok(took)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        let _armed = self.watch.arm();
        let limit = self.connection.limits().transaction_call;
        for (producer, is_undecided) in self.producers.iter().zip(&mut self.undecided) {
            if *is_undecided {
                abort(producer, limit)?;
                *is_undecided = false;
            }
        }
        Ok(())
    }

    fn reader(&mut self) -> Result<KafkaReader, LogError> {
        KafkaReader::new(&self.connection, &self.identity, &self.metrics)
    }

    fn cluster(&mut self) -> Result<String, LogError> {
        let cluster = self.producer().client().fetch_cluster_id(CALL_TIMEOUT);
        cluster.ok_or_else(|| LogError::Broken("the cluster does not say its id".to_owned()))
    }

    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }

    fn extent(&mut self, topic: &str, partition: i32, since_ms: i64) -> Result<Extent, LogError> {
        let failed = |error: KafkaError| watermarks_failed(topic, partition, &error);
        let (earliest, end) =
            self.producer().client().fetch_watermarks(topic, partition, CALL_TIMEOUT).map_err(failed)?;
        let first_since = self.group.first_since(topic, partition, since_ms)?;
        Ok(Extent { earliest, end, first_since })
    }

    fn stable_end(&mut self, topic: &str, partition: i32) -> Result<i64, LogError> {
        // The producer's connections wait for no fetch, and its view is the default one: committed records only.
        let watermarks = self.producer().client().fetch_watermarks(topic, partition, STABLE_END_TIMEOUT);
        watermarks.map(|(_, end)| end).map_err(|error| watermarks_failed(topic, partition, &error))
    }
}
