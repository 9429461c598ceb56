//! The topics of the memory log: partitions of records, committed offsets, groups, what is kept. It knows no stage and
//! no transaction: what stands here is committed.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::group::Groups;
use crate::stage::{Header, Record};

/// How long a topic keeps its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// For ever.
    #[default]
    All,
    /// Until every group that reads the topic has committed an offset beyond; a compacted topic keeps the latest
    /// record of each key all the same.
    Unread,
}

/// How a topic is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// How many partitions it has, at least 1.
    pub partitions: i32,
    /// Whether only the latest record of each key matters.
    pub compacted: bool,
    /// How long records are kept.
    pub keep: Keep,
}

impl TopicSettings {
    /// A topic that keeps everything.
    pub fn new(partitions: i32) -> Self {
        Self { partitions, compacted: false, keep: Keep::All }
    }

    /// The same, compacted.
    pub fn compacted(partitions: i32) -> Self {
        Self { compacted: true, ..Self::new(partitions) }
    }

    /// The same, with records dropped when all have read them.
    #[must_use]
    pub fn dropping_read(self) -> Self {
        Self { keep: Keep::Unread, ..self }
    }
}

/// Name and value of a header.
type StoredHeader = (Box<str>, Box<[u8]>);

/// One stored record: key and value in one buffer.
#[derive(Debug)]
pub(crate) struct Stored {
    bytes: Box<[u8]>,
    key: Option<u32>,
    has_value: bool,
    timestamp_ms: i64,
    headers: Box<[StoredHeader]>,
}

impl Stored {
    pub(crate) fn new(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>], timestamp_ms: i64) -> Self {
        let mut bytes = Vec::with_capacity(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(key.unwrap_or_default());
        bytes.extend_from_slice(value.unwrap_or_default());
        Self {
            bytes: bytes.into(),
            key: key.map(|key| key.len() as u32),
            has_value: value.is_some(),
            timestamp_ms,
            headers: headers.iter().map(|header| (header.name.into(), header.value.into())).collect(),
        }
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.map(|length| &self.bytes[..length as usize])
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.has_value.then(|| &self.bytes[self.key.unwrap_or(0) as usize..])
    }

    /// Hands the record out as the loop has it.
    pub(crate) fn with<R>(&self, at: (&str, i32, i64), take: impl FnOnce(&Record<'_>) -> R) -> R {
        let headers: Vec<Header<'_>> = self.headers.iter().map(|(name, value)| Header { name, value }).collect();
        let (topic, partition, offset) = at;
        take(&Record {
            topic,
            partition,
            offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key(),
            value: self.value(),
            headers: &headers,
        })
    }
}

/// One partition. What is dropped leaves its offset.
#[derive(Debug, Default)]
struct Partition {
    first: i64,
    records: VecDeque<Option<Rc<Stored>>>,
    /// Up to where superseded records were dropped already.
    compacted_to: i64,
}

impl Partition {
    fn end(&self) -> i64 {
        self.first + self.records.len() as i64
    }

    /// The first record at or after the offset, with its offset.
    fn at_or_after(&self, offset: i64) -> Option<(i64, &Rc<Stored>)> {
        let from = offset.max(self.first);
        let skipped = (from - self.first) as usize;
        let mut rows = self.records.iter().enumerate().skip(skipped);
        rows.find_map(|(index, record)| record.as_ref().map(|record| (self.first + index as i64, record)))
    }
}

/// A topic.
#[derive(Debug)]
struct Topic {
    settings: TopicSettings,
    partitions: Vec<Partition>,
}

/// All topics and all committed offsets.
#[derive(Debug, Default)]
pub(crate) struct Store {
    topics: BTreeMap<String, Topic>,
    /// By group, topic and partition: the offset, and what was committed along with it.
    committed: HashMap<(String, String, i32), (i64, String), RandomState>,
    /// Who reads which partition.
    pub(crate) groups: Groups,
    /// The groups that read a topic.
    readers: BTreeMap<String, Vec<String>>,
    /// The timestamp of what is appended from now on, in milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) timestamp_ms: i64,
}

impl Store {
    pub(crate) fn create(&mut self, name: &str, settings: TopicSettings) {
        let partitions = (0..settings.partitions.max(1)).map(|_| Partition::default()).collect();
        self.topics.entry(name.to_owned()).or_insert(Topic { settings, partitions });
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    pub(crate) fn partitions(&self, topic: &str) -> i32 {
        self.topics.get(topic).map_or(0, |topic| topic.partitions.len() as i32)
    }

    fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    /// The offset that the next record gets; none where there is no such partition.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        Some(self.partition(topic, partition)?.end())
    }

    pub(crate) fn earliest(&self, topic: &str, partition: i32) -> i64 {
        self.partition(topic, partition).map_or(0, |partition| partition.first)
    }

    /// The first offset with a record stamped at or after a time.
    pub(crate) fn first_since(&self, topic: &str, partition: i32, since_ms: i64) -> Option<i64> {
        let partition = self.partition(topic, partition)?;
        let is_it = |row: &Option<Rc<Stored>>| row.as_ref().is_some_and(|record| record.timestamp_ms >= since_ms);
        partition.records.iter().position(is_it).map(|index| partition.first + index as i64)
    }

    /// Appends a record and says its offset; none where there is no such partition.
    pub(crate) fn append(&mut self, topic: &str, partition: i32, record: Stored) -> Option<i64> {
        let topic = self.topics.get_mut(topic)?;
        let partition = topic.partitions.get_mut(usize::try_from(partition).ok()?)?;
        let offset = partition.end();
        partition.records.push_back(Some(Rc::new(record)));
        Some(offset)
    }

    /// Appends a record at an offset not below the end; none where there is no such partition.
    pub(crate) fn append_at(&mut self, topic: &str, partition: i32, offset: i64, record: Stored) -> Option<()> {
        let topic = self.topics.get_mut(topic)?;
        let partition = topic.partitions.get_mut(usize::try_from(partition).ok()?)?;
        while partition.end() < offset {
            partition.records.push_back(None);
        }
        partition.records.push_back(Some(Rc::new(record)));
        Some(())
    }

    /// The first record at or after an offset.
    pub(crate) fn read(&self, topic: &str, partition: i32, offset: i64) -> Option<(i64, Rc<Stored>)> {
        let (offset, record) = self.partition(topic, partition)?.at_or_after(offset)?;
        Some((offset, Rc::clone(record)))
    }

    pub(crate) fn add_reader(&mut self, topic: &str, group: &str) {
        let readers = self.readers.entry(topic.to_owned()).or_default();
        if !readers.iter().any(|reader| reader == group) {
            readers.push(group.to_owned());
        }
    }

    pub(crate) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        Some(self.committed.get(&(group.to_owned(), topic.to_owned(), partition))?.0)
    }

    /// What was committed along with the offset; empty where nothing was.
    pub(crate) fn metadata(&self, group: &str, topic: &str, partition: i32) -> &str {
        self.committed.get(&(group.to_owned(), topic.to_owned(), partition)).map_or("", |(_, metadata)| metadata)
    }

    pub(crate) fn commit(&mut self, group: &str, topic: &str, partition: i32, offset: i64, metadata: &str) {
        let key = (group.to_owned(), topic.to_owned(), partition);
        self.committed.insert(key, (offset, metadata.to_owned()));
    }

    /// Drops every record of a topic; the next ones get the offsets that they would have had.
    pub(crate) fn forget(&mut self, topic: &str) {
        for partition in self.topics.get_mut(topic).into_iter().flat_map(|topic| &mut topic.partitions) {
            partition.first = partition.end();
            partition.compacted_to = partition.first;
            partition.records.clear();
        }
    }

    /// Drops what no group needs any more, in the topics that are made so.
    pub(crate) fn drop_read(&mut self) {
        let names: Vec<String> = self.topics.keys().cloned().collect();
        for name in names {
            let Some(readers) = self.readers.get(&name).filter(|readers| !readers.is_empty()) else { continue };
            for partition in 0..self.partitions(&name) {
                let read_to = readers.iter().map(|group| self.committed(group, &name, partition).unwrap_or(0));
                let read_to = read_to.min().unwrap_or(0);
                if let Some(topic) = self.topics.get_mut(&name).filter(|topic| topic.settings.keep == Keep::Unread) {
                    drop_below(&mut topic.partitions[partition as usize], read_to, topic.settings.compacted);
                }
            }
        }
    }
}

fn drop_below(partition: &mut Partition, read_to: i64, compacted: bool) {
    if compacted {
        // Going through a compacted partition costs its whole length: only when it may halve it.
        if (read_to - partition.compacted_to) * 2 < partition.records.len() as i64 {
            return;
        }
        let mut seen: HashSet<&[u8], RandomState> = HashSet::default();
        let mut superseded = Vec::new();
        for (index, row) in partition.records.iter().enumerate().rev() {
            let Some(key) = row.as_ref().and_then(|record| record.key()) else { continue };
            if !seen.insert(key) && partition.first + (index as i64) < read_to {
                superseded.push(index);
            }
        }
        drop(seen);
        for index in superseded {
            partition.records[index] = None;
        }
        partition.compacted_to = read_to;
    } else {
        let gone = (read_to - partition.first).clamp(0, partition.records.len() as i64) as usize;
        partition.records.drain(..gone);
        partition.first += gone as i64;
    }
}
