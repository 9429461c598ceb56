//! What a record of a feed means: framing, decoding, checks, pseudonyms, mapping. The outcome is either the encoded
//! subject records of an event, or the end of a day, or the reason why the record is a dead letter. It does not know
//! of ledgers, membership or horizons (that is resolve's), nor of logs and transactions.

mod apply;
mod check;
mod known;
mod pseudonym;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemas::codec::internal::{SINGLE_OBJECT_HEADER_BYTES, fingerprint};
use schemas::codec::plan::{Plan, Scratch};
use schemas::codec::{self, CodecError};
use schemas::feed::{Catalogue, Feed};
use schemas::records::{DayClosed, Origin};
use schemas::{County, Reason};

pub use pseudonym::{KEY_BYTES_MIN, KeyTooShort, Pseudonyms, normalised_document, value_sha256};

/// What a feed topic's name begins with; the department follows.
pub const FEED_TOPIC_PREFIX: &str = "feeds.";
/// Bytes of the value of a feed record at most, unless it is set otherwise.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// The byte that begins Confluent's framing; four bytes of schema id follow.
const CONFLUENT_MARKER: u8 = 0;
/// Bytes of Confluent's framing.
const CONFLUENT_HEADER_BYTES: usize = 5;

/// A record as it lies in a feed. Its key is not read: whom it is about stands in the event.
#[derive(Clone, Copy, Debug)]
pub struct FeedRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The value; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// How many bytes the record has, with its key and its headers: a dead letter carries them as well.
    pub bytes: usize,
}

/// What a feed record is.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// An event.
    Event(Event<'a>),
    /// The end of a day.
    DayClosed(DayClosed),
    /// A dead letter.
    Rejected(Rejection),
}

/// An event, ready to be published.
#[derive(Debug)]
pub struct Event<'a> {
    /// The county of the household that it names; 0 where it names a person only.
    pub county: County,
    /// Its subject records.
    pub subjects: &'a Subjects,
}

/// Why a record is a dead letter. The detail never holds a value of the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.code())]
pub struct Rejection {
    /// The reason.
    pub reason: Reason,
    /// More of it, for whoever repairs the feed.
    pub detail: String,
}

impl Rejection {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// The key of a subject: 32 hex characters of a person, or 16 digits of a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKey {
    /// A person's token.
    Person([u8; 32]),
    /// A household's code.
    Household([u8; 16]),
}

impl SubjectKey {
    /// Its text, which is the record key.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Person(hex) => hex,
            Self::Household(digits) => digits,
        }
    }
}

/// The encoded subject records of one event, in the order of their ordinals.
#[derive(Debug, Default)]
pub struct Subjects {
    bytes: Vec<u8>,
    /// Each record's key, and where its bytes end.
    records: Vec<(SubjectKey, usize)>,
}

impl Subjects {
    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    fn add(
        &mut self,
        key: SubjectKey,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        write(&mut self.bytes)?;
        self.records.push((key, self.bytes.len()));
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Each key and value.
    pub fn iter(&self) -> impl Iterator<Item = (&SubjectKey, &[u8])> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|(_, end)| *end));
        self.records.iter().zip(starts).map(|((key, end), start)| (key, &self.bytes[start..*end]))
    }
}

/// Normalises the records of feeds. One per worker: it holds memory that is used again from record to record.
#[derive(Debug)]
pub struct Normaliser {
    catalogue: Arc<Catalogue>,
    pseudonyms: Pseudonyms,
    record_bytes_max: usize,
    scratch: Scratch,
    work: apply::Work,
    subjects: Subjects,
}

impl Normaliser {
    /// With the feeds that are known, the key of the pseudonyms, and the largest record that is taken.
    pub fn new(catalogue: Arc<Catalogue>, pseudonyms: Pseudonyms, record_bytes_max: usize) -> Self {
        Self {
            catalogue,
            pseudonyms,
            record_bytes_max,
            scratch: Scratch::default(),
            work: apply::Work::default(),
            subjects: Subjects::default(),
        }
    }

    /// The feeds that are known.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Says what a record is.
    pub fn normalise(&mut self, record: &FeedRecord<'_>) -> Outcome<'_> {
        self.subjects.clear();
        if record.bytes > self.record_bytes_max {
            let detail = format!("the record has {} bytes, at most {} are taken", record.bytes, self.record_bytes_max);
            return Outcome::Rejected(Rejection::new(Reason::RecordTooLarge, detail));
        }
        let value = match record.value {
            None | Some([]) => {
                return Outcome::Rejected(Rejection::new(Reason::EmptyValue, "the record has no value"));
            }
            Some(value) => value,
        };
        if codec::is::<DayClosed>(value) {
            return match codec::decode::<DayClosed>(value) {
                Ok(closed) => Outcome::DayClosed(closed),
                Err(cause) => Outcome::Rejected(Rejection::new(Reason::InvalidCalendar, cause.to_string())),
            };
        }
        match self.event(record, value) {
            Ok(county) => Outcome::Event(Event { county, subjects: &self.subjects }),
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }

    fn event(&mut self, record: &FeedRecord<'_>, value: &[u8]) -> Result<County, Rejection> {
        let (feed, plan, header) = framed(&self.catalogue, value)?;
        if record.topic.strip_prefix(FEED_TOPIC_PREFIX) != Some(&feed.department) {
            let detail = format!("an event of {} lies in {}", feed.department, record.topic);
            return Err(Rejection::new(Reason::SourceMismatch, detail));
        }
        let origin = Origin { topic: record.topic, partition: record.partition, offset: record.offset };
        let (pseudonyms, work, subjects) = (&self.pseudonyms, &mut self.work, &mut self.subjects);
        let household = plan
            .read(&value[header..], &mut self.scratch, |values| {
                apply::event(feed, values, origin, pseudonyms, work, subjects)
            })
            .map_err(|cause| Rejection::new(Reason::Undecodable, cause.to_string()))??;
        Ok(household.map(schemas::HouseholdCode::county).unwrap_or_default())
    }
}

/// The feed and the plan that the framing of a value names, and how many bytes the framing has.
fn framed<'c>(catalogue: &'c Catalogue, value: &[u8]) -> Result<(&'c Feed, &'c Plan, usize), Rejection> {
    let (found, header, named) = match value {
        [CONFLUENT_MARKER, rest @ ..] if rest.len() >= 4 => {
            let id = rest.first_chunk().map_or(0, |id| u32::from_be_bytes(*id));
            (catalogue.by_id(id), CONFLUENT_HEADER_BYTES, Named::Id(id))
        }
        _ => {
            let Some(print) = fingerprint(value) else {
                let detail = "the value begins as neither Confluent's framing nor a single-object encoding";
                return Err(Rejection::new(Reason::UnknownFraming, detail));
            };
            (catalogue.by_fingerprint(print), SINGLE_OBJECT_HEADER_BYTES, Named::Fingerprint(print))
        }
    };
    let (feed, plan) =
        found.ok_or_else(|| Rejection::new(Reason::UnknownSchema, format!("no feed has the schema {named}")))?;
    Ok((feed, plan, header))
}

/// How a record names its schema.
enum Named {
    Id(u32),
    Fingerprint([u8; 8]),
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Fingerprint(bytes) => {
                f.write_str("fingerprint ")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
