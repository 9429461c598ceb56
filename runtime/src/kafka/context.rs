//! What librdkafka tells a worker's consumer beside records: rebalances, statistics. It decides nothing: a
//! rebalance is put down here, and the loop takes it up as an event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message};
use rdkafka::producer::{NoCustomPartitioner, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::clients::log_line;
use crate::stage::PartitionId;

/// A rebalance that waits for the loop.
#[derive(Debug)]
pub(super) enum Rebalance {
    Assign(Vec<PartitionId>),
    Revoke(Vec<PartitionId>),
}

/// What the client knew of a partition at its last statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The last stable offset.
    pub(super) stable: i64,
    /// The high watermark.
    pub(super) end: i64,
    /// The offset that is fetched next; it passes over control records, which committed offsets do not.
    pub(super) next: i64,
    /// Records fetched and not polled yet.
    pub(super) queued: i64,
}

/// The context of a worker's consumer.
#[derive(Debug, Default)]
pub(super) struct Context {
    rebalances: Mutex<VecDeque<Rebalance>>,
    seen: Mutex<BTreeMap<PartitionId, Seen>>,
    /// Whether no broker answered at the last statistics.
    broker_away: AtomicBool,
    /// Why a connection failed, in the client's own words: the last refusal, else the last failure.
    failure: Mutex<Option<(RDKafkaErrorCode, String)>>,
    /// The consumer is being dropped: rebalances are answered at once, since no loop will.
    closing: AtomicBool,
}

/// A mutex whose holder has panicked is still whole: every write to it is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the other side has answered, and does not take this client.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL)
}

impl Context {
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    pub(super) fn seen(&self, id: &PartitionId) -> Option<Seen> {
        lock(&self.seen).get(id).copied()
    }

    pub(super) fn is_broker_away(&self) -> bool {
        self.broker_away.load(Ordering::Relaxed)
    }

    pub(super) fn set_broker_away(&self, away: bool) {
        self.broker_away.store(away, Ordering::Relaxed);
    }

    pub(super) fn failure(&self) -> Option<(RDKafkaErrorCode, String)> {
        lock(&self.failure).clone()
    }

    pub(super) fn is_refused(&self) -> bool {
        lock(&self.failure).as_ref().is_some_and(|(code, _)| is_refusal(*code))
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        // Bootstrap and coordinator handles are brokers to librdkafka too; one that is up is enough.
        self.set_broker_away(!statistics.brokers.values().any(|broker| broker.state == "UP"));
        let mut seen = lock(&self.seen);
        for (topic, statistics) in &statistics.topics {
            for (partition, row) in statistics.partitions.iter().filter(|(partition, _)| **partition >= 0) {
                let id = PartitionId { topic: topic.clone(), partition: *partition };
                let (stable, end, next, queued) = (row.ls_offset, row.hi_offset, row.next_offset, row.fetchq_cnt);
                seen.insert(id, Seen { stable, end, next, queued });
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // While a broker is away these come by the dozen; the loop says what it makes of them.
        tracing::debug!(%error, reason, "kafka consumer");
        if let Some(code) = error.rdkafka_error_code()
            && code != RDKafkaErrorCode::AllBrokersDown
            && (is_refusal(code) || !self.is_refused())
        {
            *lock(&self.failure) = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_assign = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::SeqCst) {
            let answered =
                if is_assign { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
            if let Err(error) = answered {
                tracing::debug!(%error, "a rebalance during shutdown could not be answered");
            }
            return;
        }
        let ids = list
            .elements()
            .iter()
            .map(|row| PartitionId { topic: row.topic().to_owned(), partition: row.partition() })
            .collect();
        lock(&self.rebalances).push_back(if is_assign { Rebalance::Assign(ids) } else { Rebalance::Revoke(ids) });
    }
}

/// A record that a broker refused as too large.
#[derive(Clone, Debug)]
pub(super) struct TooLarge {
    topic: String,
    partition: i32,
    bytes: usize,
}

impl TooLarge {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let bytes = message.payload_len() + message.key_len();
        Self { topic: message.topic().to_owned(), partition: message.partition(), bytes }
    }

    /// What is wrong and what to do.
    pub(super) fn explained(&self) -> String {
        let Self { topic, partition, bytes } = self;
        format!(
            "{topic}/{partition}: the broker takes no record of {bytes} bytes: raise max.message.bytes of {topic} to at \
             least worker.record_bytes_max and some, as deploy/kafka/topics.yaml has it"
        )
    }
}

/// The context of a worker's producer: a delivery that fails makes its transaction abort, so it is only logged, but for
/// what would fail again and again.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    too_large: Mutex<Option<TooLarge>>,
}

impl Deliveries {
    pub(super) fn too_large(&self) -> Option<TooLarge> {
        lock(&self.too_large).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka producer");
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            tracing::debug!(%error, "a record was not delivered");
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                // All records of a batch are refused together: the largest one is to blame.
                let refused = TooLarge::of(message);
                let mut largest = lock(&self.too_large);
                if largest.as_ref().is_none_or(|known| known.bytes < refused.bytes) {
                    *largest = Some(refused);
                }
            }
        }
    }
}
