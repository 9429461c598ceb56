//! The contract between the one loop and a stage: what a stage is told, and what it may say. It knows neither Kafka
//! nor the memory log, and no service.
//!
//! A stage is synchronous and never waits. The loop hands it one record at a time with the state of that record's
//! partition; whatever the stage wants to happen it puts into the [`Outbox`], which the loop publishes in the
//! transaction that also commits the record's offset. The state of a partition is the stage's own type: it keeps an
//! undo log of what changed since the last commit, so that [`Stage::rolled_back`] brings back what
//! [`Stage::committed`] saw last.

/// One partition of one input topic, by the place of the topic in [`Topology::inputs`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// The topics of a stage. Each worker consumes `inputs`; `changelog` is where [`Stage::flush`] writes.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The stage's name: `normalise`, `resolve`, `fuse` or `alert`. Names its consumer group, transactions, metrics.
    pub stage: &'static str,
    /// What it reads.
    pub inputs: Vec<String>,
    /// Whether an input partition without a committed offset may be read from its earliest record. Only the very
    /// first start of a stage has none; see [`crate::stage`] and design section 4.
    pub starts_at_earliest: bool,
    /// A topic that is read beside the inputs, whole, by every worker (such as `policies`); none for most stages.
    pub reference: Option<String>,
    /// Every topic that it publishes to. [`Outbox::publish`] names them by their place in this list.
    pub outputs: Vec<String>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a [u8],
}

/// A record as it lies in a log.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was produced, in milliseconds since 1970-01-01T00:00:00Z. For metrics only: no decision reads it.
    pub timestamp_ms: i64,
    /// The key; none for a record without one.
    pub key: Option<&'a [u8]>,
    /// The value; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header<'a>],
}

impl Record<'_> {
    /// How many bytes key, value and headers have together.
    pub fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| header.name.len() + header.value.len());
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers.sum::<usize>()
    }
}

/// From where a stage's partition is restored, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreSource {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// How far it is read.
    pub until: RestoreUntil,
}

/// How far a restore reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreUntil {
    /// To the end of what is committed: a changelog.
    End,
    /// Up to the committed offset of the input partition: an input that is held as state.
    Committed,
}

/// What a stage needs to know of the reference topic before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Every record of the reference topic below this offset.
    pub below_offset: i64,
}

/// Whether a record is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The loop goes on with the next record.
    Done,
    /// The stage has more to do for this record (a sweep over every household): the loop may close the transaction
    /// with the record's own offset, not the next one, and calls `apply` with the same record again.
    More,
}

/// Why a stage cannot go on. The loop treats it as fatal for the worker: the state is thrown away, and the process
/// ends with the error, since going on would lose something.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {topic}/{partition} at offset {offset}: {what}")]
pub struct StageError {
    /// The stage.
    pub stage: &'static str,
    /// The topic of the record.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// What is wrong, and what to do.
    pub what: String,
}

impl StageError {
    /// An error about a record.
    pub fn about(stage: &'static str, record: &Record<'_>, what: impl Into<String>) -> Self {
        Self {
            stage,
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            what: what.into(),
        }
    }
}

/// What a stage says about the figures of a partition: read by telemetry after each commit.
#[derive(Debug, Default)]
pub struct Figures {
    /// Name, label and value; summed over the partitions that a worker owns.
    pub rows: Vec<(&'static str, String, i64)>,
}

impl Figures {
    /// Adds one figure.
    pub fn add(&mut self, name: &'static str, label: impl Into<String>, value: i64) {
        self.rows.push((name, label.into(), value));
    }
}

/// A stage of the pipeline. One value per worker thread; it owns no partition state itself.
pub trait Stage: Send {
    /// The state of one input partition.
    type Partition: Send;

    /// Its topics.
    fn topology(&self) -> &Topology;

    /// An empty partition, before it is restored. `counts` gives the number of partitions of a topic, which the
    /// stage needs to know how many upstream partitions it is one of.
    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> Self::Partition;

    /// From where the partition is restored, in order. Whatever the partition publishes to a source that is read to its
    /// end goes to that partition of the topic, and nobody else's records there are of any use to it.
    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource>;

    /// Takes one record of a restore source. A record that is not this partition's is passed over. Records come once or
    /// more often, from a changelog or a snapshot of it: the last one of a key is what holds. Of their place only topic
    /// and partition are always known.
    fn restore(&self, partition: &mut Self::Partition, record: &Record<'_>) -> Result<(), StageError>;

    /// No more records of restore sources come: what was put off until now is done now.
    fn restored(&self, partition: &mut Self::Partition) {
        let _ = partition;
    }

    /// What of the reference topic must be known before `record` is applied (`None`: right after a restore).
    fn need(&self, partition: &Self::Partition, record: Option<&Record<'_>>) -> Option<Need>;

    /// Takes one record of the reference topic; called in the order of offsets, each offset once.
    fn learn(&mut self, record: &Record<'_>) -> Result<(), StageError>;

    /// Applies one record.
    fn apply(
        &mut self,
        partition: &mut Self::Partition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError>;

    /// Writes what changed since the last commit to the changelog, one record per key. Called once for each touched
    /// partition before its transaction commits.
    fn flush(&mut self, partition: &mut Self::Partition, outbox: &mut Outbox) -> Result<(), StageError>;

    /// What changed is not undone any more: the transaction is committed, or the log commits it while more is applied. Where
    /// that fails, the state is thrown away.
    fn committed(&mut self, partition: &mut Self::Partition);

    /// The transaction is aborted: what changed since the last commit is undone.
    fn rolled_back(&mut self, partition: &mut Self::Partition);

    /// The partition's figures.
    fn figures(&self, partition: &Self::Partition, figures: &mut Figures);
}

/// How many partitions a topic has, as the log knows it.
pub trait PartitionCounts {
    /// The number of partitions of the topic; 0 where there is no such topic.
    fn partitions(&self, topic: &str) -> i32;
}

/// Where in the outbox's bytes something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    output: u16,
    partition: Placement,
    key: Option<Span>,
    value: Option<Span>,
    headers: (u32, u32),
}

/// Into which partition a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// By murmur2 of the record's key.
    ByKey,
    /// By murmur2 of the first so many bytes of the key: 12 for the village of a household code.
    ByKeyPrefix(usize),
    /// Into this one.
    Partition(i32),
}

/// What a transaction will publish: all bytes in one buffer that is reused from transaction to transaction.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    queued: Vec<Queued>,
    headers: Vec<(Span, Span)>,
}

/// A record that is to be published.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The place of the topic in [`Topology::outputs`].
    pub output: usize,
    /// Into which partition.
    pub placement: Placement,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none for a tombstone.
    pub value: Option<&'a [u8]>,
}

impl Outbox {
    /// Queues a record.
    pub fn publish(&mut self, record: Outgoing<'_>, headers: &[Header<'_>]) {
        let key = record.key.map(|key| self.store(key));
        let value = record.value.map(|value| self.store(value));
        self.queue(record.output, record.placement, key, value, headers);
    }

    /// Queues a record whose value is written straight into the outbox. When `write` fails, nothing is queued.
    pub fn publish_with<E>(
        &mut self,
        record: Outgoing<'_>,
        headers: &[Header<'_>],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        let key = record.key.map(|key| self.store(key));
        let start = self.bytes.len() as u32;
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(before);
            return Err(error);
        }
        let value = Some(Span { start, end: self.bytes.len() as u32 });
        self.queue(record.output, record.placement, key, value, headers);
        Ok(())
    }

    fn queue(
        &mut self,
        output: usize,
        partition: Placement,
        key: Option<Span>,
        value: Option<Span>,
        headers: &[Header<'_>],
    ) {
        let first = self.headers.len() as u32;
        for header in headers {
            let name = self.store(header.name.as_bytes());
            let value = self.store(header.value);
            self.headers.push((name, value));
        }
        let headers = (first, self.headers.len() as u32);
        self.queued.push(Queued { output: output as u16, partition, key, value, headers });
    }

    fn store(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() as u32 }
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    /// The `index`th queued record without its headers. `None` beyond the last.
    pub fn record(&self, index: usize) -> Option<Outgoing<'_>> {
        let queued = self.queued.get(index)?;
        Some(Outgoing {
            output: usize::from(queued.output),
            placement: queued.partition,
            key: queued.key.map(|span| self.slice(span)),
            value: queued.value.map(|span| self.slice(span)),
        })
    }

    /// The value of the record that was queued last; none where there is no record, or a tombstone.
    pub fn last_value(&self) -> Option<&[u8]> {
        self.queued.last().and_then(|queued| queued.value).map(|span| self.slice(span))
    }

    /// How many records are queued.
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// How many bytes are queued.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The `index`th queued record; `headers` is filled with its headers. `None` beyond the last.
    pub fn get<'a>(&'a self, index: usize, headers: &mut Vec<Header<'a>>) -> Option<Outgoing<'a>> {
        let queued = self.queued.get(index)?;
        headers.clear();
        for (name, value) in &self.headers[queued.headers.0 as usize..queued.headers.1 as usize] {
            // The name was stored from a `&str`, so it is UTF-8.
            headers.push(Header {
                name: std::str::from_utf8(self.slice(*name)).unwrap_or_default(),
                value: self.slice(*value),
            });
        }
        Some(Outgoing {
            output: usize::from(queued.output),
            placement: queued.partition,
            key: queued.key.map(|span| self.slice(span)),
            value: queued.value.map(|span| self.slice(span)),
        })
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.queued.clear();
        self.headers.clear();
    }
}
