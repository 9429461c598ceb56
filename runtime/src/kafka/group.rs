//! A consumer in a group with static membership, as the loop and the archive use it: rebalances as events, accepted
//! partitions paused until they are resumed. It knows no producer and no stage.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::clients::{CALL_TIMEOUT, Connection, Identity, Quiet, explain, explained, settings_refused};
use super::context::{Context, Rebalance, is_refusal};
use super::lookout::Lookout;
use super::reader::{add, watermarks_failed};
use crate::log::{LogError, Polled, Start};
use crate::stage::{Header, PartitionId, Record};
use crate::telemetry::Metrics;

/// How long the reasons of a failed connection are waited for.
const EVENTS_LIMIT: Duration = Duration::from_millis(200);

/// Where the brokers keep the offsets of groups.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// In which partition of [`OFFSETS_TOPIC`] a group's offsets lie: by Java's hash of its name.
fn offsets_partition(group: &str, partitions: usize) -> usize {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) as usize % partitions.max(1)
}

/// A partition as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) start: Start,
    /// What was committed along with the offset; empty where nothing was.
    pub(crate) metadata: String,
}

/// The consumer.
pub(crate) struct Group {
    identity: Identity,
    connection: Connection,
    metrics: Arc<Metrics>,
    consumer: BaseConsumer<Context>,
    /// What the group is joined for, and who looks whether all of it is read; none before it is joined.
    joined: Option<(Vec<String>, Lookout)>,
    /// Partitions that are paused.
    paused: BTreeSet<PartitionId>,
    /// Of these, the ones of which a record slipped through: they are sought back.
    strayed: BTreeSet<PartitionId>,
}

impl Drop for Group {
    fn drop(&mut self) {
        // Dropping a consumer answers its last rebalance; without a loop the context has to.
        self.consumer.context().close();
    }
}

/// Hands a message out as the loop has it.
pub(super) fn with_record<R>(message: &BorrowedMessage<'_>, take: impl FnOnce(&Record<'_>) -> R) -> R {
    let headers: Vec<Header<'_>> = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| Header { name: header.key, value: header.value.unwrap_or_default() }).collect()
    });
    take(&Record {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key(),
        value: message.payload(),
        headers: &headers,
    })
}

impl Group {
    /// Makes the consumer, in which so many bytes of records wait at most; it joins with [`Group::subscribe`].
    pub(crate) fn new(
        connection: &Connection,
        identity: &Identity,
        queue_bytes: usize,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, LogError> {
        let config = connection.group_consumer(identity, queue_bytes);
        let consumer = config.create_with_context(Context::default()).map_err(|error| settings_refused(&error))?;
        let (identity, connection, metrics) = (identity.clone(), connection.clone(), Arc::clone(metrics));
        let (paused, strayed) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { identity, connection, metrics, consumer, joined: None, paused, strayed })
    }

    /// Joins the group for these topics.
    pub(crate) fn subscribe(&mut self, topics: &[&str]) -> Result<(), LogError> {
        self.join(topics)?;
        let lookout = Lookout::spawn(&self.connection, &self.identity, topics)?;
        self.joined = Some((topics.iter().map(|topic| (*topic).to_owned()).collect(), lookout));
        Ok(())
    }

    fn join(&self, topics: &[&str]) -> Result<(), LogError> {
        let failed = |error: KafkaError| LogError::Broken(format!("the group cannot be joined: {error}"));
        self.consumer.subscribe(topics).map_err(failed)
    }

    /// Leaves the group where that gives out partitions that nobody has, and joins it again when it has left. What is
    /// owned is revoked first, as in any rebalance.
    fn mend(&self) -> Result<(), LogError> {
        let Some((topics, lookout)) = &self.joined else { return Ok(()) };
        if lookout.says_leave() {
            self.consumer.unsubscribe();
        }
        if lookout.says_left() {
            self.join(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// All topics. Broken while no broker answers, refused where one answers and does not take this client.
    pub(crate) fn metadata(&self) -> Result<Metadata, LogError> {
        self.consumer.fetch_metadata(None, CALL_TIMEOUT).map_err(|error| {
            // Why a connection failed comes as events beside the call; nothing is assigned, so no record can come.
            let (context, begun) = (self.consumer.context(), Instant::now());
            while !context.is_refused() && begun.elapsed() < EVENTS_LIMIT {
                let _ = self.consumer.poll(Duration::from_millis(1));
            }
            match context.failure() {
                Some((code, reason)) if is_refusal(code) => LogError::Refused(format!("{}: {reason}", explain(code))),
                Some((_, reason)) => LogError::Broken(format!("{}: {reason}", explained(&error))),
                None => LogError::Broken(explained(&error)),
            }
        })
    }

    /// The membership that a transaction names with its offsets.
    pub(crate) fn membership(&self) -> Result<ConsumerGroupMetadata, LogError> {
        let gone = || LogError::Broken("the consumer is in no group any more".to_owned());
        self.consumer.group_metadata().ok_or_else(gone)
    }

    /// Commits an offset with metadata, outside any transaction, and waits for the broker's word.
    pub(crate) fn commit_with(&self, id: &PartitionId, offset: i64, metadata: &str) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        let mut row = list.add_partition(&id.topic, id.partition);
        row.set_metadata(metadata);
        let failed =
            |error: KafkaError| LogError::Broken(format!("offsets cannot be committed: {}", explained(&error)));
        row.set_offset(Offset::Offset(offset)).map_err(failed)?;
        self.consumer.commit(&list, CommitMode::Sync).map_err(failed)
    }

    /// Stops the flow of partitions; what was fetched of them comes again after a resume.
    pub(crate) fn pause(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        let list = list_of(positions)?;
        self.paused.extend(positions.iter().map(|(id, _)| id.clone()));
        self.consumer.pause(&list).map_err(|error| LogError::Broken(format!("a pause failed: {error}")))
    }

    /// Whether no broker answers.
    pub(crate) fn is_broker_away(&self) -> bool {
        self.consumer.context().is_broker_away()
    }

    /// Records between what is committed and the last stable offset, as of the last statistics; none before them.
    /// Where everything was fetched and polled the lag is 0, although the committed offset may stand before control
    /// records that are never delivered.
    pub(crate) fn lag(&self, id: &PartitionId, committed: i64) -> Option<i64> {
        let seen = self.consumer.context().seen(id).filter(|seen| seen.stable >= 0)?;
        let all_read = seen.queued == 0 && seen.next >= seen.stable;
        Some(if all_read { 0 } else { (seen.stable - committed).max(0) })
    }

    /// The first offset with a record stamped at or after a time; none where there is no such record.
    pub(crate) fn first_since(&self, topic: &str, partition: i32, since_ms: i64) -> Result<Option<i64>, LogError> {
        let failed = |error: KafkaError| watermarks_failed(topic, partition, &error);
        let mut asked = TopicPartitionList::new();
        add(&mut asked, topic, partition, since_ms)?;
        let found = self.consumer.offsets_for_times(asked, CALL_TIMEOUT).map_err(failed)?;
        let row = found.find_partition(topic, partition);
        Ok(row.and_then(|row| if let Offset::Offset(offset) = row.offset() { Some(offset) } else { None }))
    }

    /// The last stable offset and the high watermark of a partition that is read up to there, as of the last
    /// statistics. None of one that has more to read, or while no broker answers: then the two were seen long ago.
    pub(crate) fn stable_and_end(&self, id: &PartitionId) -> Option<(i64, i64)> {
        let context = self.consumer.context();
        let seen = context.seen(id).filter(|seen| seen.stable >= 0 && !context.is_broker_away())?;
        (seen.queued == 0 && seen.next >= seen.stable).then_some((seen.stable, seen.end))
    }

    fn next_rebalance<R>(&self) -> Option<Polled<R>> {
        Some(match self.consumer.context().next_rebalance()? {
            Rebalance::Assign(ids) => Polled::Assigned(ids),
            Rebalance::Revoke(ids) => Polled::Revoked { ids, lost: self.consumer.assignment_lost() },
        })
    }

    pub(crate) fn poll<R>(
        &mut self,
        wait: Duration,
        take: impl FnOnce(&Record<'_>) -> R,
    ) -> Result<Polled<R>, LogError> {
        self.mend()?;
        // What a rebalance takes away is not applied any more, so it goes before records that were fetched earlier.
        if let Some(rebalance) = self.next_rebalance() {
            return Ok(rebalance);
        }
        match self.consumer.poll(wait) {
            None => Ok(self.next_rebalance().unwrap_or(Polled::Idle)),
            Some(Ok(message)) => {
                if !self.paused.is_empty() {
                    let id = PartitionId { topic: message.topic().to_owned(), partition: message.partition() };
                    if self.paused.contains(&id) {
                        self.strayed.insert(id);
                    }
                }
                Ok(Polled::Record(with_record(&message, take)))
            }
            Some(Err(error)) => self.poll_failed(&error),
        }
    }

    /// Takes partitions on, paused, each from its committed offset or its earliest.
    pub(crate) fn accept(&mut self, ids: &[PartitionId]) -> Result<Vec<Accepted>, LogError> {
        let accepted = self.committed(ids)?;
        self.assign(&accepted.iter().map(|row| row.start.position()).collect::<Vec<_>>())?;
        Ok(accepted)
    }

    /// Takes partitions on once more that are accepted already: paused, and each back at its committed offset.
    pub(crate) fn accept_again(&mut self, ids: &[PartitionId]) -> Result<Vec<Start>, LogError> {
        let starts: Vec<Start> = self.committed(ids)?.into_iter().map(|accepted| accepted.start).collect();
        let positions: Vec<_> = starts.iter().map(Start::position).collect();
        if !positions.is_empty() {
            self.pause(&positions)?;
            self.rewind(&positions)?;
        }
        Ok(starts)
    }

    /// What is committed for partitions, and what of them the log still has.
    pub(crate) fn committed(&self, ids: &[PartitionId]) -> Result<Vec<Accepted>, LogError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = TopicPartitionList::with_capacity(ids.len());
        for id in ids {
            asked.add_partition(&id.topic, id.partition);
        }
        let failed = |error: KafkaError| LogError::Broken(format!("committed offsets: {}", explained(&error)));
        // With read_committed the broker answers with stable offsets only, once pending ones are decided.
        let limit = self.connection.limits().transaction_call;
        let committed = self
            .consumer
            .committed_offsets(asked.clone(), limit)
            .map_err(|error| self.undecided(asked, limit).map_or_else(|| failed(error), LogError::Broken))?;
        self.metrics.offsets_undecided(&self.identity.group, &self.identity.id, None);
        let mut accepted = Vec::with_capacity(ids.len());
        for row in committed.elements() {
            row.error().map_err(failed)?;
            let id = PartitionId { topic: row.topic().to_owned(), partition: row.partition() };
            let (earliest, _) = self
                .consumer
                .fetch_watermarks(&id.topic, id.partition, CALL_TIMEOUT)
                .map_err(|error| watermarks_failed(&id.topic, id.partition, &error))?;
            let committed = if let Offset::Offset(offset) = row.offset() { Some(offset) } else { None };
            let metadata = row.metadata().to_owned();
            accepted.push(Accepted { start: Start { id, committed, earliest }, metadata });
        }
        Ok(accepted)
    }

    /// Whether the group's offsets are in a transaction that nobody decides, and what to do: the broker tells them to
    /// whoever does not ask for stable ones, but not to a worker. The client says no more than that it has waited.
    fn undecided(&self, asked: TopicPartitionList, waited: Duration) -> Option<String> {
        let (group, brokers) = (&self.identity.group, self.connection.brokers());
        let mut config = self.connection.watermarks(&self.identity);
        let anyhow: BaseConsumer<Quiet> = config.set("group.id", group).create_with_context(Quiet).ok()?;
        anyhow.committed_offsets(asked, CALL_TIMEOUT).ok()?;
        self.metrics.offsets_undecided(group, &self.identity.id, Some(waited));
        let metadata = anyhow.fetch_metadata(Some(OFFSETS_TOPIC), CALL_TIMEOUT).ok();
        let partitions = metadata.and_then(|metadata| Some(metadata.topics().first()?.partitions().len()));
        let partition = partitions.map_or_else(|| "P".to_owned(), |count| offsets_partition(group, count).to_string());
        Some(format!(
            "the offsets of group {group} are in a transaction that was neither committed nor aborted within {} s. What \
             to do is in deploy/README.md, \"A transaction that nobody decides\"; begin with: kafka-transactions.sh \
             --bootstrap-server {brokers} describe-producers --topic {OFFSETS_TOPIC} --partition {partition}",
            waited.as_secs()
        ))
    }

    /// Assigns partitions from these offsets, paused. A consumer that gets nothing must say so too, or the group
    /// waits for it.
    pub(crate) fn assign(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        let list = list_of(positions)?;
        let failed = |error: KafkaError| LogError::Broken(format!("an assignment failed: {error}"));
        self.consumer.incremental_assign(&list).map_err(failed)?;
        if positions.is_empty() { Ok(()) } else { self.pause(positions) }
    }

    pub(crate) fn resume(&mut self, id: &PartitionId, offset: i64) -> Result<(), LogError> {
        if self.strayed.remove(id) {
            self.rewind(&[(id.clone(), offset)])?;
        }
        self.paused.remove(id);
        let list = list_of(&[(id.clone(), offset)])?;
        self.consumer.resume(&list).map_err(|error| LogError::Broken(format!("a resume failed: {error}")))
    }

    pub(crate) fn release(&mut self, ids: &[PartitionId]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::with_capacity(ids.len());
        for id in ids {
            list.add_partition(&id.topic, id.partition);
            self.paused.remove(id);
            self.strayed.remove(id);
        }
        self.consumer
            .incremental_unassign(&list)
            .map_err(|error| LogError::Broken(format!("partitions could not be given back: {error}")))
    }

    pub(crate) fn rewind(&mut self, positions: &[(PartitionId, i64)]) -> Result<(), LogError> {
        if positions.is_empty() {
            return Ok(());
        }
        let failed = |error: KafkaError| LogError::Broken(format!("a rewind failed: {}", explained(&error)));
        let sought = self.consumer.seek_partitions(list_of(positions)?, CALL_TIMEOUT).map_err(failed)?;
        sought.elements().iter().try_for_each(TopicPartitionListElem::error).map_err(failed)
    }

    /// What an error of a poll means.
    fn poll_failed<R>(&self, error: &KafkaError) -> Result<Polled<R>, LogError> {
        use RDKafkaErrorCode as Code;
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(LogError::Broken(explain(code)));
        }
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::NoOffset => Err(LogError::Halt(format!(
                "group {}: records were deleted before they were read, or offsets are gone ({code}): compare the \
                 group's offsets with the topics' earliest",
                self.identity.group
            ))),
            Code::AllBrokersDown => {
                self.consumer.context().set_broker_away(true);
                tracing::warn!("{}", explain(code));
                Ok(Polled::Idle)
            }
            Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut => {
                tracing::debug!("{}", explain(code));
                Ok(Polled::Idle)
            }
            Code::PollExceeded
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::SSL
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::FencedInstanceId => Err(LogError::Broken(explain(code))),
            _ => {
                tracing::warn!("the consumer says: {}", explain(code));
                Ok(Polled::Idle)
            }
        }
    }
}

/// A list of partitions with offsets.
pub(super) fn list_of(positions: &[(PartitionId, i64)]) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (id, offset) in positions {
        add(&mut list, &id.topic, id.partition, *offset)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offsets_of_a_group_lie_where_the_broker_puts_them() {
        // As a broker with 8 partitions did; the hash of `archive` is negative.
        for (group, partition) in [("archive", 6), ("alert", 4)] {
            assert_eq!(offsets_partition(group, 8), partition, "{group}");
        }
    }
}
