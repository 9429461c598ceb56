//! Takes events, frames and encodes them, and keeps the bytes by feed and day of publication. It does not know why
//! an event happened, nor to which log the bytes go.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemas::Day;
use schemas::codec::internal::SINGLE_OBJECT_MARKER;
use serde::{Deserialize, Serialize};
use serde_avro_fast::Schema;
use serde_avro_fast::ser::{SerializerConfig, SerializerState};

use super::events::{Body, DEPARTMENTS, EVENTS, Head, INDEX, Whole};

/// Departments that write Avro's single-object encoding; the others write Confluent's framing.
const SINGLE_OBJECT_DEPARTMENTS: [&str; 3] = ["housing", "water", "natural-resources"];

/// The schema of an event type, compiled, with the bytes that go before each of its data.
pub(crate) struct Writer {
    schema: Schema,
    header: Vec<u8>,
    feed: u8,
}

impl Writer {
    /// The place of the department in [`DEPARTMENTS`].
    pub(crate) fn feed(&self) -> u8 {
        self.feed
    }

    /// The bytes before each datum.
    #[cfg(test)]
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The schema.
    #[cfg(test)]
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// The writers of all event types, in the order of [`EVENTS`].
pub(crate) static WRITERS: LazyLock<Vec<Writer>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Listed {
        id: u32,
        record: String,
        /// The file of a writer's own version; none for our copy.
        #[serde(default)]
        file: Option<String>,
    }
    #[derive(Deserialize)]
    struct Index {
        ids: Vec<Listed>,
    }
    #[expect(clippy::expect_used, reason = "the index and the schemas are files of this repository, which tests parse")]
    let index: Index = serde_json::from_str(INDEX).expect("schemas/feeds/index.json is valid");
    let ids: BTreeMap<String, u32> =
        index.ids.into_iter().filter(|listed| listed.file.is_none()).map(|listed| (listed.record, listed.id)).collect();
    EVENTS
        .iter()
        .map(|described| {
            #[expect(clippy::expect_used, reason = "as above")]
            let schema: Schema = described.schema.parse().expect("the schemas of the feeds are valid");
            let feed = DEPARTMENTS.iter().position(|name| *name == described.department).unwrap_or_default();
            let header = if SINGLE_OBJECT_DEPARTMENTS.contains(&described.department) {
                [&SINGLE_OBJECT_MARKER[..], &schema.rabin_fingerprint()[..]].concat()
            } else {
                let id = ids.get(&described.full_name()).copied().unwrap_or_default();
                [&[0][..], &id.to_be_bytes()[..]].concat()
            };
            Writer { schema, header, feed: feed as u8 }
        })
        .collect()
});

/// One record: where its bytes end in its batch.
#[derive(Clone, Copy, Debug)]
struct Slot {
    feed: u8,
    key_end: usize,
    value_end: usize,
}

/// Records that are published on one day, in the order of publication.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

/// A record of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedRecord<'a> {
    /// The place of the department in [`DEPARTMENTS`].
    pub(crate) feed: u8,
    /// The record key: the event id.
    pub(crate) key: &'a [u8],
    /// The framed event, or what a defect has made of it.
    pub(crate) value: &'a [u8],
}

impl Batch {
    /// Its records, in the order of publication.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FeedRecord<'_>> {
        self.slots.iter().scan(0, |from, slot| {
            let (key, value) = (&self.bytes[*from..slot.key_end], &self.bytes[slot.key_end..slot.value_end]);
            *from = slot.value_end;
            Some(FeedRecord { feed: slot.feed, key, value })
        })
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a record.
    pub(crate) fn push(&mut self, record: FeedRecord<'_>) {
        self.bytes.extend_from_slice(record.key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(record.value);
        self.slots.push(Slot { feed: record.feed, key_end, value_end: self.bytes.len() });
    }

    fn push_with(&mut self, feed: u8, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        value(&mut self.bytes);
        self.slots.push(Slot { feed, key_end, value_end: self.bytes.len() });
    }

    fn last(&self) -> Option<(u8, &[u8], &[u8])> {
        let slot = self.slots.last()?;
        let from = self.slots.len().checked_sub(2).map_or(0, |before| self.slots[before].value_end);
        Some((slot.feed, &self.bytes[from..slot.key_end], &self.bytes[slot.key_end..slot.value_end]))
    }
}

/// Collects the records of a run of households, by day of publication.
pub(crate) struct Sink {
    configs: Vec<SerializerConfig<'static>>,
    first: Day,
    days: Vec<Batch>,
    copy: Vec<u8>,
}

impl Sink {
    /// A sink for days from `first` up to, and without, `end`; later ones are not published in this run.
    pub(crate) fn new(first: Day, end: Day) -> Self {
        let configs = WRITERS.iter().map(|writer| SerializerConfig::new(&writer.schema)).collect();
        let days = vec![Batch::default(); (end.0 - first.0).max(0) as usize];
        Self { configs, first, days, copy: Vec::new() }
    }

    /// Whether the day lies in this run.
    pub(crate) fn holds(&self, day: Day) -> bool {
        (day.0 - self.first.0) >= 0 && ((day.0 - self.first.0) as usize) < self.days.len()
    }

    fn batch(&mut self, day: Day) -> Option<&mut Batch> {
        usize::try_from(day.0 - self.first.0).ok().and_then(|at| self.days.get_mut(at))
    }

    /// Publishes an event on a day; nothing where the day lies outside this run.
    pub(crate) fn send<B: Body>(&mut self, head: &Head<'_>, body: &B, day: Day) {
        let writer = &WRITERS[B::EVENT];
        let Some(at) = usize::try_from(day.0 - self.first.0).ok().filter(|at| *at < self.days.len()) else { return };
        let config = &mut self.configs[B::EVENT];
        self.days[at].push_with(writer.feed, head.event_id.as_bytes(), |out| {
            out.extend_from_slice(&writer.header);
            let mut state = SerializerState::from_writer(out, config);
            #[expect(clippy::expect_used, reason = "a test of this module writes every event type by its schema")]
            Whole { head, body }.serialize(state.serializer()).expect("an event fits its schema");
        });
    }

    /// Publishes the record that was published last on `day` once more, on `again`, changed by `change`.
    pub(crate) fn repeat_last(&mut self, day: Day, again: Day, change: impl FnOnce(&mut Vec<u8>)) {
        if !self.holds(again) {
            return;
        }
        let mut value = std::mem::take(&mut self.copy);
        value.clear();
        let Some((feed, key)) = self.batch(day).and_then(|batch| {
            let (feed, key, bytes) = batch.last()?;
            value.extend_from_slice(bytes);
            Some((feed, key.to_vec()))
        }) else {
            return;
        };
        change(&mut value);
        if let Some(batch) = self.batch(again) {
            batch.push(FeedRecord { feed, key: &key, value: &value });
        }
        self.copy = value;
    }

    /// Takes what was published so far, by day; days without a record are left out.
    pub(crate) fn take(&mut self) -> Vec<(Day, Batch)> {
        let first = self.first;
        let days = self.days.iter_mut().enumerate();
        days.filter(|(_, batch)| batch.len() > 0)
            .map(|(at, batch)| (first.plus(at as i32), std::mem::take(batch)))
            .collect()
    }
}
