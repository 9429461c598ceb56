//! Tells of partitions that a transaction holds up which nobody decides: nothing after its first record is seen by a
//! reader of committed records, and no lag shows it, since lag is counted to the same offset. It asks no broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clients::{Connection, Identity};
use crate::stage::PartitionId;
use crate::telemetry::Metrics;

/// How often a wait that goes on is told again.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// One partition that is held up.
#[derive(Debug)]
struct Wait {
    /// The last stable offset: where the oldest open transaction begins.
    stable: i64,
    since: Instant,
    told: Option<Instant>,
}

/// The partitions of one worker that are held up.
#[derive(Debug)]
pub(crate) struct Undecided {
    metrics: Arc<Metrics>,
    brokers: String,
    stage: String,
    worker: String,
    limit: Duration,
    waits: BTreeMap<PartitionId, Wait>,
}

impl Undecided {
    pub(crate) fn new(connection: &Connection, identity: &Identity, metrics: &Arc<Metrics>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            brokers: connection.brokers().to_owned(),
            stage: identity.group.clone(),
            worker: identity.id.clone(),
            limit: connection.limits().undecided,
            waits: BTreeMap::new(),
        }
    }

    /// The last stable offset of a partition, and the end that is waited for. While transactions are decided one after
    /// the other the stable offset goes on, so only the same one seen again and again is a wait.
    pub(crate) fn seen(&mut self, id: &PartitionId, stable: i64, end: i64) {
        if stable >= end {
            return self.settled(id);
        }
        let now = Instant::now();
        if self.waits.get(id).is_none_or(|wait| wait.stable != stable) {
            self.settled(id);
            self.waits.insert(id.clone(), Wait { stable, since: now, told: None });
        }
        let Some(wait) = self.waits.get_mut(id) else { return };
        let waited = now - wait.since;
        if waited < self.limit {
            return;
        }
        self.metrics.undecided(&self.stage, &self.worker, id, Some(waited));
        if wait.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            wait.told = Some(now);
            let (PartitionId { topic, partition }, brokers) = (id, &self.brokers);
            tracing::warn!(
                worker = self.worker,
                topic,
                partition,
                offset = stable,
                "nothing from offset {stable} on of {topic}/{partition} can be read: for {} s a transaction that begins \
                 there has been neither committed nor aborted. What to do is in deploy/README.md, \"A transaction that \
                 nobody decides\"; begin with: kafka-transactions.sh --bootstrap-server {brokers} describe-producers \
                 --topic {topic} --partition {partition}",
                waited.as_secs(),
            );
        }
    }

    /// Nothing holds this partition up, or nobody waits for it any more.
    pub(crate) fn settled(&mut self, id: &PartitionId) {
        if self.waits.remove(id).is_some_and(|wait| wait.told.is_some()) {
            self.metrics.undecided(&self.stage, &self.worker, id, None);
        }
    }

    /// Forgets all partitions but these.
    pub(crate) fn keep(&mut self, owned: &[&PartitionId]) {
        let gone: Vec<_> = self.waits.keys().filter(|id| !owned.contains(id)).cloned().collect();
        for id in &gone {
            self.settled(id);
        }
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.keep(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KafkaSettings;
    use crate::kafka::Limits;

    fn shown(metrics: &Metrics) -> bool {
        metrics.text().contains("backstop_undecided_seconds{partition=\"3\"")
    }

    #[test]
    fn only_a_stable_offset_that_stands_still_below_the_end_is_told_and_only_as_long_as_it_does() {
        let limits = Limits { undecided: Duration::ZERO, ..Limits::default() };
        let connection = Connection::new(&KafkaSettings::default()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let identity = Identity { group: "alert".to_owned(), id: "alert-0-0".to_owned() };
        let id = PartitionId { topic: "states".to_owned(), partition: 3 };

        let mut undecided = Undecided::new(&connection, &identity, &metrics);
        undecided.seen(&id, 5, 9);
        assert!(!shown(&metrics), "every transaction is undecided for a moment");

        let mut undecided = Undecided::new(&connection.limited(limits), &identity, &metrics);
        undecided.seen(&id, 9, 9);
        assert!(!shown(&metrics));
        undecided.seen(&id, 5, 9);
        assert!(shown(&metrics));
        undecided.seen(&id, 9, 9);
        assert!(!shown(&metrics), "it was decided");
        undecided.seen(&id, 9, 12);
        undecided.keep(&[&id]);
        assert!(shown(&metrics));
        undecided.keep(&[]);
        assert!(!shown(&metrics), "the partition was given back");
        undecided.seen(&id, 9, 12);
        drop(undecided);
        assert!(!shown(&metrics), "the worker is gone");
    }
}
