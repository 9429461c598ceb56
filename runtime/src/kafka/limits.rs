//! How long things with Kafka may take and how much may wait for it. It knows no client.

use std::time::Duration;

/// What a worker allows Kafka. No settings: the values hold together, and only the tests, which look at what happens
/// beyond them, have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `transaction.timeout.ms`: when the broker aborts a transaction that is open so long.
    pub transaction: Duration,
    /// `message.timeout.ms`: when a record that no broker has taken fails its transaction. Not above the transaction's.
    pub delivery: Duration,
    /// How long one transaction call may take: above the transaction's, so that the broker decides first.
    pub transaction_call: Duration,
    /// `queue.buffering.max.messages`: how many records wait in the producer before it says that its queue is full.
    pub queue_records: usize,
    /// From when on an undecided transaction that holds up a partition is told: above the transaction's and the 10 s
    /// after which a broker looks for such again, or every dead worker would be told.
    pub undecided: Duration,
    /// From when on partitions without a worker are not the middle of a rebalance any more: above the session's 15 s,
    /// after which the group would rebalance by itself, and the 10 s for which a worker may not look up from a record.
    pub unassigned: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transaction: Duration::from_secs(15),
            delivery: Duration::from_secs(10),
            transaction_call: Duration::from_secs(20),
            queue_records: 500_000,
            undecided: Duration::from_secs(30),
            unassigned: Duration::from_secs(20),
        }
    }
}
